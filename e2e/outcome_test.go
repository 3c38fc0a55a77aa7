package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/lingualink/lingualink/e2e/harness"
	"github.com/lingualink/lingualink/internal/consensus"
)

type verdictRow struct {
	ID          string          `json:"id"`
	Clip        string          `json:"clip"`
	Owner       string          `json:"owner"`
	Revision    int             `json:"revision"`
	Outcome     string          `json:"outcome"`
	Votes       int             `json:"votes"`
	Explanation json.RawMessage `json:"explanation"`
}

// outcome is everything that votes led to, as it is stored.
type outcome struct {
	clips    map[string]clipRow
	votes    map[string]voteRow   // by id
	ballots  map[string][]voteRow // by clip
	verdicts []verdictRow
}

func readOutcome(t *testing.T, server *harness.Server) outcome {
	t.Helper()
	admin := server.Admin(t)
	read := outcome{clips: map[string]clipRow{}, votes: map[string]voteRow{}, ballots: map[string][]voteRow{}}
	for _, clip := range harness.List[clipRow](t, admin, "clips", "") {
		read.clips[clip.ID] = clip
	}
	for _, vote := range harness.List[voteRow](t, admin, "votes", "") {
		read.votes[vote.ID] = vote
		read.ballots[vote.Clip] = append(read.ballots[vote.Clip], vote)
	}
	read.verdicts = harness.List[verdictRow](t, admin, "verdicts", "")
	return read
}

// checkVerdicts proves that every clip has exactly the verdict that its stored
// votes come to, made from exactly these votes, and none that they do not.
func (o outcome) checkVerdicts(t *testing.T, policy consensus.Policy) {
	t.Helper()
	decided := map[string]int{}
	for _, verdict := range o.verdicts {
		decided[verdict.Clip]++
		if err := o.checkVerdict(verdict, policy); err != nil {
			t.Errorf("verdict %s on clip %s: %v", verdict.ID, verdict.Clip, err)
		}
	}
	for id, clip := range o.clips {
		if n := decided[id]; n > 1 {
			t.Errorf("clip %s has %d verdicts", id, n)
		}
		if decided[id] > 0 {
			continue
		}
		if clip.Status != "pending" {
			t.Errorf("clip %s is %s without a verdict", id, clip.Status)
		}
		if says := o.decide(id, policy); says != consensus.Undecided {
			t.Errorf("clip %s has no verdict, its votes say %s", id, says)
		}
	}
}

func (o outcome) checkVerdict(verdict verdictRow, policy consensus.Policy) error {
	explanation, err := consensus.ParseExplanation(verdict.Explanation)
	if err != nil {
		return err
	}
	if _, err := consensus.Replay(explanation); err != nil {
		return err
	}
	var counted, stored []string
	for _, vote := range explanation.Votes {
		counted = append(counted, vote.ID)
	}
	for _, vote := range o.ballots[verdict.Clip] {
		stored = append(stored, vote.ID)
	}
	slices.Sort(stored)
	clip := o.clips[verdict.Clip]
	switch {
	case verdict.Revision != 1:
		return fmt.Errorf("revision %d", verdict.Revision)
	case string(explanation.Outcome) != verdict.Outcome:
		return fmt.Errorf("it is %s, explained as %s", verdict.Outcome, explanation.Outcome)
	case string(o.decide(verdict.Clip, policy)) != verdict.Outcome:
		return fmt.Errorf("it is %s, the stored votes say %s", verdict.Outcome, o.decide(verdict.Clip, policy))
	case clip.Status != verdict.Outcome:
		return fmt.Errorf("the clip is %s, the verdict %s", clip.Status, verdict.Outcome)
	case clip.Owner != verdict.Owner:
		return fmt.Errorf("it is for %s, the clip is of %s", verdict.Owner, clip.Owner)
	case verdict.Votes != len(stored) || !slices.Equal(counted, stored):
		return fmt.Errorf("it counted %v, stored are %v", counted, stored)
	}
	return nil
}

// decide weighs the stored votes of a clip anew.
func (o outcome) decide(clip string, policy consensus.Policy) consensus.Outcome {
	var votes []consensus.Vote
	for _, vote := range o.ballots[clip] {
		votes = append(votes, consensus.Vote{
			ID: vote.ID, Choice: consensus.Choice(vote.Verdict),
		})
	}
	return consensus.Decide(&policy, 1, consensus.Language{}, votes).Outcome
}

// parsed is the policy that the values make of the defaults.
func parsed(t *testing.T, values map[string]any) consensus.Policy {
	t.Helper()
	raw, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := consensus.ParsePolicy(raw)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// rewards are the amounts that the verdicts and votes come to, by the key of
// each reward.
func (o outcome) rewards() map[string]rewardRow {
	earned := map[string]rewardRow{}
	for _, verdict := range o.verdicts {
		add := func(rule, user string, minor int64) {
			key := "reward:" + rule + ":" + verdict.ID + ":" + user
			earned[key] = rewardRow{Key: key, User: user, AmountMinor: minor}
		}
		agreed := map[string]string{"approved": "approve", "rejected": "reject"}[verdict.Outcome]
		for _, vote := range o.ballots[verdict.Clip] {
			if vote.Verdict == agreed {
				add("validation", vote.Validator, validationMinor)
			}
		}
		if verdict.Outcome == "approved" {
			add("clip", verdict.Owner, clipMinor)
		}
	}
	return earned
}

type rewardRow struct {
	Key         string `json:"key"`
	User        string `json:"user"`
	AmountMinor int64  `json:"amount_minor"`
}

// checkMoney proves that everybody was paid exactly once and exactly what the
// verdicts say, by rewards and by wallets. Nothing is released or paid out in
// these tests, and every campaign has enough.
func (o outcome) checkMoney(t *testing.T, server *harness.Server, people []*harness.Person) {
	t.Helper()
	want := o.rewards()
	stored := map[string]rewardRow{}
	for _, reward := range harness.List[rewardRow](t, server.Admin(t), "rewards", `state = "pending"`) {
		if _, twice := stored[reward.Key]; twice {
			t.Errorf("reward %s exists twice", reward.Key)
		}
		stored[reward.Key] = reward
	}
	if !maps.Equal(want, stored) {
		t.Errorf("%d rewards are stored, want %d; first difference: %s", len(stored), len(want), firstDifference(want, stored))
	}
	earned := map[string]int64{}
	for _, reward := range want {
		earned[reward.User] += reward.AmountMinor
	}
	for _, person := range people {
		minor := earned[person.ID]
		delete(earned, person.ID)
		wantWallet := harness.Balance{Currency: "NGN", PendingMinor: minor, EarnedMinor: minor}
		if got := person.Wallet(t, "NGN"); got != wantWallet {
			t.Errorf("the wallet of %s is %+v, want %+v", person.Username, got, wantWallet)
		}
	}
	if len(earned) > 0 {
		t.Errorf("people who are not in the test earned: %v", earned)
	}
}

func firstDifference(want, got map[string]rewardRow) string {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if got[key] != want[key] {
			return fmt.Sprintf("want %+v, stored %+v", want[key], got[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[key]; !ok {
			return fmt.Sprintf("nobody earned %+v", got[key])
		}
	}
	return "none"
}
