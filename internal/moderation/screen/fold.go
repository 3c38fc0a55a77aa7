package screen

import (
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/lingualink/lingualink/internal/lookalikes"
)

// Fold shows how a text is read at first: small letters without their marks, one
// space where something stands between letters. What is folded folds to itself.
func Fold(text string) string {
	p := &page{}
	p.open(text)
	var folded strings.Builder
	between := false
	for _, g := range p.glyphs {
		if g.kind == gap {
			between = true
			continue
		}
		if between && folded.Len() > 0 {
			folded.WriteByte(' ')
		}
		folded.WriteRune(g.r)
		between = false
	}
	return folded.String()
}

// kind is what a character is for reading.
type kind uint8

const (
	unseen kind = iota // nobody sees it
	mark               // on the letter before it, and of no account
	letter
	digit
	gap // between words
)

// sign is what a character is read as, or a part of it: ㎏ is two letters.
type sign struct {
	kind kind
	r    rune // the folded letter or digit; for a gap the character
	gap  gaps
}

// gaps are what stands between two letters.
type gaps uint8

const (
	touching   gaps = 1 << iota // nothing: a letter beside a digit
	space                       // white space
	comma                       // of a list
	apostrophe                  // within a word of many languages
	prose                       // punctuation of sentences
	odd                         // what nobody puts within prose without a space
	many                        // too much to be one word
	edge                        // the beginning of the text
)

const usual = 0x3000 // characters below are folded once

// usualSigns are those of the characters of nearly all texts.
var usualSigns = sync.OnceValue(func() [][]sign {
	table := make([][]sign, usual)
	for r := range table {
		table[r] = foldRune(rune(r))
	}
	return table
})

// foldRune reads a character.
func foldRune(r rune) []sign {
	switch {
	case isUnseen(r):
		return nil
	case isApostrophe(r):
		return []sign{{gap, r, apostrophe}}
	case r >= '\U0001f1e6' && r <= '\U0001f1ff': // regional indicators, in pairs flags
		return []sign{{kind: letter, r: 'a' + r - '\U0001f1e6'}}
	case r >= '\U0001f150' && r <= '\U0001f169': // in black circles
		return []sign{{kind: letter, r: 'a' + r - '\U0001f150'}}
	case r >= '\U0001f170' && r <= '\U0001f189': // in black squares
		return []sign{{kind: letter, r: 'a' + r - '\U0001f170'}}
	}
	signs := []sign{}
	for _, part := range norm.NFKD.String(string(r)) {
		switch {
		case isUnseen(part):
		case isApostrophe(part):
			signs = append(signs, sign{gap, part, apostrophe})
		case isMark(part):
			signs = append(signs, sign{kind: mark, r: part})
		case unicode.Is(unicode.Nd, part):
			signs = append(signs, sign{kind: digit, r: '0' + digitValue(part)})
		case unicode.In(part, unicode.L, unicode.M, unicode.Nl):
			for _, l := range foldLetter(part) {
				signs = append(signs, sign{kind: letter, r: l})
			}
		default:
			signs = append(signs, sign{gap, part, gapOf(part)})
		}
	}
	return signs
}

// foldLetter is a decomposed letter as its neighbours in a word of A to Z or of its
// own script would be written. A small letter of another script stands for what
// the small letter looks like, a capital for what the capital does.
func foldLetter(r rune) []rune {
	if r >= 'a' && r <= 'z' {
		return []rune{r}
	}
	if plain, known := lookalikes.Plain(r); known {
		return []rune(strings.ToLower(plain))
	}
	if same, known := variants[r]; known {
		return []rune{same}
	}
	if shape, known := lookalikes.Shape(r); known && shape >= 'A' && shape <= 'Z' {
		return []rune{unicode.ToLower(rune(shape))}
	}
	// By the capital: some letters, as the round ᲀ, have a plainer small one.
	if small := unicode.ToLower(unicode.ToUpper(r)); small != r {
		return foldLetter(small)
	}
	return []rune{r}
}

// isUnseen says whether a character leaves no trace: zero-width characters, marks of
// direction, soft hyphens, variation selectors, and the tatweel, which only makes an
// Arabic word longer.
func isUnseen(r rune) bool {
	return r == '\u0640' || unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// isMark says whether a character is a mark that is often left out, or put on to
// hide a word: accents, tones, the vowels of Arabic and Hebrew. The vowel signs of
// Indian and other scripts are as good as letters, and so is what makes か to が.
func isMark(r rune) bool {
	return r != '\u3099' && r != '\u309a' && unicode.In(r, unicode.Mn, unicode.Me) && unicode.In(r,
		unicode.Inherited, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Arabic, unicode.Hebrew,
		unicode.Ethiopic, unicode.Nko, unicode.Adlam)
}

// isApostrophe knows those of keyboards and those that are letters in Hausa and
// other languages, and the accents that are typed in their place.
func isApostrophe(r rune) bool {
	return strings.ContainsRune("'’‘‛`´′＇\ua78b\ua78c", r) || r >= '\u02b9' && r <= '\u02c1' || r >= '\u02c8' && r <= '\u02cb'
}

// digitValue: each script has its ten digits in a row.
func digitValue(r rune) rune {
	for _, row := range unicode.Nd.R16 {
		if r >= rune(row.Lo) && r <= rune(row.Hi) {
			return (r - rune(row.Lo)) % 10
		}
	}
	for _, row := range unicode.Nd.R32 {
		if r >= rune(row.Lo) && r <= rune(row.Hi) {
			return (r - rune(row.Lo)) % 10
		}
	}
	return 0
}

func gapOf(r rune) gaps {
	switch {
	case unicode.IsSpace(r) || r == '\u2800': // an empty cell of Braille
		return space
	case strings.ContainsRune(",;،؛፣፤、", r):
		return comma
	case unicode.IsPunct(r) && !strings.ContainsRune("_*#@%•·\\", r):
		return prose
	}
	return odd
}

// marksOf is what folding takes off a letter: the marks, and the letter itself where
// it stands for a plainer one of its script, as ɓ and ة do. Other alphabets, full
// width and styles leave nothing.
func marksOf(letters string) string {
	seen := strings.Map(func(r rune) rune {
		if isUnseen(r) {
			return -1
		}
		return r
	}, letters)
	var marks strings.Builder
	for _, r := range norm.NFKD.String(seen) {
		small := unicode.ToLower(r)
		switch {
		case isMark(r):
			marks.WriteRune(r)
		case unicode.In(small, unicode.Latin, unicode.Arabic, unicode.Ethiopic) && unicode.IsLetter(small) && !slices.Equal(foldLetter(small), []rune{small}):
			marks.WriteRune(small)
		}
	}
	return marks.String()
}
