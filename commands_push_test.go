package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/config"
)

// TestPushKeysAreTakenByTheServer: what the command prints starts a server.
func TestPushKeysAreTakenByTheServer(t *testing.T) {
	pairs := map[string]bool{}
	for range 2 {
		command, said := newPushCommand(), &bytes.Buffer{}
		command.SetArgs([]string{"keys"})
		command.SetOut(said)
		if err := command.Execute(); err != nil {
			t.Fatal(err)
		}
		loaded, err := config.Load(append(strings.Fields(said.String()), "LL_VAPID_SUBJECT=push@example.org"))
		if err != nil || !loaded.Push.WebPushOn() {
			t.Fatalf("%q: %v", said, err)
		}
		pairs[loaded.Push.VAPIDPublicKey] = true
	}
	if len(pairs) != 2 {
		t.Error("the same pair was made twice")
	}
}
