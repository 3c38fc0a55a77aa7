// Package badges decides who has earned which badge, how far it is to the next,
// and how long a streak of days is.
//
// A badge is for contributions that stood: approved clips, votes that agreed,
// days, people who became active. It refuses badges for being followed, which
// can be bought, and takes none back because a count went down later: what was
// earned was earned. Only fraud ends it, and that is decided elsewhere.
package badges

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"

	"github.com/lingualink/lingualink/internal/fault"
)

// Measure is what a badge counts.
type Measure string

// The measures.
const (
	ClipsApproved Measure = "clips_approved"
	Validations   Measure = "validations" // votes that agree with the verdict
	StreakDays    Measure = "streak_days" // the longest streak
	Referrals     Measure = "referrals"   // people who became active
)

// Measures returns all of them.
func Measures() []Measure { return []Measure{ClipsApproved, Validations, StreakDays, Referrals} }

// Level is the metal of a badge.
type Level string

// The levels.
const (
	Bronze Level = "bronze"
	Silver Level = "silver"
	Gold   Level = "gold"
)

// Badge is one badge: so much of a measure.
type Badge struct {
	ID          string  `json:"id"` // for ever, it is in certificates
	Name        string  `json:"name"`
	Description string  `json:"description"`
	Measure     Measure `json:"measure"`
	Level       Level   `json:"level"`
	Threshold   int64   `json:"threshold"`
}

// Catalogue returns the badges that there are at first; callers may keep others
// beside them.
func Catalogue() []Badge {
	return []Badge{
		{"first-steps", "First Steps", "Your first clip is approved.", ClipsApproved, Bronze, 1},
		{"content-creator-bronze", "Content Creator Bronze", "10 of your clips are approved.", ClipsApproved, Bronze, 10},
		{"content-creator-silver", "Content Creator Silver", "50 of your clips are approved.", ClipsApproved, Silver, 50},
		{"content-creator-gold", "Content Creator Gold", "100 of your clips are approved.", ClipsApproved, Gold, 100},
		{"validator-scout", "Validator Scout", "10 of your votes agree with the verdict.", Validations, Bronze, 10},
		{"validator-bronze", "Validator Bronze", "100 of your votes agree with the verdict.", Validations, Bronze, 100},
		{"validator-silver", "Validator Silver", "500 of your votes agree with the verdict.", Validations, Silver, 500},
		{"validator-gold", "Validator Gold", "1,000 of your votes agree with the verdict.", Validations, Gold, 1_000},
		{"week-warrior", "Week Warrior", "You contributed on 7 days in a row.", StreakDays, Bronze, 7},
		{"month-master", "Month Master", "You contributed on 30 days in a row.", StreakDays, Silver, 30},
		{"dedication-champion", "Dedication Champion", "You contributed on 100 days in a row.", StreakDays, Gold, 100},
		{"community-starter", "Community Starter", "Somebody whom you invited is active.", Referrals, Bronze, 1},
		{"cultural-connector", "Cultural Connector", "10 people whom you invited are active.", Referrals, Silver, 10},
		{"language-leader", "Language Leader", "50 people whom you invited are active.", Referrals, Gold, 50},
	}
}

// Stats are a person's counts.
type Stats struct {
	ClipsApproved int64
	Validations   int64
	StreakDays    int64 // of the longest streak
	Referrals     int64
}

// Of returns the count of a measure; 0 for one that does not exist.
func (s Stats) Of(m Measure) int64 {
	switch m {
	case ClipsApproved:
		return s.ClipsApproved
	case Validations:
		return s.Validations
	case StreakDays:
		return s.StreakDays
	case Referrals:
		return s.Referrals
	default:
		return 0
	}
}

// Earned returns the badges that the counts suffice for, in the catalogue's
// order. It is asked after every change with all counts: an award that was lost
// is made up for with the next, and one that exists already is refused by the
// unique index.
func Earned(catalogue []Badge, s Stats) []Badge {
	var earned []Badge
	for _, b := range catalogue {
		if s.Of(b.Measure) >= b.Threshold {
			earned = append(earned, b)
		}
	}
	return earned
}

// Progress is how far somebody is on the way to a badge.
type Progress struct {
	Badge   Badge `json:"badge"`
	Have    int64 `json:"have"` // not below 0
	Percent int64 `json:"percent"`
	Earned  bool  `json:"earned"`
}

// ProgressOf returns all badges of the catalogue, those that are nearest first
// and in the catalogue's order otherwise. A badge in has is earned whatever the
// counts say today.
func ProgressOf(catalogue []Badge, s Stats, has []string) []Progress {
	all := make([]Progress, len(catalogue))
	for i, b := range catalogue {
		have := max(0, s.Of(b.Measure))
		p := Progress{Badge: b, Have: have, Percent: 100, Earned: slices.Contains(has, b.ID)}
		if !p.Earned && have < b.Threshold {
			p.Percent = 100 * have / b.Threshold
		}
		all[i] = p
	}
	slices.SortStableFunc(all, func(a, b Progress) int { return cmp.Compare(b.Percent, a.Percent) })
	return all
}

// mostThreshold keeps the percentage of progress in 64 bits.
const mostThreshold = 1_000_000_000

var badgeID = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Check returns fault.InvalidInput on the first badge that cannot be one: an id
// or name that is missing or taken, an unknown measure or level, a threshold
// that everybody has, or a level that is easier to get than a lower one.
func Check(catalogue []Badge) error {
	ids, names := map[string]bool{}, map[string]bool{}
	steps := []Level{Bronze, Silver, Gold}
	for i, b := range catalogue {
		wrong := ""
		switch {
		case !badgeID.MatchString(b.ID) || ids[b.ID]:
			wrong = "id"
		case b.Name == "" || names[b.Name]:
			wrong = "name"
		case !slices.Contains(Measures(), b.Measure):
			wrong = "measure"
		case !slices.Contains(steps, b.Level):
			wrong = "level"
		case b.Threshold < 1 || b.Threshold > mostThreshold:
			wrong = "threshold"
		}
		for _, other := range catalogue[:i] {
			sameWay := cmp.Compare(slices.Index(steps, other.Level), slices.Index(steps, b.Level)) * cmp.Compare(other.Threshold, b.Threshold)
			if wrong == "" && other.Measure == b.Measure && (other.Threshold == b.Threshold || sameWay < 0) {
				wrong = "threshold"
			}
		}
		if wrong != "" {
			return fault.InvalidInput.On(wrong).Saying(fmt.Sprintf("The badge %q has a %s that does not fit.", b.ID, wrong))
		}
		ids[b.ID], names[b.Name] = true, true
	}
	return nil
}
