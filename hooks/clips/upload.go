package clips

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/screening"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/audio"
	"github.com/lingualink/lingualink/internal/fault"
)

// maxUploadBytes bounds a raw body; the policy's limit per kind is lower.
const maxUploadBytes = collections.MediaMaxBytes + 1<<20

// uncancelled is the request's context without its end: PocketBase cancels every
// request when the server begins to stop, and one that runs may finish.
func uncancelled(request *http.Request) context.Context {
	return context.WithoutCancel(request.Context())
}

// Create makes a clip of the person from a record with the client's fields and
// the recording as its media, outside of a request.
func Create(ctx context.Context, app core.App, deps *shell.Deps, owner, clip *core.Record) error {
	clip.Set("owner", owner.Id)
	if err := prepare(ctx, app, deps, owner, clip); err != nil {
		return err
	}
	return lostToTwin(app.Save(clip))
}

// prepare checks everything about a new clip and fills in what is the server's.
// Cheap checks come first, listening to the recording last.
func prepare(ctx context.Context, app core.App, deps *shell.Deps, owner, clip *core.Record) error {
	now := deps.Clock.Now()
	if err := accounts.RequireConsent(app, now, owner.Id); err != nil {
		return err
	}
	kind := audio.Kind(clip.GetString("kind"))
	if kind != audio.Voice && kind != audio.Video {
		return fault.InvalidInput.On("kind").Saying("Send voice or video.")
	}
	limits, _, err := shell.Policy(app, now, shell.PolicyAudio, clip.GetString("language"), audio.ParsePolicy)
	if err != nil {
		return err
	}
	if err := limitUploads(app, deps, now, owner.Id, limits); err != nil {
		return err
	}
	for _, check := range []func(core.App, *core.Record) error{setLanguage, setPrompt, setParent} {
		if err := check(app, clip); err != nil {
			return err
		}
	}
	campaign, err := ledger.CampaignFor(app, clip.GetString("language"))
	if err != nil {
		return err
	}
	clip.SetRaw("created", shell.DateTime(now)) // by the clock that decides about it later
	clip.Set("campaign", campaign.ID)
	clip.Set("status", collections.ClipPending)
	clip.Set("hidden", false)
	clip.Set("reserved", false)
	clip.Set("control", false)
	if err := screening.Clip(app, clip); err != nil {
		return err
	}
	return listen(ctx, app, deps, clip, kind, limits)
}

func limitUploads(app core.App, deps *shell.Deps, now time.Time, owner string, limits audio.Policy) error {
	if !deps.Config.RateLimits {
		return nil
	}
	if err := shell.TakeQuota(app, now, "uploads:hour:"+owner, int64(limits.UploadsPerHour), time.Hour); err != nil {
		return err
	}
	return shell.TakeQuota(app, now, "uploads:day:"+owner, int64(limits.UploadsPerDay), 24*time.Hour)
}

func setLanguage(app core.App, clip *core.Record) error {
	language, err := findOptional(app, "languages", clip.GetString("language"))
	if err != nil {
		return err
	}
	if language == nil || !language.GetBool("enabled") {
		return fault.LanguageUnknown.On("language")
	}
	return nil
}

// setPrompt copies the phrase, so that a later change of the prompt does not
// change what was said.
func setPrompt(app core.App, clip *core.Record) error {
	id := clip.GetString("prompt")
	if id == "" {
		return nil
	}
	prompt, err := findOptional(app, "prompts", id)
	if err != nil {
		return err
	}
	if prompt == nil || !prompt.GetBool("active") || prompt.GetString("language") != clip.GetString("language") {
		return fault.PromptMismatch.On("prompt")
	}
	clip.Set("phrase", prompt.GetString("text"))
	return nil
}

// setParent places a remix in its chain. The parent is an approved clip of
// another speaker whom this one can hear.
func setParent(app core.App, clip *core.Record) error {
	clip.Set("root", "")
	clip.Set("depth", 0)
	id := clip.GetString("parent")
	if id == "" {
		return nil
	}
	parent, err := findOptional(app, "clips", id)
	if err != nil {
		return err
	}
	if parent == nil || parent.GetString("status") != collections.ClipApproved || parent.GetBool("hidden") ||
		parent.GetBool("reserved") || parent.GetBool("control") || parent.GetString("owner") == clip.GetString("owner") {
		return fault.ParentInvalid.On("parent")
	}
	if err := mayRemix(app, clip.GetString("owner"), parent.GetString("owner")); err != nil {
		return err
	}
	root := parent.GetString("root")
	if root == "" {
		root = parent.Id
	}
	clip.Set("root", root)
	clip.Set("depth", parent.GetInt("depth")+1)
	return nil
}

// mayRemix refuses a remix between people of whom one blocks the other, and of what
// a banned person recorded, in the words for a clip that does not exist.
func mayRemix(app core.App, owner, speaker string) error {
	var barred bool
	err := app.DB().NewQuery("SELECT " + accounts.BannedSQL("{:speaker}")).Bind(dbx.Params{"speaker": speaker}).Row(&barred)
	if err == nil && !barred {
		barred, err = accounts.Blocked(app, owner, speaker)
	}
	if err != nil {
		return err
	}
	if barred {
		return fault.ParentInvalid.On("parent")
	}
	return nil
}

