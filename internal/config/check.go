package config

import (
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	livePrefix      = "sk_live_"
	testPrefix      = "sk_test_"
	pepperMinLength = 32  // characters
	secretMinLength = 32  // characters
	logDaysMax      = 365 // days
)

// rule is one demand on the whole configuration.
type rule struct {
	variable string
	broken   bool
	text     string
}

// check finds values that can be read but not used, and contradictions.
func check(c Config, set map[string]string) []Error {
	rules := slices.Concat(
		paystackRules(c),
		mailRules(c, set),
		pushRules(c),
		serverRules(c),
		together(set, "LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"),
		together(set, "LL_OAUTH2_GOOGLE_CLIENT_ID", "LL_OAUTH2_GOOGLE_CLIENT_SECRET"),
		together(set, "LL_OAUTH2_APPLE_CLIENT_ID", "LL_OAUTH2_APPLE_CLIENT_SECRET"),
		together(set, "LL_OAUTH2_FACEBOOK_CLIENT_ID", "LL_OAUTH2_FACEBOOK_CLIENT_SECRET"),
		together(set, "LL_SMTP_USERNAME", "LL_SMTP_PASSWORD"),
		together(set, "LL_VAPID_PUBLIC_KEY", "LL_VAPID_PRIVATE_KEY", "LL_VAPID_SUBJECT"),
	)
	var problems []Error
	for _, rule := range rules {
		if rule.broken {
			problems = append(problems, Error{rule.variable, rule.text})
		}
	}
	return problems
}

func paystackRules(c Config) []rule {
	key, live := string(c.Paystack.SecretKey), c.Paystack.Live()
	previous, approval := string(c.Paystack.PreviousKey), string(c.Paystack.ApprovalSecret)
	shaped := len(key) > len(livePrefix) && (live || strings.HasPrefix(key, testPrefix))
	return []rule{
		{"PAYSTACK_SECRET_KEY", key != "" && !shaped,
			"is not a secret key of Paystack; copy the one that starts with sk_test_ or sk_live_ from its dashboard."},
		{"LL_PAYSTACK_PREVIOUS_KEY", previous != "" && (!shaped || len(previous) <= len(livePrefix) || previous[:len(livePrefix)] != key[:len(livePrefix)]),
			"is not a secret key of the same mode as PAYSTACK_SECRET_KEY; put the key there that was in force before it, or remove this."},
		{"LL_PAYSTACK_PREVIOUS_KEY", previous != "" && previous == key,
			"is the same as PAYSTACK_SECRET_KEY; put the key there that was in force before it, or remove this."},
		{"LL_PAYSTACK_APPROVAL_SECRET", approval != "" && !pathSecret.MatchString(approval),
			"is not 32 or more letters, digits, - or _; make one with: openssl rand -hex 32."},
		{"LL_PAYSTACK_APPROVAL_SECRET", approval != "" && c.Paystack.On() && approval == key,
			"must not be the key itself: it is part of an address; make one with: openssl rand -hex 32."},
		{"LL_PAYSTACK_BASE_URL", !isURL(c.Paystack.BaseURL, "https", "http"),
			"is not a web address; write one such as https://api.paystack.co, or remove it."},
		{"LL_PAYSTACK_BASE_URL", live && !isURL(c.Paystack.BaseURL, "https"),
			"must start with https:// while PAYSTACK_SECRET_KEY is a live key; remove it to reach Paystack itself."},
		{"LL_PAYOUTS", c.Paystack.Payouts && !c.Paystack.On(),
			"is on, but nothing can pay; set PAYSTACK_SECRET_KEY, or write off."},
		{"LL_PEPPER", c.Pepper != "" && utf8.RuneCountInString(string(c.Pepper)) < pepperMinLength,
			"is shorter than 32 characters; make one with: openssl rand -hex 32."},
		{"LL_PEPPER", live && c.Pepper == "",
			"is needed with a live Paystack key, so that hashes outlive the data directory; make one with: openssl rand -hex 32."},
		{"LL_TEST_CLOCK", live && c.TestClock != "",
			"is refused with a live Paystack key: a turned clock would release real money early; remove one of the two."},
	}
}

// pathSecret fits into an address without being escaped.
var pathSecret = regexp.MustCompile(`^[A-Za-z0-9_-]{` + strconv.Itoa(secretMinLength) + `,200}$`)

