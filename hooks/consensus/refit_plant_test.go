package consensus_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// recipe is how a made-up crowd is written by SQL. Every clip that is not open
// has the verdict that its votes give to somebody who knows how good everybody is.
type recipe struct {
	language  string // code
	people    int
	approvers int // of the people: they approve everything
	clips     int
	open      int // of the clips, the last ones
	votes     int // per clip
}

// plantedCrowd is a made-up crowd: people of known rates, and clips of known truth.
type plantedCrowd struct {
	*hookstest.Server
	t        testing.TB
	language string
	people   []string
	rates    []crowd.Rates
	clips    []string
	good     []bool
}

func plantCrowd(t testing.TB, s *hookstest.Server, r recipe) *plantedCrowd {
	t.Helper()
	p := &plantedCrowd{Server: s, t: t, language: s.Language(r.language)}
	rng := rand.New(rand.NewPCG(3, 5))
	approved := 0
	p.write(func(insert func(table, columns string) func(values ...any)) {
		users := insert("users", "id, username, username_key, tokenKey, standing")
		for i := range r.people {
			id := fmt.Sprintf("%s%013d", r.language, i)
			rates := crowd.Rates{Sensitivity: 0.85 + 0.13*rng.Float64(), Specificity: 0.6 + 0.38*rng.Float64()}
			if i < r.approvers {
				rates = crowd.Rates{Sensitivity: 1, Specificity: 0}
			}
			p.people, p.rates = append(p.people, id), append(p.rates, rates)
			users(id, id, id, id, "good")
		}
		owner, campaign, now := s.User(ada).Id, s.GeneralCampaign(), shell.Stamp(s.Deps.Clock.Now())
		clips := insert("clips", "id, owner, language, campaign, status, media_sha256, kind, phrase, duration_ms, created")
		tallies := insert("clip_tallies", "id, clip, language, owner, seq, turn, owner_seq, open, started, votes, approvals, rejections")
		votes := insert("votes", "id, clip, validator, verdict, created")
		verdicts := insert("verdicts", "id, clip, owner, revision, outcome, by, votes, explanation, feedback, created")
		first := s.Int("SELECT COALESCE(MAX(seq), 0) + 1 FROM clip_tallies")
		for i := range r.clips {
			id, good := fmt.Sprintf("%s%013d", r.language, i), rng.Float64() < 0.8
			p.clips, p.good = append(p.clips, id), append(p.good, good)
			who, step, approvals := rng.IntN(r.people), 1+rng.IntN(r.people/r.votes), 0
			logOdds := crowd.Logit(0.8)
			for range r.votes {
				who = (who + step) % r.people
				likely, choice := 1-p.rates[who].Specificity, "reject"
				if good {
					likely = p.rates[who].Sensitivity
				}
				if rng.Float64() < likely {
					choice = "approve"
					approvals++
				}
				logOdds += p.rates[who].Weights().Of(choice == "approve")
				votes(fmt.Sprintf("%s%07d%06d", r.language, i, who), id, p.people[who], choice, now)
			}
			open, status := i >= r.clips-r.open, "pending"
			if !open {
				if status = "rejected"; logOdds > 0 {
					status = "approved"
					approved++
				}
				verdicts(id, id, owner, 1, status, "crowd", r.votes, "{}", "[]", now)
			}
			clips(id, owner, p.language, campaign, status, id, "voice", "Ina kwana?", 1300, now)
			tallies(id, id, p.language, owner, first+int64(i), i, i, open, open, r.votes, approvals, r.votes-approvals)
		}
		decided := r.clips - r.open
		insert("language_stats", "id, language, good, settled, verdicts")(
			p.language, p.language, int64(approved)*int64(crowd.Answer), int64(decided)*int64(crowd.Answer), decided)
	})
	return p
}

// write inserts rows in one transaction.
func (p *plantedCrowd) write(rows func(insert func(table, columns string) func(values ...any))) {
	p.t.Helper()
	tx, err := p.App.NonconcurrentDB().(*dbx.DB).DB().Begin()
	if err != nil {
		p.t.Fatal(err)
	}
	rows(func(table, columns string) func(values ...any) {
		names := strings.Split(columns, ", ")
		statement, err := tx.Prepare("INSERT INTO " + table + " ([" + strings.Join(names, "], [") + "]) VALUES (?" + strings.Repeat(", ?", len(names)-1) + ")")
		if err != nil {
			p.t.Fatal(err)
		}
		p.t.Cleanup(func() { _ = statement.Close() })
		return func(values ...any) {
			if _, err := statement.Exec(values...); err != nil {
				p.t.Fatalf("%s %v: %v", table, values, err)
			}
		}
	})
	if err := tx.Commit(); err != nil {
		p.t.Fatal(err)
	}
}

// run changes rows around the server.
func (p *plantedCrowd) run(statement string, params ...dbx.Params) {
	p.t.Helper()
	query := p.App.NonconcurrentDB().NewQuery(statement)
	for _, some := range params {
		query.Bind(some)
	}
	if _, err := query.Execute(); err != nil {
		p.t.Fatalf("%s: %v", statement, err)
	}
}

// propose re-estimates and writes nothing.
func (p *plantedCrowd) propose() *consensus.Proposal {
	p.t.Helper()
	proposal, err := consensus.Propose(p.t.Context(), p.App, p.Deps, p.language)
	if err != nil {
		p.t.Fatal(err)
	}
	return proposal
}

// commit writes a re-estimate, which comes out in the given state.
func (p *plantedCrowd) commit(proposal *consensus.Proposal, state string) consensus.Fit {
	p.t.Helper()
	fit, err := proposal.Commit(p.App, p.Deps)
	if err != nil || fit.State != state {
		p.t.Fatalf("%+v %v, want it %s", fit, err, state)
	}
	return fit
}

// skill is the stored skill of one of the people.
func (p *plantedCrowd) skill(who int) crowd.Skill {
	p.t.Helper()
	skill, err := consensus.Skill(p.App, p.people[who], p.language)
	if err != nil {
		p.t.Fatal(err)
	}
	return skill
}

// rebuilds fails unless every skill follows from the history, to the last bit.
func (p *plantedCrowd) rebuilds() {
	p.t.Helper()
	if wrong, err := consensus.VerifySkills(p.App.DB()); err != nil || len(wrong) > 0 {
		p.t.Errorf("%v %v", wrong, err)
	}
}
