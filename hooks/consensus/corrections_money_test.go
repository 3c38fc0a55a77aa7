package consensus_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/ledger"
)

// earned are what people have, pending and available, in the order given.
func earned(s *hookstest.Server, people ...string) string {
	list := make([]string, len(people))
	for i, who := range people {
		balance := s.Balance(who)
		list[i] = fmt.Sprintf("%d+%d", balance["pending"], balance["available"])
	}
	return strings.Join(list, " ")
}

// Who has what after each step: ada the speaker, bola and chidi voters.
func TestTheMoneyOfCorrections(t *testing.T) {
	type step struct {
		do   string // a crowd's, an admin's or an expert's word, or time
		want string
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"approved, rejected, approved", []step{
			{"crowd approve", "15000+0 1500+0 1500+0"}, {"admin reject", "0+0 1500+0 1500+0"}, {"admin approve", "15000+0 1500+0 1500+0"},
			{"admin reject", "0+0 1500+0 1500+0"},
		}},
		{"rejected, approved, rejected", []step{
			{"crowd reject", "0+0 1500+0 1500+0"}, {"admin approve", "15000+0 1500+0 1500+0"}, {"admin reject", "0+0 1500+0 1500+0"},
		}},
		{"what is released stays, and is not paid twice", []step{
			{"crowd approve", "15000+0 1500+0 1500+0"}, {"a week", "0+15000 0+1500 0+1500"}, {"admin reject", "0+15000 0+1500 0+1500"},
			{"admin approve", "0+15000 0+1500 0+1500"},
		}},
		{"approved after the week", []step{
			{"crowd reject", "0+0 1500+0 1500+0"}, {"a week", "0+0 0+1500 0+1500"}, {"admin approve", "15000+0 0+1500 0+1500"}, {"a week", "0+15000 0+1500 0+1500"},
		}},
		{"confirmed, then rejected", []step{
			{"crowd approve", "15000+0 1500+0 1500+0"}, {"admin approve", "15000+0 1500+0 1500+0"}, {"expert reject", "0+0 1500+0 1500+0"},
			{"admin approve", "15000+0 1500+0 1500+0"},
		}},
		{"escalated, approved", []step{{"crowd both", "0+0 0+0 0+0"}, {"expert approve", "15000+0 1500+0 0+0"}, {"admin reject", "0+0 1500+0 1500+0"}}},
		{"escalated, rejected, approved", []step{{"crowd both", "0+0 0+0 0+0"}, {"expert reject", "0+0 0+0 1500+0"}, {"admin approve", "15000+0 1500+0 1500+0"}}},
		{"before the crowd is done", []step{{"bola approve", "0+0 0+0 0+0"}, {"admin approve", "15000+0 1500+0 0+0"}, {"admin reject", "0+0 1500+0 0+0"}}},
		{"without a vote", []step{{"admin approve", "15000+0 0+0 0+0"}}},
		{"without funds", []step{
			{"no funds", "0+0 0+0 0+0"}, {"crowd approve", "0+0 0+0 0+0"}, {"admin reject", "0+0 0+0 0+0"}, {"funds", "0+0 1500+0 1500+0"},
			{"admin approve", "15000+0 1500+0 1500+0"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := hookstest.Start(t)
			s.OpenVoting()
			s.OpenVotingWith(map[string]any{"max_votes": 3, "expert_steps": 1})
			tier(s, fatima, "ha", collections.TierGold, collections.TrustProven)
			s.Consent(ada)
			if c.steps[0].do != "no funds" {
				s.Fund(1_000_000)
			}
			clip := s.Clip(ada)
			for _, step := range c.steps {
				who, verdict, _ := strings.Cut(step.do, " ")
				switch who {
				case "crowd":
					for _, voter := range []string{bola, chidi, dayo} {
						said := verdict
						if verdict == "both" {
							said = map[string]string{bola: "approve", chidi: "reject", dayo: "approve"}[voter]
						}
						s.Want(s.Vote(voter, clip, said), 200, "")
					}
				case "bola":
					s.Want(s.Vote(bola, clip, verdict), 200, "")
				case "admin":
					s.Want(overrule(s, clip, verdict, "I listened to it."), 200, "")
				case "expert":
					if openOn(s, clip) == "" {
						reopen(s, clip, collections.CauseAudit)
					}
					ruled(s, fatima, openOn(s, clip), verdict)
				case "a":
					s.Advance(169 * time.Hour)
					if err := ledger.ReleaseDue(s.App, s.Deps); err != nil {
						t.Fatal(err)
					}
				case "funds":
					s.Fund(1_000_000)
				}
				s.Drain()
				if got := earned(s, ada, bola, chidi); got != step.want {
					t.Fatalf("after %q ada, bola and chidi have %s, want %s", step.do, got, step.want)
				}
			}
			sound(t, s)
		})
	}
}

func TestAConfirmedVerdictMovesNoMoney(t *testing.T) {
	s := experts(t)
	clip := s.Clip(ada)
	s.Decide(clip, "approve")
	before := s.Int("SELECT COUNT(*) FROM ledger_txs")
	s.Want(overrule(s, clip, "approve", "So it is."), 200, "")
	if after := s.Int("SELECT COUNT(*) FROM ledger_txs"); after != before {
		t.Errorf("%d postings", after-before)
	}
	sound(t, s)
}

func TestTheMoneyOfARemix(t *testing.T) {
	s := experts(t)
	s.Consent(emeka)
	original := s.Clip(ada)
	s.Decide(original, "approve")
	remix, escalation := escalated(s, emeka, "parent", original)
	for _, step := range []struct{ verdict, want string }{
		{"approve", "19500+0 10500+0"}, {"reject", "15000+0 0+0"}, {"approve", "19500+0 10500+0"},
	} {
		if escalation != "" {
			ruled(s, fatima, escalation, step.verdict)
			escalation = ""
		} else {
			s.Want(overrule(s, remix, step.verdict, "I listened to it."), 200, "")
		}
		if got := earned(s, ada, emeka); got != step.want {
			t.Errorf("after %s ada and emeka have %s, want %s", step.verdict, got, step.want)
		}
	}
	s.Want(overrule(s, original, "reject", "It hums."), 200, "")
	if got := earned(s, ada, emeka); got != "4500+0 10500+0" {
		t.Errorf("the share of a remix does not hang on the original: %s", got)
	}
	s.Drain()
	if got := told(s, ada); got != "clip_approved, remix_approved, remix_approved, verdict_changed" {
		t.Errorf("the speaker of the original was told %s", got)
	}
	sound(t, s)
}
