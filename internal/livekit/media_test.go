package livekit_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/livekit"
	"github.com/lingualink/lingualink/internal/livekit/livekittest"
	"github.com/lingualink/lingualink/internal/rooms"
)

// TestViewer: a viewer hears the host, and can neither speak, nor send, nor call
// itself something else. The refusals take the SDK ten seconds, all at once.
func TestViewer(t *testing.T) {
	s, c := start(t)
	host := livekittest.MustJoin(t, s, ticket(t, c, room(1), "ada", rooms.Host))
	viewer := livekittest.MustJoin(t, s, ticket(t, c, room(1), "bob", rooms.Viewer))
	speaker := livekittest.MustJoin(t, s, ticket(t, c, room(1), "cat", rooms.Moderator))
	_, err := host.Speak()
	must(t, err)
	hears(t, viewer, "ada")
	hears(t, speaker, "ada") // a hidden moderator listens too

	refused := make(chan error, 2)
	for _, peer := range []*livekittest.Peer{viewer, speaker} {
		go func() {
			_, err := peer.Speak()
			refused <- err
		}()
	}
	viewer.SetRole("host")
	viewer.Send("chat", "from the viewer")
	host.Send("chat", "from the host")
	must(t, c.Send(t.Context(), room(1), "reactions", []byte("to all")))
	must(t, c.Send(t.Context(), room(1), "reactions", []byte("to ada"), "ada"))
	until(t, "what the server sent", func() bool { return len(host.Received()) == 2 && len(viewer.Received()) >= 2 })
	for range 2 {
		if err := <-refused; err == nil {
			t.Error("somebody who may only listen has published")
		}
	}
	if got := host.Received(); !sameData(got, livekittest.Data{Topic: "reactions", Text: "to all"}, livekittest.Data{Topic: "reactions", Text: "to ada"}) {
		t.Errorf("the host received %+v", got)
	}
	if got := viewer.Received(); !sameData(got, livekittest.Data{From: "ada", Topic: "chat", Text: "from the host"}, livekittest.Data{Topic: "reactions", Text: "to all"}) {
		t.Errorf("the viewer received %+v", got)
	}
	if host.Heard("bob") > 0 || host.Heard("cat") > 0 {
		t.Error("the host heard somebody who may only listen")
	}
	for identity, want := range map[string]rooms.Grants{"ada": grants(rooms.Host), "bob": grants(rooms.Viewer), "cat": grants(rooms.Moderator)} {
		seen := person(t, c, room(1), identity)
		if seen.Grants != want || !seen.Connected || seen.Joined.IsZero() || (seen.Publishing != rooms.NoSources) != (identity == "ada") {
			t.Errorf("%s is seen as %+v", identity, seen)
		}
	}
}

// sameData compares without order: two channels carry them.
func sameData(got []livekittest.Data, want ...livekittest.Data) bool {
	if len(got) != len(want) {
		return false
	}
	for _, one := range want {
		if !slices.Contains(got, one) {
			return false
		}
	}
	return true
}

// TestStage: a viewer is promoted in place, speaks, loses the microphone, is
// demoted, is removed.
func TestStage(t *testing.T) {
	s, c := start(t)
	ctx := t.Context()
	host := livekittest.MustJoin(t, s, ticket(t, c, room(1), "ada", rooms.Host))
	guest := livekittest.MustJoin(t, s, ticket(t, c, room(1), "bob", rooms.Viewer))
	may := func(want rooms.Grants) {
		t.Helper()
		if got := person(t, c, room(1), "bob").Grants; got != want {
			t.Errorf("bob may %s, want %s", got, want)
		}
	}
	must(t, c.SetGrants(ctx, room(1), "bob", rooms.Speaker, grants(rooms.Speaker)))
	may(grants(rooms.Speaker))
	track, err := guest.Speak()
	must(t, err)
	hears(t, host, "bob")
	if seen := person(t, c, room(1), "bob"); seen.Publishing != rooms.Microphone || len(seen.Tracks) != 1 || seen.Tracks[0].SID != track || seen.Tracks[0].Muted {
		t.Errorf("bob is seen as %+v", seen)
	}

	must(t, c.MuteTrack(ctx, room(1), "bob", track))
	until(t, "a muted track", func() bool { return person(t, c, room(1), "bob").Tracks[0].Muted })
	if err := c.MuteTrack(ctx, room(1), "bob", "TR_unknown"); !errors.Is(err, livekit.ErrAbsent) {
		t.Errorf("muting an unknown track: %v", err)
	}

	muted := rooms.Grant(rooms.Seat{Role: rooms.Speaker, Muted: true}, rooms.Live, rooms.Good, rooms.DefaultPolicy())
	must(t, c.SetGrants(ctx, room(1), "bob", rooms.Speaker, muted))
	may(muted)
	until(t, "no microphone", func() bool { return !person(t, c, room(1), "bob").Publishing.Has(rooms.Microphone) })

	must(t, c.SetGrants(ctx, room(1), "bob", rooms.Speaker, grants(rooms.Speaker)))
	_, err = guest.Speak()
	must(t, err)
	hears(t, host, "bob")
	must(t, c.SetGrants(ctx, room(1), "bob", rooms.Viewer, grants(rooms.Viewer)))
	may(grants(rooms.Viewer))
	until(t, "no track", func() bool { return person(t, c, room(1), "bob").Publishing == rooms.NoSources })

	must(t, c.Remove(ctx, room(1), "bob"))
	until(t, "out", func() bool { return guest.Ended() != "" })
	if guest.Ended() != "PARTICIPANT_REMOVED" || host.Ended() != "" {
		t.Errorf("bob ended by %s, ada by %q", guest.Ended(), host.Ended())
	}
	must(t, c.Remove(ctx, room(1), "bob"))
}

