package payouts_test

import (
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

func (g *gate) refund(id string, headers ...string) apptest.Answer {
	g.t.Helper()
	return g.Do(apptest.Admin, "POST", "/api/lingualink/fundings/"+id+"/refund", map[string]any{"reason": "paid twice"}, headers...)
}

// returned is the state of the only refund or dispute of a payment.
func (g *gate) returned(id, kind string) string {
	g.t.Helper()
	g.is(kind+"s", g.Int("SELECT COUNT(*) FROM funding_returns WHERE funding = {:f} AND kind = {:k}", dbx.Params{"f": id, "k": kind}), 1)
	return g.Text("SELECT state FROM funding_returns WHERE funding = {:f} AND kind = {:k}", dbx.Params{"f": id, "k": kind})
}

// settled delivers the events and looks at what is due.
func (g *gate) settled() {
	g.t.Helper()
	g.deliver()
	g.round("fundings.check")
}

// likeAtPaystack compares the ledger with the balance at Paystack.
func (g *gate) likeAtPaystack() {
	g.t.Helper()
	g.is("at Paystack", 100_000_00-g.account(book.Paystack(money.NGN)), g.Fake.Balance("NGN"))
	g.verifyLedger()
}

// spend takes money out of the general campaign into Bola's wallet.
func (g *gate) spend(minor int64) {
	g.t.Helper()
	err := g.App.RunInTransaction(func(tx core.App) error {
		_, err := ledger.Post(tx, g.Deps, book.Tx{Kind: book.RewardEarned, Key: "spend:" + shell.NewID(), Actor: shell.System,
			Entries: book.Move(book.CampaignAccount(g.GeneralCampaign(), money.NGN), book.UserAccount(g.User(apptest.Bola).Id, book.Available, money.NGN), minor)})
		return err
	})
	if err != nil {
		g.t.Fatal(err)
	}
}

func TestF56RefundRequestedTwiceAndFailedAfterProcessed(t *testing.T) {
	g := openGate(t)
	id, reference := g.paid(5_000_00)
	g.Want(g.refund(id), 403, "confirmation_required")
	g.Want(g.refund(id, g.confirmed("payout_account")), 403, "confirmation_required")
	g.is("sent", int64(g.Fake.Count("refund.create")), 0)
	g.Want(g.refund(id, g.confirmed("funding_refund")), 200, "")
	g.Want(g.refund(id, g.confirmed("funding_refund")), 409, "not_refundable")
	g.is("sent", int64(g.Fake.Count("refund.create")), 1)
	g.is("audited", g.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'funding.refund'"), 1)
	g.settled()
	if g.returned(id, "refund") != "pending" || g.budget() != 5_000_00 {
		t.Errorf("%s, %d", g.returned(id, "refund"), g.budget())
	}

	finish := func(status, state, funding string, budget int64) {
		t.Helper()
		if err := g.Fake.FinishRefund(reference, status); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			g.settled()
		}
		if g.returned(id, "refund") != state || g.funding(id, "status") != funding {
			t.Errorf("after %s: %s, %s", status, g.returned(id, "refund"), g.funding(id, "status"))
		}
		g.is("budget", g.budget(), budget)
		g.likeAtPaystack()
	}
	finish("processed", "processed", "refunded", 0)
	g.is("returned", g.Int("SELECT returned_minor FROM fundings"), 5_000_00)
	g.Want(g.refund(id, g.confirmed("funding_refund")), 409, "not_refundable")
	finish("failed", "failed", "paid", 5_000_00)
	g.is("returned", g.Int("SELECT returned_minor FROM fundings"), 0)
	g.is("alerts", g.alerts("refund_failed"), 1)
	g.is("postings", g.Int("SELECT COUNT(*) FROM ledger_txs WHERE kind = 'payment_return'"), 1)
}

func TestARefundIsPolledWithoutEvents(t *testing.T) {
	g := openGate(t)
	id, reference := g.paid(5_000_00)
	g.Want(g.refund(id, g.confirmed("funding_refund")), 200, "")
	if err := g.Fake.FinishRefund(reference, "processed"); err != nil {
		t.Fatal(err)
	}
	g.Fake.Take()
	g.later(time.Minute)
	g.round("fundings.check")
	if g.returned(id, "refund") != "processed" || g.funding(id, "next_check_at") != "" {
		t.Errorf("%s, next look %q", g.returned(id, "refund"), g.funding(id, "next_check_at"))
	}
	g.likeAtPaystack()
}

func TestTheAnswerToARefundIsLost(t *testing.T) {
	for name, act := range map[string]paystacktest.Act{"made": paystacktest.ActAfter, "never made": paystacktest.ActNever} {
		t.Run(name, func(t *testing.T) {
			g := openGate(t)
			id, reference := g.paid(5_000_00)
			g.Fake.Inject(paystacktest.Fault{Op: "refund.create", Kind: paystacktest.Cut, Act: act})
			if answer := g.Want(g.refund(id, g.confirmed("funding_refund")), 200, ""); answer.Data()["state"] != "requested" {
				t.Errorf("%s", answer.Raw)
			}
			g.Want(g.refund(id, g.confirmed("funding_refund")), 409, "not_refundable")
			g.later(2 * time.Minute)
			g.round("fundings.check")
			want := map[paystacktest.Act]string{paystacktest.ActAfter: "pending", paystacktest.ActNever: "requested"}[act]
			if got := g.returned(id, "refund"); got != want {
				t.Errorf("two minutes later: %s, want %s", got, want)
			}
			if act == paystacktest.ActAfter {
				if err := g.Fake.FinishRefund(reference, "processed"); err != nil {
					t.Fatal(err)
				}
			}
			g.later(20 * time.Minute)
			g.settled()
			g.is("sent", int64(g.Fake.Count("refund.create")), 1)
			if act == paystacktest.ActAfter {
				g.is("budget", g.budget(), 0)
			} else {
				if got := g.returned(id, "refund"); got != "failed" || g.alerts("refund_unknown") != 1 {
					t.Errorf("at last: %s", got)
				}
				g.Want(g.refund(id, g.confirmed("funding_refund")), 200, "") // by a person, who looked
			}
			g.likeAtPaystack()
		})
	}
}

func TestRefundsThatPaystackRefusesOrMakesItself(t *testing.T) {
	g := openGate(t)
	id, reference := g.paid(5_000_00)
	g.Fake.Inject(paystacktest.Refusal("refund.create", 400, "refund_off", "Refunds are off"))
	g.Want(g.refund(id, g.confirmed("funding_refund")), 409, "refund_refused")
	if got := g.returned(id, "refund"); got != "failed" || g.alerts("refund_refused") != 1 {
		t.Error(got)
	}
	g.Want(g.Do(apptest.Ada, "POST", "/api/lingualink/fundings/"+id+"/refund", map[string]any{"reason": "x"}), 403, "not_allowed")

	// A part, from Paystack's dashboard.
	if err := g.Fake.Refund(reference, 2_000_00); err != nil {
		t.Fatal(err)
	}
	g.settled()
	g.is("budget", g.budget(), 3_000_00)
	if g.funding(id, "status") != "paid" {
		t.Error(g.funding(id, "status"))
	}
	g.likeAtPaystack()
}

func TestF57DisputesOfMoneyThatWasSpent(t *testing.T) {
	g := openGate(t)
	id, reference := g.paid(5_000_00)
	g.spend(4_000_00)
	if err := g.Fake.Dispute(reference); err != nil {
		t.Fatal(err)
	}
	g.settled()
	if g.returned(id, "dispute") != "open" || g.budget() != 1_000_00 || g.alerts("dispute") != 1 {
		t.Errorf("%s, %d", g.returned(id, "dispute"), g.budget())
	}
	// The event alone decides nothing.
	g.Want(g.send(paystacktest.Key, `{"event":"charge.dispute.resolve","data":{"id":`+g.Text("SELECT provider_id FROM funding_returns", nil)+
		`,"status":"resolved","resolution":"merchant-accepted","domain":"test","currency":"NGN","transaction":{"reference":"`+reference+`"}}}`), 200, "")
	g.settled()
	if got := g.returned(id, "dispute"); got != "open" {
		t.Errorf("an event made it %s", got)
	}
	if err := g.Fake.ResolveDispute(reference, "auto-accepted"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		g.settled()
	}
	if g.returned(id, "dispute") != "lost" || g.funding(id, "status") != "disputed" || g.alerts("dispute_lost") != 1 {
		t.Errorf("%s, %s", g.returned(id, "dispute"), g.funding(id, "status"))
	}
	g.is("budget", g.budget(), 0)
	g.is("platform's funding", g.account(book.PlatformFunding(money.NGN)), -4_000_00)
	g.is("Bola", g.Balance(apptest.Bola)["available"], 4_000_00)
	g.is("postings", g.Int("SELECT COUNT(*) FROM ledger_txs WHERE kind = 'payment_return'"), 1)
	g.likeAtPaystack()
}

func TestADisputeIsWon(t *testing.T) {
	g := openGate(t)
	id, reference := g.paid(5_000_00)
	if err := g.Fake.Dispute(reference); err != nil {
		t.Fatal(err)
	}
	if err := g.Fake.ResolveDispute(reference, "declined"); err != nil {
		t.Fatal(err)
	}
	g.settled()
	if g.returned(id, "dispute") != "won" || g.funding(id, "status") != "paid" || g.budget() != 5_000_00 {
		t.Errorf("%s, %s, %d", g.returned(id, "dispute"), g.funding(id, "status"), g.budget())
	}
	g.likeAtPaystack()
}
