package consensus_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/hookstest"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/collusion"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// TestSignalsOfVotes takes the way of a real vote: nothing is reckoned by it, and
// after the sweep everything is there.
func TestSignalsOfVotes(t *testing.T) {
	s := open(t)
	first, second := s.Clip(ada), s.Clip(ada)
	s.Decide(first, "approve")
	s.Advance(time.Hour)
	s.Want(s.Vote(bola, second, "reject"), 200, "")
	s.Advance(3 * time.Minute)
	s.Decide(second, "approve", chidi, dayo, emeka, fatima, musa)
	if got := signalRows(t, s); got != "" {
		t.Errorf("the votes themselves wrote\n%s", got)
	}
	if err := consensus.Watch(s.App, s.Deps); err != nil {
		t.Fatal(err)
	}
	pair := func(a, b string) map[string]int64 {
		a, b = s.User(a).Id, s.User(b).Id
		row := struct {
			Together int64 `db:"together"`
			Bursts   int64 `db:"bursts"`
		}{}
		err := s.App.DB().NewQuery("SELECT together, bursts FROM pair_signals WHERE a = {:a} AND b = {:b}").Bind(dbx.Params{"a": min(a, b), "b": max(a, b)}).One(&row)
		if err != nil {
			t.Fatal(err)
		}
		return map[string]int64{"together": row.Together, "bursts": row.Bursts,
			"of ada": s.Int("SELECT COALESCE(SUM(clips), 0) FROM pair_owners WHERE a = {:a} AND b = {:b}", dbx.Params{"a": min(a, b), "b": max(a, b)})}
	}
	for _, c := range []struct {
		a, b string
		want map[string]int64
	}{
		{bola, chidi, map[string]int64{"together": 2, "bursts": 1, "of ada": 1}},
		{chidi, dayo, map[string]int64{"together": 2, "bursts": 2, "of ada": 2}},
		{emeka, fatima, map[string]int64{"together": 1, "bursts": 1, "of ada": 1}},
	} {
		if got := pair(c.a, c.b); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s and %s: %v, want %v", c.a, c.b, got, c.want)
		}
	}
	if share := s.Text("SELECT MAX(share) FROM pair_owners", nil); share != "1" {
		t.Errorf("who decided both clips of ada decided %s of them", share)
	}
	bolas := s.Text("SELECT clips || ' ' || approvals FROM owner_signals WHERE validator = {:me}", dbx.Params{"me": s.User(bola).Id})
	if bolas != "2 1" {
		t.Errorf("bola's clips and approvals of ada: %s", bolas)
	}
	if n := s.Int("SELECT COUNT(*) FROM clip_tallies WHERE watched = 0"); n != 0 {
		t.Errorf("%d clips are still to be watched", n)
	}
}

// TestSignalsWaitForTheExpert takes the way of a real escalation: bola and dayo
// approved what the expert rejects.
func TestSignalsWaitForTheExpert(t *testing.T) {
	s := experts(t)
	_, escalation := escalated(s, ada)
	watchAll(t, s)
	if got := signalRows(t, s); got != "" {
		t.Errorf("before the expert's word there is\n%s", got)
	}
	ruled(s, fatima, escalation, "reject")
	watchAll(t, s)
	pair := func(a, b string) string {
		a, b = s.User(a).Id, s.User(b).Id
		return s.Text("SELECT clips || ' ' || agreements || ' ' || together FROM pair_signals WHERE a = {:a} AND b = {:b}", dbx.Params{"a": min(a, b), "b": max(a, b)})
	}
	if both, one := pair(bola, dayo), pair(bola, chidi); both != "1 1 1" || one != "1 0 1" {
		t.Errorf("bola and dayo %s, bola and chidi %s", both, one)
	}
}