// TestStoredToken is the hole of a self-hosted server: it hands out tokens of at
// least ten minutes by itself, with the rights of that moment, and takes them
// after a demotion and a removal. What closes it is to judge everybody who comes
// in, and, for all at once, a room of another name.
func TestStoredToken(t *testing.T) {
	s, c := start(t)
	ctx := t.Context()
	host := livekittest.MustJoin(t, s, ticket(t, c, room(1), "ada", rooms.Host))
	signal := livekittest.Knock(t, s, ticket(t, c, room(1), "eve", rooms.Viewer))
	first := decode(t, signal.NextToken())
	if expires, err := first.GetExpirationTime(); err != nil || expires.Before(time.Now().Add(9*time.Minute)) {
		t.Errorf("the server's own token expires %v, %v", expires, err)
	}
	if seen := person(t, c, room(1), "eve"); seen.SID == "" || seen.Connected {
		t.Errorf("a signal connection is seen as %+v", seen)
	}
	must(t, c.SetGrants(ctx, room(1), "eve", rooms.Speaker, grants(rooms.Speaker)))
	stored := ""
	for granted := false; !granted; { // the server sends one more before it
		stored = signal.NextToken()
		granted = decode(t, stored)["video"].(map[string]any)["canPublish"] == true
	}
	must(t, c.SetGrants(ctx, room(1), "eve", rooms.Viewer, grants(rooms.Viewer)))
	must(t, c.Remove(ctx, room(1), "eve"))

	// The hole is real, or nothing of this is needed any more.
	back := livekittest.MustJoin(t, s, stored)
	_, err := back.Speak()
	must(t, err)
	hears(t, host, "eve")

	// Demoted, not removed: the rights go down and the track ends.
	want := rooms.WantedRoom{Name: room(1), People: map[string]rooms.Grants{"ada": grants(rooms.Host)}, Others: grants(rooms.Viewer)}
	correction := rooms.Judge(want, person(t, c, room(1), "eve"))
	if correction == nil || correction.Kind != rooms.SetRights {
		t.Fatalf("judged %+v", correction)
	}
	carryOut(t, c, []rooms.Correction{*correction})
	until(t, "no track", func() bool { return person(t, c, room(1), "eve").Publishing == rooms.NoSources })
	if again := rooms.Judge(want, person(t, c, room(1), "eve")); again != nil {
		t.Errorf("judged again %+v", again)
	}

	// Removed from the stream: out.
	want.People["eve"] = rooms.Grants{}
	correction = rooms.Judge(want, person(t, c, room(1), "eve"))
	if correction == nil || correction.Kind != rooms.ThrowOut {
		t.Fatalf("judged %+v", correction)
	}
	carryOut(t, c, []rooms.Correction{*correction})
	until(t, "out", func() bool { return back.Ended() == "PARTICIPANT_REMOVED" })

	// Killed or rotated: the token opens nothing, whether there is a new room or not.
	must(t, c.DeleteRoom(ctx, room(1)))
	until(t, "everybody out", func() bool { return host.Ended() == "ROOM_DELETED" })
	must(t, c.CreateRoom(ctx, roomFor(room(2))))
	if _, err := livekittest.Join(t, s, stored); err == nil {
		t.Error("a stored token opened a room of another name")
	}
	if names, err := c.Rooms(ctx); err != nil || !slices.Equal(names, []string{room(2)}) {
		t.Errorf("rooms are %q, %v", names, err)
	}
}

