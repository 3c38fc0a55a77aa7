package ledger

import (
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/rewards"
)

// Grant is a reward that no verdict brings: a referral bonus or commission, a
// stipend.
type Grant struct {
	Key      string // for ever the same for what it is for, as [rewards.Key] makes it
	Rule     rewards.Rule
	User     string
	Campaign Campaign
	// AmountMinor is what is paid. 0 is recorded with its Cut and never paid: the
	// person sees why.
	AmountMinor   int64
	BaseMinor     int64 // what it was reckoned from
	FactorBps     int64 // share of the base; money.Unit is all
	MultiplierBps int64 // of a tier; money.Unit is none
	Cut           string
	Referral      string // row of referrals, if any
	Subject       string // what exactly it is for: see collections/ledger.go
	Language      string // of the clip behind it, if any
	PolicyVersion int64
	Hold          time.Duration
}

// AddGrants records grants that are not recorded yet, and posts those that their
// campaigns can pay, in order with everything else that waits for the campaign.
// A key that was recorded before is left alone, whatever became of it, and its
// index is not among those returned.
func AddGrants(tx core.App, deps *shell.Deps, grants ...Grant) (added []int, err error) {
	if !tx.IsTransactional() {
		return nil, errOutsideTransaction
	}
	keys := make([]string, len(grants))
	for i, grant := range grants {
		keys[i] = grant.Key
	}
	recorded := []string{}
	if err := tx.DB().Select("key").From("rewards").Where(shell.In("key", keys)).Column(&recorded); err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, key := range recorded {
		known[key] = true
	}
	due, now := []owed{}, deps.Clock.Now()
	for i, grant := range grants {
		if !known[grant.Key] {
			known[grant.Key] = true
			added = append(added, i)
			due = append(due, grant.owed(now))
		}
	}
	return added, owe(tx, deps, due)
}

func (grant Grant) owed(now time.Time) owed {
	state := collections.RewardUnfunded
	if grant.AmountMinor == 0 {
		state = collections.RewardVoid
	}
	return owed{
		rewardRow: rewardRow{
			Key: grant.Key, Rule: grant.Rule, User: grant.User, Referral: grant.Referral, Subject: grant.Subject, Version: grant.PolicyVersion,
			Campaign: grant.Campaign.ID, Currency: grant.Campaign.Currency, Amount: grant.AmountMinor,
		},
		cut: grant.AmountMinor == 0,
		row: dbx.Params{
			"key": grant.Key, "user": grant.User, "rule": string(grant.Rule),
			"clip": "", "verdict": "", "language": grant.Language, "referral": grant.Referral, "subject": grant.Subject, "cut": grant.Cut,
			"campaign": grant.Campaign.ID, "currency": string(grant.Campaign.Currency),
			"amount_minor": grant.AmountMinor, "base_minor": grant.BaseMinor, "factor_bps": grant.FactorBps, "multiplier_bps": grant.MultiplierBps,
			"rate_version": 0, "policy_version": grant.PolicyVersion, "consensus_version": 0, "skill_seq": 0,
			"state": state, "tx": "", "available_at": shell.Stamp(now.Add(grant.Hold)),
		},
	}
}
