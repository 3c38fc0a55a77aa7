// Package hooks decides nothing: it is the index of everything that is bound to
// PocketBase, in order. The areas import one way, from the top of this list to
// the bottom; what an upper area must hear from a lower one is a hook that the
// lower one offers.
package hooks

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/ambassadors"
	"github.com/lingualink/lingualink/hooks/appeals"
	"github.com/lingualink/lingualink/hooks/badges"
	"github.com/lingualink/lingualink/hooks/clips"
	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/moderation"
	"github.com/lingualink/lingualink/hooks/notifications"
	"github.com/lingualink/lingualink/hooks/payouts"
	"github.com/lingualink/lingualink/hooks/referrals"
	"github.com/lingualink/lingualink/hooks/risk"
	"github.com/lingualink/lingualink/hooks/screening"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/audio"
	"github.com/lingualink/lingualink/internal/config"
	"github.com/lingualink/lingualink/internal/paystack"
)

// Providers are the services outside that areas ask; nil is one that is not
// configured.
type Providers struct {
	Paystack payouts.Provider
}

// Register binds every area. Production and tests call this same function.
func Register(app core.App, deps *shell.Deps, providers Providers) {
	shell.Register(app, deps)                       // errors, settings, guards, policies, outbox, routes
	notifications.Register(app, deps)               // jobs to in-app notifications
	accounts.Register(app, deps)                    // sign-up, privacy, standing, blocks, consents, confirmations
	ledger.Register(app, deps)                      // postings, campaigns, rates, rewards, wallet
	screening.Register(app, deps)                   // texts against the lists of words
	clips.Register(app, deps)                       // upload, media, withdrawal, remixes
	consensus.Register(app, deps)                   // queue, assignments, votes, verdicts
	badges.Register(app, deps)                      // counts, badges, streaks, leaderboards, certificates
	appeals.Register(app, deps)                     // against decisions, once each, heard by somebody else
	risk.Register(app, deps)                        // who looks like one person: freezes, decisions
	referrals.Register(app, deps)                   // codes, claims, activation, bonuses, commission
	payouts.Register(app, deps, providers.Paystack) // bank accounts, payouts, funding through Paystack
	ambassadors.Register(app, deps)                 // applications, stipends, tiers, figures of regions
	moderation.Register(app, deps)                  // reports, cases, decisions, strikes
}

// Wire makes the dependencies for a configuration and registers every area.
func Wire(app core.App, cfg config.Config) (*shell.Deps, error) {
	clock, err := shell.NewClock(cfg.TestClock)
	if err != nil {
		return nil, err
	}
	decoder, _ := audio.FindFFmpeg()
	deps := shell.NewDeps(cfg, clock, audio.NewProber(decoder))
	var providers Providers
	if cfg.Paystack.On() {
		client, err := paystack.New(string(cfg.Paystack.SecretKey), paystack.Options{BaseURL: cfg.Paystack.BaseURL})
		if err != nil {
			return nil, err
		}
		providers.Paystack = client
	}
	Register(app, deps, providers)
	return deps, nil
}
