package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/lingualink/lingualink/e2e/harness"
	"github.com/lingualink/lingualink/internal/livekit/livekittest"
)

// theatre is the real server, the real media server, and a browser in which people
// have the page of livepage/ open.
type theatre struct {
	t       *testing.T
	server  *harness.Server
	page    string
	browser *harness.Browser
}

func newTheatre(t *testing.T) *theatre {
	t.Helper()
	installClient(t)
	address := harness.FreeAddress(t)
	media := livekittest.Start(t, "http://"+address+"/api/lingualink/webhooks/livekit")
	server := harness.Start(t, harness.Options{Address: address, Env: []string{
		"LL_RATE_LIMITS=off", "LIVEKIT_URL=" + media.URL, "LIVEKIT_API_KEY=" + livekittest.Key, "LIVEKIT_API_SECRET=" + livekittest.Secret,
	}})
	page := http.NewServeMux()
	page.Handle("/", http.FileServer(http.Dir("livepage")))
	for path, file := range map[string]string{"/pocketbase.js": "pocketbase/dist/pocketbase.umd.js", "/livekit.js": "livekit-client/dist/livekit-client.umd.js"} {
		page.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			http.ServeFile(w, r, filepath.Join("node_modules", filepath.FromSlash(file)))
		})
	}
	front := httptest.NewServer(page)
	t.Cleanup(front.Close)
	return &theatre{t: t, server: server, page: front.URL, browser: harness.StartBrowser(t, harness.FakeMedia...)}
}

// guest is somebody with the page open.
type guest struct {
	*harness.Tab
	theatre *theatre
	name    string
	id      string
}

// enter opens the page for somebody who signs up in it.
func (s *theatre) enter(name string) *guest {
	s.t.Helper()
	g := &guest{theatre: s, name: name, Tab: s.browser.OpenApart(s.t, s.page+"/?server="+url.QueryEscape(s.server.URL))}
	g.Call(s.t, "Emulation.setDeviceMetricsOverride", map[string]any{"width": 640, "height": 440, "deviceScaleFactor": 1, "mobile": false}, nil)
	g.do(&g.id, "signUp", name, []string{s.server.Language(s.t, "yo")})
	return g
}

// do calls a function of the page's app and reads what it gives.
func (g *guest) do(into any, function string, arguments ...any) {
	g.theatre.t.Helper()
	list := ""
	for i, argument := range arguments {
		raw, err := json.Marshal(argument)
		if err != nil {
			g.theatre.t.Fatal(err)
		}
		if i > 0 {
			list += ", "
		}
		list += string(raw)
	}
	g.Evaluate(g.theatre.t, fmt.Sprintf("app.%s(%s)", function, list), into)
}

// send calls a route of the server as the person.
func (g *guest) send(path string, body any) map[string]any {
	g.theatre.t.Helper()
	data := map[string]any{}
	g.do(&data, "send", path, body)
	return data
}

// until waits until a function of the page's app gives what it should.
func (g *guest) until(what, want string, expression string) {
	g.theatre.t.Helper()
	last := ""
	harness.Eventually(g.theatre.t, g.name+": "+what, func() (bool, error) {
		got := ""
		g.Evaluate(g.theatre.t, "String("+expression+")", &got)
		if got != last {
			last = got
			g.theatre.t.Logf("%s: %s is %s", g.name, expression, got)
		}
		return got == want, nil
	})
}

// media are bytes by kind, and frames of video that were decoded.
type media struct{ Audio, Video, Frames float64 }

// receives waits until more sound, and pictures if they are wanted, have come from
// somebody, who has sent them.
func (g *guest) receives(from *guest, pictures bool) {
	t := g.theatre.t
	t.Helper()
	var before, in, out media
	g.do(&before, "bytes", from.id)
	harness.Eventually(t, g.name+" receives media of "+from.name, func() (bool, error) {
		g.do(&in, "bytes", from.id)
		from.do(&out, "bytes")
		seen := !pictures || in.Video > before.Video && in.Frames > before.Frames+5 && out.Video > 0
		return seen && in.Audio > before.Audio && out.Audio > 0, nil
	})
}

// picture keeps what the page looks like: with -artifacts for whoever looks at the
// test, and as a picture of the documentation when UPDATE asks for new ones.
func (g *guest) picture(name string) {
	t := g.theatre.t
	t.Helper()
	png := g.Picture(t)
	keep(t, name, png)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(filepath.Join("..", "docs", "images", name), png, 0o644); err != nil { //nolint:gosec // a picture of the documentation
			t.Error(err)
		}
	}
}