// TestWatchedAsTheyCome compares sums that grew with the clips, in parts and out
// of order, with those of the pure package over all clips at once.
func TestWatchedAsTheyCome(t *testing.T) {
	s := hookstest.Start(t)
	clips := strangers(160)
	language := s.Language("ha")
	var want collusion.Signals
	for i := range clips {
		// Every second one waits until the others were looked at.
		c := clips[(i*2)%len(clips)+(i*2)/len(clips)]
		e := plantClip(t, s, c)
		seen := collusion.Clip{Owner: c.owner, Language: language, Label: e.Outcome.Label(), Good: e.Posterior}
		if c.expert != "" {
			seen.Good = map[engine.Outcome]float64{engine.Approved: 1, engine.Rejected: 0}[c.expert]
		}
		for k, v := range c.votes {
			rates := crowd.Rates{Sensitivity: e.Votes[k].Sensitivity, Specificity: e.Votes[k].Specificity}
			seen.Votes = append(seen.Votes, collusion.Vote{Validator: v.who, Approve: v.approve, Rates: rates, At: v.at})
		}
		want.Add(seen)
		if i%37 == 0 {
			watchAll(t, s)
		}
	}
	watchAll(t, s)
	evidence := 0
	for key, sum := range want.Pairs {
		row := struct {
			Clips, Agreements, Together, Bursts int64
			Expected, Variance, Z               float64
		}{}
		err := s.App.DB().NewQuery("SELECT clips, agreements, together, bursts, expected, variance, z FROM pair_signals WHERE a = {:a} AND b = {:b} AND language = {:l}").
			Bind(dbx.Params{"a": key.A, "b": key.B, "l": key.Language}).One(&row)
		got := collusion.PairSum{
			Wrong:    collusion.Tally{Clips: row.Clips, Hits: row.Agreements, Expected: collusion.Mass(row.Expected), Variance: collusion.Mass(row.Variance)},
			Together: row.Together, Bursts: row.Bursts,
		}
		if err != nil || got != sum || row.Z != sum.Wrong.Z() {
			t.Errorf("%v: stored %+v, z %v, %v; from scratch %+v", key, got, row.Z, err, sum)
		}
		evidence += int(sum.Wrong.Clips)
	}
	for key, tally := range want.Affinities {
		row := struct {
			Clips, Approvals      int64
			Expected, Variance, Z float64
		}{}
		err := s.App.DB().NewQuery("SELECT clips, approvals, expected, variance, z FROM owner_signals WHERE validator = {:v} AND owner = {:o} AND language = {:l}").
			Bind(dbx.Params{"v": key.Validator, "o": key.Owner, "l": key.Language}).One(&row)
		got := collusion.Tally{Clips: row.Clips, Hits: row.Approvals, Expected: collusion.Mass(row.Expected), Variance: collusion.Mass(row.Variance)}
		if err != nil || got != tally || row.Z != tally.Z() {
			t.Errorf("%v: stored %+v, z %v, %v; from scratch %+v", key, got, row.Z, err, tally)
		}
	}
	for key, n := range want.PairOwners {
		if got := s.Int("SELECT clips FROM pair_owners WHERE a = {:a} AND b = {:b} AND owner = {:o}", dbx.Params{"a": key.A, "b": key.B, "o": key.Owner}); got != n {
			t.Errorf("%v: %d clips stored, from scratch %d", key, got, n)
		}
	}
	for table, rows := range map[string]int{"pair_signals": len(want.Pairs), "owner_signals": len(want.Affinities), "pair_owners": len(want.PairOwners)} {
		if n := s.Int("SELECT COUNT(*) FROM " + table); n != int64(rows) {
			t.Errorf("%d rows in %s, want %d", n, table, rows)
		}
	}
	if evidence < 100 {
		t.Errorf("only %d times did a clip say something about a pair", evidence)
	}
	off := s.Text(`
		SELECT COALESCE(SUM(p.share > 1.0 OR p.share < 1.0 * p.clips / (SELECT COUNT(*) FROM clip_tallies t WHERE t.owner = p.owner)), 0)
		FROM pair_owners p`, nil)
	if off != "0" {
		t.Errorf("%s shares are not of this world", off)
	}
}

