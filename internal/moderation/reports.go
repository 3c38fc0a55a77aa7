package moderation

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// mostDecided caps counts of reports, so that no count overflows a product.
const mostDecided = 1_000_000_000

// Reporter is what is known about a person who reports. Right and Wrong are
// counts of all their reports that [Judge] says so about now; whoever counts the
// rows anew gets the same, in whatever order they were decided.
type Reporter struct {
	ID          string
	Right       int64
	Wrong       int64
	MemberSince time.Time
}

// Reliability is the expected share of right reports, in basis points: the mean
// of a Beta distribution whose prior is the policy's, rounded down.
func (p Policy) Reliability(r Reporter) int64 {
	right := min(max(r.Right, 0), mostDecided) + p.PriorRight
	wrong := min(max(r.Wrong, 0), mostDecided) + p.PriorWrong
	return right * Whole / max(right+wrong, 1)
}

// Weight of a report by the person at a time, in basis points: their reliability,
// reduced while the account is new, and never less than the policy's least.
func (p Policy) Weight(r Reporter, now time.Time) int64 {
	return max(p.Reliability(r)*p.seasoned(r, now)/Whole, p.LeastWeightBps)
}

// seasoned rises evenly from NewWeightBps to the whole over NewDays.
func (p Policy) seasoned(r Reporter, now time.Time) int64 {
	whole, age := days(p.NewDays), now.Sub(r.MemberSince)
	switch {
	case age >= whole:
		return Whole
	case age <= 0:
		return p.NewWeightBps
	}
	return p.NewWeightBps + (Whole-p.NewWeightBps)*int64(age/time.Second)/int64(whole/time.Second)
}

// Reliable tells whether reports of the person count towards hiding: not new,
// right often enough, and right at least so many times.
func (p Policy) Reliable(r Reporter, now time.Time) bool {
	return now.Sub(r.MemberSince) >= days(p.NewDays) && r.Right >= p.ReliableRight && p.Reliability(r) >= p.ReliableBps
}

// Report is one report as it counts in a case. WeightBps and Reliable are what
// [Policy.Weight] and [Policy.Reliable] said when it was made; Cluster names the
// linked people that the reporter is one of, and is empty for somebody on their
// own. The screening of texts reports without a reporter, with ScreenWeightBps.
type Report struct {
	Reporter  string
	Cluster   string
	Reason    Reason
	WeightBps int64
	Reliable  bool
	At        time.Time
}

// voice is what of several reports counts once: linked people are one.
func (r Report) voice() string {
	if r.Cluster != "" {
		return "cluster " + r.Cluster
	}
	return "person " + r.Reporter
}

// Support is what speaks for hiding a subject at once.
type Support struct {
	Voices    int64 // people, or linked people, who are reliable
	WeightBps int64 // of them
}

// Tally is what the reports of one case come to. See [Policy.Count].
type Tally struct {
	Reports   int64
	Voices    int64 // people, where those who are linked are one
	Severity  Severity
	WeightBps int64
	FirstAt   time.Time
	LastAt    time.Time
	DueAt     time.Time
	// Reliable says, by severity, what reports at least so grave come to; the
	// entry of severity s is s-1.
	Reliable [4]Support
}

// Count sums up all reports of one case. Severity is that of the gravest report,
// due the earliest time at which one of them is, and the weight the sum over
// voices, of which each counts with its weightiest report. The order of the
// reports is nothing, and another one never makes a case lighter or due later. A
// report for an unknown reason is nothing.
func (p Policy) Count(reports []Report) Tally {
	var t Tally
	weights := map[string]int64{}
	var reliable [4]map[string]int64
	for _, r := range reports {
		severity := p.Severity(r.Reason)
		if severity < Low || severity > Critical {
			continue
		}
		due := r.At.Add(p.SLA(severity))
		if t.Reports == 0 {
			t.FirstAt, t.LastAt, t.DueAt = r.At, r.At, due
		}
		t.Reports++
		t.Severity = max(t.Severity, severity)
		t.FirstAt, t.LastAt, t.DueAt = earlier(t.FirstAt, r.At), later(t.LastAt, r.At), earlier(t.DueAt, due)
		weight := min(max(r.WeightBps, 0), Whole)
		weights[r.voice()] = max(weights[r.voice()], weight)
		for i := range reliable {
			if !r.Reliable || severity < Severity(i+1) {
				continue
			}
			if reliable[i] == nil {
				reliable[i] = map[string]int64{}
			}
			reliable[i][r.voice()] = max(reliable[i][r.voice()], weight)
		}
	}
	t.Voices, t.WeightBps = total(weights)
	for i, of := range reliable {
		t.Reliable[i].Voices, t.Reliable[i].WeightBps = total(of)
	}
	return t
}

