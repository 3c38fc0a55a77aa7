// Package hookstest decides how tests of the areas start a server: every area
// bound by the function that production uses, on a clone of the template app.
// It refuses to be imported by anything but tests.
package hookstest

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/demo"
	"github.com/lingualink/lingualink/hooks"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/config"
)

// Server is an apptest server with the dependencies of its areas.
type Server struct {
	*apptest.Server
	Deps *shell.Deps
	t    testing.TB
	seed uint64
}

// Start starts a server with every area bound.
func Start(t testing.TB, environ ...string) *Server {
	t.Helper()
	return StartWith(t, nil, environ...)
}

// StartWith is [Start] with providers as the test changes them.
func StartWith(t testing.TB, change func(*shell.Deps, *hooks.Providers), environ ...string) *Server {
	t.Helper()
	s := &Server{t: t}
	s.Server = apptest.Start(t, s.wire(change), environ...)
	return s
}

// StartOn is [StartWith] on a copy of another data directory, as after a crash.
func StartOn(t testing.TB, dir string, change func(*shell.Deps, *hooks.Providers), environ ...string) *Server {
	t.Helper()
	s := &Server{t: t}
	s.Server = apptest.StartOn(t, dir, s.wire(change), environ...)
	return s
}

func (s *Server) wire(change func(*shell.Deps, *hooks.Providers)) apptest.Wire {
	return func(app core.App, cfg config.Config) (func(context.Context, core.App) (int, error), error) {
		deps, err := hooks.Wire(app, cfg, func(deps *shell.Deps, providers *hooks.Providers) {
			deps.Strict = true
			if change != nil {
				change(deps, providers)
			}
		})
		if err != nil {
			return nil, err
		}
		s.Deps = deps
		return deps.Outbox.Drain, nil
	}
}

// Policy inserts a policy row and fails the test if it is refused.
func (s *Server) Policy(subject string, values map[string]any) {
	s.t.Helper()
	s.Want(s.Do(apptest.Admin, "POST", "/api/collections/policies/records",
		map[string]any{"subject": subject, "values": values}), 200, "")
}

// OpenVoting lets everybody vote on everything at once: no assignment, no
// cooldown, no cap. Everybody is held to be so well known, and equally good,
// that three equal votes decide and nothing learned changes it; who agrees with
// the verdict is paid.
func (s *Server) OpenVoting() {
	s.t.Helper()
	s.OpenVotingWith(nil)
	s.Policy(shell.PolicyRewards, map[string]any{"validation_pay": "agreement"})
}

// OpenVotingWith is the voting of [Server.OpenVoting] with other values besides.
func (s *Server) OpenVotingWith(values map[string]any) {
	s.t.Helper()
	open := map[string]any{
		"assignment": "open", "cooldown_s": 0, "daily_cap": 0, "prior_floor": 0.8, "prior_cap": 0.8,
		"sensitivity_prior": map[string]any{"hits": 900, "misses": 100}, "specificity_prior": map[string]any{"hits": 750, "misses": 250},
	}
	maps.Copy(open, values)
	s.Policy(shell.PolicyConsensus, open)
}

// Consent lets the person agree to the present terms.
func (s *Server) Consent(who string) {
	s.t.Helper()
	s.Want(s.Do(who, "POST", "/api/collections/consents/records", map[string]any{"version": "1"}), 200, "")
}

// Clip uploads a fresh recording of the person in Hausa and returns its id. The
// extra fields are given as name, value pairs.
func (s *Server) Clip(who string, extra ...string) string {
	s.t.Helper()
	answer := s.UploadClip(who, s.Voice(), extra...)
	s.Want(answer, 200, "")
	return answer.Text("id")
}

// Voice is a recording that nobody has sent yet.
func (s *Server) Voice() []byte {
	s.seed++
	return demo.Voice(s.seed, 1300*time.Millisecond)
}

// UploadClip sends media as the person's clip in Hausa.
func (s *Server) UploadClip(who string, media []byte, extra ...string) apptest.Answer {
	s.t.Helper()
	fields := map[string]string{"kind": "voice", "language": s.Language("ha"), "phrase": "Ina kwana?"}
	for i := 0; i+1 < len(extra); i += 2 {
		fields[extra[i]] = extra[i+1]
	}
	return s.Upload(who, "/api/collections/clips/records", fields, "media", "voice.wav", media)
}

// Vote casts a vote as the person.
func (s *Server) Vote(who, clip, verdict string) apptest.Answer {
	s.t.Helper()
	return s.Do(who, "POST", "/api/collections/votes/records", map[string]any{"clip": clip, "verdict": verdict})
}

// Decide brings about a verdict on an open-voting server: three equal votes.
func (s *Server) Decide(clip, verdict string, voters ...string) {
	s.t.Helper()
	if len(voters) == 0 {
		voters = []string{apptest.Bola, apptest.Chidi, apptest.Dayo}
	}
	for _, voter := range voters {
		s.Want(s.Vote(voter, clip, verdict), 200, "")
	}
}

// Fund puts money into the general campaign.
func (s *Server) Fund(minor int64) {
	s.t.Helper()
	s.Want(s.Do(apptest.Admin, "POST", "/api/lingualink/campaigns/"+s.GeneralCampaign()+"/fund",
		map[string]any{"amount_minor": minor}, "Idempotency-Key: "+shell.NewSecret()), 200, "")
	s.Drain()
}

// GeneralCampaign is the id of the seeded campaign.
func (s *Server) GeneralCampaign() string {
	s.t.Helper()
	campaign, err := s.App.FindFirstRecordByFilter("campaigns", "language = ''")
	if err != nil {
		s.t.Fatal(err)
	}
	return campaign.Id
}

// Balance is a person's wallet in NGN.
func (s *Server) Balance(who string) map[string]int64 {
	s.t.Helper()
	answer := s.Want(s.Do(who, "GET", "/api/lingualink/wallet", nil), 200, "")
	balance := map[string]int64{}
	for _, item := range answer.Items("balances") {
		if item["currency"] == "NGN" {
			for name, value := range item {
				if minor, ok := value.(float64); ok {
					balance[strings.TrimSuffix(name, "_minor")] = int64(minor)
				}
			}
		}
	}
	return balance
}

// Insert plants a row by SQL.
func (s *Server) Insert(table string, row dbx.Params) {
	s.t.Helper()
	if err := shell.Insert(s.App, table, row); err != nil {
		s.t.Fatalf("%s: %v", table, err)
	}
}

// Int reads one number by SQL.
func (s *Server) Int(query string, params ...dbx.Params) int64 {
	s.t.Helper()
	all := dbx.Params{}
	for _, p := range params {
		for name, value := range p {
			all[name] = value
		}
	}
	var n int64
	if err := s.App.DB().NewQuery(query).Bind(all).Row(&n); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// Text reads one string by SQL.
func (s *Server) Text(query string, params dbx.Params) string {
	s.t.Helper()
	var text string
	if err := s.App.DB().NewQuery(query).Bind(params).Row(&text); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return text
}
