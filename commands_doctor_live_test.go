package main

import (
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/livekit/livekittest"
)

func TestDoctorMakesARoundTripToTheMediaServer(t *testing.T) {
	app := migratedApp(t)
	server := livekittest.Start(t, "")
	environ := func(secret string) []string {
		return []string{"LIVEKIT_URL=" + server.URL, "LIVEKIT_API_KEY=" + livekittest.Key, "LIVEKIT_API_SECRET=" + secret}
	}
	checks := examined(t, app.DataDir(), environ(livekittest.Secret)...)
	want(t, checks, "livekit", stateOK, "made, found and deleted")
	want(t, checks, "livekit", stateWarning, "over TLS only")
	want(t, examined(t, app.DataDir(), environ("another-secret-another-secret-another")...), "livekit", stateFailed, "refuses the key")
	server.Kill()
	want(t, examined(t, app.DataDir(), environ(livekittest.Secret)...), "livekit", stateWarning, "could not be asked")
	for _, check := range examined(t, app.DataDir()) {
		if strings.HasPrefix(check.Name, "livekit") {
			t.Errorf("without a media server: %+v", check)
		}
	}
}
