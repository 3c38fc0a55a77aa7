package payout_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/payout"
)

var update = flag.Bool("update", false, "write the golden files anew")

var t0 = time.Date(2026, 1, 5, 10, 0, 0, 0, time.UTC) // when what is sent was sent

// base is a payout between the automatic and the high limit.
func base(state payout.State, change ...func(*payout.Payout)) payout.Payout {
	p := payout.Payout{Reference: "ll-live-abc", AmountMinor: 5_000_000, Currency: "NGN", Recipient: "RCP_a", Beneficiary: "ada", State: state}
	for _, c := range change {
		c(&p)
	}
	return p
}

func sent(p *payout.Payout)     { p.Attempt, p.Posts, p.SentAt = 1, 1, t0 }
func again(p *payout.Payout)    { p.Attempt, p.Posts, p.SentAt, p.Answered = 2, 2, t0, 1 }
func spent(p *payout.Payout)    { p.Attempt, p.Posts, p.SentAt = 5, 5, t0 }
func refused(p *payout.Payout)  { sent(p); p.Refused, p.Answered = true, 1 }
func refused1(p *payout.Payout) { refused(p); p.NotFoundAt = t0 }
func paid(p *payout.Payout)     { sent(p); p.Settled, p.PaidAt = payout.SettledPaid, t0 }
func released(p *payout.Payout) { p.Settled = payout.SettledRelease }
func small(p *payout.Payout)    { p.AmountMinor = 100_000 }
func large(p *payout.Payout)    { p.AmountMinor = 20_000_000 }

// cases are payouts in every state, with what tells payouts of a state apart.
var cases = []struct {
	name string
	payout.Payout
}{
	{"new", base(payout.New)},
	{"requested", base(payout.Requested)},
	{"requested, small", base(payout.Requested, small)},
	{"review", base(payout.Review)},
	{"review, large", base(payout.Review, large)},
	{"review, large, bob agreed", base(payout.Review, large, func(p *payout.Payout) { p.First = "bob" })},
	{"approved", base(payout.Approved)},
	{"approved, account just changed", base(payout.Approved, func(p *payout.Payout) { p.AccountEditor, p.AccountAt = "ada", t0 })},
	{"approved, rate limited", base(payout.Approved, func(p *payout.Payout) { p.NotBefore = t0.Add(5 * time.Minute) })},
	{"sending", base(payout.Sending, sent)},
	{"sending, second time", base(payout.Sending, again)},
	{"sending, tries spent", base(payout.Sending, spent)},
	{"sending, refused", base(payout.Sending, refused)},
	{"sending, refused, not found once", base(payout.Sending, refused1)},
	{"in_flight", base(payout.InFlight, sent)},
	{"manual", base(payout.Manual, sent)},
	{"manual, bob closes", base(payout.Manual, sent, func(p *payout.Payout) { p.Closer = "bob" })},
	{"manual, was paid", base(payout.Manual, paid)},
	{"paid", base(payout.Paid, paid)},
	{"failed", base(payout.Failed, sent, released)},
	{"rejected", base(payout.Rejected, released)},
	{"cancelled", base(payout.Cancelled, released)},
	{"reversed", base(payout.Reversed, paid)},
	{"paid_late", base(payout.PaidLate, sent, released)},
}

// happening is an event at a time after t0.
type happening struct {
	name  string
	after time.Duration
	off   bool // the kill switch
	make  func(payout.Payout) payout.Event
}

func always(e payout.Event) func(payout.Payout) payout.Event {
	return func(payout.Payout) payout.Event { return e }
}

func seen(p payout.Payout, status payout.Status) payout.Observation {
	return payout.Observation{Status: status, Reference: p.Reference, AmountMinor: p.AmountMinor, Currency: p.Currency, Recipient: p.Recipient, FeeMinor: 2_500}
}

var statuses = []payout.Status{
	payout.NotFound, payout.StatusPending, payout.StatusReceived, payout.StatusOTP, payout.StatusSuccess, payout.StatusFailed,
	payout.StatusBlocked, payout.StatusRejected, payout.StatusDropped, payout.StatusReversed, "queued",
}

