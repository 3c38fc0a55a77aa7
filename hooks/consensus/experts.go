package consensus

import (
	"database/sql"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

// Escalation is a clip that an expert may decide. It tells nothing about who recorded
// it, how anybody voted or what the verdict in force says.
type Escalation struct {
	Escalation string `json:"escalation" help:"Id, for the other routes."`
	Clip       string `json:"clip"`
	Language   string `json:"language"`
	Kind       string `json:"kind"`
	Dialect    string `json:"dialect"`
	Prompt     string `json:"prompt"`
	Phrase     string `json:"phrase"`
	DurationMS int64  `json:"duration_ms"`
	Cause      string `json:"cause" help:"max_votes, timeout, gold, audit or dispute."`
	OpenedAt   string `json:"opened_at" help:"RFC 3339."`
	Claimed    bool   `json:"claimed" help:"Somebody else has it at the moment."`
	ClaimUntil string `json:"claim_until" help:"You have it until this time (RFC 3339); empty: you do not."`
	MediaURL   string `json:"media_url" help:"Path of the recording while you have it; add ?token= with a file token."`
}

type escalationsData struct {
	Items []Escalation `json:"items"`
}

func registerExperts(deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/escalations", Who: shell.Person, Data: escalationsData{},
		What: "Clips that you as an expert may decide, oldest first.",
		Params: []shell.Param{
			shell.Query("language", "Id or code of one language; default: all in which you are an expert."),
			shell.Query("limit", "1 or more, default 10; at most 50 are listed."),
		},
		Faults: []*fault.Code{fault.NotExpert, fault.InvalidInput, fault.LanguageUnknown},
		Handle: func(e *core.RequestEvent) error { return listEscalations(e, deps) },
	})
}

// expertIn are the languages in which a person is an expert: a moderator in all
// that they speak, others where they are proven and of the gold tier.
func expertIn(app core.App, person *core.Record) ([]string, error) {
	if isModerator(person) {
		return person.GetStringSlice("languages"), nil
	}
	languages := []string{}
	err := app.DB().Select("language").From("trust").
		Where(dbx.HashExp{"validator": person.Id, "tier": collections.TierGold, "state": collections.TrustProven}).
		OrderBy("language").Column(&languages)
	return slices.DeleteFunc(languages, func(language string) bool { return !speaks(person, language) }), err
}

func isModerator(person *core.Record) bool {
	return slices.Contains(person.GetStringSlice("roles"), collections.RoleModerator)
}

// partial is true when the person :me is no judge of the clip c: it is theirs,
// they voted on it (as a control, too), decided it before, said their word on the
// escalation e or are linked to who did, are related to its speaker, or are paid for
// its remixes.
func partial() string {
	return `(c.owner = {:me} OR ` + relatedTo("c.owner") + ` OR ` + earnsFrom("{:me}", "c.parent") + `
		OR e.proposed_by = {:me} OR e.contested_by = {:me} OR e.proposed_by != '' AND ` + linkedTo("e.proposed_by") + `
		OR EXISTS (SELECT 1 FROM votes WHERE clip = c.id AND validator = {:me})
		OR EXISTS (SELECT 1 FROM verdicts WHERE clip = c.id AND actor = 'user:' || {:me})
		OR EXISTS (SELECT 1 FROM gold_clips g JOIN gold_exposures x ON x.gold = g.id WHERE g.source = c.id AND x.validator = {:me} AND x.vote != ''))`
}

// escalationRow is an escalation with its clip, as one expert meets it.
type escalationRow struct {
	ID         string `db:"id"`
	Clip       string `db:"clip"`
	Language   string `db:"language"`
	Kind       string `db:"kind"`
	Dialect    string `db:"dialect"`
	Prompt     string `db:"prompt"`
	Phrase     string `db:"phrase"`
	DurationMS int64  `db:"duration_ms"`
	Hidden     bool   `db:"hidden"`
	Cause      string `db:"cause"`
	State      string `db:"state"`
	ClaimedBy  string `db:"claimed_by"`
	ClaimUntil string `db:"claim_until"`
	Created    string `db:"created"`
	Verdict    string `db:"verdict"`
	Partial    bool   `db:"partial"`
	proposal
}

var escalationColumns = `e.id, e.clip, e.language, c.kind, c.dialect, c.prompt, c.phrase, c.duration_ms, ` + unseen + ` AS hidden,
	e.cause, e.state, e.claimed_by, e.claim_until, e.created, e.verdict, e.proposed_by, e.proposed, e.proposed_reason, e.proposed_note, e.contested, e.contested_by`

// escalationsQuery reads the open escalations of a language that the person may decide,
// oldest first. Doubt about gold is for moderators: it tells which clip is gold. So
// is what two experts disagree on.
func escalationsQuery() string {
	return `
		SELECT ` + escalationColumns + `, 0 AS partial
		FROM escalations e JOIN clips c ON c.id = e.clip
		WHERE e.state = 'open' AND e.language = {:language} AND NOT ` + unseen + ` AND c.status != 'withdrawn'
			AND ({:moderator} OR e.cause != 'gold' AND e.contested = 0) AND NOT ` + partial() + `
		ORDER BY e.created LIMIT {:limit}`
}

