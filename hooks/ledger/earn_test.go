package ledger_test

import (
	"fmt"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/rewards"
)

// books is a server with money, on which verdicts are paid without votes.
type books struct {
	*hookstest.Server
	t        *testing.T
	language string
	verdicts int
}

// openBooks puts money into the general campaign, if any.
func openBooks(t *testing.T, minor int64) *books {
	t.Helper()
	s := hookstest.Start(t)
	if minor > 0 {
		s.Fund(minor)
	}
	return &books{Server: s, t: t, language: s.Language("ha")}
}

// inTx runs fn in a transaction and fails the test on its error.
func (b *books) inTx(fn func(tx core.App) error) {
	b.t.Helper()
	if err := b.App.RunInTransaction(fn); err != nil {
		b.t.Fatal(err)
	}
}

// voter votes to approve; change says what is known about them.
func (b *books) voter(who string, change func(*rewards.Voter)) rewards.Voter {
	v := rewards.Voter{Person: rewards.Person{ID: b.User(who).Id}, Choice: "approve", Rewarded: true}
	change(&v)
	return v
}

func unproven(v *rewards.Voter) { v.Unproven = true }

// worth is a proven voter.
func worth(factorBps int64) func(*rewards.Voter) {
	return func(v *rewards.Voter) { v.FactorBps, v.SkillSeq, v.ConsensusVersion = factorBps, 40, 2 }
}

// pay decides who is paid for a new verdict on a clip of ada's, and has them paid.
func (b *books) pay(clip, outcome string, voters ...rewards.Voter) (verdict string) {
	b.t.Helper()
	return b.payRemix(clip, "", outcome, voters...)
}

func (b *books) payRemix(clip, parentOwner, outcome string, voters ...rewards.Voter) (verdict string) {
	b.t.Helper()
	earning := b.earning(clip, parentOwner, outcome, voters...)
	b.inTx(func(tx core.App) error { return ledger.Earn(tx, b.Deps, earning) })
	return earning.Verdict
}

// earning is what a new verdict on a clip of ada's brings.
func (b *books) earning(clip, parentOwner, outcome string, voters ...rewards.Voter) ledger.Earning {
	b.t.Helper()
	paid, err := ledger.AlreadyPaid(b.App, clip)
	if err != nil {
		b.t.Fatal(err)
	}
	b.verdicts++
	in := rewards.Input{
		Verdict: fmt.Sprintf("v%d", b.verdicts), Outcome: outcome, Owner: b.User(apptest.Ada).Id, ParentOwner: parentOwner,
		Voters: voters, Currency: money.NGN, AlreadyPaid: paid[clip],
		ClipRate: b.rate("clip"), ValidationRate: b.rate("validation"),
	}
	policy := rewards.DefaultPolicy()
	earned, err := rewards.Decide(policy, in)
	if err != nil {
		b.t.Fatal(err)
	}
	return ledger.Earning{
		Clip: clip, Verdict: in.Verdict, Language: b.language, Campaign: ledger.Campaign{ID: b.GeneralCampaign(), Currency: money.NGN},
		Rewards: earned, Hold: policy.Hold(),
	}
}

func (b *books) rate(action string) rewards.Rate {
	b.t.Helper()
	rate, err := ledger.RateFor(b.App, b.Deps.Clock.Now(), action, b.language, money.NGN)
	if err != nil {
		b.t.Fatal(err)
	}
	return rate
}

// reward is one row as a text: state, amount, factor, whether it names a posting.
func (b *books) reward(rule rewards.Rule, verdict, who string) string {
	b.t.Helper()
	return b.Text(`SELECT state || ' ' || amount_minor || ' at ' || factor_bps || CASE tx WHEN '' THEN '' ELSE ' posted' END FROM rewards WHERE [[key]] = {:key}`,
		dbx.Params{"key": rewards.Key(rule, verdict, b.User(who).Id)})
}

// left is what the campaign can still give away.
func (b *books) left() int64 {
	b.t.Helper()
	return b.Int("SELECT balance_minor FROM ledger_accounts WHERE campaign = {:campaign}", dbx.Params{"campaign": b.GeneralCampaign()})
}

// wants compares rewards, given as alternating pairs of what they are and what
// they should be.
func (b *books) wants(what string, pairs ...string) {
	b.t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i] != pairs[i+1] {
			b.t.Errorf("%s: reward %d is %q, want %q", what, i/2+1, pairs[i], pairs[i+1])
		}
	}
	verifyClean(b.t, b.Server)
}

func TestVerdictsOfOneCommitSpendTheSameMoney(t *testing.T) {
	b := openBooks(t, 15_000+1500+14_999)
	first := b.earning("c1", "", "approved", b.voter(apptest.Bola, worth(10_000)))
	second := b.earning("c2", "", "approved", b.voter(apptest.Chidi, worth(10_000)), b.voter(apptest.Dayo, unproven))
	b.inTx(func(tx core.App) error { return ledger.Earn(tx, b.Deps, first, ledger.Earning{}, second) })
	b.wants("paid until the money ends, and nobody overtakes",
		b.reward(rewards.Clip, "v1", apptest.Ada), "pending 15000 at 10000 posted", b.vote("v1", apptest.Bola), "pending 1500 at 10000 posted",
		b.reward(rewards.Clip, "v2", apptest.Ada), "unfunded 15000 at 10000", b.vote("v2", apptest.Chidi), "unfunded 1500 at 10000",
		b.vote("v2", apptest.Dayo), "accruing 1500 at 0")
	if got := b.Text("SELECT group_concat(seq || ' ' || verdict, ', ') FROM (SELECT seq, verdict FROM rewards ORDER BY seq)", nil); got != "1 v1, 2 v1, 3 v2, 4 v2, 5 v2" {
		t.Errorf("in the order %s", got)
	}
	paid, err := ledger.AlreadyPaid(b.App, "c2", "c3")
	if ada := b.User(apptest.Ada).Id; err != nil || len(paid) != 1 || len(paid["c2"]) != 3 || paid["c2"][0] != (rewards.Paid{Rule: rewards.Clip, User: ada}) {
		t.Errorf("already paid: %v, %v", paid, err)
	}
}
