package consensus_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/hookstest"
)

// TestARefitDecidesWhatIsInReachNow: clips that waited with unknown voters are
// decided once the voters are known, in batches, and nothing else changes.
func TestARefitDecidesWhatIsInReachNow(t *testing.T) {
	p := plantCrowd(t, hookstest.Start(t), recipe{language: "ha", people: 30, clips: 900, open: 130, votes: 4})
	p.commit(p.propose(), consensus.FitAccepted)
	if n := p.Int("SELECT COUNT(*) FROM clips WHERE status = 'pending'"); n != 130 {
		t.Fatalf("%d clips wait after the fit itself", n)
	}
	p.Drain()
	if n := p.Int("SELECT COUNT(*) FROM jobs WHERE kind = 'rescore' AND state = 'done'"); n != 3 {
		t.Errorf("%d jobs for 130 clips", n)
	}
	waiting := p.Int("SELECT COUNT(*) FROM clips WHERE status = 'pending'")
	if waiting < 5 || waiting > 60 {
		t.Errorf("%d of 130 clips still wait", waiting)
	}
	decided := "SELECT COUNT(*) FROM verdicts d JOIN clips c ON c.id = d.clip AND c.status = d.outcome WHERE d.id != d.clip" // not one of the plantedCrowd
	if n := p.Int(decided); n != 130-waiting {
		t.Errorf("%d verdicts for %d clips", n, 130-waiting)
	}
	if n := p.Int("SELECT COUNT(*) FROM clip_tallies WHERE open = 1"); n != waiting {
		t.Errorf("%d clips are in the queue, %d wait", n, waiting)
	}
	if n := p.Int("SELECT COUNT(*) FROM verdicts d JOIN clips c ON c.id = d.clip WHERE d.id = d.clip AND (c.status != d.outcome OR d.revision != 1)"); n != 0 {
		t.Errorf("%d clips that were decided are other ones", n)
	}
	right := 0
	for i := 770; i < 900; i++ {
		status := p.Text("SELECT status FROM clips WHERE id = {:id}", dbx.Params{"id": p.clips[i]})
		if status == "approved" && p.good[i] || status == "rejected" && !p.good[i] {
			right++
		}
	}
	if wrong := 130 - int(waiting) - right; wrong > 5 {
		t.Errorf("%d verdicts are right, %d are wrong", right, wrong)
	}
	report, err := consensus.Verify(p.App.DB())
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range report.Findings {
		if !strings.HasPrefix(finding.Row, "ha0") { // plantedCrowd verdicts say nothing
			t.Errorf("%+v", finding)
		}
	}
}

func TestRescoringGoesOnPastClipsWithoutVotes(t *testing.T) {
	p := plantCrowd(t, hookstest.Start(t), recipe{language: "ha", people: 30, clips: 450, open: 50, votes: 4})
	p.run("UPDATE clip_tallies SET seq = seq + 5000 WHERE open = 1 AND seq > 420")
	p.write(func(insert func(string, string) func(...any)) {
		tally := insert("clip_tallies", "id, clip, language, owner, seq, open")
		for i := range 2500 {
			tally(fmt.Sprint("empty", i), fmt.Sprint("empty", i), p.language, "nobody", 1000+i, true)
		}
	})
	p.commit(p.propose(), consensus.FitAccepted)
	p.Drain()
	if n := p.Int("SELECT COUNT(*) FROM jobs WHERE kind = 'rescore' AND state = 'done'"); n != 3 {
		t.Errorf("%d jobs for 2550 open clips", n)
	}
	for _, part := range []string{"< 1000", "> 5000"} {
		if n := p.Int("SELECT COUNT(*) FROM verdicts d JOIN clip_tallies t ON t.clip = d.clip WHERE d.id != d.clip AND t.seq " + part); n < 10 {
			t.Errorf("%d clips with places %s were decided", n, part)
		}
	}
}

func TestALaterRefitTakesOverTheRescoring(t *testing.T) {
	p := plantCrowd(t, hookstest.Start(t), recipe{language: "ha", people: 30, clips: 900, open: 120, votes: 4})
	first := p.commit(p.propose(), consensus.FitAccepted)
	p.Advance(1e9)
	second := p.commit(p.propose(), consensus.FitAccepted)
	p.Drain()
	jobs := func(fit string) int64 {
		return p.Int("SELECT COUNT(*) FROM jobs WHERE state = 'done' AND effect_key LIKE {:fit}", dbx.Params{"fit": fit + ":%"})
	}
	if a, b := jobs(first.ID), jobs(second.ID); a != 1 || b != 3 {
		t.Errorf("%d and %d jobs, want 1 that gives up and 3", a, b)
	}
}

// TestContradictedVerdictsAreAuditedOnce: verdicts that the votes are clearly
// against go to the experts, the clearest first, each once.
func TestContradictedVerdictsAreAuditedOnce(t *testing.T) {
	p := plantCrowd(t, hookstest.Start(t), recipe{language: "ha", people: 30, clips: 3000, votes: 5})
	p.run("DROP TRIGGER verdicts_no_update")
	turn := func(n int) {
		t.Helper()
		p.run(`UPDATE verdicts SET outcome = 'rejected' WHERE clip IN (
			SELECT clip FROM clip_tallies WHERE rejections = 0 ORDER BY seq LIMIT {:n})`, dbx.Params{"n": n})
		p.run("UPDATE clips SET status = (SELECT outcome FROM verdicts WHERE clip = clips.id)")
	}
	if fit := p.propose().Fit; fit.State != consensus.FitAccepted || fit.Audits != 0 {
		t.Fatalf("nothing is turned round and %+v", fit)
	}
	turn(15)
	p.write(func(insert func(string, string) func(...any)) {
		escalation := insert("escalations", "id, clip, language, cause, state")
		clips := "SELECT clip FROM clip_tallies WHERE rejections = 0 ORDER BY seq LIMIT 1 OFFSET "
		escalation("a", p.Text(clips+"0", nil), p.language, "audit", "closed") // was audited
		escalation("b", p.Text(clips+"1", nil), p.language, "dispute", "open") // is with an expert
		escalation("c", p.Text(clips+"2", nil), p.language, "dispute", "decided")
	})
	proposal := p.propose()
	if proposal.Audits != 13 {
		t.Errorf("%d of 15 verdicts are to be audited, want 13", proposal.Audits)
	}
	p.run("UPDATE clips SET status = 'withdrawn' WHERE id = (SELECT clip FROM clip_tallies WHERE rejections = 0 ORDER BY seq LIMIT 1 OFFSET 5)")
	if fit := p.commit(proposal, consensus.FitAccepted); fit.Audits != 12 {
		t.Errorf("%d audits, want 12: one clip was withdrawn", fit.Audits)
	}
	if n := p.Int("SELECT COUNT(*) FROM escalations e JOIN clips c ON c.id = e.clip WHERE e.cause = 'audit' AND e.state = 'open' AND c.status = 'rejected'"); n != 12 {
		t.Errorf("%d audits of clips that stay decided are open, want 12", n)
	}
	p.run("UPDATE escalations SET state = 'closed' WHERE cause = 'audit'")
	if fit := p.propose().Fit; fit.Audits != 1 { // the withdrawn clip was never audited
		t.Errorf("%d audits again", fit.Audits)
	}
	turn(40)
	if fit := p.propose().Fit; fit.State != consensus.FitAccepted || fit.Audits != 20 {
		t.Errorf("with 40 verdicts turned round %+v, want 20 audits", fit)
	}
}
