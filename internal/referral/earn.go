package referral

import (
	"slices"
	"strconv"
	"time"

	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/rewards"
)

// What a referrer is paid for.
const (
	Bonus      rewards.Rule = "referral_bonus"      // somebody became active
	Commission rewards.Rule = "referral_commission" // a reward was released to somebody active
	Stipend    rewards.Rule = "ambassador_stipend"  // a month as an ambassador
)

// Cut names what made an amount smaller than it would be, or nothing.
type Cut string

// The cuts.
const (
	Uncut        Cut = ""
	CutCurrency  Cut = "no_bonus_in_currency"
	CutDay       Cut = "bonuses_per_day"
	CutMonth     Cut = "bonuses_per_month"
	CutPerson    Cut = "commission_bonuses" // the most for one person is reached, by this amount perhaps
	CutInactive  Cut = "not_active"         // not activated, or withdrawn, when the reward was released
	CutPeriod    Cut = "commission_days"    // the days are over
	CutRule      Cut = "not_a_contribution" // bonuses, commission, stipends: nothing over two generations
	CutTooLittle Cut = "below_one_unit"     // the share comes to less than one minor unit
)

// Earned is what one cause brings the referrer.
type Earned struct {
	AmountMinor int64 // to pay; 0: nothing
	FullMinor   int64 // without the cut
	Cut         Cut
}

// Usage is what a referrer was paid before: bonuses that nobody took back, of
// activations on the same day and in the same month (UTC).
type Usage struct{ Day, Month int64 }

// Bonus is what an activation brings. One above a cap is not paid later either:
// a cap that only delays would stop no farm. The error is that of package money.
func (p Policy) Bonus(c money.Currency, tier Tier, used Usage) (Earned, error) {
	full, err := money.MulBps(p.BonusMinor.Of(c), p.TierBps(tier))
	if err != nil {
		return Earned{}, err
	}
	e := Earned{FullMinor: full}
	switch {
	case full == 0:
		e.Cut = CutCurrency
	case used.Month >= p.BonusesPerMonth:
		e.Cut = CutMonth
	case used.Day >= p.BonusesPerDay:
		e.Cut = CutDay
	default:
		e.AmountMinor = full
	}
	return e, nil
}

// Released is a reward that became available to a referred person.
type Released struct {
	Rule        rewards.Rule
	Currency    money.Currency
	AmountMinor int64
	At          time.Time
	Activated   time.Time // when the person became active; zero: is not
	BeforeMinor int64     // commission for this person in this currency that nobody took back
}

// Commission is the referrer's part in a released reward, rounded down. The
// error is that of package money.
func (p Policy) Commission(r Released) (Earned, error) {
	full, err := money.MulBps(r.AmountMinor, p.CommissionBps)
	if err != nil {
		return Earned{}, err
	}
	most, err := p.MostCommission(r.Currency)
	if err != nil {
		return Earned{}, err
	}
	e := Earned{FullMinor: full}
	switch left := max(0, most-max(0, r.BeforeMinor)); {
	case !contribution(r.Rule):
		e = Earned{Cut: CutRule}
	case r.Activated.IsZero() || r.At.Before(r.Activated):
		e.Cut = CutInactive
	case !r.At.Before(p.CommissionEnds(r.Activated)):
		e.Cut = CutPeriod
	case full == 0:
		e.Cut = CutTooLittle
	case full > left:
		e.AmountMinor, e.Cut = left, CutPerson
	default:
		e.AmountMinor = full
	}
	return e, nil
}

// MostCommission is the most that one referred person brings in commission. The
// tier of the referrer has no part in it.
func (p Policy) MostCommission(c money.Currency) (int64, error) {
	return money.MulBps(p.BonusMinor.Of(c), p.CommissionBonuses*money.Unit)
}

// contribution tells whether a reward is for work on clips.
func contribution(rule rewards.Rule) bool {
	return slices.Contains([]rewards.Rule{rewards.Clip, rewards.Remix, rewards.RemixParent, rewards.Validation}, rule)
}

// BonusSubject is what a bonus is paid for: a referral and the round in which
// its person became active.
func BonusSubject(referral string, round int64) string {
	return referral + "." + strconv.FormatInt(round, 10)
}

// BonusKey is the idempotency key of a bonus: one for every round.
func BonusKey(referral string, round int64, referrer string) string {
	return rewards.Key(Bonus, BonusSubject(referral, round), referrer)
}

// CommissionKey is the idempotency key of a commission: one for every reward.
func CommissionKey(rewardTx, referrer string) string {
	return rewards.Key(Commission, rewardTx, referrer)
}
