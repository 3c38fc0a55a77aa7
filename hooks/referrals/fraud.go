package referrals

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/risk"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/referral"
	"github.com/lingualink/lingualink/internal/rewards"
)

const fraudMemo = "The person whom you invited was found to be no person of their own."

func registerFraud(app core.App, deps *shell.Deps) {
	risk.OnDecided(app).Bind(&hook.Handler[*risk.DecidedEvent]{
		Id: "ll.referrals.decided",
		Func: func(e *risk.DecidedEvent) error {
			if e.Outcome == collections.ClusterConfirmed {
				if err := bar(e.App, deps, e.People); err != nil {
					return err
				}
			}
			return e.Next()
		},
	})
	risk.OnOverturned(app).Bind(&hook.Handler[*risk.OverturnedEvent]{
		Id: "ll.referrals.overturned",
		Func: func(e *risk.OverturnedEvent) error {
			if err := restore(e.App, deps, e.User); err != nil {
				return err
			}
			return e.Next()
		},
	})
}

// bar ends the referrals of people who were found to be no people of their own,
// and takes back all that they brought, released or not. Those whom they brought
// are people of their own until somebody finds otherwise.
func bar(tx core.App, deps *shell.Deps, people []string) error {
	ids := []string{}
	err := tx.DB().Select("id").From("referrals").Where(shell.In("referred", people)).
		AndWhere(dbx.Not(dbx.HashExp{"state": collections.ReferralBarred})).OrderBy("created", "id").Column(&ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		row, err := tx.FindRecordById("referrals", id)
		if err != nil {
			return err
		}
		// First the money, so that nothing of the last round is kept as an honest
		// error would be.
		cause := referral.Cause{Kind: referral.FraudConfirmed}
		if _, err := takeBack(tx, deps, id, cause, true, fraudMemo); err != nil {
			return err
		}
		if err := happen(tx, deps, row, "", referral.Fraud{}); err != nil {
			return err
		}
	}
	return nil
}

// restore undoes [bar] for a person whose appeal was granted. Keys are never used
// again: if the person still meets the terms they are active anew, in the next
// round with its bonus, and the commission that was taken is granted under the
// keys of that decision's undoing.
func restore(tx core.App, deps *shell.Deps, person string) error {
	rows := []*core.Record{}
	err := tx.RecordQuery("referrals").AndWhere(dbx.HashExp{"referred": person, "state": collections.ReferralBarred}).All(&rows)
	if err != nil || len(rows) == 0 {
		return err
	}
	if err := happen(tx, deps, rows[0], "", referral.Cleared{}); err != nil { // a person is brought once
		return err
	}
	return grantAgain(tx, deps, rows[0].Id)
}

// grantAgain grants the commissions of a referral that were taken back although
// the rewards that they are a share of stand.
func grantAgain(tx core.App, deps *shell.Deps, id string) error {
	taken := []struct {
		Key      string         `db:"key"`
		User     string         `db:"user"`
		Subject  string         `db:"subject"`
		Language string         `db:"language"`
		Campaign string         `db:"campaign"`
		Currency money.Currency `db:"currency"`
		Amount   int64          `db:"amount_minor"`
		Base     int64          `db:"base_minor"`
		Factor   int64          `db:"factor_bps"`
		Cut      string         `db:"cut"`
		Version  int64          `db:"policy_version"`
		Before   int64          `db:"before"`
	}{}
	// Of several grants for one reward the last counts; the number of those before
	// makes the new key.
	err := tx.DB().NewQuery(`
		SELECT c.[[key]], c.user, c.subject, c.language, c.campaign, c.currency, c.amount_minor, c.base_minor, c.factor_bps, c.cut, c.policy_version,
			(SELECT COUNT(*) FROM rewards o WHERE o.subject = c.subject AND o.rule = c.rule) AS before
		FROM rewards c JOIN rewards r ON r.id = c.subject
		WHERE c.referral = {:referral} AND c.rule = {:rule} AND c.state IN ('reversed', 'clawback') AND r.state = 'released'
			AND NOT EXISTS (SELECT 1 FROM rewards o WHERE o.subject = c.subject AND o.rule = c.rule AND o.seq > c.seq)
		ORDER BY c.seq`).
		Bind(dbx.Params{"referral": id, "rule": string(referral.Commission)}).All(&taken)
	if err != nil {
		return err
	}
	policy, _, err := policyAt(tx, deps.Clock.Now())
	if err != nil {
		return err
	}
	grants := make([]ledger.Grant, len(taken))
	for i, c := range taken {
		grants[i] = ledger.Grant{
			Key: againKey(c.Subject, c.User, c.Before), Rule: referral.Commission, User: c.User,
			Campaign:    ledger.Campaign{ID: c.Campaign, Currency: c.Currency},
			AmountMinor: c.Amount, BaseMinor: c.Base, FactorBps: c.Factor, MultiplierBps: money.Unit, Cut: c.Cut,
			Referral: id, Subject: c.Subject, Language: c.Language, PolicyVersion: c.Version, Hold: policy.Hold(),
		}
	}
	_, err = ledger.AddGrants(tx, deps, grants...)
	return err
}

// againKey is the key of the commission on a reward that was granted so many
// times before.
func againKey(reward, referrer string, before int64) string {
	return rewards.Key(referral.Commission, referral.BonusSubject(reward, before+1), referrer)
}
