package rooms_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/rooms"
)

var update = flag.Bool("update", false, "write the golden files anew")

// t0 is when the stories of the tests begin.
var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// room gives a name that only the number decides.
func room(n byte) string { return rooms.Name([16]byte{n}) }

var roomNames = strings.NewReplacer(room(1), "room1", room(2), "room2")

// golden compares a text with a file that people read, and that -update writes.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	got = []byte(roomNames.Replace(string(got)))
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got, want) {
		return
	}
	gotLines, wantLines := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(gotLines), len(wantLines)) {
		if gotLines[i] != wantLines[i] {
			t.Errorf("%s:%d\n got %s\nwant %s", path, i+1, gotLines[i], wantLines[i])
		}
	}
	if len(gotLines) != len(wantLines) {
		t.Errorf("%s: %d lines, want %d", path, len(gotLines), len(wantLines))
	}
}

// code is the code of a refusal.
func code(t *testing.T, err error) string {
	t.Helper()
	var refusal *fault.Error
	if !errors.As(err, &refusal) {
		t.Fatalf("%v is not an error of the catalogue", err)
	}
	return refusal.Code.Name
}

func list(effects []rooms.Effect) string {
	lines := make([]string, len(effects))
	for i, e := range effects {
		lines[i] = e.String()
	}
	return strings.Join(lines, ", ")
}

func line(parts ...string) string {
	return strings.TrimRight(strings.Join(parts, " | "), " |") + "\n"
}

func TestName(t *testing.T) {
	for n := range byte(255) {
		if name := room(n); !rooms.Owned(name) || len(name) > 40 {
			t.Errorf("%q is not one of ours", name)
		}
	}
	if room(1) == room(2) {
		t.Error("two rooms have one name")
	}
	for _, other := range []string{"", "ll_", "ll_abc", "meeting", strings.ToUpper(room(1)), room(1) + "a", room(1)[1:], fmt.Sprint("x", room(1))} {
		if rooms.Owned(other) {
			t.Errorf("%q is taken for ours", other)
		}
	}
}

// groups hold what comes to the same result: result to the cases.
type groups map[string][]string

func (g groups) add(result, of string) { g[result] = append(g[result], of) }

// write makes a line of each result; the cases of the usual one are not listed.
func (g groups) write(b *bytes.Buffer, about, usual string) {
	for _, result := range slices.Sorted(maps.Keys(g)) {
		of := strings.Join(g[result], "; ")
		switch {
		case result == usual && len(g) == 1:
			of = "always"
		case result == usual:
			of = fmt.Sprintf("the other %d", len(g[result]))
		}
		b.WriteString(line(about, result, of))
	}
}

func choose(on bool, text string) string {
	if on {
		return text
	}
	return ""
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}
