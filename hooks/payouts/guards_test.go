package payouts_test

import (
	"encoding/json"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/payouts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/payout"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

// TestGuardIndexes: what the code looks at before it writes, the database refuses
// as well. Without any of these indexes a second row would be taken.
func TestGuardIndexes(t *testing.T) {
	c := openCounter(t)
	hold := dbx.Params{"user": "u", "currency": "NGN", "reference": "r1", "idem_key": "k1", "state": "approved", "settled": ""}
	for name, test := range map[string]struct {
		table     string
		row       dbx.Params
		twin      dbx.Params // what of a second row differs, and is refused all the same
		different dbx.Params // what of one must differ to be taken
	}{
		"one open payout":      {"payouts", hold, dbx.Params{"reference": "r2", "idem_key": "k2"}, dbx.Params{"reference": "r3", "idem_key": "k3", "currency": "GHS"}},
		"a key is used once":   {"payouts", hold, dbx.Params{"reference": "r4", "currency": "KES"}, dbx.Params{"reference": "r5", "user": "v"}},
		"a reference for life": {"payouts", hold, dbx.Params{"idem_key": "k6", "user": "w"}, dbx.Params{"reference": "r7", "idem_key": "k7", "user": "x"}},
		"a hold is settled once": {"payout_settlements", dbx.Params{"payout": "p", "outcome": "paid"}, dbx.Params{"outcome": "released"},
			dbx.Params{"payout": "q"}},
		"history has one order":       {"payout_events", dbx.Params{"payout": "p", "seq": 1}, dbx.Params{"event": "x"}, dbx.Params{"seq": 2}},
		"a webhook is kept once":      {"paystack_events", dbx.Params{"body_hash": "h", "state": "queued"}, dbx.Params{"state": "applied"}, dbx.Params{"body_hash": "i"}},
		"a line is kept once":         {"balance_rows", dbx.Params{"row_id": "1", "currency": "NGN"}, dbx.Params{"currency": "GHS"}, dbx.Params{"row_id": "2"}},
		"an orphan is kept once":      {"orphan_transfers", dbx.Params{"reference": "r", "state": "open"}, dbx.Params{"state": "explained"}, dbx.Params{"reference": "s"}},
		"one active account":          {"payout_accounts", dbx.Params{"user": "u", "currency": "NGN", "status": "active"}, dbx.Params{"last4": "1"}, dbx.Params{"status": "replaced"}},
		"one pause of a cause":        {"payout_pauses", dbx.Params{"scope": "all", "cause": "x", "lifted_at": ""}, dbx.Params{"detail": "y"}, dbx.Params{"lifted_at": "2026-01-01"}},
		"one order of a key":          {"fundings", dbx.Params{"actor": "a", "idem_key": "k", "reference": "f1"}, dbx.Params{"reference": "f2"}, dbx.Params{"actor": "b", "reference": "f3"}},
		"one funding of a reference":  {"fundings", dbx.Params{"actor": "a", "idem_key": "k", "reference": "f1"}, dbx.Params{"idem_key": "l"}, dbx.Params{"idem_key": "m", "reference": "f4"}},
		"one refund of a payment":     {"funding_returns", dbx.Params{"funding": "f", "kind": "refund", "state": "requested"}, dbx.Params{"state": "processed"}, dbx.Params{"state": "failed"}},
		"one return of Paystack's id": {"funding_returns", dbx.Params{"funding": "f", "kind": "dispute", "provider_id": "9"}, dbx.Params{"funding": "g"}, dbx.Params{"provider_id": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			insert := func(tx core.App, changes dbx.Params) error {
				row := maps.Clone(test.row)
				maps.Copy(row, changes)
				row["id"] = shell.NewID()
				return shell.Insert(tx, test.table, row)
			}
			errDone := os.ErrProcessDone // nothing of this stays
			err := c.App.RunInTransaction(func(tx core.App) error {
				if err := insert(tx, nil); err != nil {
					return err
				}
				if err := insert(tx, test.twin); !shell.IsUniqueViolation(err) {
					t.Errorf("a second row: %v", err)
				}
				if err := insert(tx, test.different); err != nil {
					t.Errorf("another row: %v", err)
				}
				return errDone
			})
			if err != errDone { //nolint:errorlint // it is this very one
				t.Error(err)
			}
		})
	}
}

// TestGuardSettlement: a hold that was settled is not settled again, whatever the
// payout's row says: neither by its row nor by the keys of the postings.
func TestGuardSettlement(t *testing.T) {
	k := start(t)
	id := k.request(apptest.Ada, askedMinor)
	k.work()
	if got := k.Text("SELECT outcome || ' ' || (SELECT idem_key FROM ledger_txs t WHERE t.id = tx) FROM payout_settlements WHERE payout = {:id}", dbx.Params{"id": id}); got != "paid payout:"+id+":paid" {
		t.Errorf("settled as %q", got)
	}
	k.sql("DROP TRIGGER payouts_settled_once")
	k.sql("UPDATE payouts SET settled = '', state = 'review' WHERE id = '" + id + "'")
	k.earn(apptest.Ada, askedMinor) // so that the ledger alone would not refuse
	if err := payouts.Apply(k.App, id, "superuser:test", payout.Cancel{Admin: true}); err == nil {
		t.Error("what was paid was given back")
	}
	k.sql("UPDATE payouts SET settled = 'paid', state = 'paid' WHERE id = '" + id + "'")
}

func (k *kit) sql(statement string) {
	k.t.Helper()
	if _, err := k.App.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
		k.t.Fatal(err)
	}
}

