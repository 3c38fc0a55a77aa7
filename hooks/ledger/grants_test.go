package ledger_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/fault"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/referral"
	"github.com/lingualink/lingualink/internal/rewards"
)

// grant is a bonus for ada, uncut and without a tier.
func (b *books) grant(subject string, minor int64, change ...func(*ledger.Grant)) ledger.Grant {
	ada := b.User(apptest.Ada).Id
	g := ledger.Grant{
		Key: rewards.Key(referral.Bonus, subject, ada), Rule: referral.Bonus, User: ada,
		Campaign:    ledger.Campaign{ID: b.GeneralCampaign(), Currency: money.NGN},
		AmountMinor: minor, BaseMinor: minor, FactorBps: money.Unit, MultiplierBps: money.Unit,
		Referral: "r" + subject, Subject: subject, PolicyVersion: 3, Hold: 14 * 24 * time.Hour,
	}
	for _, c := range change {
		c(&g)
	}
	return g
}

func (b *books) add(grants ...ledger.Grant) (added []int) {
	b.t.Helper()
	b.inTx(func(tx core.App) (err error) {
		added, err = ledger.AddGrants(tx, b.Deps, grants...)
		return err
	})
	return added
}

func (b *books) bonus(subject string) string { return b.reward(referral.Bonus, subject, apptest.Ada) }

func (b *books) release() {
	b.t.Helper()
	if err := ledger.ReleaseDue(b.App, b.Deps); err != nil {
		b.t.Fatal(err)
	}
}

func TestGrantsArePaidOnceAndInOrder(t *testing.T) {
	b := openBooks(t, 1_000)
	cut := func(g *ledger.Grant) { g.AmountMinor, g.Cut = 0, "bonuses_per_day" }
	tier := func(g *ledger.Grant) { g.AmountMinor, g.MultiplierBps = 630, 10_500 }
	grants := []ledger.Grant{b.grant("a", 400), b.grant("b", 600, tier), b.grant("c", 100), b.grant("d", 200, cut), b.grant("a", 400)}
	if got := b.add(grants...); fmt.Sprint(got) != "[0 1 2 3]" {
		t.Errorf("added %v", got)
	}
	for range 2 {
		b.wants("granted", b.bonus("a"), "pending 400 at 10000 posted", b.bonus("b"), "unfunded 630 at 10000",
			b.bonus("c"), "unfunded 100 at 10000", b.bonus("d"), "void 0 at 10000")
		if got := b.add(grants...); len(got) != 0 {
			t.Errorf("added again: %v", got)
		}
	}
	b.Fund(200)
	b.wants("funded", b.bonus("b"), "pending 630 at 10000 posted", b.bonus("c"), "pending 100 at 10000 posted")
	got := b.Text("SELECT group_concat(memo || ' ' || source_type || ' ' || source_id, ', ') FROM (SELECT * FROM ledger_txs WHERE kind = 'reward_earned' ORDER BY seq)", nil)
	const words = "Referral bonus, rules version 3 referrals "
	if want := words + "ra, " + words + "rb, " + words + "rc"; got != want {
		t.Errorf("the postings say %q, want %q", got, want)
	}
	b.Advance(14*24*time.Hour - time.Second)
	b.release()
	if got := b.Balance(apptest.Ada); got["available"] != 0 || got["pending"] != 1_130 {
		t.Errorf("within the hold: %v", got)
	}
	b.Advance(time.Second)
	b.release()
	b.wants("released", b.bonus("a"), "released 400 at 10000 posted", b.bonus("d"), "void 0 at 10000")
	if got := b.Balance(apptest.Ada); got["available"] != 1_130 || got["pending"] != 0 {
		t.Errorf("after the hold: %v", got)
	}
	if _, err := ledger.AddGrants(b.App, b.Deps, b.grant("x", 1)); err == nil {
		t.Error("granted without a transaction")
	}
}

func TestWhatIsFrozenWaits(t *testing.T) {
	b := openBooks(t, 100_000)
	v := b.pay("c1", "approved", b.voter(apptest.Bola, worth(10_000)))
	freeze := dbx.Params{"id": shell.NewID(), "user": b.User(apptest.Ada).Id, "cluster": shell.NewID(), "reason": "Look.", "state": "frozen"}
	b.Insert("freezes", freeze)
	b.Advance(1000 * time.Hour)
	b.release()
	b.wants("frozen", b.clip(v), "pending 15000 at 10000 posted", b.vote(v, apptest.Bola), "released 1500 at 10000 posted")
	if _, err := shell.Exec(b.App, "UPDATE freezes SET state = 'lifted'", nil); err != nil {
		t.Fatal(err)
	}
	b.release()
	b.wants("lifted", b.clip(v), "released 15000 at 10000 posted")
}

