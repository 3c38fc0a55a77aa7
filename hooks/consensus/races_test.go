package consensus_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/internal/apptest"
)

func TestSixAtOnceBringOneVerdict(t *testing.T) {
	s := open(t)
	voters := []string{bola, chidi, dayo, emeka, fatima, musa}
	for _, who := range voters {
		s.Token(who)
	}
	const rounds = 15
	for range rounds {
		clip := s.Clip(ada)
		answers := make([]apptest.Answer, len(voters))
		start := make(chan struct{})
		var done sync.WaitGroup
		for i, who := range voters {
			done.Go(func() {
				<-start
				answers[i] = s.Vote(who, clip, "approve")
			})
		}
		close(start)
		done.Wait()
		cast := 0
		for _, answer := range answers {
			if answer.Status == http.StatusOK {
				cast++
			} else {
				s.Want(answer, 409, "clip_decided")
			}
		}
		if cast != 3 {
			t.Errorf("%d votes were cast, want 3", cast)
		}
	}
	if n := s.Int("SELECT COUNT(*) FROM verdicts"); n != rounds {
		t.Errorf("%d verdicts, want %d", n, rounds)
	}
	if got := s.Balance(ada)["pending"]; got != 15000*rounds {
		t.Errorf("ada has %d, want %d", got, 15000*rounds)
	}
	if got := s.Int("SELECT SUM(amount_minor) FROM rewards WHERE rule = 'validation'"); got != 3*1500*rounds {
		t.Errorf("validators earned %d, want %d", got, 3*1500*rounds)
	}
}

func TestAFailureAfterTheVoteLeavesNothing(t *testing.T) {
	s := open(t)
	clip := s.Clip(ada)
	s.Want(s.Vote(bola, clip, "approve"), 200, "")
	s.Want(s.Vote(chidi, clip, "approve"), 200, "")
	if _, err := s.App.NonconcurrentDB().NewQuery("CREATE TRIGGER fail BEFORE INSERT ON jobs BEGIN SELECT RAISE(ABORT, 'no'); END").Execute(); err != nil {
		t.Fatal(err)
	}
	tables := []string{"votes", "verdicts", "rewards", "ledger_txs", "notifications", "jobs"}
	before := map[string]int64{}
	for _, table := range tables {
		before[table] = s.Int("SELECT COUNT(*) FROM " + table)
	}
	s.Want(s.Vote(dayo, clip, "approve"), 500, "internal")
	for _, table := range tables {
		if after := s.Int("SELECT COUNT(*) FROM " + table); after != before[table] {
			t.Errorf("%s went from %d to %d rows", table, before[table], after)
		}
	}
	if status := s.Text("SELECT status FROM clips WHERE id = {:id}", dbx.Params{"id": clip}); status != "pending" {
		t.Errorf("the clip is %s", status)
	}
	if _, err := s.App.NonconcurrentDB().NewQuery("DROP TRIGGER fail").Execute(); err != nil {
		t.Fatal(err)
	}
	s.Want(s.Vote(dayo, clip, "approve"), 200, "")
}

func TestVotesAreFinal(t *testing.T) {
	s := open(t)
	s.Want(s.Vote(bola, s.Clip(ada), "approve"), 200, "")
	vote := s.Text("SELECT id FROM votes", nil)
	for _, who := range []string{ada, bola, musa, apptest.Guest, apptest.Admin} {
		if answer := s.Do(who, "PATCH", votes+"/"+vote, map[string]any{"verdict": "reject"}); answer.Status < 400 {
			t.Errorf("%q changed a vote", who)
		}
		if answer := s.Do(who, "DELETE", votes+"/"+vote, nil); answer.Status < 400 {
			t.Errorf("%q removed a vote", who)
		}
	}
	if rows := s.Do(bola, "GET", votes, nil).Items("items"); len(rows) != 1 || rows[0]["rewarded"] != nil {
		t.Errorf("bola sees %v", rows)
	}
}
