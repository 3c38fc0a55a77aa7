package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks"
	"github.com/lingualink/lingualink/internal/audio"
	"github.com/lingualink/lingualink/internal/config"
	"github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/rewards"
)

const (
	appsGuide    = "docs/apps.md"
	operateGuide = "docs/operate.md"
)

// pages are the texts that people read, below the root.
func pages(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir("docs", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Ext(path) == ".md" {
			list = append(list, filepath.ToSlash(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", appsGuide, operateGuide} {
		if !slices.Contains(list, name) {
			t.Fatalf("%s is missing", name)
		}
	}
	return list
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	fenced   = regexp.MustCompile("(?ms)^```.*?^```$")
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	pageLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	codeLink = regexp.MustCompile(`docs/[a-z/0-9-]+\.md(#[a-z0-9-]+)?`)
)

// anchors are the names that a page's headings get where it is shown.
func anchors(text string) []string {
	names := []string{}
	for _, match := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		names = append(names, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, match[1]))
	}
	return names
}

// leadsNowhere says what is wrong with a link from a page in dir.
func leadsNowhere(t *testing.T, dir, self, link string) string {
	t.Helper()
	path, anchor, _ := strings.Cut(link, "#")
	target := self
	if path != "" {
		target = filepath.ToSlash(filepath.Join(dir, path))
	}
	if _, err := os.Stat(target); err != nil {
		return "there is no " + target
	}
	if anchor != "" && !slices.Contains(anchors(read(t, target)), anchor) {
		return target + " has no heading #" + anchor
	}
	return ""
}

func TestLinksOfThePagesLeadSomewhere(t *testing.T) {
	links := 0
	for _, page := range pages(t) {
		for _, match := range pageLink.FindAllStringSubmatch(fenced.ReplaceAllString(read(t, page), ""), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			links++
			if why := leadsNowhere(t, filepath.Dir(page), page, match[1]); why != "" {
				t.Errorf("%s: %s: %s", page, match[1], why)
			}
		}
	}
	if links < 30 {
		t.Errorf("only %d links were found", links)
	}
	for _, bad := range []string{"docs/nothing.md", "README.md#nothing", "#nothing"} {
		if leadsNowhere(t, ".", "README.md", bad) == "" {
			t.Errorf("%s was taken for a link that leads somewhere", bad)
		}
	}
}

// TestTheProgramPointsIntoThePages: what the program says names pages and headings.
func TestTheProgramPointsIntoThePages(t *testing.T) {
	pointers := 0
	for _, s := range tree(t) {
		if s.test() {
			continue
		}
		for _, link := range codeLink.FindAllString(s.text, -1) {
			pointers++
			if why := leadsNowhere(t, ".", "", link); why != "" {
				t.Errorf("%s: %s: %s", s.path, link, why)
			}
		}
	}
	loaded, err := config.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range append(loaded.Parts(), soundDecoder(false)) {
		pointers++
		if why := leadsNowhere(t, ".", "", part.Docs); why != "" {
			t.Errorf("%s: %s: %s", part.Name, part.Docs, why)
		}
	}
	if pointers < 15 {
		t.Errorf("only %d pointers were found", pointers)
	}
}

func TestEveryVariableIsExplained(t *testing.T) {
	guide := read(t, operateGuide)
	for _, name := range config.Variables() {
		if !strings.Contains(guide, "`"+name+"`") {
			t.Errorf("%s does not explain %s", operateGuide, name)
		}
	}
}

// TestEveryPolicyValueIsExplained compares the tables with the defaults in code,
// value by value, and finds values that are gone.
func TestEveryPolicyValueIsExplained(t *testing.T) {
	_, guide, _ := strings.Cut(read(t, operateGuide), "\n## Policies\n")
	guide, _, _ = strings.Cut(guide, "\n## ")
	explained := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([^|]+) \\|").FindAllStringSubmatch(guide, -1) {
		explained[row[1]] = row[2]
	}
	for _, defaults := range []any{audio.DefaultPolicy(), consensus.DefaultPolicy(), rewards.DefaultPolicy()} {
		encoded, err := json.Marshal(defaults)
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]json.RawMessage{}
		if err := json.Unmarshal(encoded, &values); err != nil {
			t.Fatal(err)
		}
		for name, value := range values {
			if want := strings.Trim(string(value), `"`); explained[name] != want {
				t.Errorf("%s says that %s is %q by default, it is %q", operateGuide, name, explained[name], want)
			}
			delete(explained, name)
		}
	}
	for name := range explained {
		t.Errorf("%s explains %s, which is no value of a policy", operateGuide, name)
	}
}

// TestEveryRouteIsListed compares the table of routes with the one that the
// router is made from: method, path and audience.
func TestEveryRouteIsListed(t *testing.T) {
	loaded, err := config.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	deps, err := hooks.Wire(core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir()}), loaded)
	if err != nil {
		t.Fatal(err)
	}
	_, guide, _ := strings.Cut(read(t, appsGuide), "\n## Routes\n")
	guide, _, _ = strings.Cut(guide, "\n## ")
	listed := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z]+ /[^`]*)` \\| ([a-z]+)").FindAllStringSubmatch(guide, -1) {
		listed[row[1]] = row[2]
	}
	for _, route := range deps.Routes.All() {
		name := route.Method + " " + route.Path
		if listed[name] != string(route.Who) {
			t.Errorf("%s says that %s is for %q, it is for %q", appsGuide, name, listed[name], route.Who)
		}
		delete(listed, name)
	}
	for name := range listed {
		t.Errorf("%s lists %s, which is no route", appsGuide, name)
	}
}

func TestEveryCollectionAndCurrencyIsListed(t *testing.T) {
	guide := read(t, appsGuide)
	names := []string{}
	for _, collection := range collections.All() {
		names = append(names, collection.Name)
	}
	for _, currency := range money.Currencies() {
		names = append(names, string(currency))
	}
	for _, name := range names {
		if !strings.Contains(guide, "`"+name+"`") {
			t.Errorf("%s does not list %s", appsGuide, name)
		}
	}
}

// TestEveryHandlerIsInTheIndex keeps the index of ARCHITECTURE.md complete and
// free of handlers that are gone.
func TestEveryHandlerIsInTheIndex(t *testing.T) {
	_, index, _ := strings.Cut(read(t, "ARCHITECTURE.md"), "\n## Index of handlers\n")
	index, _, _ = strings.Cut(index, "\n## ")
	indexed := map[string]bool{}
	for _, match := range regexp.MustCompile("`(ll\\.[a-z0-9_.]+)`").FindAllStringSubmatch(index, -1) {
		indexed[match[1]] = true
	}
	bound := map[string]bool{}
	literal, repeat := regexp.MustCompile(`\bId:\s+"(ll\.[a-z0-9_.]+)"[,}\s]`), regexp.MustCompile(`shell\.Repeatable(?:OnRefusal)?\(app, "([a-z_]+)"`)
	for _, s := range tree(t) {
		if s.test() || strings.HasPrefix(s.path, "e2e/") {
			continue // not part of the server
		}
		for _, match := range literal.FindAllStringSubmatch(s.text, -1) {
			bound[match[1]] = true
		}
		for _, match := range repeat.FindAllStringSubmatch(s.text, -1) {
			bound["ll."+match[1]+".create.repeat"] = true
		}
	}
	for id := range bound {
		if !indexed[id] {
			t.Errorf("ARCHITECTURE.md does not have %s", id)
		}
	}
	for id := range indexed {
		if !bound[id] {
			t.Errorf("ARCHITECTURE.md has %s, which nothing binds", id)
		}
	}
}