var classes = []payout.Class{
	payout.Duplicate, payout.LowBalance, payout.NoAccess, payout.RateLimited, payout.RefusedRecipient,
	payout.OtherRefusal, payout.Ambiguous, payout.NotSent, "nonsense",
}

// mismatches change one detail of an observation.
var mismatches = map[string]func(*payout.Observation){
	"reference": func(o *payout.Observation) { o.Reference = "ll-live-xyz" },
	"amount":    func(o *payout.Observation) { o.AmountMinor-- },
	"currency":  func(o *payout.Observation) { o.Currency = "GHS" },
	"recipient": func(o *payout.Observation) { o.Recipient = "RCP_b" },
	"fee":       func(o *payout.Observation) { o.FeeMinor = -1 },
}

var proof = payout.Proof{NotFoundFirst: t0.Add(23 * time.Hour), NotFoundLast: t0.Add(24 * time.Hour), AbsentFromLists: true, AbsentFromLedger: true}

// happenings are all events, with what makes a difference within one of them.
func happenings() []happening {
	const soon, later, days = 2 * time.Minute, 40 * time.Minute, 80 * time.Hour
	all := []happening{
		{"request", soon, false, always(payout.Request{})},
		{"checked clean", soon, false, always(payout.Checked{})},
		{"checked flagged", soon, false, always(payout.Checked{Flagged: true})},
		{"approve by bob", soon, false, always(payout.Approve{By: "bob"})},
		{"approve by eve", soon, false, always(payout.Approve{By: "eve"})},
		{"approve by the beneficiary", soon, false, always(payout.Approve{By: "ada"})},
		{"approve by nobody", soon, false, always(payout.Approve{})},
		{"reject by bob", soon, false, always(payout.Reject{By: "bob"})},
		{"reject by a rule", soon, false, always(payout.Reject{})},
		{"reject by the beneficiary", soon, false, always(payout.Reject{By: "ada"})},
		{"cancel by the user", soon, false, always(payout.Cancel{By: "ada"})},
		{"cancel by another user", soon, false, always(payout.Cancel{By: "eve"})},
		{"cancel by an admin", soon, false, always(payout.Cancel{By: "bob", Admin: true})},
		{"account changed", soon, false, always(payout.AccountChanged{By: "ada"})},
		{"flagged", soon, false, always(payout.Flagged{})},
		{"claim", soon, false, always(payout.Claim{})},
		{"claim, 80 h later", days, false, always(payout.Claim{})},
		{"claim, switched off", days, true, always(payout.Claim{})},
		{"lease expired", soon, false, always(payout.LeaseExpired{})},
		{"verify silent", soon, false, always(payout.Silence{})},
		{"verify silent for 80 h", days, false, always(payout.Silence{})},
		{"recheck", soon, false, always(payout.Recheck{})},
		{"close by bob, proven", days, false, always(payout.Close{By: "bob", Proof: proof})},
		{"close by eve, proven", days, false, always(payout.Close{By: "eve", Proof: proof})},
		{"close by the beneficiary", days, false, always(payout.Close{By: "ada", Proof: proof})},
		{"close by eve, no proof", days, false, always(payout.Close{By: "eve"})},
	}
	for _, class := range classes {
		all = append(all, happening{"answer " + string(class), soon, false, func(p payout.Payout) payout.Event {
			return payout.Answer{Attempt: p.Attempt, Class: class, Until: t0.Add(3 * time.Minute)}
		}})
	}
	all = append(all, happening{"answer low_balance of an earlier send", soon, false, func(p payout.Payout) payout.Event {
		return payout.Answer{Attempt: p.Attempt - 1, Class: payout.LowBalance}
	}})
	for _, status := range statuses {
		all = append(all,
			happening{"answer accepted " + string(status), soon, false, func(p payout.Payout) payout.Event {
				return payout.Answer{Attempt: p.Attempt, Class: payout.Accepted, Observation: seen(p, status)}
			}},
			happening{"verify " + string(status), soon, false, func(p payout.Payout) payout.Event { return seen(p, status) }},
			happening{"verify " + string(status) + ", 40 min later", later, false, func(p payout.Payout) payout.Event { return seen(p, status) }},
			happening{"verify " + string(status) + ", 80 h later", days, false, func(p payout.Payout) payout.Event { return seen(p, status) }})
	}
	all = append(all, happening{"verify not_found, switched off", later, true, func(p payout.Payout) payout.Event { return seen(p, payout.NotFound) }})
	for _, detail := range []string{"reference", "amount", "currency", "recipient", "fee"} {
		all = append(all, happening{"verify success, other " + detail, soon, false, func(p payout.Payout) payout.Event {
			o := seen(p, payout.StatusSuccess)
			mismatches[detail](&o)
			return o
		}})
	}
	return all
}

