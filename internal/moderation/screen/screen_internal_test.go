package screen

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/coregx/ahocorasick"
)

// TestTheLibraryFindsAll compares it with a search for one word after the other,
// with so many words that its tables overflow into others.
func TestTheLibraryFindsAll(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func(letters string, length int) string {
		runes, made := []rune(letters), []rune{}
		for range length {
			made = append(made, runes[random.IntN(len(runes))])
		}
		return string(made)
	}
	for _, set := range []struct {
		letters      string
		words, texts int
	}{{"ab", 60, 300}, {"abcẹሐ", 3000, 40}, {"abcdefgh", 40_000, 4}} {
		listed := map[string]bool{}
		for range set.words {
			listed[text(set.letters, 1+random.IntN(7))] = true
		}
		patterns := [][]byte{}
		for word := range listed {
			patterns = append(patterns, []byte(word))
		}
		automaton, err := ahocorasick.NewBuilder().AddPatterns(patterns).Build()
		if err != nil {
			t.Fatal(err)
		}
		for range set.texts {
			haystack := text(set.letters+"x", 120)
			want, got := 0, map[ahocorasick.Match]bool{}
			for _, match := range automaton.FindAllOverlapping([]byte(haystack)) {
				if haystack[match.Start:match.End] != string(patterns[match.PatternID]) || got[match] {
					t.Fatalf("%q: %v is twice there or not %q", haystack, match, patterns[match.PatternID])
				}
				got[match] = true
			}
			for _, pattern := range patterns {
				for at := range haystack {
					if strings.HasPrefix(haystack[at:], string(pattern)) {
						want++
					}
				}
			}
			if len(got) != want {
				t.Fatalf("%q of %d words: found %d, want %d", haystack, len(patterns), len(got), want)
			}
		}
	}
}

func TestVariants(t *testing.T) {
	for from, to := range variants {
		if _, further := variants[to]; further || from == to || !utf8.ValidRune(to) {
			t.Errorf("%c (%U) becomes %c, which becomes another", from, from, to)
		}
	}
	for r, want := range map[rune]rune{'ᴢ': 'z', 'ꓜ': 'z', 'Ꮓ': 'z', 'Ꭺ': 'a', 'ە': 'ه', 'ک': 'ك', 'ٱ': 'ا', 'ፆ': 'ጾ', 'ዓ': 'ኣ', 'Σ': 'e', 'μ': 'u'} {
		if variants[r] != want {
			t.Errorf("%c becomes %c, want %c", r, variants[r], want)
		}
	}
}

func TestMarksOf(t *testing.T) {
	for letters, want := range map[string]string{
		"a": "", "A": "", "ａ": "", "𝐚": "", "а": "", "é": "\u0301", "É": "\u0301", "ọ́": "\u0323\u0301", "o\u0301\u0323": "\u0323\u0301",
		"o\u200b\u0301": "\u0301", "ɓ": "ɓ", "Ɓ": "ɓ", "ة": "ة", "ه": "", "ሐ": "ሐ", "ሀ": "", "ŋ": "ŋ",
	} {
		if got := marksOf(letters); got != want {
			t.Errorf("%q: %q, want %q", letters, got, want)
		}
	}
}

func TestGapsAndDigits(t *testing.T) {
	for r, want := range map[rune]gaps{' ': space, '\u00a0': space, '\u2800': space, ',': comma, '،': comma, '.': prose, '-': prose, '፡': prose, '_': odd, '*': odd, '~': odd, '·': odd, '☺': odd} {
		if got := gapOf(r); got != want {
			t.Errorf("%q: %b, want %b", r, got, want)
		}
	}
	for text, want := range map[string]string{"0123456789": "0123456789", "٠١٢٣٤٥٦٧٨٩": "0123456789", "𝟘𝟙𝟚𝟛𝟜𝟝𝟞𝟟𝟠𝟡": "0123456789", "𝟬𝟵": "09", "߀߉": "09", "𞥐𞥙": "09"} {
		if got := Fold(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := slices.Max([]gaps{touching, space, comma, apostrophe, prose, odd, many, edge}); got != edge {
		t.Errorf("%b is above all", got)
	}
}