func total(weights map[string]int64) (voices, weight int64) {
	for _, w := range weights {
		voices, weight = voices+1, weight+w
	}
	return voices, weight
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Hides tells whether reports hide a subject before a person has looked. It takes
// reliable voices alone, so that any number of new, linked or unproven reporters
// changes nothing; what people have dismissed so often before needs more weight
// and more voices each time.
func (p Policy) Hides(t SubjectType, tally Tally, dismissed int64) bool {
	if !t.Hideable() {
		return false
	}
	dismissed = min(max(dismissed, 0), 1_000)
	for i, severity := range severities {
		weight, voices := p.HideWeightBps.Of(severity), p.HideVoices.Of(severity)
		if weight < 1 || voices < 2 { // never, and nobody hides alone, also under a policy that nobody validated
			continue
		}
		weight += weight * p.HideRaiseBps / Whole * dismissed
		if tally.Reliable[i].Voices >= voices+dismissed && tally.Reliable[i].WeightBps >= weight {
			return true
		}
	}
	return false
}

// MostTextRunes is the longest text of a report, an appeal or a note.
const MostTextRunes = 1_000

// Filing is a report that somebody wants to make.
type Filing struct {
	Reporter string
	Subject  Subject
	Reason   Reason
	Text     string // in the reporter's words; needed for [Other]
	Open     bool   // the reporter has an open report of this subject
	LastHour int64  // reports by the reporter in the last hour,
	LastDay  int64  // and in the last 24 hours
}

// Admit tells whether a report may be made, or the first reason against it. The
// caller reads Open and the counts in the transaction that stores the report.
func (p Policy) Admit(f Filing) Why {
	switch {
	case f.Reporter == "":
		return Nobody
	case !f.Subject.valid():
		return BadRequest
	case f.Reporter == f.Subject.Owner:
		return OwnSubject
	case !f.Reason.Fits(f.Subject.Type):
		return DoesNotFit
	case f.Reason == Other && strings.TrimSpace(f.Text) == "":
		return NoText
	case utf8.RuneCountInString(f.Text) > MostTextRunes:
		return LongText
	case f.Open:
		return AlreadyReported
	case f.LastHour >= p.ReportsPerHour:
		return HourLimit
	case f.LastDay >= p.ReportsPerDay:
		return DayLimit
	}
	return ""
}

// Judgement says whether a report was right, for the reliability of who made it.
type Judgement string

// The judgements.
const (
	Right      Judgement = "right"
	Wrong      Judgement = "wrong"
	NotCounted Judgement = "not_counted"
)

// Judge says whether a report for the reason was right, given the decision in
// force; overturned tells that an appeal undid it. A report that claimed worse
// than was found counts neither way, or exaggerating would be free.
func (p Policy) Judge(reason Reason, d Decision, overturned bool) Judgement {
	switch {
	case d.GoodFaith, d.Action == Unban:
		return NotCounted
	case !d.Action.Adverse(), overturned:
		return Wrong
	case p.Severity(reason) > p.Severity(d.Reason):
		return NotCounted
	}
	return Right
}

// priorities of one severity; weight is cut to fit below it.
const perSeverity = 1_000_000_000

// Priority is the first key of the queue, for a column of whole numbers: severity,
// then weight. The queue is in the order
//
//	priority DESC, first_at ASC, id ASC
//
// where first_at is the first report, cut to milliseconds as it is stored. That is
// a total order, the same in SQL as by [Compare]. Numbers stay far below 2^53.
func (c Case) Priority() int64 {
	return int64(c.Severity)*perSeverity + min(max(c.WeightBps, 0), perSeverity-1)
}

// Compare puts cases into the order of the queue: grave before light, weighty
// before less so, old before new, and by id. It is 0 only for one and the same id.
func Compare(a, b Case) int {
	if pa, pb := a.Priority(), b.Priority(); pa != pb {
		if pa > pb {
			return -1
		}
		return 1
	}
	if order := a.FirstAt.Truncate(time.Millisecond).Compare(b.FirstAt.Truncate(time.Millisecond)); order != 0 {
		return order
	}
	return strings.Compare(a.ID, b.ID)
}

// SortQueue puts cases into the order of [Compare].
func SortQueue(cases []Case) { slices.SortFunc(cases, Compare) }
