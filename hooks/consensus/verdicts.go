package consensus

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/rewards"
)

// settle writes everything that follows from a verdict: the verdict with its
// explanation, the clip's status, the rewards and the notices. It runs in the
// transaction of the vote that decided.
func settle(tx core.App, deps *shell.Deps, now time.Time, clip clipRow, votes []voteRow, decision engine.Explanation) error {
	verdict, err := saveVerdict(tx, clip, votes, decision)
	if err != nil {
		return err
	}
	record, err := tx.FindRecordById("clips", clip.ID)
	if err != nil {
		return err
	}
	record.Set("status", string(decision.Outcome))
	record.Set("decided_at", now)
	record.IgnoreUnchangedFields(true)
	// Everything in these rows is the server's own, so only the write and its
	// realtime events are wanted.
	if err := tx.SaveNoValidate(record); err != nil {
		return err
	}
	parentOwner, err := ownerOf(tx, clip.Parent)
	if err != nil {
		return err
	}
	if err := reward(tx, deps, now, clip, verdict.Id, parentOwner, votes, decision); err != nil {
		return err
	}
	return tell(tx, deps, clip, verdict, parentOwner, decision)
}

func saveVerdict(tx core.App, clip clipRow, votes []voteRow, decision engine.Explanation) (*core.Record, error) {
	collection, err := tx.FindCachedCollectionByNameOrId("verdicts")
	if err != nil {
		return nil, err
	}
	explanation, err := engine.ExplanationJSON(decision)
	if err != nil {
		return nil, err
	}
	feedback, err := json.Marshal(words(votes, decision.Outcome))
	if err != nil {
		return nil, err
	}
	verdict := core.NewRecord(collection)
	verdict.Set("clip", clip.ID)
	verdict.Set("owner", clip.Owner)
	verdict.Set("revision", 1)
	verdict.Set("outcome", string(decision.Outcome))
	verdict.Set("confidence", confidence(decision))
	verdict.Set("votes", len(decision.Votes))
	verdict.Set("reason", string(decision.RejectReason))
	verdict.Set("feedback", string(feedback))
	verdict.Set("policy_version", decision.PolicyVersion)
	verdict.Set("explanation", string(explanation))
	return verdict, tx.SaveNoValidate(verdict)
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

func ownerOf(tx core.App, clip string) (string, error) {
	if clip == "" {
		return "", nil
	}
	var owner string
	err := tx.DB().NewQuery("SELECT owner FROM clips WHERE id = {:clip}").Bind(dbx.Params{"clip": clip}).Row(&owner)
	return owner, err
}

// reward lets internal/rewards decide who is paid and has the ledger pay.
func reward(tx core.App, deps *shell.Deps, now time.Time, clip clipRow, verdict, parentOwner string, votes []voteRow, decision engine.Explanation) error {
	if decision.Outcome == engine.Escalated {
		return nil // the verdict that follows pays
	}
	currency := money.Currency(clip.Currency)
	policy, version, err := shell.Policy(tx, now, shell.PolicyRewards, clip.Language, rewards.ParsePolicy)
	if err != nil {
		return err
	}
	input := rewards.Input{Verdict: verdict, Outcome: string(decision.Outcome), Owner: clip.Owner, ParentOwner: parentOwner, Currency: currency}
	if input.ClipRate, err = ledger.RateFor(tx, now, collections.ActionClip, clip.Language, currency); err != nil {
		return err
	}
	if input.ValidationRate, err = ledger.RateFor(tx, now, collections.ActionValidation, clip.Language, currency); err != nil {
		return err
	}
	if input.Voters, err = voters(tx, votes); err != nil {
		return err
	}
	earned, err := rewards.Decide(policy, input)
	if err != nil {
		return err
	}
	return ledger.Earn(tx, deps, ledger.Earning{
		Clip: clip.ID, Verdict: verdict, Campaign: ledger.Campaign{ID: clip.Campaign, Currency: currency},
		Rewards: earned, PolicyVersion: version, Hold: policy.Hold(),
	})
}

// voters adds each person's present roles to the votes.
func voters(tx core.App, votes []voteRow) ([]rewards.Voter, error) {
	ids := make([]any, len(votes))
	for i, vote := range votes {
		ids[i] = vote.Validator
	}
	rows := []struct {
		ID    string `db:"id"`
		Roles string `db:"roles"`
	}{}
	if err := tx.DB().Select("id", "roles").From("users").Where(dbx.In("id", ids...)).All(&rows); err != nil {
		return nil, err
	}
	roles := map[string][]string{}
	for _, row := range rows {
		var held []string
		if row.Roles != "" {
			if err := json.Unmarshal([]byte(row.Roles), &held); err != nil {
				return nil, fmt.Errorf("roles of %s: %w", row.ID, err)
			}
		}
		roles[row.ID] = held
	}
	list := make([]rewards.Voter, len(votes))
	for i, vote := range votes {
		list[i] = rewards.Voter{
			Person: rewards.Person{ID: vote.Validator, Roles: roles[vote.Validator]},
			Choice: string(vote.Choice), Rewarded: vote.Rewarded,
		}
	}
	return list, nil
}

// tell lets the speaker know, and the speaker of the clip that was remixed.
func tell(tx core.App, deps *shell.Deps, clip clipRow, verdict *core.Record, parentOwner string, decision engine.Explanation) error {
	data := map[string]any{"clip": clip.ID, "verdict": verdict.Id, "outcome": string(decision.Outcome), "reason": string(decision.RejectReason)}
	texts := map[engine.Outcome][3]string{
		engine.Approved:  {"clip_approved", "Your recording was approved", "Other speakers found it good. Your wallet shows the reward."},
		engine.Rejected:  {"clip_rejected", "Your recording was not approved", "Look at the reason and record it again."},
		engine.Escalated: {"clip_escalated", "Your recording goes to an expert", "The validators did not agree. Somebody with more experience will decide."},
	}
	text := texts[decision.Outcome]
	cause := "verdict:" + verdict.Id
	if err := shell.Notify(tx, deps, cause, shell.Notice{User: clip.Owner, Kind: text[0], Title: text[1], Body: text[2], Data: data}); err != nil {
		return err
	}
	if parentOwner == "" || decision.Outcome != engine.Approved {
		return nil
	}
	return shell.Notify(tx, deps, cause, shell.Notice{
		User: parentOwner, Kind: "remix_approved", Title: "A remix of your recording was approved",
		Body: "Your wallet shows your share of its reward.", Data: data,
	})
}
