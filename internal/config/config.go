// Package config decides what this server runs with: the environment read once
// into a struct and checked before anything opens. It refuses a value it cannot
// use, settings that contradict each other and LL_ names it does not know, and
// it reports all of them at once. With no variable at all everything is valid:
// what is missing is off, and [Config.Parts] says so.
//
// No text of this package repeats a value: a problem names the variable and
// says what to do, because secrets are pasted into the wrong variable too.
package config

import (
	"log/slog"
	"strings"
	"time"
)

// Config is everything that comes from the environment. The zero value is not
// valid, it lacks the defaults; make one with [Load].
type Config struct {
	Paystack Paystack
	LiveKit  LiveKit
	Mail     Mail
	Push     Push
	OAuth2   OAuth2

	// PublicURL is where people reach the server, without a slash at the end.
	PublicURL string `env:"LL_PUBLIC_URL"`
	// TrustedProxy names the header that carries the client's address.
	TrustedProxy string `env:"LL_TRUSTED_PROXY"`
	// Pepper keys the hashes of account numbers; empty means that there is none.
	Pepper Secret `env:"LL_PEPPER"`
	// TestClock is the file that turns the clock, empty for the real time.
	TestClock string `env:"LL_TEST_CLOCK"`

	RateLimits         bool `env:"LL_RATE_LIMITS" envDefault:"on"`
	DangerousEndpoints bool `env:"LL_DANGEROUS_ENDPOINTS" envDefault:"off"`

	// UploadTimeout is how long one request may take to send its body.
	UploadTimeout time.Duration `env:"LL_UPLOAD_TIMEOUT" envDefault:"30m"`
	// DrainTimeout is how long running requests may finish after a stop signal.
	DrainTimeout time.Duration `env:"LL_DRAIN_TIMEOUT" envDefault:"10s"`
	// LogDays is how many days of logs are kept.
	LogDays int `env:"LL_LOG_DAYS" envDefault:"5"`
}

// Paystack holds what talks to Paystack.
type Paystack struct {
	SecretKey Secret `env:"PAYSTACK_SECRET_KEY"`
	// PreviousKey still signs webhooks for a while after a change of the key.
	PreviousKey Secret `env:"LL_PAYSTACK_PREVIOUS_KEY"`
	// ApprovalSecret is the last segment of the address at which Paystack asks
	// before it sends; empty means that it does not ask here.
	ApprovalSecret Secret `env:"LL_PAYSTACK_APPROVAL_SECRET"`
	// BaseURL has no slash at the end.
	BaseURL string `env:"LL_PAYSTACK_BASE_URL" envDefault:"https://api.paystack.co"`
	// Payouts is the hard switch; the soft one is a policy.
	Payouts bool `env:"LL_PAYOUTS" envDefault:"off"`
	// Mark is the file outside of the data directory that remembers how far
	// payouts came; empty for one beside the directory.
	Mark string `env:"LL_PAYOUTS_MARK"`
}

// On tells whether there is a key.
func (p Paystack) On() bool { return p.SecretKey != "" }

// Live tells whether the key moves real money.
func (p Paystack) Live() bool { return strings.HasPrefix(string(p.SecretKey), livePrefix) }

// LiveKit holds what talks to the media server.
type LiveKit struct {
	URL       string `env:"LIVEKIT_URL"`
	APIKey    string `env:"LIVEKIT_API_KEY"`
	APISecret Secret `env:"LIVEKIT_API_SECRET"`
}

// On tells whether streams and calls can run.
func (l LiveKit) On() bool { return l.URL != "" }

// Mail holds the SMTP server that sends codes and notices.
type Mail struct {
	Host     string `env:"LL_SMTP_HOST"`
	Port     int    `env:"LL_SMTP_PORT" envDefault:"587"`
	Username string `env:"LL_SMTP_USERNAME"`
	Password Secret `env:"LL_SMTP_PASSWORD"`
	// TLS is on for TLS from the first byte (port 465), off for STARTTLS.
	TLS bool `env:"LL_SMTP_TLS" envDefault:"off"`
	// From is an address, with or without a name: "Lingualink <hello@example.org>".
	From string `env:"LL_MAIL_FROM"`
}

// On tells whether mail leaves this server.
func (m Mail) On() bool { return m.Host != "" }

// Push holds what brings messages to devices; each provider is on by itself.
type Push struct {
	// ExpoToken is the access token of Expo's enhanced push security.
	ExpoToken Secret `env:"LL_EXPO_TOKEN"`
	// ExpoProject is "@owner/slug": tokens of other projects are refused.
	ExpoProject string `env:"LL_EXPO_PROJECT"`
	// ExpoBaseURL is where Expo answers, without a slash at the end; another one is
	// for tests.
	ExpoBaseURL string `env:"LL_EXPO_BASE_URL" envDefault:"https://exp.host"`
	// FCMKeyFile is the key file of the service account that Firebase makes.
	FCMKeyFile string `env:"LL_FCM_KEY_FILE"`
	// The key pair of Web Push, base64url, and who push services write to.
	VAPIDPublicKey  string `env:"LL_VAPID_PUBLIC_KEY"`
	VAPIDPrivateKey Secret `env:"LL_VAPID_PRIVATE_KEY"`
	VAPIDSubject    string `env:"LL_VAPID_SUBJECT"`
}

// ExpoOn tells whether apps that were built with Expo are reached.
func (p Push) ExpoOn() bool { return p.ExpoToken != "" }

// FCMOn tells whether native apps are reached.
func (p Push) FCMOn() bool { return p.FCMKeyFile != "" }

// WebPushOn tells whether browsers are reached.
func (p Push) WebPushOn() bool { return p.VAPIDPrivateKey != "" }

// OAuth2 holds the sign-in providers besides password and e-mail code.
type OAuth2 struct {
	Google   OAuth2Client `envPrefix:"LL_OAUTH2_GOOGLE_"`
	Apple    OAuth2Client `envPrefix:"LL_OAUTH2_APPLE_"`
	Facebook OAuth2Client `envPrefix:"LL_OAUTH2_FACEBOOK_"`
}

// OAuth2Client is this server's registration at one provider.
type OAuth2Client struct {
	ClientID     string `env:"CLIENT_ID"`
	ClientSecret Secret `env:"CLIENT_SECRET"`
}

// On tells whether people can sign in with this provider.
func (c OAuth2Client) On() bool { return c.ClientID != "" }

// Secret is a value that prints as *** whatever prints it. Convert it with
// string(secret) at the one place that sends it.
type Secret string

// String hides the value from fmt.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "***"
}

// GoString hides the value from %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the value from JSON and its kin.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
