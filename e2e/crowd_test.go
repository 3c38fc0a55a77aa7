package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/lingualink/lingualink/e2e/harness"
)

const (
	crowdOwners     = 8
	crowdValidators = 16
	crowdClips      = 120
	crowdHands      = 4 // clips that a validator fetches at a time
	mostRounds      = 200
)

// TestTheCrowdWorksTheQueue has 16 validators fetch clips and vote on them, all
// at the same moments, under the policy that a new server has: leases, listening
// time, best of three, nobody known yet. Between their own votes they try votes
// on what others hold. It proves from outside that only leased votes count, that
// no clip gets a second verdict of the crowd or a vote too many, that everything
// verifies, and that those who came to be known are paid what they accrued.
func TestTheCrowdWorksTheQueue(t *testing.T) {
	clock := harness.NewClock(t)
	server := harness.Start(t, harness.Options{Env: []string{"LL_RATE_LIMITS=off", clock.Env()}})
	language := server.Language(t, "ha")
	fund(t, server, plenty)
	owners := server.SignUpMany(t, "owner", crowdOwners, language)
	for _, owner := range owners {
		owner.Consent(t)
	}
	c := &crowd{
		server: server, clock: clock, validators: server.SignUpMany(t, "validator", crowdValidators, language),
		good: map[string]bool{}, random: rand.New(rand.NewPCG(raceSeed, 3)), acknowledged: map[string]voteRow{},
	}
	for i, clip := range uploadMany(t, owners, language, crowdClips) {
		c.good[clip] = i%8 != 3
	}
	for rounds := 0; c.pending(t) > 0; rounds++ {
		if rounds == mostRounds {
			t.Fatalf("%d clips still wait after %d rounds and %d votes", c.pending(t), rounds, len(c.acknowledged))
		}
		c.round(t)
	}
	c.check(t)
	c.checkPay(t)
}

// crowd is the validators at work.
type crowd struct {
	server     *harness.Server
	clock      *harness.Clock
	validators []*harness.Person
	good       map[string]bool // the truth, by clip
	random     *rand.Rand

	mu           sync.Mutex
	acknowledged map[string]voteRow
	strays       int // votes without a lease that were refused
}

type queueItem struct {
	Assignment string `json:"assignment"`
	Clip       string `json:"clip"`
}

func (c *crowd) pending(t *testing.T) int {
	return len(harness.List[clipRow](t, c.server.Admin(t), "clips", `status = "pending"`))
}

// round fetches and votes on what everybody got.
func (c *crowd) round(t *testing.T) {
	t.Helper()
	hands := make([][]queueItem, len(c.validators))
	c.everybody(t, func(v int) error {
		var answer struct {
			Data struct {
				Items []queueItem `json:"items"`
			} `json:"data"`
		}
		got, err := c.validators[v].Do(t.Context(), http.MethodGet, fmt.Sprintf("/api/lingualink/queue?limit=%d", crowdHands), nil)
		if err != nil || got.Status != http.StatusOK {
			return fmt.Errorf("the queue of validator %d: %s %w", v, got, err)
		}
		hands[v], err = answer.Data.Items, json.Unmarshal(got.Raw, &answer)
		hands[v] = answer.Data.Items
		return err
	})
	for turn := range crowdHands {
		c.clock.Advance(t, 5*time.Second) // longer than any clip
		choices := make([]string, len(c.validators))
		for v, hand := range hands {
			if turn < len(hand) {
				choices[v] = c.choice(hand[turn].Clip)
			}
		}
		c.everybody(t, func(v int) error { return c.vote(t.Context(), v, hands, turn, choices[v]) })
	}
	c.clock.Advance(t, time.Minute) // those for whom a better validator was hoped come back
}

// choice is right as often as people of the field trials were.
func (c *crowd) choice(clip string) string {
	if c.good[clip] == (c.random.Float64() < map[bool]float64{true: 0.95, false: 0.80}[c.good[clip]]) {
		return "approve"
	}
	return "reject"
}

// vote casts the validator's own vote and then one on what the neighbour holds.
func (c *crowd) vote(ctx context.Context, v int, hands [][]queueItem, turn int, choice string) error {
	if turn < len(hands[v]) {
		vote := voteRow{ID: harness.NewID(), Clip: hands[v][turn].Clip, Validator: c.validators[v].ID, Verdict: choice}
		answer, err := c.validators[v].Vote(ctx, vote.ID, vote.Clip, vote.Verdict)
		switch {
		case err != nil:
			return err
		case answer.Status == http.StatusOK:
			c.mu.Lock()
			c.acknowledged[vote.ID] = vote
			c.mu.Unlock()
		case answer.Code() != "clip_decided":
			return fmt.Errorf("validator %d on a clip of the own queue: %s", v, answer)
		}
	}
	others := hands[(v+1)%len(hands)]
	if turn >= len(others) || holds(hands[v], others[turn].Clip) {
		return nil
	}
	answer, err := c.validators[v].Vote(ctx, harness.NewID(), others[turn].Clip, "approve")
	if err != nil {
		return err
	}
	switch answer.Code() {
	case "assignment_required", "already_voted", "clip_decided":
		c.mu.Lock()
		c.strays++
		c.mu.Unlock()
		return nil
	}
	return fmt.Errorf("validator %d on a clip that somebody else holds: %s", v, answer)
}

