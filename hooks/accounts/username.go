package accounts

import (
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

const (
	minUsername = 3  // runes
	maxUsername = 30 // runes
	maxKey      = 90 // runes; some characters unfold to many

	// otherwiseNamed is the stem for people whose provider tells no usable name.
	otherwiseNamed = "speaker"
	stemRunes      = maxUsername - 1 - suffixDigits
	suffixDigits   = 6
)

// Username brings a username into its stored form (trimmed, NFC) and gives the
// key that makes it unique whatever the case, the width or the composition of
// its characters. It is fault.UsernameInvalid when it is not 3 to 30 letters,
// marks, digits, dots, dashes or underscores.
func Username(sent string) (name, key string, err error) {
	name = norm.NFC.String(strings.TrimSpace(sent))
	length := utf8.RuneCountInString(name)
	if length < minUsername || length > maxUsername || strings.ContainsFunc(name, notInUsername) {
		return "", "", fault.UsernameInvalid.On("username")
	}
	key = fold(name)
	if utf8.RuneCountInString(key) > maxKey {
		return "", "", fault.UsernameInvalid.On("username")
	}
	return name, key, nil
}

// fold is the compatibility case folding of the Unicode Standard, section 3.13
// (D146): folding and NFKC, repeated because each can undo the other.
func fold(text string) string {
	folded := norm.NFKC.String(cases.Fold().String(norm.NFKD.String(text)))
	return norm.NFKC.String(cases.Fold().String(folded))
}

func notInUsername(r rune) bool {
	if unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
		return true // invisible: two names would look the same
	}
	return !unicode.In(r, unicode.Letter, unicode.Mark, unicode.Nd) && !strings.ContainsRune(".-_", r)
}

// usernameFree tells whether nobody has a username with this key.
func usernameFree(app core.App, key string) (bool, error) {
	var taken bool
	err := app.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM users WHERE username_key = {:key})").
		Bind(dbx.Params{"key": key}).Row(&taken)
	return !taken, err
}

// deriveUsername finds a free username that resembles a display name, for people
// who did not choose one. Outside of the transaction that saves it somebody else
// may take it meanwhile, so there it gets digits of its own at once.
func deriveUsername(app core.App, displayName string) (string, error) {
	stem := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return '.'
		case notInUsername(r):
			return -1
		}
		return r
	}, norm.NFC.String(strings.TrimSpace(displayName)))
	if runes := []rune(stem); len(runes) > stemRunes {
		stem = string(runes[:stemRunes])
	}
	if _, _, err := Username(stem); err != nil {
		stem = otherwiseNamed
	}
	candidate := stem
	if !app.IsTransactional() {
		candidate = withDigits(stem)
	}
	for {
		name, key, err := Username(candidate)
		if err != nil {
			return "", err
		}
		free, err := usernameFree(app, key)
		if err != nil || free {
			return name, err
		}
		candidate = withDigits(stem)
	}
}

func withDigits(stem string) string {
	return stem + "-" + security.RandomStringWithAlphabet(suffixDigits, "0123456789")
}

type availabilityData struct {
	Available bool `json:"available"`
}

func registerUsernames(deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/availability", Who: shell.Anyone, Data: availabilityData{},
		What:   "Tells whether a username is free.",
		Params: []shell.Param{{Name: "username", In: "query", Help: "The username to look for.", Required: true}},
		Faults: []*fault.Code{fault.UsernameInvalid, fault.RateLimited},
		Handle: func(e *core.RequestEvent) error {
			_, key, err := Username(e.Request.URL.Query().Get("username"))
			if err != nil {
				return err
			}
			free, err := usernameFree(e.App, key)
			if err != nil {
				return err
			}
			return shell.OK(e, availabilityData{Available: free}, "")
		},
	})
}
