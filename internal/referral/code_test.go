package referral_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/referral"
)

func TestNormalize(t *testing.T) {
	cases := []struct{ raw, text, key string }{ // no text: no code
		{"ADA-NG", "ADA-NG", "ADANG"},
		{"  @ada-ng ", "ADA-NG", "ADANG"},
		{"ada ng", "ADANG", "ADANG"},
		{"O0Il1S5B8Z2", "O0IL1S5B8Z2", "OOIIISSBBZZ"},
		{"mama", "MAMA", "RNARNA"},
		{"rnarna", "RNARNA", "RNARNA"},
		{"WVV", "WVV", "VVVV"},
		{"АВСЕНКМОРТХ", "ABCEHKMOPTX", "ABCEHKRNOPTX"}, // Cyrillic
		{"асеорху", "ACEOPXY", "ACEOPXY"},              // Cyrillic, small
		{"ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", "ABEZHIKRNNOPTYX"},
		{"νυγηω", "VUYNW", "VUYNVV"}, // Greek, small: not their capitals
		{"ＡＤＡ－ｎｇ１", "ADA-NG1", "ADANGI"},
		{"𝐀𝒹𝔞𝟘𝟡", "ADA09", "ADAO9"},
		{"ⒶⒹⓐ", "ADA", "ADA"},
		{"Ọlá-Ẹ̀ṣọ́", "OLA-ESO", "OIAESO"},
		{"O\u0323la\u0301", "OLA", "OIA"}, // the same marks apart from the letters
		{"ɓeɗaƙƴ", "BEDAKY", "BEDAKY"},
		{"A\u200bD\u00adA\u202e", "ADA", "ADA"},
		{"ADA–NG", "ADA-NG", "ADANG"},
		{"٣٤۵", "345", "34S"},
		{"ADA|", "ADAI", "ADAI"},
		{"", "", ""}, {"---", "", ""}, {"@", "", ""}, {"ADA_NG", "", ""}, {"ada.ng", "", ""}, {"ADA/NG", "", ""}, {"አዳ", "", ""}, {"阿达", "", ""},
		{"ADA\xff", "", ""}, {strings.Repeat("A", 21), "", ""}, {strings.Repeat(" ", 300) + "ADA", "", ""},
	}
	for _, c := range cases {
		code, ok := referral.Normalize(c.raw)
		if ok != (c.text != "") || ok && code != (referral.Code{Text: c.text, Key: c.key}) {
			t.Errorf("%q: %+v %v, want %s %s", c.raw, code, ok, c.text, c.key)
		}
	}
}

func TestCodesThatLookAlikeHaveOneKey(t *testing.T) {
	for _, row := range [][]string{
		{"B0B-SILVER", "BOBSILVER", "808-5i1ver", "BОB5ILVЕR", "ｂ０ｂ-silver"},
		{"MARVIN", "RNARVIN", "marvin", "МARVIN", "rnarv1n", "MARVLN"},
		{"WOW", "VVOVV", "W0W", "ω0ω", "VV0W"},
	} {
		first, _ := referral.Normalize(row[0])
		for _, other := range row[1:] {
			if code, ok := referral.Normalize(other); !ok || code.Key != first.Key {
				t.Errorf("%q has the key %q, %q has %q", row[0], first.Key, other, code.Key)
			}
		}
	}
	for _, pair := range [][2]string{{"ADA1", "ADA7"}, {"EMEKA", "EMEKE"}, {"CC", "GG"}, {"4A", "AA"}, {"NM", "MN"}, {"UU", "VV"}} {
		a, _ := referral.Normalize(pair[0])
		b, _ := referral.Normalize(pair[1])
		if a.Key == b.Key {
			t.Errorf("%q and %q have one key, %q", pair[0], pair[1], a.Key)
		}
	}
}

