package moderation_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/moderation"
)

const day = 24 * time.Hour

func TestReasonsFitSubjects(t *testing.T) {
	want := map[moderation.SubjectType]string{
		moderation.Clip:    "spam harassment inappropriate hate wrong_language personal_information copyright child_safety other unclear_audio dialect_dispute",
		moderation.User:    "spam harassment inappropriate hate personal_information copyright child_safety other",
		moderation.Stream:  "spam harassment inappropriate hate wrong_language personal_information copyright child_safety other",
		moderation.Message: "spam harassment inappropriate hate personal_information child_safety other",
		"country":          "",
	}
	for subject, reasons := range want {
		var got []string
		for _, r := range append(moderation.Reasons(), "nonsense", "") {
			if r.Fits(subject) {
				got = append(got, string(r))
			}
		}
		if strings.Join(got, " ") != reasons {
			t.Errorf("%s: %v", subject, got)
		}
	}
	for _, r := range moderation.Reasons() {
		if votes := []string{"offensive", "wrong_language", "unclear_audio", "other"}; !slices.Contains(votes, r.VerdictReason()) {
			t.Errorf("%s rejects a clip as %q", r, r.VerdictReason())
		}
	}
}

func TestReliabilityAndWeight(t *testing.T) {
	p, old := moderation.DefaultPolicy(), t0.Add(-365*day)
	cases := []struct {
		name          string
		right, wrong  int64
		since         time.Time
		share, weight int64
		reliable      bool
	}{
		{"nobody knows them", 0, 0, old, 5_000, 5_000, false},
		{"right once", 1, 0, old, 6_000, 6_000, false},
		{"right three times", 3, 0, old, 7_142, 7_142, true},
		{"right three times, wrong once", 3, 1, old, 6_250, 6_250, false},
		{"right often", 98, 0, old, 9_803, 9_803, true},
		{"always wrong", 0, 998, old, 19, 500, false},
		{"new", 0, 0, t0, 5_000, 1_250, false},
		{"half new", 0, 0, t0.Add(-7 * day), 5_000, 3_125, false},
		{"right, but new", 98, 0, t0.Add(-14*day + 1), 9_803, 9_802, false},
		{"right, and just not new", 98, 0, t0.Add(-14 * day), 9_803, 9_803, true},
		{"from the future", 98, 0, t0.Add(day), 9_803, 2_450, false},
		{"more than can be", math.MaxInt64, math.MaxInt64, old, 5_000, 5_000, false},
		{"less than can be", -5, -5, old, 5_000, 5_000, false},
	}
	for _, c := range cases {
		r := moderation.Reporter{ID: "r", Right: c.right, Wrong: c.wrong, MemberSince: c.since}
		if got := p.Reliability(r); got != c.share {
			t.Errorf("%s: reliability %d, want %d", c.name, got, c.share)
		}
		if got := p.Weight(r, t0); got != c.weight {
			t.Errorf("%s: weight %d, want %d", c.name, got, c.weight)
		}
		if got := p.Reliable(r, t0); got != c.reliable {
			t.Errorf("%s: reliable %v", c.name, got)
		}
	}
}

// crowd are n reports by different people.
func crowd(n int, reason moderation.Reason, change ...func(*moderation.Report)) []moderation.Report {
	var all []moderation.Report
	for i := range n {
		r := moderation.Report{Reporter: fmt.Sprint(reason, i), Reason: reason, WeightBps: 7_000, Reliable: true, At: t0.Add(time.Duration(i) * time.Minute)}
		for _, f := range change {
			f(&r)
		}
		all = append(all, r)
	}
	return all
}

func unproven(r *moderation.Report) { r.Reliable, r.WeightBps = false, 10_000 }
func linked(r *moderation.Report)   { r.Cluster = "ring" }

