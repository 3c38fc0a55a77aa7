package moderation

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	rules "github.com/lingualink/lingualink/internal/moderation"
)

// Subject is one type of what people report. An area that brings a type hands in
// how it is found, hidden and shown; nothing else of this package knows it.
type Subject struct {
	// Find reads one; fault.NotFound if there is none.
	Find func(tx core.App, id string) (About, error)
	// Visible tells whether a person may see it and so report it.
	Visible func(tx core.App, id string, viewer *core.Record) (bool, error)
	// Hide and Unhide take it out of sight and back. Nil: it cannot be hidden.
	Hide, Unhide func(tx core.App, id string) error
	// End ends it; only of streams.
	End func(tx core.App, id string, actor string) error
	// Previews are what staff see of some of them in the queue, by id.
	Previews func(app core.App, ids []string) (map[string]map[string]any, error)
}

// About is one subject as a case needs to know it.
type About struct {
	// ID of what the case is about. It may be another than what was asked for, where
	// two ids mean the same thing.
	ID       string
	Owner    string // the person who answers for it; empty if nobody does
	Language string // id, if it has one
	Hidden   bool
	Gone     bool   // withdrawn, deleted or ended
	Verdict  string // of a clip
}

const subjectsKey = "ll.moderation.subjects"

func subjects(app core.App) map[rules.SubjectType]Subject {
	return app.Store().GetOrSet(subjectsKey, func() any { return map[rules.SubjectType]Subject{} }).(map[rules.SubjectType]Subject)
}

// Handle opens a type of subjects to reports; called while the areas register.
func Handle(app core.App, kind rules.SubjectType, subject Subject) {
	known := subjects(app)
	if _, twice := known[kind]; twice || subject.Find == nil || subject.Visible == nil || subject.Previews == nil || (subject.Hide == nil) != (subject.Unhide == nil) {
		panic(fmt.Sprintf("moderation: %s is handled twice, or by halves", kind))
	}
	known[kind] = subject
}

// subjectOf reads a subject; of a type that nobody handles yet there is none.
func subjectOf(tx core.App, kind rules.SubjectType, id string) (Subject, About, error) {
	subject, known := subjects(tx)[kind]
	if !known {
		return subject, About{}, fault.SubjectUnknown.On("subject_type")
	}
	about, err := subject.Find(tx, id)
	return subject, about, err
}

// found reads a record; fault.NotFound on the subject's id if there is none.
func found(tx core.App, collection, id string) (*core.Record, error) {
	record, err := tx.FindRecordById(collection, id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fault.NotFound.On("subject_id")
	}
	return record, err
}

// clipSubject are recordings. A control is to whoever hears it what any clip is:
// its cases are those of the recording that it shows.
func clipSubject() Subject {
	return Subject{Find: findClip, Visible: mayHear, Hide: setHidden("clips", true), Unhide: setHidden("clips", false), Previews: clipPreviews}
}

func findClip(tx core.App, id string) (About, error) {
	clip, err := found(tx, "clips", id)
	if err != nil {
		return About{}, err
	}
	if clip.GetBool("control") {
		var source string
		err := tx.DB().NewQuery("SELECT g.source FROM clip_tallies t JOIN gold_clips g ON g.id = t.gold WHERE t.clip = {:clip}").Bind(dbx.Params{"clip": id}).Row(&source)
		if err != nil {
			return About{}, err
		}
		if clip, err = found(tx, "clips", source); err != nil {
			return About{}, err
		}
	}
	status := clip.GetString("status")
	return About{
		ID: clip.Id, Owner: clip.GetString("owner"), Language: clip.GetString("language"),
		Hidden: clip.GetBool("hidden"), Gone: status == collections.ClipWithdrawn, Verdict: status,
	}, nil
}

// mayHear tells whether somebody has heard a clip or can: it is public, or was
// handed to them to vote or decide on.
func mayHear(tx core.App, id string, viewer *core.Record) (bool, error) {
	clip, err := found(tx, "clips", id)
	if err != nil {
		return false, err
	}
	info := &core.RequestInfo{Auth: viewer, Context: core.RequestInfoContextDefault}
	public, err := tx.CanAccessRecord(clip, info, clip.Collection().ViewRule)
	if err != nil || public {
		return public, err
	}
	var handed bool
	err = tx.DB().NewQuery(`
		SELECT EXISTS (SELECT 1 FROM assignments WHERE clip = {:clip} AND validator = {:me})
			OR EXISTS (SELECT 1 FROM votes WHERE clip = {:clip} AND validator = {:me})
			OR EXISTS (SELECT 1 FROM escalations WHERE clip = {:clip} AND claimed_by = {:me})`).
		Bind(dbx.Params{"clip": id, "me": viewer.Id}).Row(&handed)
	return handed, err
}

func clipPreviews(app core.App, ids []string) (map[string]map[string]any, error) {
	rows := []struct {
		ID       string `db:"id"`
		Owner    string `db:"owner"`
		Username string `db:"username"`
		Kind     string `db:"kind"`
		Phrase   string `db:"phrase"`
		Dialect  string `db:"dialect"`
		Status   string `db:"status"`
		Hidden   bool   `db:"hidden"`
		Duration int64  `db:"duration_ms"`
	}{}
	err := app.DB().Select("c.id", "c.owner", "u.username", "c.kind", "c.phrase", "c.dialect", "c.status", "c.hidden", "c.duration_ms").
		From("clips c").InnerJoin("users u", dbx.NewExp("u.id = c.owner")).Where(shell.In("c.id", ids)).All(&rows)
	previews := map[string]map[string]any{}
	for _, row := range rows {
		previews[row.ID] = map[string]any{
			"owner": row.Owner, "username": row.Username, "kind": row.Kind, "phrase": row.Phrase, "dialect": row.Dialect,
			"status": row.Status, "hidden": row.Hidden, "duration_ms": row.Duration,
		}
	}
	return previews, err
}

// userSubject are people. They are not hidden: their standing says what they may.
func userSubject() Subject {
	return Subject{
		Find: func(tx core.App, id string) (About, error) {
			person, err := found(tx, "users", id)
			if err != nil {
				return About{}, err
			}
			return About{ID: person.Id, Owner: person.Id}, nil
		},
		Visible:  visibleRecord("users"),
		Previews: userPreviews,
	}
}

func userPreviews(app core.App, ids []string) (map[string]map[string]any, error) {
	rows := []struct {
		ID       string `db:"id"`
		Username string `db:"username"`
		Name     string `db:"name"`
		Bio      string `db:"bio"`
		Standing string `db:"standing"`
	}{}
	err := app.DB().Select("id", "username", "name", "bio", "standing").From("users").Where(shell.In("id", ids)).All(&rows)
	previews := map[string]map[string]any{}
	for _, row := range rows {
		previews[row.ID] = map[string]any{"username": row.Username, "name": row.Name, "bio": row.Bio, "standing": row.Standing}
	}
	return previews, err
}
