package moderation_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/moderation"
)

// given is a strike of so many points, so many days after t0, for 90 days.
func given(points int64, dayOf int, change ...func(*moderation.Strike)) moderation.Strike {
	at := t0.Add(time.Duration(dayOf) * day)
	s := moderation.Strike{Case: "c", Points: points, At: at, Expires: at.Add(90 * day)}
	for _, f := range change {
		f(&s)
	}
	return s
}

func undone(s *moderation.Strike) { s.Undone = true }
func liftedOn(dayOf int) func(*moderation.Strike) {
	return func(s *moderation.Strike) { s.LiftedAt = t0.Add(time.Duration(dayOf) * day) }
}

func orders(standing moderation.Standing, days int) func(*moderation.Strike) {
	return func(s *moderation.Strike) {
		if s.Sanction = standing; days > 0 {
			s.Until = s.At.Add(time.Duration(days) * day)
		}
	}
}

func TestLadder(t *testing.T) {
	cases := []struct {
		name    string
		strikes []moderation.Strike
		day     int
		want    moderation.Standing
		until   int // days after t0; -1: none
	}{
		{"nothing", nil, 0, moderation.Good, -1},
		{"one point", []moderation.Strike{given(1, 0)}, 0, moderation.Warned, 90},
		{"expires", []moderation.Strike{given(1, 0)}, 90, moderation.Good, -1},
		{"not yet", []moderation.Strike{given(1, 5)}, 4, moderation.Good, -1},
		{"no points", []moderation.Strike{given(0, 0)}, 0, moderation.Good, -1},
		{"less than none", []moderation.Strike{given(1, 0), given(-9, 0)}, 0, moderation.Warned, 90},
		{"three points", []moderation.Strike{given(3, 0)}, 0, moderation.Suspended, 3},
		{"three points, served", []moderation.Strike{given(3, 0)}, 3, moderation.Warned, 90},
		{"three in all", []moderation.Strike{given(2, 0), given(1, 10)}, 10, moderation.Suspended, 13},
		{"three in all, in the other order", []moderation.Strike{given(1, 10), given(2, 0)}, 10, moderation.Suspended, 13},
		{"at once", []moderation.Strike{given(2, 0), given(1, 0)}, 0, moderation.Suspended, 3},
		{"two, when the first has expired", []moderation.Strike{given(2, 0), given(2, 90)}, 90, moderation.Warned, 180},
		{"warned until too few are left", []moderation.Strike{given(1, 0), given(1, 10)}, 20, moderation.Warned, 100},
		{"five points", []moderation.Strike{given(3, 0), given(2, 30)}, 31, moderation.Suspended, 44},
		{"suspended again", []moderation.Strike{given(5, 0), given(1, 40)}, 41, moderation.Suspended, 54},
		{"seven points", []moderation.Strike{given(4, 0), given(3, 30)}, 31, moderation.Banned, -1},
		{"a ban stays", []moderation.Strike{given(7, 0)}, 900, moderation.Banned, -1},
		{"undone", []moderation.Strike{given(7, 0, undone)}, 1, moderation.Good, -1},
		{"one of two undone", []moderation.Strike{given(4, 0), given(3, 30, undone)}, 31, moderation.Warned, 90},
		{"lifted", []moderation.Strike{given(7, 0, liftedOn(5))}, 5, moderation.Warned, 90},
		{"lifted later", []moderation.Strike{given(7, 0, liftedOn(5))}, 4, moderation.Banned, -1},
		{"lifted, and the next", []moderation.Strike{given(7, 0, liftedOn(5)), given(1, 6)}, 6, moderation.Banned, -1},
		{"ordered", []moderation.Strike{given(0, 0, orders(moderation.Banned, 0))}, 900, moderation.Banned, -1},
		{"ordered, and lifted", []moderation.Strike{given(0, 0, orders(moderation.Banned, 0), liftedOn(9))}, 9, moderation.Good, -1},
		{"ordered, longer than the ladder", []moderation.Strike{given(3, 0, orders(moderation.Suspended, 30))}, 5, moderation.Suspended, 30},
		{"ordered, shorter than the ladder", []moderation.Strike{given(5, 0, orders(moderation.Suspended, 1))}, 0, moderation.Suspended, 14},
		{"a warning without points", []moderation.Strike{given(0, 0, orders(moderation.Warned, 30))}, 29, moderation.Warned, 30},
		{"it ends", []moderation.Strike{given(0, 0, orders(moderation.Warned, 30))}, 30, moderation.Good, -1},
	}
	for _, c := range cases {
		got := moderation.Ladder(moderation.DefaultPolicy(), c.strikes, t0.Add(time.Duration(c.day)*day))
		var until time.Time
		if c.until >= 0 {
			until = t0.Add(time.Duration(c.until) * day)
		}
		if got.Standing != c.want || !got.Until.Equal(until) {
			t.Errorf("%s: %s until %s, want %s until %s", c.name, got.Standing, got.Until, c.want, until)
		}
	}
}