func TestWhatAFrozenPersonBroughtWaits(t *testing.T) {
	b := openBooks(t, 100_000)
	stamp := "2026-01-02 03:04:05.678Z"
	b.Insert("referrals", dbx.Params{"id": "ra", "referred": b.User(apptest.Emeka).Id, "referrer": b.User(apptest.Ada).Id, "code": shell.NewID(), "state": "active", "created": stamp, "updated": stamp})
	b.Insert("freezes", dbx.Params{"id": shell.NewID(), "user": b.User(apptest.Emeka).Id, "cluster": shell.NewID(), "reason": "Look.", "state": "frozen"})
	b.add(b.grant("a", 300), b.grant("b", 200))
	b.Advance(15 * 24 * time.Hour)
	b.release()
	b.wants("frozen", b.bonus("a"), "pending 300 at 10000 posted", b.bonus("b"), "released 200 at 10000 posted")
	if _, err := shell.Exec(b.App, "UPDATE freezes SET state = 'lifted'", nil); err != nil {
		t.Fatal(err)
	}
	b.release()
	b.wants("lifted", b.bonus("a"), "released 300 at 10000 posted")
}

// takeBack takes rewards back by their keys.
func (b *books) takeBack(fraud bool, keys ...string) (taken ledger.Taken) {
	b.t.Helper()
	ids := []string{}
	for _, key := range keys {
		ids = append(ids, b.Text("SELECT id FROM rewards WHERE [[key]] = {:key}", dbx.Params{"key": key}))
	}
	b.inTx(func(tx core.App) (err error) {
		taken, err = ledger.TakeBack(tx, b.Deps, ids, fraud, "user:musa", "Two accounts of one person.")
		return err
	})
	return taken
}

func TestTakeBackByState(t *testing.T) {
	b := openBooks(t, 500)
	heard := []string{}
	ledger.OnTakenBack(b.App).Bind(&hook.Handler[*ledger.RewardsEvent]{Func: func(e *ledger.RewardsEvent) error {
		for _, reward := range e.Rewards {
			heard = append(heard, fmt.Sprintf("%s %d %s", reward.Rule, reward.AmountMinor, strings.TrimPrefix(reward.Key, "reward:")))
		}
		return e.Next()
	}})
	b.add(b.grant("old", 300))
	b.Advance(15 * 24 * time.Hour)
	b.release()
	b.add(b.grant("new", 200), b.grant("poor", 900))
	v := b.pay("c1", "rejected", b.voter(apptest.Bola, unproven))
	ada, bola := b.User(apptest.Ada).Id, b.User(apptest.Bola).Id
	keys := []string{b.grant("old", 0).Key, b.grant("new", 0).Key, b.grant("poor", 0).Key, rewards.Key(rewards.Validation, v, bola)}

	if got := b.takeBack(false, keys[:2]...); got != (ledger.Taken{ReversedMinor: 200, KeptMinor: 300}) {
		t.Errorf("in good faith: %+v", got)
	}
	if got := b.takeBack(true, keys...); got != (ledger.Taken{UnfundedMinor: 2_400, ClawedMinor: 300}) {
		t.Errorf("for fraud: %+v", got)
	}
	for range 2 {
		b.wants("taken back", b.bonus("old"), "clawback 300 at 10000 posted", b.bonus("new"), "reversed 200 at 10000 posted",
			b.bonus("poor"), "reversed 900 at 10000", b.vote(v, apptest.Bola), "void 0 at 0")
		if got := b.Balance(apptest.Ada); got["available"] != 0 || got["pending"] != 0 || got["unfunded"] != 0 || b.Balance(apptest.Bola)["accruing"] != 0 || b.left() != 500 {
			t.Errorf("ada has %v, the campaign %d", got, b.left())
		}
		if got := b.takeBack(true, keys...); got != (ledger.Taken{}) {
			t.Errorf("again: %+v", got)
		}
	}
	want := "[referral_bonus 200 referral_bonus:new:" + ada + " referral_bonus 300 referral_bonus:old:" + ada +
		" referral_bonus 900 referral_bonus:poor:" + ada + " validation 1500 validation:" + v + ":" + bola + "]"
	if fmt.Sprint(heard) != want {
		t.Errorf("heard %v\nwant  %s", heard, want)
	}
}

func TestWhatIsClawedBackIsFilledUpFirst(t *testing.T) {
	b := openBooks(t, 100_000)
	b.add(b.grant("a", 300))
	b.Advance(15 * 24 * time.Hour)
	b.release()
	// Paid out meanwhile, as far as the wallet knows: nothing is left to take.
	b.add(b.grant("b", 100))
	ada := b.User(apptest.Ada).Id
	b.inTx(func(tx core.App) error {
		_, err := ledger.Post(tx, b.Deps, spent(ada, 300))
		return err
	})
	b.takeBack(true, b.grant("a", 0).Key)
	if got := b.Balance(apptest.Ada); got["available"] != -300 {
		t.Errorf("owes %v", got)
	}
	b.Advance(15 * 24 * time.Hour)
	b.release()
	b.wants("netted", b.bonus("a"), "clawback 300 at 10000 posted", b.bonus("b"), "released 100 at 10000 posted")
	if got := b.Balance(apptest.Ada); got["available"] != -200 {
		t.Errorf("owes %v", got)
	}
}