// TestReconcileWithoutWebhooks: nothing is told to us, and looking is enough.
func TestReconcileWithoutWebhooks(t *testing.T) {
	s, c := start(t)
	ctx := t.Context()
	must(t, c.CreateRoom(ctx, roomFor(room(2)))) // ended in the database, still here
	must(t, c.CreateRoom(ctx, roomFor("meeting-of-others")))
	host := livekittest.MustJoin(t, s, ticket(t, c, room(1), "ada", rooms.Host))
	banned := livekittest.MustJoin(t, s, ticket(t, c, room(1), "eve", rooms.Viewer))
	demoted := livekittest.MustJoin(t, s, ticket(t, c, room(1), "bob", rooms.Speaker))
	ghost := livekittest.MustJoin(t, s, ticket(t, c, room(2), "dan", rooms.Viewer))
	_, err := demoted.Speak()
	must(t, err)
	hears(t, host, "bob")

	wanted := rooms.Wanted{Rooms: []rooms.WantedRoom{
		{Name: room(1), People: map[string]rooms.Grants{"ada": grants(rooms.Host), "eve": {}}, Others: grants(rooms.Viewer)},
		{Name: room(3), Others: grants(rooms.Viewer)},
	}}
	look := func() []rooms.Correction {
		t.Helper()
		observed, err := c.Observe(ctx, time.Now().UTC())
		must(t, err)
		return slices.DeleteFunc(rooms.Reconcile(wanted, observed), func(c rooms.Correction) bool { return c.Kind == rooms.OpenStay })
	}
	kinds := []rooms.CorrectionKind{}
	corrections := look()
	for _, correction := range corrections {
		kinds = append(kinds, correction.Kind)
	}
	if !slices.Equal(kinds, []rooms.CorrectionKind{rooms.DropRoom, rooms.ThrowOut, rooms.SetRights, rooms.MakeRoom}) {
		t.Errorf("corrections are %v", corrections)
	}
	carryOut(t, c, corrections)
	until(t, "peace", func() bool { return len(look()) == 0 })
	until(t, "the banned and the ghost out", func() bool { return banned.Ended() != "" && ghost.Ended() == "ROOM_DELETED" })
	if host.Ended() != "" || demoted.Ended() != "" || person(t, c, room(1), "bob").Publishing != rooms.NoSources {
		t.Error("somebody who is right was touched, or a demoted person speaks")
	}
	if names, err := c.Rooms(ctx); err != nil || !slices.Contains(names, "meeting-of-others") || !slices.Contains(names, room(3)) || len(names) != 3 {
		t.Errorf("rooms are %q, %v", names, err)
	}
}

// TestRestart: a server that was killed has forgotten everything. Once the room is
// made again, people and their tracks come back by themselves.
func TestRestart(t *testing.T) {
	s, c := start(t)
	ctx := t.Context()
	host := livekittest.MustJoin(t, s, ticket(t, c, room(1), "ada", rooms.Host))
	viewer := livekittest.MustJoin(t, s, ticket(t, c, room(1), "bob", rooms.Viewer))
	_, err := host.Speak()
	must(t, err)
	hears(t, viewer, "ada")
	before := person(t, c, room(1), "ada")

	s.Restart()
	wanted := rooms.Wanted{Rooms: []rooms.WantedRoom{{Name: room(1), People: map[string]rooms.Grants{"ada": grants(rooms.Host)}, Others: grants(rooms.Viewer)}}}
	observed, err := c.Observe(ctx, time.Now().UTC())
	must(t, err)
	corrections := rooms.Reconcile(wanted, observed)
	if len(corrections) != 1 || corrections[0].Kind != rooms.MakeRoom {
		t.Fatalf("corrections are %v", corrections)
	}
	carryOut(t, c, corrections)
	until(t, "both back", func() bool {
		return person(t, c, room(1), "ada").Publishing.Has(rooms.Microphone) && person(t, c, room(1), "bob").Connected
	})
	hears(t, viewer, "ada")
	if after := person(t, c, room(1), "ada"); after.SID == before.SID || after.Grants != before.Grants {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if host.Ended() != "" || viewer.Ended() != "" {
		t.Errorf("ended: %q, %q", host.Ended(), viewer.Ended())
	}
}
