package screening_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/screening"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/moderation/screen"
)

const (
	ada, bola, chidi, musa, guest, admin = apptest.Ada, apptest.Bola, apptest.Chidi, apptest.Musa, apptest.Guest, apptest.Admin

	people = "/api/collections/users/records"
	words  = "/api/collections/screen_words/records"
)

func TestMain(m *testing.M) { apptest.Main(m) }

// listed is a server with a word for each action, and what it found since.
func listed(t *testing.T) (*hookstest.Server, *[]string) {
	t.Helper()
	s := hookstest.Start(t)
	for action, word := range map[string]string{"block": "badblock", "hold": "badhold", "flag": "badflag"} {
		s.Want(s.Do(admin, "POST", words, map[string]any{"word": word, "action": action}), 200, "")
	}
	s.Want(s.Do(admin, "POST", words, map[string]any{"word": "badblockton", "action": "allow"}), 200, "")
	found := &[]string{}
	screening.OnFound(s.App).BindFunc(func(e *screening.FoundEvent) error {
		if !e.App.IsTransactional() || e.Owner == "" || e.Reason == "" || e.At.IsZero() {
			t.Errorf("the event is not whole: %+v", e)
		}
		*found = append(*found, fmt.Sprintf("%s %s %s %s", e.Type, e.Field, e.Action, e.Text))
		return e.Next()
	})
	return s, found
}

func heard(t *testing.T, found *[]string, want ...string) {
	t.Helper()
	if !slices.Equal(*found, want) {
		t.Errorf("heard %q, want %q", *found, want)
	}
	*found = nil
}

func patch(s *hookstest.Server, who string, fields map[string]any) apptest.Answer {
	return s.Do(who, "PATCH", people+"/"+s.User(ada).Id, fields)
}

func TestWordsThatCannotBeLookedForAreNotListed(t *testing.T) {
	s := hookstest.Start(t)
	for field, body := range map[string]map[string]any{
		"word":     {"word": "...", "action": "block"},
		"anywhere": {"word": "ab", "action": "block", "anywhere": true},
		"language": {"word": "bad", "action": "block", "language": "abcdefghijklmno"},
	} {
		answer := s.Do(admin, "POST", words, body)
		if _, named := answer.Data()[field]; !named || answer.Status != 400 {
			t.Errorf("%v: %s", body, answer.Raw)
		}
	}
	id := s.Want(s.Do(admin, "POST", words, map[string]any{"word": "fine", "action": "block"}), 200, "").Text("id")
	s.Want(s.Do(admin, "PATCH", words+"/"+id, map[string]any{"word": "..."}), 400, "invalid_input")
	for _, who := range []string{guest, ada, musa} {
		if answer := s.Do(who, "POST", words, map[string]any{"word": "other", "action": "allow"}); answer.Status < 400 {
			t.Errorf("%q lists a word", who)
		}
		if answer := s.Do(who, "GET", words, nil); answer.Status != 403 {
			t.Errorf("%q reads the list: %s", who, answer.Raw)
		}
	}
}

func TestAChangeOfTheListIsInForceForTheNextText(t *testing.T) {
	s := hookstest.Start(t)
	s.Want(patch(s, ada, map[string]any{"bio": "so gloopy"}), 200, "")
	id := s.Want(s.Do(admin, "POST", words, map[string]any{"word": "gloopy", "action": "block"}), 200, "").Text("id")
	s.Want(patch(s, ada, map[string]any{"bio": "very gloopy"}), 400, "text_blocked")
	s.Want(patch(s, ada, map[string]any{"name": "Ada", "bio": "so gloopy"}), 200, "") // what stands there is not looked at again
	s.Want(s.Do(admin, "PATCH", words+"/"+id, map[string]any{"action": "flag"}), 200, "")
	s.Want(patch(s, ada, map[string]any{"bio": "very gloopy"}), 200, "")
	s.Want(s.Do(admin, "PATCH", words+"/"+id, map[string]any{"action": "block"}), 200, "")
	s.Want(s.Do(admin, "DELETE", words+"/"+id, nil), 204, "")
	s.Want(patch(s, ada, map[string]any{"bio": "all gloopy"}), 200, "")
}