func TestNewCode(t *testing.T) {
	seen := map[string]bool{}
	letters := map[rune]int{}
	for range 20_000 {
		code, err := referral.NewCode(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if len(code.Text) != 8 || code.Key != code.Text || seen[code.Key] {
			t.Fatalf("%+v", code)
		}
		if read, ok := referral.Normalize(strings.ToLower(code.Text)); !ok || read != code {
			t.Fatalf("%+v is read as %+v", code, read)
		}
		if vanity, refused := referral.CheckVanity(referral.DefaultPolicy(), code.Text, time.Time{}, t0); refused != "" || vanity != code {
			t.Fatalf("%+v would be refused: %s", code, refused)
		}
		seen[code.Key] = true
		for _, r := range code.Text {
			letters[r]++
		}
	}
	for r, n := range letters { // 160,000 letters over 18: 8,889 each, standard deviation 92
		if n < 8_300 || n > 9_500 {
			t.Errorf("%c comes %d times", r, n)
		}
	}
	if len(letters) != 18 {
		t.Errorf("%d letters", len(letters))
	}
	if _, err := referral.NewCode(bytes.NewReader([]byte{1, 2, 3})); !errors.Is(err, io.EOF) {
		t.Errorf("too few random bytes: %v", err)
	}
	code, err := referral.NewCode(bytes.NewReader([]byte{255, 252, 0, 1, 2, 3, 17, 18, 251, 5}))
	if err != nil || code.Text != "3479Y3YD" {
		t.Errorf("the same bytes give %+v, %v", code, err)
	}
}

func TestCheckVanity(t *testing.T) {
	p := referral.DefaultPolicy()
	cases := []struct {
		raw  string
		want referral.Refusal
	}{
		{"ADA1", ""}, {" ada-ng ", ""}, {"ａｄａ１", ""}, {strings.Repeat("A", 20), ""}, {"2027", ""}, {"A-B-C", ""},
		{"BADMINTON", ""}, {"TESTIMONY", ""}, {"PAYTON", ""}, {"NEWSOME", ""}, {"MY-ADMIRAL", ""},
		{"ADA", referral.CodeLength}, {strings.Repeat("A", 21), referral.CodeLength}, {"", referral.CodeLength},
		{"ADА1", referral.CodeLetters}, {"ADA 1", referral.CodeLetters}, {"ADA_1", referral.CodeLetters}, {"ÀDÁ1", referral.CodeLetters},
		{"@ADA1", referral.CodeLetters}, {"ADA\u200b1", referral.CodeLetters}, {"ADA1\x00", referral.CodeLetters}, {"ADA\xff", referral.CodeLetters},
		{"-ADA1", referral.CodeHyphens}, {"ADA1-", referral.CodeHyphens}, {"ADA--1", referral.CodeHyphens}, {"----", referral.CodeHyphens},
		{"support", referral.CodeReserved}, {"SUPP0RT", referral.CodeReserved}, {"5UPPORT", referral.CodeReserved}, {"5UPP0R7", referral.CodeReserved},
		{"ADMIN", referral.CodeReserved}, {"4DM1N", referral.CodeReserved}, {"ADRNIN", referral.CodeReserved}, {"ADA-ADMIN", referral.CodeReserved},
		{"ADMIN-ADA", referral.CodeReserved}, {"THEADMIN", referral.CodeReserved}, {"ADMIN2027", referral.CodeReserved}, {"A-D-M-I-N", referral.CodeReserved},
		{"LINGUALINK", referral.CodeReserved}, {"LINGUA-LINK", referral.CodeReserved}, {"1INGUA1INK", referral.CodeReserved}, {"MY-LINGUALINK", referral.CodeReserved},
		{"PAY-ADA", referral.CodeReserved}, {"FREE-MONEY", referral.CodeReserved}, {"PA-YOUT", referral.CodeReserved}, {"WWW-ADA", referral.CodeReserved}, {"VVVVVVWELL", ""}, {"VVVVVV", referral.CodeReserved},
	}
	for _, c := range cases {
		code, refused := referral.CheckVanity(p, c.raw, time.Time{}, t0)
		if refused != c.want || (refused == "") != (code.Key != "") {
			t.Errorf("%q: %q %+v, want %q", c.raw, refused, code, c.want)
		}
		if read, ok := referral.Normalize(c.raw); refused == "" && (!ok || read != code) {
			t.Errorf("%q is claimed as %+v and found as %+v", c.raw, code, read)
		}
	}
}

func TestACodeChangesOnceInNinetyDays(t *testing.T) {
	p := referral.DefaultPolicy()
	for after, want := range map[time.Duration]referral.Refusal{
		0: referral.CodeTooSoon, 90*24*time.Hour - 1: referral.CodeTooSoon, 90 * 24 * time.Hour: "", -time.Hour: referral.CodeTooSoon,
	} {
		if _, refused := referral.CheckVanity(p, "ADA-NG", t0, t0.Add(after)); refused != want {
			t.Errorf("after %v: %q, want %q", after, refused, want)
		}
	}
}

func FuzzNormalize(f *testing.F) {
	for _, seed := range []string{"ADA-NG", "@rnm", "ＡＤＡ", "Ọlá", "а\u200b", "\xff", "vvw"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		code, ok := referral.Normalize(raw)
		if !ok {
			return
		}
		for _, again := range []string{code.Text, strings.ToLower(code.Text), " @" + code.Text} {
			if read, ok := referral.Normalize(again); !ok || read != code {
				t.Fatalf("%q gives %+v, read again %+v", raw, code, read)
			}
		}
		if len(code.Key) <= 20 {
			if key, _ := referral.Normalize(code.Key); key.Key != code.Key {
				t.Fatalf("%q: the key %q has the key %q", raw, code.Key, key.Key)
			}
		}
		if vanity, refused := referral.CheckVanity(referral.DefaultPolicy(), raw, time.Time{}, t0); refused == "" && vanity != code {
			t.Fatalf("%q is claimed as %+v and found as %+v", raw, vanity, code)
		}
	})
}
