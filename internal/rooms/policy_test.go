package rooms_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/rooms"
)

func TestPolicy(t *testing.T) {
	if p, err := rooms.ParsePolicy(nil); err != nil || p != rooms.DefaultPolicy() {
		t.Errorf("nothing stored gives %+v, %v", p, err)
	}
	p, err := rooms.ParsePolicy([]byte(`{"token_seconds":120,"speaker_camera":false}`))
	want := rooms.DefaultPolicy()
	want.TokenSeconds, want.SpeakerCamera = 120, false
	if err != nil || p != want {
		t.Errorf("got %+v, %v", p, err)
	}
	for _, bad := range []string{
		`{"token_seconds":59}`, `{"token_seconds":121}`, `{"host_grace_seconds":9}`, `{"slow_seconds":121}`, `{"slow_seconds_most":0}`,
		`{"call_people":1}`, `{"ring_seconds":181}`, `{"most_speakers":0}`, `{"most_inside":0}`, `{"ring":40}`, `{"ring_seconds":null}`, `[]`,
	} {
		if p, err := rooms.ParsePolicy([]byte(bad)); !errors.Is(err, fault.PolicyInvalid.On("")) || p != rooms.DefaultPolicy() {
			t.Errorf("%s: %+v, %v", bad, p, err)
		}
	}
}

// TestEveryNumberIsChecked: no number of the policy may be negative or without
// end, and the refusal names it.
func TestEveryNumberIsChecked(t *testing.T) {
	fields := reflect.TypeFor[rooms.Policy]()
	for i := range fields.NumField() {
		field := fields.Field(i)
		name := strings.Split(field.Tag.Get("json"), ",")[0]
		if field.Type.Kind() != reflect.Int64 {
			continue
		}
		for _, value := range []int64{-1, 1 << 40} {
			_, err := rooms.ParsePolicy(fmt.Appendf(nil, `{%q:%d}`, name, value))
			var refusal *fault.Error
			if !errors.As(err, &refusal) || !strings.HasPrefix(refusal.Field, strings.TrimSuffix(name, "_most")) {
				t.Errorf("%s = %d: %v", name, value, err)
			}
		}
	}
	if encoded, err := json.Marshal(rooms.DefaultPolicy()); err != nil || strings.Contains(string(encoded), "Seconds") {
		t.Errorf("a value has no name: %s, %v", encoded, err)
	}
}
