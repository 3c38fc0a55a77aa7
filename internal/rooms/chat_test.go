package rooms_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/rooms"
)

func TestCheckMessage(t *testing.T) {
	const slow = 10
	viewer := rooms.Author{Role: rooms.Viewer, Standing: rooms.Good}
	as := func(change func(*rooms.Author)) rooms.Author {
		a := viewer
		change(&a)
		return a
	}
	ago := func(d time.Duration) rooms.Author { return as(func(a *rooms.Author) { a.Last = t0.Add(-d) }) }
	long := strings.Repeat("ẹ", int(rooms.DefaultPolicy().MessageRunes))
	for name, c := range map[string]struct {
		text   string
		author rooms.Author
		state  rooms.State
		want   string // the stored text, or the code of the refusal
		fails  bool
	}{
		"plain":                   {"Ẹ káàbọ̀", viewer, rooms.Live, "Ẹ káàbọ̀", false},
		"trimmed":                 {"  a\r\nb \n", viewer, rooms.Live, "a\nb", false},
		"an emoji of many parts":  {"👩‍🏫", viewer, rooms.Live, "👩‍🏫", false},
		"right to left":           {"سلام", viewer, rooms.Live, "سلام", false},
		"the host is away":        {"hi", viewer, rooms.HostAway, "hi", false},
		"longest":                 {long, viewer, rooms.Live, long, false},
		"longer":                  {long + "ẹ", viewer, rooms.Live, "invalid_input", true},
		"empty":                   {" \n\t", viewer, rooms.Live, "invalid_input", true},
		"joiners only":            {"\u200d\u200b\u2060", viewer, rooms.Live, "invalid_input", true},
		"turned around":           {"abc\u202edef", viewer, rooms.Live, "invalid_input", true},
		"isolates":                {"abc\u2066def", viewer, rooms.Live, "invalid_input", true},
		"a bell":                  {"a\ab", viewer, rooms.Live, "invalid_input", true},
		"no UTF-8":                {"a\xffb", viewer, rooms.Live, "invalid_input", true},
		"scheduled":               {"hi", viewer, rooms.Scheduled, "chat_closed", true},
		"backstage":               {"hi", as(func(a *rooms.Author) { a.Role = rooms.Host }), rooms.Backstage, "chat_closed", true},
		"ended":                   {"hi", viewer, rooms.Ended, "chat_closed", true},
		"killed":                  {"hi", viewer, rooms.Killed, "chat_closed", true},
		"suspended":               {"hi", as(func(a *rooms.Author) { a.Standing = rooms.Suspended }), rooms.Live, "account_suspended", true},
		"banned":                  {"hi", as(func(a *rooms.Author) { a.Standing = rooms.Banned }), rooms.Live, "account_banned", true},
		"warned":                  {"hi", as(func(a *rooms.Author) { a.Standing = rooms.Warned }), rooms.Live, "hi", false},
		"removed":                 {"hi", as(func(a *rooms.Author) { a.Removed = rooms.RemovedByHost }), rooms.Live, "stream_removed", true},
		"muted":                   {"hi", as(func(a *rooms.Author) { a.MutedUntil = t0.Add(1) }), rooms.Live, "chat_muted", true},
		"no longer muted":         {"hi", as(func(a *rooms.Author) { a.MutedUntil = t0 }), rooms.Live, "hi", false},
		"too soon":                {"hi", ago(slow*time.Second - 1), rooms.Live, "chat_slow", true},
		"soon enough":             {"hi", ago(slow * time.Second), rooms.Live, "hi", false},
		"a moderator too soon":    {"hi", as(func(a *rooms.Author) { a.Last, a.Role = t0, rooms.Moderator }), rooms.Live, "hi", false},
		"the host too soon":       {"hi", as(func(a *rooms.Author) { a.Last, a.Role = t0, rooms.Host }), rooms.Live, "hi", false},
		"a speaker too soon":      {"hi", as(func(a *rooms.Author) { a.Last, a.Role = t0, rooms.Speaker }), rooms.Live, "chat_slow", true},
		"a clock that went back":  {"hi", ago(-time.Hour), rooms.Live, "chat_slow", true},
		"bad text while too soon": {"", ago(0), rooms.Live, "invalid_input", true},
	} {
		got, err := rooms.CheckMessage(c.text, c.author, c.state, slow, rooms.DefaultPolicy(), t0)
		if c.fails {
			if err == nil || code(t, err) != c.want || got != "" {
				t.Errorf("%s: %q, %v, want %s", name, got, err, c.want)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for last, want := range map[time.Duration]int64{0: 10, 9500 * time.Millisecond: 1, 9 * time.Second: 1, -time.Hour: 10} {
		_, err := rooms.CheckMessage("hi", ago(last), rooms.Live, slow, rooms.DefaultPolicy(), t0)
		var refusal *fault.Error
		if !errors.As(err, &refusal) || refusal.Params["retry_after"] != want {
			t.Errorf("%s after a message: %v, want %d s", last, err, want)
		}
	}
	if _, err := rooms.CheckMessage("hi", ago(0), rooms.Live, 0, rooms.DefaultPolicy(), t0); err != nil {
		t.Errorf("without slow mode: %v", err)
	}
}

func TestWhoKeepsTheChat(t *testing.T) {
	roles := []rooms.Role{rooms.Host, rooms.CoHost, rooms.Speaker, rooms.Viewer, rooms.Moderator}
	may := map[rooms.Role]string{
		rooms.Host: "cohost speaker viewer", rooms.CoHost: "speaker viewer", rooms.Speaker: "", rooms.Viewer: "",
		rooms.Moderator: "host cohost speaker viewer",
	}
	for _, actor := range roles {
		got := []string{}
		for _, target := range roles {
			if rooms.MayMute(actor, target) {
				got = append(got, string(target))
			}
			if rooms.MayDelete(actor, false, target) != rooms.MayMute(actor, target) || !rooms.MayDelete(actor, true, target) {
				t.Errorf("%s may not delete as it may mute %s", actor, target)
			}
		}
		if strings.Join(got, " ") != may[actor] {
			t.Errorf("%s may mute %q, want %q", actor, got, may[actor])
		}
		if rooms.MayPin(actor) != (may[actor] != "") {
			t.Errorf("%s pins", actor)
		}
	}
}

func TestCheckSlow(t *testing.T) {
	for seconds, want := range map[int64]bool{-1: false, 0: true, 120: true, 121: false} {
		if err := rooms.CheckSlow(seconds, rooms.DefaultPolicy()); (err == nil) != want {
			t.Errorf("%d: %v", seconds, err)
		}
	}
}
