package referral

import (
	"strings"
	"testing"
	"unicode"
)

// TestSkeletonIsItsOwn: also of what nobody could claim.
func TestSkeletonIsItsOwn(t *testing.T) {
	for _, text := range []string{codeLetters, "RNM", "RRNN", "VVV", "VWV", "R-N", "V-V", strings.Repeat("MW", 10)} {
		if once := skeleton(text); skeleton(once) != once {
			t.Errorf("%q becomes %q and then %q", text, once, skeleton(once))
		}
	}
	for _, r := range alphabet {
		if s := skeleton(string(r)); s != string(r) {
			t.Errorf("the generated letter %c becomes %q", r, s)
		}
		if strings.ContainsRune("AEIOU", r) || !unicode.IsUpper(r) && !unicode.IsDigit(r) {
			t.Errorf("%c makes words or is no letter", r)
		}
	}
	if strings.Contains(strings.Join(reserved, " "), "-") {
		t.Error("a reserved word keeps its hyphen")
	}
}
