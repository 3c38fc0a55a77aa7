package ledger

import (
	"database/sql"
	"errors"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/rewards"
)

// Campaign is who pays for a clip, and in what.
type Campaign struct {
	ID       string         `db:"id"`
	Currency money.Currency `db:"currency"`
}

// CampaignFor is the open campaign that a new clip of the language is bound to:
// the oldest of that language, else the oldest for all.
func CampaignFor(app core.App, language string) (Campaign, error) {
	var campaign Campaign
	err := app.DB().NewQuery(`
		SELECT id, currency FROM campaigns WHERE status = 'open' AND language IN ('', {:language})
		ORDER BY language DESC, created, id LIMIT 1`).
		Bind(dbx.Params{"language": language}).One(&campaign)
	if errors.Is(err, sql.ErrNoRows) {
		return Campaign{}, fault.CampaignUnavailable.On("language").
			Saying("No campaign pays for recordings in this language at the moment.")
	}
	return campaign, err
}

// RateFor is the newest rate of an action in force: the language's own, else
// the one for all.
func RateFor(app core.App, now time.Time, action, language string, currency money.Currency) (rewards.Rate, error) {
	var row struct {
		Amount  int64 `db:"amount_minor"`
		Version int64 `db:"version"`
	}
	err := app.DB().NewQuery(`
		SELECT amount_minor, version FROM reward_rates
		WHERE action = {:action} AND currency = {:currency} AND language IN ('', {:language}) AND effective_from <= {:now}
		ORDER BY language DESC, effective_from DESC, version DESC LIMIT 1`).
		Bind(dbx.Params{"action": action, "currency": string(currency), "language": language, "now": shell.Stamp(now)}).One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return rewards.Rate{}, fault.RateMissing.On("currency").With("currency", string(currency)).With("action", action)
	}
	return rewards.Rate{AmountMinor: row.Amount, Version: row.Version}, err
}

// registerRates numbers a new rate. It is never changed afterwards.
func registerRates(app core.App, deps *shell.Deps) {
	app.OnRecordCreate("reward_rates").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.reward_rates.create",
		Func: func(e *core.RecordEvent) error {
			return shell.InTransaction(&e.App, func(tx core.App) error {
				if err := shell.NumberVersion(tx, e.Record, deps.Clock.Now(), nil); err != nil {
					return err
				}
				return e.Next()
			})
		},
	})
}

// maxMemoRunes is how long a memo in the ledger may be.
const maxMemoRunes = 300

type fundBody struct {
	AmountMinor int64  `json:"amount_minor" help:"Minor units, at least 1."`
	Memo        string `json:"memo,omitempty" help:"Where the money comes from."`
}

type fundData struct {
	Tx           string `json:"tx" help:"Id of the ledger transaction."`
	Campaign     string `json:"campaign"`
	Currency     string `json:"currency"`
	AmountMinor  int64  `json:"amount_minor"`
	BalanceMinor int64  `json:"balance_minor" help:"What the campaign can spend now."`
}

// registerCampaigns refuses a campaign in a currency without rates, which could
// never pay, and lets admins fund one.
func registerCampaigns(app core.App, deps *shell.Deps) {
	app.OnRecordCreate("campaigns").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.campaigns.create",
		Func: func(e *core.RecordEvent) error {
			if e.Record.GetString("status") == "" {
				e.Record.Set("status", "open")
			}
			currency, err := money.ParseCurrency(e.Record.GetString("currency"))
			if err != nil {
				return err
			}
			for _, action := range []string{collections.ActionClip, collections.ActionValidation} {
				if _, err := RateFor(e.App, deps.Clock.Now(), action, e.Record.GetString("language"), currency); err != nil {
					return err
				}
			}
			return e.Next()
		},
	})
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/campaigns/{id}/fund", Who: shell.Superuser,
		What:   "Put money into a campaign. Rewards that waited for it are paid in order.",
		Params: []shell.Param{shell.Header("Idempotency-Key", "One random key per act; repeat it on retries.")},
		Body:   fundBody{}, Data: fundData{},
		Faults: []*fault.Code{fault.AmountInvalid, fault.AmountOverflow, fault.KeyRequired, fault.KeyConflict, fault.NotFound, fault.CampaignUnavailable, fault.InvalidInput},
		Handle: func(e *core.RequestEvent) error { return fund(e, deps) },
	})
}

func fund(e *core.RequestEvent, deps *shell.Deps) error {
	body, err := shell.Bind[fundBody](e)
	if err != nil {
		return err
	}
	key, err := shell.IdempotencyKey(e)
	if err != nil {
		return err
	}
	var data fundData
	err = e.App.RunInTransaction(func(tx core.App) error {
		data, err = Fund(tx, deps, e.Request.PathValue("id"), body.AmountMinor, key, body.Memo, shell.ActorOf(e.Auth))
		return err
	})
	if err != nil {
		return err
	}
	return shell.OK(e, data, "The campaign is funded.")
}

