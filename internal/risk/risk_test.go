package risk_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/risk"
)

func score(p risk.Policy, signals ...risk.Signal) int64 {
	links := risk.Links(p, signals)
	if len(links) == 0 {
		return 0
	}
	return links[0].Score
}

func TestScore(t *testing.T) {
	s := func(kind risk.Kind, count int64) risk.Signal {
		return risk.Signal{Kind: kind, A: "a", B: "b", Count: count}
	}
	cases := []struct {
		name    string
		signals []risk.Signal
		want    int64
	}{
		{"nothing", nil, 0},
		{"with oneself", []risk.Signal{{risk.Device, "a", "a", 1}}, 0},
		{"no count", []risk.Signal{s(risk.Device, 0), s(risk.Device, -5)}, 0},
		{"unknown", []risk.Signal{s("colour", 9)}, 0},
		{"one device", []risk.Signal{s(risk.Device, 1)}, 8_000},
		{"the other way round, and again", []risk.Signal{s(risk.Device, 1), {risk.Device, "b", "a", 1}}, 8_000},
		{"two devices", []risk.Signal{s(risk.Device, 2)}, 10_000},
		{"any number of devices", []risk.Signal{s(risk.Device, math.MaxInt64)}, 10_000},
		{"all there is", []risk.Signal{s(risk.Device, 9), s(risk.PayoutAccount, 9), s(risk.IP, 9)}, 10_000},
		{"votes", []risk.Signal{s(risk.MutualVoting, 4)}, 4_800},
		{"votes, up to their most", []risk.Signal{s(risk.MutualVoting, 99)}, 6_000},
		{"votes and a place", []risk.Signal{s(risk.MutualVoting, 4), s(risk.IP, 2)}, 5_800},
		{"circumstances", []risk.Signal{s(risk.IP, 99), s(risk.SignupBurst, 99), s(risk.Referral, 1)}, 3_000},
		{"the larger count", []risk.Signal{s(risk.MutualVoting, 2), s(risk.MutualVoting, 4), s(risk.MutualVoting, 3)}, 4_800},
	}
	for _, c := range cases {
		if got := score(risk.DefaultPolicy(), c.signals...); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// TestPlacesNeverFreeze: also when somebody weighs them as heavily as can be.
func TestPlacesNeverFreeze(t *testing.T) {
	for _, freeze := range []int64{1, 2, 8_000, risk.Most} {
		p := risk.DefaultPolicy()
		p.Freeze, p.Watch, p.Circumstances = freeze, 1, risk.Most
		p.IP, p.SignupBurst, p.Referral = risk.Weight{risk.Most, risk.Most}, risk.Weight{risk.Most, risk.Most}, risk.Weight{risk.Most, risk.Most}
		signals := []risk.Signal{}
		for _, kind := range risk.Kinds() {
			if kind.Circumstance() {
				signals = append(signals, risk.Signal{Kind: kind, A: "a", B: "b", Count: math.MaxInt64})
			}
		}
		if len(signals) != 3 || score(p, signals...) >= freeze || slices.Contains(slices.Collect(valuesOf(levels(p, signals, nil))), risk.Freeze) {
			t.Errorf("from %d on: %d", freeze, score(p, signals...))
		}
	}
}

func valuesOf(acts map[string]risk.Act) func(func(risk.Act) bool) {
	return func(yield func(risk.Act) bool) {
		for _, act := range acts {
			if !yield(act) {
				return
			}
		}
	}
}

func TestWhatWasClearedIsNotAskedAgain(t *testing.T) {
	p := risk.DefaultPolicy()
	brothers := risk.PairOf("ben", "ann")
	signals := seen(risk.Device, 1, "ann", "ben")
	for name, c := range map[string]struct {
		signals []risk.Signal
		cleared risk.Cleared
		want    risk.Act
	}{
		"not cleared":     {signals, nil, risk.Freeze},
		"cleared":         {signals, risk.Cleared{brothers: 8_000}, ""},
		"more was seen":   {append(seen(risk.IP, 1, "ann", "ben"), signals...), risk.Cleared{brothers: 8_000}, risk.Freeze},
		"and all of that": {append(seen(risk.IP, 1, "ann", "ben"), signals...), risk.Cleared{brothers: 8_500}, ""},
		"others cleared":  {signals, risk.Cleared{risk.PairOf("ann", "cat"): 10_000}, risk.Freeze},
	} {
		if got := levels(p, c.signals, c.cleared)["ann"]; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestAmong(t *testing.T) {
	if got := risk.Among(risk.IP, 7, "c", "a", "b", "a"); !reflect.DeepEqual(got, []risk.Signal{{risk.IP, "a", "b", 7}, {risk.IP, "a", "c", 7}, {risk.IP, "b", "c", 7}}) {
		t.Errorf("%v", got)
	}
	for n, want := range map[int]int{0: 0, 1: 0, 2: 1, 64: 2016, 65: 64} {
		if got := risk.Among(risk.IP, 1, people("a", n)...); len(got) != want {
			t.Errorf("%d people: %d signals, want %d", n, len(got), want)
		}
	}
}

func TestTexts(t *testing.T) {
	name := func(id string) string { return "<" + id + ">" }
	for _, kind := range risk.Kinds() {
		for _, count := range []int64{1, 3} {
			r := risk.Reason{Pair: risk.PairOf("x", "y"), Kind: kind, Count: count}
			says := r.Says(name)
			if !strings.Contains(says, "<x>") || !strings.Contains(says, "<y>") || !strings.HasSuffix(says, ".") || strings.Contains(says, ": "+string(kind)) {
				t.Errorf("%s: %s", kind, says)
			}
			if kind != risk.Referral && kind != risk.MutualVoting && kind != risk.SignupBurst && strings.Contains(says, "3") != (count == 3) {
				t.Errorf("%s, %d: %s", kind, count, says)
			}
		}
		public := risk.Decision{Reasons: []risk.Reason{{Pair: risk.PairOf("x", "y"), Kind: kind, Count: 3}}}
		for _, person := range []string{"x", "y", "z"} {
			says := public.Public(person)
			if (kind.Circumstance() || person == "z") != strings.HasPrefix(says, "Something") || strings.ContainsAny(says, "<>0123456789") {
				t.Errorf("%s, %s: %q", kind, person, says)
			}
		}
	}
}

func TestThresholdsOfSignals(t *testing.T) {
	p := risk.DefaultPolicy()
	for z, want := range map[float64]int64{0: 0, 3.99: 0, 4: 4, 5.9: 5, 1e300: risk.Most, math.Inf(1): risk.Most, math.Inf(-1): 0, -9: 0} {
		if got := p.Mutual(z); got != want {
			t.Errorf("%v: %d, want %d", z, got, want)
		}
	}
	if p.Mutual(math.NaN()) != 0 {
		t.Error("no number is a signal")
	}
	if p.Burst(4) != 0 || p.Burst(5) != 5 {
		t.Errorf("%d, %d", p.Burst(4), p.Burst(5))
	}
	frozen := time.Date(2027, 1, 5, 0, 0, 0, 0, time.UTC)
	if got := p.DecideBy(frozen); got != frozen.AddDate(0, 0, 7) {
		t.Error(got)
	}
}

func TestParsePolicy(t *testing.T) {
	if p, err := risk.ParsePolicy(nil); err != nil || p != risk.DefaultPolicy() {
		t.Fatalf("%+v, %v", p, err)
	}
	cases := []struct{ values, field string }{ // no field: taken
		{`{}`, ""},
		{`{"device":{"points":0,"most":0}}`, ""},
		{`{"circumstances":7999}`, ""},
		{`{"circumstances":8000}`, "circumstances"},
		{`{"circumstances":-1}`, "circumstances"},
		{`{"freeze":10001}`, "freeze"},
		{`{"freeze":3999}`, "watch"},
		{`{"watch":0}`, "watch"},
		{`{"watch":8001}`, "watch"},
		{`{"ip":{"points":501,"most":500}}`, "ip.points"},
		{`{"ip":{"points":-1}}`, "ip.points"},
		{`{"refund":{"most":10001}}`, "refund.most"},
		{`{"mutual_from":1}`, "mutual_from"},
		{`{"burst_people":1}`, "burst_people"},
		{`{"burst_minutes":0}`, "burst_minutes"},
		{`{"race_seconds":0}`, "race_seconds"},
		{`{"new_mule_days":0}`, "new_mule_days"},
		{`{"signal_days":0}`, "signal_days"},
		{`{"decision_hours":0}`, "decision_hours"},
		{`{"IP":{"weight":1}}`, "values"},
	}
	for _, c := range cases {
		_, err := risk.ParsePolicy([]byte(c.values))
		var refusal *fault.Error
		if errors.As(err, &refusal); c.field == "" && err != nil || c.field != "" && (refusal == nil || refusal.Code != fault.PolicyInvalid || refusal.Field != c.field) {
			t.Errorf("%s: %v, want %s", c.values, err, c.field)
		}
	}
}

// signalsOf reads signals from bytes: three each.
func signalsOf(raw []byte) []risk.Signal {
	var signals []risk.Signal
	all := risk.Kinds()
	for ; len(raw) >= 3 && len(signals) < 80; raw = raw[3:] {
		a, b := string('a'+rune(raw[1]%12)), string('a'+rune(raw[1]/12%12))
		signals = append(signals, risk.Signal{Kind: all[int(raw[0])%len(all)], A: a, B: b, Count: int64(raw[2]%12) - 1})
	}
	return signals
}

var ranks = map[risk.Act]int{"": 0, risk.Nothing: 0, risk.Watch: 1, risk.Freeze: 2}

// holds checks what holds for all signals.
func holds(t *testing.T, random *rand.Rand, signals []risk.Signal) (freezes int) {
	t.Helper()
	p := risk.DefaultPolicy()
	before := risk.Build(p, signals, nil)
	shuffled := slices.Clone(signals)
	random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for i := range shuffled {
		if random.IntN(2) == 0 {
			shuffled[i].A, shuffled[i].B = shuffled[i].B, shuffled[i].A
		}
		if random.IntN(4) == 0 {
			shuffled = append(shuffled, shuffled[i])
		}
	}
	if again := risk.Build(p, shuffled, nil); !reflect.DeepEqual(before, again) {
		t.Fatalf("in another order\n%+v\ninstead of\n%+v", again, before)
	}
	for _, c := range before {
		d := risk.Decide(p, c)
		if d.Act == risk.Nothing || d.Score > risk.Most || len(d.Reasons) == 0 {
			t.Fatalf("%+v: %+v", c, d)
		}
		if d.Act == risk.Freeze {
			freezes++
			if len(c.People) < 2 || d.Public(c.People[0]) == d.Public("nobody") {
				t.Fatalf("%+v: %+v", c, d)
			}
		}
	}
	if len(signals) == 0 {
		return freezes
	}
	// Without one signal, or with a smaller count of it, nobody is worse off.
	fewer := slices.Clone(signals)
	if i := random.IntN(len(fewer)); random.IntN(2) == 0 {
		fewer = slices.Delete(fewer, i, i+1)
	} else {
		fewer[i].Count--
	}
	acts := levels(p, signals, nil)
	for person, act := range levels(p, fewer, nil) {
		if ranks[act] > ranks[acts[person]] {
			t.Fatalf("%s: %s with less, %q with %+v", person, act, acts[person], signals)
		}
	}
	scores := map[risk.Pair]int64{}
	for _, l := range risk.Links(p, signals) {
		scores[l.Pair] = l.Score
	}
	for _, l := range risk.Links(p, fewer) {
		if l.Score > scores[l.Pair] {
			t.Fatalf("%+v: more with less than %d", l, scores[l.Pair])
		}
	}
	return freezes
}

func TestProperties(t *testing.T) {
	random, freezes := rand.New(rand.NewPCG(1, 1)), 0
	for range 5_000 {
		raw := make([]byte, 3*random.IntN(25))
		for i := range raw {
			raw[i] = byte(random.Uint32())
		}
		freezes += holds(t, random, signalsOf(raw))
	}
	if freezes < 1_000 {
		t.Errorf("%d freezes: that proves little", freezes)
	}
}

func FuzzBuild(f *testing.F) {
	f.Add(uint64(1), []byte{0, 1, 2, 1, 14, 3, 9, 27, 12})
	f.Fuzz(func(t *testing.T, seed uint64, raw []byte) {
		holds(t, rand.New(rand.NewPCG(seed, 0)), signalsOf(raw))
	})
}

func BenchmarkBuild(b *testing.B) {
	farm := people("f", 50)
	signals := together(oneRoof(farm), risk.Among(risk.MutualVoting, 5, farm...))
	for b.Loop() {
		risk.Build(risk.DefaultPolicy(), signals, nil)
	}
}
