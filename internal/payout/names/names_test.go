package names_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lingualink/lingualink/internal/payout/names"
)

type pair struct{ legal, resolved string }

var cases = map[names.Verdict]map[string]pair{
	names.Match: {
		"the same":                      {"Bola Adeyemi", "BOLA ADEYEMI"},
		"surname first at the bank":     {"Bola Adeyemi", "ADEYEMI BOLA"},
		"surname first in the profile":  {"Adeyemi Bola Kehinde", "BOLA KEHINDE ADEYEMI"},
		"a comma":                       {"Bola Adeyemi", "ADEYEMI, BOLA"},
		"middle name at the bank":       {"Bola Adeyemi", "ADEYEMI BOLA KEHINDE"},
		"middle name in the profile":    {"Bola Kehinde Adeyemi", "ADEYEMI BOLA"},
		"other middle names":            {"Bola Kehinde Adeyemi", "ADEYEMI BOLA GRACE"},
		"four names, three at the bank": {"Chukwuemeka Obinna Paul Okonkwo", "OKONKWO CHUKWUEMEKA PAUL"},
		"spaces":                        {"  Bola   Adeyemi ", "ADEYEMI\tBOLA"},

		"Yoruba marks":          {"Ṣọlá Adébáyọ̀", "ADEBAYO SOLA"},
		"Yoruba in one piece":   {"Ọláolúwa Ẹ̀gbẹ́dá", "OLAOLUWA EGBEDA"},
		"Yoruba decomposed":     {"S\u0323o\u0323la\u0301 Ade\u0301ba\u0301yo\u0323\u0300", "SOLA ADEBAYO"},
		"Igbo dots":             {"Ụzọamaka Ṅwankwọ", "NWANKWO UZOAMAKA"},
		"Igbo line below":       {"Ogechị Eze", "EZE OGECHI"},
		"Hausa hooks":           {"Ɓala Ɗanjuma", "DANJUMA BALA"},
		"Hausa k and y":         {"Ƙasimu Ƴaradua", "YARADUA KASIMU"},
		"Hausa apostrophe":      {"Sa’adatu ’Yar’adua", "SAADATU YARADUA"},
		"Akan letters":          {"Kɔfi Mɛnsa", "MENSA KOFI"},
		"Ewe letters":           {"Ɖela Ƒiagbedzi", "FIAGBEDZI DELA"},
		"French marks at home":  {"Hélène Amégan", "AMEGAN HELENE"},
		"full width":            {"Ｂｏｌａ Adeyemi", "ADEYEMI BOLA"},
		"letters as apostrophe": {"Nʼgozi Okoro", "OKORO NGOZI"},

		"titles at the bank":      {"Bola Adeyemi", "MRS. ADEYEMI BOLA"},
		"chief doctor":            {"Bola Adeyemi", "CHIEF (DR) ADEYEMI BOLA"},
		"alhaji":                  {"Musa Danladi", "ALHAJI DANLADI MUSA"},
		"alhaja":                  {"Alhaja Halima Garba", "GARBA HALIMA"},
		"engineer in both":        {"Engr. Chidi Eze", "ENGR EZE CHIDI"},
		"pastor":                  {"Grace Okafor", "PST OKAFOR GRACE"},
		"mallam":                  {"Sani Lawal", "MALLAM LAWAL SANI"},
		"barrister and junior":    {"Femi Falana", "BARR FALANA FEMI JNR"},
		"honourable":              {"Yaw Boateng", "HON YAW BOATENG"},
		"given names like titles": {"Prince Adu", "ADU PRINCE"},
		"a name of titles":        {"Justice Nana Owusu", "OWUSU NANA JUSTICE"},

		"hyphen as space":          {"Ngozi Okonjo-Iweala", "OKONJO IWEALA NGOZI"},
		"married name added":       {"Ngozi Okonjo-Iweala", "OKONJO NGOZI IWEALA"},
		"hyphen as nothing":        {"Fatima Abdul-Rahman", "ABDULRAHMAN FATIMA"},
		"together in the profile":  {"Fatima Abdulrahman", "ABDUL RAHMAN FATIMA"},
		"oluwa seun":               {"Oluwaseun Adebayo", "ADEBAYO OLUWA SEUN"},
		"oluwa seun the other way": {"Oluwa Seun Adebayo", "ADEBAYO OLUWASEUN"},
		"apostrophe as nothing":    {"Sarah O'Brien", "OBRIEN SARAH"},
		"two names, one Abdul":     {"Abdul Sani", "SANI ABDUL"},
		"child of":                 {"Aliyu ibn Sani", "SANI ALIYU"},
		"Ghanaian day names":       {"Kwame Nkrumah Mensah", "MENSAH KWAME N"},
		"Ghanaian hyphen":          {"Ama Owusu-Ansah", "OWUSU-ANSAH AMA"},

		"one letter wrong":    {"Olumide Adeyemi", "ADEYEMI OLUMIDI"},
		"one letter too many": {"Aisha Bello", "BELLO AISHAT"},
		"one letter missing":  {"Aminata Danjuma", "DANJUMA AMINTA"},
		"two letters swapped": {"Chukwu Okafor", "OKAFRO CHUKWU"},
		"both with a slip":    {"Olumide Adeyemi", "ADEYEMY OLUMIDI"},
		"Mohammed":            {"Muhammad Bello", "BELLO MOHAMMED"},
		"Mohd":                {"Mohammed Bello", "MOHD BELLO"},
		"an initial":          {"Bola Adeyemi", "ADEYEMI B"},
		"initials with dots":  {"Bola Kehinde Adeyemi", "ADEYEMI B.K."},
	},
	names.Review: {
		"surname only":                    {"Bola Adeyemi", "ADEYEMI TUNDE"},
		"given name only":                 {"Bola Adeyemi", "OKAFOR BOLA"},
		"one word at the bank":            {"Bola Adeyemi", "ADEYEMI"},
		"one word in the profile":         {"Adeyemi", "ADEYEMI BOLA"},
		"given names, other surname":      {"Bola Kehinde Adeyemi", "OKAFOR BOLA KEHINDE"},
		"the same, surname first":         {"Adeyemi Bola Kehinde", "BOLA KEHINDE OKAFOR"},
		"two middle names":                {"Ada Bola Kehinde Eze", "BOLA KEHINDE OKAFOR"},
		"middle names alone":              {"Ada Bola Kehinde Eze", "BOLA KEHINDE"},
		"other first name":                {"Bola Kehinde Adeyemi", "ADEYEMI KEHINDE TUNDE"},
		"an initial that is none":         {"Bola Adeyemi", "ADEYEMI T"},
		"an initial in the profile":       {"B Adeyemi", "ADEYEMI TUNDE BISI"},
		"initials in the profile fit all": {"A B C D Adeyemi", "ADEYEMI CHIDI"},
		"short words one letter apart":    {"Bola Adeyemi", "ADEYEMI BOLU"},
		"two slips":                       {"Olumide Adeyemi", "ADEYEMI ALUMIDI"},
		"an anagram beside":               {"Daniel Adeyemi", "ADEYEMI NAILED"},
		"Abdul of two":                    {"Abdul Rahman Sani", "ABDUL KARIM SANI"},
		"child of the same":               {"Musa ibn Sani", "ALIYU IBN SANI"},
		"titles are no names":             {"Chief Bola Adeyemi", "CHIEF ADEYEMI TUNDE"},
		"one word twice":                  {"Ada Ada", "ADA OBI"},
		"a business":                      {"Bola Adeyemi", "BOLA ADEYEMI VENTURES"},
		"a limited company":               {"Bola Adeyemi", "ADEYEMI BOLA NIG LTD"},
		"a joint account":                 {"Bola Adeyemi", "ADEYEMI BOLA & OKAFOR CHIDI"},
		"a joint account in words":        {"Bola Adeyemi", "ADEYEMI BOLA AND CHIDI"},
		"an account for a child":          {"Bola Adeyemi", "ADEYEMI BOLA ITF ADEYEMI TOLU"},
	},
	names.Refuse: {
		"somebody else":       {"Bola Adeyemi", "CHIDI OKAFOR"},
		"an anagram":          {"Amy Eric", "MYA ICRE"},
		"all letters moved":   {"Daniel Arthur", "NAILED HURRAT"},
		"initials alone":      {"Bola Adeyemi", "B A"},
		"initials of both":    {"B A", "B A"},
		"only a title":        {"Chief Bola Adeyemi", "CHIEF TUNDE OKAFOR"},
		"only a particle":     {"Aliyu ibn Sani", "YUSUF IBN LAWAL"},
		"nothing at the bank": {"Bola Adeyemi", ""},
		"nothing here":        {"", "ADEYEMI BOLA"},
		"nothing at all":      {"", ""},
		"punctuation":         {"...", "---"},
		"digits":              {"2348012345678", "2348012345678"},
		"look-alikes":         {"Воlа Аdеуеmі", "BOLA ADEYEMI"}, // Cyrillic
		"part of a word":      {"Ade Bola", "ADEYEMI BOLANLE"},
		"titles only":         {"Mr Dr", "MR DR"},
	},
}

