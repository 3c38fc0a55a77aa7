package moderation

import (
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	rules "github.com/lingualink/lingualink/internal/moderation"
)

// maxVerdictNote is what fits into a verdict; the whole note stands in the case.
const maxVerdictNote = 500 // runes

// carryOut does what the rules said follows, in their order.
func (x *deed) carryOut() error {
	for i, effect := range x.effects {
		if err := x.one(i, effect); err != nil {
			return fmt.Errorf("%s of case %s: %w", effect, x.record.Id, err)
		}
	}
	return nil
}

func (x *deed) one(i int, effect rules.Effect) error {
	subject := subjects(x.tx)[x.after.Subject.Type]
	switch effect.Kind {
	case rules.HideSubject:
		return subject.Hide(x.tx, x.after.Subject.ID)
	case rules.UnhideSubject:
		return subject.Unhide(x.tx, x.after.Subject.ID)
	case rules.StopStream:
		return subject.End(x.tx, x.after.Subject.ID, x.by.actor)
	case rules.Overrule:
		return x.overrule(effect)
	case rules.TakeRewards:
		return x.takeRewards()
	case rules.RestoreRewards:
		return x.restoreRewards()
	case rules.AddStrike:
		return x.addStrike(effect.Strike)
	case rules.UndoStrike:
		_, err := shell.Exec(x.tx, "UPDATE strikes SET undone = 1 WHERE [[case]] = {:case}", dbx.Params{"case": x.record.Id})
		return err
	case rules.LiftSanctions:
		_, err := shell.Exec(x.tx, "UPDATE strikes SET lifted_at = {:now} WHERE user = {:user} AND lifted_at = ''",
			dbx.Params{"user": x.after.Subject.Owner, "now": shell.Stamp(x.at)})
		return err
	case rules.SetStanding:
		return x.d.setStanding(x.tx, x.after.Subject.Owner, rules.Sanction{Standing: effect.Standing, Until: effect.At}, x.reason(), x.by.actor)
	case rules.JudgeReports:
		return x.judgeReports()
	case rules.Notify:
		return x.notify(i, effect)
	}
	return fmt.Errorf("nobody carries out %q", effect.Kind)
}

// reason is what stands beside a change of standing in the audit log.
func (x *deed) reason() string {
	if x.note != "" {
		return x.note
	}
	return string(x.after.Decision.Action) + ": " + string(x.after.Decision.Reason)
}

// overrule puts a verdict in the place of the one in force, as an expert would:
// what the old one brought is reversed, the voters learn.
func (x *deed) overrule(effect rules.Effect) error {
	outcome, reason := engine.Approved, engine.Reason("")
	if effect.Verdict == rules.Rejected {
		outcome, reason = engine.Rejected, engine.Reason(effect.Reason.VerdictReason())
	}
	note := x.note
	if runes := []rune(note); len(runes) > maxVerdictNote {
		note = string(runes[:maxVerdictNote])
	}
	verdict, err := consensus.Overrule(x.tx, x.d.deps, x.after.Subject.ID, outcome, reason, x.by.actor, note)
	x.came["verdict"] = verdict
	return err
}

// judgeReports says of every report of the case whether it was right, and counts
// anew for those who made them.
func (x *deed) judgeReports() error {
	overturned := x.after.Appeal == rules.Overturned
	state := "dismissed"
	if x.after.Decision.Action.Adverse() && !overturned {
		state = "upheld"
	}
	for _, reason := range rules.Reasons() {
		_, err := shell.Exec(x.tx, "UPDATE reports SET state = {:state}, judgement = {:judgement}, updated = {:now} WHERE [[case]] = {:case} AND reason = {:reason}",
			dbx.Params{
				"state": state, "judgement": string(x.policy.Judge(reason, x.after.Decision, overturned)), "now": shell.Stamp(x.at),
				"case": x.record.Id, "reason": string(reason),
			})
		if err != nil {
			return err
		}
	}
	_, err := shell.Exec(x.tx, `
		INSERT INTO reporters (id, user, right, wrong)
		SELECT substr(lower(hex(randomblob(8))), 1, 15), r.reporter, SUM(r.judgement = 'right'), SUM(r.judgement = 'wrong')
		FROM reports r
		WHERE r.reporter IN (SELECT reporter FROM reports WHERE [[case]] = {:case} AND reporter != '')
		GROUP BY r.reporter
		ON CONFLICT (user) DO UPDATE SET right = excluded.right, wrong = excluded.wrong`, dbx.Params{"case": x.record.Id})
	return err
}

// facts are what a decision about the case must know, as it is now.
func (d *desk) facts(tx core.App, c rules.Case) (rules.Facts, error) {
	_, about, err := subjectOf(tx, c.Subject.Type, c.Subject.ID)
	if err != nil {
		return rules.Facts{}, err
	}
	facts := rules.Facts{Hidden: about.Hidden, Gone: about.Gone, Verdict: about.Verdict}
	if facts.HiddenElsewhere, err = hiddenElsewhere(tx, c); err != nil {
		return facts, err
	}
	facts.Owner, err = d.owner(tx, c.Subject.Owner)
	return facts, err
}

// hiddenElsewhere tells whether the subject would be hidden without this case: its
// text waits for a person, its owner is banned, or another decision in force hides
// it. What was decided before somebody put it back into sight does not count.
func hiddenElsewhere(tx core.App, c rules.Case) (bool, error) {
	var hidden bool
	err := tx.DB().NewQuery(`
		SELECT EXISTS (SELECT 1 FROM text_holds WHERE subject_type = {:type} AND subject_id = {:id} AND state = 'held')
			OR EXISTS (SELECT 1 FROM users WHERE id = {:owner} AND standing = 'banned')
			OR EXISTS (SELECT 1 FROM cases o
				WHERE o.subject_type = {:type} AND o.subject_id = {:id} AND o.id != {:case} AND o.appeal != 'overturned'
					AND (o.action = 'hide' OR o.hidden = 1 AND (o.action = '' OR o.action NOT IN ('dismiss', 'approve_clip', 'unhide')))
					AND NOT EXISTS (SELECT 1 FROM cases u WHERE u.subject_type = o.subject_type AND u.subject_id = o.subject_id
						AND u.action = 'unhide' AND u.decided_at > o.decided_at AND o.decided_at != ''))`).
		Bind(dbx.Params{"type": string(c.Subject.Type), "id": c.Subject.ID, "owner": c.Subject.Owner, "case": c.ID}).Row(&hidden)
	return hidden, err
}
