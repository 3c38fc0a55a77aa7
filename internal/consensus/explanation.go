package consensus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
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
	// Calibration is what the language's controls said at the time, and
	// CalibratedError what follows for the outcome; both absent while they are few.
	Calibration     *Calibration `json:"calibration,omitempty"`
	CalibratedError float64      `json:"calibrated_error,omitempty"`

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
	ID          string          `json:"vote"`
	Validator   string          `json:"validator"`
	Choice      Choice          `json:"choice"`
	Reason      Reason          `json:"reason,omitempty"`
	Sensitivity float64         `json:"sensitivity"`
	Specificity float64         `json:"specificity"`
	Unweighed   crowd.Unweighed `json:"unweighed,omitempty"` // why it is not counted
	Weight      float64         `json:"weight"`              // 0: not counted
	LogOdds     float64         `json:"log_odds"`            // running, this vote included
}

// Replay decides again from nothing but the inputs in the explanation and
// returns what comes out. The error is ErrReplay if that differs from what is
// stored in any field (the returned explanation then shows the recomputed one),
// or if the inputs are not ones that its engine takes.
func Replay(stored Explanation) (Explanation, error) {
	if err := stored.check(); err != nil {
		return Explanation{}, fmt.Errorf("%w: %w", ErrReplay, err)
	}
	again := stored
	again.Votes = slices.Clone(stored.Votes)
	switch stored.Engine {
	case Engine:
		again.reckon()
	case fixedEngine:
		again.reckonFixed()
	default:
		return Explanation{}, fmt.Errorf("%w: it is of engine %q, this is %q", ErrReplay, stored.Engine, Engine)
	}
	if !reflect.DeepEqual(again, stored) {
		return again, fmt.Errorf("%w: it says %s at log odds %v, replayed it is %s at %v",
			ErrReplay, stored.Reason, stored.LogOdds, again.Reason, again.LogOdds)
	}
	return again, nil
}

// check says why no engine can have made the explanation, or nil.
func (e Explanation) check() error {
	open := func(p float64) bool { return p > 0 && p < 1 }
	switch {
	case !open(e.Prior) || !open(e.AcceptAt) || !open(e.RejectAt):
		return errors.New("prior and thresholds lie between 0 and 1")
	case e.Reason == ByExpert && e.Outcome.Label() == crowd.Unknown:
		return errors.New("an expert approves or rejects")
	}
	for i, v := range e.Votes {
		switch {
		case i > 0 && v.ID <= e.Votes[i-1].ID:
			return fmt.Errorf("vote %q is out of order or counted twice", v.ID)
		case v.Choice != Approve && v.Choice != Reject:
			return fmt.Errorf("vote %q says %q", v.ID, v.Choice)
		case !(v.Sensitivity >= crowd.LeastRate && v.Sensitivity <= crowd.MostRate && v.Specificity >= crowd.LeastRate && v.Specificity <= crowd.MostRate):
			return fmt.Errorf("the rates of vote %q are out of range", v.ID)
		}
	}
	return nil
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