// Fund credits a campaign from the platform's funding account, with an audit
// row, once per key, and has waiting rewards paid.
func Fund(tx core.App, deps *shell.Deps, campaignID string, amountMinor int64, key, memo, actor string) (fundData, error) {
	if err := money.ParseAmount(amountMinor); err != nil {
		return fundData{}, err
	}
	if utf8.RuneCountInString(memo) > maxMemoRunes {
		return fundData{}, fault.InvalidInput.On("memo").Saying("The memo has at most 300 characters.")
	}
	campaign, err := tx.FindRecordById("campaigns", campaignID)
	if errors.Is(err, sql.ErrNoRows) {
		return fundData{}, fault.NotFound.On("id")
	}
	if err != nil {
		return fundData{}, err
	}
	currency := money.Currency(campaign.GetString("currency"))
	budget := book.CampaignAccount(campaignID, currency)
	request := book.Tx{
		Kind: book.CampaignFunded, Key: "campfund:" + key, Actor: actor,
		SourceType: "campaigns", SourceID: campaignID, Memo: memo,
		Entries: book.Move(book.PlatformFunding(currency), budget, amountMinor),
	}
	_, repeated, err := findByKey(tx, request.Key)
	if err != nil {
		return fundData{}, err
	}
	if !repeated && campaign.GetString("status") != "open" {
		return fundData{}, fault.CampaignUnavailable.On("id")
	}
	posted, err := CreditCampaign(tx, deps, campaignID, request)
	if err != nil {
		return fundData{}, err
	}
	data := fundData{Tx: posted.ID, Campaign: campaignID, Currency: string(currency), AmountMinor: amountMinor}
	data.BalanceMinor, err = balanceOf(tx, budget)
	return data, err
}

// CreditCampaign posts what puts money into a campaign, once per key, with an
// audit row, and has waiting rewards paid.
func CreditCampaign(tx core.App, deps *shell.Deps, campaignID string, credit book.Tx) (book.Posted, error) {
	_, repeated, err := findByKey(tx, credit.Key)
	if err != nil {
		return book.Posted{}, err
	}
	posted, err := Post(tx, deps, credit)
	if err != nil {
		return book.Posted{}, err
	}
	if repeated {
		return posted[0], nil
	}
	data := map[string]any{"tx": posted[0].ID}
	for _, entry := range credit.Entries {
		if campaignOf(entry.Account) == campaignID {
			data["amount_minor"], data["currency"] = entry.AmountMinor, string(entry.Account.Currency)
		}
	}
	err = shell.Audit(tx, deps.Clock.Now(), shell.Act{
		Actor: credit.Actor, Action: "campaign.fund", SubjectType: "campaigns", SubjectID: campaignID, Reason: credit.Memo, Data: data,
	})
	if err != nil {
		return book.Posted{}, err
	}
	return posted[0], settleSoon(tx, deps, posted[0].ID, campaignID)
}

// ReturnFunding posts money that goes from a campaign back to who paid it in:
// the request's entries are made here. What the campaign has spent already comes
// from the platform's funding, which shows by how much it is below zero.
func ReturnFunding(tx core.App, deps *shell.Deps, campaignID string, currency money.Currency, amountMinor int64, request book.Tx) (book.Posted, error) {
	budget := book.CampaignAccount(campaignID, currency)
	left, err := balanceOf(tx, budget)
	if err != nil {
		return book.Posted{}, err
	}
	request.Kind = book.PaymentReturn
	request.Entries = []book.Entry{{Account: book.Paystack(currency), AmountMinor: amountMinor}}
	fromBudget := min(max(left, 0), amountMinor)
	if fromBudget > 0 {
		request.Entries = append(request.Entries, book.Entry{Account: budget, AmountMinor: -fromBudget})
	}
	if fromBudget < amountMinor {
		request.Entries = append(request.Entries, book.Entry{Account: book.PlatformFunding(currency), AmountMinor: fromBudget - amountMinor})
	}
	posted, err := Post(tx, deps, request)
	if err != nil {
		return book.Posted{}, err
	}
	return posted[0], nil
}

// RestoreFunding posts the opposite of a [ReturnFunding] that failed after all:
// the money is at Paystack again.
func RestoreFunding(tx core.App, deps *shell.Deps, campaignID, returned, key, actor string) (book.Posted, error) {
	original, err := loadTx(tx, returned)
	if err != nil {
		return book.Posted{}, err
	}
	credit := book.Tx{
		Kind: book.CampaignPaid, Key: key, Actor: actor,
		SourceType: original.SourceType, SourceID: original.SourceID, Memo: "The return of " + returned + " failed.",
	}
	for _, entry := range original.Entries {
		credit.Entries = append(credit.Entries, book.Entry{Account: entry.Account, AmountMinor: -entry.AmountMinor})
	}
	return CreditCampaign(tx, deps, campaignID, credit)
}
