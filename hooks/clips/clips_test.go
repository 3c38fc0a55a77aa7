package clips_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

const (
	ada, bola, chidi, dayo, emeka, musa = apptest.Ada, apptest.Bola, apptest.Chidi, apptest.Dayo, apptest.Emeka, apptest.Musa

	records = "/api/collections/clips/records"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// storedFiles counts the files under the server's storage, sidecars left out.
func storedFiles(t *testing.T, s *hookstest.Server) int {
	t.Helper()
	files := 0
	err := filepath.WalkDir(filepath.Join(s.App.DataDir(), "storage"), func(path string, entry os.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil
		}
		if err == nil && !entry.IsDir() && !strings.HasSuffix(path, ".attrs") {
			files++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestUploadNeedsConsent(t *testing.T) {
	s := hookstest.Start(t)
	answer := s.Want(s.UploadClip(ada, s.Voice()), 403, "consent_required")
	params := answer.Data()["consent"].(map[string]any)["params"].(map[string]any)
	if params["version"] != "1" || params["text"] == "" {
		t.Errorf("the refusal does not say what to show: %v", params)
	}
	s.Consent(ada)
	s.Want(s.UploadClip(ada, s.Voice()), 200, "")
}

func TestAClipIsWhatTheServerFound(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	answer := s.Want(s.UploadClip(ada, s.Voice(), "dialect", "Kananci"), 200, "")
	for field, want := range map[string]any{
		"owner": s.User(ada).Id, "status": "pending", "hidden": false, "depth": 0.0, "root": "", "duration_ms": 1300.0,
		"container": "wav", "sample_rate_hz": 16000.0, "channels": 1.0, "quality": "good", "dialect": "Kananci", "phrase": "Ina kwana?",
	} {
		if got := answer.JSON[field]; got != want {
			t.Errorf("%s is %v, want %v", field, got, want)
		}
	}
	for _, field := range []string{"media_sha256", "campaign"} {
		if _, shown := answer.JSON[field]; shown {
			t.Errorf("%s leaves the server", field)
		}
	}
	if name := answer.Text("media"); !strings.HasSuffix(name, ".wav") || strings.Contains(name, "voice") {
		t.Errorf("the file is stored as %q", name)
	}
	if n := s.Int("SELECT COUNT(*) FROM clip_tallies WHERE clip = {:clip} AND open = 1 AND votes = 0", dbx.Params{"clip": answer.Text("id")}); n != 1 {
		t.Errorf("the clip is %d times in the queue, want once", n)
	}
}

func TestRefusedUploadsLeaveNothing(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	voice := s.Voice()
	long := bytes.Repeat([]byte{0}, 44+16000*2*3)
	copy(long, voice[:44])
	for _, c := range []struct {
		name  string
		media []byte
		extra []string
		code  string
	}{
		{"empty", nil, nil, ""},
		{"text", []byte("this is no recording"), nil, "unsupported_media"},
		{"zip", []byte("PK\x03\x04rest of it"), nil, "unsupported_media"},
		{"cut off", voice[:len(voice)/2], nil, "unsupported_media"},
		{"voice as video", voice, []string{"kind", "video"}, "unsupported_media"},
		{"another kind", voice, []string{"kind", "smell"}, "invalid_input"},
		{"unknown language", voice, []string{"language", "nothing00000000"}, "language_unavailable"},
		{"unknown prompt", voice, []string{"prompt", "nothing00000000"}, "prompt_mismatch"},
		{"unknown parent", voice, []string{"parent", "nothing00000000"}, "parent_invalid"},
		{"a status", voice, []string{"status", "approved"}, "server_field"},
		{"somebody's name", voice, []string{"owner", s.User(bola).Id}, "server_field"},
	} {
		t.Run(c.name, func(t *testing.T) { s.Want(s.UploadClip(ada, c.media, c.extra...), 400, c.code) })
	}
	if n := s.Int("SELECT COUNT(*) FROM clips") + s.Int("SELECT COUNT(*) FROM clip_tallies"); n != 0 {
		t.Errorf("%d rows were left behind", n)
	}
	if n := storedFiles(t, s); n != 0 {
		t.Errorf("%d files were left behind", n)
	}
}

func TestPromptsGiveThePhrase(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	prompt, err := s.App.FindFirstRecordByData("prompts", "language", s.Language("ha"))
	if err != nil {
		t.Fatal(err)
	}
	answer := s.Want(s.UploadClip(ada, s.Voice(), "prompt", prompt.Id, "phrase", "something else"), 200, "")
	if answer.Text("phrase") != prompt.GetString("text") {
		t.Errorf("the phrase is %q, want the prompt's %q", answer.Text("phrase"), prompt.GetString("text"))
	}
	s.Want(s.UploadClip(ada, s.Voice(), "prompt", prompt.Id, "language", s.Language("yo")), 400, "prompt_mismatch")
}

func TestRepeatedUploads(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	s.Consent(bola)
	media := s.Voice()
	const id = "abcdefghij12345"
	first := s.Want(s.UploadClip(ada, media, "id", id), 200, "")
	again := s.Want(s.UploadClip(ada, media, "id", id), 200, "")
	if first.Text("media") != again.Text("media") || again.Text("id") != id {
		t.Errorf("the repeat gave another clip: %s", again.Raw)
	}
	s.Want(s.UploadClip(ada, media, "id", id, "phrase", "Sannu"), 409, "id_conflict")
	s.Want(s.UploadClip(ada, s.Voice(), "id", id), 409, "id_conflict")
	s.Want(s.UploadClip(bola, media, "id", id), 409, "id_conflict")
	s.Want(s.UploadClip(ada, media), 409, "duplicate_media")
	s.Want(s.UploadClip(bola, media), 409, "duplicate_media")
	if n := storedFiles(t, s); n != 1 {
		t.Errorf("%d files are stored, want 1", n)
	}
}

func TestTheSameUploadAtTheSameMomentIsStoredOnce(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	s.Token(ada)
	media := s.Voice()
	const racers = 6
	answers := make([]apptest.Answer, racers)
	start := make(chan struct{})
	var done sync.WaitGroup
	for i := range racers {
		done.Go(func() {
			<-start
			answers[i] = s.UploadClip(ada, media, "id", "racerracer12345")
		})
	}
	close(start)
	done.Wait()
	for _, answer := range answers {
		s.Want(answer, 200, "")
	}
	if n := s.Int("SELECT COUNT(*) FROM clips"); n != 1 {
		t.Errorf("%d clips, want 1", n)
	}
	if n := storedFiles(t, s); n != 1 {
		t.Errorf("%d files, want 1", n)
	}
}

func TestRawUploadIsTheSame(t *testing.T) {
	s := hookstest.Start(t)
	media := s.Voice()
	send := func(who, query string, body []byte) apptest.Answer {
		request := httptest.NewRequest(http.MethodPost, "/api/lingualink/clips?"+query, bytes.NewReader(body))
		request.Header.Set("Content-Type", "audio/wav")
		return s.Send(who, request)
	}
	query := url.Values{"kind": {"voice"}, "language": {"ha"}, "phrase": {"Sannu"}, "id": {"rawrawrawraw123"}}.Encode()
	s.Want(send(apptest.Guest, query, media), 401, "sign_in_required")
	s.Want(send(ada, query, media), 403, "consent_required")
	s.Consent(ada)
	first := s.Want(send(ada, query, media), 200, "")
	if first.Data()["status"] != "pending" || first.Data()["duration_ms"] != 1300.0 || first.Data()["id"] != "rawrawrawraw123" {
		t.Errorf("the clip is %v", first.Data())
	}
	s.Want(send(ada, query, media), 200, "")
	s.Want(send(ada, query, s.Voice()), 409, "id_conflict")
	s.Want(send(ada, "kind=voice&language=ha", media), 409, "duplicate_media")
	s.Want(send(ada, "kind=voice&language=ha", nil), 400, "unsupported_media")
	s.Want(send(ada, "kind=voice&language=klingon", s.Voice()), 400, "language_unavailable")
	s.Want(send(ada, "kind=voice&language=ha&id=short", s.Voice()), 400, "")
	s.Want(send(ada, "kind=voice&language=ha&phrase="+strings.Repeat("a", 501), s.Voice()), 400, "")
	if n := s.Int("SELECT COUNT(*) FROM clips"); n != 1 {
		t.Errorf("%d clips, want 1", n)
	}
}

func TestRawRepeatsAtTheSameMomentAreStoredOnce(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	media := s.Voice()
	answers := make([]apptest.Answer, 5)
	start := make(chan struct{})
	var done sync.WaitGroup
	for i := range answers {
		done.Go(func() {
			<-start
			request := httptest.NewRequest(http.MethodPost, "/api/lingualink/clips?kind=voice&language=ha&id=rawracerracer12", bytes.NewReader(media))
			answers[i] = s.Send(ada, request)
		})
	}
	close(start)
	done.Wait()
	for _, answer := range answers {
		s.Want(answer, 200, "")
	}
	if n := s.Int("SELECT COUNT(*) FROM clips"); n != 1 {
		t.Errorf("%d clips, want 1", n)
	}
}

// TestABanDuringAnUploadStopsIt bans the speaker while the recording is being
// listened to, long after the request was let in.
func TestABanDuringAnUploadStopsIt(t *testing.T) {
	s := hookstest.Start(t)
	s.Consent(ada)
	s.App.OnRecordCreate("clips").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.test.ban",
		Func: func(e *core.RecordEvent) error {
			if _, err := e.App.NonconcurrentDB().NewQuery("UPDATE users SET standing = 'banned' WHERE username = 'ada'").Execute(); err != nil {
				return err
			}
			return e.Next()
		},
	})
	s.Want(s.UploadClip(ada, s.Voice()), 403, "account_banned")
	if n := s.Int("SELECT COUNT(*) FROM clips"); n != 0 || storedFiles(t, s) != 0 {
		t.Errorf("%d clips and %d files of a banned person", n, storedFiles(t, s))
	}
}

func TestABlockDuringAnUploadStopsARemix(t *testing.T) {
	s := hookstest.Start(t)
	s.OpenVoting()
	s.Consent(ada)
	s.Consent(bola)
	original := s.Clip(ada)
	s.Decide(original, "approve", chidi, dayo, emeka)
	s.App.OnRecordCreate("clips").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.test.block",
		Func: func(e *core.RecordEvent) error {
			s.Insert("blocks", dbx.Params{"id": shell.NewID(), "user": s.User(ada).Id, "blocked": s.User(bola).Id})
			return e.Next()
		},
	})
	files := storedFiles(t, s)
	s.Want(s.UploadClip(bola, s.Voice(), "parent", original), 400, "parent_invalid")
	if n := s.Int("SELECT COUNT(*) FROM clips"); n != 1 || storedFiles(t, s) != files {
		t.Errorf("%d clips, %d files", n, storedFiles(t, s))
	}
}
