package live

import (
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/rooms"
)

var errNoStreams = errors.New("live: the area is not registered")

const streamsKey = "ll.live.streams"

// Kill ends a stream at once and hides it, in the transaction of a moderator's
// decision; also one that has ended. Its room is deleted and its name forgotten:
// no token opens anything any more. fault.StreamState if it was killed before.
func Kill(tx core.App, _ *shell.Deps, id, actor, reason string) error {
	t, registered := tx.Store().Get(streamsKey).(*streams)
	if !registered {
		return errNoStreams
	}
	record, err := findStream(tx, id)
	if err != nil {
		return err
	}
	if err := t.step(tx, record, rooms.Kill{}); err != nil {
		return err
	}
	return shell.Audit(tx, t.now(), shell.Act{Actor: actor, Action: "stream.kill", SubjectType: "streams", SubjectID: id, Reason: reason})
}

type killBody struct {
	Reason string `json:"reason" help:"Why, for the audit log; up to 500 characters."`
}

func (t *streams) registerKill(app core.App) {
	app.Store().Set(streamsKey, t)
	t.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/streams/{id}/kill", Who: shell.Moderator, Body: killBody{}, Data: map[string]any{},
		What:   "End a stream at once and hide it with its chat and its clips, also after it has ended. Everybody is out within a second.",
		Faults: []*fault.Code{fault.NotFound, fault.StreamState, fault.InvalidInput},
		// Without a media server streams can still be hidden.
		Handle: func(e *core.RequestEvent) error {
			body, err := shell.Bind[killBody](e)
			if err != nil {
				return err
			}
			if reason := strings.TrimSpace(body.Reason); reason == "" || utf8.RuneCountInString(reason) > 500 {
				return fault.InvalidInput.On("reason").Saying("Say why, in up to 500 characters.")
			}
			id := e.Request.PathValue("id")
			err = e.App.RunInTransaction(func(tx core.App) error {
				return Kill(tx, t.deps, id, shell.ActorOf(e.Auth), strings.TrimSpace(body.Reason))
			})
			if err != nil {
				return err
			}
			record, err := findStream(e.App, id)
			if err != nil {
				return err
			}
			return answer(e, record, "The stream is killed.")
		},
	})
}

// hideClips hides the clips that were made of a stream.
func hideClips(tx core.App, stream *core.Record) error {
	clips, err := tx.FindRecordsByFilter("clips", "hidden = false && stream_recordings_via_clip.stream ?= {:stream}", "", 0, 0, dbx.Params{"stream": stream.Id})
	if err != nil {
		return err
	}
	for _, clip := range clips {
		clip.Set("hidden", true)
		if err := tx.Save(clip); err != nil {
			return err
		}
	}
	return nil
}
