package accounts_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/fault"
)

func TestUsernameForms(t *testing.T) {
	for _, test := range []struct{ sent, name, key string }{
		{"ada", "ada", "ada"},
		{"  Ada ", "Ada", "ada"},
		{"ADA.lovelace-1_", "ADA.lovelace-1_", "ada.lovelace-1_"},
		{"Ọ̀ṣun", "Ọ̀ṣun", "ọ̀ṣun"},
		{"e\u0301kpe\u0301", "ékpé", "ékpé"}, // decomposed
		{"ＡＤＡ", "ＡＤＡ", "ada"},                // full width
		{"STRASSE", "STRASSE", "strasse"},    // sharp s and its
		{"straße", "straße", "strasse"},      // folding agree
		{"ΣΊΣΥΦΟΣ", "ΣΊΣΥΦΟΣ", "σίσυφοσ"},    // final sigma folds
		{"ﬁnda", "ﬁnda", "finda"},            // ligature
		{"ɓaɗe", "ɓaɗe", "ɓaɗe"},             // Hausa hooked letters
		{"𞤀𞤣𞤤𞤢𞤥", "𞤀𞤣𞤤𞤢𞤥", "𞤢𞤣𞤤𞤢𞤥"},          // Adlam has case
		{"ሰላም", "ሰላም", "ሰላም"},                // Ethiopic has none
		{"१२३", "१२३", "१२३"},                // digits of any script
		{strings.Repeat("ọ", 30), strings.Repeat("ọ", 30), strings.Repeat("ọ", 30)},
	} {
		name, key, err := accounts.Username(test.sent)
		if err != nil || name != test.name || key != test.key {
			t.Errorf("%q: got %q, key %q, %v; want %q, key %q", test.sent, name, key, err, test.name, test.key)
		}
		if again, keyAgain, err := accounts.Username(name); err != nil || again != name || keyAgain != key {
			t.Errorf("%q is not stable: %q, %q, %v", name, again, keyAgain, err)
		}
	}
}

func TestUsernameRefusals(t *testing.T) {
	for _, sent := range []string{
		"", "ab", "   ab   ", strings.Repeat("a", 31), "a b c", "ada!", "ada/x", "ada@x", "a\u0000da", "ada\n1",
		"ad\u200da",                  // zero-width joiner
		"ada\ufe0f",                  // variation selector
		"ada\u034f",                  // combining grapheme joiner: a mark that is not seen
		"ada\u115f",                  // a filler letter that is not seen
		"½½½",                        // numbers that are no digits
		"\xff\xfe\xfd",               // not UTF-8
		"🙂🙂🙂",                        // symbols
		strings.Repeat("\ufdfa", 30), // letters that unfold to 18 each
	} {
		if name, _, err := accounts.Username(sent); !errors.Is(err, fault.UsernameInvalid.On("")) {
			t.Errorf("%q: got %q, %v", sent, name, err)
		}
	}
}

func TestAvailability(t *testing.T) {
	s := hookstest.Start(t)
	for _, test := range []struct {
		who, username string
		status        int
		code          string
		available     bool
	}{
		{apptest.Guest, "nobody.yet", 200, "", true},
		{apptest.Guest, "ada", 200, "", false},
		{apptest.Guest, "ＡdＡ", 200, "", false},
		{apptest.Bola, " ADA ", 200, "", false},
		{apptest.Admin, "free-name", 200, "", true},
		{apptest.Guest, "", 400, "username_invalid", false},
		{apptest.Guest, "a b c", 400, "username_invalid", false},
		{apptest.Guest, "ada@lingualink.test", 400, "username_invalid", false},
	} {
		answer := s.Do(test.who, "GET", "/api/lingualink/availability?username="+url.QueryEscape(test.username), nil)
		s.Want(answer, test.status, test.code)
		if test.status == 200 && answer.Data()["available"] != test.available {
			t.Errorf("%q: got %s", test.username, answer.Raw)
		}
	}
	// An e-mail address is not a question here.
	s.Want(s.Do(apptest.Guest, "GET", "/api/lingualink/availability?email=ada@lingualink.test", nil), 400, "username_invalid")
}
