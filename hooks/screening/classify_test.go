package screening_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/screening"
	"github.com/lingualink/lingualink/internal/moderation/screen"
)

// oracle is a classifier that thinks what it is told to.
type oracle struct {
	opinion screen.Opinion
	err     error
	asked   []string
	busy    func()
}

func (o *oracle) Classify(_ context.Context, text, language string) (screen.Opinion, error) {
	o.asked = append(o.asked, text+" "+language)
	if o.busy != nil {
		o.busy()
	}
	return o.opinion, o.err
}

func TestAClassifierIsAskedAfterTheText(t *testing.T) {
	s, found := listed(t)
	s.Want(patch(s, ada, map[string]any{"bio": "nobody is asked"}), 200, "")
	if n := s.Int("SELECT COUNT(*) FROM jobs WHERE kind = 'screen.classify'"); n != 0 {
		t.Errorf("%d questions without anybody to ask", n)
	}
	asked := &oracle{err: errors.New("it is down")}
	// Nothing holds the writer while it thinks.
	asked.busy = func() {
		if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE languages SET name = name").Execute(); err != nil {
			t.Error(err)
		}
	}
	s.Deps.Classifier = asked
	s.Want(patch(s, ada, map[string]any{"bio": "subtle"}), 200, "")
	s.Drain()
	if len(asked.asked) != 1 || asked.asked[0] != "subtle " || s.User(ada).GetString("bio") != "subtle" {
		t.Errorf("asked %q", asked.asked)
	}
	heard(t, found)
	asked.err, asked.opinion = nil, screen.Opinion{Action: screen.Hold, Labels: []string{"scam"}}
	s.Advance(10 * time.Second)
	s.Drain()
	heard(t, found, "user bio hold subtle")
	if bio := s.User(ada).GetString("bio"); bio != "" {
		t.Errorf("it still says %q", bio)
	}
	if n := s.Int("SELECT COUNT(*) FROM text_holds WHERE text = 'subtle' AND state = 'held'"); n != 1 {
		t.Errorf("%d wait", n)
	}
	s.Drain()
	heard(t, found)

	asked.opinion.Action = screen.Flag
	s.Consent(ada)
	s.Clip(ada, "phrase", "Ina kwana lafiya?")
	s.Drain()
	heard(t, found, "clip phrase flag Ina kwana lafiya?")
	if last := asked.asked[len(asked.asked)-1]; last != "Ina kwana lafiya? ha" {
		t.Errorf("asked %q", last)
	}
	// The opinion adds to the lists and takes nothing away.
	s.Want(patch(s, ada, map[string]any{"bio": "a badflag"}), 200, "")
	heard(t, found, "user bio flag a badflag")
	s.Drain()
	heard(t, found)
	asked.opinion.Action = screen.Pass
	s.Want(patch(s, ada, map[string]any{"bio": "another badflag"}), 200, "")
	s.Drain()
	heard(t, found, "user bio flag another badflag")
}

func TestAnOpinionIsCarriedOutOnce(t *testing.T) {
	s, found := listed(t)
	s.Deps.Classifier = &oracle{opinion: screen.Opinion{Action: screen.Block}}
	s.Consent(ada)
	clip := s.Clip(ada, "phrase", "subtle")
	s.Drain()
	heard(t, found, "clip phrase hold subtle")
	if s.Int("SELECT hidden FROM clips WHERE id = {:id}", dbx.Params{"id": clip}) != 1 {
		t.Error("the clip is shown")
	}
	// As after a crash between the answer and its mark.
	if _, err := s.App.DB().NewQuery("UPDATE jobs SET state = 'queued' WHERE kind = 'screen.classify'").Execute(); err != nil {
		t.Fatal(err)
	}
	s.Drain()
	heard(t, found)
	// A text that was replaced meanwhile is not taken down.
	s.Want(patch(s, ada, map[string]any{"bio": "first"}), 200, "")
	s.Want(patch(s, ada, map[string]any{"bio": "second"}), 200, "")
	s.Drain()
	if bio := s.User(ada).GetString("bio"); bio != "" {
		t.Errorf("it says %q", bio)
	}
	if texts := s.Text("SELECT GROUP_CONCAT(text) FROM text_holds WHERE field = 'bio' AND state = 'held'", nil); texts != "second" {
		t.Errorf("%s waits", texts)
	}
	var hits []screening.Hit
	if err := json.Unmarshal([]byte(s.Text("SELECT hits FROM text_holds WHERE field = 'bio' AND state = 'held'", nil)), &hits); err != nil || len(hits) != 0 {
		t.Errorf("%v %v", hits, err)
	}
}
