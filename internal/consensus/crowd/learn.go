package crowd

import "iter"

// Source says where an event's knowledge of the truth came from.
type Source string

// The sources of a skill event.
const (
	FromGold    Source = "gold"    // a gold clip
	FromExpert  Source = "expert"  // an expert's answer
	FromVerdict Source = "verdict" // a verdict of the crowd, the voter's own vote left out
	FromFit     Source = "fit"     // a re-estimate: replaces all that was learned before
	FromReview  Source = "review"  // a person let the validator begin anew: forgets everything before
)

// Event is one append-only line of a validator's history in a language.
type Event struct {
	Source Source `json:"source"`
	Counts Counts `json:"counts"`
}

// Apply brings a skill up to date with one event; an unknown source teaches
// nothing.
func (s Skill) Apply(e Event) Skill {
	switch e.Source {
	case FromGold, FromExpert:
		s.Gold = s.Gold.Plus(e.Counts)
	case FromVerdict:
		s.Learned = s.Learned.Plus(e.Counts)
	case FromFit:
		s.Learned = e.Counts
	case FromReview:
		s = Skill{}
	}
	return s
}

// Exactly is what an answer teaches when the truth is known, Good or Bad.
func Exactly(source Source, truth Label, approve bool) Event {
	good := Mass(0)
	if truth == Good {
		good = Answer
	}
	return Event{source, taught(approve, good)}
}

// Corrected is what an answer teaches when what was held for the truth about its
// clip turns out to be the opposite: it takes the false lesson back.
func Corrected(source Source, truth Label, approve bool) Event {
	right, wrong := Exactly(source, truth, approve).Counts, Exactly(source, -truth, approve).Counts
	return Event{source, Counts{right.TP - wrong.TP, right.FN - wrong.FN, right.TN - wrong.TN, right.FP - wrong.FP}}
}

// FromDecision is what a verdict teaches about one of its voters: his answer on
// a clip that is good with the probability that the other votes give,
// sigmoid(S - weight). With his own vote in it, first voters would confirm
// themselves and clips would close too early.
//
// The second value is false if the decision teaches nothing: a clip in doubt
// never does, whatever its log odds.
func FromDecision(d Decision, b Ballot) (Event, bool) {
	if d.Outcome.Label() == Unknown {
		return Event{}, false
	}
	return Event{FromVerdict, taught(b.Approve, (d.LogOdds - b.Weight).mass())}, true
}

// Settle adds a clip that was decided to what is known about the language: an
// expert's label whole, a verdict by its probability. A clip in doubt adds
// nothing.
func (l Language) Settle(d Decision) Language {
	if d.Outcome.Label() != Unknown {
		l.Good += d.LogOdds.mass()
		l.Settled += Answer
	}
	return l
}

// SettleExactly adds a clip whose label an expert gave. Gold clips do not belong
// here: they are chosen half bad and say nothing about the share of bad clips.
func (l Language) SettleExactly(truth Label) Language {
	if truth == Good {
		l.Good += Answer
	}
	l.Settled += Answer
	return l
}

// Rebuild replays a log of events, in their order per validator, and returns the
// skills. The order between validators does not matter.
func Rebuild[V comparable](events iter.Seq2[V, Event]) map[V]Skill {
	skills := map[V]Skill{}
	for validator, e := range events {
		skills[validator] = skills[validator].Apply(e)
	}
	return skills
}