var ranks = []moderation.Standing{moderation.Good, moderation.Warned, moderation.Suspended, moderation.Banned}

func graver(a, b moderation.Sanction) bool {
	ra, rb := slices.Index(ranks, a.Standing), slices.Index(ranks, b.Standing)
	return ra > rb || ra == rb && a.Until.After(b.Until)
}

func someStrikes(choices []byte) []moderation.Strike {
	var all []moderation.Strike
	for len(choices) >= 3 {
		s := given(int64(choices[0]%5), int(choices[1]))
		switch choices[2] % 8 {
		case 0:
			s.Undone = true
		case 1:
			s.LiftedAt = s.At.Add(time.Duration(choices[2]) * day)
		case 2:
			s.Sanction, s.Until = moderation.Suspended, s.At.Add(time.Duration(choices[2])*day)
		case 3:
			s.Sanction = moderation.Banned
		}
		all, choices = append(all, s), choices[3:]
	}
	return all
}

// checkLadder: order is nothing, undone is never given, another strike never
// helps, and nothing changes before Until.
func checkLadder(t *testing.T, strikes []moderation.Strike, random *rand.Rand) {
	t.Helper()
	p, now := moderation.DefaultPolicy(), t0.Add(time.Duration(random.IntN(500))*day)
	whole := moderation.Ladder(p, strikes, now)
	shuffled := slices.Clone(strikes)
	random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	if again := moderation.Ladder(p, shuffled, now); again != whole {
		t.Errorf("in another order %+v, not %+v", again, whole)
	}
	standing := slices.DeleteFunc(slices.Clone(strikes), func(s moderation.Strike) bool { return s.Undone })
	if without := moderation.Ladder(p, standing, now); without != whole {
		t.Errorf("without the undone %+v, not %+v", without, whole)
	}
	if len(shuffled) > 0 {
		if less := moderation.Ladder(p, shuffled[1:], now); graver(less, whole) {
			t.Errorf("one strike more made %+v of %+v", whole, less)
		}
	}
	if until := whole.Until; !until.IsZero() {
		var later []moderation.Strike // nobody knows yet what is given and lifted after now
		for _, s := range strikes {
			if s.LiftedAt.After(now) {
				s.LiftedAt = time.Time{}
			}
			if !s.At.After(now) {
				later = append(later, s)
			}
		}
		if !until.After(now) || moderation.Ladder(p, later, until.Add(-1)).Standing != whole.Standing || moderation.Ladder(p, later, until) == whole {
			t.Errorf("%+v does not end then", whole)
		}
	}
}

func TestLadderOfManyStrikes(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 20_000 {
		choices := make([]byte, random.IntN(30))
		for i := range choices {
			choices[i] = byte(random.Uint32())
		}
		checkLadder(t, someStrikes(choices), random)
	}
}

func FuzzLadder(f *testing.F) {
	f.Add(uint64(1), []byte{1, 2, 3, 4, 5, 6})
	f.Fuzz(func(t *testing.T, seed uint64, choices []byte) {
		checkLadder(t, someStrikes(choices[:min(len(choices), 90)]), rand.New(rand.NewPCG(seed, 1)))
	})
}
