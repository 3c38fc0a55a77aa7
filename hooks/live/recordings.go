package live

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/clips"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/livekit"
	"github.com/lingualink/lingualink/internal/rooms"
)

const (
	// roundRecordings runs the recorders. It goes on while one of them does.
	roundRecordings = "live.recordings"
	recordingsEvery = time.Minute
	recordingsLook  = 250 * time.Millisecond

	longestSentence   = 60 // seconds
	microphoneWait    = 10 * time.Second
	recordingsPerHour = 30

	// recorderPrefix begins the identities of recorders; no person has it.
	recorderPrefix = "recorder_"
)

type recordBody struct {
	Consent bool   `json:"consent" help:"true: I want my voice recorded and made a clip of mine."`
	Seconds int64  `json:"seconds" help:"Longest recording, 1 to 60."`
	Phrase  string `json:"phrase" help:"What you are going to say, up to 500 characters."`
}

func (t *streams) registerRecordings() {
	t.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/streams/{id}/record", Who: shell.Person, Body: recordBody{}, Data: map[string]any{},
		What: "Have a sentence of your own voice in a live stream become a clip of yours. It begins when you speak and ends after the seconds, or when your microphone does. Nobody can ask for it but the speaker.",
		Faults: []*fault.Code{
			fault.NotConfigured, fault.NotFound, fault.NotAllowed, fault.StreamState, fault.InvalidInput, fault.ConsentRequired, fault.RateLimited,
		},
		Handle: t.needsServer(t.record),
	})
	t.deps.Outbox.Round(roundRecordings, recordingsEvery, t.runRecorders)
}

// record stores the speaker's consent, for this one sentence.
func (t *streams) record(e *core.RequestEvent) error {
	body, err := shell.Bind[recordBody](e)
	if err != nil {
		return err
	}
	body.Phrase = strings.TrimSpace(body.Phrase)
	switch {
	case !body.Consent:
		return fault.InvalidInput.On("consent").Saying("Nobody is recorded who has not agreed to it.")
	case body.Seconds < 1 || body.Seconds > longestSentence:
		return fault.InvalidInput.On("seconds").With("most", longestSentence).Saying("Send 1 to 60 seconds.")
	case utf8.RuneCountInString(body.Phrase) > 500:
		return fault.InvalidInput.On("phrase").Saying("The phrase has at most 500 characters.")
	}
	if err := t.limited(e.App, "record", e.Auth.Id, recordingsPerHour, time.Hour); err != nil {
		return err
	}
	row, err := shell.Transact(e.App, func(tx core.App) (*core.Record, error) {
		return t.agree(tx, e, body)
	})
	if shell.IsUniqueViolation(err, "speaker") {
		return fault.StreamState.On("recording").Saying("A recording of you is running.").Because(err)
	}
	if err != nil {
		return err
	}
	return answer(e, row, "Speak: it begins with your microphone.")
}

func (t *streams) agree(tx core.App, e *core.RequestEvent, body recordBody) (*core.Record, error) {
	stream, err := t.readable(tx, e)
	if err != nil {
		return nil, err
	}
	if err := accounts.RequireConsent(tx, t.now(), e.Auth.Id); err != nil {
		return nil, err
	}
	v, err := t.visit(tx, stream, e.Auth.Id)
	if err != nil {
		return nil, err
	}
	policy, err := t.policy(tx)
	if err != nil {
		return nil, err
	}
	status := rooms.State(stream.GetString("status"))
	if status != rooms.Live && status != rooms.HostAway {
		return nil, fault.StreamState.On("status").With("status", string(status))
	}
	if !v.grants(status, policy).Sources.Has(rooms.Microphone) {
		return nil, fault.NotAllowed.On("stage").Saying("Who speaks on the stage can be recorded.")
	}
	collection, err := tx.FindCachedCollectionByNameOrId("stream_recordings")
	if err != nil {
		return nil, err
	}
	row := core.NewRecord(collection)
	row.Set("stream", stream.Id)
	row.Set("speaker", e.Auth.Id)
	row.Set("consented_at", shell.Stamp(t.now()))
	row.Set("state", collections.RecordingWaits)
	row.Set("seconds", body.Seconds)
	row.Set("phrase", body.Phrase)
	shell.AfterCommit(tx, func() { t.deps.Outbox.WakeRound(roundRecordings) })
	return row, tx.Save(row)
}

// isRecorder tells whether an identity is that of a recorder, and of which
// recording.
func isRecorder(identity string) (string, bool) { return strings.CutPrefix(identity, recorderPrefix) }

// recorderExpected tells whether a recording is under way in the stream.
func recorderExpected(app core.App, stream, id string) (bool, error) {
	var expected bool
	err := app.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM stream_recordings WHERE id = {:id} AND stream = {:stream} AND state IN ('waiting', 'recording'))").
		Bind(dbx.Params{"id": id, "stream": stream}).Row(&expected)
	return expected, err
}