// TestGuardStarvation: a payout whose every turn fails keeps nobody else from
// theirs, is told of, and is tried again.
func TestGuardStarvation(t *testing.T) {
	for name, seen := range map[string]payout.State{"to be sent": payout.Approved, "to be asked for": payout.InFlight} {
		t.Run(name, func(t *testing.T) {
			k := startWith(t, pending)
			bad := k.request(apptest.Ada, askedMinor)
			if seen == payout.InFlight {
				k.work()
				k.Advance(time.Hour)
			}
			k.sql("CREATE TRIGGER test_bad BEFORE UPDATE OF rev ON payouts WHEN OLD.id = '" + bad + "' BEGIN SELECT RAISE(ABORT, 'it is bad'); END")
			good := k.request(apptest.Bola, askedMinor)
			for range 3 {
				k.Advance(time.Second)
				if err := k.tryWork(t.Context()); err == nil && k.alerts() == "" {
					t.Error("nobody said so")
				}
			}
			k.want(good, payout.InFlight, 0, allHeld)
			k.want(bad, seen, 0, allHeld)
			k.wantTrouble("stuck", "")
			asked := k.fake.Count("transfer.verify")
			for range 5 {
				k.Advance(time.Second)
				k.work() // it rests
			}
			if got := k.fake.Count("transfer.verify"); got != asked {
				t.Errorf("asked for %d times while it rests", got-asked)
			}
			k.sql("DROP TRIGGER test_bad")
			k.advance(6 * time.Minute)
			k.advance(time.Hour)
			k.becomes(bad, "success")
			k.want(bad, payout.Paid, 1, nothingHeld)
			k.becomes(good, "success")
			k.want(good, payout.Paid, 1, nothingHeld)
		})
	}
}

// otherMode makes a payout one of the other mode, as after a change of the key.
func (k *kit) otherMode(id string) {
	k.t.Helper()
	k.sql("DROP TRIGGER payouts_fixed")
	k.sql("UPDATE payouts SET reference = 'll-live-" + id + "' WHERE id = '" + id + "'")
}

// TestGuardTheOtherMode: with the key of the other mode Paystack knows no transfer
// of this one. That is no reason to send it, nor to give it back.
func TestGuardTheOtherMode(t *testing.T) {
	k := start(t)
	id := k.request(apptest.Ada, askedMinor)
	k.otherMode(id)
	k.work()
	if k.state(id) != payout.Review || k.posts() != 0 || k.wallet(apptest.Ada) != allHeld {
		t.Errorf("unsent: %s, %d orders, %s", k.state(id), k.posts(), k.wallet(apptest.Ada))
	}
	for name, fault := range map[string]paystacktest.Fault{
		"unanswered": {Op: initiate, Kind: paystacktest.Cut}, "refused": {Op: initiate, Kind: paystacktest.Answer, Status: 400,
			Body: map[string]any{"status": false, "code": "invalid_transfer_recipient", "message": "The recipient specified is invalid"}},
	} {
		t.Run(name, func(t *testing.T) {
			k := start(t, fault)
			id := k.request(apptest.Ada, askedMinor)
			claimed, err := payouts.Claim(k.App, id)
			if err != nil || claimed == nil {
				t.Fatal(err)
			}
			if err := payouts.Finish(t.Context(), k.App, claimed); err != nil {
				t.Fatal(err)
			}
			k.otherMode(id)
			asked := k.fake.Count("transfer.verify")
			for range 30 {
				k.advance(time.Hour)
			}
			if k.state(id) != payout.Manual || k.posts() != 1 || k.wallet(apptest.Ada) != allHeld || k.fake.Count("transfer.verify") != asked {
				t.Errorf("%s after %d orders, %s, asked %d times", k.state(id), k.posts(), k.wallet(apptest.Ada), k.fake.Count("transfer.verify")-asked)
			}
			if !strings.Contains(k.alerts(), "silent") {
				t.Errorf("alerts %q", k.alerts())
			}
		})
	}
}

