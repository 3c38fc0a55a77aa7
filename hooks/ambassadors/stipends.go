package ambassadors

import (
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/referral"
	"github.com/lingualink/lingualink/internal/rewards"
)

const (
	stipendBatch = 50
	// maxStipendBatches bounds one sweep, so that jobs get their turn.
	maxStipendBatches = 100
)

// dueMonth is a month of an ambassador that was not posted yet, and the terms and
// the standing that it is posted by.
type dueMonth struct {
	ID       string         `db:"id"`
	User     string         `db:"user"`
	Month    string         `db:"next_month"`
	Stipend  int64          `db:"stipend_minor"`
	Currency money.Currency `db:"currency"`
	Campaign string         `db:"campaign"`
	Version  int64          `db:"version"`
	Standing string         `db:"standing"`
}

const dueColumns = "a.id, a.user, a.next_month, a.stipend_minor, a.currency, a.campaign, a.version, u.standing"

// dueQuery finds the oldest months first, so that of one campaign they are paid
// in order.
const dueQuery = "SELECT " + dueColumns + ` FROM ambassadors a JOIN users u ON u.id = a.user
	WHERE a.ended_at = '' AND a.next_month <= {:month} ORDER BY a.next_month, a.rowid LIMIT {:batch}`

// PostStipends posts the stipend of every ambassador for every month up to the
// present one that was not posted yet, a batch of months per transaction.
func PostStipends(app core.App, deps *shell.Deps) error {
	for range maxStipendBatches {
		now, rows := deps.Clock.Now(), []dueMonth{}
		due := dbx.Params{"month": referral.MonthName(now), "batch": stipendBatch}
		// Look without the writer first: mostly nothing is due.
		if err := app.ConcurrentDB().NewQuery(dueQuery).Bind(due).All(&rows); err != nil || len(rows) == 0 {
			return err
		}
		err := app.RunInTransaction(func(tx core.App) error {
			rows = rows[:0]
			if err := tx.DB().NewQuery(dueQuery).Bind(due).All(&rows); err != nil {
				return err
			}
			return postMonths(tx, deps, now, false, rows...)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// settle posts the months of an ambassador that are due before something about
// them changes, by what held until now. Who ends is not paid for them.
func settle(tx core.App, deps *shell.Deps, now time.Time, ambassador *core.Record, ending bool) error {
	for ambassador.GetString("next_month") <= referral.MonthName(now) {
		var row dueMonth
		err := tx.DB().NewQuery("SELECT " + dueColumns + " FROM ambassadors a JOIN users u ON u.id = a.user WHERE a.id = {:id}").
			Bind(dbx.Params{"id": ambassador.Id}).One(&row)
		if err != nil {
			return err
		}
		if err := postMonths(tx, deps, now, ending, row); err != nil {
			return err
		}
		next, err := referral.NextMonth(row.Month)
		if err != nil {
			return err
		}
		ambassador.Set("next_month", next)
	}
	return nil
}

// postMonths posts one month of each row and moves the row to the month after. A
// month is never posted twice: by next_month, and by the key of the reward.
func postMonths(tx core.App, deps *shell.Deps, now time.Time, ending bool, rows ...dueMonth) error {
	policy, _, err := shell.Policy(tx, now, shell.PolicyReferrals, "", referral.ParsePolicy)
	if err != nil {
		return err
	}
	grants := []ledger.Grant{}
	for _, row := range rows {
		pay := referral.MonthPay(row.Stipend, !ending && accounts.Refusal(row.Standing) == nil)
		if pay.FullMinor > 0 {
			grants = append(grants, row.grant(pay, policy.Hold()))
		}
		if err := row.advance(tx); err != nil {
			return err
		}
	}
	added, err := ledger.AddGrants(tx, deps, grants...)
	if err != nil {
		return err
	}
	for _, i := range added {
		if err := shell.Notify(tx, deps, "stipend:"+grants[i].Subject, noticeOf(grants[i])); err != nil {
			return err
		}
	}
	return nil
}

func (row dueMonth) grant(pay referral.Earned, hold time.Duration) ledger.Grant {
	return ledger.Grant{
		Key: rewards.Key(referral.Stipend, row.Month, row.User), Rule: referral.Stipend, User: row.User,
		Campaign:    ledger.Campaign{ID: row.Campaign, Currency: row.Currency},
		AmountMinor: pay.AmountMinor, BaseMinor: pay.FullMinor, FactorBps: money.Unit, MultiplierBps: money.Unit, Cut: string(pay.Cut),
		Subject: row.Month, PolicyVersion: row.Version, Hold: hold,
	}
}

// advance moves the row on, if it still stands where it was read.
func (row dueMonth) advance(tx core.App) error {
	next, err := referral.NextMonth(row.Month)
	if err != nil {
		return fmt.Errorf("ambassador %s: %w", row.ID, err)
	}
	moved, err := shell.Exec(tx, "UPDATE ambassadors SET next_month = {:next} WHERE id = {:id} AND next_month = {:month} AND ended_at = ''",
		dbx.Params{"id": row.ID, "month": row.Month, "next": next})
	if err == nil && moved != 1 {
		return fmt.Errorf("ambassador %s no longer waits for %s", row.ID, row.Month)
	}
	return err
}

func noticeOf(grant ledger.Grant) shell.Notice {
	amount := money.Format(grant.BaseMinor, grant.Campaign.Currency)
	notice := shell.Notice{
		User: grant.User, Kind: "stipend", Title: "Your stipend for " + grant.Subject,
		Body: "Your stipend of " + amount + " is in your wallet when the campaign can pay it, and can be paid out after the hold.",
		Data: map[string]any{"month": grant.Subject, "amount_minor": grant.AmountMinor, "currency": string(grant.Campaign.Currency), "cut": grant.Cut},
	}
	if grant.Cut != "" {
		notice.Title = "No stipend for " + grant.Subject
		notice.Body = "Your stipend of " + amount + " was not paid: when it was due you were suspended, banned or no ambassador any more."
	}
	return notice
}
