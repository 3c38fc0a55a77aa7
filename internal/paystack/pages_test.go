package paystack_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

func TestListsHaveAllPages(t *testing.T) {
	server := fake(t, func(o *paystacktest.Options) { o.Balances["NGN"] = 1_000_000_00 })
	c := clientOf(t, server.URL)
	recipient := payee(t, c)
	const transfers = 230
	for i := range transfers {
		if i == 30 {
			server.Advance(time.Hour)
		}
		o := order(recipient)
		o.Reference = reference(i)
		if i%10 == 0 {
			server.Script(o.Reference, paystacktest.Step{Status: "pending"})
		}
		must(c.InitiateTransfer(t.Context(), o))(t)
	}
	start := server.State().Transfers[0].CreatedAt
	for name, test := range map[string]struct {
		status   paystack.Status
		from, to time.Time
		want     int
	}{
		"success":          {paystack.StatusSuccess, time.Time{}, time.Time{}, 207},
		"pending":          {paystack.StatusPending, time.Time{}, time.Time{}, 23},
		"none":             {paystack.StatusReversed, time.Time{}, time.Time{}, 0},
		"from":             {paystack.StatusSuccess, start.Add(time.Minute), time.Time{}, 180},
		"to, which is not": {paystack.StatusSuccess, start, start.Add(time.Hour), 27},
	} {
		rows := must(all(c.ListTransfers(t.Context(), test.status, test.from, test.to)))(t)
		met := map[string]bool{}
		for _, row := range rows {
			if met[row.Reference] || row.Status != test.status {
				t.Errorf("%s: %s twice, or %s", name, row.Reference, row.Status)
			}
			met[row.Reference] = true
		}
		if len(rows) != test.want || !newest(rows, func(r paystack.Transfer) time.Time { return r.CreatedAt }) {
			t.Errorf("%s: %d transfers, want %d", name, len(rows), test.want)
		}
	}
	sum := int64(0)
	rows := must(all(c.BalanceLedger(t.Context(), time.Time{}, time.Time{})))(t)
	for _, row := range rows {
		sum += row.DifferenceMinor
	}
	if len(rows) != transfers+1 || sum != server.Balance("NGN") || rows[0].BalanceMinor != sum {
		t.Errorf("%d rows that sum to %d, the balance is %d", len(rows), sum, server.Balance("NGN"))
	}
}

// A list that cannot be followed to its end is an error: what is missing from
// it would count as absent.
func TestListsThatCannotBeTrusted(t *testing.T) {
	row := `{"id":%d,"reference":"r","amount":1,"currency":"NGN","status":"success"}`
	full := strings.TrimSuffix(strings.Repeat(fmt.Sprintf(row, 0)+",", 100), ",")
	for name, test := range map[string]struct {
		answer string
		rows   int
	}{
		"a circle":                    {`{"status":true,"data":[` + fmt.Sprintf(row, 1) + `],"meta":{"next":"again"}}`, 1},
		"a full page and no more":     {`{"status":true,"data":[` + full + `]}`, 0},
		"a row that cannot be read":   {`{"status":true,"data":[` + fmt.Sprintf(row, 1) + `,{"id":2}],"meta":{}}`, 0},
		"a row with a fraction":       {`{"status":true,"data":[{"id":2,"amount":1.5,"currency":"NGN","status":"x"}],"meta":{}}`, 0},
		"no list":                     {`{"status":true,"data":{"id":1},"meta":{}}`, 0},
		"a place that cannot be read": {`{"status":true,"data":[],"meta":{"page":"first"}}`, 0},
		"null":                        {`{"status":true,"data":null,"meta":{}}`, 0},
	} {
		asked := atomic.Int64{}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			fmt.Fprint(w, test.answer)
		}))
		rows, err := all(clientOf(t, server.URL).ListTransfers(t.Context(), "success", time.Time{}, time.Time{}))
		server.Close()
		if !errors.Is(err, paystack.ErrUnavailable) || len(rows) != test.rows || asked.Load() > 2 {
			t.Errorf("%s: %d rows by %d requests, %v", name, len(rows), asked.Load(), err)
		}
	}
}

// Where the endpoint knows no cursors, pages are counted; what slid to the next
// page meanwhile is not told twice.
func TestCountedPages(t *testing.T) {
	pages := []string{`[1,2,3]`, `[3,4]`, `[]`, `[5]`}
	asked := []string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		asked = append(asked, q.Get("page")+q.Get("use_cursor"))
		n := max(strings.Index("1234", q.Get("page"))+1, 1)
		rows := []string{}
		for id := range strings.SplitSeq(strings.Trim(pages[n-1], "[]"), ",") {
			if id != "" {
				rows = append(rows, `{"id":`+id+`,"currency":"NGN","difference":-5,"balance":5,"createdAt":"2026-01-05T08:00:00.000Z"}`)
			}
		}
		fmt.Fprintf(w, `{"status":true,"data":[%s],"meta":{"page":%d,"pageCount":4,"perPage":3,"total":5}}`, strings.Join(rows, ","), n)
	}))
	defer server.Close()
	rows := must(all(clientOf(t, server.URL).BalanceLedger(t.Context(), time.Time{}, time.Time{})))(t)
	ids := []uint64{}
	for _, row := range rows {
		ids = append(ids, row.ID)
	}
	if fmt.Sprint(ids) != "[1 2 3 4 5]" || fmt.Sprint(asked) != "[true 2 3 4]" {
		t.Errorf("%v by asking for %v", ids, asked)
	}
}

func TestAListStopsWhereItsReaderDoes(t *testing.T) {
	server := fake(t, func(o *paystacktest.Options) { o.Balances["NGN"] = 1_000_000_00 })
	c := clientOf(t, server.URL)
	for i := range 150 {
		server.Fund("NGN", int64(i+1))
	}
	for _, err := range c.BalanceLedger(t.Context(), time.Time{}, time.Time{}) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	if n := server.Count("balance.ledger"); n != 1 {
		t.Errorf("%d pages were asked for", n)
	}
}
