package ledger_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/rewards"
)

// assess settles one batch of what a person accrued in the books' language.
func (b *books) assess(who string, factorBps int64) (more bool) {
	b.t.Helper()
	b.inTx(func(tx core.App) (err error) {
		more, err = ledger.SettleAccrued(tx, b.Deps, ledger.Accrued{
			User: b.User(who).Id, Language: b.language, FactorBps: factorBps, ConsensusVersion: 5, SkillSeq: 77,
		})
		return err
	})
	return more
}

func (b *books) vote(verdict, who string) string { return b.reward(rewards.Validation, verdict, who) }

func TestUnprovenVotersAccrue(t *testing.T) {
	b := openBooks(t, 15000+1200) // to the last unit what is due now
	v := b.pay("c1", "approved", b.voter(apptest.Bola, unproven), b.voter(apptest.Chidi, worth(8000)), b.voter(apptest.Dayo, worth(0)))
	b.wants("after the verdict",
		b.reward(rewards.Clip, v, apptest.Ada), "pending 15000 at 10000 posted",
		b.vote(v, apptest.Bola), "accruing 1500 at 0",
		b.vote(v, apptest.Chidi), "pending 1200 at 8000 posted")
	if n := b.Int("SELECT COUNT(*) FROM rewards"); n != 3 || b.left() != 0 {
		t.Errorf("%d rewards, want 3; the campaign has %d left, want 0", n, b.left())
	}
	if got := b.Balance(apptest.Bola); got["accruing"] != 1500 || got["pending"] != 0 || got["earned"] != 0 || got["unfunded"] != 0 {
		t.Errorf("the wallet of an unproven voter is %v", got)
	}
	if got := b.Balance(apptest.Chidi); got["accruing"] != 0 || got["pending"] != 1200 {
		t.Errorf("the wallet of a proven voter is %v", got)
	}
	for column, want := range map[string][2]int64{"skill_seq": {0, 40}, "consensus_version": {0, 2}} {
		for i, who := range []string{apptest.Bola, apptest.Chidi} {
			key := dbx.Params{"key": rewards.Key(rewards.Validation, v, b.User(who).Id), "language": b.language}
			if got := b.Int("SELECT "+column+" FROM rewards WHERE [[key]] = {:key} AND language = {:language}", key); got != want[i] {
				t.Errorf("%s of %s is %d, want %d", column, who, got, want[i])
			}
		}
	}
	// What accrues is never released, however long it is held.
	b.Advance(1000 * time.Hour)
	if err := ledger.ReleaseDue(b.App, b.Deps); err != nil {
		t.Fatal(err)
	}
	b.wants("after the hold", b.vote(v, apptest.Bola), "accruing 1500 at 0", b.vote(v, apptest.Chidi), "released 1200 at 8000 posted")
}

func TestWhatAccruesIsSettledOnce(t *testing.T) {
	b := openBooks(t, 1_000_000)
	ambassador := func(v *rewards.Voter) { v.Unproven, v.Roles = true, []string{"ambassador"} }
	first := b.pay("c1", "rejected", b.voter(apptest.Bola, unproven), b.voter(apptest.Chidi, unproven))
	second := b.pay("c2", "rejected", b.voter(apptest.Bola, ambassador))
	hausa := b.language
	b.language = b.Language("sw")
	third := b.pay("c3", "rejected", b.voter(apptest.Bola, unproven))
	b.language = hausa

	due := b.Text("SELECT available_at FROM rewards WHERE verdict = {:v} AND user = {:u}", dbx.Params{"v": first, "u": b.User(apptest.Bola).Id})
	b.Advance(200 * time.Hour)
	for range 2 {
		if b.assess(apptest.Bola, 6001) {
			t.Error("there is more to settle")
		}
		b.wants("after the assessment",
			b.vote(first, apptest.Bola), "pending 900 at 6001 posted", // 900.15
			b.vote(second, apptest.Bola), "pending 1350 at 6001 posted", // 1350.225
			b.vote(third, apptest.Bola), "accruing 1500 at 0", // in another language
			b.vote(first, apptest.Chidi), "accruing 1500 at 0")
		if got := b.Balance(apptest.Bola); got["accruing"] != 1500 || got["pending"] != 2250 || got["earned"] != 2250 {
			t.Errorf("the wallet is %v", got)
		}
	}
	if n := b.Int("SELECT COUNT(*) FROM rewards WHERE factor_bps = 6001 AND consensus_version = 5 AND skill_seq = 77"); n != 2 {
		t.Errorf("%d rewards say what they rest on, want 2", n)
	}
	if n := b.Int("SELECT COUNT(*) FROM ledger_txs WHERE kind = 'reward_earned'"); n != 2 {
		t.Errorf("%d postings, want 2", n)
	}
	// The hold counts from the verdict, so it is over.
	if got := b.Text("SELECT available_at FROM rewards WHERE verdict = {:v} AND user = {:u}", dbx.Params{"v": first, "u": b.User(apptest.Bola).Id}); got != due {
		t.Errorf("available at %s, was %s", got, due)
	}
	if err := ledger.ReleaseDue(b.App, b.Deps); err != nil {
		t.Fatal(err)
	}
	b.wants("after the release", b.vote(first, apptest.Bola), "released 900 at 6001 posted")
}