// TestASweepThatDiesCountsNothingTwice lets the database refuse each of the
// tables in turn, and goes on afterwards.
func TestASweepThatDiesCountsNothingTwice(t *testing.T) {
	whole := hookstest.Start(t)
	broken := hookstest.Start(t)
	for _, c := range strangers(120) {
		plantClip(t, whole, c)
		plantClip(t, broken, c)
	}
	if err := consensus.Watch(whole.App, whole.Deps); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"clip_tallies", "pair_signals", "owner_signals", "pair_owners"} {
		event := "INSERT"
		if table == "clip_tallies" {
			event = "UPDATE"
		}
		run := func(statement string) {
			t.Helper()
			if _, err := broken.App.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
				t.Fatal(err)
			}
		}
		before := signalRows(t, broken)
		run("CREATE TRIGGER dies BEFORE " + event + " ON " + table + " BEGIN SELECT RAISE(ABORT, 'no'); END")
		if _, err := consensus.WatchSome(broken.App, broken.Deps.Clock.Now(), 7); err == nil {
			t.Errorf("%s refuses, and the sweep does not mind", table)
		}
		if after := signalRows(t, broken); after != before {
			t.Errorf("%s refuses, and something was written:\n%s", table, after)
		}
		run("DROP TRIGGER dies")
		if n, err := consensus.WatchSome(broken.App, broken.Deps.Clock.Now(), 7); n != 7 || err != nil {
			t.Errorf("afterwards %d clips were watched, %v", n, err)
		}
	}
	watchAll(t, broken)
	watchAll(t, broken)
	if got, want := signalRows(t, broken), signalRows(t, whole); got != want || want == "" {
		t.Errorf("with interruptions\n%s\nwithout\n%s", got, want)
	}
}

// TestSweepsAtTheSameTimeCountNothingTwice lets several look at the same clips.
func TestSweepsAtTheSameTimeCountNothingTwice(t *testing.T) {
	alone, together := hookstest.Start(t), hookstest.Start(t)
	const clips = 60
	for _, c := range strangers(clips) {
		plantClip(t, alone, c)
		plantClip(t, together, c)
	}
	watchAll(t, alone)
	now := together.Deps.Clock.Now()
	for together.Int("SELECT COUNT(*) FROM clip_tallies WHERE watched = 0") > 0 {
		start := make(chan struct{})
		var done sync.WaitGroup
		for range 4 {
			done.Go(func() {
				<-start
				if _, err := consensus.WatchSome(together.App, now, clips/4); err != nil && !errors.Is(err, consensus.ErrWatched) {
					t.Error(err)
				}
			})
		}
		close(start)
		done.Wait()
	}
	if got, want := signalRows(t, together), signalRows(t, alone); got != want {
		t.Errorf("together\n%s\nalone\n%s", got, want)
	}
}

