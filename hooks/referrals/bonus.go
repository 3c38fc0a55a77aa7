package referrals

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/badges"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/risk"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/referral"
)

const (
	// stands is the condition of rewards that nobody took back.
	stands = "state NOT IN ('reversed', 'void', 'clawback')"

	withdrawnMemo = "What made the person active was overturned."
)

// becameActive pays the bonus of a round and tells both.
func becameActive(tx core.App, deps *shell.Deps, row *core.Record, activation referral.Activation) error {
	referrer, referred := row.GetString("referrer"), row.GetString("referred")
	if err := badges.CountReferrals(tx, deps, referrer, +1, activation.ActivatedAt); err != nil {
		return err
	}
	earned, currency, err := payBonus(tx, deps, row, activation)
	if err != nil {
		return err
	}
	cause := fmt.Sprintf("referral:%s:%d", row.Id, activation.Round)
	err = shell.Notify(tx, deps, cause, shell.Notice{
		User: referred, Kind: "referral_active", Title: "You are active", Body: "Thank you for what you did. Who invited you is told.",
		Data: map[string]any{"referral": row.Id},
	})
	if err != nil {
		return err
	}
	notice := shell.Notice{
		User: referrer, Kind: "referral_bonus", Title: "Somebody whom you invited is active",
		Body: "Your wallet shows the bonus. It is on hold for some days.",
		Data: map[string]any{"referral": row.Id, "user": referred, "amount_minor": earned.AmountMinor, "currency": string(currency), "cut": string(earned.Cut)},
	}
	if earned.AmountMinor == 0 {
		notice.Body = "There is no bonus for it this time; under invitations you see why."
	}
	if err := shell.Notify(tx, deps, cause, notice); err != nil {
		return err
	}
	return risk.Look(tx, deps, "activation:"+cause, referrer, referred)
}

// cutKept names why a round brings nothing although it counts.
const cutKept referral.Cut = "bonus_kept"

// payBonus records what a round brings. What a cap cuts is recorded as nothing,
// with the name of the cap; where there is no bonus in the currency there is
// nothing to record. A bonus of an earlier round that was released before it
// could be taken back is kept, and so not paid again.
func payBonus(tx core.App, deps *shell.Deps, row *core.Record, activation referral.Activation) (referral.Earned, money.Currency, error) {
	now, referrer := deps.Clock.Now(), row.GetString("referrer")
	campaign, err := campaignOf(tx, row.GetString("campaign"))
	if err != nil {
		return referral.Earned{}, "", err
	}
	var kept bool
	err = tx.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM rewards WHERE referral = {:referral} AND rule = {:rule} AND " + stands + ")").
		Bind(dbx.Params{"referral": row.Id, "rule": string(referral.Bonus)}).Row(&kept)
	if err != nil || kept {
		return referral.Earned{Cut: cutKept}, campaign.Currency, err
	}
	policy, version, err := policyAt(tx, now)
	if err != nil {
		return referral.Earned{}, "", err
	}
	tier, err := tierOf(tx, referrer, now)
	if err != nil {
		return referral.Earned{}, "", err
	}
	used, err := usageOf(tx, referrer, now)
	if err != nil {
		return referral.Earned{}, "", err
	}
	earned, err := policy.Bonus(campaign.Currency, tier, used)
	if err != nil || earned.FullMinor == 0 {
		return earned, campaign.Currency, err
	}
	_, err = ledger.AddGrants(tx, deps, ledger.Grant{
		Key: referral.BonusKey(row.Id, activation.Round, referrer), Rule: referral.Bonus, User: referrer, Campaign: campaign,
		AmountMinor: earned.AmountMinor, BaseMinor: policy.BonusMinor.Of(campaign.Currency), FactorBps: money.Unit, MultiplierBps: policy.TierBps(tier),
		Cut: string(earned.Cut), Referral: row.Id, Subject: referral.BonusSubject(row.Id, activation.Round), PolicyVersion: version, Hold: policy.Hold(),
	})
	return earned, campaign.Currency, err
}

// campaignOf is who pays. Only acts make somebody active, and every clip has a
// campaign, so an unknown one is an error.
func campaignOf(tx core.App, id string) (ledger.Campaign, error) {
	var campaign ledger.Campaign
	err := tx.DB().Select("id", "currency").From("campaigns").Where(dbx.HashExp{"id": id}).One(&campaign)
	return campaign, err
}