// TestGuardCloseOfTheOtherMode: two people and a Paystack that knows nothing of it
// are no proof there.
func TestGuardCloseOfTheOtherMode(t *testing.T) {
	c := openCounter(t)
	id := c.asked(apptest.Ada, 5_000*naira)
	c.exec("DROP TRIGGER payouts_fixed", nil)
	c.exec("UPDATE payouts SET state = 'manual', sent_at = {:at}, reference = 'll-live-' || id", dbx.Params{"at": shell.Stamp(c.Deps.Clock.Now().Add(-48 * time.Hour))})
	for range 3 {
		for _, admin := range []string{chief, deputy} {
			answer := c.do(admin, "POST", payoutsPath+"/"+id+"/close", map[string]any{"reason": "It never left."}, c.confirmed(admin, "payout_approve"))
			c.Want(answer, 409, "payout_unproven")
		}
		c.Advance(2 * time.Hour)
	}
	if c.field(id, "state") != "manual" || c.fake.Count("transfer.verify") != 0 {
		t.Errorf("%s, asked %d times", c.field(id, "state"), c.fake.Count("transfer.verify"))
	}
}

// TestGuardTheMarkNeverGoesBack: of two sends at once the earlier may be written
// last; a backup from between them must still be found out.
func TestGuardTheMarkNeverGoesBack(t *testing.T) {
	k := start(t)
	orders := []*payouts.TheOrder{}
	for _, id := range k.requests(apptest.Ada, apptest.Bola) {
		order, err := payouts.Claim(k.App, id)
		if err != nil || order == nil {
			t.Fatal(err)
		}
		orders = append(orders, order)
	}
	for _, i := range []int{1, 0} {
		if err := payouts.Finish(t.Context(), k.App, orders[i]); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(payouts.MarkPath(k.App))
		var mark struct{ Seq int64 }
		if err == nil {
			err = json.Unmarshal(content, &mark)
		}
		if err != nil || mark.Seq != 2 {
			t.Errorf("the file counts %d: %v", mark.Seq, err)
		}
	}
	k.work()
}

// TestGuardConfirmedFlags: who was found out is not paid without a person.
func TestGuardConfirmedFlags(t *testing.T) {
	for outcome, state := range map[string]string{collections.FlagCleared: "approved", collections.FlagConfirmed: "review"} {
		c := openCounter(t)
		c.must(c.App.RunInTransaction(func(tx core.App) error { return payouts.Flag(tx, c.Deps, c.User(apptest.Ada).Id, "ring") }))
		flag := c.Text("SELECT id FROM risk_flags", nil)
		c.Want(c.do(chief, "POST", "/api/lingualink/risk-flags/"+flag+"/decide", map[string]any{"outcome": outcome, "reason": "x"}), 200, "")
		if got := c.field(c.asked(apptest.Ada, 5_000*naira), "state"); got != state {
			t.Errorf("%s: %s, want %s", outcome, got, state)
		}
	}
}

// TestGuardStrangersCancelNothing, and learn nothing, in no state.
func TestGuardStrangersCancelNothing(t *testing.T) {
	c := openCounter(t)
	id := c.asked(apptest.Ada, 5_000*naira)
	for _, state := range []string{"approved", "sending", "paid", "manual"} {
		c.exec("UPDATE payouts SET state = {:state}", dbx.Params{"state": state})
		c.Want(c.Do(apptest.Bola, "POST", payoutsPath+"/"+id+"/cancel", nil), 404, "not_found")
	}
	c.exec("UPDATE payouts SET state = 'approved'", nil)
	c.Want(c.Do(apptest.Ada, "POST", payoutsPath+"/"+id+"/cancel", nil), 200, "")
	c.books()
}

