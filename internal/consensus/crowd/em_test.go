package crowd_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// ballot is one vote in a generated crowd.
type ballot struct {
	who     int
	approve bool
}

// sample draws clips with five votes each from people of known rates. A share
// good of the clips is good.
func sample(clips int, share float64, rates []crowd.Rates, rng *rand.Rand) (votes [][]ballot, truth []crowd.Label) {
	for range clips {
		label, isGood := crowd.Bad, rng.Float64() < share
		if isGood {
			label = crowd.Good
		}
		var cast []ballot
		for _, who := range rng.Perm(len(rates))[:5] {
			p := 1 - rates[who].Specificity
			if isGood {
				p = rates[who].Sensitivity
			}
			cast = append(cast, ballot{who, rng.Float64() < p})
		}
		votes, truth = append(votes, cast), append(truth, label)
	}
	return votes, truth
}

func someRates(n int, rng *rand.Rand) []crowd.Rates {
	rates := make([]crowd.Rates, n)
	for i := range rates {
		rates[i] = crowd.Rates{Sensitivity: 0.8 + 0.15*rng.Float64(), Specificity: 0.55 + 0.4*rng.Float64()}
	}
	return rates
}

func logOf(votes [][]ballot, clip func(i int) crowd.Clip) *crowd.Log {
	log := new(crowd.Log)
	for i, cast := range votes {
		for _, b := range cast {
			log.Vote(b.who, b.approve)
		}
		log.Close(clip(i))
	}
	return log
}

func unknown(int) crowd.Clip { return crowd.Clip{} }

func TestEstimateRecoversTheCrowd(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	rates := someRates(30, rng)
	votes, truth := sample(5000, 0.85, rates, rng)
	p := ungated()
	e := logOf(votes, unknown).Estimate(p)
	for who, want := range rates {
		got := p.Rates(e.Skills[who])
		if math.Abs(got.Sensitivity-want.Sensitivity) > 0.05 || math.Abs(got.Specificity-want.Specificity) > 0.12 {
			t.Errorf("validator %d: %+v, truly %+v", who, got, want)
		}
	}
	if share := p.Share(crowd.Language{Good: e.Good, Settled: e.Settled}); math.Abs(share-0.85) > 0.02 {
		t.Errorf("share of good clips %v, truly 0.85", share)
	}
	right, majority := 0, 0
	for i, label := range truth {
		approvals := 0
		for _, b := range votes[i] {
			if b.approve {
				approvals++
			}
		}
		if e.LogOdds[i].Label() == label {
			right++
		}
		if crowd.LogOdds(2*approvals-5).Label() == label {
			majority++
		}
	}
	if right <= majority {
		t.Errorf("%d labels right, the majority has %d", right, majority)
	}
	if e.Iterations < 2 || e.Iterations > crowd.MostIterations {
		t.Errorf("%d iterations", e.Iterations)
	}
}

func TestTheOrderOfTheLogDoesNotChangeABit(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	votes, truth := sample(400, 0.8, someRates(12, rng), rng)
	clip := func(i int) crowd.Clip {
		if i%10 == 0 {
			return crowd.Clip{Known: truth[i], Gold: i%20 == 0}
		}
		return crowd.Clip{}
	}
	want := logOf(votes, clip).Estimate(ungated())
	order := rng.Perm(len(votes))
	shuffled := make([][]ballot, len(votes))
	for place, i := range order {
		shuffled[place] = append([]ballot(nil), votes[i]...)
		rng.Shuffle(5, func(a, b int) {
			shuffled[place][a], shuffled[place][b] = shuffled[place][b], shuffled[place][a]
		})
	}
	log := logOf(votes, clip)
	log.Reset()
	for place, cast := range shuffled {
		for _, b := range cast {
			log.Vote(b.who, b.approve)
		}
		log.Close(clip(order[place]))
	}
	got := log.Estimate(ungated())
	if !reflect.DeepEqual(got.Skills, want.Skills) || got.Good != want.Good || got.Settled != want.Settled || got.Iterations != want.Iterations {
		t.Error("another order gives other skills")
	}
	for place, i := range order {
		if got.LogOdds[place] != want.LogOdds[i] {
			t.Fatalf("clip %d: %v, in another order %v", i, want.LogOdds[i], got.LogOdds[place])
		}
	}
}

func TestSwappedLabelsGiveSwappedSkills(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	votes, _ := sample(300, 0.6, someRates(10, rng), rng)
	want := logOf(votes, unknown).Estimate(symmetric())
	for _, cast := range votes {
		for i := range cast {
			cast[i].approve = !cast[i].approve
		}
	}
	got := logOf(votes, unknown).Estimate(symmetric())
	for who, s := range got.Skills {
		w := want.Skills[who].Learned
		if s.Learned != (crowd.Counts{TP: w.TN, TN: w.TP, FN: w.FP, FP: w.FN}) {
			t.Errorf("validator %d: %+v, swapped %+v", who, w, s.Learned)
		}
	}
	for i := range got.LogOdds {
		if got.LogOdds[i] != -want.LogOdds[i] {
			t.Fatalf("clip %d: %v, swapped %v", i, want.LogOdds[i], got.LogOdds[i])
		}
	}
}

