package consensus

import (
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/fault"
)

// What became of an expert's word.
const (
	wordDecided   = "decided"
	wordProposed  = "proposed"
	wordContested = "contested"
)

var decideMessages = map[string]string{
	wordDecided:   "Your decision is in force.",
	wordProposed:  "Another expert listens to it, too.",
	wordContested: "A moderator has the last word.",
}

// proposal is the first word of two on an escalation, and who said the opposite.
// Nobody but moderators reads it: the second expert listens unprejudiced.
type proposal struct {
	ProposedBy  string         `db:"proposed_by"`
	Proposed    engine.Outcome `db:"proposed"`
	FirstReason engine.Reason  `db:"proposed_reason"`
	FirstNote   string         `db:"proposed_note"`
	Contested   bool           `db:"contested"`
	ContestedBy string         `db:"contested_by"`
}

func (row escalationRow) answer(state, verdict string, word word) decideData {
	return decideData{
		Escalation: row.ID, Clip: row.Clip, State: state, Verdict: verdict, Outcome: string(word.outcome), Reason: string(word.reason),
	}
}

// said answers somebody who has said their word already: the same again gets the
// answer that it got, whatever happened since is not told. It is empty for who has
// not spoken yet.
func (row escalationRow) said(tx core.App, me string, said word) (decideData, error) {
	again := func(same bool, state, verdict string) (decideData, error) {
		if !same {
			return decideData{}, fault.EscalationClosed.On("id")
		}
		return row.answer(state, verdict, said), nil
	}
	switch me {
	case row.ProposedBy:
		return again(said == word{row.Proposed, row.FirstReason, row.FirstNote}, wordProposed, "")
	case row.ContestedBy:
		return again(said.outcome != row.Proposed, wordContested, "")
	}
	if row.State != collections.EscalationDecided {
		return decideData{}, nil
	}
	verdict, err := tx.FindRecordById("verdicts", row.Verdict)
	if err != nil {
		return decideData{}, err
	}
	return again(verdict.GetString("actor") == "user:"+me && said.sameAs(verdict), wordDecided, row.Verdict)
}

// hear takes the word of an expert who may say it: that of a moderator, or of
// anybody where one step is the policy, is final; the first of two is kept, and the
// second makes it final or leaves it to a moderator.
func (row escalationRow) hear(tx core.App, deps *shell.Deps, now time.Time, person *core.Record, said word) (decideData, error) {
	policy, _, err := shell.ConsensusPolicy(tx, now, row.Language)
	if err != nil {
		return decideData{}, err
	}
	final := isModerator(person) || policy.ExpertSteps == 1
	switch {
	case !final && row.ProposedBy == "":
		return row.answer(wordProposed, "", said), row.propose(tx, now, person, said)
	case !final && row.Proposed != said.outcome:
		return row.answer(wordContested, "", said), row.contest(tx, now, person, said)
	}
	verdict, err := overrule(tx, deps, now, row.Clip, said.outcome, said.reason, shell.ActorOf(person), said.note)
	if err != nil {
		return decideData{}, err
	}
	if row.ProposedBy != "" {
		err = row.audit(tx, now, person, "escalation.second", said)
	}
	return row.answer(wordDecided, verdict, said), err
}

// propose keeps the first of two words and lets others have the clip.
func (row escalationRow) propose(tx core.App, now time.Time, person *core.Record, said word) error {
	err := row.keep(tx, map[string]any{
		"proposed_by": person.Id, "proposed": string(said.outcome), "proposed_reason": string(said.reason), "proposed_note": said.note, "proposed_at": now,
	})
	if err != nil {
		return err
	}
	return row.audit(tx, now, person, "escalation.first", said)
}

// contest leaves the clip to a moderator.
func (row escalationRow) contest(tx core.App, now time.Time, person *core.Record, said word) error {
	if err := row.keep(tx, map[string]any{"contested": true, "contested_by": person.Id}); err != nil {
		return err
	}
	return row.audit(tx, now, person, "escalation.contest", said)
}

// keep writes the fields and ends the claim; moderators see it by realtime.
func (row escalationRow) keep(tx core.App, fields map[string]any) error {
	record, err := tx.FindRecordById("escalations", row.ID)
	if err != nil {
		return err
	}
	for name, value := range fields {
		record.Set(name, value)
	}
	record.Set("claimed_by", "")
	record.Set("claim_until", "")
	record.IgnoreUnchangedFields(true)
	return tx.SaveNoValidate(record)
}

// audit records a word of two, and with the second whose the first was.
func (row escalationRow) audit(tx core.App, now time.Time, person *core.Record, action string, said word) error {
	data := map[string]any{"clip": row.Clip, "outcome": string(said.outcome), "reason": string(said.reason)}
	if row.ProposedBy != "" {
		data["first"], data["first_outcome"] = "user:"+row.ProposedBy, string(row.Proposed)
	}
	return shell.Audit(tx, now, shell.Act{
		Actor: shell.ActorOf(person), Action: action, SubjectType: "escalations", SubjectID: row.ID, Reason: said.note, Data: data,
	})
}