func findOptional(app core.App, collection, id string) (*core.Record, error) {
	if id == "" {
		return nil, nil
	}
	record, err := app.FindRecordById(collection, id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return record, err
}

// listen probes the recording and records what was found.
func listen(ctx context.Context, app core.App, deps *shell.Deps, clip *core.Record, kind audio.Kind, limits audio.Policy) error {
	files := clip.GetUnsavedFiles("media")
	if len(files) != 1 {
		return fault.InvalidInput.On("media").Saying("Send one recording.")
	}
	content, err := files[0].Reader.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	report, err := deps.Media.Probe(ctx, readerAt(content), files[0].Size, kind, limits)
	if err != nil {
		return err
	}
	if err := refuseTwin(app, clip.GetString("owner"), report.SHA256); err != nil {
		return err
	}
	loudness, err := json.Marshal(report.LoudnessLUFS)
	if err != nil {
		return err
	}
	files[0].Name = shell.NewID() + audio.FileExtension(report)
	clip.Set("media", files[0])
	clip.Set("media_sha256", report.SHA256)
	clip.Set("size_bytes", report.SizeBytes)
	clip.Set("duration_ms", report.DurationMS)
	clip.Set("container", report.Container)
	clip.Set("codec", report.Codec)
	clip.Set("sample_rate_hz", report.SampleRateHz)
	clip.Set("channels", report.Channels)
	clip.Set("quality", string(report.Quality))
	clip.Set("loudness_lufs", string(loudness))
	return nil
}

// refuseTwin refuses bytes that were sent before, by anybody. The person's own
// earlier clip is named.
func refuseTwin(app core.App, owner, sha256 string) error {
	var twin struct {
		ID    string `db:"id"`
		Owner string `db:"owner"`
	}
	err := app.DB().NewQuery("SELECT id, owner FROM clips WHERE media_sha256 = {:hash}").Bind(dbx.Params{"hash": sha256}).One(&twin)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	refusal := fault.DuplicateMedia.On("media")
	if twin.Owner == owner {
		refusal = refusal.With("clip", twin.ID)
	}
	return refusal
}

// sameClip tells whether a repeated request carries the very same recording and
// words.
func sameClip(stored, sent *core.Record) bool {
	for _, field := range []string{"kind", "language", "dialect", "prompt", "parent"} {
		if stored.GetString(field) != sent.GetString(field) {
			return false
		}
	}
	if stored.GetString("prompt") == "" && stored.GetString("phrase") != sent.GetString("phrase") {
		return false
	}
	files := sent.GetUnsavedFiles("media")
	if len(files) != 1 {
		return false
	}
	content, err := files[0].Reader.Open()
	if err != nil {
		return false
	}
	defer content.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, content)
	return err == nil && hex.EncodeToString(sum.Sum(nil)) == stored.GetString("media_sha256")
}

// uploadRaw makes a clip from a raw body. The body is spooled to a file first,
// as PocketBase does with multipart bodies.
func uploadRaw(e *core.RequestEvent, deps *shell.Deps) error {
	spool, err := os.CreateTemp("", "lingualink-upload-*")
	if err != nil {
		return err
	}
	defer os.Remove(spool.Name())
	defer spool.Close()
	size, err := io.Copy(spool, e.Request.Body)
	if err != nil {
		return shell.BodyError(err, maxUploadBytes)
	}
	// The body is spent; PocketBase would try to parse it when it looks at the
	// request's auth and query.
	e.Request.Body, e.Request.ContentLength = http.NoBody, 0
	clip, err := clipFromQuery(e, &spooled{path: spool.Name()}, size)
	if err != nil {
		return err
	}
	stored, err := shell.StoredTwin(e.App, clip, "owner", sameClip)
	if err != nil {
		return err
	}
	if stored == nil {
		stored = clip
		if err := Create(uncancelled(e.Request), e.App, deps, e.Auth, clip); err != nil {
			// The other of two at the same moment may have won.
			twin, twinErr := shell.StoredTwin(e.App, clip, "owner", sameClip)
			if twinErr != nil || twin == nil {
				return err
			}
			stored = twin
		}
	}
	if err := apis.EnrichRecord(e, stored); err != nil {
		return err
	}
	return shell.OK(e, stored, "The clip waits for validators.")
}

func clipFromQuery(e *core.RequestEvent, reader filesystem.FileReader, size int64) (*core.Record, error) {
	collection, err := e.App.FindCachedCollectionByNameOrId("clips")
	if err != nil {
		return nil, err
	}
	clip := core.NewRecord(collection)
	query := e.Request.URL.Query()
	for _, field := range []string{"id", "kind", "language", "dialect", "prompt", "phrase", "parent"} {
		clip.Set(field, query.Get(field))
	}
	if language, err := e.App.FindFirstRecordByData("languages", "code", query.Get("language")); err == nil {
		clip.Set("language", language.Id)
	} else if !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	clip.Set("owner", e.Auth.Id)
	clip.Set("media", &filesystem.File{Reader: reader, Name: shell.NewID(), OriginalName: "clip", Size: size})
	return clip, nil
}

// spooled is a recording in a temporary file.
type spooled struct{ path string }

// Open implements filesystem.FileReader.
func (s *spooled) Open() (io.ReadSeekCloser, error) { return os.Open(s.path) }

// readerAt gives random access to a reader that only seeks.
func readerAt(content io.ReadSeeker) io.ReaderAt {
	if direct, ok := content.(io.ReaderAt); ok {
		return direct
	}
	return &seekingReaderAt{content: content}
}

type seekingReaderAt struct {
	mu      sync.Mutex
	content io.ReadSeeker
}

// ReadAt implements io.ReaderAt.
func (s *seekingReaderAt) ReadAt(p []byte, offset int64) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.content.Seek(offset, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(s.content, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}
