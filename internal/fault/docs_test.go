package fault_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/fault"
)

var update = flag.Bool("update", false, "rewrite docs/errors.md from the catalogue")

const errorsPage = "../../docs/errors.md"

// TestErrorsPageIsTheCatalogue keeps docs/errors.md complete: every code, and no
// other. Run with -update to write it anew.
func TestErrorsPageIsTheCatalogue(t *testing.T) {
	want := page()
	if *update {
		if err := os.WriteFile(errorsPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(errorsPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the catalogue says; run: go test ./internal/fault -run ErrorsPage -update", errorsPage)
	}
}

func page() string {
	var b strings.Builder
	b.WriteString(`# Error codes

Every error has PocketBase's form. Decide by the code, translate by code and
params, and show the message when you know neither:

` + "```json" + `
{
  "status": 409,
  "message": "The clip has its verdict.",
  "data": {"clip": {"code": "clip_decided", "message": "The clip has its verdict.", "params": {}}}
}
` + "```" + `

The key in ` + "`data`" + ` is the field of the request that the error is about. Answers
with status 429 carry a ` + "`Retry-After`" + ` header in seconds. Codes that start with
` + "`validation_`" + ` are PocketBase's own: the form of a single field is wrong.

| Code | Status | What happened | What to do |
|---|---|---|---|
`)
	for _, code := range fault.All() {
		fmt.Fprintf(&b, "| `%s` | %d | %s | %s |\n", code.Name, code.Status, code.Message, code.Remedy)
	}
	return b.String()
}
