package consensus

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/rewards"
)

// pay lets internal/rewards decide who is paid for the verdicts and has the
// ledger pay. An escalated clip pays nobody: the verdict that follows does.
func pay(tx core.App, deps *shell.Deps, now time.Time, rulings []ruling, verdicts []string, parents map[string]string) error {
	p, err := newPaymaster(tx, now, rulings)
	if err != nil {
		return err
	}
	earnings := []ledger.Earning{}
	for i, r := range rulings {
		if r.explanation.Outcome == engine.Escalated {
			continue
		}
		terms, err := p.termsOf(r.clip)
		if err != nil {
			return err
		}
		earned, err := rewards.Decide(terms.policy, p.input(r, verdicts[i], parents[r.clip.Parent], terms))
		if err != nil {
			return err
		}
		earnings = append(earnings, ledger.Earning{
			Clip: r.clip.ID, Verdict: verdicts[i], Language: r.clip.Language, Campaign: ledger.Campaign{ID: r.clip.Campaign, Currency: money.Currency(r.clip.Currency)},
			Rewards: earned, PolicyVersion: terms.version, Hold: terms.policy.Hold(),
		})
	}
	return ledger.Earn(tx, deps, earnings...)
}

// paymaster knows what the pay of some verdicts depends on.
type paymaster struct {
	tx    core.App
	now   time.Time
	terms map[[2]string]terms // by language and currency
	roles map[string][]string
	trust map[skillKey]trusted
	paid  map[string][]rewards.Paid // by clip
}

// terms are the rates and rules of a language and currency.
type terms struct {
	policy           rewards.Policy
	version          int64
	clip, validation rewards.Rate
}

// trusted is what the last assessment of a validator in a language said. Pay
// follows that and not the live skill: a figure that moves with every answer
// would tell which clip was a control.
type trusted struct {
	Validator     string `db:"validator"`
	Language      string `db:"language"`
	State         string `db:"state"`
	PayBps        int64  `db:"pay_bps"`
	Seq           int64  `db:"seq"`
	PolicyVersion int64  `db:"policy_version"`
}

func newPaymaster(tx core.App, now time.Time, rulings []ruling) (*paymaster, error) {
	p := &paymaster{tx: tx, now: now, terms: map[[2]string]terms{}, trust: map[skillKey]trusted{}, paid: map[string][]rewards.Paid{}}
	people, again := []string{}, []string{}
	for _, r := range rulings {
		for _, vote := range r.votes {
			people = append(people, vote.Validator)
		}
		if r.again {
			again = append(again, r.clip.ID)
		}
	}
	var err error
	if p.roles, err = rolesOf(tx, people); err != nil {
		return nil, err
	}
	rows := []trusted{}
	if err := tx.DB().Select("validator", "language", "state", "pay_bps", "seq", "policy_version").From("trust").Where(shell.In("validator", people)).All(&rows); err != nil {
		return nil, err
	}
	for _, row := range rows {
		p.trust[skillKey{row.Validator, row.Language}] = row
	}
	if len(again) > 0 {
		p.paid, err = ledger.AlreadyPaid(tx, again...)
	}
	return p, err
}

func (p *paymaster) termsOf(clip clipRow) (terms, error) {
	key := [2]string{clip.Language, clip.Currency}
	if known, ok := p.terms[key]; ok {
		return known, nil
	}
	var t terms
	var err error
	if t.policy, t.version, err = shell.Policy(p.tx, p.now, shell.PolicyRewards, clip.Language, rewards.ParsePolicy); err != nil {
		return t, err
	}
	if t.clip, err = ledger.RateFor(p.tx, p.now, collections.ActionClip, clip.Language, money.Currency(clip.Currency)); err != nil {
		return t, err
	}
	if t.validation, err = ledger.RateFor(p.tx, p.now, collections.ActionValidation, clip.Language, money.Currency(clip.Currency)); err != nil {
		return t, err
	}
	p.terms[key] = t
	return t, nil
}

// input is a verdict as internal/rewards looks at it. A control pays its voters
// like any clip, and no speaker.
func (p *paymaster) input(r ruling, verdict, parentOwner string, t terms) rewards.Input {
	input := rewards.Input{
		Verdict: verdict, Outcome: string(r.explanation.Outcome), Owner: r.clip.Owner, ParentOwner: parentOwner, Currency: money.Currency(r.clip.Currency),
		ClipRate: t.clip, ValidationRate: t.validation, AlreadyPaid: p.paid[r.clip.ID],
	}
	if r.clip.Gold != "" {
		input.ClipRate = rewards.Rate{}
	}
	for _, vote := range r.votes {
		trust := p.trust[skillKey{vote.Validator, r.clip.Language}]
		input.Voters = append(input.Voters, rewards.Voter{
			Person: rewards.Person{ID: vote.Validator, Roles: p.roles[vote.Validator]},
			Choice: string(vote.Choice), Rewarded: vote.Rewarded,
			FactorBps: trust.PayBps, Unproven: trust.State == "" || trust.State == collections.TrustUnproven,
			SkillSeq: trust.Seq, ConsensusVersion: trust.PolicyVersion,
		})
	}
	return input
}

// rolesOf are the people's present roles.
func rolesOf(tx core.App, people []string) (map[string][]string, error) {
	rows := []struct {
		ID    string `db:"id"`
		Roles string `db:"roles"`
	}{}
	if err := tx.DB().Select("id", "roles").From("users").Where(shell.In("id", people)).All(&rows); err != nil {
		return nil, err
	}
	roles := map[string][]string{}
	for _, row := range rows {
		var held []string
		if row.Roles != "" {
			if err := json.Unmarshal([]byte(row.Roles), &held); err != nil {
				return nil, fmt.Errorf("roles of %s: %w", row.ID, err)
			}
		}
		roles[row.ID] = held
	}
	return roles, nil
}
