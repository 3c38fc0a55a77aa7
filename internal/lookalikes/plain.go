package lookalikes

import "unicode"

// plainLetters are the capital letters of Latin script that decompose to a letter
// of A to Z and marks (Unicode 15, NFKD), and those of West African and European
// alphabets that do not decompose and are written without their hook, bar or
// ligature where a keyboard has none: Hausa Ɓ Ɗ Ƙ Ƴ, the Ɛ Ɔ Ŋ of Akan and Ewe
// and their neighbours. Yoruba's Ẹ Ọ Ṣ and Igbo's Ị Ọ Ụ Ṅ are among the first. The
// tables of golang.org/x/text hold the first group only.
var plainLetters = []struct{ plain, letters string }{
	{"A", "ÀÁÂÃÄÅĀĂĄǍǞǠǺȀȂȦḀẠẢẤẦẨẪẬẮẰẲẴẶⱭ"},
	{"B", "ƁḂḄḆ"},
	{"C", "ÇĆĈĊČƇḈ"},
	{"D", "ÐĎĐƉƊḊḌḎḐḒ"},
	{"E", "ÈÉÊËĒĔĖĘĚƎƏƐȄȆȨḔḖḘḚḜẸẺẼẾỀỂỄỆ"},
	{"F", "ƑḞ"},
	{"G", "ĜĞĠĢƓƔǤǦǴḠ"},
	{"H", "ĤĦȞḢḤḦḨḪ"},
	{"I", "ÌÍÎÏĨĪĬĮİıƖƗǏȈȊḬḮỈỊ"},
	{"J", "Ĵ"},
	{"K", "ĶƘǨḰḲḴ"},
	{"L", "ĹĻĽŁḶḸḺḼ"},
	{"M", "ḾṀṂ"},
	{"N", "ÑŃŅŇŊƝǸṄṆṈṊ"},
	{"O", "ÒÓÔÕÖØŌŎŐƆƠǑǪǬǾȌȎȪȬȮȰṌṎṐṒỌỎỐỒỔỖỘỚỜỞỠỢ"},
	{"P", "ƤṔṖ"},
	{"R", "ŔŖŘȐȒṘṚṜṞ"},
	{"S", "ŚŜŞŠƩȘṠṢṤṦṨ"},
	{"T", "ŢŤŦƬȚṪṬṮṰ"},
	{"U", "ÙÚÛÜŨŪŬŮŰŲƯƱǓǕǗǙǛȔȖṲṴṶṸṺỤỦỨỪỬỮỰ"},
	{"V", "ƲṼṾ"},
	{"W", "ŴẀẂẄẆẈ"},
	{"X", "ẊẌ"},
	{"Y", "ÝŶŸƳȲẎỲỴỶỸ"},
	{"Z", "ŹŻŽƵƷẐẒẔ"},
	{"AE", "ÆǢǼ"},
	{"DZ", "ǄǱ"},
	{"IJ", "Ĳ"},
	{"LJ", "Ǉ"},
	{"NJ", "Ǌ"},
	{"OE", "Œ"},
	{"SS", "ßẞ"},
	{"TH", "Þ"},
}

var plainOf = func() map[rune]string {
	table := map[rune]string{}
	for _, row := range plainLetters {
		for _, letter := range row.letters {
			table[letter] = row.plain
		}
	}
	return table
}()

// Plain is a Latin letter, capital or small, in capital letters of A to Z without
// its marks, hooks and bars. It is false for those letters themselves and for
// letters of other scripts: one that only looks like a Latin letter is another one.
func Plain(r rune) (string, bool) {
	letters, known := plainOf[unicode.ToUpper(r)]
	return letters, known
}
