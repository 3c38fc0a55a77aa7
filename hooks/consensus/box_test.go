package consensus_test

import (
	"sync"
	"testing"

	"github.com/lingualink/lingualink/internal/apptest"
)

// TestABallotThatFailsDoesNotSpoilTheOthers lets one voter's rows be refused by
// the database while others vote at the same moment.
func TestABallotThatFailsDoesNotSpoilTheOthers(t *testing.T) {
	s := open(t)
	voters := []string{bola, chidi, dayo, emeka, fatima, musa}
	for _, who := range voters {
		s.Token(who)
	}
	unlucky := s.User(dayo).Id
	_, err := s.App.NonconcurrentDB().NewQuery(
		"CREATE TRIGGER unlucky BEFORE INSERT ON votes WHEN NEW.validator = '" + unlucky + "' BEGIN SELECT RAISE(ABORT, 'no'); END").Execute()
	if err != nil {
		t.Fatal(err)
	}
	const rounds = 10
	for range rounds {
		clips := make([]string, len(voters))
		for i := range clips {
			clips[i] = s.Clip(ada) // one each, so that no vote comes too late
		}
		answers := make([]apptest.Answer, len(voters))
		start := make(chan struct{})
		var done sync.WaitGroup
		for i, who := range voters {
			done.Go(func() {
				<-start
				answers[i] = s.Vote(who, clips[i], "approve")
			})
		}
		close(start)
		done.Wait()
		for i, answer := range answers {
			if voters[i] == dayo {
				s.Want(answer, 500, "internal")
			} else {
				s.Want(answer, 200, "")
			}
		}
	}
	if n := s.Int("SELECT COUNT(*) FROM votes"); n != rounds*int64(len(voters)-1) {
		t.Errorf("%d votes are stored, want %d", n, rounds*(len(voters)-1))
	}
	if n := s.Int("SELECT SUM(votes) FROM clip_tallies"); n != rounds*int64(len(voters)-1) {
		t.Errorf("%d votes are counted", n)
	}
}