// TestGuardTheInbox: a hundred events that always fail hold up nobody.
func TestGuardTheInbox(t *testing.T) {
	g := openGate(t)
	id, reference := g.sending()
	g.post(reference)
	stamp := shell.Stamp(g.Deps.Clock.Now().Add(-time.Hour))
	for range 100 {
		event := shell.NewID()
		g.Insert("paystack_events", dbx.Params{"id": event, "event": "transfer.bad", "body_hash": event, "state": "queued", "received_at": stamp})
	}
	if _, err := shell.Exec(g.App, "CREATE TRIGGER test_bad BEFORE UPDATE OF state ON paystack_events WHEN OLD.event = 'transfer.bad' BEGIN SELECT RAISE(ABORT, 'it is bad'); END", nil); err != nil {
		t.Fatal(err)
	}
	g.Fake.Advance(time.Minute)
	g.Fake.Deliver(t.Context())
	for range 2 {
		if err := g.Deps.Outbox.RunRound(t.Context(), g.App, "payouts.inbox"); err == nil {
			t.Error("nobody said so")
		}
	}
	g.is("applied", g.events("applied"), 1)
	g.round("payouts.work")
	if got := g.state(id); got != "paid" {
		t.Errorf("the payout is %s", got)
	}
}

// TestGuardARefundThatCameBack is matched with its postings by the comparison of
// the balance, like one that stayed.
func TestGuardARefundThatCameBack(t *testing.T) {
	g := openGate(t)
	id, reference := g.paid(5_000_00)
	g.Want(g.refund(id, g.confirmed("funding_refund")), 200, "")
	for _, status := range []string{"processed", "failed"} {
		if err := g.Fake.FinishRefund(reference, status); err != nil {
			t.Fatal(err)
		}
		g.settled()
		g.settled()
		lines, err := payouts.Money(t.Context(), g.App)
		if got := lines["NGN"]; err != nil || got.TransitMinor != 0 || got.DifferenceMinor != 0 || got.Doubtful != 0 {
			t.Errorf("%s: %+v, %v", status, got, err)
		}
		g.is("refunds that are not matched", g.Int("SELECT COUNT(*) FROM balance_rows WHERE model = 'Refund' AND state != 'matched'"), 0)
	}
	g.is("lines of refunds", g.Int("SELECT COUNT(*) FROM balance_rows WHERE model = 'Refund'"), 2)
}

// TestGuardTheLease: who died between the commit and the send is missed even where
// the next look was lost.
func TestGuardTheLease(t *testing.T) {
	k := start(t)
	id := k.request(apptest.Ada, askedMinor)
	if order, err := payouts.Claim(k.App, id); err != nil || order == nil {
		t.Fatal(err)
	}
	k.sql("UPDATE payouts SET next_check_at = '' WHERE id = '" + id + "'")
	k.advance(time.Minute)
	k.want(id, payout.Sending, 0, allHeld)
	if got := k.fake.Count("transfer.verify"); got != 0 {
		t.Errorf("asked for %d times while the worker may be at it", got)
	}
	k.advance(90 * time.Second)
	if got := k.fake.Count("transfer.verify"); got == 0 {
		t.Error("nobody missed the worker")
	}
	k.advance(15 * time.Minute)
	k.advance(time.Minute)
	k.want(id, payout.Paid, 1, nothingHeld)
}

// TestGuardTheHold: what the ledger does not hold is not sent, and everything
// stops.
func TestGuardTheHold(t *testing.T) {
	k := start(t)
	id, other := k.request(apptest.Ada, askedMinor), k.request(apptest.Bola, askedMinor)
	k.sql("DROP TRIGGER ledger_accounts_balance")
	key := "user:" + k.User(apptest.Ada).Id + ":held:NGN"
	k.sql("UPDATE ledger_accounts SET balance_minor = balance_minor - 1 WHERE [[key]] = '" + key + "'")
	k.Advance(time.Millisecond)
	k.work()
	k.work()
	k.want(id, payout.Review, 0, "")
	k.want(other, payout.Approved, 0, allHeld)
	k.wantTrouble("books", "all:books")
	if k.posts() != 0 {
		t.Errorf("%d orders", k.posts())
	}
	k.sql("UPDATE ledger_accounts SET balance_minor = balance_minor + 1 WHERE [[key]] = '" + key + "'")
}