func listEscalations(e *core.RequestEvent, deps *shell.Deps) error {
	limit, err := itemLimit(e.Request.URL.Query().Get("limit"))
	if err != nil {
		return err
	}
	languages, err := askedLanguages(e)
	if err != nil {
		return err
	}
	rows := []escalationRow{}
	for _, language := range languages {
		some := []escalationRow{}
		err := e.App.DB().NewQuery(escalationsQuery()).
			Bind(dbx.Params{"me": e.Auth.Id, "language": language, "moderator": isModerator(e.Auth), "limit": limit}).All(&some)
		if err != nil {
			return err
		}
		rows = append(rows, some...)
	}
	slices.SortStableFunc(rows, func(a, b escalationRow) int { return strings.Compare(a.Created, b.Created) })
	data, now := escalationsData{Items: []Escalation{}}, deps.Clock.Now()
	for _, row := range rows[:min(len(rows), limit)] {
		item, err := row.item(e.Auth.Id, now)
		if err != nil {
			return err
		}
		data.Items = append(data.Items, item)
	}
	return shell.OK(e, data, "")
}

// askedLanguages are the languages asked for in which the person is an expert.
func askedLanguages(e *core.RequestEvent) ([]string, error) {
	languages, err := expertIn(e.App, e.Auth)
	if err != nil {
		return nil, err
	}
	asked := e.Request.URL.Query().Get("language")
	if asked != "" {
		var id string
		err := e.App.DB().NewQuery("SELECT id FROM languages WHERE id = {:asked} OR code = {:asked}").Bind(dbx.Params{"asked": asked}).Row(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, fault.LanguageUnknown.On("language")
		}
		if err != nil {
			return nil, err
		}
		languages = slices.DeleteFunc(slices.Clone(languages), func(language string) bool { return language != id })
	}
	if len(languages) == 0 {
		return nil, fault.NotExpert.On("language")
	}
	return languages, nil
}

func (row escalationRow) item(me string, now time.Time) (Escalation, error) {
	opened, err := shell.ParseStamp(row.Created)
	if err != nil {
		return Escalation{}, err
	}
	until, err := row.heldUntil(now)
	if err != nil {
		return Escalation{}, err
	}
	item := Escalation{
		Escalation: row.ID, Clip: row.Clip, Language: row.Language, Kind: row.Kind, Dialect: row.Dialect, Prompt: row.Prompt,
		Phrase: row.Phrase, DurationMS: row.DurationMS, Cause: row.Cause, OpenedAt: opened.Format(time.RFC3339Nano), MediaURL: row.mediaURL(),
	}
	if row.ClaimedBy == me && !until.IsZero() {
		item.ClaimUntil = until.Format(time.RFC3339Nano)
	} else {
		item.Claimed = !until.IsZero()
	}
	return item, nil
}

func (row escalationRow) mediaURL() string {
	return shell.APIPrefix + "/escalations/" + row.ID + "/media"
}

// heldUntil is when the claim of whoever has the clip ends; zero if nobody has.
func (row escalationRow) heldUntil(now time.Time) (time.Time, error) {
	until, err := shell.ParseStamp(row.ClaimUntil)
	if err != nil || row.ClaimedBy == "" || !now.Before(until) {
		return time.Time{}, err
	}
	return until, nil
}

// loadEscalation reads an escalation for somebody who wants to act on it now.
func loadEscalation(tx core.App, id, me string) (escalationRow, error) {
	var row escalationRow
	err := tx.DB().NewQuery("SELECT " + escalationColumns + ", " + partial() + " AS partial FROM escalations e JOIN clips c ON c.id = e.clip WHERE e.id = {:id}").
		Bind(dbx.Params{"id": id, "me": me}).One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return row, fault.NotFound.On("id")
	}
	return row, err
}

// mayDecide refuses who is no expert for it, as they are at this moment,
// and everybody once it is not open.
func (row escalationRow) mayDecide(tx core.App, me string) error {
	person, err := tx.FindRecordById("users", me)
	if err != nil {
		return err
	}
	if err := accounts.Refusal(person.GetString("standing")); err != nil {
		return err
	}
	languages, err := expertIn(tx, person)
	if err != nil {
		return err
	}
	switch {
	case !slices.Contains(languages, row.Language), (row.Cause == collections.CauseGold || row.Contested) && !isModerator(person):
		return fault.NotExpert.On("id")
	case row.State != collections.EscalationOpen:
		return fault.EscalationClosed.On("id")
	case row.Partial:
		return fault.NotEligible.On("id")
	case row.Hidden:
		return fault.ClipHidden.On("id")
	}
	return nil
}
