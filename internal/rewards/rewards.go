// Package rewards decides who is paid what for a verdict, and under which key,
// in one place. It refuses to pay for a verdict that contradicts itself (an
// owner among the voters, a remix of one's own clip), to round more than once,
// to pay one person twice for one clip, and to split a clip's rate into shares
// that do not add up to it.
//
// An approved clip pays its owner the clip rate, or the owner and the owner of
// the clip it remixes a share each. A vote on a decided clip pays the validation
// rate times the voter's informativeness and the highest multiplier of their
// roles, whatever the vote says: who disagrees with a verdict loses skill, not
// money, and nobody earns by guessing what the others will say. Of somebody
// whose informativeness is not known yet the reward accrues until it is. The
// policy may pay those who agree with the verdict, in full, instead. An
// escalated clip pays nobody: the verdict that follows does.
package rewards

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
)

// The outcomes of a verdict and the choices of a vote.
const (
	outcomeApproved  = "approved"
	outcomeRejected  = "rejected"
	outcomeEscalated = "escalated"

	choiceApprove = "approve"
	choiceReject  = "reject"
)

// Rule names what a reward is for.
type Rule string

// The rules.
const (
	Clip        Rule = "clip"         // the owner of an approved clip
	Remix       Rule = "remix"        // the owner of an approved remix
	RemixParent Rule = "remix_parent" // the owner of the clip that was remixed
	Validation  Rule = "validation"   // a voter
)

// Rate is what one act pays: minor units of the campaign's currency, and the
// version of the rate for the record.
type Rate struct {
	AmountMinor int64
	Version     int64
}

// Person is somebody with roles; unknown roles pay nothing extra.
type Person struct {
	ID    string
	Roles []string
}

// Voter is a person and the vote. The last four fields are what is known about
// the person in the clip's language; [PayAgreement] does not look at them.
type Voter struct {
	Person
	Choice   string // approve or reject
	Rewarded bool   // false for a vote beyond the daily cap

	Unproven         bool  // nobody knows yet how much their answers tell
	FactorBps        int64 // share of the rate that their answers are worth, 0 to money.Unit
	SkillSeq         int64 // the last skill event that FactorBps rests on
	ConsensusVersion int64 // of the policy that it was reckoned by
}

// Paid names a reward that somebody has for the clip.
type Paid struct {
	Rule Rule
	User string
}

// Input is a verdict as far as pay depends on it.
type Input struct {
	Verdict        string // id
	Outcome        string // approved, rejected or escalated
	Owner          string
	ParentOwner    string  // empty: the clip is no remix
	Voters         []Voter // one entry per person
	ClipRate       Rate    // zero pays the voters and no speaker, as on a clip made to measure them
	ValidationRate Rate
	Currency       money.Currency
	// AlreadyPaid are the rewards that earlier verdicts on the clip brought and
	// nobody took back, those that accrue or wait for funds included. They are
	// not paid again.
	AlreadyPaid []Paid
}

// Reward is what one person is paid under one rule, and how it was reckoned:
//
//	clip rules:  BaseMinor × ShareBps, by largest remainder
//	validation:  floor(BaseMinor × FactorBps × MultiplierBps)
//
// What does not apply is money.Unit, or 0 for the last two. A reward that accrues
// has FactorBps 0 and the AmountMinor that it comes to at most, with the full
// factor: a figure to show, not to pay.
type Reward struct {
	Key              string // the same for ever for this rule, verdict and person
	Rule             Rule
	User             string
	Currency         money.Currency
	Accruing         bool
	BaseMinor        int64
	FactorBps        int64
	MultiplierBps    int64
	ShareBps         int64
	AmountMinor      int64 // at least 1
	RateVersion      int64
	SkillSeq         int64
	ConsensusVersion int64
}

// Key is the idempotency key of a reward.
func Key(rule Rule, verdict, user string) string {
	return "reward:" + string(rule) + ":" + verdict + ":" + user
}

// Decide returns the rewards of a verdict: the owner's, the parent's owner's,
// then the voters' in the order given. An amount that comes to 0 is no reward.
//
// A rate that is negative or beyond money.MaxMinor, or pay beyond it, is the
// error of package money; input that no verdict can have is a plain error, a
// mistake of the caller.
func Decide(p Policy, in Input) ([]Reward, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	if in.Outcome == outcomeEscalated {
		return nil, nil
	}
	rewards, err := forClip(p, in)
	if err != nil {
		return nil, err
	}
	for _, v := range in.Voters {
		if !v.Rewarded {
			continue
		}
		r, err := forVote(p, in, v)
		if err != nil {
			return nil, err
		}
		rewards = append(rewards, r)
	}
	return in.payable(rewards), nil
}