func holds(hand []queueItem, clip string) bool {
	for _, item := range hand {
		if item.Clip == clip {
			return true
		}
	}
	return false
}

// everybody does something at the same moment.
func (c *crowd) everybody(t *testing.T, do func(v int) error) {
	t.Helper()
	start := make(chan struct{})
	failures := make([]error, len(c.validators))
	var done sync.WaitGroup
	for v := range c.validators {
		done.Go(func() {
			<-start
			failures[v] = do(v)
		})
	}
	close(start)
	done.Wait()
	for _, err := range failures {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (c *crowd) check(t *testing.T) {
	t.Helper()
	stored := readOutcome(t, c.server)
	checkAcknowledged(t, c.acknowledged, stored)
	leased := map[string]bool{}
	type assignmentRow struct {
		Clip      string `json:"clip"`
		Validator string `json:"validator"`
	}
	for _, a := range harness.List[assignmentRow](t, c.server.Admin(t), "assignments", `state = "voted"`) {
		leased[a.Clip+a.Validator] = true
	}
	for _, vote := range stored.votes {
		if !leased[vote.Clip+vote.Validator] {
			t.Errorf("vote %s was cast without a lease", vote.ID)
		}
	}
	for clip, votes := range stored.ballots {
		if len(votes) > 7 {
			t.Errorf("clip %s got %d votes", clip, len(votes))
		}
	}
	outcomes, wrong := map[string]int{}, 0
	verdicts := map[string]int{}
	for _, verdict := range stored.verdicts {
		verdicts[verdict.Clip]++
		outcomes[verdict.Outcome]++
		if verdict.Outcome != "escalated" && (verdict.Outcome == "approved") != c.good[verdict.Clip] {
			wrong++
		}
	}
	for clip := range c.good {
		if verdicts[clip] != 1 {
			t.Errorf("clip %s has %d verdicts", clip, verdicts[clip])
		}
	}
	if c.strays == 0 || outcomes["approved"] == 0 || outcomes["rejected"] == 0 {
		t.Errorf("%d votes without a lease, verdicts %v: they prove nothing", c.strays, outcomes)
	}
	if wrong > crowdClips/20 {
		t.Errorf("%d of %d verdicts are wrong", wrong, crowdClips)
	}
	c.server.Command(t, "consensus", "verify")
	c.server.VerifyLedger(t)
	c.server.VerifyAudit(t)
	t.Logf("%d votes on %d clips, %d refused without a lease; verdicts %v, %d of them wrong", len(stored.votes), crowdClips, c.strays, outcomes, wrong)
}

// checkPay waits for the assessments and proves that nobody who is known still
// waits for pay, and that every wallet is the sum of its rewards.
func (c *crowd) checkPay(t *testing.T) {
	t.Helper()
	c.clock.Advance(t, 2*time.Hour)
	type reward struct {
		User        string `json:"user"`
		Language    string `json:"language"`
		State       string `json:"state"`
		Rule        string `json:"rule"`
		AmountMinor int64  `json:"amount_minor"`
	}
	type trustRow struct {
		Validator string `json:"validator"`
		State     string `json:"state"`
	}
	harness.Eventually(t, "the proven are paid what they accrued", func() (bool, error) {
		proven := map[string]bool{}
		for _, row := range harness.List[trustRow](t, c.server.Admin(t), "trust", "") {
			proven[row.Validator] = row.State != "unproven"
		}
		if len(proven) < crowdValidators {
			return false, nil
		}
		for _, r := range harness.List[reward](t, c.server.Admin(t), "rewards", `state = "accruing"`) {
			if proven[r.User] {
				return false, nil
			}
		}
		return true, nil
	})
	earned, paid := map[string]int64{}, 0
	for _, r := range harness.List[reward](t, c.server.Admin(t), "rewards", `state = "pending"`) {
		earned[r.User] += r.AmountMinor
		if r.Rule == "validation" {
			paid++
		}
	}
	if paid == 0 {
		t.Error("no vote was paid")
	}
	for _, validator := range c.validators {
		if wallet := validator.Wallet(t, "NGN"); wallet.PendingMinor != earned[validator.ID] {
			t.Errorf("the wallet of %s holds %d pending, the rewards say %d", validator.Username, wallet.PendingMinor, earned[validator.ID])
		}
	}
	c.server.VerifyLedger(t)
}