// tierOf is the referrer's tier of the month. One that was not reckoned for this
// month does not count.
func tierOf(app core.App, referrer string, now time.Time) (referral.Tier, error) {
	var tier referral.Tier
	err := app.DB().NewQuery("SELECT tier FROM referrers WHERE user = {:user} AND month = {:month}").
		Bind(dbx.Params{"user": referrer, "month": monthOf(now)}).Row(&tier)
	if errors.Is(err, sql.ErrNoRows) {
		return referral.NoTier, nil
	}
	return tier, err
}

func monthOf(at time.Time) string { return referral.MonthStart(at).Format("2006-01") }

// usageOf counts the bonuses that a referrer was paid today and in this month. A
// bonus is recorded when the person becomes active, so its day is that of the
// activation.
func usageOf(app core.App, referrer string, now time.Time) (referral.Usage, error) {
	var used struct {
		Day   int64 `db:"day"`
		Month int64 `db:"month"`
	}
	err := app.DB().NewQuery(`
		SELECT COUNT(*) AS month, COUNT(CASE WHEN created >= {:day} THEN 1 END) AS day FROM rewards
		WHERE user = {:user} AND created >= {:month} AND rule = {:rule} AND ` + stands).
		Bind(dbx.Params{
			"user": referrer, "rule": string(referral.Bonus),
			"day": shell.Stamp(now.UTC().Truncate(24 * time.Hour)), "month": shell.Stamp(referral.MonthStart(now)),
		}).One(&used)
	return referral.Usage{Day: used.Day, Month: used.Month}, err
}

// activeNoMore takes back the bonus of the round. What is released is kept: an
// honest error is not the referrer's debt.
func activeNoMore(tx core.App, deps *shell.Deps, row *core.Record, activation referral.Activation) error {
	referrer, referred := row.GetString("referrer"), row.GetString("referred")
	if err := badges.CountReferrals(tx, deps, referrer, -1, activation.ActivatedAt); err != nil {
		return err
	}
	cause := referral.Cause{Kind: referral.ActivationWithdrawn, Subject: referral.BonusSubject(row.Id, activation.Round)}
	taken, err := takeBack(tx, deps, row.Id, cause, false, withdrawnMemo)
	if err != nil {
		return err
	}
	notice := shell.Notice{
		User: referrer, Kind: "referral_withdrawn", Title: "Somebody whom you invited is not active any more",
		Body: "What made them active was overturned. A bonus that was still on hold is taken back; there can be a new one when they are active again.",
		Data: map[string]any{"referral": row.Id, "user": referred, "taken_minor": taken.ReversedMinor + taken.UnfundedMinor},
	}
	if activation.Fraud {
		notice.Kind, notice.Title = "referral_barred", "An invitation does not count any more"
		notice.Body = fraudMemo + " What it brought you is taken back."
	}
	return shell.Notify(tx, deps, fmt.Sprintf("referral_withdrawn:%s:%d", row.Id, activation.Round), notice)
}

// takeBack takes back what a cause hits of all that a referral brought.
func takeBack(tx core.App, deps *shell.Deps, id string, cause referral.Cause, fraud bool, reason string) (ledger.Taken, error) {
	posted, ids, err := postedOf(tx, id)
	if err != nil {
		return ledger.Taken{}, err
	}
	hit := []string{}
	for _, reward := range referral.Reverse(cause, posted) {
		hit = append(hit, ids[reward.Key])
	}
	if len(hit) == 0 {
		return ledger.Taken{}, nil
	}
	return ledger.TakeBack(tx, deps, hit, fraud, shell.System, reason)
}

// postedOf are the bonuses and commissions of a referral, with their ids by key.
func postedOf(tx core.App, id string) ([]referral.Posted, map[string]string, error) {
	rows := []struct {
		ID string `db:"id"`
		referral.Posted
		Stands bool `db:"stands"`
	}{}
	err := tx.DB().NewQuery("SELECT id, [[key]], rule, subject, amount_minor, " + stands + " AS stands FROM rewards WHERE referral = {:id} ORDER BY seq").
		Bind(dbx.Params{"id": id}).All(&rows)
	posted, ids := []referral.Posted{}, map[string]string{}
	for _, row := range rows {
		row.Posted.Reversed = !row.Stands
		posted, ids[row.Key] = append(posted, row.Posted), row.ID
	}
	return posted, ids, err
}