func mailRules(c Config, set map[string]string) []rule {
	_, err := mail.ParseAddress(c.Mail.From)
	rules := []rule{
		{"LL_SMTP_HOST", strings.ContainsAny(c.Mail.Host, ":/ "),
			"is not a host name; write the name alone, the port goes into LL_SMTP_PORT."},
		{"LL_SMTP_PORT", c.Mail.Port < 1 || c.Mail.Port > 65535,
			"is not a port; write a number from 1 to 65535, usually 587."},
		{"LL_MAIL_FROM", c.Mail.On() && c.Mail.From == "",
			"is needed with LL_SMTP_HOST; write the address that mail comes from."},
		{"LL_MAIL_FROM", c.Mail.From != "" && err != nil,
			"is not a mail address; write one such as hello@example.org or Lingualink <hello@example.org>."},
	}
	for _, name := range []string{"LL_MAIL_FROM", "LL_SMTP_PASSWORD", "LL_SMTP_PORT", "LL_SMTP_TLS", "LL_SMTP_USERNAME"} {
		rules = append(rules, rule{name, !c.Mail.On() && set[name] != "",
			"has no effect without LL_SMTP_HOST; set that too, or remove this."})
	}
	return rules
}

// A key pair of P-256 in base64url: 65 bytes of the point, 32 of the number.
var (
	vapidPublic  = regexp.MustCompile(`^B[A-Za-z0-9_-]{86}$`)
	vapidPrivate = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
	expoProject  = regexp.MustCompile(`^@[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$`)
)

func pushRules(c Config) []rule {
	p := c.Push
	_, err := mail.ParseAddress(p.VAPIDSubject)
	return []rule{
		{"LL_EXPO_PROJECT", p.ExpoProject != "" && !expoProject.MatchString(p.ExpoProject),
			"is not the name of a project at Expo; write it as @owner/slug, or remove it."},
		{"LL_EXPO_PROJECT", p.ExpoProject != "" && !p.ExpoOn(),
			"has no effect without LL_EXPO_TOKEN; set that too, or remove this."},
		{"LL_EXPO_BASE_URL", !isURL(p.ExpoBaseURL, "https", "http"),
			"is not a web address; write one such as https://exp.host, or remove it."},
		{"LL_EXPO_BASE_URL", isURL(p.ExpoBaseURL, "http") && !isLoopback(p.ExpoBaseURL),
			"must start with https://, except on this machine: the token and the messages go there; remove it to reach Expo itself."},
		{"LL_VAPID_PUBLIC_KEY", p.VAPIDPublicKey != "" && !vapidPublic.MatchString(p.VAPIDPublicKey),
			"is not a public key; make a pair with: lingualink push keys."},
		{"LL_VAPID_PRIVATE_KEY", p.VAPIDPrivateKey != "" && !vapidPrivate.MatchString(string(p.VAPIDPrivateKey)),
			"is not a private key; make a pair with: lingualink push keys."},
		{"LL_VAPID_SUBJECT", p.VAPIDSubject != "" && err != nil && !isURL(p.VAPIDSubject, "https"),
			"is neither a mail address nor an https address; write where push services reach you when something is wrong."},
	}
}

// headerName is the token of RFC 9110 section 5.6.2, without its rarer signs.
var headerName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`)

func serverRules(c Config) []rule {
	return []rule{
		{"LIVEKIT_URL", c.LiveKit.URL != "" && !isURL(c.LiveKit.URL, "wss", "ws", "https", "http"),
			"is not the address of a LiveKit server; write one such as wss://live.example.org."},
		{"LL_PUBLIC_URL", c.PublicURL != "" && !isURL(c.PublicURL, "https", "http"),
			"is not a web address; write one such as https://lingualink.example.org."},
		{"LL_TRUSTED_PROXY", c.TrustedProxy != "" && !headerName.MatchString(c.TrustedProxy),
			"is not the name of one header; write the one that your proxy sets, such as X-Forwarded-For."},
		{"LL_UPLOAD_TIMEOUT", c.UploadTimeout <= 0,
			"must be longer than nothing; write a duration such as 30m."},
		{"LL_DRAIN_TIMEOUT", c.DrainTimeout <= 0,
			"must be longer than nothing; write a duration such as 10s."},
		{"LL_LOG_DAYS", c.LogDays < 0 || c.LogDays > logDaysMax,
			"is out of range; write a number of days from 0 (keep none) to 365."},
	}
}

// together demands all of these variables or none.
func together(set map[string]string, names ...string) []rule {
	var missing []string
	for _, name := range names {
		if set[name] == "" {
			missing = append(missing, name)
		}
	}
	var rules []rule
	for _, name := range missing {
		rules = append(rules, rule{name, len(missing) < len(names),
			"is missing; " + strings.Join(names, ", ") + " only work together: set all or none."})
	}
	return rules
}

// isURL tells whether text is an absolute address of one of the schemes and
// nothing more: no credentials, query or fragment.
func isURL(text string, schemes ...string) bool {
	parsed, err := url.Parse(text)
	return err == nil && slices.Contains(schemes, parsed.Scheme) && parsed.Hostname() != "" &&
		parsed.User == nil && parsed.RawQuery == "" && !parsed.ForceQuery && parsed.Fragment == ""
}

// isLoopback tells whether an address leads to this machine and nowhere else.
func isLoopback(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && net.ParseIP(parsed.Hostname()).IsLoopback()
}