// TestTheListChangesUnderTexts has texts checked while words come: none of them sees
// an older list than was committed before it.
func TestTheListChangesUnderTexts(t *testing.T) {
	s := hookstest.Start(t)
	var done sync.WaitGroup
	for i := range 8 {
		done.Go(func() {
			word := fmt.Sprintf("gloopy%s", strings.Repeat("ab", i+1))
			collection, err := s.App.FindCollectionByNameOrId("screen_words")
			if err != nil {
				t.Error(err)
				return
			}
			row := core.NewRecord(collection)
			row.Load(map[string]any{"word": word, "action": "block"})
			if err := s.App.Save(row); err != nil {
				t.Error(err)
				return
			}
			found, err := screening.Check(s.App, "bio", "so "+word)
			if err != nil || found.Action != screen.Block {
				t.Errorf("%s: %+v %v", word, found, err)
			}
		})
	}
	done.Wait()
}

func TestARefusedTextIsNotWritten(t *testing.T) {
	s, found := listed(t)
	for field, text := range map[string]string{"bio": "I am b.a.d.b.l.o.c.k", "name": "Bádblöck", "username": "badblock1"} {
		before := s.User(ada).GetString(field)
		answer := s.Want(patch(s, ada, map[string]any{field: text}), 400, "text_blocked")
		item := answer.Data()[field].(map[string]any)
		if told := item["params"].(map[string]any)["found"].(string); !strings.Contains(text, told) || told == "" {
			t.Errorf("%s: told %q", field, told)
		}
		if s.User(ada).GetString(field) != before {
			t.Errorf("%s was written", field)
		}
	}
	s.Want(patch(s, ada, map[string]any{"username": "BadHold"}), 400, "text_blocked") // a name cannot wait
	s.Want(patch(s, ada, map[string]any{"bio": "I live in Badblockton"}), 200, "")
	heard(t, found)
	if s.Int("SELECT COUNT(*) FROM text_holds") != 0 {
		t.Error("a refused text waits")
	}
	s.Want(s.Do(guest, "POST", people, map[string]any{
		"username": "badblock", "email": "x@lingualink.test", "password": apptest.Password, "passwordConfirm": apptest.Password,
	}), 400, "text_blocked")
	if s.Int("SELECT COUNT(*) FROM users WHERE email = 'x@lingualink.test'") != 0 {
		t.Error("somebody signed up")
	}
}

