package consensus

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
	"github.com/lingualink/lingualink/internal/fault"
)

const (
	maxNoteRunes = 500
	// overturnedMemo is what people read in their statements. The expert's note is
	// for moderators.
	overturnedMemo = "An expert came to another verdict."
)

// wordBody is an expert's or an admin's word on a clip.
type wordBody struct {
	Verdict string `json:"verdict" help:"approve or reject."`
	Reason  string `json:"reason,omitempty" help:"Of a rejection: one of the reasons that votes give. It reaches the speaker."`
	Note    string `json:"note,omitempty" help:"Why, for moderators and the audit log, up to 500 characters."`
}

type word struct {
	outcome engine.Outcome
	reason  engine.Reason // of a rejection
	note    string
}

type overruleData struct {
	Clip    string `json:"clip"`
	Verdict string `json:"verdict" help:"Id of the verdict in force."`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason"`
}

func registerCorrections(deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/clips/{id}/overrule", Who: shell.Superuser, Body: wordBody{}, Data: overruleData{},
		What:   "Put your own verdict in the place of the one in force, or before there is one. Needs a note. Repeating does nothing.",
		Faults: []*fault.Code{fault.NotFound, fault.ClipWithdrawn, fault.InvalidInput},
		Handle: func(e *core.RequestEvent) error {
			word, err := readWord(e)
			if err != nil {
				return err
			}
			if word.note == "" {
				return fault.InvalidInput.On("note").Saying("Say why; it is kept in the audit log.")
			}
			data := overruleData{Clip: e.Request.PathValue("id"), Outcome: string(word.outcome), Reason: string(word.reason)}
			err = e.App.RunInTransaction(func(tx core.App) (err error) {
				data.Verdict, err = Overrule(tx, deps, data.Clip, word.outcome, word.reason, shell.ActorOf(e.Auth), word.note)
				return err
			})
			if err != nil {
				return err
			}
			return shell.OK(e, data, "Your verdict is in force.")
		},
	})
}

func readWord(e *core.RequestEvent) (word, error) {
	body, err := shell.Bind[wordBody](e)
	if err != nil {
		return word{}, err
	}
	choice, err := engine.ParseChoice(body.Verdict)
	if err != nil {
		return word{}, err
	}
	said := word{outcome: engine.Approved, note: strings.TrimSpace(body.Note)}
	if utf8.RuneCountInString(said.note) > maxNoteRunes {
		return word{}, fault.InvalidInput.On("note").Saying("The note has at most 500 characters.")
	}
	if choice == engine.Reject {
		said.outcome = engine.Rejected
		said.reason, err = engine.ParseReason(body.Reason)
		return said, err
	}
	if body.Reason != "" {
		return word{}, fault.InvalidInput.On("reason").Saying("Only a rejection has a reason.")
	}
	return said, nil
}

func (w word) sameAs(verdict *core.Record) bool {
	return verdict.GetString("outcome") == string(w.outcome) && verdict.GetString("reason") == string(w.reason) && verdict.GetString("note") == w.note
}

// Overrule puts the word of somebody who knows better, an expert, a moderator or
// an admin, in the place of the verdict in force, or gives the clip its first
// one. The outcome is engine.Approved or engine.Rejected, the reason one of a
// rejection or empty, the actor of the form of shell.ActorOf, the note at most
// 500 characters. It returns the verdict, and must run in the transaction of the
// act that it belongs to.
//
// The errors are fault.NotFound, also for a control, whose truth is known, and
// fault.ClipWithdrawn. The same word of the same actor again changes nothing.
func Overrule(tx core.App, deps *shell.Deps, clip string, outcome engine.Outcome, reason engine.Reason, actor, note string) (verdict string, err error) {
	var control bool
	err = tx.DB().NewQuery("SELECT control FROM clips WHERE id = {:clip}").Bind(dbx.Params{"clip": clip}).Row(&control)
	if control || errors.Is(err, sql.ErrNoRows) {
		return "", fault.NotFound.On("id")
	}
	if err != nil {
		return "", err
	}
	return overrule(tx, deps, deps.Clock.Now(), clip, outcome, reason, actor, note)
}

