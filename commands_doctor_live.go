package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/lingualink/lingualink/internal/livekit"
)

// checkLiveKit makes a room on the media server, lists it and deletes it, if there
// is one.
func (d *doctor) checkLiveKit(ctx context.Context) {
	const name = "livekit"
	if d.problem != nil || !d.cfg.LiveKit.On() {
		return // said by the configuration, or off
	}
	client, err := livekit.New(d.cfg.LiveKit.URL, d.cfg.LiveKit.APIKey, string(d.cfg.LiveKit.APISecret))
	if err != nil {
		d.broken(name, err)
		return
	}
	took, err := client.Check(ctx)
	switch {
	case errors.Is(err, livekit.ErrRefused):
		d.fail(name, "copy key and secret from keys of the media server's configuration; docs/live.md#operators", "the media server refuses the key: %v", err)
	case err != nil:
		d.warn(name, "see whether this machine reaches LIVEKIT_URL, and whether the media server runs", "it could not be asked: %v", err)
	default:
		d.ok(name, "a room was made, found and deleted in %s", took.Round(time.Millisecond))
	}
	if !strings.HasPrefix(client.Address(), "wss://") {
		d.warn(name, "put the media server behind TLS and set LIVEKIT_URL to wss://", "browsers give microphone and camera to pages over TLS only, and those reach no ws:// address")
	}
}
