// Package lookalikes decides which letter of A to Z a letter of Unicode is taken
// for: by its shape, whatever its script (referral codes, screening of texts), or
// because it is that letter with marks, hooks or bars (names of people, screening).
//
// It refuses to say what a text means: who compares names knows that a Cyrillic
// letter is another letter, who compares codes that nobody sees the difference.
package lookalikes

import (
	"strings"
	"unicode"
)

// shapeRows lists, for a capital letter, a digit or the hyphen, letters that are
// taken for it: Cyrillic, Greek and Armenian ones of the same shape, Roman numerals,
// and Latin ones with marks or hooks, as Yoruba, Igbo and Hausa write them. Capitals
// stand for their small letters too; small ones are listed where they look like
// another letter than their capital. After the Unicode table of confusables.
var shapeRows = map[byte]string{
	'A': "АΑÀÁÂÃÄÅĀĂĄǍẠẢɑ",
	'B': "ВΒЬƁß",
	'C': "СϹⅭÇĆĈČ",
	'D': "ԀⅮĎĐƊḌ",
	'E': "ЕΕЀЁÈÉÊËĒĔĖĘĚẸẺẼƎƏ",
	'F': "Ϝ",
	'G': "ԌĜĞĠĢǤǦցɡ",
	'H': "НΗҺĤĦհ",
	'I': "ІΙӀⅠЇÌÍÎÏĨĪĬĮİỊỈ|",
	'J': "ЈͿĴյ",
	'K': "КΚ\u212aƘĶ",
	'L': "ⅬĹĻĽŁ",
	'M': "МΜⅯḾ",
	'N': "ΝÑŃŅŇṄǸŊηո",
	'O': "ОΟՕÒÓÔÕÖØŌŎŐǑỌỎƠοօ",
	'P': "РΡƤ",
	'Q': "Ԛզ",
	'R': "ŔŖŘг",
	'S': "ЅՏŚŜŞŠṢȘ",
	'T': "ТΤŢŤŦȚṬ",
	'U': "ՍÙÚÛÜŨŪŬŮŰŲǓỤỦƯυս",
	'V': "ѴⅤνѵ",
	'W': "ԜŴẀẂẄω",
	'X': "ХΧⅩ",
	'Y': "УΥҮÝŸŶƳỲỴỶỸγ",
	'Z': "ΖŹŻŽẒ",
	'3': "ЗƷ",
	'4': "Ч",
	'6': "б",
	'-': "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63",
}

var shapes = func() map[rune]byte {
	letters := map[rune]byte{}
	for letter, alike := range shapeRows {
		for _, r := range alike {
			letters[r] = letter
		}
	}
	return letters
}()

// Shape is the letter of A to Z, the digit or the hyphen that a letter is taken
// for. It is false for those themselves, for small Latin letters and for whatever
// looks like none of them.
func Shape(r rune) (byte, bool) {
	r = Unstyled(r)
	if letter, known := shapes[r]; known {
		return letter, true
	}
	letter, known := shapes[unicode.ToUpper(r)]
	return letter, known
}

// styles are rows of letters that Unicode repeats for the sake of their looks,
// and the digits of Arabic keyboards.
var styles = []struct {
	first, last rune
	as          string // the row, repeated
}{
	{'\uff01', '\uff5e', ascii('!', '~')},                           // full width
	{'\u24b6', '\u24e9', ascii('A', 'Z') + ascii('a', 'z')},         // in circles
	{'\U0001d400', '\U0001d6a3', ascii('A', 'Z') + ascii('a', 'z')}, // mathematical
	{'\U0001d7ce', '\U0001d7ff', ascii('0', '9')},
	{'\u0660', '\u0669', ascii('0', '9')},
	{'\u06f0', '\u06f9', ascii('0', '9')},
}

func ascii(first, last byte) string {
	var row strings.Builder
	for c := first; c <= last; c++ {
		row.WriteByte(c)
	}
	return row.String()
}

// Unstyled takes the style off a letter: full width, a circle, mathematical
// letters and digits, the digits of Arabic keyboards.
func Unstyled(r rune) rune {
	for _, s := range styles {
		if r >= s.first && r <= s.last {
			return rune(s.as[int(r-s.first)%len(s.as)])
		}
	}
	return r
}

// Narrow takes the full width off a letter, which keyboards of some languages
// give by default, and nothing else.
func Narrow(r rune) rune {
	if r >= '\uff01' && r <= '\uff5e' {
		return Unstyled(r)
	}
	return r
}
