package fault_test

import (
	"errors"
	"fmt"
	"regexp"
	"testing"

	"github.com/lingualink/lingualink/internal/fault"
)

func TestCatalogueIsWellFormed(t *testing.T) {
	snake := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	seen := map[string]bool{}
	for _, code := range fault.All() {
		if !snake.MatchString(code.Name) {
			t.Errorf("%q is not snake_case", code.Name)
		}
		if seen[code.Name] {
			t.Errorf("%q is defined twice", code.Name)
		}
		seen[code.Name] = true
		if code.Status < 400 || code.Status > 599 {
			t.Errorf("%s: status %d is not an error", code.Name, code.Status)
		}
		if code.Message == "" || code.Remedy == "" {
			t.Errorf("%s: needs a message and a remedy", code.Name)
		}
	}
	if len(seen) == 0 {
		t.Fatal("the catalogue is empty")
	}
}

func TestErrorsCompareByCodeAndKeepTheirCause(t *testing.T) {
	cause := errors.New("disk full")
	err := fmt.Errorf("while saving: %w", fault.Silent.On("media").With("silent_ms", 4000).Because(cause))

	if !errors.Is(err, fault.Silent.On("")) {
		t.Error("want the same code to match whatever the field")
	}
	if errors.Is(err, fault.TooShort.On("media")) {
		t.Error("another code must not match")
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
}

func TestDerivedErrorsLeaveTheOriginalAlone(t *testing.T) {
	base := fault.TooShort.On("media").With("min_ms", 1000)
	derived := base.With("duration_ms", 300).Saying("Too short.")

	if len(base.Params) != 1 || base.Message() != fault.TooShort.Message {
		t.Errorf("base changed: %+v", base)
	}
	if len(derived.Params) != 2 || derived.Message() != "Too short." {
		t.Errorf("derived is %+v", derived)
	}
}