func TestCount(t *testing.T) {
	p := moderation.DefaultPolicy()
	tally := p.Count(slices.Concat(crowd(2, moderation.Spam), crowd(3, moderation.Hate, linked), crowd(1, "nonsense")))
	switch {
	case tally.Reports != 5, tally.Voices != 3, tally.Severity != moderation.High, tally.WeightBps != 21_000:
		t.Errorf("%+v", tally)
	case !tally.FirstAt.Equal(t0), !tally.LastAt.Equal(t0.Add(2 * time.Minute)), !tally.DueAt.Equal(t0.Add(4 * time.Hour)):
		t.Errorf("%s to %s, due %s", tally.FirstAt, tally.LastAt, tally.DueAt)
	case tally.Reliable != [4]moderation.Support{{3, 21_000}, {3, 21_000}, {1, 7_000}, {}}:
		t.Errorf("%+v", tally.Reliable)
	}
	twice := crowd(1, moderation.Spam)
	twice = append(twice, twice[0])
	twice[1].WeightBps, twice[1].At = 3_000, t0.Add(-time.Hour)
	if tally = p.Count(twice); tally.Voices != 1 || tally.WeightBps != 7_000 || !tally.FirstAt.Equal(t0.Add(-time.Hour)) {
		t.Errorf("one voice: %+v", tally)
	}
	if tally = p.Count(nil); tally != (moderation.Tally{}) {
		t.Errorf("nothing: %+v", tally)
	}
	wild := crowd(2, moderation.Spam)
	wild[0].WeightBps, wild[1].WeightBps = math.MaxInt64, -5
	if tally = p.Count(wild); tally.WeightBps != moderation.Whole {
		t.Errorf("weights out of range: %+v", tally)
	}
}

// someReports are made of bytes.
func someReports(choices []byte) []moderation.Report {
	var all []moderation.Report
	known := append(moderation.Reasons(), "nonsense")
	for len(choices) >= 3 {
		a, b, c := choices[0], choices[1], choices[2]
		r := moderation.Report{
			Reporter: fmt.Sprint(a % 8), Reason: known[int(b)%len(known)], WeightBps: int64(c) * 50, Reliable: c%3 == 0,
			At: t0.Add(time.Duration(b) * time.Minute),
		}
		if a > 128 {
			r.Cluster = fmt.Sprint(a % 3)
		}
		all, choices = append(all, r), choices[3:]
	}
	return all
}

// checkCount: order is nothing, another report never makes a case lighter.
func checkCount(t *testing.T, reports []moderation.Report, random *rand.Rand) {
	t.Helper()
	p := moderation.DefaultPolicy()
	whole := p.Count(reports)
	shuffled := slices.Clone(reports)
	random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	if again := p.Count(shuffled); again != whole {
		t.Errorf("in another order %+v, not %+v", again, whole)
	}
	if len(reports) == 0 {
		return
	}
	less := p.Count(shuffled[1:])
	if less.Severity > whole.Severity || less.WeightBps > whole.WeightBps || less.Voices > whole.Voices || less.Reports > whole.Reports {
		t.Errorf("one more made %+v of %+v", whole, less)
	}
	if less.Reports > 0 && (whole.DueAt.After(less.DueAt) || whole.FirstAt.After(less.FirstAt) || whole.LastAt.Before(less.LastAt)) {
		t.Errorf("one more made %+v of %+v", whole, less)
	}
	if p.Hides(moderation.Clip, less, 0) && !p.Hides(moderation.Clip, whole, 0) {
		t.Errorf("one more report shows it again")
	}
	if p.Hides(moderation.Clip, whole, 1) && !p.Hides(moderation.Clip, whole, 0) {
		t.Errorf("what was dismissed is hidden more easily")
	}
}

func TestCountOfManyReports(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 5_000 {
		choices := make([]byte, random.IntN(60))
		for i := range choices {
			choices[i] = byte(random.Uint32())
		}
		checkCount(t, someReports(choices), random)
	}
}

func FuzzCount(f *testing.F) {
	f.Add([]byte{1, 2, 3, 200, 5, 6, 7, 8, 9})
	f.Fuzz(func(t *testing.T, choices []byte) {
		checkCount(t, someReports(choices[:min(len(choices), 300)]), rand.New(rand.NewPCG(1, uint64(len(choices)))))
	})
}

