package moderation

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

const (
	defaultDays = 30
	maxDays     = 90
	// mostEvents bounds what one answer reads; days of more than that are told by
	// the latest of it.
	mostEvents = 50_000
)

// Figures are of one moderator, or of all.
type Figures struct {
	Moderator     string `json:"moderator" help:"Id of the user; empty: all."`
	Username      string `json:"username"`
	Open          int64  `json:"open" help:"Cases that they have now; of all: those not resolved."`
	OldestSeconds int64  `json:"oldest_s" help:"Age of the oldest of those, in seconds, from its first report."`
	ClaimSeconds  int64  `json:"claim_median_s" help:"Median time from the opening of a case to its first claim, of the claims in the period; -1: none."`
	CloseSeconds  int64  `json:"close_median_s" help:"Median time from the opening of a case to its decision, of the decisions in the period; -1: none."`
	Decided       int64  `json:"decided" help:"Cases decided in the period."`
	Overturned    int64  `json:"overturned" help:"Decisions of theirs that an appeal undid in the period."`
}

type figuresData struct {
	Days       int       `json:"days"`
	Total      Figures   `json:"total"`
	Moderators []Figures `json:"moderators" help:"Whoever has a case or did something in the period."`
	Cut        bool      `json:"cut" help:"The period held more than is read; its latest part was."`
}

func (d *desk) registerFigures() {
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/moderation/figures", Who: shell.Moderator, Data: figuresData{},
		What:   "How moderation does, per moderator and in all: what is open and how old, how long it takes, what appeals undid.",
		Params: []shell.Param{shell.Query("days", "The period until now: 1 to 90 days, default 30.")},
		Faults: []*fault.Code{fault.InvalidInput, fault.ApproverUnknown},
		Handle: func(e *core.RequestEvent) error {
			if _, err := d.staff(e.App, e); err != nil {
				return err
			}
			days, err := within(e.Request.URL.Query().Get("days"), "days", defaultDays, maxDays)
			if err != nil {
				return err
			}
			data, err := figures(e.App, d.now(), days)
			if err != nil {
				return err
			}
			return shell.OK(e, data, "")
		},
	})
}

// doneRow is something that staff did in the period.
type doneRow struct {
	Event  string `db:"event"`
	Actor  string `db:"actor"`
	At     string `db:"at"`
	Opened string `db:"opened"`
	First  bool   `db:"first"` // no claim came before
	By     string `db:"decided_by"`
}

const (
	doneQuery = `
		SELECT v.event, v.actor, v.at, o.at AS opened, c.decided_by,
			NOT EXISTS (SELECT 1 FROM case_events f WHERE f.[[case]] = v.[[case]] AND f.seq < v.seq AND f.event IN ('claim', 'open')) AS first
		FROM case_events v INDEXED BY idx_case_events_at
		JOIN case_events o INDEXED BY idx_case_events_one ON o.[[case]] = v.[[case]] AND o.seq = 1
		JOIN cases c ON c.id = v.[[case]]
		WHERE v.at > {:since} AND (v.event IN ('claim', 'overturn') OR v.event LIKE 'resolve %')
		ORDER BY v.at DESC LIMIT {:most}`

	heldQuery = `
		SELECT holder AS actor, COUNT(*) AS open, MIN(first_at) AS oldest FROM cases INDEXED BY idx_cases_until
		WHERE state = 'claimed' AND until > {:now} GROUP BY holder`

	allOpenQuery = "SELECT '' AS actor, COUNT(*) AS open, COALESCE(MIN(first_at), '') AS oldest FROM cases INDEXED BY idx_cases_due WHERE state != 'resolved'"
)

// tally gathers the figures of one moderator.
type tally struct {
	Figures
	claims, closes []time.Duration
}

func (t *tally) figures() Figures {
	t.ClaimSeconds, t.CloseSeconds = median(t.claims), median(t.closes)
	return t.Figures
}

// median in whole seconds, the lower of two; -1 of none.
func median(of []time.Duration) int64 {
	if len(of) == 0 {
		return -1
	}
	slices.Sort(of)
	return int64(of[(len(of)-1)/2] / time.Second)
}

func figures(app core.App, now time.Time, days int) (figuresData, error) {
	data := figuresData{Days: days, Moderators: []Figures{}}
	all, each := &tally{}, map[string]*tally{}
	of := func(actor string) *tally {
		if each[actor] == nil {
			each[actor] = &tally{Figures: Figures{Moderator: idOf(actor)}}
		}
		return each[actor]
	}
	rows := []doneRow{}
	err := app.DB().NewQuery(doneQuery).
		Bind(dbx.Params{"since": shell.Stamp(now.AddDate(0, 0, -days)), "most": mostEvents}).All(&rows)
	if err != nil {
		return data, err
	}
	data.Cut = len(rows) == mostEvents
	for _, row := range rows {
		took, err := row.took()
		if err != nil {
			return data, err
		}
		for _, t := range []*tally{all, of(row.subject())} {
			row.countIn(t, took)
		}
	}
	if err := openFigures(app, now, all, of); err != nil {
		return data, err
	}
	delete(each, shell.System)
	data.Total = all.figures()
	if err := nameThem(app, each); err != nil {
		return data, err
	}
	for _, t := range each {
		data.Moderators = append(data.Moderators, t.figures())
	}
	slices.SortFunc(data.Moderators, func(a, b Figures) int { return strings.Compare(a.Username+a.Moderator, b.Username+b.Moderator) })
	return data, nil
}

// subject is whose figure it is: of an appeal that was granted, who decided first.
func (row doneRow) subject() string {
	if row.Event == "overturn" {
		return row.By
	}
	return row.Actor
}

func (row doneRow) took() (time.Duration, error) {
	at, err := shell.ParseStamp(row.At)
	if err != nil {
		return 0, err
	}
	opened, err := shell.ParseStamp(row.Opened)
	return at.Sub(opened), err
}

func (row doneRow) countIn(t *tally, took time.Duration) {
	switch {
	case row.Event == "claim" && row.First:
		t.claims = append(t.claims, took)
	case row.Event == "overturn":
		t.Overturned++
	case row.Event != "claim":
		t.Decided++
		t.closes = append(t.closes, took)
	}
}

// openFigures adds what people have now, and what waits in all.
func openFigures(app core.App, now time.Time, all *tally, of func(string) *tally) error {
	for _, query := range []string{heldQuery, allOpenQuery} {
		rows := []struct {
			Actor  string `db:"actor"`
			Open   int64  `db:"open"`
			Oldest string `db:"oldest"`
		}{}
		if err := app.DB().NewQuery(query).Bind(dbx.Params{"now": shell.Stamp(now)}).All(&rows); err != nil {
			return err
		}
		for _, row := range rows {
			t := all
			if row.Actor != "" {
				t = of(row.Actor)
			}
			oldest, err := shell.ParseStamp(row.Oldest)
			if err != nil {
				return err
			}
			t.Open = row.Open
			if !oldest.IsZero() {
				t.OldestSeconds = int64(now.Sub(oldest) / time.Second)
			}
		}
	}
	return nil
}

func nameThem(app core.App, each map[string]*tally) error {
	ids := []string{}
	for actor := range each {
		ids = append(ids, idOf(actor))
	}
	rows := []struct {
		ID       string `db:"id"`
		Username string `db:"username"`
	}{}
	if err := app.DB().Select("id", "username").From("users").Where(shell.In("id", ids)).All(&rows); err != nil {
		return err
	}
	for _, row := range rows {
		each[nameOf(row.ID)].Username = row.Username
	}
	return nil
}
