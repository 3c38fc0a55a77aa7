package consensus_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
	"github.com/lingualink/lingualink/internal/fault"
)

func TestDefaultPolicy(t *testing.T) {
	engine, err := json.Marshal(crowd.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	want := string(engine[:len(engine)-1]) + `,"assignment":"required","lease_s":600,"cooldown_s":0,"daily_cap":300,"min_listen":1,"votes_per_hour":600,` +
		`"owner_votes":10,"owner_window":100,"active_s":900,"wait_s":60,"escalate_hours":72,"claim_s":1800,"expert_steps":2,` +
		`"gold_exposures":50,"gold_miss_answers":10,"gold_miss_share":0.4,"gold_leak_answers":20,"gold_leak_sd":3,` +
		`"assess_s":3600,"proven_answers":20,"retake_hours":168,"silver_answers":100,"silver_accuracy":0.8,"gold_tier_answers":300,"gold_tier_accuracy":0.88,` +
		`"promote_votes":200,"promote_accuracy":0.9,"promote_days":10,"demote_accuracy":0.85,"fit_hours":24,"fit_share":0.05}`
	p, err := consensus.ParsePolicy(nil)
	if err != nil || p != consensus.DefaultPolicy() {
		t.Fatalf("no values: %+v, %v", p, err)
	}
	if got, err := json.Marshal(p); err != nil || string(got) != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
}

func TestParsePolicyTakes(t *testing.T) {
	for _, values := range []string{
		`{}`, `null`, `{"assignment":"open"}`, `{"assignment":"open","min_listen":0.5}`, `{"min_listen":0}`,
		`{"cooldown_s":0,"daily_cap":0,"votes_per_hour":0,"owner_votes":0,"wait_s":0,"active_s":0,"assess_s":0,"retake_hours":0}`,
		`{"min_votes":1,"max_votes":15,"min_rejects":15}`, `{"accept_at":0.995}`, `{"specificity_prior":{"hits":3}}`,
		`{"promote_accuracy":0.8,"demote_accuracy":0.8}`, `{"owner_votes":100,"owner_window":100}`, `{"silver_answers":300}`,
		`{"gold_leak_sd":1}`, `{"fit_share":0.999}`,
	} {
		if _, err := consensus.ParsePolicy([]byte(values)); err != nil {
			t.Errorf("%s: %v", values, err)
		}
	}
}

func TestParsePolicyRefuses(t *testing.T) {
	cases := []struct{ values, field string }{
		{`{"quorum":3}`, "values"},
		{`{"sensitivity":0.9}`, "values"}, // of the engine before
		{`{"lease_s":1.5}`, "values"},
		{`{"lease_s":"600"}`, "values"},
		{`{"Queue":{"wait_s":3}}`, "values"},
		{`{"assignment":""}`, "assignment"},
		{`{"assignment":"closed"}`, "assignment"},
		{`{"lease_s":0}`, "lease_s"},
		{`{"lease_s":86401}`, "lease_s"},
		{`{"cooldown_s":-1}`, "cooldown_s"},
		{`{"cooldown_s":86401}`, "cooldown_s"},
		{`{"daily_cap":-1}`, "daily_cap"},
		{`{"votes_per_hour":-1}`, "votes_per_hour"},
		{`{"votes_per_hour":1000001}`, "votes_per_hour"},
		{`{"min_listen":-0.1}`, "min_listen"},
		{`{"min_listen":1.01}`, "min_listen"},
		{`{"owner_votes":-1}`, "owner_votes"},
		{`{"owner_votes":101}`, "owner_votes"},
		{`{"owner_votes":0,"owner_window":0}`, "owner_window"},
		{`{"active_s":-1}`, "active_s"},
		{`{"wait_s":86401}`, "wait_s"},
		{`{"escalate_hours":0}`, "escalate_hours"},
		{`{"claim_s":59}`, "claim_s"},
		{`{"expert_steps":0}`, "expert_steps"},
		{`{"expert_steps":3}`, "expert_steps"},
		{`{"gold_exposures":0}`, "gold_exposures"},
		{`{"gold_miss_answers":0}`, "gold_miss_answers"},
		{`{"gold_miss_share":0}`, "gold_miss_share"},
		{`{"gold_leak_answers":0}`, "gold_leak_answers"},
		{`{"gold_leak_sd":0.5}`, "gold_leak_sd"},
		{`{"gold_leak_sd":11}`, "gold_leak_sd"},
		{`{"assess_s":-1}`, "assess_s"},
		{`{"proven_answers":0}`, "proven_answers"},
		{`{"retake_hours":-1}`, "retake_hours"},
		{`{"silver_answers":-1}`, "silver_answers"},
		{`{"silver_answers":301}`, "gold_tier_answers"},
		{`{"silver_accuracy":1}`, "silver_accuracy"},
		{`{"gold_tier_accuracy":0}`, "gold_tier_accuracy"},
		{`{"promote_votes":0}`, "promote_votes"},
		{`{"promote_days":366}`, "promote_days"},
		{`{"promote_accuracy":1}`, "promote_accuracy"},
		{`{"promote_accuracy":0.84}`, "demote_accuracy"},
		{`{"demote_accuracy":0}`, "demote_accuracy"},
		{`{"fit_hours":0}`, "fit_hours"},
		{`{"fit_share":0}`, "fit_share"},
		{`{"fit_share":1}`, "fit_share"},
		// and what the engine refuses
		{`{"accept_at":0.5}`, "accept_at"},
		{`{"prior_cap":0.98}`, "prior_cap"},
		{`{"min_votes":5,"max_votes":4}`, "max_votes"},
		{`{"specificity_prior":{"misses":9}}`, "specificity_prior"},
	}
	for _, c := range cases {
		t.Run(c.values, func(t *testing.T) {
			p, err := consensus.ParsePolicy([]byte(c.values))
			var refusal *fault.Error
			if !errors.As(err, &refusal) || refusal.Code != fault.PolicyInvalid || refusal.Field != c.field {
				t.Errorf("%v, want policy_invalid on %s", err, c.field)
			}
			if p != consensus.DefaultPolicy() {
				t.Errorf("a refused policy left %+v", p)
			}
		})
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(`{"prior_cap":0.5,"accept_at":0.97,"max_votes":9}`))
	f.Add([]byte(`{"sensitivity_prior":{"hits":1e-320},"out_below":0.9999999999999999}`))
	f.Add([]byte(`{"min_votes":15,"max_votes":15}{}`))
	f.Fuzz(func(t *testing.T, values []byte) {
		p, err := consensus.ParsePolicy(values)
		if err != nil {
			if p != consensus.DefaultPolicy() || !errors.Is(err, fault.PolicyInvalid.On("")) {
				t.Fatalf("refused with %v, left %+v", err, p)
			}
			return
		}
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if q, err := consensus.ParsePolicy(again); err != nil || q != p {
			t.Fatalf("%+v reads back as %+v, %v", p, q, err)
		}
		// Whatever was taken does not decide without votes, and does not leave a clip
		// open for ever.
		if e := consensus.Decide(&p, 1, consensus.Language{}, nil); e.Outcome != consensus.Undecided {
			t.Fatalf("no votes: %q", e.Outcome)
		}
		votes := make([]consensus.Vote, p.MaxVotes)
		for i := range votes {
			votes[i] = consensus.Vote{ID: string(rune('a' + i)), Choice: []consensus.Choice{consensus.Approve, consensus.Reject}[i%2]}
		}
		e := consensus.Decide(&p, 1, consensus.Language{}, votes)
		if e.Outcome == consensus.Undecided {
			t.Fatalf("%d votes: undecided", p.MaxVotes)
		}
		if _, err := consensus.Replay(e); err != nil {
			t.Fatal(err)
		}
	})
}
