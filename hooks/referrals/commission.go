package referrals

import (
	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/referral"
)

const rewardGoneMemo = "The reward that this was a share of was taken back."

func registerCommission(app core.App, deps *shell.Deps) {
	ledger.OnReleased(app).Bind(&hook.Handler[*ledger.RewardsEvent]{
		Id: "ll.referrals.released",
		Func: func(e *ledger.RewardsEvent) error {
			if err := payCommission(e, deps); err != nil {
				return err
			}
			return e.Next()
		},
	})
	ledger.OnTakenBack(app).Bind(&hook.Handler[*ledger.RewardsEvent]{
		Id: "ll.referrals.taken_back",
		Func: func(e *ledger.RewardsEvent) error {
			if err := takeCommission(e, deps); err != nil {
				return err
			}
			return e.Next()
		},
	})
}

// share is what commission needs of a referral, in one currency.
type share struct {
	ID        string `db:"id"`
	Referred  string `db:"referred"`
	Referrer  string `db:"referrer"`
	Activated string `db:"activated_at"`
}

// sum is what one referral brought in commission in one currency before.
type sum struct {
	Minor  int64 `db:"minor"`
	Capped bool  `db:"capped"` // the end of it was named already
}

// payCommission gives the referrers of active people their share of what became
// available. Most batches have nobody who was brought, and cost one look.
func payCommission(e *ledger.RewardsEvent, deps *shell.Deps) error {
	shares, err := sharesOf(e)
	if err != nil || len(shares) == 0 {
		return err
	}
	policy, version, err := policyAt(e.App, e.At)
	if err != nil {
		return err
	}
	before, grants := map[[2]string]*sum{}, []ledger.Grant{}
	for _, reward := range e.Rewards {
		of, brought := shares[reward.User]
		if !brought {
			continue
		}
		activated, err := shell.ParseStamp(of.Activated)
		if err != nil {
			return err
		}
		key := [2]string{of.ID, string(reward.Campaign.Currency)}
		if before[key] == nil {
			if before[key], err = commissionBefore(e.App, of.ID, reward.Campaign.Currency); err != nil {
				return err
			}
		}
		earned, err := policy.Commission(referral.Released{
			Rule: reward.Rule, Currency: reward.Campaign.Currency, AmountMinor: reward.AmountMinor, At: e.At,
			Activated: activated, BeforeMinor: before[key].Minor,
		})
		if err != nil {
			return err
		}
		// Nothing is recorded for nothing, but once for the cap on one person: the
		// referrer sees why no more comes.
		if earned.AmountMinor == 0 && (earned.Cut != referral.CutPerson || before[key].Capped) {
			continue
		}
		before[key].Minor += earned.AmountMinor
		before[key].Capped = earned.Cut == referral.CutPerson
		grants = append(grants, ledger.Grant{
			Key: referral.CommissionKey(reward.ID, of.Referrer), Rule: referral.Commission, User: of.Referrer, Campaign: reward.Campaign,
			AmountMinor: earned.AmountMinor, BaseMinor: reward.AmountMinor, FactorBps: policy.CommissionBps, MultiplierBps: money.Unit,
			Cut: string(earned.Cut), Referral: of.ID, Subject: reward.ID, Language: reward.Language, PolicyVersion: version, Hold: policy.Hold(),
		})
	}
	_, err = ledger.AddGrants(e.App, deps, grants...)
	return err
}

// sharesOf are the referrals of active people among those who were paid.
func sharesOf(e *ledger.RewardsEvent) (map[string]share, error) {
	people := make([]string, len(e.Rewards))
	for i, reward := range e.Rewards {
		people[i] = reward.User
	}
	rows, shares := []share{}, map[string]share{}
	err := e.App.DB().Select("id", "referred", "referrer", "activated_at").From("referrals").
		Where(shell.In("referred", people)).AndWhere(dbx.HashExp{"state": "active"}).All(&rows)
	for _, row := range rows {
		shares[row.Referred] = row
	}
	return shares, err
}

func commissionBefore(tx core.App, id string, currency money.Currency) (*sum, error) {
	before := &sum{}
	err := tx.DB().NewQuery(`
		SELECT COALESCE(SUM(CASE WHEN ` + stands + ` THEN amount_minor END), 0) AS minor,
			COALESCE(MAX(cut = {:capped} AND (` + stands + ` OR state = 'void')), 0) AS capped
		FROM rewards WHERE referral = {:id} AND rule = {:rule} AND currency = {:currency}`).
		Bind(dbx.Params{"id": id, "rule": string(referral.Commission), "currency": string(currency), "capped": string(referral.CutPerson)}).One(before)
	return before, err
}

// takeCommission takes back the shares of rewards that are gone. There is a share
// only of what was released, and that is taken back for nothing but fraud: so the
// share is too, though it be released.
func takeCommission(e *ledger.RewardsEvent, deps *shell.Deps) error {
	ids := make([]string, len(e.Rewards))
	for i, reward := range e.Rewards {
		ids[i] = reward.ID
	}
	gone := []string{}
	err := e.App.DB().NewQuery("SELECT id FROM rewards WHERE subject IN " + shell.Among("ids") + " AND rule = {:rule} AND " + stands + " ORDER BY seq").
		Bind(dbx.Params{"ids": shell.List(ids), "rule": string(referral.Commission)}).Column(&gone)
	if err != nil || len(gone) == 0 {
		return err
	}
	_, err = ledger.TakeBack(e.App, deps, gone, true, shell.System, rewardGoneMemo)
	return err
}
