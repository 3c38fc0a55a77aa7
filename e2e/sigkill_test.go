package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/lingualink/lingualink/e2e/harness"
)

const (
	killRounds     = 20
	killOwners     = 3
	killValidators = 10
)

// TestKilledWhileVoting kills the server 20 times under uploads, votes and
// fundings, and proves each time that nothing that was acknowledged is lost,
// nothing happened in part or twice, and every effect arrives once.
func TestKilledWhileVoting(t *testing.T) {
	server := harness.Start(t, harness.Options{Env: []string{"LL_RATE_LIMITS=off"}})
	server.SetPolicy(t, "consensus", openPolicy)
	server.SetPolicy(t, "rewards", flatPay)
	language := server.Language(t, "yo")
	fund(t, server, plenty)
	load := &assault{
		server: server, language: language, campaign: server.GeneralCampaign(t), admin: server.Admin(t),
		owners:     server.SignUpMany(t, "owner", killOwners, language),
		validators: server.SignUpMany(t, "validator", killValidators, language),
		places:     make([]int, killValidators),
		journal:    newJournal(),
	}
	for _, owner := range load.owners {
		owner.Consent(t)
	}
	harness.KillRounds(t, server, harness.Rounds{
		Rounds: killRounds, Seed: rand.Uint64(), LeastAnswered: 20, MostAnswered: 200,
		Load: load.run,
		Check: func(round int) {
			load.retry(t)
			checkJobs(t, server)
			load.check(t)
			if t.Failed() {
				t.Fatalf("round %d broke a promise", round)
			}
		},
	})
	t.Log(load.journal.summary())
}

// checkJobs waits until every effect was delivered, and proves that each person
// heard of each verdict once.
func checkJobs(t *testing.T, server *harness.Server) {
	t.Helper()
	type job struct {
		Kind      string `json:"kind"`
		State     string `json:"state"`
		LastError string `json:"last_error"`
	}
	harness.Eventually(t, "all jobs are done", func() (bool, error) {
		waiting := harness.List[job](t, server.Admin(t), "jobs", `state != "done"`)
		for _, job := range waiting {
			if job.State == "dead" {
				return false, fmt.Errorf("a job was given up: %+v", job)
			}
		}
		return len(waiting) == 0, nil
	})
	type notice struct {
		User string `json:"user"`
		Data struct {
			Verdict string `json:"verdict"`
		} `json:"data"`
	}
	told := map[notice]int{}
	for _, row := range harness.List[notice](t, server.Admin(t), "notifications", `kind ~ "clip_"`) {
		told[row]++
	}
	verdicts := harness.List[verdictRow](t, server.Admin(t), "verdicts", "")
	for _, verdict := range verdicts {
		due := notice{User: verdict.Owner}
		due.Data.Verdict = verdict.ID
		if told[due] != 1 {
			t.Errorf("the owner of clip %s was told %d times of its verdict", verdict.Clip, told[due])
		}
	}
	if len(told) != len(verdicts) {
		t.Errorf("%d people were told of %d verdicts", len(told), len(verdicts))
	}
}

// check compares everything that is stored with what was acknowledged.
func (a *assault) check(t *testing.T) {
	t.Helper()
	a.server.VerifyLedger(t)
	a.server.VerifyAudit(t)
	stored := readOutcome(t, a.server)
	j := a.journal
	if len(stored.clips) != len(j.clips) || len(stored.votes) != len(j.votes) {
		t.Errorf("%d clips and %d votes are stored, %d and %d were acknowledged",
			len(stored.clips), len(stored.votes), len(j.clips), len(j.votes))
	}
	for id := range j.clips {
		if _, ok := stored.clips[id]; !ok {
			t.Errorf("the acknowledged clip %s is lost", id)
		}
	}
	for id, vote := range j.votes {
		if stored.votes[id] != vote {
			t.Errorf("acknowledged was %+v, stored is %+v", vote, stored.votes[id])
		}
	}
	for id := range j.refused {
		if _, ok := stored.votes[id]; ok {
			t.Errorf("vote %s was refused and is stored", id)
		}
	}
	stored.checkVerdicts(t, parsed(t, openPolicy))
	stored.checkMoney(t, a.server, append(a.owners[:len(a.owners):len(a.owners)], a.validators...))
	a.checkCampaign(t, stored)
}

// checkCampaign proves that the campaign holds what was put in less what was
// earned.
func (a *assault) checkCampaign(t *testing.T, stored outcome) {
	t.Helper()
	type account struct {
		Key     string `json:"key"`
		Balance int64  `json:"balance_minor"`
	}
	want := int64(plenty) + int64(len(a.journal.funds))*grantMinor
	for _, reward := range stored.rewards() {
		want -= reward.AmountMinor
	}
	accounts := harness.List[account](t, a.admin, "ledger_accounts", fmt.Sprintf("campaign = %q", a.campaign))
	if len(accounts) != 1 || accounts[0].Balance != want {
		t.Errorf("the campaign's accounts are %+v, want one with %d", accounts, want)
	}
}

// retry sends what got no answer before the kill again under the same id or
// key, as clients do.
func (a *assault) retry(t *testing.T) {
	t.Helper()
	for id, upload := range a.journal.takeUploads() {
		answer, err := a.owners[upload.owner].Upload(t.Context(), id, a.language, harness.Voice(upload.seed))
		if err != nil || answer.Status != http.StatusOK {
			t.Fatalf("repeating upload %s: %s %v", id, answer, err)
		}
		a.journal.uploaded(id, upload)
	}
	for key := range a.journal.takeFundings() {
		answer, err := a.admin.Fund(t.Context(), a.campaign, grantMinor, key)
		if err != nil || answer.Status != http.StatusOK {
			t.Fatalf("repeating funding %s: %s %v", key, answer, err)
		}
		a.journal.funded(key)
	}
	for id, ballot := range a.journal.takeBallots() {
		if err := a.cast(t.Context(), id, ballot); err != nil {
			t.Fatalf("repeating vote %s: %v", id, err)
		}
	}
}

// cast sends one vote and records the answer: 200, or the refusal that comes
// when others decided first. The error names any other answer.
func (a *assault) cast(ctx context.Context, id string, ballot ballot) error {
	answer, err := a.validators[ballot.validator].Vote(ctx, id, ballot.clip, ballot.choice)
	switch {
	case err != nil:
		return err
	case answer.Status == http.StatusOK:
		a.journal.voted(id, voteRow{ID: id, Clip: ballot.clip, Validator: a.validators[ballot.validator].ID, Verdict: ballot.choice})
		return nil
	case answer.Status == http.StatusConflict && answer.Code() == "clip_decided":
		a.journal.refuse(id)
		return nil
	default:
		return unexpected{answer}
	}
}
