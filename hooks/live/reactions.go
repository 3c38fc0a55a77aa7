package live

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/livekit"
	"github.com/lingualink/lingualink/internal/rooms"
)

const (
	// roundReactions sends what came in the last second to everybody in the room.
	roundReactions = "live.reactions"
	reactionsEvery = time.Second
	reactionTopic  = "reactions"

	reactionsInWindow = 10
	reactionWindow    = 5 * time.Second
)

// reactionKinds are what people may send; apps draw them.
var reactionKinds = []string{"heart", "clap", "laugh", "fire", "wow", "sad"}

// reactions are counts of the last second, in memory alone: one that is lost is no
// loss. Who sends too many is known from the same memory.
type reactions struct {
	lock   sync.Mutex
	counts map[string]map[string]int64 // room, kind
	sent   map[string][]time.Time      // person
}

type reactionBody struct {
	Kind string `json:"kind" help:"heart, clap, laugh, fire, wow or sad."`
}

func (t *streams) registerReactions() {
	t.reactions.counts, t.reactions.sent = map[string]map[string]int64{}, map[string][]time.Time{}
	t.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/streams/{id}/reactions", Who: shell.Person, Body: reactionBody{}, Data: map[string]any{},
		What:   "React to a stream that you are in. Everybody in the room gets counts once a second, as data of the topic reactions; they are not stored.",
		Faults: []*fault.Code{fault.NotConfigured, fault.NotFound, fault.StreamState, fault.RateLimited, fault.InvalidInput},
		Handle: t.needsServer(t.react),
	})
	t.deps.Outbox.Round(roundReactions, reactionsEvery, func(ctx context.Context, _ core.App) error { return t.sendReactions(ctx) })
}

func (t *streams) react(e *core.RequestEvent) error {
	body, err := shell.Bind[reactionBody](e)
	if err != nil {
		return err
	}
	if !slices.Contains(reactionKinds, body.Kind) {
		return fault.InvalidInput.On("kind").Saying("Send heart, clap, laugh, fire, wow or sad.")
	}
	stream, err := t.readable(e.App, e)
	if err != nil {
		return err
	}
	status, room := rooms.State(stream.GetString("status")), stream.GetString("room")
	present, err := inside(e.App, room, e.Auth.Id)
	if err != nil {
		return err
	}
	if status != rooms.Live && status != rooms.HostAway || !present {
		return fault.StreamState.On("status").With("status", string(status)).Saying("React to a live stream that you are in.")
	}
	if wait := t.reactions.add(room, body.Kind, e.Auth.Id, t.now()); wait > 0 {
		return shell.TooMany(wait)
	}
	return shell.OK(e, map[string]any{}, "Sent with those of this second.")
}

// add counts a reaction, or says how long the person has to wait.
func (r *reactions) add(room, kind, person string, now time.Time) time.Duration {
	r.lock.Lock()
	defer r.lock.Unlock()
	recent := slices.DeleteFunc(r.sent[person], func(at time.Time) bool { return now.Sub(at) >= reactionWindow || at.After(now) })
	if len(recent) >= reactionsInWindow {
		r.sent[person] = recent
		return max(recent[0].Add(reactionWindow).Sub(now), time.Second)
	}
	r.sent[person] = append(recent, now)
	if r.counts[room] == nil {
		r.counts[room] = map[string]int64{}
	}
	r.counts[room][kind]++
	return 0
}

// take empties the counts and forgets who has not reacted for a while.
func (r *reactions) take(now time.Time) map[string]map[string]int64 {
	r.lock.Lock()
	defer r.lock.Unlock()
	counts := r.counts
	r.counts = map[string]map[string]int64{}
	for person, sent := range r.sent {
		if now.Sub(sent[len(sent)-1]) >= reactionWindow {
			delete(r.sent, person)
		}
	}
	return counts
}

// sendReactions tells each room its counts once. What cannot be told is dropped.
func (t *streams) sendReactions(ctx context.Context) error {
	failures := []error{}
	for room, counts := range t.reactions.take(t.now()) {
		data, err := json.Marshal(counts)
		if err != nil {
			return err
		}
		err = t.ask(ctx, func() error { return t.rooms.Send(ctx, room, reactionTopic, data) })
		if err != nil && !errors.Is(err, livekit.ErrUnreachable) && !errors.Is(err, livekit.ErrAbsent) {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}