func TestATextThatWaitsLeavesTheOldOne(t *testing.T) {
	s, found := listed(t)
	id := s.User(ada).Id
	s.Want(patch(s, ada, map[string]any{"bio": "old"}), 200, "")
	answer := s.Want(patch(s, ada, map[string]any{"bio": "a badhold", "name": "Ada L.", "country": "NG"}), 200, "")
	if answer.Text("bio") != "old" || answer.Text("name") != "Ada L." || answer.Text("country") != "NG" {
		t.Errorf("answered %s", answer.Raw)
	}
	heard(t, found, "user bio hold a badhold")
	s.Want(patch(s, ada, map[string]any{"bio": "a badhold"}), 200, "") // repeated: nothing new
	heard(t, found)
	rows := s.Want(s.Do(ada, "GET", "/api/collections/text_holds/records", nil), 200, "").Items("items")
	if len(rows) != 1 || rows[0]["text"] != "a badhold" || rows[0]["state"] != "held" || strings.Contains(fmt.Sprint(rows[0]["hits"]), "word:") {
		t.Errorf("she reads %v", rows)
	}
	for who, n := range map[string]int{bola: 0, musa: 1, guest: 0} {
		if rows := s.Want(s.Do(who, "GET", "/api/collections/text_holds/records", nil), 200, "").Items("items"); len(rows) != n {
			t.Errorf("%q reads %v", who, rows)
		}
	}
	inTx := func(act func(tx core.App) error) {
		t.Helper()
		if err := s.App.RunInTransaction(act); err != nil {
			t.Fatal(err)
		}
	}
	inTx(func(tx core.App) error { return screening.Remove(tx, "user", id) })
	inTx(func(tx core.App) error { return screening.Release(tx, "user", id) }) // nothing waits any more
	if bio := s.User(ada).GetString("bio"); bio != "old" {
		t.Errorf("after removal: %q", bio)
	}

	s.Want(patch(s, ada, map[string]any{"bio": "one badhold"}), 200, "")
	s.Want(patch(s, ada, map[string]any{"bio": "two badhold", "name": "badhold"}), 200, "")
	heard(t, found, "user bio hold one badhold", "user name hold badhold", "user bio hold two badhold")
	inTx(func(tx core.App) error { return screening.Release(tx, "user", id) })
	if person := s.User(ada); person.GetString("bio") != "two badhold" || person.GetString("name") != "badhold" {
		t.Errorf("after release: %q %q", person.GetString("bio"), person.GetString("name"))
	}
	heard(t, found)

	// Who writes something else meanwhile does not mean what waited any more.
	s.Want(patch(s, ada, map[string]any{"bio": "three badhold"}), 200, "")
	s.Want(patch(s, ada, map[string]any{"bio": "harmless"}), 200, "")
	inTx(func(tx core.App) error { return screening.Release(tx, "user", id) })
	if bio := s.User(ada).GetString("bio"); bio != "harmless" {
		t.Errorf("after another text: %q", bio)
	}
}

func TestAFlaggedTextIsStored(t *testing.T) {
	s, found := listed(t)
	s.Want(patch(s, ada, map[string]any{"bio": "a badflag", "username": "badflag"}), 200, "")
	heard(t, found, "user username flag badflag", "user bio flag a badflag")
	if n := s.Int("SELECT COUNT(*) FROM users WHERE username = 'badflag' AND bio = 'a badflag'"); n != 1 {
		t.Error("it is not stored")
	}
}

func TestWhatAdminsWriteIsLookedAtAndNotRefused(t *testing.T) {
	s, found := listed(t)
	s.Want(patch(s, admin, map[string]any{"bio": "badblock and badhold"}), 200, "")
	heard(t, found, "user bio flag badblock and badhold")
	if bio := s.User(ada).GetString("bio"); bio != "badblock and badhold" {
		t.Errorf("stored is %q", bio)
	}
}

func TestAnErrorOfWhoListensUndoesTheWrite(t *testing.T) {
	s, _ := listed(t)
	screening.OnFound(s.App).BindFunc(func(*screening.FoundEvent) error { return errors.New("no case") })
	for _, text := range []string{"a badhold", "a badflag"} {
		if answer := patch(s, ada, map[string]any{"bio": text}); answer.Status < 400 {
			t.Errorf("%s: %s", text, answer.Raw)
		}
	}
	if s.Int("SELECT COUNT(*) FROM text_holds") != 0 || s.User(ada).GetString("bio") != "" {
		t.Error("something stayed")
	}
}

func TestWordsOfALanguageAreLookedForInIt(t *testing.T) {
	s := hookstest.Start(t)
	for _, code := range []string{"ha", "ig", "en"} {
		s.Want(s.Do(admin, "POST", words, map[string]any{"word": "bad" + code + "word", "action": "block", "language": s.Language(code)}), 200, "")
	}
	try := func(text string, status int) {
		t.Helper()
		code := map[int]string{200: "", 400: "text_blocked"}[status]
		s.Want(patch(s, ada, map[string]any{"bio": text}), status, code)
	}
	try("badhaword", 400)
	try("badigword", 200) // she does not speak it
	try("badenword", 200)
	profile := s.Text("SELECT id FROM private_profiles WHERE user = {:user}", dbx.Params{"user": s.User(ada).Id})
	s.Want(s.Do(ada, "PATCH", "/api/collections/private_profiles/records/"+profile, map[string]any{"interface_language": "en-NG"}), 200, "")
	try("a badenword", 400) // what her app speaks
	s.Want(patch(s, ada, map[string]any{"username": "badigword"}), 400, "text_blocked")

	s.Consent(ada)
	s.Want(s.UploadClip(ada, s.Voice(), "language", s.Language("yo"), "phrase", "badhaword"), 200, "")
	s.Want(s.UploadClip(ada, s.Voice(), "phrase", "badhaword"), 400, "text_blocked")
}

