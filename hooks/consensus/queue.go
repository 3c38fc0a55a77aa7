package consensus

import (
	"net/http"
	"strconv"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

const (
	defaultItems = 10
	maxItems     = 50
	// lookBatch and maxBatches bound how far one request looks past clips that
	// the person may not vote on. The next request goes on from there.
	lookBatch  = 100
	maxBatches = 5
)

// Item is one clip leased to a validator.
type Item struct {
	Assignment string `json:"assignment" help:"Id, for the skip route."`
	Clip       string `json:"clip" help:"Id of the clip to vote on."`
	MediaURL   string `json:"media_url" help:"Path of the recording; add ?token= with a file token."`
	LeaseUntil string `json:"lease_until" help:"Votes are taken until this time (RFC 3339)."`
	Kind       string `json:"kind"`
	Language   string `json:"language"`
	Dialect    string `json:"dialect"`
	Prompt     string `json:"prompt"`
	Phrase     string `json:"phrase"`
	DurationMS int64  `json:"duration_ms"`
}

type queueData struct {
	Items []Item `json:"items"`
}

func registerQueue(deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/queue", Who: shell.Person, Data: queueData{},
		What: "The next clips for you to validate, leased to you for a while. Asking again gives the same ones until you voted or skipped.",
		Params: []shell.Param{
			shell.Query("language", "Id or code of one of your languages; default: all of them."),
			shell.Query("limit", "1 or more, default 10; at most 50 are handed out."),
		},
		Faults: []*fault.Code{fault.InvalidInput, fault.LanguageNotSpoken, fault.LanguageUnknown},
		Handle: func(e *core.RequestEvent) error { return queue(e, deps) },
	})
}

