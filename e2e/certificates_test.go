package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/e2e/harness"
)

// TestCertificatesShowNames earns a badge under names of five languages and looks
// at the certificates with Chromium: every letter is drawn with a font of the page
// itself, whatever this machine has, and the page prints on one sheet.
func TestCertificatesShowNames(t *testing.T) {
	server := harness.Start(t, harness.Options{Env: []string{"LL_RATE_LIMITS=off"}})
	server.SetPolicy(t, "consensus", openPolicy)
	hausa := server.Language(t, "ha")
	voters := server.SignUpMany(t, "voter", 3, hausa)
	browser := harness.StartBrowser(t)
	for i, c := range []struct {
		name string
		font string // that must draw it
		// plain is the name without the marks above and below that take no room.
		plain string
	}{
		{"Ẹniọlá Ọ̀ṣọ́", "Noto Sans", "Ẹniọla Ọṣọ"},
		{"Nnaemeka Ọkụ", "Noto Sans", ""},
		{"Ɓala Ƙofar-Ɗan", "Noto Sans", ""},
		{"አበበ በቀለ", "Noto Sans Ethiopic", ""},
		{"محمد الأمين", "Noto Naskh Arabic", ""},
	} {
		t.Run(c.font+" "+fmt.Sprint(i), func(t *testing.T) {
			path := certificate(t, server, voters, hausa, i, c.name)
			tab := browser.Open(t, server.URL+path)
			looksRight(t, tab, server.URL, c.name, c.font)
			if c.plain != "" {
				var widths [2]float64
				tab.Evaluate(t, fmt.Sprintf(`(() => { const name = document.querySelector("#name bdi");
					const wide = text => { name.textContent = text; return name.getBoundingClientRect().width; };
					const plain = wide(%q), marked = wide(%q); return [marked, plain]; })()`, c.plain, c.name), &widths)
				if widths[0] < 100 || widths[0]-widths[1] > 0.5 || widths[1]-widths[0] > 0.5 {
					t.Errorf("with its marks the name is %v wide, without %v: they stand beside their letters", widths[0], widths[1])
				}
			}
			keep(t, fmt.Sprintf("certificate-%d.png", i), tab.Picture(t))
			onOneSheet(t, tab, i)
		})
	}
}

// certificate has somebody of a name record a clip that is approved, and returns
// the path of the certificate for it.
func certificate(t *testing.T, server *harness.Server, voters []*harness.Person, language string, i int, name string) string {
	t.Helper()
	speaker := server.SignUp(t, fmt.Sprint("speaker", i), language)
	speaker.Must(t, http.MethodPatch, "/api/collections/users/records/"+speaker.ID, map[string]any{"name": name}, nil)
	speaker.Consent(t)
	clip := harness.NewID()
	if answer, err := speaker.Upload(t.Context(), clip, language, harness.Voice(uint64(i)+1)); err != nil || answer.Status != http.StatusOK {
		t.Fatalf("the upload: %v %v", answer, err)
	}
	for _, voter := range voters {
		if answer, err := voter.Vote(t.Context(), harness.NewID(), clip, "approve"); err != nil || answer.Status != http.StatusOK {
			t.Fatalf("a vote: %v %v", answer, err)
		}
	}
	var path string
	harness.Eventually(t, "the badge is earned", func() (bool, error) {
		var answer struct {
			Data struct {
				Badges []struct {
					Slug        string  `json:"slug"`
					Certificate *string `json:"certificate"`
				} `json:"badges"`
			} `json:"data"`
		}
		speaker.Must(t, http.MethodGet, "/api/lingualink/badges/progress", nil, &answer)
		for _, badge := range answer.Data.Badges {
			if badge.Slug == "first-steps" && badge.Certificate != nil {
				path = *badge.Certificate
			}
		}
		return path != "", nil
	})
	return path
}

// looksRight holds the page against what it may load and what it must show.
func looksRight(t *testing.T, tab *harness.Tab, url, name, font string) {
	t.Helper()
	var shown string
	if tab.Evaluate(t, `document.querySelector("#name").innerText.trim()`, &shown); shown != name {
		t.Errorf("the page shows %q, want %q", shown, name)
	}
	var loaded, faces []string
	tab.Evaluate(t, `performance.getEntriesByType("resource").map(entry => entry.name)`, &loaded)
	for _, from := range loaded {
		if !strings.HasPrefix(from, url+"/") {
			t.Errorf("the page loads %s", from)
		}
	}
	tab.Evaluate(t, `[...document.fonts].filter(face => face.status === "loaded").map(face => face.family.replaceAll('"', ""))`, &faces)
	if !slices.Contains(faces, "Certificate") {
		t.Errorf("the fonts that loaded are %v", faces)
	}
	drawn := tab.Fonts(t, "#name bdi")
	named := false
	for _, used := range drawn {
		if !used.Custom {
			t.Errorf("%v letters are drawn with %s of this machine", used.Glyphs, used.Family)
		}
		named = named || used.Family == font
	}
	if !named {
		t.Errorf("the name is drawn with %+v, want %s", drawn, font)
	}
	for _, used := range tab.Fonts(t, "main") {
		if !used.Custom {
			t.Errorf("%+v is drawn with a font of this machine", used)
		}
	}
}

var (
	sheet = regexp.MustCompile(`/Type\s*/Page\b`)
	paper = regexp.MustCompile(`/MediaBox\s*\[0 0 84[12][.0-9]* 59[456][.0-9]*\]`) // A4 across, in points
)

func onOneSheet(t *testing.T, tab *harness.Tab, i int) {
	t.Helper()
	pdf := tab.PDF(t)
	keep(t, fmt.Sprintf("certificate-%d.pdf", i), pdf)
	if n := len(sheet.FindAll(pdf, -1)); n != 1 || !paper.Match(pdf) {
		t.Errorf("it prints on %d sheets, of A4 across: %v", n, paper.Match(pdf))
	}
	if !strings.Contains(string(pdf), "+Noto") {
		t.Error("the print does not carry its fonts")
	}
}

// keep leaves a file for people to look at: go test -artifacts.
func keep(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), name), content, 0o600); err != nil {
		t.Error(err)
	}
}