func (h happening) to(p payout.Payout) (payout.Outcome, error) {
	policy := payout.DefaultPolicy()
	policy.Enabled = !h.off
	return payout.Step(p, h.make(p), policy, t0.Add(h.after))
}

// TestMatrix compares every pair with a line of testdata/matrix.txt, that people
// read and change with -update.
func TestMatrix(t *testing.T) {
	var got bytes.Buffer
	for _, c := range cases {
		fmt.Fprintf(&got, "# %s\n", c.name)
		for _, h := range happenings() {
			out, err := h.to(c.Payout)
			var conflict *payout.Conflict
			if errors.As(err, &conflict) {
				fmt.Fprintf(&got, "%s | %s | conflict: %s\n", c.name, h.name, conflict.Why)
				if !reflect.DeepEqual(out, payout.Outcome{Payout: c.Payout}) {
					t.Errorf("%s, %s: a conflict changed %+v", c.name, h.name, out)
				}
				continue
			}
			if err != nil {
				t.Fatalf("%s, %s: %v", c.name, h.name, err)
			}
			effects := make([]string, len(out.Effects))
			for i, e := range out.Effects {
				effects[i] = e.String()
			}
			fmt.Fprintln(&got, strings.TrimRight(fmt.Sprintf("%s | %s | %s | %s", c.name, h.name, out.State, strings.Join(effects, ", ")), " |"))
		}
	}
	const path = "testdata/matrix.txt"
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(got.String(), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(gotLines), len(wantLines)) {
		if gotLines[i] != wantLines[i] {
			t.Errorf("line %d:\n got %s\nwant %s", i+1, gotLines[i], wantLines[i])
		}
	}
	if len(gotLines) != len(wantLines) {
		t.Errorf("%d lines, want %d", len(gotLines), len(wantLines))
	}
}

// TestTransitions holds the whole matrix against the state diagram.
func TestTransitions(t *testing.T) {
	want := []string{
		" -> requested",
		"requested -> approved", "requested -> cancelled", "requested -> manual", "requested -> rejected", "requested -> review",
		"review -> approved", "review -> cancelled", "review -> manual", "review -> rejected",
		"approved -> cancelled", "approved -> manual", "approved -> review", "approved -> sending",
		"sending -> approved", "sending -> failed", "sending -> in_flight", "sending -> manual", "sending -> paid",
		"in_flight -> failed", "in_flight -> manual", "in_flight -> paid",
		"manual -> failed", "manual -> in_flight", "manual -> paid", "manual -> reversed",
		"paid -> manual", "paid -> reversed",
		"failed -> paid_late", "rejected -> paid_late", "cancelled -> paid_late",
	}
	got := map[string]bool{}
	reached := map[payout.State]bool{}
	for _, c := range cases {
		reached[c.State] = true
		for _, h := range happenings() {
			if out, err := h.to(c.Payout); err == nil && out.State != c.State {
				got[fmt.Sprintf("%s -> %s", c.State, out.State)] = true
			}
		}
	}
	for _, transition := range want {
		if !got[transition] {
			t.Errorf("%s does not happen", transition)
		}
		delete(got, transition)
	}
	for transition := range got {
		t.Errorf("%s is not in the diagram", transition)
	}
	if !slices.Equal(payout.States(), slices.DeleteFunc(payout.States(), func(s payout.State) bool { return !reached[s] })) {
		t.Errorf("the matrix misses a state: %v", reached)
	}
}