func queue(e *core.RequestEvent, deps *shell.Deps) error {
	limit, err := itemLimit(e.Request.URL.Query().Get("limit"))
	if err != nil {
		return err
	}
	languages, err := queueLanguages(e)
	if err != nil {
		return err
	}
	items := []Item{}
	err = e.App.RunInTransaction(func(tx core.App) error {
		for _, language := range languages {
			if len(items) == limit {
				break
			}
			more, err := HandOut(tx, deps, e.Auth.Id, language, limit-len(items))
			if err != nil {
				return err
			}
			items = append(items, more...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return shell.OK(e, queueData{Items: items}, "")
}

func itemLimit(text string) (int, error) {
	if text == "" {
		return defaultItems, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 {
		return 0, fault.InvalidInput.On("limit").Saying("The limit is a number from 1; at most 50 clips are handed out.")
	}
	return min(limit, maxItems), nil
}

// queueLanguages are the enabled languages asked for, as ids.
func queueLanguages(e *core.RequestEvent) ([]string, error) {
	asked := e.Request.URL.Query().Get("language")
	rows := []struct {
		ID   string `db:"id"`
		Code string `db:"code"`
	}{}
	if err := e.App.DB().NewQuery("SELECT id, code FROM languages WHERE enabled = 1 ORDER BY code").All(&rows); err != nil {
		return nil, err
	}
	languages := []string{}
	for _, row := range rows {
		switch {
		case asked == "" && speaks(e.Auth, row.ID):
			languages = append(languages, row.ID)
		case asked != "" && (asked == row.ID || asked == row.Code):
			if !speaks(e.Auth, row.ID) {
				return nil, fault.LanguageNotSpoken.On("language")
			}
			return []string{row.ID}, nil
		}
	}
	if asked != "" {
		return nil, fault.LanguageUnknown.On("language")
	}
	return languages, nil
}

// candidate is a clip that may be handed out.
type candidate struct {
	Seq        int64  `db:"seq"`
	Assignment string `db:"assignment"`
	LeasedAt   string `db:"leased_at"`
	LeaseUntil string `db:"lease_until"`
	Clip       string `db:"clip"`
	Kind       string `db:"kind"`
	Language   string `db:"language"`
	Dialect    string `db:"dialect"`
	Prompt     string `db:"prompt"`
	Phrase     string `db:"phrase"`
	DurationMS int64  `db:"duration_ms"`
	Excluded   bool   `db:"excluded"`
}

const candidateColumns = "t.seq, t.clip, c.kind, c.language, c.dialect, c.prompt, c.phrase, c.duration_ms"

// HandOut gives the person up to limit clips of the language: first those already
// in their hands, then the oldest that they have not been offered. A cursor per
// person and language remembers how far they are, so the cost does not grow with
// the queue or with the votes they have cast.
func HandOut(tx core.App, deps *shell.Deps, validator, language string, limit int) ([]Item, error) {
	now := deps.Clock.Now()
	policy, _, err := shell.ConsensusPolicy(tx, now, language)
	if err != nil {
		return nil, err
	}
	lease := now.Add(time.Duration(policy.LeaseS) * time.Second)
	params := dbx.Params{"me": validator, "language": language, "limit": limit}
	if err := dropClosed(tx, params); err != nil {
		return nil, err
	}
	items, err := renew(tx, params, now, lease)
	if err != nil || len(items) == limit {
		return items, err
	}
	reached, err := cursorOf(tx, params)
	if err != nil {
		return nil, err
	}
	cursor := reached
	for range maxBatches {
		batch := []candidate{}
		err := tx.DB().NewQuery(nextQuery()).
			Bind(dbx.Params{"me": validator, "language": language, "cursor": cursor, "batch": lookBatch}).All(&batch)
		if err != nil {
			return nil, err
		}
		for _, clip := range batch {
			if len(items) == limit {
				break
			}
			cursor = clip.Seq
			if clip.Excluded {
				continue
			}
			if err := open(tx, &clip, validator, now, lease); err != nil {
				return nil, err
			}
			items = append(items, clip.item(lease))
		}
		if len(batch) < lookBatch || len(items) == limit {
			break
		}
	}
	if cursor == reached {
		return items, nil
	}
	return items, saveCursor(tx, params, cursor)
}

// nextQuery walks the queue's index from the person's cursor.
func nextQuery() string {
	return `
		SELECT ` + candidateColumns + `,
			(t.owner = {:me} OR ` + relatedTo("t.owner") + ` OR ` + earnsFrom("c.parent") + `
			 OR EXISTS (SELECT 1 FROM votes WHERE clip = t.clip AND validator = {:me})
			 OR EXISTS (SELECT 1 FROM assignments WHERE clip = t.clip AND validator = {:me})) AS excluded
		FROM clip_tallies t JOIN clips c ON c.id = t.clip
		WHERE t.language = {:language} AND t.open = 1 AND t.seq > {:cursor} AND c.hidden = 0
		ORDER BY t.seq LIMIT {:batch}`
}

// dropClosed removes assignments of clips that were decided, withdrawn or
// hidden meanwhile, and of people who have become related.
func dropClosed(tx core.App, params dbx.Params) error {
	_, err := shell.Exec(tx, `
		DELETE FROM assignments WHERE validator = {:me} AND language = {:language} AND state = 'live'
		AND EXISTS (
			SELECT 1 FROM clip_tallies t JOIN clips c ON c.id = t.clip
			WHERE t.clip = assignments.clip AND (t.open = 0 OR c.hidden = 1 OR `+relatedTo("t.owner")+`))`, params)
	return err
}

// renew returns what is in the person's hands already, leasing anew what has run
// out.
func renew(tx core.App, params dbx.Params, now, lease time.Time) ([]Item, error) {
	held := []candidate{}
	err := tx.DB().NewQuery(`
		SELECT a.id AS assignment, a.leased_at, a.lease_until, ` + candidateColumns + `
		FROM assignments a JOIN clip_tallies t ON t.clip = a.clip JOIN clips c ON c.id = a.clip
		WHERE a.validator = {:me} AND a.language = {:language} AND a.state = 'live'
		ORDER BY t.seq LIMIT {:limit}`).Bind(params).All(&held)
	if err != nil {
		return nil, err
	}
	items := make([]Item, len(held))
	for i, clip := range held {
		until, err := shell.ParseStamp(clip.LeaseUntil)
		if err != nil {
			return nil, err
		}
		// Less than half of a lease may not be enough to listen and vote.
		if until.Sub(now) < lease.Sub(now)/2 {
			until = lease
			_, err := shell.Exec(tx, "UPDATE assignments SET leased_at = CASE WHEN lease_until > {:now} THEN leased_at ELSE {:now} END, lease_until = {:until} WHERE id = {:id}",
				dbx.Params{"id": clip.Assignment, "now": shell.Stamp(now), "until": shell.Stamp(until)})
			if err != nil {
				return nil, err
			}
		}
		items[i] = clip.item(until)
	}
	return items, nil
}

// open leases a clip to the person.
func open(tx core.App, clip *candidate, validator string, now, lease time.Time) error {
	clip.Assignment = shell.NewID()
	return shell.Insert(tx, "assignments", dbx.Params{
		"id": clip.Assignment, "clip": clip.Clip, "validator": validator, "language": clip.Language, "state": "live",
		"leased_at": shell.Stamp(now), "lease_until": shell.Stamp(lease), "reason": "",
	})
}

func (c candidate) item(until time.Time) Item {
	return Item{
		Assignment: c.Assignment, Clip: c.Clip, MediaURL: shell.APIPrefix + "/assignments/" + c.Assignment + "/media",
		LeaseUntil: until.Format(time.RFC3339Nano), Kind: c.Kind, Language: c.Language, Dialect: c.Dialect,
		Prompt: c.Prompt, Phrase: c.Phrase, DurationMS: c.DurationMS,
	}
}

// offerAgain turns the cursors of two people who are no longer kept apart back to
// the other's oldest open clip, which they passed over meanwhile.
func offerAgain(tx core.App, pair *core.Record) error {
	people := [2]string{pair.GetString("user"), pair.GetString("blocked")}
	if pair.Collection().Name == "relations" {
		people = [2]string{pair.GetString("a"), pair.GetString("b")}
	}
	for i, validator := range people {
		_, err := shell.Exec(tx, `
			UPDATE queue_cursors SET seq = MIN(seq, COALESCE((
				SELECT MIN(t.seq) - 1 FROM clip_tallies t
				WHERE t.owner = {:owner} AND t.open = 1 AND t.language = queue_cursors.language), seq))
			WHERE validator = {:validator}`, dbx.Params{"validator": validator, "owner": people[1-i]})
		if err != nil {
			return err
		}
	}
	return nil
}

func cursorOf(tx core.App, params dbx.Params) (int64, error) {
	var seq int64
	err := tx.DB().NewQuery("SELECT COALESCE(MAX(seq), 0) FROM queue_cursors WHERE validator = {:me} AND language = {:language}").
		Bind(dbx.Params{"me": params["me"], "language": params["language"]}).Row(&seq)
	return seq, err
}

func saveCursor(tx core.App, params dbx.Params, seq int64) error {
	_, err := shell.Exec(tx, `
		INSERT INTO queue_cursors (id, validator, language, seq) VALUES ({:id}, {:me}, {:language}, {:seq})
		ON CONFLICT (validator, language) DO UPDATE SET seq = MAX(seq, excluded.seq)`,
		dbx.Params{"id": shell.NewID(), "me": params["me"], "language": params["language"], "seq": seq})
	return err
}