func TestWordsOfAClip(t *testing.T) {
	s, found := listed(t)
	s.Consent(ada)
	s.Want(s.UploadClip(ada, s.Voice(), "phrase", "a badblock"), 400, "text_blocked")
	s.Want(s.UploadClip(ada, s.Voice(), "dialect", "badblock"), 400, "text_blocked")
	if s.Int("SELECT COUNT(*) FROM clips") != 0 {
		t.Error("a refused clip is stored")
	}
	flagged := s.Clip(ada, "phrase", "a badflag")
	heard(t, found, "clip phrase flag a badflag")
	if s.Int("SELECT hidden FROM clips WHERE id = {:id}", dbx.Params{"id": flagged}) != 0 {
		t.Error("a flagged clip is hidden")
	}
	waits := s.Clip(ada, "phrase", "a badhold", "dialect", "badhold")
	heard(t, found, "clip phrase hold a badhold", "clip dialect hold badhold")
	hidden := func() int64 { return s.Int("SELECT hidden FROM clips WHERE id = {:id}", dbx.Params{"id": waits}) }
	if hidden() != 1 {
		t.Error("a clip whose words wait is shown")
	}
	if offered := s.Want(s.Do(bola, "GET", "/api/lingualink/queue?language=ha", nil), 200, "").Items("items"); len(offered) != 1 || offered[0]["clip"] != flagged {
		t.Errorf("the queue offers %v", offered)
	}
	if err := s.App.RunInTransaction(func(tx core.App) error { return screening.Release(tx, "clip", waits) }); err != nil {
		t.Fatal(err)
	}
	if hidden() != 0 || s.Int("SELECT COUNT(*) FROM text_holds WHERE state = 'released'") != 2 {
		t.Error("it was not released")
	}
	// A prompt is the server's.
	prompt := s.Text("SELECT id FROM prompts WHERE language = {:language} LIMIT 1", dbx.Params{"language": s.Language("ha")})
	text := s.Text("SELECT text FROM prompts WHERE id = {:id}", dbx.Params{"id": prompt})
	s.Want(s.Do(admin, "POST", words, map[string]any{"word": strings.Trim(strings.Fields(text)[0], ".,?!"), "action": "block"}), 200, "")
	s.Clip(ada, "prompt", prompt, "phrase", "")
}

func TestWordsToSpeakers(t *testing.T) {
	s, found := listed(t)
	s.OpenVoting()
	s.Consent(ada)
	clip := s.Clip(ada)
	vote := func(who, feedback string) apptest.Answer {
		return s.Do(who, "POST", "/api/collections/votes/records", map[string]any{"clip": clip, "verdict": "reject", "reason": "unclear_audio", "feedback": feedback})
	}
	s.Want(vote(bola, "a badblock"), 400, "text_blocked")
	s.Want(vote(bola, "a badhold"), 400, "text_blocked") // it would come with the verdict, whenever
	if s.Int("SELECT COUNT(*) FROM votes") != 0 {
		t.Error("a refused vote is stored")
	}
	s.Want(vote(bola, "a badflag"), 200, "")
	heard(t, found, "user feedback flag a badflag")
	s.Want(vote(chidi, "It hums."), 200, "")
	s.Want(vote(musa, ""), 200, "")
	heard(t, found)
	dispute := func(text string) apptest.Answer {
		return s.Do(ada, "POST", "/api/lingualink/clips/"+clip+"/dispute", map[string]any{"text": text})
	}
	s.Want(dispute("a badblock"), 400, "text_blocked")
	s.Want(dispute("a badflag"), 200, "")
	heard(t, found, "user text flag a badflag")
}
