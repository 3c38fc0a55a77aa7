// Package hooks decides nothing: it is the index of everything that is bound to
// PocketBase, in order. The areas import one way, from the top of this list to
// the bottom; what an upper area must hear from a lower one is a hook that the
// lower one offers.
package hooks

import (
	"errors"
	"fmt"
	"os"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/ambassadors"
	"github.com/lingualink/lingualink/hooks/appeals"
	"github.com/lingualink/lingualink/hooks/badges"
	"github.com/lingualink/lingualink/hooks/clips"
	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/live"
	"github.com/lingualink/lingualink/hooks/moderation"
	"github.com/lingualink/lingualink/hooks/notifications"
	"github.com/lingualink/lingualink/hooks/payouts"
	"github.com/lingualink/lingualink/hooks/referrals"
	"github.com/lingualink/lingualink/hooks/risk"
	"github.com/lingualink/lingualink/hooks/screening"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/audio"
	"github.com/lingualink/lingualink/internal/config"
	"github.com/lingualink/lingualink/internal/livekit"
	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/push/expo"
	"github.com/lingualink/lingualink/internal/push/fcm"
	"github.com/lingualink/lingualink/internal/push/webpush"
)

// Providers are the services outside that areas ask; nil is one that is not
// configured.
type Providers struct {
	Paystack payouts.Provider
	Rooms    live.Rooms
	Tell     notifications.Senders
}

// Register binds every area. Production and tests call this same function.
func Register(app core.App, deps *shell.Deps, providers Providers) {
	shell.Register(app, deps)                         // errors, settings, guards, policies, outbox, routes
	accounts.Register(app, deps)                      // sign-up, privacy, standing, blocks, consents, confirmations
	ledger.Register(app, deps)                        // postings, campaigns, rates, rewards, wallet
	screening.Register(app, deps)                     // texts against the lists of words
	clips.Register(app, deps)                         // upload, media, withdrawal, remixes
	consensus.Register(app, deps)                     // queue, assignments, votes, verdicts
	badges.Register(app, deps)                        // counts, badges, streaks, leaderboards, certificates
	appeals.Register(app, deps)                       // against decisions, once each, heard by somebody else
	risk.Register(app, deps)                          // who looks like one person: freezes, decisions
	referrals.Register(app, deps)                     // codes, claims, activation, bonuses, commission
	payouts.Register(app, deps, providers.Paystack)   // bank accounts, payouts, funding through Paystack
	ambassadors.Register(app, deps)                   // applications, stipends, tiers, figures of regions
	live.Register(app, deps, providers.Rooms)         // streams, their stage and chat, calls, follows
	moderation.Register(app, deps)                    // reports, cases, decisions, strikes
	notifications.Register(app, deps, providers.Tell) // inbox, devices, preferences, push, mail, announcements
}

// Wire makes the dependencies for a configuration and registers every area. Tests
// change what was made before it is.
func Wire(app core.App, cfg config.Config, change ...func(*shell.Deps, *Providers)) (*shell.Deps, error) {
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
	if cfg.LiveKit.On() {
		client, err := livekit.New(cfg.LiveKit.URL, cfg.LiveKit.APIKey, string(cfg.LiveKit.APISecret))
		if err != nil {
			return nil, err
		}
		providers.Rooms = client
	}
	if providers.Tell, err = senders(cfg); err != nil {
		return nil, err
	}
	for _, fn := range change {
		fn(deps, &providers)
	}
	Register(app, deps, providers)
	return deps, nil
}

// senders makes the ways by which people are told, of what is configured.
func senders(cfg config.Config) (notifications.Senders, error) {
	ways := notifications.Senders{}
	if cfg.Push.ExpoOn() {
		client, err := expo.New(expo.Options{BaseURL: cfg.Push.ExpoBaseURL, AccessToken: string(cfg.Push.ExpoToken), Project: cfg.Push.ExpoProject})
		if err != nil {
			return ways, err
		}
		ways.Expo = client
	}
	if cfg.Push.FCMOn() {
		account, err := os.ReadFile(cfg.Push.FCMKeyFile)
		if err != nil {
			return ways, errors.New("LL_FCM_KEY_FILE: the file cannot be read")
		}
		client, err := fcm.New(account, fcm.Options{})
		if err != nil {
			return ways, fmt.Errorf("LL_FCM_KEY_FILE: %w", err)
		}
		ways.FCM = client
	}
	if cfg.Push.WebPushOn() {
		client, err := webpush.New(webpush.Options{
			PublicKey: cfg.Push.VAPIDPublicKey, PrivateKey: string(cfg.Push.VAPIDPrivateKey), Subscriber: cfg.Push.VAPIDSubject,
		})
		if err != nil {
			return ways, fmt.Errorf("LL_VAPID_PRIVATE_KEY: %w", err)
		}
		ways.WebPush, ways.VAPIDKey = client, cfg.Push.VAPIDPublicKey
	}
	if cfg.Mail.On() {
		ways.Mail = notifications.SMTP
	}
	return ways, nil
}
