package referrals

import (
	"database/sql"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/referral"
)

const (
	defaultPerPage = 30
	mostPerPage    = 100
)

// card is what everybody may see of a person.
type card struct {
	ID       string `json:"id"`
	Username string `json:"username"`
	Name     string `json:"name"`
	Avatar   string `json:"avatar" help:"File name, as in users."`
	Country  string `json:"country"`
}

type ownData struct {
	Code      string      `json:"code"`
	Link      string      `json:"link" help:"The page to share."`
	QR        string      `json:"qr" help:"Path of a picture of the link, for print; ?format=png for PNG."`
	Codes     []codeRow   `json:"codes" help:"All your codes, the newest first."`
	BroughtBy *broughtBy  `json:"brought_by,omitempty" help:"Who brought you, if anybody."`
	LastClaim *claimRow   `json:"last_claim,omitempty" help:"What came of the last code that you used."`
	People    []personRow `json:"people" help:"Whom you brought, the newest first."`
	Page      int64       `json:"page"`
	PerPage   int64       `json:"per_page"`
	Total     int64       `json:"total" help:"People whom you brought."`
	Active    int64       `json:"active" help:"Of them, those who are active."`
	Earned    []earned    `json:"earned" help:"All that it brought, by currency."`
	Tier      string      `json:"tier" help:"bronze, silver or gold; empty is none. It multiplies the bonuses of this month."`
	Caps      caps        `json:"caps"`
}

type broughtBy struct {
	User  card   `json:"user"`
	State string `json:"state" help:"invited, active, withdrawn or barred: where you stand."`
	Since string `json:"since" help:"When it was noted (UTC)."`
}

type claimRow struct {
	Outcome string `json:"outcome" db:"outcome" help:"attributed, or why not: docs/referrals.md."`
	Via     string `json:"via" db:"via" help:"signup or claim."`
	At      string `json:"at" db:"created"`
}

type personRow struct {
	User        card              `json:"user"`
	State       string            `json:"state" help:"invited, active, withdrawn or barred."`
	Progress    referral.Progress `json:"progress"`
	Since       string            `json:"since" help:"When they were brought (UTC)."`
	ActivatedAt string            `json:"activated_at" help:"When they last became active (UTC); empty: never."`
	Earned      []earned          `json:"earned" help:"What they brought you, by currency."`
}

// earned are bonuses and commission in one currency.
type earned struct {
	Currency      money.Currency `json:"currency" db:"currency"`
	PendingMinor  int64          `json:"pending_minor" db:"pending" help:"On hold."`
	UnfundedMinor int64          `json:"unfunded_minor" db:"unfunded" help:"Waits for money of the campaign."`
	ReleasedMinor int64          `json:"released_minor" db:"released" help:"Became available; it may be paid out by now."`
	TakenMinor    int64          `json:"taken_minor" db:"taken" help:"Taken back."`
	Cut           int64          `json:"cut" db:"cut_count" help:"How often a cap made something less, or nothing."`
	Referral      string         `json:"-" db:"referral"`
}

// caps are how many bonuses count, by the UTC day and month.
type caps struct {
	Day   capOf `json:"day"`
	Month capOf `json:"month"`
}

type capOf struct {
	Used   int64  `json:"used" help:"Bonuses that were paid."`
	Most   int64  `json:"most"`
	EndsAt string `json:"ends_at" help:"When counting starts anew (RFC 3339)."`
}

func registerView(deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/referrals", Who: shell.Person, Data: ownData{},
		What: "Your invitation code and link, whom you brought and how far they have come, what it earned you, and who brought you.",
		Params: []shell.Param{
			shell.Query("page", "Of the people, from 1."), shell.Query("per_page", "People on a page, up to 100; 30 without it."),
		},
		Faults: []*fault.Code{fault.InvalidInput},
		Handle: func(e *core.RequestEvent) error { return showOwn(e, deps) },
	})
}

func showOwn(e *core.RequestEvent, deps *shell.Deps) error {
	data := ownData{Codes: []codeRow{}, People: []personRow{}, Earned: []earned{}}
	var err error
	if data.Page, err = whole(e, "page", 1, 1_000_000); err != nil {
		return err
	}
	if data.PerPage, err = whole(e, "per_page", defaultPerPage, mostPerPage); err != nil {
		return err
	}
	if err := data.codes(e.App, deps, e.Auth.Id); err != nil {
		return err
	}
	if err := data.origin(e.App, e.Auth.Id); err != nil {
		return err
	}
	if err := data.brought(e.App, e.Auth.Id); err != nil {
		return err
	}
	if err := data.sums(e.App, deps.Clock.Now(), e.Auth.Id); err != nil {
		return err
	}
	return shell.OK(e, data, "")
}