func TestTakingBackNeedsAReason(t *testing.T) {
	b := openBooks(t, 500)
	b.add(b.grant("a", 300))
	id := b.Text("SELECT id FROM rewards", nil)
	for _, reason := range []string{"", strings.Repeat("x", 301)} {
		err := b.App.RunInTransaction(func(tx core.App) error {
			_, err := ledger.TakeBack(tx, b.Deps, []string{id}, true, "user:musa", reason)
			return err
		})
		if !errors.Is(err, fault.InvalidInput.On("")) {
			t.Errorf("%d letters: %v", len(reason), err)
		}
	}
	if _, err := ledger.TakeBack(b.App, b.Deps, []string{id}, true, "user:musa", "Why."); err == nil {
		t.Error("taken back without a transaction")
	}
	b.wants("untouched", b.bonus("a"), "pending 300 at 10000 posted")
}

func TestAHearerCanRefuseARelease(t *testing.T) {
	b := openBooks(t, 500)
	b.add(b.grant("a", 300))
	refuse, heard := errors.New("not now"), int64(0)
	ledger.OnReleased(b.App).Bind(&hook.Handler[*ledger.RewardsEvent]{Func: func(e *ledger.RewardsEvent) error {
		heard += e.Rewards[0].AmountMinor
		if refuse != nil {
			return refuse
		}
		return e.Next()
	}})
	b.Advance(15 * 24 * time.Hour)
	if err := ledger.ReleaseDue(b.App, b.Deps); !errors.Is(err, refuse) {
		t.Fatalf("released: %v", err)
	}
	b.wants("refused", b.bonus("a"), "pending 300 at 10000 posted")
	refuse = nil
	b.release()
	b.release()
	b.wants("released", b.bonus("a"), "released 300 at 10000 posted")
	if heard != 600 {
		t.Errorf("heard of %d, want twice 300", heard)
	}
}

// TestTamperedGrantsAreFound changes what a grant rests on, one column at a time.
func TestTamperedGrantsAreFound(t *testing.T) {
	b := openBooks(t, 100_000)
	v := b.pay("c1", "approved")
	source := b.Text("SELECT id FROM rewards WHERE verdict = {:v}", dbx.Params{"v": v})
	commission := func(g *ledger.Grant) {
		g.Rule, g.Key = referral.Commission, rewards.Key(referral.Commission, source, g.User)
		g.BaseMinor, g.FactorBps, g.AmountMinor, g.Subject = 15_000, 500, 750, source
	}
	stipend := func(g *ledger.Grant) {
		g.Rule, g.Key, g.Referral = referral.Stipend, rewards.Key(referral.Stipend, "2027-02", g.User), ""
	}
	cut := func(g *ledger.Grant) { g.AmountMinor, g.Cut = 0, "bonuses_per_month" }
	b.add(b.grant("a", 300), b.grant("com", 0, commission), b.grant("2027-02", 5_000, stipend), b.grant("cut", 300, cut))
	b.Advance(15 * 24 * time.Hour)
	b.release()
	b.takeBack(true, b.grant("a", 0).Key)
	verifyClean(t, b.Server)
	for _, c := range []struct{ rule, set string }{
		{"referral_bonus' AND state = 'clawback", "state = 'released'"},
		{"referral_bonus' AND state = 'clawback", "multiplier_bps = 10100"},
		{"referral_bonus' AND state = 'clawback", "base_minor = 299"},
		{"referral_bonus' AND state = 'void", "cut = ''"},
		{"referral_bonus' AND state = 'void", "state = 'unfunded'"},
		{"referral_commission", "factor_bps = 499"},
		{"referral_commission", "factor_bps = 501"},
		{"referral_commission", "base_minor = 15001"},
		{"referral_commission", "subject = 'nothing'"},
		{"referral_commission", "state = 'clawback'"},
		{"ambassador_stipend", "base_minor = 4999"},
		{"ambassador_stipend", "cut = 'standing'"},
		{"ambassador_stipend", "state = 'accruing'"},
	} {
		t.Run(c.rule+" "+c.set, func(t *testing.T) {
			err := b.App.RunInTransaction(func(tx core.App) error {
				changed, err := shell.Exec(tx, "UPDATE rewards SET "+c.set+" WHERE rule = '"+c.rule+"'", nil)
				if err != nil || changed != 1 {
					t.Fatalf("%d rows, %v", changed, err)
				}
				report, err := ledger.Verify(tx.DB())
				if err != nil || len(report.Findings) != 1 || report.Findings[0].Promise != ledger.PromiseRewards {
					t.Errorf("%+v, %v", report.Findings, err)
				}
				return errors.New("undo")
			})
			if err == nil {
				t.Error("was not undone")
			}
		})
	}
	verifyClean(t, b.Server)
}

// spent is money that left a person's wallet for a bank.
func spent(user string, minor int64) book.Tx {
	return book.Tx{
		Kind: book.PayoutPaid, Key: "spent:" + user, Actor: shell.System,
		Entries: book.Move(book.UserAccount(user, book.Available, money.NGN), book.Paystack(money.NGN), minor),
	}
}