// runRecorders records what waits, each in a goroutine, until none runs any more.
func (t *streams) runRecorders(ctx context.Context, app core.App) error {
	if t.rooms == nil {
		return nil
	}
	if err := t.settleLost(app); err != nil {
		return err
	}
	tick := time.NewTicker(recordingsLook)
	defer tick.Stop()
	running, over, open := sync.WaitGroup{}, make(chan struct{}, 64), 0
	defer running.Wait()
	for {
		waiting, err := app.FindRecordsByFilter("stream_recordings", "state = 'waiting'", "created", 64-open, 0)
		if err != nil {
			return err
		}
		for _, row := range waiting {
			if err := t.setRecording(app, row.Id, collections.RecordingOn, "", ""); err != nil {
				return err
			}
			open++
			running.Go(func() {
				t.recordOne(ctx, app, row)
				over <- struct{}{}
			})
		}
		if open == 0 {
			return nil
		}
		select {
		case <-over:
			open--
		case <-tick.C:
		}
		if ctx.Err() != nil {
			return nil // the recorders end by themselves, with what they have
		}
	}
}

// settleLost is about recordings of a process that died: what became a clip is
// one, the rest is lost. No recorder of this process runs.
func (t *streams) settleLost(app core.App) error {
	lost, err := app.FindRecordsByFilter("stream_recordings", "state = 'recording'", "", 0, 0)
	if err != nil {
		return err
	}
	for _, row := range lost {
		if _, err := app.FindRecordById("clips", row.Id); err == nil {
			err = t.setRecording(app, row.Id, collections.RecordingClip, row.Id, "")
			if err != nil {
				return err
			}
			continue
		} else if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err := t.setRecording(app, row.Id, collections.RecordingFailed, "", "The server was started anew."); err != nil {
			return err
		}
	}
	return nil
}

func (t *streams) setRecording(app core.App, id, state, clip, reason string) error {
	return app.RunInTransaction(func(tx core.App) error {
		row, err := tx.FindRecordById("stream_recordings", id)
		if err != nil {
			return err
		}
		row.Set("state", state)
		row.Set("clip", clip)
		row.Set("reason", reason)
		if err := tx.Save(row); err != nil || clip == "" {
			return err
		}
		stream, err := tx.FindRecordById("streams", row.GetString("stream"))
		if err != nil || !stream.GetBool("hidden") {
			return err
		}
		return hideClips(tx, stream) // it was killed meanwhile
	})
}

// recordOne records a sentence and makes the clip. Its id is the recording's, so
// that it is known after a crash.
func (t *streams) recordOne(ctx context.Context, app core.App, row *core.Record) {
	err := t.toClip(ctx, app, row)
	state, clip, reason := collections.RecordingClip, row.Id, ""
	if err != nil {
		state, clip, reason = collections.RecordingFailed, "", "It could not be recorded."
		var known *fault.Error
		if errors.As(err, &known) {
			reason = known.Message()
		} else if errors.Is(err, livekit.ErrAbsent) {
			reason = "There was no microphone."
		}
		app.Logger().Warn("live: a recording became no clip", "recording", row.Id, "error", err)
	}
	if err := t.setRecording(app, row.Id, state, clip, reason); err != nil {
		app.Logger().Error("live: the end of a recording could not be stored", "recording", row.Id, "error", err)
	}
}

func (t *streams) toClip(ctx context.Context, app core.App, row *core.Record) error {
	stream, err := app.FindRecordById("streams", row.GetString("stream"))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "lingualink-recording-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := dir + "/sentence.ogg"
	if err := t.toFile(ctx, path, livekit.Recording{
		Room: stream.GetString("room"), Identity: recorderPrefix + row.Id, Person: row.GetString("speaker"),
		Most: time.Duration(row.GetInt("seconds")) * time.Second, Patience: microphoneWait,
	}); err != nil {
		return err
	}
	owner, err := app.FindRecordById("users", row.GetString("speaker"))
	if err != nil {
		return err
	}
	media, err := filesystem.NewFileFromPath(path)
	if err != nil {
		return err
	}
	collection, err := app.FindCachedCollectionByNameOrId("clips")
	if err != nil {
		return err
	}
	clip := core.NewRecord(collection)
	clip.Set("id", row.Id)
	clip.Set("kind", "voice")
	clip.Set("language", stream.GetString("language"))
	clip.Set("phrase", row.GetString("phrase"))
	clip.Set("media", media)
	// A stop ends the recording, and what was said until then is kept.
	return clips.Create(context.WithoutCancel(ctx), app, t.deps, owner, clip)
}

func (t *streams) toFile(ctx context.Context, path string, order livekit.Recording) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if closing := file.Close(); err == nil {
			err = closing
		}
	}()
	recorded, err := t.rooms.Record(ctx, order, file)
	if err == nil && recorded.Duration == 0 {
		return livekit.ErrAbsent
	}
	return err
}
