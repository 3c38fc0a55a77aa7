package notify

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Unsubscribe is a text for the address in a mail that stops mails of a category to a
// person. It is good for nothing else, and for as long as the secret stays: mails are
// old when people click.
func Unsubscribe(secret []byte, user string, category Category) string {
	return user + "." + string(category) + "." + base64.RawURLEncoding.EncodeToString(seal(secret, user, category))
}

// Unsubscribed reads such a text; false for what this secret did not make, and for a
// category whose mails always come.
func Unsubscribed(secret []byte, text string) (user string, category Category, ok bool) {
	parts := strings.Split(text, ".")
	if len(secret) == 0 || len(parts) != 3 {
		return "", "", false
	}
	got, err := base64.RawURLEncoding.DecodeString(parts[2])
	user, category = parts[0], Category(parts[1])
	if err != nil || !hmac.Equal(got, seal(secret, user, category)) || !Stoppable(category) {
		return "", "", false
	}
	return user, category, true
}

// Stoppable says whether mails of a category can be stopped.
func Stoppable(category Category) bool {
	rule, ok := RuleOf(category)
	if !ok {
		return false
	}
	for _, channel := range rule.Always {
		if channel == Mail {
			return false
		}
	}
	return true
}

func seal(secret []byte, user string, category Category) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("lingualink unsubscribe\x00" + user + "\x00" + string(category)))
	return mac.Sum(nil)[:18]
}
