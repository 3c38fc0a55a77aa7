package consensus

import (
	"encoding/json"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// ruling is a verdict about to be written.
type ruling struct {
	clip        clipRow
	votes       []voteRow
	explanation engine.Explanation
	by          string // collections.ByCrowd or ByExpert
	actor, note string // of an expert
	revision    int
	again       bool // the clip had a verdict other than an escalation
	disputed    bool // the speaker asked for it
}

// settle writes everything that follows from verdicts: the verdicts with their
// explanations, the clips' status, what the voters' skills and the languages
// learn, the rewards and the notices. It runs in the transaction of the votes or
// the expert's word that decided, and returns the ids of the verdicts.
func settle(tx core.App, deps *shell.Deps, now time.Time, rulings []ruling) ([]string, error) {
	if len(rulings) == 0 {
		return nil, nil
	}
	verdicts := make([]string, len(rulings))
	for i, r := range rulings {
		verdict, err := saveVerdict(tx, now, r)
		if err != nil {
			return nil, err
		}
		verdicts[i] = verdict.Id
	}
	if err := closeClips(tx, now, rulings); err != nil {
		return nil, err
	}
	if err := teach(tx, now, rulings, verdicts); err != nil {
		return nil, err
	}
	parents, err := parentOwners(tx, rulings)
	if err != nil {
		return nil, err
	}
	if err := pay(tx, deps, now, rulings, verdicts, parents); err != nil {
		return nil, err
	}
	for i, r := range rulings {
		if err := follow(tx, deps, now, r, verdicts[i], parents[r.clip.Parent]); err != nil {
			return nil, err
		}
		if r.explanation.Outcome == engine.Escalated {
			continue
		}
		err := OnVerdict(tx).Trigger(&VerdictEvent{App: tx, Verdict: verdicts[i], Clip: r.clip.ID, At: r.at(now)})
		if err != nil {
			return nil, err
		}
	}
	return verdicts, nil
}

// follow is what a verdict sets going: an expert is asked, the next control
// opens, people are told.
func follow(tx core.App, deps *shell.Deps, now time.Time, r ruling, verdict, parentOwner string) error {
	if r.clip.Gold != "" {
		return settleControl(tx, deps, now, r.clip.ID, r.clip.Gold, r.explanation)
	}
	if r.explanation.Outcome == engine.Escalated {
		cause := collections.CauseMaxVotes
		if r.explanation.Reason == engine.ByTimeout {
			cause = collections.CauseTimeout
		}
		if err := escalate(tx, deps, now, r.clip.ID, cause); err != nil {
			return err
		}
	}
	return tell(tx, deps, r, verdict, parentOwner)
}

// at is when the verdict falls, by the clock of its votes: never before one of
// them, also where that clock was put back or now was taken a while ago.
func (r ruling) at(now time.Time) time.Time {
	for _, vote := range r.votes {
		if cast, err := shell.ParseStamp(vote.Created); err == nil && cast.After(now) {
			now = cast
		}
	}
	return now
}

func saveVerdict(tx core.App, now time.Time, r ruling) (*core.Record, error) {
	collection, err := tx.FindCachedCollectionByNameOrId("verdicts")
	if err != nil {
		return nil, err
	}
	explanation, err := engine.ExplanationJSON(r.explanation)
	if err != nil {
		return nil, err
	}
	feedback, err := json.Marshal(words(r.votes, r.explanation.Outcome))
	if err != nil {
		return nil, err
	}
	verdict := core.NewRecord(collection)
	verdict.SetRaw("created", shell.DateTime(r.at(now)))
	verdict.Set("clip", r.clip.ID)
	verdict.Set("owner", r.clip.Owner)
	verdict.Set("revision", r.revision)
	verdict.Set("by", r.by)
	verdict.Set("actor", r.actor)
	verdict.Set("note", r.note)
	verdict.Set("outcome", string(r.explanation.Outcome))
	verdict.Set("confidence", confidence(r.explanation))
	verdict.Set("votes", len(r.explanation.Votes))
	verdict.Set("reason", string(r.explanation.RejectReason))
	verdict.Set("feedback", string(feedback))
	verdict.Set("policy_version", r.explanation.PolicyVersion)
	verdict.Set("explanation", string(explanation))
	return verdict, tx.SaveNoValidate(verdict)
}

// closeClips gives the clips their status and takes them out of the queue.
func closeClips(tx core.App, now time.Time, rulings []ruling) error {
	ids, outcomes := make([]string, len(rulings)), map[string]engine.Outcome{}
	for i, r := range rulings {
		ids[i], outcomes[r.clip.ID] = r.clip.ID, r.explanation.Outcome
	}
	records, err := tx.FindRecordsByIds("clips", ids)
	if err != nil {
		return err
	}
	for _, record := range records {
		record.Set("status", string(outcomes[record.Id]))
		record.Set("decided_at", now)
		record.IgnoreUnchangedFields(true)
		// Everything in these rows is the server's own, so only the write and its
		// realtime events are wanted.
		if err := tx.SaveNoValidate(record); err != nil {
			return err
		}
	}
	_, err = shell.Exec(tx, "UPDATE clip_tallies SET open = 0, ready = 0 WHERE clip IN "+shell.Among("clips"), dbx.Params{"clips": shell.List(ids)})
	return err
}

// teach lets the voters' skills and the languages learn from the verdicts.
// Controls teach by their known truth when they are answered, never by what the
// crowd makes of them.
func teach(tx core.App, now time.Time, rulings []ruling, verdicts []string) error {
	lessons, settled := []lesson{}, map[string]crowd.Language{}
	decided := map[string]int64{}
	for i, r := range rulings {
		if r.clip.Gold != "" {
			continue
		}
		learned, err := r.lessons(tx, verdicts[i])
		if err != nil {
			return err
		}
		lessons = append(lessons, learned...)
		if r.explanation.Outcome != engine.Escalated && !r.again {
			settled[r.clip.Language] = r.explanation.Settle(settled[r.clip.Language])
			decided[r.clip.Language]++
		}
	}
	if _, err := learn(tx, now, lessons); err != nil {
		return err
	}
	for language, more := range settled {
		err := addToLanguage(tx, language, dbx.Params{"good": int64(more.Good), "settled": int64(more.Settled), "verdicts": decided[language]})
		if err != nil {
			return err
		}
	}
	return nil
}

// lessons are what a verdict teaches about its voters.
func (r ruling) lessons(tx core.App, verdict string) ([]lesson, error) {
	if r.by == collections.ByExpert {
		return expertLessons(tx, r.clip, verdict, r.explanation.Outcome, r.votes)
	}
	validators := map[string]string{}
	for _, vote := range r.votes {
		validators[vote.ID] = vote.Validator
	}
	lessons := []lesson{}
	for _, vote := range r.explanation.Votes {
		if event, teaches := r.explanation.Lesson(vote); teaches {
			lessons = append(lessons, lesson{skillKey{validators[vote.ID], r.clip.Language}, verdict, event})
		}
	}
	return lessons, nil
}

// confidence is the model's nominal probability of the outcome. An escalated
// clip has the larger of the two: how near it came.
func confidence(decision engine.Explanation) float64 {
	switch decision.Outcome {
	case engine.Approved:
		return decision.Posterior
	case engine.Rejected:
		return 1 - decision.Posterior
	default:
		return max(decision.Posterior, 1-decision.Posterior)
	}
}

// words are what validators who agree with the outcome wrote to the speaker; of
// an escalated clip, what everybody wrote.
func words(votes []voteRow, outcome engine.Outcome) []string {
	texts := []string{}
	for _, vote := range votes {
		agrees := outcome == engine.Escalated || (outcome == engine.Approved) == (vote.Choice == engine.Approve)
		if vote.Feedback != "" && agrees {
			texts = append(texts, vote.Feedback)
		}
	}
	return texts
}

// parentOwners are the owners of the clips that were remixed, by clip.
func parentOwners(tx core.App, rulings []ruling) (map[string]string, error) {
	ids := []string{}
	for _, r := range rulings {
		if r.clip.Parent != "" {
			ids = append(ids, r.clip.Parent)
		}
	}
	owners := map[string]string{}
	if len(ids) == 0 {
		return owners, nil
	}
	rows := []struct {
		ID    string `db:"id"`
		Owner string `db:"owner"`
	}{}
	err := tx.DB().Select("id", "owner").From("clips").Where(shell.In("id", ids)).All(&rows)
	for _, row := range rows {
		owners[row.ID] = row.Owner
	}
	return owners, err
}

// tell lets the speaker know, and the speaker of the clip that was remixed.
func tell(tx core.App, deps *shell.Deps, r ruling, verdict, parentOwner string) error {
	outcome := r.explanation.Outcome
	data := map[string]any{"clip": r.clip.ID, "verdict": verdict, "outcome": string(outcome), "reason": string(r.explanation.RejectReason)}
	texts := map[engine.Outcome][3]string{
		engine.Approved:  {"clip_approved", "Your recording was approved", "Other speakers found it good. Your wallet shows the reward."},
		engine.Rejected:  {"clip_rejected", "Your recording was not approved", "Look at the reason and record it again."},
		engine.Escalated: {"clip_escalated", "Your recording goes to an expert", "The validators did not agree. Somebody with more experience will decide."},
	}
	text := texts[outcome]
	if r.by == collections.ByExpert {
		text = r.news()
	}
	if text[0] == "" {
		return nil
	}
	cause := "verdict:" + verdict
	if err := shell.Notify(tx, deps, cause, shell.Notice{User: r.clip.Owner, Kind: text[0], Title: text[1], Body: text[2], Data: data}); err != nil {
		return err
	}
	if parentOwner == "" || outcome != engine.Approved {
		return nil
	}
	return shell.Notify(tx, deps, cause, shell.Notice{
		User: parentOwner, From: r.clip.Owner, Kind: "remix_approved", Title: "A remix of your recording was approved",
		Body: "Your wallet shows your share of its reward.", Data: data,
	})
}
