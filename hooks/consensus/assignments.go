package consensus

import (
	"database/sql"
	"errors"
	"net/http"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
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
		Handle: skip,
	})
	deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/assignments/{id}/media", Who: shell.Anyone, Media: "application/octet-stream",
		What:   "The recording of a clip assigned to you, while the lease lasts. Needs a file token, since players send no headers.",
		Params: []shell.Param{{Name: "token", In: "query", Help: "File token (POST /api/files/token).", Required: true}},
		Faults: []*fault.Code{fault.NotFound},
		Handle: func(e *core.RequestEvent) error { return serveMedia(e, deps) },
	})
}

func skip(e *core.RequestEvent) error {
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
	params := dbx.Params{"id": id, "me": e.Auth.Id, "reason": body.Reason}
	changed, err := shell.Exec(e.App, "UPDATE assignments SET state = 'skipped', reason = {:reason} WHERE id = {:id} AND validator = {:me} AND state = 'live'", params)
	if err != nil {
		return err
	}
	if changed == 0 {
		var state string
		err := e.App.DB().NewQuery("SELECT state FROM assignments WHERE id = {:id} AND validator = {:me}").Bind(params).Row(&state)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return fault.NotFound.On("id")
		case err != nil:
			return err
		case state == "voted":
			return fault.AlreadyVoted.On("id")
		}
	}
	return shell.OK(e, skipData{Assignment: id}, "The clip will not be offered to you again.")
}

// serveMedia checks the lease by the server's clock on every request, ranges
// included. Every refusal is the same 404: the address says nothing.
func serveMedia(e *core.RequestEvent, deps *shell.Deps) error {
	none := fault.NotFound.On("id")
	person, err := e.App.FindAuthRecordByToken(e.Request.URL.Query().Get("token"), core.TokenTypeFile)
	if err != nil || person.Collection().Name != "users" || accounts.MayNotAct(person) {
		return none
	}
	var row struct {
		Clip  string `db:"clip"`
		Media string `db:"media"`
	}
	err = e.App.DB().NewQuery(`
		SELECT c.id AS clip, c.media FROM assignments a
		JOIN clip_tallies t ON t.clip = a.clip AND t.open = 1 JOIN clips c ON c.id = a.clip AND c.hidden = 0
		WHERE a.id = {:id} AND a.validator = {:me} AND a.state = 'live' AND a.lease_until > {:now} AND NOT ` + relatedTo("t.owner")).
		Bind(dbx.Params{"id": e.Request.PathValue("id"), "me": person.Id, "now": shell.Stamp(deps.Clock.Now())}).One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return none
	}
	if err != nil {
		return err
	}
	clips, err := e.App.FindCachedCollectionByNameOrId("clips")
	if err != nil {
		return err
	}
	files, err := e.App.NewFilesystem()
	if err != nil {
		return err
	}
	defer files.Close()
	e.Response.Header().Set("Cache-Control", "private, no-store")
	return files.Serve(e.Response, e.Request, clips.BaseFilesPath()+"/"+row.Clip+"/"+row.Media, row.Media)
}
