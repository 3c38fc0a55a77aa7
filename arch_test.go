package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/lingualink/lingualink"

// source is one Go file of the tree, or one planted by a test.
type source struct {
	path  string // below the root, with slashes
	text  string
	file  *ast.File
	fset  *token.FileSet
	lines int
}

func (s source) test() bool  { return strings.HasSuffix(s.path, "_test.go") }
func (s source) pkg() string { return strings.TrimPrefix(path.Dir(s.path), ".") }
func (s source) at(p token.Pos) string {
	return fmt.Sprintf("%s:%d", s.path, s.fset.Position(p).Line)
}

func parse(t *testing.T, name, text string) source {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return source{path: name, text: text, file: file, fset: fset, lines: strings.Count(text, "\n")}
}

// tree reads every Go file of the project.
func tree(t *testing.T) []source {
	t.Helper()
	sources := []source{}
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			if name != "." && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "testdata" || base == "bin") {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(base, ".go") {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			sources = append(sources, parse(t, filepath.ToSlash(name), string(text)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) < 50 {
		t.Fatalf("only %d files were found", len(sources))
	}
	return sources
}

// houseRule is a rule about the source text, with its reason.
type houseRule struct {
	name, reason string
	check        func(sources []source) []string
	// planted are sources that break the rule, allowed ones that look like it.
	planted, allowed []plant
}

// plant is a small tree: path to text.
type plant map[string]string

// houseRules are all of them; each is defined in the file of its subject.
var houseRules = []houseRule{
	layerRule, packageDocRule, migrationNameRule,
	outerAppRule, sizeRule, handlerIDRule, faultRule, clockRule, testRule, looseEndRule,
}

func TestHouseRules(t *testing.T) {
	sources := tree(t)
	for _, rule := range houseRules {
		t.Run(rule.name, func(t *testing.T) {
			for _, problem := range rule.check(sources) {
				t.Errorf("%s\n\twhy the rule: %s", problem, rule.reason)
			}
		})
	}
	for _, s := range sources {
		if s.lines > wantedLines {
			t.Logf("%s has %d lines; %d are wanted", s.path, s.lines, wantedLines)
		}
	}
}

func TestHouseRulesCanFail(t *testing.T) {
	for _, rule := range houseRules {
		t.Run(rule.name, func(t *testing.T) {
			if len(rule.planted) == 0 || rule.reason == "" {
				t.Fatal("the rule has no planted violation or no reason")
			}
			for i, planted := range rule.planted {
				if problems := rule.check(grow(t, planted)); len(problems) != 1 {
					t.Errorf("planted violation %d: found %q, want one", i, problems)
				}
			}
			for i, allowed := range rule.allowed {
				if problems := rule.check(grow(t, allowed)); len(problems) != 0 {
					t.Errorf("allowed example %d: found %q", i, problems)
				}
			}
		})
	}
}

func grow(t *testing.T, files plant) []source {
	t.Helper()
	sources := []source{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		sources = append(sources, parse(t, name, files[name]))
	}
	return sources
}

// heights order the packages: a package imports what is lower than itself. New
// packages are given their place here.
var heights = map[string]int{
	"collections":         20,
	"hooks/shell":         30,
	"hooks/accounts":      31,
	"hooks/ledger":        32,
	"hooks/screening":     32,
	"hooks/clips":         33,
	"hooks/consensus":     34,
	"hooks/appeals":       35,
	"hooks/badges":        35,
	"hooks/risk":          36,
	"hooks/referrals":     37,
	"hooks/payouts":       37,
	"hooks/ambassadors":   38,
	"hooks/moderation":    39,
	"hooks/live":          38,
	"hooks/notifications": 39,
	"hooks":               40,
	"demo":                50,
	"hooks/hookstest":     55,
	"":                    60, // main
}

// pure packages decide; they are tested and replayed without a server.
var pure = []string{
	"internal/badges",
	"internal/consensus",
	"internal/consensus/collusion",
	"internal/consensus/crowd",
	"internal/consensus/replay",
	"internal/consensus/simulate",
	"internal/fault",
	"internal/leaderboard",
	"internal/ledger",
	"internal/lookalikes",
	"internal/moderation",
	"internal/money",
	"internal/payout",
	"internal/payout/names",
	"internal/policy",
	"internal/referral",
	"internal/rewards",
	"internal/rooms",
	"internal/risk",
}

// onlyFrom limits who may import a package, besides tests.
var onlyFrom = map[string][]string{
	"hooks/notifications": {"hooks", ""},
	"hooks/hookstest":     {},
	"internal/apptest":    {"hooks/hookstest"},

	"internal/livekit/livekittest": {},
	"migrations":                   {"", "internal/apptest"},
	"migrations/seed":              {"migrations"},
}

var layerRule = houseRule{
	name:   "layers",
	reason: "main -> hooks -> hooks/<area> -> collections -> internal: what is below can be understood and tested without what is above",
	check: func(sources []source) []string {
		problems := []string{}
		for _, s := range sources {
			for _, spec := range s.file.Imports {
				to, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					problems = append(problems, s.path+": "+err.Error())
					continue
				}
				if strings.HasPrefix(to, "github.com/go-ozzo/ozzo-validation") {
					problems = append(problems, s.at(spec.Pos())+": PocketBase ignores errors of go-ozzo; import github.com/pocketbase/ozzo-validation/v4")
				} else if why := importProblem(s.pkg(), to); why != "" && !s.test() {
					problems = append(problems, s.at(spec.Pos())+": "+to+": "+why)
				}
			}
		}
		return problems
	},
	planted: []plant{
		{"internal/money/a.go": imports("money", module+"/internal/audio")},
		{"internal/money/a.go": imports("money", "golang.org/x/text/language")},
		{"internal/audio/a.go": imports("audio", "github.com/pocketbase/dbx")},
		{"internal/audio/a.go": imports("audio", module+"/collections")},
		{"internal/audio/a.go": imports("audio", module+"/internal/apptest")},
		{"collections/a.go": imports("collections", module+"/hooks/shell")},
		{"collections/a.go": imports("collections", module+"/migrations")},
		{"hooks/shell/a.go": imports("shell", module+"/hooks/ledger")},
		{"hooks/ledger/a.go": imports("ledger", module+"/hooks/clips")},
		{"hooks/clips/a.go": imports("clips", module+"/hooks/notifications")},
		{"hooks/clips/a.go": imports("clips", module+"/hooks")},
		{"hooks/a.go": imports("hooks", module)},
		{"hooks/brand_new/a.go": imports("brand_new", module+"/hooks/shell")},
		{"migrations/1_a.go": imports("migrations", module+"/collections")},
		{"hooks/shell/a_test.go": imports("shell", "github.com/go-ozzo/ozzo-validation/v4")},
	},
	allowed: []plant{
		{"internal/rewards/a.go": imports("rewards", module+"/internal/money")},
		{"internal/rewards/a_test.go": imports("rewards_test", module+"/internal/apptest")},
		{"internal/apptest/a.go": imports("apptest", module+"/migrations")},
		{"hooks/consensus/a.go": imports("consensus", module+"/hooks/accounts")},
		{"main.go": imports("main", module+"/hooks")},
		{"e2e/bench/main.go": imports("main", module+"/e2e/harness")},
	},
}

func imports(name, target string) string {
	return "package " + name + "\n\nimport _ \"" + target + "\"\n"
}

// importProblem says why the package may not import the path, or nothing.
func importProblem(from, to string) string {
	own := to == module || strings.HasPrefix(to, module+"/")
	library := !own && strings.Contains(strings.SplitN(to, "/", 2)[0], ".")
	to = strings.TrimPrefix(strings.TrimPrefix(to, module), "/")
	below := strings.HasPrefix(from, "internal/")
	allowed, limited := onlyFrom[to]
	switch {
	case slices.Contains(pure, from) && (library || own && !slices.Contains(pure, to)):
		return "a pure package imports the standard library and other pure packages"
	case below && from != "internal/apptest" && strings.HasPrefix(to, "github.com/pocketbase/"):
		return "there is no PocketBase below internal/"
	case !own:
		return ""
	case strings.HasPrefix(from, "migrations") && to != "migrations/seed":
		return "a migration must do the same in a year, so it imports nothing that can change"
	case limited && !slices.Contains(allowed, from):
		return fmt.Sprintf("it is imported by tests and %q only", allowed)
	case limited, below && strings.HasPrefix(to, "internal/"):
		return ""
	case below:
		return "internal/ knows nothing of what is above it"
	case strings.HasPrefix(from, "e2e"), strings.HasPrefix(to, "internal/"):
		return ""
	}
	here, placed := heights[from]
	there, known := heights[to]
	switch {
	case !placed || !known:
		return "one of the two has no place in heights of arch_test.go"
	case there >= here:
		return "it is not below " + from
	}
	return ""
}

var packageDocRule = houseRule{
	name:   "package docs",
	reason: "a package opens with what it decides and what it refuses, so that code finds its place",
	check: func(sources []source) []string {
		documented := map[string]bool{}
		for _, s := range sources {
			if s.test() {
				continue
			}
			says := s.file.Doc.Text()
			fits := strings.HasPrefix(says, "Package "+s.file.Name.Name+" ") || s.file.Name.Name == "main" && says != ""
			documented[s.pkg()] = documented[s.pkg()] || fits
		}
		problems := []string{}
		for _, pkg := range slices.Sorted(maps.Keys(documented)) {
			if !documented[pkg] {
				problems = append(problems, "./"+pkg+" has no package comment")
			}
		}
		return problems
	},
	planted: []plant{
		{"hooks/a/a.go": "package a\n"},
		{"hooks/a/a.go": "// Nothing about it.\npackage a\n"},
		{"hooks/a/a.go": "package a\n", "hooks/a/a_test.go": "// Package a is tested.\npackage a\n"},
	},
	allowed: []plant{
		{"hooks/a/a.go": "// Package a decides.\npackage a\n", "hooks/a/b.go": "package a\n"},
		{"main.go": "// Lingualink runs.\npackage main\n"},
	},
}