// overrule is [Overrule] for any clip. A verdict is never changed: the new one is
// the next revision, by an expert, and explains what the votes came to besides.
//
// Everything follows from the new verdict as from any other, once: an opposite
// one first takes back what the old one brought to the speakers and is not
// released yet, and nobody is paid for the same twice. The voters learn exactly,
// and what the experts are asked about the clip is answered.
func overrule(tx core.App, deps *shell.Deps, now time.Time, clip string, outcome engine.Outcome, reason engine.Reason, actor, note string) (verdict string, err error) {
	said := word{outcome, reason, note}
	if outcome.Label() == crowd.Unknown || (outcome == engine.Approved && reason != "") {
		return "", fmt.Errorf("an expert approves, or rejects for a reason, and does not say %q %q", outcome, reason)
	}
	before, err := loadInForce(tx, clip)
	if err != nil {
		return "", err
	}
	if before.Status == collections.ClipWithdrawn {
		return "", fault.ClipWithdrawn.On("id")
	}
	if before.Actor == actor && before.word() == said {
		return before.Verdict, closeEscalation(tx, now, clip, before.Verdict, actor)
	}
	escalation, err := findOpenEscalation(tx, clip)
	if err != nil {
		return "", err
	}
	r, _, err := consider(tx, now, clip)
	if err != nil {
		return "", err
	}
	r.explanation = r.explanation.Expert(outcome, reason)
	r.by, r.actor, r.note = collections.ByExpert, actor, note
	r.disputed = escalation != nil && escalation.GetString("text") != ""

	taken, err := overturn(tx, deps, before, outcome, actor)
	if err != nil {
		return "", err
	}
	verdicts, err := settle(tx, deps, now, []ruling{r})
	if err != nil {
		return "", err
	}
	if err := closeEscalation(tx, now, clip, verdicts[0], actor); err != nil {
		return "", err
	}
	if err := goldRelabelled(tx, deps, now, clip, outcome, verdicts[0]); err != nil {
		return "", err
	}
	if actor == shell.System {
		return verdicts[0], nil // nobody's act
	}
	return verdicts[0], shell.Audit(tx, now, shell.Act{
		Actor: actor, Action: "clip.overrule", SubjectType: "clips", SubjectID: clip, Reason: note,
		Data: map[string]any{"was": before.Status, "outcome": string(outcome), "reason": string(reason), "verdict": verdicts[0], "money": taken},
	})
}

// inForce is a clip with its newest verdict, if it has one.
type inForce struct {
	Clip    string         `db:"clip"`
	Status  string         `db:"status"`
	Verdict string         `db:"verdict"`
	Outcome engine.Outcome `db:"outcome"`
	Reason  engine.Reason  `db:"reason"`
	Actor   string         `db:"actor"` // empty: the crowd
	Note    string         `db:"note"`
}

func (v inForce) word() word { return word{v.Outcome, v.Reason, v.Note} }

func loadInForce(tx core.App, clip string) (inForce, error) {
	var row inForce
	err := tx.DB().NewQuery(`
		SELECT c.id AS clip, c.status, COALESCE(v.id, '') AS verdict, COALESCE(v.outcome, '') AS outcome,
			COALESCE(v.reason, '') AS reason, COALESCE(v.actor, '') AS actor, COALESCE(v.note, '') AS note
		FROM clips c LEFT JOIN verdicts v ON v.clip = c.id WHERE c.id = {:clip} ORDER BY v.revision DESC LIMIT 1`).
		Bind(dbx.Params{"clip": clip}).One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return row, fault.NotFound.On("id")
	}
	return row, err
}

