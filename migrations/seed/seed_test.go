package seed_test

import (
	"cmp"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"github.com/lingualink/lingualink/migrations/seed"
)

// referenceNames reads testdata/iso639-3.tsv: code and reference name of every
// seeded language, taken from the iso_639-3.json of Debian's iso-codes (4.15).
// testdata/README.md tells how to make it again.
func referenceNames(t *testing.T) map[string]string {
	t.Helper()
	file, err := os.ReadFile("testdata/iso639-3.tsv")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	for line := range strings.Lines(string(file)) {
		code, name, found := strings.Cut(strings.TrimSpace(line), "\t")
		if !found || names[code] != "" {
			t.Fatalf("bad or repeated line %q", line)
		}
		names[code] = name
	}
	return names
}

func TestLanguagesAreThoseOfISO6393(t *testing.T) {
	reference := referenceNames(t)
	qualifier := regexp.MustCompile(` \(.*\)$`) // "Basa (Cameroon)", "Swahili (macrolanguage)"
	for _, one := range seed.Languages() {
		name, known := reference[one.ISO6393]
		if !known {
			t.Errorf("%s: ISO 639-3 has no %s", one.Code, one.ISO6393)
			continue
		}
		if !strings.Contains(one.Name, qualifier.ReplaceAllString(name, "")) {
			t.Errorf("%s: the name %q does not hold the reference name %q", one.Code, one.Name, name)
		}
		delete(reference, one.ISO6393)
	}
	if len(reference) > 0 {
		t.Errorf("no language uses %v; remove the lines", slices.Sorted(maps.Keys(reference)))
	}
}

func TestCodesAreCanonical(t *testing.T) {
	for _, one := range seed.Languages() {
		tag, err := language.All.Parse(one.Code)
		if err != nil || tag.String() != one.Code {
			t.Errorf("%s: the canonical code is %s (%v)", one.Code, tag, err)
			continue
		}
		if base, _ := tag.Base(); base.ISO3() != one.ISO6393 {
			t.Errorf("%s: iso639_3 is %s, want %s", one.Code, one.ISO6393, base.ISO3())
		}
		if script, err := language.ParseScript(one.Script); err != nil || script.String() != one.Script {
			t.Errorf("%s: %s is not a script (%v)", one.Code, one.Script, err)
		}
		for _, country := range one.Countries {
			region, err := language.ParseRegion(country)
			if err != nil || region.Canonicalize().String() != country || !region.IsCountry() || !africa.Contains(region) {
				t.Errorf("%s: %s is not a country of Africa (%v)", one.Code, country, err)
			}
		}
	}
}

var africa = language.MustParseRegion("002") // UN M.49

func TestLanguagesAreCompleteAndSorted(t *testing.T) {
	all := seed.Languages()
	if len(all) < 60 {
		t.Errorf("only %d languages", len(all))
	}
	if !slices.IsSortedFunc(all, func(a, b seed.Language) int { return cmp.Compare(a.Code, b.Code) }) {
		t.Error("not sorted by code")
	}
	codes, names := map[string]bool{}, map[string]bool{}
	for _, one := range all {
		if codes[one.Code] || names[one.Name] {
			t.Errorf("%s or %q is there twice", one.Code, one.Name)
		}
		codes[one.Code], names[one.Name] = true, true
		if one.Autonym == "" || !norm.NFC.IsNormalString(one.Autonym) || !writtenIn(one.Script, one.Autonym) {
			t.Errorf("%s: the autonym %q is empty, not NFC or not written in %s", one.Code, one.Autonym, one.Script)
		}
		if len(one.Countries) == 0 || !slices.IsSorted(one.Countries) {
			t.Errorf("%s: countries %v", one.Code, one.Countries)
		}
		if !one.Enabled {
			t.Errorf("%s is not open for recordings", one.Code)
		}
	}
	for _, code := range []string{"en", "fr", "pt", "ar", "ha", "yo", "ig", "sw", "am", "zu", "pcm"} {
		if !codes[code] {
			t.Errorf("%s is missing", code)
		}
	}
}

func TestPrompts(t *testing.T) {
	scripts := map[string]string{}
	for _, one := range seed.Languages() {
		scripts[one.Code] = one.Script
	}
	domains := []string{"family", "farming", "greeting", "health", "market", "number", "story", "weather"}
	covered, seen := map[string]map[string]bool{}, map[string]bool{}
	for _, prompt := range seed.Prompts() {
		script, known := scripts[prompt.Language]
		if !known {
			t.Errorf("%q is of %s, which is not a seeded language", prompt.Text, prompt.Language)
		}
		if !slices.Contains(domains, prompt.Domain) {
			t.Errorf("%q is about %q, want one of %v", prompt.Text, prompt.Domain, domains)
		}
		if !norm.NFC.IsNormalString(prompt.Text) || strings.TrimSpace(prompt.Text) != prompt.Text || !writtenIn(script, prompt.Text) {
			t.Errorf("%q is not NFC, has white space around it or is not written in %s", prompt.Text, script)
		}
		if seen[prompt.Language+prompt.Text] {
			t.Errorf("%q is there twice", prompt.Text)
		}
		seen[prompt.Language+prompt.Text] = true
		if covered[prompt.Language] == nil {
			covered[prompt.Language] = map[string]bool{}
		}
		covered[prompt.Language][prompt.Domain] = true
	}
	for _, code := range []string{"am", "en", "fr", "ha", "ig", "pcm", "sw", "yo", "zu"} {
		if got := slices.Sorted(maps.Keys(covered[code])); !slices.Equal(got, domains) {
			t.Errorf("%s has prompts about %v, want all of %v", code, got, domains)
		}
	}
}

// writtenIn tells whether text has letters and all of them are of the script.
func writtenIn(script, text string) bool {
	table := map[string]*unicode.RangeTable{
		"Latn": unicode.Latin, "Arab": unicode.Arabic, "Ethi": unicode.Ethiopic,
		"Tfng": unicode.Tifinagh, "Vaii": unicode.Vai,
	}[script]
	letters := 0
	for _, r := range text {
		if !unicode.IsLetter(r) {
			continue
		}
		if table == nil || !unicode.Is(table, r) {
			return false
		}
		letters++
	}
	return letters > 0
}