func TestHides(t *testing.T) {
	both := func(a, b []moderation.Report) []moderation.Report { return slices.Concat(a, b) }
	cases := []struct {
		name      string
		subject   moderation.SubjectType
		reports   []moderation.Report
		dismissed int64
		want      bool
	}{
		{"three who were right before", moderation.Clip, crowd(3, moderation.Hate), 0, true},
		{"of a message", moderation.Message, crowd(3, moderation.Hate), 0, true},
		{"of a stream", moderation.Stream, crowd(3, moderation.Hate), 0, true},
		{"of a person", moderation.User, crowd(30, moderation.ChildSafety), 0, false},
		{"two of them", moderation.Clip, crowd(2, moderation.Hate), 0, false},
		{"two, where children are concerned", moderation.Clip, crowd(2, moderation.ChildSafety), 0, true},
		{"one, where children are concerned", moderation.Clip, crowd(1, moderation.ChildSafety), 0, false},
		{"two, and one of another grave reason", moderation.Clip, both(crowd(2, moderation.Hate), crowd(1, moderation.Harassment)), 0, true},
		{"two, and a graver one", moderation.Clip, both(crowd(2, moderation.Hate), crowd(1, moderation.ChildSafety)), 0, true},
		{"two, and many lighter ones", moderation.Clip, both(crowd(2, moderation.Hate), crowd(100, moderation.Spam)), 0, false},
		{"a light reason", moderation.Clip, crowd(1_000, moderation.Spam), 0, false},
		{"a thousand new people", moderation.Clip, crowd(1_000, moderation.ChildSafety, unproven), 0, false},
		{"a thousand new people, and one who is not", moderation.Clip, both(crowd(1_000, moderation.ChildSafety, unproven), crowd(1, moderation.Hate)), 0, false},
		{"a ring of linked people", moderation.Clip, crowd(1_000, moderation.ChildSafety, linked), 0, false},
		{"a ring, and one more", moderation.Clip, both(crowd(9, moderation.Hate, linked), crowd(1, moderation.Harassment)), 0, false},
		{"three of little weight", moderation.Clip, crowd(3, moderation.Hate, func(r *moderation.Report) { r.WeightBps = 6_600 }), 0, false},
		{"dismissed once, three", moderation.Clip, crowd(3, moderation.Hate), 1, false},
		{"dismissed once, five", moderation.Clip, crowd(5, moderation.Hate), 1, false},
		{"dismissed once, six", moderation.Clip, crowd(6, moderation.Hate), 1, true},
		{"dismissed twice, six", moderation.Clip, crowd(6, moderation.Hate), 2, false},
		{"dismissed without end", moderation.Clip, crowd(500, moderation.Hate), math.MaxInt64, false},
	}
	p := moderation.DefaultPolicy()
	for _, c := range cases {
		if got := p.Hides(c.subject, p.Count(c.reports), c.dismissed); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	p.HideVoices.Critical = 0 // a policy that nobody validated
	if p.Hides(moderation.Clip, p.Count(crowd(1, moderation.ChildSafety, func(r *moderation.Report) { r.WeightBps = moderation.Whole })), 0) {
		t.Error("one person hides alone")
	}
}

func TestAdmit(t *testing.T) {
	p := moderation.DefaultPolicy()
	ok := moderation.Filing{Reporter: "rita", Subject: moderation.Subject{Type: moderation.Clip, ID: "clip", Owner: "olu"}, Reason: moderation.Spam, LastHour: 19, LastDay: 59}
	cases := []struct {
		name   string
		change func(*moderation.Filing)
		want   moderation.Why
		status int
	}{
		{"fine", func(*moderation.Filing) {}, "", 0},
		{"the owner is gone", func(f *moderation.Filing) { f.Subject.Owner = "" }, "", 0},
		{"by nobody", func(f *moderation.Filing) { f.Reporter, f.Subject.Owner = "", "" }, moderation.Nobody, 403},
		{"of nothing", func(f *moderation.Filing) { f.Subject.ID = "" }, moderation.BadRequest, 400},
		{"of what there is not", func(f *moderation.Filing) { f.Subject.Type = "country" }, moderation.BadRequest, 400},
		{"of a person who is another", func(f *moderation.Filing) { f.Subject.Type = moderation.User }, moderation.BadRequest, 400},
		{"of what is one's own", func(f *moderation.Filing) { f.Reporter = "olu" }, moderation.OwnSubject, 403},
		{"of oneself", func(f *moderation.Filing) {
			f.Subject = moderation.Subject{Type: moderation.User, ID: "rita", Owner: "rita"}
		}, moderation.OwnSubject, 403},
		{"for a reason that does not fit", func(f *moderation.Filing) { f.Subject.Type, f.Reason = moderation.Message, moderation.Copyright }, moderation.DoesNotFit, 400},
		{"for another reason, silent", func(f *moderation.Filing) { f.Reason, f.Text = moderation.Other, " \n" }, moderation.NoText, 400},
		{"for another reason", func(f *moderation.Filing) { f.Reason, f.Text = moderation.Other, strings.Repeat("ọ", 1_000) }, "", 0},
		{"at length", func(f *moderation.Filing) { f.Text = strings.Repeat("ọ", 1_001) }, moderation.LongText, 400},
		{"again", func(f *moderation.Filing) { f.Open = true }, moderation.AlreadyReported, 409},
		{"twenty in an hour", func(f *moderation.Filing) { f.LastHour = 20 }, moderation.HourLimit, 429},
		{"sixty in a day", func(f *moderation.Filing) { f.LastDay = 60 }, moderation.DayLimit, 429},
	}
	for _, c := range cases {
		f := ok
		c.change(&f)
		got := p.Admit(f)
		if got != c.want || got != "" && got.Status() != c.status {
			t.Errorf("%s: %q, status %d", c.name, got, got.Status())
		}
	}
}

func TestJudge(t *testing.T) {
	cases := []struct {
		name       string
		report     moderation.Reason
		decision   moderation.Decision
		overturned bool
		want       moderation.Judgement
	}{
		{"as reported", moderation.Hate, moderation.Decision{Action: moderation.Hide, Reason: moderation.Hate}, false, moderation.Right},
		{"worse than reported", moderation.Spam, moderation.Decision{Action: moderation.Hide, Reason: moderation.Hate}, false, moderation.Right},
		{"exaggerated", moderation.ChildSafety, moderation.Decision{Action: moderation.Hide, Reason: moderation.Hate}, false, moderation.NotCounted},
		{"dismissed", moderation.Hate, moderation.Decision{Action: moderation.Dismiss}, false, moderation.Wrong},
		{"dismissed, in good faith", moderation.Hate, moderation.Decision{Action: moderation.Dismiss, GoodFaith: true}, false, moderation.NotCounted},
		{"the clip is good", moderation.UnclearAudio, moderation.Decision{Action: moderation.ApproveClip}, false, moderation.Wrong},
		{"shown again", moderation.Hate, moderation.Decision{Action: moderation.Unhide}, false, moderation.Wrong},
		{"unbanned", moderation.Hate, moderation.Decision{Action: moderation.Unban}, false, moderation.NotCounted},
		{"overturned", moderation.Hate, moderation.Decision{Action: moderation.Ban, Reason: moderation.Hate}, true, moderation.Wrong},
	}
	for _, c := range cases {
		if got := moderation.DefaultPolicy().Judge(c.report, c.decision, c.overturned); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// TestQueueOrder holds Compare against the three columns that SQL sorts by.
func TestQueueOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var queue []kase
	for i := range 300 {
		queue = append(queue, kase{
			ID: fmt.Sprintf("%03d", i), Severity: moderation.Severity(1 + random.IntN(4)), WeightBps: int64(random.IntN(4)) * 500_000_000,
			FirstAt: t0.Add(time.Duration(random.IntN(4_000)) * time.Microsecond),
		})
	}
	random.Shuffle(len(queue), func(i, j int) { queue[i], queue[j] = queue[j], queue[i] })
	moderation.SortQueue(queue)
	for i, b := range queue[1:] {
		a := queue[i]
		key := func(c kase) string {
			return fmt.Sprintf("%020d %s %s", int64(1<<53)-c.Priority(), c.FirstAt.Format("2006-01-02 15:04:05.000Z"), c.ID)
		}
		if key(a) >= key(b) {
			t.Errorf("%s is before %s", key(a), key(b))
		}
		if moderation.Compare(a, b) >= 0 || moderation.Compare(b, a) <= 0 || moderation.Compare(a, a) != 0 {
			t.Errorf("no order between %+v and %+v", a, b)
		}
		if a.Severity < b.Severity {
			t.Errorf("%s is before %s", a.Severity, b.Severity)
		}
	}
	least, most := kase{Severity: moderation.Critical}, kase{Severity: moderation.High, WeightBps: math.MaxInt64}
	if least.Priority() <= most.Priority() || most.Priority() >= 1<<53 {
		t.Errorf("%d and %d", least.Priority(), most.Priority())
	}
}