// TestStreamInTheBrowser is a stream from its first sound to its end, with
// browsers at both ends: media is counted where it leaves and where it comes.
func TestStreamInTheBrowser(t *testing.T) {
	s := newTheatre(t)
	host, viewer := s.enter("host"), s.enter("viewer")
	stream := host.send("streams", map[string]any{"title": "Tales of the river", "language": s.server.Language(t, "yo")})["id"].(string)
	path := "streams/" + stream
	var code string
	if viewer.do(&code, "refusal", path+"/token"); code != "not_found" && code != "stream_state" {
		t.Errorf("a viewer gets into the backstage: %q", code)
	}
	host.do(nil, "join", path+"/token")
	if host.do(&code, "refusal", path+"/live"); code != "host_absent" {
		t.Errorf("a host without a track goes live: %q", code)
	}
	host.do(nil, "publish")
	host.until("has published", "microphone,camera", "app.publishing()")
	host.send(path+"/live", map[string]any{})

	viewer.do(nil, "watch", "streams", stream)
	viewer.do(nil, "join", path+"/token")
	viewer.receives(host, true)
	if viewer.do(&code, "tryPublish"); code == "" {
		t.Error("a viewer publishes")
	}
	viewer.until("is counted", "1", `app.seen.at(-1)?.record.viewers ?? 0`)

	host.do(nil, "watch", "stream_seats")
	viewer.send(path+"/stage", map[string]any{"act": "raise"})
	host.until("sees the hand", viewer.id+" raised", `(({ person, hand } = {}) => person + " " + hand)(app.seen.at(-1)?.record)`)
	host.send(path+"/stage", map[string]any{"act": "promote", "person": viewer.id})
	viewer.until("may speak", "true", "app.maySpeak()")
	viewer.do(nil, "publish")
	host.receives(viewer, true)
	host.picture("live-host.png")
	viewer.picture("live-viewer.png")

	host.send(path+"/stage", map[string]any{"act": "demote", "person": viewer.id})
	viewer.until("may not speak", "false", "app.maySpeak()")
	viewer.until("is silent", "", "app.publishing()")
	if viewer.do(&code, "tryPublish"); code == "" {
		t.Error("somebody who was taken off the stage publishes")
	}

	moderator := s.server.SignUp(t, "moderator")
	s.server.Admin(t).Must(t, http.MethodPatch, "/api/collections/users/records/"+moderator.ID, map[string]any{"roles": []string{"moderator"}}, nil)
	moderator.Must(t, http.MethodPost, "/api/lingualink/streams/"+stream+"/kill", map[string]any{"reason": "a test"}, nil)
	for _, g := range []*guest{host, viewer} {
		g.until("is out", "ROOM_DELETED", "app.ended")
		if g.do(&code, "refusal", path+"/token"); code == "" {
			t.Errorf("%s gets a token of a killed stream", g.name)
		}
	}
	viewer.picture("live-killed.png")
}

// TestCallInTheBrowser: it rings by realtime in the page, both hear and see each
// other, and whoever hangs up ends it for both.
func TestCallInTheBrowser(t *testing.T) {
	s := newTheatre(t)
	caller, callee := s.enter("caller"), s.enter("callee")
	callee.do(nil, "watch", "call_parties")
	call := caller.send("calls", map[string]any{"people": []string{callee.id}, "video": true, "device": "browser"})["id"].(string)
	path := "calls/" + call
	callee.until("it rings", call+" ringing", `(({ call, state } = {}) => call + " " + state)(app.seen.at(-1)?.record)`)
	var code string
	if callee.do(&code, "refusal", path+"/token", map[string]any{"device": "browser"}); code != "call_state" {
		t.Errorf("a token before the acceptance: %q", code)
	}
	callee.send(path+"/accept", map[string]any{"device": "browser"})
	for _, g := range []*guest{caller, callee} {
		g.do(nil, "join", path+"/token", map[string]any{"device": "browser"})
		g.do(nil, "publish")
	}
	caller.receives(callee, true)
	callee.receives(caller, true)
	callee.picture("live-call.png")
	callee.send(path+"/hang-up", map[string]any{})
	caller.until("is out", "ROOM_DELETED", "app.ended")
	callee.until("is out", "true", `["ROOM_DELETED", "PARTICIPANT_REMOVED"].includes(app.ended)`)
	var list struct {
		Calls []struct {
			Result string `json:"result"`
		} `json:"calls"`
	}
	caller.do(&list, "send", "calls", nil, "GET")
	if len(list.Calls) != 1 || list.Calls[0].Result != "talked" {
		t.Errorf("the list of the caller: %+v", list)
	}
}
