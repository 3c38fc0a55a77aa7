package referral

import (
	"strings"
	"testing"
	"unicode"
)

// TestALetterLooksLikeOneOther: the table is read in no order, so a letter that
// stood in two rows would change from run to run.
func TestALetterLooksLikeOneOther(t *testing.T) {
	rows := map[rune]bool{}
	for _, letter := range codeLetters {
		if _, known := lookalikes[letter]; known {
			t.Errorf("%c is a letter of codes and stands for another", letter)
		}
	}
	total := 0
	for _, row := range lookalikeRows {
		for _, r := range row {
			total++
			if rows[r] {
				t.Errorf("%c (%U) stands in two rows or twice", r, r)
			}
			rows[r] = true
		}
	}
	for _, s := range styles {
		if (int(s.last-s.first)+1)%len(s.as) != 0 && s.first != '\uff01' {
			t.Errorf("%U to %U is no whole number of rows of %d", s.first, s.last, len(s.as))
		}
	}
	if total < 200 {
		t.Errorf("only %d letters", total)
	}
}

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