// overturn takes back what verdicts of the opposite outcome brought. It asks all
// of them, because one that only confirmed an earlier one paid nothing itself.
func overturn(tx core.App, deps *shell.Deps, before inForce, outcome engine.Outcome, actor string) (ledger.Overturned, error) {
	var sum ledger.Overturned
	if before.Outcome.Label() != -outcome.Label() {
		return sum, nil
	}
	verdicts := []string{}
	err := tx.DB().NewQuery(`
		SELECT id FROM verdicts WHERE clip = {:clip} AND outcome = {:outcome}
		AND EXISTS (SELECT 1 FROM rewards WHERE verdict = verdicts.id) ORDER BY revision`).
		Bind(dbx.Params{"clip": before.Clip, "outcome": string(before.Outcome)}).Column(&verdicts)
	if err != nil {
		return sum, err
	}
	for _, verdict := range verdicts {
		taken, err := ledger.Overturn(tx, deps, verdict, actor, overturnedMemo)
		if err != nil {
			return sum, err
		}
		sum.ReversedMinor += taken.ReversedMinor
		sum.UnfundedMinor += taken.UnfundedMinor
		sum.ReleasedMinor += taken.ReleasedMinor
	}
	return sum, nil
}

// expertLessons are what an expert's verdict teaches about the clip's voters:
// what the clip is, exactly. Where an expert has spoken before, the same word
// teaches nothing more, and the opposite takes the false lesson back, unless the
// voter has begun anew since and it is forgotten already.
func expertLessons(tx core.App, clip clipRow, verdict string, outcome engine.Outcome, votes []voteRow) ([]lesson, error) {
	var earlier engine.Outcome
	err := tx.DB().NewQuery("SELECT outcome FROM verdicts WHERE clip = {:clip} AND [[by]] = 'expert' AND id != {:verdict} ORDER BY revision DESC LIMIT 1").
		Bind(dbx.Params{"clip": clip.ID, "verdict": verdict}).Row(&earlier)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	if earlier == outcome {
		return nil, nil
	}
	taught := map[string]bool{}
	if earlier != engine.Undecided {
		if taught, err = taughtByExperts(tx, clip); err != nil {
			return nil, err
		}
	}
	lessons := make([]lesson, len(votes))
	for i, vote := range votes {
		event := crowd.Exactly(crowd.FromExpert, outcome.Label(), vote.Choice == engine.Approve)
		if taught[vote.Validator] {
			event = crowd.Corrected(crowd.FromExpert, outcome.Label(), vote.Choice == engine.Approve)
		}
		lessons[i] = lesson{skillKey{vote.Validator, clip.Language}, verdict, event}
	}
	return lessons, nil
}

// taughtByExperts are the voters whose skill holds what an expert said about the
// clip.
func taughtByExperts(tx core.App, clip clipRow) (map[string]bool, error) {
	people := []string{}
	err := tx.DB().NewQuery(`
		SELECT DISTINCT e.validator
		FROM votes o JOIN verdicts v ON v.clip = o.clip AND v.[[by]] = 'expert'
		JOIN skill_events e ON e.validator = o.validator AND e.cause = v.id AND e.source = 'expert'
		WHERE o.clip = {:clip} AND NOT EXISTS (
			SELECT 1 FROM skill_events r WHERE r.language = e.language AND r.validator = e.validator AND r.seq > e.seq AND r.source = 'review')`).
		Bind(dbx.Params{"clip": clip.ID}).Column(&people)
	taught := map[string]bool{}
	for _, person := range people {
		taught[person] = true
	}
	return taught, err
}

// news is what the speaker is told of an expert's verdict: kind, title and body.
// A verdict that confirms the one in force is news only to who disputed it.
func (r ruling) news() [3]string {
	approved := r.explanation.Outcome == engine.Approved
	switch {
	case r.again && r.clip.Status == string(r.explanation.Outcome):
		if !r.disputed {
			return [3]string{}
		}
		return [3]string{"verdict_confirmed", "The verdict on your recording stays", "An expert listened to it again and agrees with it."}
	case r.again && approved:
		return [3]string{"verdict_changed", "Your recording is approved after all", "An expert listened to it again. Your wallet shows the reward."}
	case r.again:
		return [3]string{"verdict_changed", "Your recording is no longer approved", "An expert listened to it again. Look at the reason and record it again."}
	case approved:
		return [3]string{"clip_approved", "Your recording was approved", "An expert found it good. Your wallet shows the reward."}
	default:
		return [3]string{"clip_rejected", "Your recording was not approved", "An expert listened to it. Look at the reason and record it again."}
	}
}
