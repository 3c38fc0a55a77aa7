// Bench measures how many votes a second the built server takes over HTTP, each
// on a clip that was handed out to the voter and with everything that follows
// from it (tally, verdict, skills, ledger, rewards, jobs), on disk before it is
// acknowledged. Beside it, in turns on the same machine, it
// measures plain PocketBase creating a record of one text field with the same
// durability. It refuses to judge: it prints both rates and their ratio.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/lingualink/lingualink/e2e/harness"
)

const (
	rounds       = 5
	writers      = 16  // people, each on a connection of its own
	clips        = 200 // per round
	votesPerClip = 3   // as many approvals as the default policy needs
	writes       = clips * votesPerClip
	plenty       = 1_000_000_000_000
)

func main() {
	os.Exit(run(bench))
}

func bench(t harness.TB) {
	server := harness.Start(t, harness.Options{Env: []string{"LL_RATE_LIMITS=off"}})
	plain := harness.Start(t, harness.Options{Binary: harness.Build(t, "./e2e/bench/plain")})
	language := prepare(t, server)
	owner := server.SignUp(t, "owner", language)
	owner.Consent(t)
	voters := server.SignUpMany(t, "voter", writers, language)
	authors := plain.SignUpMany(t, "author", writers)

	fmt.Printf("%d people at once, %d requests a round, every answer after the write is on disk\n", writers, writes)
	var votes, creates []float64
	for round := range rounds {
		upload(t, owner, language, round)
		votes = append(votes, voteRate(t, voters))
		creates = append(creates, writes/elapsed(t, writes, func(ctx context.Context, i int) (harness.Answer, error) {
			return authors[i%writers].Do(ctx, http.MethodPost, "/api/collections/notes/records", map[string]string{"text": harness.NewID()})
		}).Seconds())
		fmt.Printf("round %d: %5.0f votes/s, %5.0f bare records/s\n", round+1, votes[round], creates[round])
	}
	checkAllDecided(t, server)
	voteRate, bareRate := median(votes), median(creates)
	fmt.Printf("median:  %5.0f votes/s, %5.0f bare records/s: a vote costs %.1f bare records\n", voteRate, bareRate, bareRate/voteRate)
	benchLive(t, authors)
	benchQueue(t)
}

// prepare lets everybody vote on everything, and pays for it.
func prepare(t harness.TB, server *harness.Server) (language string) {
	t.Helper()
	server.SetPolicy(t, "consensus", map[string]any{
		"cooldown_s": 0, "daily_cap": 0, "min_listen": 0, "random_share": 1, "owner_votes": 0,
		"sensitivity_prior": map[string]any{"hits": 900, "misses": 100}, "specificity_prior": map[string]any{"hits": 750, "misses": 250},
	})
	server.SetPolicy(t, "rewards", map[string]any{"validation_pay": "agreement"})
	answer, err := server.Admin(t).Fund(context.Background(), server.GeneralCampaign(t), plenty, harness.NewID())
	if err != nil || answer.Status != http.StatusOK {
		t.Fatalf("funding: %s %v", answer, err)
	}
	return server.Language(t, "ha")
}

func upload(t harness.TB, owner *harness.Person, language string, round int) {
	t.Helper()
	err := harness.Each(context.Background(), 4, clips, func(ctx context.Context, i int) error {
		return succeeded(owner.Upload(ctx, harness.NewID(), language, harness.Voice(uint64(round*clips+i))))
	})
	if err != nil {
		t.Fatalf("uploading: %v", err)
	}
}

// voteRate is how many votes a second are acknowledged, until every clip has all
// it needs. The time in which clips are handed out in between does not count.
func voteRate(t harness.TB, voters []*harness.Person) float64 {
	t.Helper()
	type ballot struct {
		voter *harness.Person
		clip  string
	}
	var took time.Duration
	cast := 0
	for cast < writes {
		hands := make([][]string, len(voters))
		elapsed(t, len(voters), func(ctx context.Context, i int) (answer harness.Answer, err error) {
			hands[i], answer, err = takeClips(ctx, voters[i])
			return answer, err
		})
		ballots := []ballot{}
		for n := range perHand { // in turns, so that the voters of a moment differ
			for i, hand := range hands {
				if n < len(hand) {
					ballots = append(ballots, ballot{voters[i], hand[n]})
				}
			}
		}
		if len(ballots) == 0 {
			t.Fatalf("after %d votes nothing is handed out", cast)
		}
		cast += len(ballots)
		took += elapsed(t, len(ballots), func(ctx context.Context, i int) (harness.Answer, error) {
			return ballots[i].voter.Vote(ctx, harness.NewID(), ballots[i].clip, "approve")
		})
	}
	return float64(cast) / took.Seconds()
}

// elapsed is how long it takes until so many requests are acknowledged; each must
// be.
func elapsed(t harness.TB, requests int, request func(ctx context.Context, i int) (harness.Answer, error)) time.Duration {
	t.Helper()
	began := time.Now()
	err := harness.Each(context.Background(), writers, requests, func(ctx context.Context, i int) error {
		return succeeded(request(ctx, i))
	})
	if err != nil {
		t.Fatalf("%v", err)
	}
	return time.Since(began)
}

func succeeded(answer harness.Answer, err error) error {
	if err == nil && answer.Status != http.StatusOK {
		err = fmt.Errorf("%s", answer)
	}
	return err
}

// checkAllDecided proves that the votes had their full consequences.
func checkAllDecided(t harness.TB, server *harness.Server) {
	t.Helper()
	type row struct {
		ID string `json:"id"`
	}
	decided := len(harness.List[row](t, server.Admin(t), "verdicts", `outcome = "approved"`))
	paid := len(harness.List[row](t, server.Admin(t), "rewards", `state = "pending"`))
	if decided != rounds*clips || paid != rounds*clips*(1+votesPerClip) {
		t.Fatalf("%d clips were approved and %d rewards earned", decided, paid)
	}
	server.VerifyLedger(t)
}

func median(rates []float64) float64 {
	sorted := slices.Sorted(slices.Values(rates))
	return sorted[len(sorted)/2]
}
