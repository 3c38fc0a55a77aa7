package live_test

import (
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/internal/apptest"
)

// list adds a word to the list of words.
func (k *kit) list(word, action string) {
	k.t.Helper()
	k.Want(k.Do(apptest.Admin, "POST", "/api/collections/screen_words/records", map[string]any{"word": word, "action": action}), 200, "")
}

func (k *kit) cases(kind string) int64 {
	k.t.Helper()
	return k.Int("SELECT COUNT(*) FROM cases WHERE subject_type = {:kind} AND origin = 'screening'", dbx.Params{"kind": kind})
}

func TestTitlesAndMessagesAreScreened(t *testing.T) {
	k := start(t)
	for word, action := range map[string]string{"badblock": "block", "badhold": "hold", "badflag": "flag"} {
		k.list(word, action)
	}
	title := func(text string) apptest.Answer {
		return k.Do(ada, "POST", "/api/lingualink/streams", map[string]any{"title": text, "language": k.Language("ha"), "starts_at": k.Deps.Clock.Now().AddDate(0, 0, 1).Format("2006-01-02T15:04:05Z07:00")})
	}
	k.Want(title("A b a d b l o c k tale"), 400, "text_blocked")
	k.Want(title("A badhold tale"), 400, "text_blocked")
	if n := k.Int("SELECT COUNT(*) FROM streams"); n != 0 {
		t.Errorf("%d streams were made", n)
	}
	id, _ := k.Want(title("A badflag tale"), 200, "").Data()["id"].(string)
	if k.cases("stream") != 1 {
		t.Error("nobody looks at the flagged title")
	}
	k.Want(k.Do(ada, "POST", "/api/lingualink/streams/"+id+"/edit", map[string]any{"title": "A badblock tale"}), 400, "text_blocked")
	if got := k.field("streams", id, "title"); got != "A badflag tale" {
		t.Errorf("the title is %q", got)
	}
	k.Want(k.Do(ada, "POST", "/api/lingualink/streams/"+id+"/edit", map[string]any{"title": "A tale"}), 200, "")

	stream := k.live(ada)
	say := func(text string) apptest.Answer {
		return k.Do(bola, "POST", "/api/collections/stream_messages/records", map[string]any{"stream": stream, "text": text})
	}
	k.Want(say("badblock"), 400, "text_blocked")
	k.Want(say("badhold"), 400, "text_blocked")
	k.Want(say("badflag"), 200, "")
	if k.cases("message") != 1 || k.Int("SELECT COUNT(*) FROM stream_messages") != 1 {
		t.Error("the flagged message is not stored, or nobody looks at it")
	}
}
