// Package screening decides what becomes of texts in which listed words stand:
// usernames, cards, what is said of a recording, words to speakers. A text is
// refused, waits for a person, or is stored while a person looks. Which words are
// found is decided in internal/moderation/screen.
//
// It refuses to work on half a list: a change is in force for the next text, and
// where the list cannot be read no text is written. It refuses to keep a person from
// their own words: they learn what was found, and read what waits. What admins write
// is looked at and never refused. Nothing outside is asked before a text is stored.
package screening

import (
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/moderation/screen"
)

// Register binds the area.
func Register(app core.App, deps *shell.Deps) {
	registerWords(app)
	registerCards(app)
	registerKeeping(app, deps)
	registerClassifier(deps)
}

// Subject is what a text belongs to: a row, who answers for it and its language.
type Subject struct {
	Type     string `json:"type"` // of internal/moderation
	ID       string `json:"id"`
	Owner    string `json:"owner"`
	Language string `json:"language"` // id; empty: none
}

// FoundEvent is a text that is to be looked at by a person, in the transaction that
// writes it, or later that of a classifier's opinion.
type FoundEvent struct {
	hook.Event
	App core.App // the transaction
	Subject
	Finding
	At time.Time
}

// OnFound is triggered for every text that waits or is flagged, after it is written
// and before the commit: an error undoes the write. A text that is refused is not
// told of.
func OnFound(app core.App) *hook.Hook[*FoundEvent] {
	return app.Store().GetOrSet("ll.screening.found", func() any {
		return &hook.Hook[*FoundEvent]{}
	}).(*hook.Hook[*FoundEvent])
}

// Report tells of a text that is stored or waits: of what was found in it at once,
// and a classifier, if there is one, after the commit. It must run in the transaction
// that writes the text.
func Report(tx core.App, deps *shell.Deps, subject Subject, found Finding) error {
	if found.Text == "" {
		return nil
	}
	if err := askClassifier(tx, deps, subject, found); err != nil {
		return err
	}
	if found.Action == screen.Pass {
		return nil
	}
	return OnFound(tx).Trigger(&FoundEvent{App: tx, Subject: subject, Finding: found, At: deps.Clock.Now()})
}
