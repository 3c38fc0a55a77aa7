package payouts_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/payout"
	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

// lost makes a payout that was ordered and of which nobody knows what became.
func (c *counter) lost() string {
	c.t.Helper()
	id := c.asked(apptest.Ada, 5_000*naira)
	c.exec("UPDATE payouts SET state = 'manual', attempt = 1, posts = 1, sent_at = {:now} WHERE id = {:id}",
		dbx.Params{"id": id, "now": shell.Stamp(c.Deps.Clock.Now())})
	return id
}

func (c *counter) closeBy(admin, id string) apptest.Answer {
	c.t.Helper()
	return c.do(admin, "POST", payoutsPath+"/"+id+"/close", map[string]any{"reason": "Paystack's support says so."}, c.confirmed(admin, "payout_approve"))
}

func missing(answer apptest.Answer) []string {
	list := []string{}
	item, _ := answer.Data()["id"].(map[string]any)
	params, _ := item["params"].(map[string]any)
	names, _ := params["missing"].([]any)
	for _, name := range names {
		list = append(list, fmt.Sprint(name))
	}
	return list
}

func TestTwoPeopleCloseWithAProof(t *testing.T) {
	c := openCounter(t)
	id := c.lost()
	early := c.Want(c.closeBy(chief, id), 409, "payout_unproven")
	if want := []string{"a_day_since_sent", "not_found_twice_an_hour_apart"}; !slices.Equal(missing(early), want) {
		t.Errorf("missing: %v", missing(early))
	}
	if n := c.Int("SELECT COUNT(*) FROM payout_events WHERE payout = {:id} AND event = 'verify not_found' AND data LIKE '%\"listed\":false%'", dbx.Params{"id": id}); n != 1 {
		t.Errorf("the look was kept %d times", n)
	}
	c.Advance(24*time.Hour - time.Second)
	if early := c.Want(c.closeBy(chief, id), 409, "payout_unproven"); !slices.Equal(missing(early), []string{"a_day_since_sent"}) {
		t.Errorf("missing: %v", missing(early))
	}
	c.Advance(time.Second)
	c.Want(c.do(chief, "POST", payoutsPath+"/"+id+"/close", map[string]any{"reason": "x"}), 403, "confirmation_required")
	c.Want(c.closeBy(apptest.Admin, id), 403, "approver_unknown")
	first := c.Want(c.closeBy(chief, id), 200, "").Data()
	if first["state"] != "manual" || first["closer"] != c.User(apptest.Fatima).Id || c.Balance(apptest.Ada)["held"] != 5_000*naira {
		t.Errorf("after the first: %v", first)
	}
	c.Want(c.closeBy(chief, id), 403, "second_person_needed")
	second := c.Want(c.closeBy(deputy, id), 200, "").Data()
	if second["state"] != "failed" || c.Balance(apptest.Ada)["held"] != 0 || c.Balance(apptest.Ada)["available"] != 1_000_000*naira {
		t.Errorf("after the second: %v", second)
	}
	if c.audits("payout.close", id) != 2 || c.field(id, "reason") != "" {
		t.Errorf("%d audit rows; she reads %q", c.audits("payout.close", id), c.field(id, "reason"))
	}
	c.Want(c.closeBy(deputy, id), 409, "payout_state")
	c.books()
}

// order sends a transfer at the fake as if by this server.
func (c *counter) order(reference string, minor int64) {
	c.t.Helper()
	client, err := paystack.New(paystacktest.Key, paystack.Options{BaseURL: c.fake.URL})
	c.must(err)
	recipient, err := client.CreateRecipient(context.Background(), paystack.RecipientOrder{
		Type: "nuban", Name: "Ada Lovelace", AccountNumber: "0123456789", BankCode: "058", Currency: "NGN",
	})
	c.must(err)
	_, err = client.InitiateTransfer(context.Background(), paystack.TransferOrder{
		Reference: reference, AmountMinor: minor, Currency: "NGN", RecipientCode: recipient.Code, Reason: "Test",
	})
	c.must(err)
}

