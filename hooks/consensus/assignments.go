package consensus

import (
	"database/sql"
	"errors"
	"net/http"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/clips"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

const maxSkipReasonRunes = 200

type skipBody struct {
	Reason string `json:"reason,omitempty" help:"Why, for example not_my_dialect; no effect on the clip."`
}

type skipData struct {
	Assignment string `json:"assignment"`
}

func registerAssignments(deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/assignments/{id}/skip", Who: shell.Person, Body: skipBody{}, Data: skipData{},
		What:   "Give a clip back without a vote; it is not offered to you again. Repeating does nothing.",
		Faults: []*fault.Code{fault.NotFound, fault.InvalidInput, fault.AlreadyVoted},
		Handle: func(e *core.RequestEvent) error { return skip(e, deps) },
	})
	deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/assignments/{id}/media", Who: shell.Anyone, Media: "application/octet-stream",
		What:   "The recording of a clip assigned to you, while the lease lasts. Needs a file token, since players send no headers.",
		Params: []shell.Param{{Name: "token", In: "query", Help: "File token (POST /api/files/token).", Required: true}},
		Faults: []*fault.Code{fault.NotFound},
		Handle: func(e *core.RequestEvent) error { return serveTo(e, deps, leasedMedia()) },
	})
}

func skip(e *core.RequestEvent, deps *shell.Deps) error {
	body := skipBody{}
	if e.Request.ContentLength != 0 {
		var err error
		if body, err = shell.Bind[skipBody](e); err != nil {
			return err
		}
	}
	if utf8.RuneCountInString(body.Reason) > maxSkipReasonRunes {
		return fault.InvalidInput.On("reason").Saying("The reason has at most 200 characters.")
	}
	id := e.Request.PathValue("id")
	err := e.App.RunInTransaction(func(tx core.App) error { return Skip(tx, deps, e.Auth.Id, id, body.Reason) })
	if err != nil {
		return err
	}
	return shell.OK(e, skipData{Assignment: id}, "The clip will not be offered to you again.")
}

// Skip gives a clip back without a vote, also one whose lease has run out. It
// returns fault.NotFound for an assignment of somebody else and
// fault.AlreadyVoted after a vote; a skipped one stays as it is.
func Skip(tx core.App, deps *shell.Deps, validator, assignment, reason string) error {
	var row struct {
		Clip     string `db:"clip"`
		Language string `db:"language"`
		State    string `db:"state"`
	}
	err := tx.DB().NewQuery("SELECT clip, language, state FROM assignments WHERE id = {:id} AND validator = {:me}").
		Bind(dbx.Params{"id": assignment, "me": validator}).One(&row)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fault.NotFound.On("id")
	case err != nil:
		return err
	case row.State == collections.AssignmentVoted:
		return fault.AlreadyVoted.On("id")
	case row.State == collections.AssignmentSkipped:
		return nil
	}
	if _, err := shell.Exec(tx, "UPDATE assignments SET state = 'skipped', reason = {:reason} WHERE id = {:id}",
		dbx.Params{"id": assignment, "reason": reason}); err != nil {
		return err
	}
	now := deps.Clock.Now()
	policy, _, err := shell.ConsensusPolicy(tx, now, row.Language)
	if err != nil {
		return err
	}
	return recount(tx, now, policy.MinVotes, []string{row.Clip})
}

// leasedMedia finds the recording of a clip that :me holds a lease on.
func leasedMedia() string {
	return `
		SELECT c.id AS clip, c.media, COALESCE(s.id, c.id) AS source, COALESCE(s.media, c.media) AS file FROM assignments a
		JOIN clip_tallies t ON t.clip = a.clip AND t.open = 1 JOIN clips c ON c.id = a.clip AND c.hidden = 0
		LEFT JOIN gold_clips g ON g.id = t.gold LEFT JOIN clips s ON s.id = g.source
		WHERE a.id = {:id} AND a.validator = {:me} AND a.state = 'live' AND a.lease_until > {:now} AND NOT ` + relatedTo("t.owner") + ` AND NOT ` + accounts.BannedSQL("t.owner")
}

// serveTo serves the recording that the query finds for the holder of the file
// token, :me, at :now. It looks on every request, ranges included. Every refusal
// is the same 404: the address says nothing.
func serveTo(e *core.RequestEvent, deps *shell.Deps, query string) error {
	none := fault.NotFound.On("id")
	person, err := e.App.FindAuthRecordByToken(e.Request.URL.Query().Get("token"), core.TokenTypeFile)
	if err != nil || person.Collection().Name != "users" || accounts.MayNotAct(person) {
		return none
	}
	var row struct {
		Clip   string `db:"clip"`
		Media  string `db:"media"`
		Source string `db:"source"` // folder and name of the file, which is another clip's for a control
		File   string `db:"file"`
	}
	err = e.App.DB().NewQuery(query).
		Bind(dbx.Params{"id": e.Request.PathValue("id"), "me": person.Id, "now": shell.Stamp(deps.Clock.Now())}).One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return none
	}
	if err != nil {
		return err
	}
	collection, err := e.App.FindCachedCollectionByNameOrId("clips")
	if err != nil {
		return err
	}
	files, err := e.App.NewFilesystem()
	if err != nil {
		return err
	}
	defer files.Close()
	e.Response.Header().Set("Cache-Control", "private, no-store")
	return clips.Undated(e, row.Clip, func() error {
		return files.Serve(e.Response, e.Request, collection.BaseFilesPath()+"/"+row.Source+"/"+row.File, row.Media)
	})
}
