package moderation

import (
	"cmp"
	"slices"
	"time"
)

// Strike is what one decision holds against a person. Its points count from At
// until it expires; its own sanction, of a warning, suspension or ban, needs no
// points.
type Strike struct {
	Case     string
	Points   int64
	At       time.Time
	Expires  time.Time
	Sanction Standing  // [Warned], [Suspended], [Banned], or empty
	Until    time.Time // of the sanction; none for a ban
	Undone   bool      // by an appeal: as if it had never been
	LiftedAt time.Time // since when it suspends and bans no more; its points stay
}

// strikeOf is the strike that a decision gives, if any.
func (p Policy) strikeOf(id string, d Decision, now time.Time) (Strike, bool) {
	severity := p.Severity(d.Reason)
	s := Strike{
		Case: id, Points: p.points(d.Action).Of(severity), At: now, Expires: now.Add(days(p.StrikeDays.Of(severity))),
	}
	switch d.Action {
	case Warn:
		s.Sanction, s.Until = Warned, s.Expires
	case Suspend:
		s.Sanction, s.Until = Suspended, d.Until
	case Ban:
		s.Sanction = Banned
	default: // points alone
	}
	return s, s.Points > 0 || s.Sanction != ""
}

func (s Strike) lifted(now time.Time) Strike {
	if s.LiftedAt.IsZero() {
		s.LiftedAt = now
	}
	return s
}

// active tells whether the points of the strike count at a time.
func (s Strike) active(at time.Time) bool {
	return !s.Undone && !s.At.After(at) && s.Expires.After(at)
}

// Sanction is a standing and when it is to be looked at again; zero for [Good],
// and for a ban, which ends by an act only.
type Sanction struct {
	Standing Standing
	Until    time.Time
}

// or is the graver of two sanctions, and the longer one of the same standing.
func (s Sanction) or(other Sanction) Sanction {
	order := cmp.Or(cmp.Compare(s.Standing.rank(), other.Standing.rank()), s.Until.Compare(other.Until))
	if order < 0 {
		return other
	}
	return s
}

// Ladder says which standing a person's strikes call for at a time.
//
// Each strike with points looks at the sum of those active when it was given, its
// own included, and suspends or bans by the rung that the sum reached: a
// suspension runs from the strike on, a ban for good, also after the strikes
// expired, unless they were lifted. A person is warned while the active points
// reach that rung. To this comes what decisions ordered without points. Strikes
// that were undone are as if they had never been, and their order is nothing.
//
// Ask again at Until: a suspension may leave a warning behind.
func Ladder(p Policy, strikes []Strike, now time.Time) Sanction {
	worst := p.warning(strikes, now)
	for _, s := range strikes {
		if s.Undone || s.At.After(now) {
			continue
		}
		lifted := !s.LiftedAt.IsZero() && !s.LiftedAt.After(now)
		for _, sanction := range []Sanction{{s.Sanction, s.Until}, p.rung(strikes, s)} {
			switch {
			case sanction.Standing == Banned && !lifted:
				worst = worst.or(Sanction{Standing: Banned})
			case sanction.Standing == Suspended && !lifted && sanction.Until.After(now),
				sanction.Standing == Warned && sanction.Until.After(now):
				worst = worst.or(sanction)
			}
		}
	}
	return worst
}

// rung is what a strike brought by the sum of points when it was given.
func (p Policy) rung(strikes []Strike, s Strike) Sanction {
	switch sum := sumAt(strikes, s.At); {
	case s.Points < 1:
		return Sanction{Standing: Good}
	case sum >= p.BanPoints:
		return Sanction{Standing: Banned}
	case sum >= p.LongPoints:
		return Sanction{Suspended, s.At.Add(days(p.LongDays))}
	case sum >= p.SuspendPoints:
		return Sanction{Suspended, s.At.Add(days(p.SuspendDays))}
	}
	return Sanction{Standing: Good}
}

func sumAt(strikes []Strike, at time.Time) int64 {
	sum := int64(0)
	for _, s := range strikes {
		if s.active(at) {
			sum += max(s.Points, 0)
		}
	}
	return sum
}

// warning lasts until so many strikes have expired that too few points are left.
func (p Policy) warning(strikes []Strike, now time.Time) Sanction {
	sum := sumAt(strikes, now)
	if sum < p.WarnPoints {
		return Sanction{Standing: Good}
	}
	counting := slices.DeleteFunc(slices.Clone(strikes), func(s Strike) bool { return !s.active(now) })
	slices.SortFunc(counting, func(a, b Strike) int { return a.Expires.Compare(b.Expires) })
	for _, s := range counting {
		if sum -= max(s.Points, 0); sum < p.WarnPoints {
			return Sanction{Warned, s.Expires}
		}
	}
	return Sanction{Standing: Good} // not reached: without any strike no points are left
}