func TestWhatRefutesAProof(t *testing.T) {
	for name, test := range map[string]struct {
		before func(c *counter, id string)
		want   []string
	}{
		"verify finds it": {func(c *counter, id string) { c.order("ll-test-"+id, 5_000*naira) }, []string{"not_found"}},
		"a list has it, verify does not": {func(c *counter, id string) {
			c.order("ll-test-"+id, 5_000*naira)
			c.fake.Inject(paystacktest.NotFound("transfer.verify", 100))
		}, []string{"lists"}},
		"the ledger has an unlisted one": {func(c *counter, id string) {
			c.order("ll-test-"+id, 5_000*naira)
			c.fake.Inject(paystacktest.NotFound("transfer.verify", 100), paystacktest.Fault{
				Op: "transfer.list", Times: -1, Kind: paystacktest.Answer, Status: 200,
				Body: map[string]any{"status": true, "message": "Transfers retrieved", "data": []any{}, "meta": map[string]any{"next": nil}},
			})
		}, []string{"ledger"}},
		"another transfer": {func(c *counter, _ string) { c.order("ll-test-anotheranother", 5_000*naira) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := openCounter(t)
			id := c.lost()
			c.Want(c.closeBy(chief, id), 409, "payout_unproven")
			c.Advance(25 * time.Hour)
			test.before(c, id)
			answer := c.closeBy(chief, id)
			if test.want == nil {
				c.Want(answer, 200, "")
				return
			}
			c.Want(answer, 409, "payout_unproven")
			if !slices.Equal(missing(answer), test.want) {
				t.Errorf("missing: %v, want %v", missing(answer), test.want)
			}
			if c.field(id, "closer") != "" || c.Balance(apptest.Ada)["held"] != 5_000*naira {
				t.Error("it was closed all the same")
			}
			if c.field(id, "next_check_at") == "" {
				t.Error("nobody asks Paystack again")
			}
		})
	}
}

func TestClosingNeedsPaystack(t *testing.T) {
	c := openCounter(t)
	id := c.lost()
	c.fake.Inject(paystacktest.Fault{Op: "transfer.verify", Kind: paystacktest.HTML, Status: 503, Times: -1})
	c.Want(c.closeBy(chief, id), 503, "provider_unavailable")
	if n := c.Int("SELECT COUNT(*) FROM payout_events WHERE payout = {:id} AND event LIKE 'verify%'", dbx.Params{"id": id}); n != 0 {
		t.Errorf("silence was kept as %d looks", n)
	}
}

// TestRecheck: the payout goes back to where verify decides, and a proof that had
// begun is no longer one when Paystack knows it.
func TestRecheck(t *testing.T) {
	c := openCounter(t)
	id := c.lost()
	c.Want(c.Do(apptest.Admin, "POST", payoutsPath+"/"+id+"/recheck", nil), 403, "approver_unknown")
	data := c.Want(c.do(chief, "POST", payoutsPath+"/"+id+"/recheck", map[string]any{"reason": "Their dashboard has it."}), 200, "").Data()
	if data["state"] != "in_flight" || c.field(id, "next_check_at") == "" || c.audits("payout.recheck", id) != 1 || c.field(id, "reason") != "" {
		t.Errorf("the answer is %v", data)
	}
	c.Want(c.do(chief, "POST", payoutsPath+"/"+id+"/recheck", nil), 409, "payout_state")
	c.Want(c.closeBy(chief, id), 409, "payout_state")
}

// TestNewsEndsAProof: a "not found" from before Paystack knew the transfer counts
// for nothing.
func TestNewsEndsAProof(t *testing.T) {
	c := openCounter(t)
	id := c.lost()
	c.Want(c.closeBy(chief, id), 409, "payout_unproven")
	c.Advance(25 * time.Hour)
	c.Want(c.closeBy(chief, id), 200, "")
	c.must(c.apply(id, payout.Observation{Status: payout.StatusPending, Reference: "ll-test-" + id, AmountMinor: 5_000 * naira, Currency: "NGN", Recipient: c.field(id, "recipient_code")}))
	if c.field(id, "closer") != "" {
		t.Error("who began to close it did not know this")
	}
	c.Advance(time.Minute)
	if answer := c.Want(c.closeBy(deputy, id), 409, "payout_unproven"); !slices.Equal(missing(answer), []string{"not_found_twice_an_hour_apart"}) {
		t.Errorf("missing: %v", missing(answer))
	}
}
