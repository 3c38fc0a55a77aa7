package referral

import (
	"strings"
	"unicode"

	"github.com/lingualink/lingualink/internal/lookalikes"
)

// codeLetters are all that a code may consist of.
const codeLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

// latin is the letter of codes that a letter is taken for.
func latin(r rune) (byte, bool) {
	if letter, known := lookalikes.Shape(r); known {
		return letter, true
	}
	r = unicode.ToUpper(lookalikes.Unstyled(r))
	return byte(r), r < unicode.MaxASCII && strings.ContainsRune(codeLetters, r)
}
