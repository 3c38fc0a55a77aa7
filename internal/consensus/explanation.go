package consensus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// ErrReplay means that a stored explanation does not follow from its own
// inputs, or that this engine cannot tell.
var ErrReplay = errors.New("consensus: the explanation cannot be reproduced")

// Explanation is a decision with everything that it rests on. Log odds and
// weights are in nats and, like the posterior, rounded to nine decimals; they
// add up exactly: prior + weights = log odds.
type Explanation struct {
	Engine        string `json:"engine"`
	PolicyVersion int64  `json:"policy_version"`

	Prior        float64         `json:"prior"`
	PriorLogOdds float64         `json:"prior_log_odds"`
	Votes        []ExplainedVote `json:"votes"` // by id
	LogOdds      float64         `json:"log_odds"`
	// Posterior is the nominal P(good) of the model, not a calibrated one.
	Posterior float64 `json:"posterior"`

	AcceptAt      float64 `json:"accept_at"`
	AcceptLogOdds float64 `json:"accept_log_odds"`
	RejectAt      float64 `json:"reject_at"`
	RejectLogOdds float64 `json:"reject_log_odds"`
	MinVotes      int     `json:"min_votes"`
	MaxVotes      int     `json:"max_votes"`
	MinRejects    int     `json:"min_rejects"`

	Outcome      Outcome `json:"outcome"` // empty while undecided
	Reason       Basis   `json:"reason"`
	RejectReason Reason  `json:"reject_reason,omitempty"` // of a rejection, if any was given
}

// ExplainedVote is one vote as it was counted.
type ExplainedVote struct {
	ID          string  `json:"vote"`
	Validator   string  `json:"validator"`
	Choice      Choice  `json:"choice"`
	Reason      Reason  `json:"reason,omitempty"`
	Sensitivity float64 `json:"sensitivity"`
	Specificity float64 `json:"specificity"`
	Weight      float64 `json:"weight"`   // 0: not counted
	LogOdds     float64 `json:"log_odds"` // running, this vote included
}

func explain(v Vote) ExplainedVote {
	return ExplainedVote{
		ID: v.ID, Validator: v.Validator, Choice: v.Choice, Reason: v.Reason,
		Sensitivity: reliability(v.Sensitivity), Specificity: reliability(v.Specificity),
	}
}

// Replay decides again from nothing but the inputs in the explanation and
// returns what comes out. The error is ErrReplay if that differs from what is
// stored in any field (the returned explanation then shows the recomputed one),
// or if the inputs are not ones that this engine takes.
func Replay(stored Explanation) (Explanation, error) {
	if stored.Engine != Engine {
		return Explanation{}, fmt.Errorf("%w: it is of engine %q, this is %q", ErrReplay, stored.Engine, Engine)
	}
	p := Policy{
		Prior: stored.Prior, AcceptAt: stored.AcceptAt, RejectAt: stored.RejectAt,
		MinVotes: stored.MinVotes, MaxVotes: stored.MaxVotes, MinRejects: stored.MinRejects,
	}
	if err := p.checkDecision(); err != nil {
		return Explanation{}, fmt.Errorf("%w: %w", ErrReplay, err)
	}
	votes := make([]Vote, len(stored.Votes))
	for i, v := range stored.Votes {
		if i > 0 && v.ID <= stored.Votes[i-1].ID {
			return Explanation{}, fmt.Errorf("%w: vote %q is out of order or counted twice", ErrReplay, v.ID)
		}
		votes[i] = Vote{v.ID, v.Validator, v.Choice, v.Reason, v.Sensitivity, v.Specificity}
	}
	again := Decide(p, stored.PolicyVersion, votes)
	if !reflect.DeepEqual(again, stored) {
		return again, fmt.Errorf("%w: it says %s at log odds %v, replayed it is %s at %v",
			ErrReplay, stored.Reason, stored.LogOdds, again.Reason, again.LogOdds)
	}
	return again, nil
}

// ExplanationJSON is the stored form. It fails only for values that [Decide]
// does not produce (not-a-number and infinity).
func ExplanationJSON(e Explanation) ([]byte, error) {
	return json.Marshal(e)
}

// ParseExplanation reads the stored form; unknown names, wrong types and text
// after the object are refused. Whether the contents are true says [Replay].
func ParseExplanation(data []byte) (Explanation, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var e Explanation
	if err := decoder.Decode(&e); err != nil {
		return Explanation{}, fmt.Errorf("consensus: reading an explanation: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Explanation{}, errors.New("consensus: reading an explanation: text after the object")
	}
	return e, nil
}
