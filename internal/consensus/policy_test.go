package consensus_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/fault"
)

func TestDefaultPolicy(t *testing.T) {
	want := `{"assignment":"required","lease_s":600,"cooldown_s":1,"daily_cap":300,"min_listen":0,"votes_per_hour":600,` +
		`"sensitivity":0.9,"specificity":0.75,"prior":0.8,"accept_at":0.99,"reject_at":0.97,"min_votes":2,"max_votes":7,"min_rejects":2}`
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
		`{}`, `null`, `{"assignment":"open"}`, `{"assignment":"required","min_listen":1}`,
		`{"cooldown_s":0,"daily_cap":0,"votes_per_hour":0}`,
		`{"min_votes":1,"max_votes":15,"min_rejects":15}`,
		`{"sensitivity":0.98,"specificity":0.98}`, `{"prior":0.5,"accept_at":0.97}`,
	} {
		if _, err := consensus.ParsePolicy([]byte(values)); err != nil {
			t.Errorf("%s: %v", values, err)
		}
	}
}

func TestParsePolicyRefuses(t *testing.T) {
	cases := []struct{ values, field string }{
		{`{"quorum":3}`, "values"},
		{`{"lease_s":1.5}`, "values"},
		{`{"lease_s":"600"}`, "values"},
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
		{`{"min_listen":0.5,"assignment":"open"}`, "min_listen"},
		{`{"sensitivity":0}`, "sensitivity"},
		{`{"sensitivity":1}`, "sensitivity"},
		{`{"specificity":0.99}`, "specificity"},
		{`{"sensitivity":0.5,"specificity":0.5}`, "specificity"},
		{`{"prior":0}`, "prior"},
		{`{"prior":1}`, "prior"},
		{`{"prior":0.99}`, "prior"},
		{`{"prior":0.03}`, "prior"},
		{`{"accept_at":0.5}`, "accept_at"},
		{`{"accept_at":1}`, "accept_at"},
		{`{"reject_at":0.5}`, "reject_at"},
		{`{"reject_at":1}`, "reject_at"},
		{`{"min_votes":0}`, "min_votes"},
		{`{"min_votes":16,"max_votes":16}`, "min_votes"},
		{`{"min_votes":5,"max_votes":4}`, "max_votes"},
		{`{"max_votes":16}`, "max_votes"},
		{`{"min_rejects":0}`, "min_rejects"},
		{`{"min_rejects":8}`, "min_rejects"},
		{`{"sensitivity":0.6,"specificity":0.5}`, "accept_at"},
		{`{"reject_at":0.99999999}`, "reject_at"},
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
	f.Add([]byte(`{"prior":0.5,"accept_at":0.97,"max_votes":9}`))
	f.Add([]byte(`{"sensitivity":1e-320,"specificity":0.9999999999999999}`))
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
		// Whatever was taken can decide either way, and not without votes.
		approvals, rejections := make([]consensus.Vote, p.MaxVotes), make([]consensus.Vote, p.MaxVotes)
		for i := range approvals {
			id := string(rune('a' + i))
			approvals[i] = consensus.Vote{ID: id, Choice: consensus.Approve, Sensitivity: p.Sensitivity, Specificity: p.Specificity}
			rejections[i] = approvals[i]
			rejections[i].Choice = consensus.Reject
		}
		if e := consensus.Decide(p, 1, nil); e.Outcome != consensus.Undecided {
			t.Fatalf("no votes: %q", e.Outcome)
		}
		if e := consensus.Decide(p, 1, approvals); e.Outcome != consensus.Approved {
			t.Fatalf("%d approvals: %q", p.MaxVotes, e.Outcome)
		}
		if e := consensus.Decide(p, 1, rejections); e.Outcome != consensus.Rejected {
			t.Fatalf("%d rejections: %q", p.MaxVotes, e.Outcome)
		}
	})
}
