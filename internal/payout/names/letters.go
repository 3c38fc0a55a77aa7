package names

import (
	"strings"
	"unicode"

	"github.com/lingualink/lingualink/internal/lookalikes"
)

// plain is a name in capital letters without marks. Letters of other scripts stay:
// one that only looks like a Latin letter is another letter.
func plain(name string) string {
	var text strings.Builder
	for _, r := range name {
		r = lookalikes.Narrow(r)
		letters, known := lookalikes.Plain(r)
		switch {
		case known:
			text.WriteString(letters)
		case unicode.Is(unicode.M, r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Lm, r):
			// marks on a letter, what cannot be seen, and apostrophes that are letters
		default:
			text.WriteRune(unicode.ToUpper(r))
		}
	}
	return text.String()
}