// forVote reckons what a rewarded vote comes to.
func forVote(p Policy, in Input, v Voter) (Reward, error) {
	r := Reward{
		Rule: Validation, User: v.ID, BaseMinor: in.ValidationRate.AmountMinor,
		MultiplierBps: p.multiplier(v.Roles), ShareBps: money.Unit, RateVersion: in.ValidationRate.Version,
	}
	switch {
	case p.ValidationPay == PayAgreement && agrees(v.Choice, in.Outcome):
		r.FactorBps = money.Unit
	case p.ValidationPay == PayAgreement:
	case p.ValidationPay != PayInformativeness:
		return Reward{}, in.impossible("the policy pays by %q", p.ValidationPay)
	case v.Unproven:
		r.Accruing = true
	default:
		r.FactorBps, r.SkillSeq, r.ConsensusVersion = v.FactorBps, v.SkillSeq, v.ConsensusVersion
	}
	factor := r.FactorBps
	if r.Accruing {
		factor = money.Unit
	}
	var err error
	r.AmountMinor, err = Pay(r.BaseMinor, factor, r.MultiplierBps)
	return r, err
}

// forClip shares the clip rate among those who made an approved clip.
func forClip(p Policy, in Input) ([]Reward, error) {
	if in.Outcome != outcomeApproved {
		return nil, nil
	}
	rewards := []Reward{{Rule: Clip, User: in.Owner, ShareBps: money.Unit}}
	if in.ParentOwner != "" {
		rewards = []Reward{
			{Rule: Remix, User: in.Owner, ShareBps: money.Unit - p.RemixParentBps},
			{Rule: RemixParent, User: in.ParentOwner, ShareBps: p.RemixParentBps},
		}
	}
	weights := make([]int64, len(rewards))
	for i, r := range rewards {
		weights[i] = r.ShareBps
	}
	shares, err := money.Allocate(in.ClipRate.AmountMinor, weights)
	if err != nil {
		return nil, err
	}
	for i := range rewards {
		r := &rewards[i]
		r.BaseMinor, r.RateVersion = in.ClipRate.AmountMinor, in.ClipRate.Version
		r.FactorBps, r.MultiplierBps = money.Unit, money.Unit
		r.AmountMinor = shares[i]
	}
	return rewards, nil
}

// payable drops what comes to nothing or was paid before, and completes the rest.
func (in Input) payable(rewards []Reward) []Reward {
	kept := rewards[:0]
	for _, r := range rewards {
		if r.AmountMinor > 0 && !slices.Contains(in.AlreadyPaid, Paid{r.Rule, r.User}) {
			r.Key, r.Currency = Key(r.Rule, in.Verdict, r.User), in.Currency
			kept = append(kept, r)
		}
	}
	return kept
}

func agrees(choice, outcome string) bool {
	return outcome == outcomeApproved && choice == choiceApprove ||
		outcome == outcomeRejected && choice == choiceReject
}

func (in Input) check() error {
	for _, rate := range []Rate{in.ClipRate, in.ValidationRate} {
		if _, err := Pay(rate.AmountMinor, money.Unit, money.Unit); err != nil {
			return err
		}
	}
	switch in.Outcome {
	case outcomeApproved, outcomeRejected, outcomeEscalated:
	default:
		return in.impossible("its outcome is %q", in.Outcome)
	}
	if in.Verdict == "" || in.Owner == "" {
		return in.impossible("it has no id or no owner")
	}
	if in.ParentOwner == in.Owner {
		return in.impossible("%s remixes an own clip", in.Owner)
	}
	seen := make(map[string]bool, len(in.Voters))
	for _, v := range in.Voters {
		switch {
		case v.Choice != choiceApprove && v.Choice != choiceReject:
			return in.impossible("%s votes %q", v.ID, v.Choice)
		case v.ID == "":
			return in.impossible("a vote is nobody's")
		case v.ID == in.Owner:
			return in.impossible("%s votes on an own clip", v.ID)
		case v.FactorBps < 0 || v.FactorBps > money.Unit:
			return in.impossible("the answers of %s are worth %d", v.ID, v.FactorBps)
		case seen[v.ID]:
			return in.impossible("%s votes twice", v.ID)
		}
		seen[v.ID] = true
	}
	return nil
}

func (in Input) impossible(format string, args ...any) error {
	return fmt.Errorf("rewards: verdict %q: "+format, append([]any{in.Verdict}, args...)...)
}

// Pay returns floor(baseMinor × factorBps × multiplierBps / 10^8): both rates
// in basis points, everything multiplied first, one floor at the end. A negative
// argument is fault.AmountInvalid; a base or a result beyond money.MaxMinor, or
// rates whose product does not fit 64 bits, are fault.AmountOverflow.
func Pay(baseMinor, factorBps, multiplierBps int64) (int64, error) {
	if baseMinor < 0 || factorBps < 0 || multiplierBps < 0 {
		return 0, fault.AmountInvalid.On("amount_minor")
	}
	overflow := fault.AmountOverflow.On("amount_minor")
	tooMuch, rate := bits.Mul64(uint64(factorBps), uint64(multiplierBps))
	if baseMinor > money.MaxMinor || tooMuch != 0 {
		return 0, overflow
	}
	high, low := bits.Mul64(uint64(baseMinor), rate)
	if high >= money.Unit*money.Unit { // the quotient would not fit 64 bits
		return 0, overflow
	}
	pay, _ := bits.Div64(high, low, money.Unit*money.Unit)
	if pay > money.MaxMinor {
		return 0, overflow
	}
	return int64(pay), nil
}