func TestWhichClipsAreWatched(t *testing.T) {
	skill := crowd.Skill{Gold: crowd.Counts{TP: 12 * crowd.Answer, TN: 6 * crowd.Answer}}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	votes := func(signs string) []plantedVote {
		list := make([]plantedVote, len(signs))
		for i, sign := range signs {
			list[i] = plantedVote{fakeID("voter", i), sign == '+', skill, at}
		}
		return list
	}
	set := func(t *testing.T, s *hookstest.Server, statement string) {
		t.Helper()
		if _, err := s.App.NonconcurrentDB().NewQuery(statement).Execute(); err != nil {
			t.Fatal(err)
		}
	}
	cases := []struct {
		name    string
		clip    planted
		then    string // done to it before the sweep
		watched bool
		counted int64 // pairs that come of it
	}{
		{name: "approved", clip: planted{votes: votes("++")}, watched: true, counted: 1},
		{name: "rejected", clip: planted{votes: votes("-+--")}, watched: true, counted: 6},
		{name: "waiting for votes", clip: planted{votes: votes("+-")}},
		{name: "waiting for an expert", clip: planted{votes: votes("+-+-+-+")}},
		{name: "decided by an expert", clip: planted{votes: votes("+-+-+-+"), expert: engine.Approved}, watched: true, counted: 21},
		{name: "a control", clip: planted{votes: votes("++"), gold: "goldgoldgoldgol"}},
		{name: "withdrawn in doubt", clip: planted{votes: votes("+-")}, watched: true,
			then: "UPDATE clips SET status = 'withdrawn'; UPDATE clip_tallies SET open = 0"},
		{name: "withdrawn while waiting for an expert", clip: planted{votes: votes("+-+-+-+")}, watched: true, then: "UPDATE clips SET status = 'withdrawn'"},
		{name: "withdrawn after its verdict", clip: planted{votes: votes("++")}, watched: true, counted: 1, then: "UPDATE clips SET status = 'withdrawn'"},
		{name: "a verdict that does not follow", clip: planted{votes: votes("++")}, watched: true,
			then: "DROP TRIGGER verdicts_no_update; UPDATE verdicts SET explanation = replace(explanation, '\"posterior\":0.9', '\"posterior\":0.8')"},
		{name: "a vote that is gone", clip: planted{votes: votes("++")}, watched: true,
			then: "DROP TRIGGER votes_no_delete; DELETE FROM votes WHERE rowid = (SELECT MIN(rowid) FROM votes)"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := hookstest.Start(t)
			c.clip.id, c.clip.owner = fakeID("c", 1), fakeID("owner", 1)
			plantClip(t, s, c.clip)
			if c.then != "" {
				set(t, s, c.then)
			}
			watchAll(t, s)
			if watched := s.Int("SELECT watched FROM clip_tallies") == 1; watched != c.watched {
				t.Errorf("watched is %v", watched)
			}
			if n := s.Int("SELECT COUNT(*) FROM pair_signals"); n != c.counted {
				t.Errorf("%d pairs come of it, want %d", n, c.counted)
			}
		})
	}
}

// TestTheExpertsWordIsTheTruth: what the votes came to says nothing then, and a
// verdict that supersedes a final one is not counted again.
func TestTheExpertsWordIsTheTruth(t *testing.T) {
	s := hookstest.Start(t)
	skill := crowd.Skill{Gold: crowd.Counts{TP: 12 * crowd.Answer, TN: 6 * crowd.Answer}}
	c := planted{id: fakeID("c", 1), owner: fakeID("owner", 1), expert: engine.Rejected}
	for i := range 7 {
		c.votes = append(c.votes, plantedVote{fakeID("voter", i), i%2 == 0, skill, time.Date(2026, 3, 1, 12, 5*i, 0, 0, time.UTC)})
	}
	e := plantClip(t, s, c)
	watchAll(t, s)
	const expected = 4.0 * 3 / (7 * 6) // four of seven equals were wrong
	row := s.Text("SELECT json_array(COUNT(*), SUM(agreements), ROUND(MIN(expected), 6), ROUND(MAX(expected), 6)) FROM pair_signals WHERE clips = 1", nil)
	if want := fmt.Sprintf("[21,6,%v,%v]", math.Round(1e6*expected)/1e6, math.Round(1e6*expected)/1e6); row != want {
		t.Errorf("pairs %s, want %s", row, want)
	}
	approvals := s.Text("SELECT json_array(COUNT(*), SUM(approvals), ROUND(MAX(expected), 6)) FROM owner_signals", nil)
	if want := fmt.Sprintf("[7,4,%v]", math.Round(1e6*(1-e.Votes[0].Specificity))/1e6); approvals != want {
		t.Errorf("approvals %s, want %s: the clip is bad for sure", approvals, want)
	}
	before := signalRows(t, s)
	plantVerdict(t, s, c, e.Expert(engine.Approved, ""), 3)
	watchAll(t, s)
	if after := signalRows(t, s); after != before {
		t.Errorf("a later verdict was counted:\n%s", after)
	}
}

