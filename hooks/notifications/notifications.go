// Package notifications decides how people are told: it turns jobs into rows of the
// inbox, which apps watch by realtime, and into deliveries, which rounds hand over to
// the providers of push and mail. What is said to whom and when is internal/notify;
// who speaks to a provider is internal/push.
//
// It refuses to be imported by the areas whose events it tells of: they only write
// jobs. It refuses to send inside a transaction, to send a mail twice, and to believe
// that a device is still somebody's who has signed out.
package notifications

import (
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/notify"
	"github.com/lingualink/lingualink/internal/push"
	"github.com/lingualink/lingualink/internal/push/mail"
)

// Expo is a sender whose receipts come later.
type Expo interface {
	push.Sender
	push.Receipts
}

// WebPush is a sender that knows which subscriptions it can reach.
type WebPush interface {
	push.Sender
	Check(target push.Target) error
}

// Mailer hands one finished mail over and says what came of it.
type Mailer func(app core.App, letter mail.Mail) error

// Senders are the ways out of this server; nil is one that is not configured.
type Senders struct {
	Expo     Expo
	FCM      push.Sender
	WebPush  WebPush
	VAPIDKey string // the public key of WebPush
	Mail     Mailer
}

// office is what the handlers of this area share.
type office struct {
	deps    *shell.Deps
	senders Senders
}

// Register binds the area. What is not configured is off: nothing is planned for it
// and devices for it are refused.
func Register(app core.App, deps *shell.Deps, senders Senders) {
	o := &office{deps: deps, senders: senders}
	o.registerNotices()
	o.registerDevices(app)
	o.registerPreferences(app)
	o.registerInbox(app)
	o.registerSending()
	o.registerMail()
	o.registerUnsubscribe()
	o.registerChannels()
	o.registerReplay()
	o.registerAnnouncements(app)
}

// now is the time of decisions.
func (o *office) now() time.Time { return o.deps.Clock.Now() }

// policy is the policy of notifications in force.
func (o *office) policy(app core.App) (notify.Policy, error) {
	policy, _, err := shell.Policy(app, o.now(), shell.PolicyNotifications, "", notify.ParsePolicy)
	return policy, err
}

// sender is who brings a push to devices of a provider; nil if it is off.
func (o *office) sender(provider string) push.Sender {
	switch {
	case provider == collections.ProviderExpo && o.senders.Expo != nil:
		return o.senders.Expo
	case provider == collections.ProviderFCM && o.senders.FCM != nil:
		return o.senders.FCM
	case provider == collections.ProviderWebPush && o.senders.WebPush != nil:
		return o.senders.WebPush
	}
	return nil
}

// isOn tells whether anything can leave by a channel of deliveries.
func (o *office) isOn(channel string) bool {
	if channel == mailChannel {
		return o.senders.Mail != nil
	}
	return o.sender(channel) != nil
}

const mailChannel = string(notify.Mail)

// channels are those of deliveries.
func channels() []string {
	return []string{collections.ProviderExpo, collections.ProviderFCM, collections.ProviderWebPush, mailChannel}
}

// variables turn the channels on.
var variables = map[string]string{
	collections.ProviderExpo: "LL_EXPO_TOKEN", collections.ProviderFCM: "LL_FCM_KEY_FILE", collections.ProviderWebPush: "LL_VAPID_PRIVATE_KEY",
	mailChannel: "LL_SMTP_HOST",
}

// off refuses what needs a channel that is not configured.
func off(channel string) error {
	return fault.NotConfigured.On("provider").Saying("Messages by " + channel + " are not set up on this server. The operator sets " + variables[channel] + "; see docs/notifications.md#setup.")
}

// cut shortens a text to so many letters.
func cut(text string, letters int) string {
	if runes := []rune(text); len(runes) > letters {
		return string(runes[:letters-1]) + "…"
	}
	return text
}