func TestTwoAssessmentsAtOnceSettleOnce(t *testing.T) {
	b := openBooks(t, 1_000_000)
	for i := range 20 {
		b.pay(fmt.Sprintf("c%d", i), "rejected", b.voter(apptest.Bola, unproven))
	}
	bola := ledger.Accrued{User: b.User(apptest.Bola).Id, Language: b.language, FactorBps: 5000}
	var done sync.WaitGroup
	start := make(chan struct{})
	for range 8 {
		done.Go(func() {
			<-start
			err := b.App.RunInTransaction(func(tx core.App) error {
				_, err := ledger.SettleAccrued(tx, b.Deps, bola)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	close(start)
	done.Wait()
	if got := b.Balance(apptest.Bola); got["pending"] != 20*750 || got["accruing"] != 0 {
		t.Errorf("the wallet is %v", got)
	}
	verifyClean(t, b.Server)
}

func TestWhatIsWorthNothingIsVoid(t *testing.T) {
	b := openBooks(t, 1_000_000)
	ambassador := func(v *rewards.Voter) { v.Unproven, v.Roles = true, []string{"ambassador"} }
	plain := b.pay("c1", "rejected", b.voter(apptest.Bola, unproven), b.voter(apptest.Chidi, unproven))
	more := b.pay("c2", "rejected", b.voter(apptest.Bola, ambassador))
	b.assess(apptest.Bola, 6)
	b.assess(apptest.Chidi, 0)
	b.wants("after the assessment",
		b.vote(plain, apptest.Bola), "void 0 at 6", // 0.9
		b.vote(more, apptest.Bola), "pending 1 at 6 posted", // 1.35
		b.vote(plain, apptest.Chidi), "void 0 at 0")
	b.assess(apptest.Chidi, 10_000)
	b.wants("after another", b.vote(plain, apptest.Chidi), "void 0 at 0")
	if got := b.Balance(apptest.Chidi); got["accruing"] != 0 || got["pending"] != 0 || b.left() != 999_999 {
		t.Errorf("the wallet is %v, the campaign has %d left", got, b.left())
	}
	// A verdict that supersedes the first does not pay again what was void.
	again := b.pay("c1", "approved", b.voter(apptest.Bola, worth(10_000)), b.voter(apptest.Chidi, worth(10_000)), b.voter(apptest.Dayo, worth(10_000)))
	if n := b.Int("SELECT COUNT(*) FROM rewards WHERE verdict = {:v}", dbx.Params{"v": again}); n != 2 {
		t.Errorf("the second verdict brings %d rewards, want ada's and dayo's", n)
	}
}

// What accrues has no claim on the campaign: it neither uses the money up nor
// makes others wait. Once it is settled it stands where it was earned.
func TestWhatIsSettledLateIsPaidInTheOrderOfTheVerdicts(t *testing.T) {
	b := openBooks(t, 0)
	first := b.pay("c1", "rejected", b.voter(apptest.Bola, unproven))
	second := b.pay("c2", "approved", b.voter(apptest.Bola, unproven), b.voter(apptest.Chidi, worth(10_000)))
	owner := func() string { return b.reward(rewards.Clip, second, apptest.Ada) }
	b.Fund(2000) // too little for ada, who is first of those who wait
	b.wants("while bola is unproven", owner(), "unfunded 15000 at 10000", b.vote(second, apptest.Chidi), "unfunded 1500 at 10000")

	b.assess(apptest.Bola, 10_000)
	b.wants("at the assessment nobody is overtaken",
		b.vote(first, apptest.Bola), "unfunded 1500 at 10000", b.vote(second, apptest.Bola), "unfunded 1500 at 10000")
	b.Drain()
	b.wants("the older one stands before ada, the younger one behind",
		b.vote(first, apptest.Bola), "pending 1500 at 10000 posted", owner(), "unfunded 15000 at 10000",
		b.vote(second, apptest.Bola), "unfunded 1500 at 10000", b.vote(second, apptest.Chidi), "unfunded 1500 at 10000")
	b.Fund(14_500 + 1500)
	b.wants("when funds come",
		owner(), "pending 15000 at 10000 posted", b.vote(second, apptest.Bola), "pending 1500 at 10000 posted",
		b.vote(second, apptest.Chidi), "unfunded 1500 at 10000")
	b.Fund(1500)
	b.wants("at the end", b.vote(second, apptest.Chidi), "pending 1500 at 10000 posted")
	if b.left() != 0 {
		t.Errorf("the campaign has %d left", b.left())
	}
}

func TestWhatAccruesMakesNobodyWait(t *testing.T) {
	b := openBooks(t, 1500)
	v := b.pay("c1", "rejected", b.voter(apptest.Bola, unproven), b.voter(apptest.Chidi, worth(10_000)))
	b.wants("the second voter is paid", b.vote(v, apptest.Chidi), "pending 1500 at 10000 posted")
	b.assess(apptest.Bola, 5000)
	b.wants("and the first waits for funds", b.vote(v, apptest.Bola), "unfunded 750 at 5000")
	b.Fund(750)
	b.wants("and is paid", b.vote(v, apptest.Bola), "pending 750 at 5000 posted")
}

func TestManyRewardsAreSettledInBatches(t *testing.T) {
	b := openBooks(t, 150*1500)
	const all = 401
	for i := range all {
		b.pay(fmt.Sprintf("c%d", i), "rejected", b.voter(apptest.Bola, unproven))
	}
	for i, want := range []struct {
		more    bool
		settled int64
	}{{true, 200}, {true, 400}, {false, all}, {false, all}} {
		if more := b.assess(apptest.Bola, 10_000); more != want.more {
			t.Errorf("batch %d: more is %v", i, more)
		}
		if n := b.Int("SELECT COUNT(*) FROM rewards WHERE state != 'accruing'"); n != want.settled {
			t.Errorf("batch %d: %d are settled, want %d", i, n, want.settled)
		}
	}
	b.Drain()
	if paid, last := b.Int("SELECT COUNT(*) FROM rewards WHERE state = 'pending'"), b.Int("SELECT MAX(seq) FROM rewards WHERE state = 'pending'"); paid != 150 || last != 150 {
		t.Errorf("%d are paid, the last is %d, want the first 150", paid, last)
	}
	b.Fund(1_000_000)
	if n := b.Int("SELECT COUNT(*) FROM rewards WHERE state = 'pending'"); n != all {
		t.Errorf("%d are paid in the end", n)
	}
	verifyClean(t, b.Server)
}

func TestSettlingIsRefused(t *testing.T) {
	b := openBooks(t, 1_000_000)
	v := b.pay("c1", "rejected", b.voter(apptest.Bola, unproven))
	bola := ledger.Accrued{User: b.User(apptest.Bola).Id, Language: b.language}
	if _, err := ledger.SettleAccrued(b.App, b.Deps, bola); err == nil {
		t.Error("settled outside a transaction")
	}
	for _, factor := range []int64{-1, 10_001} {
		bola.FactorBps = factor
		err := b.App.RunInTransaction(func(tx core.App) error {
			_, err := ledger.SettleAccrued(tx, b.Deps, bola)
			return err
		})
		if err == nil {
			t.Errorf("settled with %d basis points", factor)
		}
	}
	b.wants("afterwards", b.vote(v, apptest.Bola), "accruing 1500 at 0")
}

// listen subscribes to a person's wallet; next waits for one message.
func (b *books) listen(who string) (next func()) {
	b.t.Helper()
	client := subscriptions.NewDefaultClient()
	person := b.User(who)
	client.Set(apis.RealtimeClientAuthKey, person)
	client.Subscribe("lingualink/wallet/" + person.Id)
	b.App.SubscriptionsBroker().Register(client)
	return func() {
		b.t.Helper()
		select {
		case message := <-client.Channel():
			if string(message.Data) != `{"currency":"NGN"}` {
				b.t.Errorf("the message is %s", message.Data)
			}
		case <-time.After(10 * time.Second):
			b.t.Error("the wallet changed and nobody was told")
		}
	}
}

func TestWalletsOfAccruingRewardsAreAnnounced(t *testing.T) {
	b := openBooks(t, 0)
	next := b.listen(apptest.Bola)
	b.pay("c1", "rejected", b.voter(apptest.Bola, unproven))
	next()
	b.assess(apptest.Bola, 10_000) // unfunded
	next()
	b.pay("c2", "rejected", b.voter(apptest.Bola, unproven))
	next()
	b.assess(apptest.Bola, 0) // void
	next()
	next = b.listen(apptest.Ada)
	v := b.pay("c3", "approved")
	next()
	b.overturn(v) // was unfunded
	next()
}
