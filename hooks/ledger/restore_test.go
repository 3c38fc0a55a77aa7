package ledger_test

import (
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/rewards"
)

// taken takes everything back for fraud and returns what it was.
func (b *books) taken() (before []ledger.TakenReward) {
	b.t.Helper()
	ids := []string{}
	if err := b.App.DB().NewQuery("SELECT id FROM rewards ORDER BY seq").Column(&ids); err != nil {
		b.t.Fatal(err)
	}
	b.inTx(func(tx core.App) (err error) {
		if before, err = ledger.Owed(tx, ids); err != nil {
			return err
		}
		_, err = ledger.TakeBack(tx, b.Deps, ids, true, "user:musa", "It was made up.")
		return err
	})
	return before
}

// again is a restored reward as a text, like [books.reward].
func (b *books) again(key string) string {
	b.t.Helper()
	return b.Text(`SELECT state || ' ' || amount_minor || ' at ' || factor_bps || CASE tx WHEN '' THEN '' ELSE ' posted' END FROM rewards WHERE [[key]] = {:key}`,
		dbx.Params{"key": key + ":case1"})
}

func TestRestoreGivesExactlyWhatWasTaken(t *testing.T) {
	b := openBooks(t, 16_500)
	v := b.pay("c1", "approved", b.voter(apptest.Bola, worth(5_000)))
	b.Advance(1_000 * time.Hour)
	b.release()
	w := b.pay("c2", "approved", b.voter(apptest.Chidi, unproven)) // there is no money for the clip
	b.Fund(16_000)                                                 // now there is
	x := b.pay("c3", "approved")                                   // and not for this one
	b.wants("earned", b.clip(v), "released 15000 at 10000 posted", b.vote(v, apptest.Bola), "released 750 at 5000 posted",
		b.clip(w), "pending 15000 at 10000 posted", b.vote(w, apptest.Chidi), "accruing 1500 at 0", b.clip(x), "unfunded 15000 at 10000")
	before := b.taken()
	if len(before) != 5 {
		t.Fatalf("taken: %+v", before)
	}
	b.wants("taken", b.clip(v), "clawback 15000 at 10000 posted", b.vote(v, apptest.Bola), "clawback 750 at 5000 posted",
		b.clip(w), "reversed 15000 at 10000 posted", b.vote(w, apptest.Chidi), "void 0 at 0", b.clip(x), "reversed 15000 at 10000")
	b.Drain()
	if b.left() != 32_500 {
		t.Errorf("the campaign has %d", b.left())
	}
	key := func(rule rewards.Rule, verdict, who string) string { return rewards.Key(rule, verdict, b.User(who).Id) }
	for range 2 { // the second time there is nothing left to restore
		b.inTx(func(tx core.App) error { return ledger.Restore(tx, b.Deps, "case1", before...) })
		b.wants("restored", b.again(key(rewards.Clip, v, apptest.Ada)), "pending 15000 at 10000 posted",
			b.again(key(rewards.Validation, v, apptest.Bola)), "pending 750 at 5000 posted",
			b.again(key(rewards.Clip, w, apptest.Ada)), "pending 15000 at 10000 posted",
			b.again(key(rewards.Validation, w, apptest.Chidi)), "accruing 1500 at 0",
			b.again(key(rewards.Clip, x, apptest.Ada)), "unfunded 15000 at 10000")
	}
	b.release() // what was released before is released at once
	b.wants("released", b.again(key(rewards.Clip, v, apptest.Ada)), "released 15000 at 10000 posted",
		b.again(key(rewards.Clip, w, apptest.Ada)), "pending 15000 at 10000 posted")
	if got := b.Balance(apptest.Ada); got["available"] != 15_000 || got["pending"] != 15_000 {
		t.Errorf("ada has %v", got)
	}
	paid, err := ledger.AlreadyPaid(b.App, "c2")
	if err != nil || len(paid["c2"]) != 3 { // the clip's, the voided vote's and the vote's again
		t.Errorf("paid for c2: %v, %v", paid["c2"], err)
	}
}

func TestRestoreRefusesWhatIsNotTaken(t *testing.T) {
	b := openBooks(t, 100_000)
	v := b.pay("c1", "approved")
	id := b.Text("SELECT id FROM rewards", nil)
	for name, reward := range map[string]ledger.TakenReward{
		"still owed":      {ID: id, State: "pending", AmountMinor: 15_000},
		"never there":     {ID: "nothing", State: "pending", AmountMinor: 15_000},
		"of no such kind": {ID: id, State: "void", AmountMinor: 0},
	} {
		if err := b.App.RunInTransaction(func(tx core.App) error { return ledger.Restore(tx, b.Deps, "case1", reward) }); err == nil {
			t.Errorf("%s: restored", name)
		}
	}
	before := b.taken()
	more := before[0]
	more.AmountMinor++
	wrong := map[string]func(tx core.App) error{
		"more than was taken": func(tx core.App) error { return ledger.Restore(tx, b.Deps, "case1", more) },
		"without an occasion": func(tx core.App) error { return ledger.Restore(tx, b.Deps, "", before...) },
	}
	for name, restore := range wrong {
		if err := b.App.RunInTransaction(restore); err == nil {
			t.Errorf("%s: restored", name)
		}
	}
	if err := ledger.Restore(b.App, b.Deps, "case1", before...); err == nil {
		t.Error("restored without a transaction")
	}
	b.wants("untouched", b.clip(v), "reversed 15000 at 10000 posted")
	if n := b.Int("SELECT COUNT(*) FROM rewards"); n != 1 {
		t.Errorf("%d rewards", n)
	}
}
