package referral

import (
	"strings"
	"unicode"
)

// lookalikeRows lists, for a letter or digit of codes, letters that are taken for
// it: Cyrillic, Greek and Armenian ones of the same shape, Roman numerals, and
// Latin ones with marks or hooks, as Yoruba, Igbo and Hausa write them. Capitals
// stand for their small letters too; small ones are listed where they look like
// another letter than their capital. After the Unicode table of confusables.
var lookalikeRows = map[byte]string{
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

var lookalikes = index(lookalikeRows)

func index(table map[byte]string) map[rune]byte {
	letters := map[rune]byte{}
	for letter, alike := range table {
		for _, r := range alike {
			letters[r] = letter
		}
	}
	return letters
}

// latin is the letter of codes that a letter is taken for.
func latin(r rune) (byte, bool) {
	r = plain(r)
	if letter, known := lookalikes[r]; known {
		return letter, true
	}
	r = unicode.ToUpper(r)
	if letter, known := lookalikes[r]; known {
		return letter, true
	}
	return byte(r), r < unicode.MaxASCII && strings.ContainsRune(codeLetters, r)
}

// codeLetters are all that a code may consist of.
const codeLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

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

// plain takes the style off a letter.
func plain(r rune) rune {
	for _, s := range styles {
		if r >= s.first && r <= s.last {
			return rune(s.as[int(r-s.first)%len(s.as)])
		}
	}
	return r
}

// narrow takes the full width off a letter, which keyboards of some languages
// give by default, and nothing else.
func narrow(r rune) rune {
	if r >= '\uff01' && r <= '\uff5e' {
		return plain(r)
	}
	return r
}
