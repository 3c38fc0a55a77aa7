package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/lingualink/lingualink/e2e/harness"
)

const (
	raceOwners     = 4
	raceValidators = 16
	raceClips      = 500
	racedAtOnce    = 8 // clips in flight
	raceSeed       = 20261122
)

// TestEveryoneVotesAtOnce has 16 validators vote on each of 500 clips at the
// same moment, and proves from outside that each clip got one verdict from
// exactly the votes that were acknowledged, and that everybody who agreed was
// paid once.
func TestEveryoneVotesAtOnce(t *testing.T) {
	server := harness.Start(t, harness.Options{Env: []string{"LL_RATE_LIMITS=off"}})
	server.SetPolicy(t, "consensus", openPolicy)
	server.SetPolicy(t, "rewards", flatPay)
	language := server.Language(t, "ha")
	fund(t, server, plenty)
	owners := server.SignUpMany(t, "owner", raceOwners, language)
	for _, owner := range owners {
		owner.Consent(t)
	}
	validators := server.SignUpMany(t, "validator", raceValidators, language)

	clips := uploadMany(t, owners, language, raceClips)
	acknowledged := race(t, validators, clips)
	stored := readOutcome(t, server)

	if len(stored.clips) != raceClips || len(stored.verdicts) == 0 {
		t.Fatalf("%d clips and %d verdicts are stored", len(stored.clips), len(stored.verdicts))
	}
	checkAcknowledged(t, acknowledged, stored)
	stored.checkVerdicts(t, parsed(t, openPolicy))
	stored.checkMoney(t, server, append(owners, validators...))
	server.VerifyLedger(t)
	server.VerifyAudit(t)
	outcomes := map[string]int{}
	for _, verdict := range stored.verdicts {
		outcomes[verdict.Outcome]++
	}
	for _, expected := range []string{"approved", "rejected", "escalated"} {
		if outcomes[expected] == 0 {
			t.Errorf("no clip was %s: the votes are too much alike to prove anything", expected)
		}
	}
	t.Logf("%d votes acknowledged, %d refused; verdicts %v", len(acknowledged), raceClips*raceValidators-len(acknowledged), outcomes)
}

func fund(t *testing.T, server *harness.Server, minor int64) {
	t.Helper()
	answer, err := server.Admin(t).Fund(t.Context(), server.GeneralCampaign(t), minor, harness.NewID())
	if err != nil || answer.Status != http.StatusOK {
		t.Fatalf("funding: %s %v", answer, err)
	}
}

// uploadMany spreads n clips over the owners and returns their ids.
func uploadMany(t *testing.T, owners []*harness.Person, language string, n int) []string {
	t.Helper()
	clips := make([]string, n)
	err := harness.Each(t.Context(), 4, n, func(ctx context.Context, i int) error {
		clips[i] = harness.NewID()
		answer, err := owners[i%len(owners)].Upload(ctx, clips[i], language, harness.Voice(uint64(i)))
		if err == nil && answer.Status != http.StatusOK {
			err = fmt.Errorf("upload %d: %s", i, answer)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return clips
}

// race lets all validators vote on each clip behind a barrier and returns the
// votes that were acknowledged. Any answer but 200 and 409 clip_decided ends
// the test.
func race(t *testing.T, validators []*harness.Person, clips []string) map[string]voteRow {
	t.Helper()
	var mu sync.Mutex
	acknowledged := map[string]voteRow{}
	err := harness.Each(t.Context(), racedAtOnce, len(clips), func(ctx context.Context, i int) error {
		choices := choicesFor(i, len(validators))
		start := make(chan struct{})
		failures := make([]error, len(validators))
		var ready, done sync.WaitGroup
		for v, validator := range validators {
			ready.Add(1)
			done.Go(func() {
				vote := voteRow{ID: harness.NewID(), Clip: clips[i], Validator: validator.ID, Verdict: choices[v]}
				ready.Done()
				<-start
				answer, err := validator.Vote(ctx, vote.ID, vote.Clip, vote.Verdict)
				switch {
				case err != nil:
					failures[v] = err
				case answer.Status == http.StatusOK:
					mu.Lock()
					acknowledged[vote.ID] = vote
					mu.Unlock()
				case answer.Status != http.StatusConflict || answer.Code() != "clip_decided":
					failures[v] = fmt.Errorf("clip %d, validator %d: %s", i, v, answer)
				}
			})
		}
		ready.Wait()
		close(start)
		done.Wait()
		at := slices.IndexFunc(failures, func(err error) bool { return err != nil })
		if at >= 0 {
			return failures[at]
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return acknowledged
}

// choicesFor makes most clips good, every fifth bad and some doubtful, with
// validators who err now and then.
func choicesFor(clip, validators int) []string {
	random := rand.New(rand.NewPCG(raceSeed, uint64(clip)))
	approves := 0.9
	switch clip % 10 {
	case 3, 7:
		approves = 0.1
	case 5:
		approves = 0.35
	}
	choices := make([]string, validators)
	for v := range choices {
		choices[v] = "reject"
		if random.Float64() < approves {
			choices[v] = "approve"
		}
	}
	return choices
}

// checkAcknowledged proves that what is stored is what was answered with 200.
func checkAcknowledged(t *testing.T, acknowledged map[string]voteRow, stored outcome) {
	t.Helper()
	if len(acknowledged) != len(stored.votes) {
		t.Errorf("%d votes were acknowledged, %d are stored", len(acknowledged), len(stored.votes))
	}
	for id, vote := range acknowledged {
		if stored.votes[id] != vote {
			t.Errorf("acknowledged was %+v, stored is %+v", vote, stored.votes[id])
		}
	}
}
