package crowd_test

import (
	"math/rand/v2"
	"testing"

	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// generate makes a log of votes: three per clip, nine clips of ten good, by
// people of different skill of whom some are far busier than others.
func generate(votes, people int) *crowd.Log {
	rng := rand.New(rand.NewPCG(7, 7))
	rates := make([]crowd.Rates, people)
	for v := range rates {
		rates[v] = crowd.Rates{Sensitivity: 0.85 + 0.13*rng.Float64(), Specificity: 0.6 + 0.35*rng.Float64()}
	}
	log := new(crowd.Log)
	for range votes / 3 {
		good := rng.Float64() < 0.9
		first := int(float64(people) * rng.Float64() * rng.Float64())
		for k := range 3 {
			v := (first + k*(people/3)) % people
			p := 1 - rates[v].Specificity
			if good {
				p = rates[v].Sensitivity
			}
			log.Vote(v, rng.Float64() < p)
		}
		log.Close(crowd.Clip{})
	}
	return log
}

func BenchmarkDecideSevenVotes(b *testing.B) {
	p, language := crowd.DefaultPolicy(), crowd.Language{GoldClips: 50, GoldAnswers: 500}
	ballots := make([]crowd.Ballot, 7)
	for i := range ballots {
		ballots[i] = crowd.Ballot{Approve: i%2 == 0, Skill: proven(20+crowd.Mass(i), 3, 9, 2)}
	}
	b.ReportAllocs()
	for b.Loop() {
		crowd.Decide(&p, language, ballots)
	}
}

func BenchmarkEstimateMillionVotes(b *testing.B)    { benchmarkEstimate(b, 1_000_000, 5_000) }
func BenchmarkEstimateTenMillionVotes(b *testing.B) { benchmarkEstimate(b, 10_000_000, 20_000) }

func benchmarkEstimate(b *testing.B, votes, people int) {
	p := crowd.DefaultPolicy()
	log := generate(votes, people)
	b.ReportAllocs()
	iterations := 0
	for b.Loop() {
		iterations = log.Estimate(&p).Iterations
	}
	b.ReportMetric(float64(iterations), "iterations")
}