func TestKnownLabelsStayFixed(t *testing.T) {
	var log crowd.Log
	for i := range 20 {
		// Everybody approves; gold knows better.
		for who := range 3 {
			log.Vote(who, true)
		}
		log.Close(crowd.Clip{Known: crowd.Bad, Gold: i >= 5})
	}
	e := log.Estimate(ungated())
	for who, s := range e.Skills {
		if s != (crowd.Skill{Gold: crowd.Counts{FP: 20 * crowd.Answer}}) {
			t.Errorf("validator %d: %+v", who, s)
		}
	}
	if e.Good != 0 || e.Settled != 5*crowd.Answer {
		t.Errorf("%v good of %v: only the experts' five tell the share", e.Good.Answers(), e.Settled.Answers())
	}
}

func TestGoldTurnsACrowdThatIsWrong(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	rates := someRates(10, rng)
	for i := range 6 { // most of the crowd approves whatever it hears
		rates[i] = crowd.Rates{Sensitivity: 0.97, Specificity: 0.05}
	}
	votes, truth := sample(1000, 0.5, rates, rng)
	wrong := func(e crowd.Estimate) (n int) {
		for i, label := range truth {
			if i%5 != 0 && e.LogOdds[i].Label() != label {
				n++
			}
		}
		return n
	}
	without := wrong(logOf(votes, unknown).Estimate(ungated()))
	with := wrong(logOf(votes, func(i int) crowd.Clip {
		if i%5 == 0 {
			return crowd.Clip{Known: truth[i], Gold: true}
		}
		return crowd.Clip{}
	}).Estimate(ungated()))
	if with >= without {
		t.Errorf("%d labels wrong with gold, %d without", with, without)
	}
}

func TestCheckRefusesAReEstimateThatUpsetsWhatIsKnown(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	votes, truth := sample(500, 0.7, someRates(12, rng), rng)
	p := ungated()
	honest := func(i int) crowd.Clip { return crowd.Clip{Verdict: truth[i]} }
	fitted := logOf(votes, unknown).Estimate(p)
	share := crowd.Language{Good: fitted.Good, Settled: fitted.Settled}
	decided := func(i int) crowd.Clip { return crowd.Clip{Verdict: fitted.LogOdds[i].Label()} }
	cases := []struct {
		name   string
		clip   func(int) crowd.Clip
		skills []crowd.Skill
		before crowd.Language
		want   error
	}{
		{"the same again", decided, fitted.Skills, share, nil},
		{"nobody was known", decided, nil, share, nil},
		{"the share jumps", decided, fitted.Skills, crowd.Language{Good: 10 * crowd.Answer, Settled: 500 * crowd.Answer}, crowd.ErrPrior},
		{"verdicts turn round", func(i int) crowd.Clip {
			c := decided(i)
			if i%49 == 0 {
				c.Verdict = -c.Verdict
			}
			return c
		}, fitted.Skills, share, crowd.ErrFlips},
		{"one verdict in a hundred turns round", func(i int) crowd.Clip {
			c := decided(i)
			if i%100 == 0 {
				c.Verdict = -c.Verdict
			}
			return c
		}, fitted.Skills, share, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			log := logOf(votes, c.clip)
			if err := log.Estimate(p).Check(log, p, c.skills, c.before); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	if log := logOf(votes, honest); log.Estimate(p).Check(log, p, fitted.Skills, share) == nil {
		t.Error("a tenth of the verdicts is against the crowd, and nobody minds")
	}
}

// TestCheckRefusesALossOnGold: two people who know, five who do not and agree
// with each other. The skills in force trust the two; a re-estimate on the votes
// trusts the many.
func TestCheckRefusesALossOnGold(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 10))
	var log crowd.Log
	cast := func(c crowd.Clip, truth, herd bool) {
		for who := range 7 {
			log.Vote(who, truth && who < 2 || herd && who >= 2)
		}
		log.Close(c)
	}
	for i := range 400 {
		cast(crowd.Clip{}, i%2 == 0, rng.IntN(2) == 0)
	}
	cast(crowd.Clip{Known: crowd.Good, Gold: true}, true, false)
	cast(crowd.Clip{Known: crowd.Bad, Gold: true}, false, true)
	skills := make([]crowd.Skill, 7)
	skills[0], skills[1] = proven(100, 0, 100, 0), proven(100, 0, 100, 0)
	for who := 2; who < 7; who++ {
		skills[who] = proven(10, 10, 10, 10)
	}
	e := log.Estimate(symmetric())
	if err := e.Check(&log, symmetric(), skills, crowd.Language{}); !errors.Is(err, crowd.ErrGold) {
		t.Errorf("%v, want %v", err, crowd.ErrGold)
	}
}
