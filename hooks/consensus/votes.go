package consensus

import (
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/screening"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/fault"
)

const maxFeedbackRunes = 500

// Ballot is one vote as a person sends it.
type Ballot struct {
	ID        string // made by the client or the server
	Clip      string
	Validator *core.Record
	Choice    engine.Choice
	Reason    engine.Reason
	Feedback  string
	Found     screening.Finding // in the feedback
}

// Cast is what became of a ballot: either it was cast at a time, or refused.
type Cast struct {
	At      time.Time
	Refusal *fault.Error
}

// sameVote tells whether a repeated request says the same as the stored vote.
func sameVote(stored, sent *core.Record) bool {
	for _, field := range []string{"clip", "verdict", "reason", "feedback"} {
		if stored.GetString(field) != strings.TrimSpace(sent.GetString(field)) {
			return false
		}
	}
	return true
}

// createVote answers pb.collection('votes').create(...).
func createVote(e *core.RecordRequestEvent, box *ballotBox) error {
	ballot, err := readBallot(e)
	if err != nil {
		return err
	}
	if ballot.Found, err = screening.OfClip(e.App, "feedback", ballot.Feedback, ballot.Clip, ballot.Validator.Id); err != nil {
		return err
	}
	if err := ballot.Found.RefusalUnseen(); err != nil {
		return err
	}
	cast, err := box.castIn(e.App, ballot)
	if err != nil {
		return err
	}
	if cast.Refusal != nil {
		return cast.Refusal
	}
	e.Record.Id = ballot.ID
	e.Record.Set("validator", ballot.Validator.Id)
	e.Record.Set("reason", string(ballot.Reason))
	e.Record.Set("feedback", ballot.Feedback)
	e.Record.SetRaw("created", shell.DateTime(cast.At))
	e.Record.MarkAsNotNew()
	if err := apis.EnrichRecord(e.RequestEvent, e.Record); err != nil {
		return err
	}
	return e.JSON(http.StatusOK, e.Record)
}

func readBallot(e *core.RecordRequestEvent) (Ballot, error) {
	ballot := Ballot{ID: e.Record.Id, Clip: e.Record.GetString("clip"), Validator: e.Auth, Feedback: strings.TrimSpace(e.Record.GetString("feedback"))}
	if ballot.ID == "" {
		ballot.ID = shell.NewID()
	} else if !shell.IsID(ballot.ID) {
		return ballot, fault.InvalidInput.On("id").Saying("An id has 15 characters a-z and 0-9.")
	}
	if ballot.Clip == "" {
		return ballot, fault.InvalidInput.On("clip").Saying("Name the clip.")
	}
	var err error
	if ballot.Choice, err = engine.ParseChoice(e.Record.GetString("verdict")); err != nil {
		return ballot, err
	}
	if reason := e.Record.GetString("reason"); reason != "" {
		if ballot.Reason, err = engine.ParseReason(reason); err != nil {
			return ballot, err
		}
	}
	if utf8.RuneCountInString(ballot.Feedback) > maxFeedbackRunes {
		return ballot, fault.InvalidInput.On("feedback").Saying("Feedback has at most 500 characters.")
	}
	return ballot, nil
}