func TestVerdictsOfTheEngineBeforeCountToo(t *testing.T) {
	s := hookstest.Start(t)
	insertRow(t, s, "clips", dbx.Params{"id": fakeID("c", 1), "owner": fakeID("owner", 1), "language": s.Language("ha"), "status": "rejected", "media_sha256": "x"})
	insertRow(t, s, "clip_tallies", dbx.Params{"id": fakeID("c", 1), "clip": fakeID("c", 1), "language": s.Language("ha"), "owner": fakeID("owner", 1), "seq": 1, "votes": 6})
	stored, err := os.ReadFile("../../internal/consensus/testdata/fixed-1.json")
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.ParseExplanation(stored)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range e.Votes {
		insertRow(t, s, "votes", dbx.Params{"id": v.ID, "clip": fakeID("c", 1), "validator": fakeID("voter", i), "verdict": string(v.Choice), "created": "2026-03-01 12:00:00.000Z"})
	}
	plantVerdict(t, s, planted{id: fakeID("c", 1), owner: fakeID("owner", 1)}, e, 1)
	watchAll(t, s)
	if n := s.Int("SELECT COUNT(*) FROM pair_signals"); n != int64(len(e.Votes)*(len(e.Votes)-1)/2) {
		t.Errorf("%d pairs of %d voters", n, len(e.Votes))
	}
}

func TestThePlansOfTheSignals(t *testing.T) {
	s := hookstest.Start(t)
	keys := [][3]string{{"a", "b", "c"}, {"d", "e", "f"}}
	for _, c := range []struct{ query, uses string }{
		{consensus.SettledQuery, "SEARCH t USING INDEX idx_clip_tallies_unwatched (seq>?)"},
		{consensus.SettledQuery, "SEARCH v USING INDEX idx_verdicts_clip (clip=? AND revision=?)"},
		{"SELECT id, validator, created FROM votes WHERE clip IN ('a', 'b')", "SEARCH votes USING INDEX idx_votes_pair (clip=?)"},
		{consensus.DecidedQuery, "SEARCH clip_tallies USING INDEX idx_clip_tallies_owner (owner=?)"},
		{consensus.TriplesQuery("SELECT clips FROM pair_signals WHERE (a, b, language) IN", keys), "USING INDEX idx_pair_signals_pair (a=? AND b=? AND language=?)"},
		{consensus.TriplesQuery("SELECT clips FROM owner_signals WHERE (validator, owner, language) IN", keys), "USING INDEX idx_owner_signals_pair (validator=? AND owner=? AND language=?)"},
		{consensus.TriplesQuery("SELECT clips FROM pair_owners WHERE (a, b, owner) IN", keys), "USING INDEX idx_pair_owners_trio (a=? AND b=? AND owner=?)"},
		{consensus.PairsQuery, "SEARCH pair_signals USING INDEX idx_pair_signals_z (z>?)"},
		{consensus.AffinitiesQuery, "SEARCH owner_signals USING INDEX idx_owner_signals_z (z>?)"},
		{consensus.FavouriteQuery, "SEARCH pair_owners USING INDEX idx_pair_owners_trio (a=? AND b=?)"},
		{consensus.ExcludedQuery, "SCAN trust USING INDEX idx_trust_assessed"},
		{consensus.OneAnswerQuery, "SCAN skills USING INDEX idx_skills_pair"},
	} {
		plan := planOfSignals(t, s, c.query)
		if !strings.Contains(plan, c.uses) {
			t.Errorf("%s\nplan:\n%s\nwant %s", c.query, plan, c.uses)
		}
	}
}
