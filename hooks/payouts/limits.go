package payouts

import (
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout"
)

const day = 24 * time.Hour

// kept are payouts whose money did not come back to the wallet.
const kept = "(settled != 'released' AND state != 'reversed' OR state = 'paid_late')"

// admit refuses an order beyond the limits of the policy. Requests that were
// refused or taken back count for the gap between two, too: it is a brake on
// asking.
func (d *desk) admit(tx core.App, policy payout.Policy, o order) error {
	now := d.now()
	used, err := usage(tx, o.User, o.Currency, now)
	if err != nil {
		return err
	}
	limits, _ := policy.Limits(o.Currency)
	switch limit := policy.Admit(o.Currency, o.Amount, used, now); limit {
	case payout.WithinLimits:
		return nil
	case payout.LimitMinimum:
		return fault.PayoutMinimum.On("amount_minor").With("minimum_minor", limits.MinimumMinor)
	case payout.LimitOpen:
		return fault.PayoutOpen.On("currency")
	case payout.LimitGap:
		wait := used.LastRequest.Add(policy.RequestGap()).Sub(now)
		return fault.PayoutGap.On("request").With("retry_after", seconds(wait))
	case payout.LimitDay:
		if o.Amount > limits.DayLimitMinor {
			return fault.PayoutMaximum.On("amount_minor").With("maximum_minor", limits.DayLimitMinor)
		}
		left := max(limits.DayLimitMinor-used.DayMinor, 0)
		wait, err := untilFree(tx, o, o.Amount-left, now)
		if err != nil {
			return err
		}
		return fault.PayoutDayLimit.On("amount_minor").With("left_minor", left).With("retry_after", seconds(wait))
	default:
		return fault.PayoutCurrency.On("currency")
	}
}

func seconds(wait time.Duration) int64 { return int64((wait + time.Second - 1) / time.Second) }

// usage is what the person asked for before in the currency.
func usage(tx core.App, user string, currency money.Currency, now time.Time) (payout.Usage, error) {
	var row struct {
		Last string `db:"last"`
		Day  int64  `db:"day"`
		Open bool   `db:"open"`
	}
	err := tx.DB().NewQuery(`
		SELECT COALESCE(MAX(requested_at), '') AS last,
			COALESCE(SUM(CASE WHEN requested_at > {:since} AND ` + kept + ` THEN amount_minor ELSE 0 END), 0) AS day,
			COALESCE(MAX(settled = ''), 0) AS open
		FROM payouts WHERE user = {:user} AND currency = {:currency}`).
		Bind(dbx.Params{"user": user, "currency": string(currency), "since": shell.Stamp(now.Add(-day))}).One(&row)
	if err != nil {
		return payout.Usage{}, err
	}
	used := payout.Usage{DayMinor: row.Day, Open: row.Open}
	if row.Last != "" {
		used.LastRequest, err = shell.ParseStamp(row.Last)
	}
	return used, err
}

// untilFree is when so much of the day's payouts is more than a day old.
func untilFree(tx core.App, o order, excess int64, now time.Time) (time.Duration, error) {
	rows := []struct {
		At     string `db:"requested_at"`
		Amount int64  `db:"amount_minor"`
	}{}
	err := tx.DB().NewQuery(`
		SELECT requested_at, amount_minor FROM payouts
		WHERE user = {:user} AND currency = {:currency} AND requested_at > {:since} AND ` + kept + ` ORDER BY requested_at`).
		Bind(dbx.Params{"user": o.User, "currency": string(o.Currency), "since": shell.Stamp(now.Add(-day))}).All(&rows)
	if err != nil {
		return 0, err
	}
	for _, row := range rows {
		if excess -= row.Amount; excess > 0 {
			continue
		}
		at, err := shell.ParseStamp(row.At)
		return max(at.Add(day).Sub(now), time.Second), err
	}
	return day, nil
}
