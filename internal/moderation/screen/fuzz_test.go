package screen_test

import (
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/lingualink/lingualink/internal/moderation/screen"
)

func FuzzCheck(f *testing.F) {
	for _, row := range tricks {
		f.Add(row.text)
	}
	for _, text := range innocents {
		f.Add(text)
	}
	s := compile(f, words)
	f.Fuzz(func(t *testing.T, text string) {
		bounds := map[int]bool{len(text): true}
		for at := range text {
			bounds[at] = true
		}
		result, last := s.Check(text), 0
		strongest := screen.Pass
		for _, hit := range result.Hits {
			if !bounds[hit.Start] || !bounds[hit.End] || hit.Start >= hit.End || hit.Start < last {
				t.Errorf("%q: %q stands at %d to %d", text, hit.Word.Text, hit.Start, hit.End)
			}
			strongest, last = screen.Stronger(strongest, hit.Word.Action), hit.Start
		}
		if result.Action != strongest {
			t.Errorf("%q: %q, want %q", text, result.Action, strongest)
		}
		if once := screen.Fold(text); screen.Fold(once) != once || !utf8.ValidString(once) {
			t.Errorf("%q becomes %q and then %q", text, once, screen.Fold(once))
		}
	})
}

// FuzzWord: a word that can be listed is found in itself, however it is composed.
func FuzzWord(f *testing.F) {
	for _, word := range words {
		f.Add(word.Text, word.Exact)
	}
	f.Fuzz(func(t *testing.T, text string, exact bool) {
		word := screen.Word{Text: text, Action: screen.Flag, Match: screen.Whole, Exact: exact}
		if word.Validate() != nil {
			return
		}
		s := compile(t, []screen.Word{word})
		for _, written := range []string{text, "x. " + text + " .x"} {
			if len(s.Check(written).Hits) == 0 {
				t.Errorf("%q is not found in %q (%q)", text, written, screen.Fold(written))
			}
		}
		if composed := norm.NFC.String(text); norm.NFC.String(norm.NFD.String(text)) == composed && len(s.Check(composed).Hits) == 0 {
			t.Errorf("%q is not found composed", text)
		}
	})
}