// whole reads a number from 1 to most out of the query.
func whole(e *core.RequestEvent, name string, without, most int64) (int64, error) {
	text := e.Request.URL.Query().Get(name)
	if text == "" {
		return without, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > most {
		return 0, fault.InvalidInput.On(name).Saying("This is a whole number from 1 to " + strconv.FormatInt(most, 10) + ".")
	}
	return n, nil
}

// codes reads all codes. Somebody who has none, because the job that gives older
// people theirs has not come to them, gets one now.
func (data *ownData) codes(app core.App, deps *shell.Deps, me string) error {
	_, err := currentCode(app, me)
	if errors.Is(err, sql.ErrNoRows) {
		err = app.RunInTransaction(func(tx core.App) error {
			_, err := codeOf(tx, deps, me)
			return err
		})
	}
	if err != nil {
		return err
	}
	err = app.DB().NewQuery("SELECT " + codeColumns + " FROM referral_codes WHERE user = {:me} ORDER BY created DESC, id").
		Bind(dbx.Params{"me": me}).All(&data.Codes)
	for _, code := range data.Codes {
		if code.Current {
			data.Code, data.Link, data.QR = code.Code, linkTo(app, code.Code), qrOf(code.Code)
		}
	}
	return err
}

// origin reads who brought the person, and what came of the last try.
func (data *ownData) origin(app core.App, me string) (err error) {
	if data.BroughtBy, err = broughtByOf(app, me); err != nil {
		return err
	}
	var last claimRow
	err = app.DB().NewQuery("SELECT outcome, via, created FROM referral_claims WHERE user = {:me} ORDER BY created DESC, id DESC LIMIT 1").
		Bind(dbx.Params{"me": me}).One(&last)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	last.Outcome = string(referral.Reason(last.Outcome).Public())
	data.LastClaim = &last
	return err
}

const cardColumns = "u.id, u.username, u.name, u.avatar, u.country"

// broughtByOf is nil for somebody whom nobody brought.
func broughtByOf(app core.App, person string) (*broughtBy, error) {
	var row struct {
		card
		State   string `db:"state"`
		Created string `db:"since"`
	}
	err := app.DB().NewQuery("SELECT " + cardColumns + ", r.state, r.created AS since FROM referrals r JOIN users u ON u.id = r.referrer WHERE r.referred = {:me}").
		Bind(dbx.Params{"me": person}).One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &broughtBy{User: row.card, State: row.State, Since: row.Created}, err
}

// brought reads a page of the people with what each earned.
func (data *ownData) brought(app core.App, me string) error {
	params := dbx.Params{"me": me, "limit": data.PerPage, "skip": (data.Page - 1) * data.PerPage}
	err := app.DB().NewQuery("SELECT COUNT(*), COUNT(CASE WHEN state = 'active' THEN 1 END) FROM referrals WHERE referrer = {:me}").
		Bind(dbx.Params{"me": me}).Row(&data.Total, &data.Active)
	if err != nil {
		return err
	}
	rows := []struct {
		card
		Referral    string `db:"referral"`
		State       string `db:"state"`
		Since       string `db:"since"`
		ActivatedAt string `db:"activated_at"`
		Activation  string `db:"activation"`
	}{}
	err = app.DB().NewQuery("SELECT " + cardColumns + `, r.id AS referral, r.state, r.created AS since, r.activated_at, r.activation
		FROM referrals r JOIN users u ON u.id = r.referred WHERE r.referrer = {:me} ORDER BY r.created DESC, r.id LIMIT {:limit} OFFSET {:skip}`).
		Bind(params).All(&rows)
	if err != nil {
		return err
	}
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = row.Referral
	}
	sums := []earned{}
	err = app.DB().NewQuery("SELECT referral, " + earnedColumns + " FROM rewards WHERE referral IN " + shell.Among("ids") + " AND user = {:me} GROUP BY referral, currency ORDER BY currency").
		Bind(dbx.Params{"ids": shell.List(ids), "me": me}).All(&sums)
	if err != nil {
		return err
	}
	for _, row := range rows {
		progress, err := progressOf(row.Activation)
		if err != nil {
			return err
		}
		person := personRow{User: row.card, State: row.State, Progress: progress, Since: row.Since, ActivatedAt: row.ActivatedAt, Earned: []earned{}}
		for _, sum := range sums {
			if sum.Referral == row.Referral {
				person.Earned = append(person.Earned, sum)
			}
		}
		data.People = append(data.People, person)
	}
	return nil
}

const earnedColumns = `currency,
	SUM(CASE WHEN state = 'pending' THEN amount_minor ELSE 0 END) AS pending, SUM(CASE WHEN state = 'unfunded' THEN amount_minor ELSE 0 END) AS unfunded,
	SUM(CASE WHEN state = 'released' THEN amount_minor ELSE 0 END) AS released,
	SUM(CASE WHEN state IN ('reversed', 'clawback') THEN amount_minor ELSE 0 END) AS taken, COUNT(CASE WHEN cut != '' THEN 1 END) AS cut_count`

// sums reads what all of it earned, the tier and the caps.
func (data *ownData) sums(app core.App, now time.Time, me string) error {
	err := app.DB().NewQuery("SELECT '' AS referral, " + earnedColumns + " FROM rewards WHERE user = {:me} AND rule IN ({:bonus}, {:commission}) GROUP BY currency ORDER BY currency").
		Bind(dbx.Params{"me": me, "bonus": string(referral.Bonus), "commission": string(referral.Commission)}).All(&data.Earned)
	if err != nil {
		return err
	}
	tier, err := tierOf(app, me, now)
	if err != nil {
		return err
	}
	used, err := usageOf(app, me, now)
	if err != nil {
		return err
	}
	policy, _, err := policyAt(app, now)
	if err != nil {
		return err
	}
	data.Tier = string(tier)
	data.Caps = caps{
		Day:   capOf{used.Day, policy.BonusesPerDay, now.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour).Format(time.RFC3339)},
		Month: capOf{used.Month, policy.BonusesPerMonth, referral.MonthStart(now).AddDate(0, 1, 0).Format(time.RFC3339)},
	}
	return nil
}

func progressOf(stored string) (referral.Progress, error) {
	activation, err := parseActivation(stored)
	return activation.Progress(), err
}
