package consensus_test

import (
	"errors"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/fault"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// admissible is a vote that nothing speaks against at noon.
func admissible() consensus.VoteFacts {
	return consensus.VoteFacts{
		Voter: "amina", Owner: "bola", Status: "pending", Speaks: true, Duration: 10 * time.Second,
		AssignedAt: noon.Add(-time.Minute), AssignedTill: noon.Add(9 * time.Minute), LastVoteAt: noon.Add(-time.Hour), HeardUntil: noon.Add(-time.Hour),
	}
}

// strict is a policy under which every rule of a vote is in force.
func strict() consensus.Policy {
	p := consensus.DefaultPolicy()
	p.MinListen, p.CooldownS = 0.5, 30
	return p
}

// obstacles break one rule each, in the order in which they are reported.
var obstacles = []struct {
	name  string
	code  *fault.Code
	raise func(*consensus.VoteFacts)
}{
	{"own clip", fault.OwnClip, func(f *consensus.VoteFacts) { f.Owner = f.Voter }},
	{"voted before", fault.AlreadyVoted, func(f *consensus.VoteFacts) { f.Voted = true }},
	{"withdrawn", fault.ClipWithdrawn, func(f *consensus.VoteFacts) { f.Status = "withdrawn" }},
	{"decided", fault.ClipDecided, func(f *consensus.VoteFacts) {
		if f.Status == "pending" {
			f.Status = "approved"
		}
	}},
	{"hidden", fault.ClipHidden, func(f *consensus.VoteFacts) { f.Hidden = true }},
	{"foreign language", fault.LanguageNotSpoken, func(f *consensus.VoteFacts) { f.Speaks = false }},
	{"related", fault.NotEligible, func(f *consensus.VoteFacts) { f.Related = true }},
	{"no assignment", fault.AssignmentRequired, func(f *consensus.VoteFacts) { f.AssignedTill = time.Time{} }},
	{"too early", fault.NotHeard, func(f *consensus.VoteFacts) { f.AssignedAt = noon.Add(-4 * time.Second) }},
	{"too fast", fault.Cooldown, func(f *consensus.VoteFacts) { f.LastVoteAt = noon.Add(-10 * time.Second) }},
}

func TestCheckVoteReportsTheFirstObstacle(t *testing.T) {
	if err := consensus.CheckVote(strict(), admissible(), noon); err != nil {
		t.Fatalf("nothing speaks against it: %v", err)
	}
	for i, first := range obstacles {
		alone := admissible()
		first.raise(&alone)
		for j := i; j < len(obstacles); j++ {
			pair := alone
			obstacles[j].raise(&pair)
			err := consensus.CheckVote(strict(), pair, noon)
			var refusal *fault.Error
			if !errors.As(err, &refusal) || refusal.Code != first.code || refusal.Field != "clip" {
				t.Errorf("%s and %s: %v, want %s on clip", first.name, obstacles[j].name, err, first.code.Name)
			}
		}
		every := admissible()
		for _, o := range obstacles[i:] {
			o.raise(&every)
		}
		if err := consensus.CheckVote(strict(), every, noon); !errors.Is(err, first.code.On("")) {
			t.Errorf("%s and all after it: %v, want %s", first.name, err, first.code.Name)
		}
	}
}

func TestCheckVoteByStatus(t *testing.T) {
	for status, want := range map[string]*fault.Code{
		"pending": nil, "approved": fault.ClipDecided, "rejected": fault.ClipDecided,
		"escalated": fault.ClipDecided, "withdrawn": fault.ClipWithdrawn, "": fault.ClipDecided,
	} {
		f := admissible()
		f.Status = status
		err := consensus.CheckVote(strict(), f, noon)
		if want == nil && err != nil || want != nil && !errors.Is(err, want.On("")) {
			t.Errorf("%q: %v, want %v", status, err, want)
		}
	}
}

func TestCheckVoteAtTheEdgesOfTime(t *testing.T) {
	cases := []struct {
		name  string
		rule  func(*consensus.Policy)
		fact  func(*consensus.VoteFacts)
		code  *fault.Code
		retry any
	}{
		{"the lease ends now", nil, func(f *consensus.VoteFacts) { f.AssignedTill = noon }, fault.AssignmentRequired, nil},
		{"the lease has a moment left", nil, func(f *consensus.VoteFacts) { f.AssignedTill = noon.Add(1) }, nil, nil},
		{"heard by the nanosecond", nil, func(f *consensus.VoteFacts) { f.AssignedAt = noon.Add(-5 * time.Second) }, nil, nil},
		{"a nanosecond unheard", nil, func(f *consensus.VoteFacts) { f.AssignedAt = noon.Add(1 - 5*time.Second) }, fault.NotHeard, int64(1)},
		{"all of it unheard", func(p *consensus.Policy) { p.MinListen = 1 }, func(f *consensus.VoteFacts) { f.AssignedAt = noon }, fault.NotHeard, int64(10)},
		{"no listening asked", func(p *consensus.Policy) { p.MinListen = 0 }, func(f *consensus.VoteFacts) { f.AssignedAt = noon }, nil, nil},
		{"other clips until long ago", nil, func(f *consensus.VoteFacts) { f.HeardUntil = f.AssignedAt.Add(-1) }, nil, nil},
		{"other clips until just in time", nil, func(f *consensus.VoteFacts) { f.HeardUntil = noon.Add(-5 * time.Second) }, nil, nil},
		{"other clips for too long", nil, func(f *consensus.VoteFacts) { f.HeardUntil = noon.Add(-4 * time.Second) }, fault.NotHeard, int64(1)},
		{"other clips until later than now", nil, func(f *consensus.VoteFacts) { f.HeardUntil = noon.Add(20 * time.Second) }, fault.NotHeard, int64(25)},
		{"a first vote ever", nil, func(f *consensus.VoteFacts) { f.HeardUntil = time.Time{} }, nil, nil},
		{"the cooldown ends now", nil, func(f *consensus.VoteFacts) { f.LastVoteAt = noon.Add(-30 * time.Second) }, nil, nil},
		{"half a second of cooldown", nil, func(f *consensus.VoteFacts) { f.LastVoteAt = noon.Add(-29500 * time.Millisecond) }, fault.Cooldown, int64(1)},
		{"all of the cooldown", nil, func(f *consensus.VoteFacts) { f.LastVoteAt = noon }, fault.Cooldown, int64(30)},
		{"no cooldown asked", func(p *consensus.Policy) { p.CooldownS = 0 }, func(f *consensus.VoteFacts) { f.LastVoteAt = noon }, nil, nil},
		{"a first vote", nil, func(f *consensus.VoteFacts) { f.LastVoteAt = time.Time{} }, nil, nil},
		{"open to all", func(p *consensus.Policy) { p.Assignment, p.MinListen = consensus.AssignmentOpen, 0 },
			func(f *consensus.VoteFacts) { f.AssignedAt, f.AssignedTill = time.Time{}, time.Time{} }, nil, nil},
		{"open to all, unheard", func(p *consensus.Policy) { p.Assignment = consensus.AssignmentOpen },
			func(f *consensus.VoteFacts) { f.AssignedTill, f.HeardUntil = time.Time{}, noon }, nil, nil},
		{"open to all, too fast", func(p *consensus.Policy) { p.Assignment, p.MinListen = consensus.AssignmentOpen, 0 },
			func(f *consensus.VoteFacts) { f.AssignedTill, f.LastVoteAt = time.Time{}, noon }, fault.Cooldown, int64(30)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p, f := strict(), admissible()
			if c.rule != nil {
				c.rule(&p)
			}
			c.fact(&f)
			if err := p.Validate(); err != nil {
				t.Fatal(err)
			}
			err := consensus.CheckVote(p, f, noon)
			if c.code == nil {
				if err != nil {
					t.Errorf("%v, want it allowed", err)
				}
				return
			}
			var refusal *fault.Error
			if !errors.As(err, &refusal) || refusal.Code != c.code {
				t.Fatalf("%v, want %s", err, c.code.Name)
			}
			if got := refusal.Params["retry_after"]; got != c.retry {
				t.Errorf("retry_after %v, want %v", got, c.retry)
			}
		})
	}
}

func TestHeard(t *testing.T) {
	p := strict()
	for name, c := range map[string]struct {
		assigned, heard time.Time
		want            time.Time
	}{
		"after it was assigned":          {noon, time.Time{}, noon.Add(5 * time.Second)},
		"after the clips before":         {noon, noon.Add(time.Minute), noon.Add(65 * time.Second)},
		"the clips before are long past": {noon, noon.Add(-time.Minute), noon.Add(5 * time.Second)},
	} {
		f := admissible()
		f.AssignedAt, f.HeardUntil = c.assigned, c.heard
		if got := consensus.Heard(p, f); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