func TestCompare(t *testing.T) {
	for want, list := range cases {
		for name, c := range list {
			t.Run(string(want)+"/"+name, func(t *testing.T) {
				if got := names.Compare(c.legal, c.resolved); got != want {
					t.Errorf("%q and %q: %s, want %s", c.legal, c.resolved, got, want)
				}
			})
		}
	}
}

// TestOrderOfTheBank: banks give surnames first or last, so no order of theirs
// decides, unless two neighbours belong together.
func TestOrderOfTheBank(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for want, list := range cases {
		for name, c := range list {
			if strings.Contains(strings.ToUpper(c.resolved+c.legal), "ABDUL") || strings.Contains(c.resolved, "OLUWA") || strings.Contains(c.legal, "Oluwa") {
				continue
			}
			words := strings.Fields(c.resolved)
			for range 5 {
				random.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
				if shuffled := strings.Join(words, " "); names.Compare(c.legal, shuffled) != want {
					t.Errorf("%s: %q and %q: not %s", name, c.legal, shuffled, want)
				}
			}
		}
	}
}

func TestCanonical(t *testing.T) {
	for name, want := range map[string]string{
		"Chief (Dr) Ṣọlá  Adé-Bayọ̀": "SOLA ADE BAYO", "o'Brien, j.": "OBRIEN J", "": "", "Mr": "", "Muhammad Bin Sani": "MOHAMMED SANI",
		"Weiß Ærø Œdipus Łukasz Þór": "WEISS AERO OEDIPUS LUKASZ THOR",
	} {
		if got := names.Canonical(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func FuzzCompare(f *testing.F) {
	for _, list := range cases {
		for _, c := range list {
			f.Add(c.legal, c.resolved)
		}
	}
	f.Fuzz(func(t *testing.T, legal, resolved string) {
		got := names.Compare(legal, resolved)
		if got != names.Match && got != names.Review && got != names.Refuse {
			t.Fatalf("%q and %q: %q", legal, resolved, got)
		}
		l, r := names.Canonical(legal), names.Canonical(resolved)
		if l == "" || r == "" {
			if got != names.Refuse {
				t.Errorf("%q and %q: %s, and one has no words", legal, resolved, got)
			}
			return
		}
		if got == names.Match && !strings.Contains(r, " ") {
			t.Errorf("%q and %q match by one word", legal, resolved)
		}
		if utf8.ValidString(legal) && names.Compare(strings.ToUpper(legal), resolved) != got {
			t.Errorf("%q and %q: capital letters change the verdict", legal, resolved)
		}
		if names.Compare(legal, "MR "+resolved) != got && len(strings.Fields(r)) < 8 {
			t.Errorf("%q and %q: a title changes the verdict", legal, resolved)
		}
	})
}
