package referral

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/rewards"
)

// Step is one line of the worked example.
type Step struct {
	At          time.Time
	What        string
	AmountMinor int64 // what Ada earns by it, in Currency; 0: nothing
	Currency    money.Currency
}

// clipRate is what a clip pays in the example: the rate for Nigeria at first.
const clipRate = 15_000

// Story is the worked example of docs/referrals.md, reckoned with a policy: Ada
// invites Bola, who sends approved clips on several days and goes on. It fails
// where the functions that pay would.
func Story(p Policy) ([]Step, error) {
	const currency = money.NGN
	signedUp := time.Date(2027, 3, 1, 9, 0, 0, 0, time.UTC)
	s := &story{policy: p, currency: currency}
	claim := Claim{Referred: "bola", Referrer: "ada", ReferredAt: signedUp, ReferrerAt: signedUp.AddDate(-1, 0, 0)}
	if reason := Attribute(p, claim, signedUp); reason != Attributed {
		return nil, fmt.Errorf("referral: the example is not attributed: %s", reason)
	}
	s.tell(signedUp, "Bola signs up with Ada's code. Nothing is earned by that.", 0)

	bola := p.Start(signedUp)
	bola, _ = bola.Apply(Verified{}, signedUp)
	s.tell(signedUp.Add(time.Hour), "Bola confirms the e-mail address.", 0)
	turn, clips := Unchanged, int64(0)
	for turn != Activated {
		sent := signedUp.Add(days(clips) + 3*time.Hour)
		decided := sent.Add(6 * time.Hour)
		clips++
		before := bola.Progress()
		bola, turn = bola.Apply(Act{Clip, fmt.Sprint("clip-", clips), 1, sent, true, p.OutsideVoters}, decided)
		if bola.Progress() == before {
			return nil, fmt.Errorf("referral: clip %d of the example brings Bola no further", clips)
		}
		s.tell(decided, fmt.Sprintf("Clip %d is approved, on day %d.", clips, bola.Progress().Days), 0)
	}
	bonus, err := p.Bonus(currency, NoTier, Usage{})
	if err != nil {
		return nil, err
	}
	s.tell(bola.ActivatedAt, "Bola is active: Ada earns the bonus, on hold.", bonus.AmountMinor)

	earned := int64(0)
	for _, day := range []int64{10, 20, 20 + p.CommissionDays} {
		at := signedUp.Add(days(day) + 12*time.Hour)
		c, err := p.Commission(Released{rewards.Clip, currency, 10 * clipRate, at, bola.ActivatedAt, earned})
		if err != nil {
			return nil, err
		}
		earned += c.AmountMinor
		what := fmt.Sprintf("Bola's rewards of %s are released.", money.Format(10*clipRate, currency))
		switch {
		case c.Cut == CutPeriod:
			what += fmt.Sprintf(" The %d days of commission are over.", p.CommissionDays)
		case c.AmountMinor > 0:
			what += fmt.Sprintf(" Ada earns %s of it, on hold.", percent(p.CommissionBps))
		}
		s.tell(at, what, c.AmountMinor)
	}
	s.tell(bola.ActivatedAt.Add(p.Hold()), fmt.Sprintf("The hold of %d days is over: Ada's bonus of %s can be paid out.", p.HoldHours/24, money.Format(bonus.AmountMinor, currency)), 0)
	return s.inOrder(), nil
}

type story struct {
	policy   Policy
	currency money.Currency
	steps    []Step
}

func (s *story) tell(at time.Time, what string, amountMinor int64) {
	s.steps = append(s.steps, Step{at, what, amountMinor, s.currency})
}

func (s *story) inOrder() []Step {
	slices.SortStableFunc(s.steps, func(a, b Step) int { return a.At.Compare(b.At) })
	return s.steps
}

// percent writes basis points for people: 500 is "5 %".
func percent(bps int64) string {
	if bps%100 == 0 {
		return fmt.Sprintf("%d %%", bps/100)
	}
	return strings.TrimRight(fmt.Sprintf("%d.%02d", bps/100, bps%100), "0") + " %"
}

// Table writes the steps as a Markdown table.
func Table(steps []Step) string {
	var out strings.Builder
	out.WriteString("| Day | What happens | Ada earns |\n|---|---|---|\n")
	for _, s := range steps {
		amount := ""
		if s.AmountMinor != 0 {
			amount = money.Format(s.AmountMinor, s.Currency)
		}
		fmt.Fprintf(&out, "| %s | %s | %s |\n", s.At.Format("2 January"), s.What, amount)
	}
	return out.String()
}
