package screen_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/moderation/screen"
)

var update = flag.Bool("update", false, "write the golden files anew")

func compile(t testing.TB, words []screen.Word) *screen.Screen {
	t.Helper()
	s, err := screen.Compile(words)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func slicesOf(text string, hits []screen.Hit) string {
	parts := []string{}
	for _, hit := range hits {
		parts = append(parts, text[hit.Start:hit.End])
	}
	return strings.Join(parts, "/")
}

func TestTricks(t *testing.T) {
	s := compile(t, words)
	for _, row := range tricks {
		if got := s.Check(row.text, languages...); slicesOf(row.text, got.Hits) != row.found || (got.Action == screen.Pass) != (row.found == "") {
			t.Errorf("%q (%q): found %q (%v), want %q", row.text, screen.Fold(row.text), slicesOf(row.text, got.Hits), got, row.found)
		}
	}
}

func TestInnocents(t *testing.T) {
	s := compile(t, words)
	for _, text := range innocents {
		if got := s.Check(text, languages...); got.Action != screen.Pass || len(got.Hits) != 0 {
			t.Errorf("%q (%q): found %q (%v)", text, screen.Fold(text), slicesOf(text, got.Hits), got)
		}
	}
	if rows := len(tricks) + len(innocents); rows < 80 {
		t.Errorf("only %d rows", rows)
	}
}

func TestGolden(t *testing.T) {
	golden := filepath.Join("testdata", "tricks.txt")
	s := compile(t, words)
	var page strings.Builder
	texts := []string{}
	for _, row := range tricks {
		texts = append(texts, row.text)
	}
	for _, text := range append(texts, innocents...) {
		result := s.Check(text, languages...)
		fmt.Fprintf(&page, "%+q is read %+q: %q", text, screen.Fold(text), result.Action)
		for _, hit := range result.Hits {
			fmt.Fprintf(&page, " %s %d-%d", hit.Word.Text, hit.Start, hit.End)
		}
		page.WriteByte('\n')
	}
	if *update {
		if err := os.WriteFile(golden, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != page.String() {
		t.Errorf("%s is not what is found; look at the difference and run with -update", golden)
	}
}

func TestLanguagesAndActions(t *testing.T) {
	s := compile(t, words)
	for _, row := range []struct {
		text      string
		languages []string
		action    screen.Action
		hits      int
	}{
		{"oko", []string{"en"}, screen.Flag, 1},
		{"oko", []string{"yo"}, screen.Pass, 0},
		{"oko", []string{"yo", "en"}, screen.Flag, 1},
		{"oko", nil, screen.Flag, 1},
		{"ọkọ", []string{"en"}, screen.Flag, 1},
		{"ọkọ̀", []string{"en"}, screen.Pass, 0}, // the exact innocent word
		{"grob", []string{"xx"}, screen.Block, 1},
		{"zuff snerk", nil, screen.Hold, 2},
		{"zuff snerk grob", nil, screen.Block, 3},
		{"grob zuff", nil, screen.Block, 2},
		{"Snerkthorpe snerk", nil, screen.Hold, 1},
		{"Grob Hill, Grob", nil, screen.Block, 1},
		{"olè", nil, screen.Hold, 1},
	} {
		if got := s.Check(row.text, row.languages...); got.Action != row.action || len(got.Hits) != row.hits {
			t.Errorf("%q in %v: %v, want %q with %d hits", row.text, row.languages, got, row.action, row.hits)
		}
	}
}

func TestAllowedWordReachesNoFurther(t *testing.T) {
	s := compile(t, []screen.Word{
		{Text: "abcd", Action: screen.Allow, Match: screen.Anywhere},
		{Text: "bcd", Action: screen.Flag, Match: screen.Anywhere},
		{Text: "cde", Action: screen.Block, Match: screen.Anywhere},
		{Text: "abcdef", Action: screen.Hold, Match: screen.Whole},
		{Text: "zuf", Action: screen.Block, Match: screen.Whole},
		{Text: "zuf", Action: screen.Allow, Match: screen.Whole, Language: "yo"},
	})
	for text, want := range map[string]string{"xabcdx": "", "xbcdx": "bcd", "abcdex": "cde", "abcdef": "abcdef/cde", "bcdabcd": "bcd"} {
		if got := slicesOf(text, s.Check(text).Hits); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := s.Check("zuf", "yo"); got.Action != screen.Pass {
		t.Errorf("innocent in its language: %v", got)
	}
	if got := s.Check("zuf", "ha"); got.Action != screen.Block {
		t.Errorf("in another one: %v", got)
	}
}

func TestStronger(t *testing.T) {
	order := []screen.Action{screen.Pass, screen.Allow, screen.Flag, screen.Hold, screen.Block}
	for i, a := range order {
		for j, b := range order {
			if got := screen.Stronger(a, b); got != order[max(i, j)] {
				t.Errorf("of %q and %q: %q", a, b, got)
			}
		}
	}
}

func TestValidate(t *testing.T) {
	good := screen.Word{Text: "grob", Action: screen.Block, Match: screen.Whole}
	for _, row := range []struct {
		field  string
		change func(w *screen.Word)
	}{
		{"", func(*screen.Word) {}},
		{"", func(w *screen.Word) { w.Language = "ha-NE" }},
		{"", func(w *screen.Word) { w.Text, w.Match = "坏", screen.Anywhere }},
		{"", func(w *screen.Word) { w.Text = "go" }},
		{"", func(w *screen.Word) { w.Text = "ŋa" }},
		{"text", func(w *screen.Word) { w.Text = "" }},
		{"text", func(w *screen.Word) { w.Text = " .\u0301\u200b" }},
		{"text", func(w *screen.Word) { w.Text = "x" }},
		{"text", func(w *screen.Word) { w.Text = "х!" }}, // Cyrillic
		{"text", func(w *screen.Word) { w.Text = "7" }},
		{"text", func(w *screen.Word) { w.Text = "gr\xffob" }},
		{"text", func(w *screen.Word) { w.Text = strings.Repeat("gr", 51) }},
		{"text", func(w *screen.Word) { w.Text = strings.Repeat("ﷺ", 20) }},
		{"match", func(w *screen.Word) { w.Match = "" }},
		{"match", func(w *screen.Word) { w.Text, w.Match = "go", screen.Anywhere }},
		{"action", func(w *screen.Word) { w.Action = screen.Pass }},
		{"action", func(w *screen.Word) { w.Action = "ban" }},
		{"language", func(w *screen.Word) { w.Language = "Yoruba" }},
	} {
		word := good
		row.change(&word)
		err := word.Validate()
		_, compiled := screen.Compile([]screen.Word{good, word})
		if row.field == "" {
			if err != nil || compiled != nil {
				t.Errorf("%+v: %v, %v", word, err, compiled)
			}
			continue
		}
		var problem, first *fault.Error
		if !errors.As(err, &problem) || problem.Code != fault.InvalidInput || problem.Field != row.field {
			t.Errorf("%+v: %v, want invalid_input on %s", word, err, row.field)
		}
		if !errors.As(compiled, &first) || first.Field != row.field || first.Params["row"] != 1 {
			t.Errorf("%+v: the list says %v", word, compiled)
		}
	}
	if _, err := screen.Compile(make([]screen.Word, 100_001)); !errors.Is(err, fault.InvalidInput.On("")) {
		t.Errorf("too many words: %v", err)
	}
}

func TestEmptyListIsCheap(t *testing.T) {
	s, text := compile(t, nil), strings.Repeat("grob ", 100)
	if n := testing.AllocsPerRun(10, func() { s.Check(text) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if got := (&screen.Screen{}).Check(text); got.Action != screen.Pass {
		t.Errorf("the zero screen found %v", got)
	}
}

// TestAtTheSameTime: run with -race where there is cgo; the answers say it as well.
func TestAtTheSameTime(t *testing.T) {
	s := compile(t, words)
	start := make(chan struct{})
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			<-start
			for i := range tricks {
				row := tricks[(i+worker*17)%len(tricks)]
				if got := slicesOf(row.text, s.Check(row.text, languages...).Hits); got != row.found {
					t.Errorf("%q: %q, want %q", row.text, got, row.found)
				}
			}
		})
	}
	close(start)
	group.Wait()
}

// TestEveryCharacterFoldsOnce: what a character becomes becomes nothing else.
func TestEveryCharacterFoldsOnce(t *testing.T) {
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if once := screen.Fold(string(r)); screen.Fold(once) != once {
			t.Errorf("%U becomes %q and then %q", r, once, screen.Fold(once))
		}
	}
}
