package config

import "strings"

// Part is one line of the table that the server prints at start.
type Part struct {
	Name     string
	On       bool
	Detail   string // what this means for people; never a value
	Variable string // what turns it on or off, or puts it right
	Docs     string // where it is explained, a path in the repository with an anchor
}

const guide = "docs/operate.md"

// Parts tells what of the server is on, in the order to print.
func (c Config) Parts() []Part {
	return []Part{
		{"Rate limits", c.RateLimits, choose(c.RateLimits,
			"requests are limited per address and per person",
			"anybody may send as much as they like; for tests only"),
			"LL_RATE_LIMITS", guide + "#rate-limits"},
		{"Mail", c.Mail.On(), c.mailDetail(), c.mailVariable(), guide + "#mail"},
		c.push(),
		c.signIn(),
		{"Paystack", c.Paystack.On(), c.paystackDetail(),
			"PAYSTACK_SECRET_KEY", guide + "#paystack"},
		{"Payouts", c.Paystack.Payouts, choose(c.Paystack.Payouts,
			"the operator allows payouts",
			"earnings are counted and kept; nobody is paid out"),
			"LL_PAYOUTS", guide + "#payouts"},
		{"Approval of transfers", c.Paystack.ApprovalSecret != "", choose(c.Paystack.ApprovalSecret != "",
			"Paystack may ask here before it sends; give it the address in its dashboard",
			"whoever has the key can send money: Paystack asks nobody"),
			"LL_PAYSTACK_APPROVAL_SECRET", guide + "#approval-of-transfers"},
		{"LiveKit", c.LiveKit.On(), choose(c.LiveKit.On(),
			"there is a media server for streams and calls",
			"there is no media server for streams and calls"),
			"LIVEKIT_URL", guide + "#livekit"},
		{"Trusted proxy", c.TrustedProxy != "", choose(c.TrustedProxy != "",
			"client addresses come from the header that the proxy sets",
			"client addresses are those of the connections; right without a proxy in front"),
			"LL_TRUSTED_PROXY", guide + "#trusted-proxy"},
		{"Pepper", c.Pepper != "", choose(c.Pepper != "",
			"a key for hashes of account numbers and for stored webhooks is set",
			"no key for hashes of account numbers is set: nobody can enter an account"),
			"LL_PEPPER", guide + "#pepper"},
		{"Test clock", c.TestClock != "", choose(c.TestClock != "",
			"a file turns the clock; for tests only",
			"time is the real time"),
			"LL_TEST_CLOCK", guide + "#test-clock"},
		{"Dangerous endpoints", c.DangerousEndpoints, choose(c.DangerousEndpoints,
			"superusers may run SQL, truncate, import and restore around the ledger's protection",
			"SQL console, truncate, import and restore are closed"),
			"LL_DANGEROUS_ENDPOINTS", guide + "#dangerous-endpoints"},
	}
}

func (c Config) mailDetail() string {
	switch {
	case !c.Mail.On():
		return "no codes, resets or notices leave this server"
	case c.PublicURL == "":
		return "mail is sent, but its links lead to localhost until LL_PUBLIC_URL is set"
	}
	return "codes, resets and notices are sent"
}

func (c Config) mailVariable() string {
	if c.Mail.On() && c.PublicURL == "" {
		return "LL_PUBLIC_URL"
	}
	return "LL_SMTP_HOST"
}

func (c Config) push() Part {
	var names []string
	for _, provider := range []struct {
		name string
		on   bool
	}{{"Expo", c.Push.ExpoOn()}, {"Firebase", c.Push.FCMOn()}, {"Web Push", c.Push.WebPushOn()}} {
		if provider.on {
			names = append(names, provider.name)
		}
	}
	part := Part{
		Name: "Push", On: len(names) > 0, Detail: "people are told in the app only; no device is woken",
		Variable: "LL_EXPO_TOKEN", Docs: guide + "#push",
	}
	if part.On {
		part.Detail = "devices are reached by " + strings.Join(names, ", ")
	}
	return part
}

func (c Config) signIn() Part {
	var names []string
	for _, provider := range []struct {
		name   string
		client OAuth2Client
	}{
		{"Google", c.OAuth2.Google},
		{"Apple", c.OAuth2.Apple},
		{"Facebook", c.OAuth2.Facebook},
	} {
		if provider.client.On() {
			names = append(names, provider.name)
		}
	}
	part := Part{
		Name: "Sign-in providers", On: len(names) > 0,
		Detail:   "people sign in with a password or a code by mail",
		Variable: "LL_OAUTH2_GOOGLE_CLIENT_ID", Docs: guide + "#sign-in-providers",
	}
	if part.On {
		part.Detail = "people can also sign in with " + strings.Join(names, ", ")
	}
	return part
}

func (c Config) paystackDetail() string {
	switch {
	case !c.Paystack.On():
		return "there is no payment provider"
	case c.Paystack.Live():
		return "live mode: real money" + c.previousDetail()
	}
	return "test mode: no real money" + c.previousDetail()
}

func (c Config) previousDetail() string {
	return choose(c.Paystack.PreviousKey != "", "; webhooks signed with the previous key count, too", "")
}

func choose(on bool, yes, no string) string {
	if on {
		return yes
	}
	return no
}
