package moderation_test

import (
	"testing"

	"github.com/pocketbase/dbx"
)

// list adds a word to the list of words.
func (d *desk) list(word, action string) {
	d.t.Helper()
	d.Want(d.Do(admin, "POST", "/api/collections/screen_words/records", map[string]any{"word": word, "action": action, "reason": "hate"}), 200, "")
}

// decided opens the case of a subject and decides it as Musa.
func (d *desk) decided(subject string, decision map[string]any) {
	d.t.Helper()
	id := d.Text("SELECT id FROM cases WHERE subject_id = {:id} AND state != 'resolved'", dbx.Params{"id": subject})
	d.Want(d.Do(musa, "POST", casesPath+"/"+id+"/claim", nil), 200, "")
	d.Want(d.Do(musa, "POST", casesPath+"/"+id+"/resolve", decision), 200, "")
}

func TestATextThatWaitsIsDecidedWithItsCase(t *testing.T) {
	for _, c := range []struct {
		name     string
		decision map[string]any
		bio      string
		state    string
	}{
		{"nothing wrong", map[string]any{"action": "dismiss", "good_faith": true}, "So gloopy.", "released"},
		{"a warning", map[string]any{"action": "warn", "found": "hate"}, "Before.", "removed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := openDesk(t)
			d.list("gloopy", "hold")
			id := d.User(ada).Id
			own := "/api/collections/users/records/" + id
			d.Want(d.Do(ada, "PATCH", own, map[string]any{"bio": "Before."}), 200, "")
			d.Want(d.Do(ada, "PATCH", own, map[string]any{"bio": "So gloopy."}), 200, "")
			if got := d.User(ada).GetString("bio"); got != "Before." {
				t.Errorf("while it waits the bio is %q", got)
			}
			if got := d.Text("SELECT origin || ' ' || reasons || ' ' || owner FROM cases", nil); got != `screening {"hate":1} `+id {
				t.Errorf("the case is %q", got)
			}
			if got := d.Text("SELECT text FROM reports", nil); got != `bio: "gloopy"` {
				t.Errorf("staff read %q", got)
			}
			d.decided(id, c.decision)
			if got := d.User(ada).GetString("bio"); got != c.bio {
				t.Errorf("in the end the bio is %q", got)
			}
			if got := d.Text("SELECT state FROM text_holds", nil); got != c.state {
				t.Errorf("the text is %q", got)
			}
		})
	}
}

func TestAClipThatWaitsForItsTextComesBackOnlyWhereNothingElseHidesIt(t *testing.T) {
	d := openDesk(t)
	d.list("gloopy", "hold")
	held := d.Clip(ada, "phrase", "A gloopy phrase.")
	if d.Int("SELECT hidden FROM clips WHERE id = {:id}", dbx.Params{"id": held}) != 1 {
		t.Fatal("the clip is seen while its phrase waits")
	}
	d.decided(held, map[string]any{"action": "dismiss"})
	if d.Int("SELECT hidden FROM clips WHERE id = {:id}", dbx.Params{"id": held}) != 0 {
		t.Error("the clip stays hidden after its phrase was found innocent")
	}

	// Another case hid this one before its text was found innocent.
	twice := d.Clip(ada, "phrase", "Most gloopy.")
	d.exec("INSERT INTO cases (id, origin, subject_type, subject_id, owner, state, action, decided_by, decided_at, created, updated) VALUES ('earlier00000000', 'staff', 'clip', {:clip}, {:owner}, 'resolved', 'hide', 'user:x', '2026-01-02 03:04:05.678Z', '2026-01-02 03:04:05.678Z', '2026-01-02 03:04:05.678Z')",
		dbx.Params{"clip": twice, "owner": d.User(ada).Id})
	d.decided(twice, map[string]any{"action": "dismiss"})
	if d.Int("SELECT hidden FROM clips WHERE id = {:id}", dbx.Params{"id": twice}) != 1 {
		t.Error("the clip is seen although another decision hides it")
	}
	if got := d.Int("SELECT COUNT(*) FROM text_holds WHERE state = 'released'"); got != 2 {
		t.Errorf("%d texts are released, want 2", got)
	}
}

func TestAFlaggedTextIsStoredAndLookedAt(t *testing.T) {
	d := openDesk(t)
	d.list("gloopy", "flag")
	clip := d.Clip(ada, "phrase", "A gloopy phrase.")
	if got := d.Text("SELECT phrase || ' ' || hidden FROM clips WHERE id = {:id}", dbx.Params{"id": clip}); got != "A gloopy phrase. 0" {
		t.Errorf("the clip is %q", got)
	}
	if got := d.Text("SELECT subject_id || ' ' || origin || ' ' || state FROM cases", nil); got != clip+" screening open" {
		t.Errorf("the case is %q", got)
	}
}
