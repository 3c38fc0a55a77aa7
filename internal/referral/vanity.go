package referral

import (
	"slices"
	"strings"
	"time"

	"github.com/lingualink/lingualink/internal/lookalikes"
)

// The length of a code that somebody chooses.
const (
	shortestCode = 4
	longestCode  = 20
)

// Refusal says why a chosen code is refused; empty means that it is not.
type Refusal string

// The refusals.
const (
	CodeLetters  Refusal = "code_letters"  // other letters than A-Z, 0-9 and hyphens
	CodeLength   Refusal = "code_length"   // not 4 to 20 letters
	CodeHyphens  Refusal = "code_hyphens"  // a hyphen at an end, or two in a row
	CodeReserved Refusal = "code_reserved" // a reserved word, or what looks like one
	CodeTooSoon  Refusal = "code_too_soon" // changed not long ago
)

// reserved are words that nobody may have as a code or as a part of one between
// hyphens: they read like pages of the site or like nothing at all.
var reserved = skeletonsOf(
	"about", "account", "ambassador", "anonymous", "api", "apps", "auth", "badge", "badges", "bonus", "campaign", "cash", "clip",
	"clips", "code", "consensus", "dashboard", "demo", "docs", "download", "email", "error", "everyone", "example", "false",
	"finance", "free", "gift", "guest", "health", "help", "home", "info", "invalid", "invite", "join", "leaderboard", "legal",
	"live", "login", "logout", "mail", "money", "naira", "news", "nobody", "none", "null", "nobonus", "owner", "pay", "payout",
	"payouts", "police", "press", "privacy", "profile", "public", "referral", "referrals", "register", "rewards", "root", "sales",
	"security", "server", "settings", "share", "signin", "signup", "staff", "status", "stream", "system", "team", "terms", "test",
	"trust", "true", "undefined", "update", "user", "users", "validator", "verify", "wallet", "webhook", "welcome", "www",
)

// guarded are names whose bearer people would believe: no code begins or ends
// with one.
var guarded = skeletonsOf("lingualink", "lingua-link", "admin", "administrator", "moderator", "official", "paystack", "support", "superuser")

// leet folds digits that are read as letters; it is for reserved words only,
// since A4 and AA are otherwise two codes.
var leet = strings.NewReplacer("3", "E", "4", "A", "6", "G", "7", "T", "9", "G")

func skeletonsOf(words ...string) []string {
	keys := make([]string, len(words))
	for i, w := range words {
		keys[i] = skeleton(strings.ToUpper(w))
	}
	return keys
}

// CheckVanity says whether a person may have raw as a code. It is strict where
// [Normalize] is forgiving: only case, width and outer spaces are put right.
// lastChange is when the person chose a code before, zero if never; a generated
// code is not chosen. Whether the key is free, among old codes too, only the
// database knows.
func CheckVanity(p Policy, raw string, lastChange, now time.Time) (Code, Refusal) {
	text := strings.ToUpper(strings.TrimSpace(raw)) // before that narrow: the full-width letters have cases of their own
	text = strings.Map(lookalikes.Narrow, text)
	code := codeOf(text)
	switch {
	case !onlyCodeLetters(text):
		return Code{}, CodeLetters
	case len(text) < shortestCode || len(text) > longestCode:
		return Code{}, CodeLength
	case strings.HasPrefix(text, "-") || strings.HasSuffix(text, "-") || strings.Contains(text, "--"):
		return Code{}, CodeHyphens
	case isReserved(text):
		return Code{}, CodeReserved
	case !lastChange.IsZero() && now.Before(p.NextCodeChange(lastChange)):
		return Code{}, CodeTooSoon
	}
	return code, ""
}

func onlyCodeLetters(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune(codeLetters, r) }) < 0
}

// isReserved looks at the whole text and at its parts between hyphens, as they
// stand and with digits read as letters.
func isReserved(text string) bool {
	for _, read := range []string{text, leet.Replace(text)} {
		whole := skeleton(read)
		for _, name := range guarded {
			if strings.HasPrefix(whole, name) || strings.HasSuffix(whole, name) {
				return true
			}
		}
		for part := range strings.SplitSeq(read, "-") {
			if slices.Contains(reserved, skeleton(part)) || slices.Contains(guarded, skeleton(part)) {
				return true
			}
		}
		if slices.Contains(reserved, whole) {
			return true
		}
	}
	return false
}
