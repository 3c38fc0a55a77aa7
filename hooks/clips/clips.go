// Package clips decides what becomes a clip: a recording by a person who
// consented, in an open language, that the server has listened to. It refuses
// media by its content, keeps unreviewed media protected, binds every clip to
// the campaign that pays for it, and lets its speaker withdraw it at any time.
package clips

import (
	"errors"
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

// Register binds the clips area.
func Register(app core.App, deps *shell.Deps) {
	shell.Repeatable(app, "clips", "owner", sameClip)
	app.OnRecordCreateRequest("clips").Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id: "ll.clips.create.request",
		Func: func(e *core.RecordRequestEvent) error {
			if err := prepare(uncancelled(e.Request), e.App, deps, e.Auth, e.Record); err != nil {
				return err
			}
			return lostToTwin(e.Next())
		},
	})
	app.OnRecordCreateExecute("clips").Bind(&hook.Handler[*core.RecordEvent]{
		// PocketBase uploads the file at priority 99. From here on there is only
		// the INSERT, which a transaction may hold the writer for.
		Id: "ll.clips.create.execute", Priority: 100,
		Func: func(e *core.RecordEvent) error {
			return shell.InTransaction(&e.App, func(tx core.App) error {
				// Uploads can take half an hour; the speaker may be banned by now, or
				// somebody has blocked whom the remix is of.
				if err := accounts.RequireGoodStanding(tx, e.Record.GetString("owner")); err != nil {
					return err
				}
				if err := setParent(tx, e.Record); err != nil {
					return err
				}
				if err := e.Next(); err != nil {
					return err
				}
				return enterQueue(tx, e.Record, deps.Clock.Now())
			})
		},
	})
	app.OnFileDownloadRequest("clips").Bind(&hook.Handler[*core.FileDownloadRequestEvent]{
		Id:   "ll.clips.media.cache",
		Func: playMedia,
	})
	registerUpload(deps)
	registerWithdrawal(deps)
}

// lostToTwin names the loss against the unique index on the media's hash: two
// uploads of the same bytes at the same moment.
func lostToTwin(err error) error {
	if err != nil && shell.IsUniqueViolation(rawCause(err), "media_sha256") {
		return fault.DuplicateMedia.On("media").Because(err)
	}
	return err
}

// rawCause is the error inside an answer of PocketBase.
func rawCause(err error) error {
	var answer interface{ RawData() any }
	if errors.As(err, &answer) {
		if cause, ok := answer.RawData().(error); ok {
			return cause
		}
	}
	return err
}

// enterQueue puts a new clip at the end of the validators' queue, in the
// transaction of its INSERT.
func enterQueue(tx core.App, clip *core.Record, now time.Time) error {
	_, err := shell.Exec(tx, `
		INSERT INTO clip_tallies (id, clip, language, owner, gold, seq, turn, turned_at, owner_seq, open, ready, started, passed, anybody, watched,
			leases, votes, approvals, rejections, log_odds)
		VALUES ({:id}, {:clip}, {:language}, {:owner}, '',
			(SELECT COALESCE(MAX(seq), 0) + 1 FROM clip_tallies), (SELECT COALESCE(MAX(turn), 0) + 1 FROM clip_tallies), {:now},
			(SELECT COALESCE(MAX(owner_seq), 0) + 1 FROM clip_tallies WHERE owner = {:owner}), 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)`,
		dbx.Params{
			"id": shell.NewID(), "clip": clip.Id, "language": clip.GetString("language"), "owner": clip.GetString("owner"), "now": shell.Stamp(now),
		})
	return err
}

func registerUpload(deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/clips", Who: shell.Person, Upload: "application/octet-stream",
		What: "Upload a clip with the recording as the raw body, for clients whose multipart uploads fail. Same checks as the records API.",
		Params: []shell.Param{
			{Name: "kind", In: "query", Help: "voice or video.", Required: true},
			{Name: "language", In: "query", Help: "Id or code of the language.", Required: true},
			shell.Query("id", "Record id made by the client, so that a retry is recognised."),
			shell.Query("dialect", "Dialect."), shell.Query("prompt", "Id of the prompt."),
			shell.Query("phrase", "What is said, when there is no prompt."), shell.Query("parent", "Id of the remixed clip."),
		},
		MaxBytes: maxUploadBytes, Data: map[string]any{},
		Faults: []*fault.Code{
			fault.ConsentRequired, fault.UnsupportedMedia, fault.NoAudioTrack, fault.TooShort, fault.TooLong, fault.Silent, fault.DuplicateMedia,
			fault.TextBlocked, fault.LanguageUnknown, fault.PromptMismatch, fault.ParentInvalid, fault.CampaignUnavailable, fault.IDConflict, fault.TooLarge, fault.InvalidInput,
		},
		Handle: func(e *core.RequestEvent) error { return uploadRaw(e, deps) },
	})
}
