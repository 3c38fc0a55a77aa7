package consensus_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// planted is a clip with its votes, written past the API.
type planted struct {
	id, owner string
	votes     []plantedVote
	expert    engine.Outcome // his word, if he was asked
	gold      string
}

type plantedVote struct {
	who     string
	approve bool
	skill   crowd.Skill
	at      time.Time
}

// plantClip writes a clip that was decided by these votes, or escalated, and returns
// what was decided.
func plantClip(t *testing.T, s *hookstest.Server, c planted) engine.Explanation {
	t.Helper()
	p := engine.DefaultPolicy()
	votes := make([]engine.Vote, len(c.votes))
	for i, v := range c.votes {
		votes[i] = engine.Vote{ID: fmt.Sprintf("%sv%02d", c.id[3:], i), Validator: "validator", Choice: engine.Reject, Skill: v.skill}
		if v.approve {
			votes[i].Choice = engine.Approve
		}
		insertRow(t, s, "votes", dbx.Params{"id": votes[i].ID, "clip": c.id, "validator": v.who, "verdict": string(votes[i].Choice), "created": shell.Stamp(v.at)})
	}
	e := engine.Decide(&p, 1, engine.Language{}, votes)
	status := string(e.Outcome)
	switch {
	case c.expert != "":
		status = string(c.expert)
	case status == "":
		status = "pending"
	}
	n := s.Int("SELECT COALESCE(MAX(seq), 0) + 1 FROM clip_tallies")
	insertRow(t, s, "clip_tallies", dbx.Params{
		"id": c.id, "clip": c.id, "language": s.Language("ha"), "owner": c.owner, "gold": c.gold, "seq": n, "owner_seq": n, "turn": n,
		"open": e.Outcome == engine.Undecided, "watched": false, "votes": len(votes),
	})
	insertRow(t, s, "clips", dbx.Params{"id": c.id, "owner": c.owner, "language": s.Language("ha"), "status": status, "media_sha256": c.id})
	if e.Outcome != engine.Undecided {
		plantVerdict(t, s, c, e, 1)
	}
	if c.expert != "" {
		e = e.Expert(c.expert, "")
		plantVerdict(t, s, c, e, 2)
	}
	return e
}

// plantVerdict writes a verdict.
func plantVerdict(t *testing.T, s *hookstest.Server, c planted, e engine.Explanation, revision int) {
	t.Helper()
	text, err := engine.ExplanationJSON(e)
	if err != nil {
		t.Fatal(err)
	}
	insertRow(t, s, "verdicts", dbx.Params{
		"id": fmt.Sprintf("%sr%02d", c.id[3:], revision), "clip": c.id, "owner": c.owner, "revision": revision, "by": "crowd",
		"outcome": string(e.Outcome), "explanation": string(text),
	})
}

func insertRow(t *testing.T, s *hookstest.Server, table string, row dbx.Params) {
	t.Helper()
	if err := shell.Insert(s.App, table, row); err != nil {
		t.Fatal(err)
	}
}

func fakeID(kind string, i int) string { return fmt.Sprintf("%s%0*d", kind, 15-len(kind), i) }

// strangers are clips that a made-up crowd of nine decided, or an expert where
// they could not.
func strangers(n int) []planted {
	rng := rand.New(rand.NewPCG(7, 7))
	skill := func(i int) crowd.Skill {
		m := crowd.Mass(i+3) * crowd.Answer
		return crowd.Skill{Gold: crowd.Counts{TP: 5 * m, FN: m, TN: 4 * m, FP: m}}
	}
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clips := make([]planted, n)
	p := engine.DefaultPolicy()
	for i := range clips {
		c := planted{id: fakeID("c", i), owner: fakeID("owner", rng.IntN(4))}
		good := rng.Float64() < 0.7
		var ballots []crowd.Ballot
		for _, who := range rng.Perm(9)[:p.MaxVotes] {
			right := rng.Float64() < 0.75
			v := plantedVote{fakeID("voter", who), right == good, skill(who), start.Add(time.Duration(i)*time.Hour + time.Duration(rng.IntN(600))*time.Second)}
			c.votes = append(c.votes, v)
			ballots = append(ballots, crowd.Ballot{Approve: v.approve, Skill: v.skill})
			if crowd.Decide(&p.Policy, crowd.Language{}, ballots).Outcome != crowd.Undecided {
				break
			}
		}
		if crowd.Decide(&p.Policy, crowd.Language{}, ballots).Outcome == crowd.Escalated {
			if c.expert = engine.Rejected; good {
				c.expert = engine.Approved
			}
		}
		clips[i] = c
	}
	return clips
}

// watchAll lets the server look at everything there is.
func watchAll(t *testing.T, s *hookstest.Server) {
	t.Helper()
	for {
		n, err := consensus.WatchSome(s.App, s.Deps.Clock.Now(), 50)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// signalRows is all that is stored about collusion, in a fixed order.
func signalRows(t *testing.T, s *hookstest.Server) string {
	t.Helper()
	lines := []string{}
	for _, query := range []string{
		"SELECT json_array('pair', a, b, language, clips, agreements, expected, variance, z, together, bursts) FROM pair_signals ORDER BY a, b, language",
		"SELECT json_array('owner', validator, owner, language, clips, approvals, expected, variance, z) FROM owner_signals ORDER BY validator, owner, language",
		"SELECT json_array('pair of owner', a, b, owner, clips) FROM pair_owners ORDER BY a, b, owner",
	} {
		part := []string{}
		if err := s.App.DB().NewQuery(query).Column(&part); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, part...)
	}
	return strings.Join(lines, "\n")
}

// planOfSignals is SQLite's plan of a query, its placeholders empty.
func planOfSignals(t *testing.T, s *hookstest.Server, query string) string {
	t.Helper()
	rows := []struct {
		Detail string `db:"detail"`
	}{}
	params := dbx.Params{}
	for _, part := range strings.Split(query, "{:")[1:] {
		params[part[:strings.Index(part, "}")]] = ""
	}
	if err := s.App.DB().NewQuery("EXPLAIN QUERY PLAN " + query).Bind(params).All(&rows); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = row.Detail
	}
	return strings.Join(lines, "\n")
}
