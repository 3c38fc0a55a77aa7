package referral

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Code is a referral code: what is shown, and the key by which it is unique and
// found. Codes of one key look alike.
type Code struct {
	Text string // A-Z, 0-9 and hyphens
	Key  string
}

// alphabet is that of generated codes: no two letters of it look alike, and
// without vowels there are no words. Its letters are their own skeletons.
const alphabet = "3479CDFGHJKNPRTVXY"

const (
	generatedLength = 8   // 18^8 is 11 thousand million codes
	longestInput    = 200 // bytes; nothing longer is meant as a code
)

// NewCode makes a code from random bytes, for example of crypto/rand.Reader. It
// may be taken: the caller stores it under a unique index and tries again. The
// error is that of the reader.
func NewCode(random io.Reader) (Code, error) {
	const fair = 256 - 256%len(alphabet) // above, the first letters would come more often
	text := make([]byte, 0, generatedLength)
	for b := make([]byte, 1); len(text) < generatedLength; {
		if _, err := io.ReadFull(random, b); err != nil {
			return Code{}, fmt.Errorf("referral: random bytes for a code: %w", err)
		}
		if int(b[0]) < fair {
			text = append(text, alphabet[int(b[0])%len(alphabet)])
		}
	}
	return codeOf(string(text)), nil
}

// Normalize reads a code as somebody typed or pasted it. It is forgiving: case,
// width, accents, spaces, a leading @ and letters of other scripts that look
// like Latin ones do not matter. It is false for what cannot be a code.
func Normalize(raw string) (Code, bool) {
	if len(raw) > longestInput {
		return Code{}, false
	}
	var text strings.Builder
	for _, r := range strings.TrimPrefix(strings.TrimSpace(raw), "@") {
		if unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r) || unicode.IsSpace(r) {
			continue // accents apart from their letters, marks nobody sees
		}
		letter, known := latin(r)
		if !known {
			return Code{}, false
		}
		text.WriteByte(letter)
	}
	code := codeOf(text.String())
	return code, code.Key != "" && len(code.Text) <= longestCode
}

func codeOf(text string) Code { return Code{Text: text, Key: skeleton(text)} }

// skeletons are what letters that look alike become. As in the Unicode table of
// confusables (UTS 39) m is written as rn: then no chain of such letters has two
// readings. The hyphen counts for nothing: ADA-NG is no other code than ADANG.
var skeletons = strings.NewReplacer(
	"-", "", "0", "O", "1", "I", "L", "I", "2", "Z", "5", "S", "8", "B", "M", "RN", "W", "VV",
)

// skeleton is the key of a text of A-Z, 0-9 and hyphens. It is its own skeleton.
func skeleton(text string) string { return skeletons.Replace(text) }
