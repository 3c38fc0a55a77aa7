package consensus_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

// twins is a server with a control and an ordinary clip of the same length, both
// leased to bola.
func twins(t *testing.T) (s *hookstest.Server, ordinary, control string) {
	t.Helper()
	s = hookstest.Start(t)
	s.Fund(10_000_000)
	s.Policy(shell.PolicyConsensus, map[string]any{"best_of": 1}) // nobody is passed over
	s.Consent(ada)
	// The recording was there before the control: whoever sees when the file was
	// written would know.
	gold := makeGold(s, t, s.Clip(ada), "good")
	ordinary, control = s.Clip(ada), controlOf(s, gold)
	s.Drain()
	takeBoth(s, t, bola, ordinary, control)
	return s, ordinary, control
}

// takeBoth lets the person fetch and hear both clips.
func takeBoth(s *hookstest.Server, t *testing.T, who, ordinary, control string) {
	t.Helper()
	if got := clipsOf(take(s, who, "?language=ha")); !strings.Contains(got, ordinary) || !strings.Contains(got, control) {
		t.Fatalf("%s is handed %s, want %s and %s", who, got, ordinary, control)
	}
	s.Advance(5 * time.Second)
}

var (
	anyID   = regexp.MustCompile(`\b[a-z0-9]{15}\b`)
	anyTime = regexp.MustCompile(`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z`)
	anyName = regexp.MustCompile(`ID\.wav`)
)

// plainly is an answer without what differs between any two clips.
func plainly(a apptest.Answer) string {
	text := string(a.Raw)
	if a.JSON != nil { // which sorts the members
		unmeasured(a.JSON)
		raw, err := json.Marshal(a.JSON)
		if err != nil {
			panic(err)
		}
		text = string(raw)
	}
	for _, own := range []struct {
		what *regexp.Regexp
		as   string
	}{{anyTime, "TIME"}, {anyID, "ID"}, {anyName, "FILE"}} {
		text = own.what.ReplaceAllString(text, own.as)
	}
	return fmt.Sprint(a.Status, " ", text)
}

// unmeasured takes the figures out that differ between any two clips: recordings
// are louder or not, votes are weighed by what was known at the time, and rewards
// are numbered.
func unmeasured(value any) {
	switch typed := value.(type) {
	case map[string]any:
		for _, name := range []string{"loudness_lufs", "explanation", "confidence", "seq"} {
			delete(typed, name)
		}
		for _, member := range typed {
			unmeasured(member)
		}
	case []any:
		for _, item := range typed {
			unmeasured(item)
		}
	}
}

// asks are the ways in which somebody may try to learn about a clip.
func asks(clip string) map[string]string {
	records := func(collection, query string) string {
		return "/api/collections/" + collection + "/records?" + query
	}
	filter := func(text string) string { return "filter=" + url.QueryEscape(strings.ReplaceAll(text, "CLIP", clip)) }
	return map[string]string{
		"view":                      "/api/collections/clips/records/" + clip,
		"view, expanded":            "/api/collections/clips/records/" + clip + "?expand=owner,language,parent,prompt",
		"list by id":                records("clips", filter("id = 'CLIP'")),
		"list by status":            records("clips", filter("id = 'CLIP' && status = 'pending'")),
		"list by a secret":          records("clips", filter("id = 'CLIP' && control = true")),
		"sort by a secret":          records("clips", filter("id = 'CLIP'")+"&sort=control"),
		"own votes":                 records("votes", filter("clip = 'CLIP'")+"&expand=clip,clip.owner"),
		"own votes by the clip":     records("votes", filter("clip.id = 'CLIP'")),
		"own votes by its status":   records("votes", filter("clip = 'CLIP' && clip.status != 'x'")),
		"own votes by a secret":     records("votes", filter("clip = 'CLIP' && clip.control = false")),
		"own votes, sorted":         records("votes", filter("clip = 'CLIP'")+"&sort=clip.created,clip.media"),
		"own votes by a weight":     records("votes", filter("clip = 'CLIP' && weight = 0")),
		"verdicts":                  records("verdicts", filter("clip = 'CLIP'")+"&expand=clip"),
		"verdicts by the clip":      records("verdicts", filter("clip = 'CLIP' && clip.phrase != ''")),
		"rewards":                   records("rewards", filter("clip = 'CLIP'")+"&expand=clip,verdict"),
		"rewards by the clip":       records("rewards", filter("clip.id = 'CLIP'")),
		"remixes":                   records("clips", filter("parent = 'CLIP'")),
		"notifications":             records("notifications", filter("data.clip = 'CLIP'")),
		"tallies":                   records("clip_tallies", filter("clip = 'CLIP'")),
		"gold":                      records("gold_clips", ""),
		"exposures":                 records("gold_exposures", filter("clip = 'CLIP'")),
		"assignments":               records("assignments", filter("clip = 'CLIP'")),
		"escalations":               records("escalations", filter("clip = 'CLIP'")),
		"a back-relation":           records("clips", filter("clip_tallies_via_clip.gold != ''")),
		"a back-relation, expanded": records("votes", filter("clip = 'CLIP'")+"&expand=clip.clip_tallies_via_clip,clip.gold_exposures_via_clip"),
	}
}

// fetchAs comes from another network each time: PocketBase slows those down who search
// in vain.
func fetchAs(s *hookstest.Server, who, path string) apptest.Answer {
	request := httptest.NewRequest(http.MethodGet, path, nil)
	request.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", rand.N(256), rand.N(256), rand.N(256))
	return s.Send(who, request)
}

// differs names the asks that tell the two clips apart.
func differs(s *hookstest.Server, who, ordinary, control string) []string {
	names := []string{}
	of, shown := asks(ordinary), asks(control)
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if plainly(fetchAs(s, who, of[name])) != plainly(fetchAs(s, who, shown[name])) {
			names = append(names, name)
		}
	}
	return names
}

func TestAControlCannotBeToldFromAClip(t *testing.T) {
	s, ordinary, control := twins(t)
	// Bola votes on both, alike; the others look on.
	compareItems(s, t, ordinary, control)
	compareMedia(s, t, ordinary, control)
	for _, clip := range []string{ordinary, control} {
		s.Advance(5 * time.Second)
		s.Want(s.Vote(bola, clip, "approve"), 200, "")
	}
	nobody := []string{apptest.Guest, bola, chidi, emeka}
	for _, who := range nobody {
		if told := differs(s, who, ordinary, control); len(told) != 0 {
			t.Errorf("before the verdict %q tells them apart by %q", who, told)
		}
	}
	// The speaker knows her clips and moderators see all that wait; both are told
	// in docs/adr.
	for who, want := range map[string]string{ada: "[list by id list by status view view, expanded]", musa: "[list by id list by status]"} {
		if told := fmt.Sprint(differs(s, who, ordinary, control)); told != want {
			t.Errorf("before the verdict %s tells them apart by %s, want %s", who, told, want)
		}
	}
	compareWrites(s, t, ordinary, control)

	for _, who := range []string{chidi, dayo, emeka} {
		takeBoth(s, t, who, ordinary, control)
		for _, clip := range []string{ordinary, control} {
			s.Want(s.Vote(who, clip, "approve"), 200, "")
			s.Advance(5 * time.Second)
		}
	}
	s.Drain()
	for _, clip := range []string{ordinary, control} {
		if status := s.Text("SELECT status FROM clips WHERE id = {:id}", dbx.Params{"id": clip}); status != "approved" {
			t.Fatalf("%s is %s", clip, status)
		}
	}
	for _, who := range []string{bola, chidi, dayo} {
		if told := differs(s, who, ordinary, control); len(told) != 0 {
			t.Errorf("after the verdict %s, who voted, tells them apart by %q", who, told)
		}
	}
	// Nobody else knows of the control. Who is told its id, or signs out, finds it by
	// that and in no list, as docs/adr says.
	for _, who := range []string{apptest.Guest, fatima} {
		if told := fmt.Sprint(differs(s, who, ordinary, control)); told != "[list by id]" {
			t.Errorf("after the verdict %q tells them apart by %s", who, told)
		}
	}
	if told := fmt.Sprint(differs(s, ada, ordinary, control)); told != "[list by id notifications rewards rewards by the clip verdicts verdicts by the clip]" {
		t.Errorf("after the verdict the speaker tells them apart by %s", told)
	}
	compareFeeds(s, t, ordinary, control)
	compareVerdicts(s, t, ordinary, control)
	compareFiles(s, t, ordinary, control)
	sound(t, s)
}

// compareItems holds the two items of the queue against each other.
func compareItems(s *hookstest.Server, t *testing.T, ordinary, control string) {
	t.Helper()
	found := map[string]string{}
	for _, item := range take(s, bola, "?language=ha") {
		raw, err := json.Marshal(item)
		if err != nil {
			t.Fatal(err)
		}
		clip, _ := item["clip"].(string)
		found[clip] = anyTime.ReplaceAllString(anyID.ReplaceAllString(string(raw), "ID"), "TIME")
	}
	if found[ordinary] == "" || found[ordinary] != found[control] {
		t.Errorf("the queue says\n%s\n%s", found[ordinary], found[control])
	}
}

// headers are an answer's, without what differs between any two clips.
func headers(a apptest.Answer) string {
	lines := []string{fmt.Sprint(a.Status, " ", len(a.Raw))}
	for _, name := range slices.Sorted(maps.Keys(a.Header)) {
		lines = append(lines, name+": "+anyName.ReplaceAllString(anyID.ReplaceAllString(strings.Join(a.Header[name], " | "), "ID"), "FILE"))
	}
	return strings.Join(lines, "\n")
}

// compareMedia fetches both recordings in every way, conditions included.
func compareMedia(s *hookstest.Server, t *testing.T, ordinary, control string) {
	t.Helper()
	token := "?token=" + s.Want(s.Do(bola, "POST", "/api/files/token", nil), 200, "").Text("token")
	urls := map[string]string{}
	for _, item := range take(s, bola, "?language=ha") {
		urls[item["clip"].(string)] = item["media_url"].(string) + token
	}
	for _, condition := range conditions(ordinary, control) {
		for _, method := range []string{"GET", "HEAD"} {
			of, shown := s.Do(apptest.Guest, method, urls[ordinary], nil, condition[0]...), s.Do(apptest.Guest, method, urls[control], nil, condition[1]...)
			if headers(of) != headers(shown) {
				t.Errorf("%s %v\n%s\n%s", method, condition, headers(of), headers(shown))
			}
			if of.Header.Get("Last-Modified") != "" {
				t.Errorf("%s says when the file was written", method)
			}
		}
	}
	if got := s.Do(apptest.Guest, "GET", urls[control], nil); got.Status != 200 || !strings.HasPrefix(string(got.Raw), "RIFF") {
		t.Errorf("the recording of the control is answered %d", got.Status)
	}
}

// conditions are headers for the one and the other clip.
func conditions(ordinary, control string) [][2][]string {
	both := func(headers ...string) [2][]string { return [2][]string{headers, headers} }
	list := [][2][]string{
		both(), both("Range: bytes=0-3"), both("Range: bytes=99999999-"), both("If-None-Match: *"), both(`If-None-Match: "x"`), both(`If-Match: "x"`),
		{{`If-None-Match: "` + ordinary + `"`}, {`If-None-Match: "` + control + `"`}},
		{{"Range: bytes=0-3", `If-Range: "` + ordinary + `"`}, {"Range: bytes=0-3", `If-Range: "` + control + `"`}},
	}
	for _, name := range []string{"If-Modified-Since: ", "If-Unmodified-Since: "} {
		for _, at := range []time.Time{time.Now().Add(-time.Hour), time.Now(), time.Now().Add(time.Hour)} {
			list = append(list, both(name+at.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")))
		}
	}
	return append(list, both("Range: bytes=0-3", "If-Range: "+time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")))
}

// compareWrites tries to do to both what a validator could.
func compareWrites(s *hookstest.Server, t *testing.T, ordinary, control string) {
	t.Helper()
	s.Consent(emeka)
	for name, try := range map[string]func(clip string) apptest.Answer{
		"voting again": func(clip string) apptest.Answer { return s.Vote(bola, clip, "reject") },
		"withdrawing": func(clip string) apptest.Answer {
			return s.Do(bola, "POST", "/api/lingualink/clips/"+clip+"/withdraw", nil)
		},
		"remixing":      func(clip string) apptest.Answer { return s.UploadClip(emeka, s.Voice(), "parent", clip) },
		"taking its id": func(clip string) apptest.Answer { return s.UploadClip(emeka, s.Voice(), "id", clip) },
		"changing it": func(clip string) apptest.Answer {
			return s.Do(bola, "PATCH", "/api/collections/clips/records/"+clip, map[string]any{"phrase": "x"})
		},
		"removing it": func(clip string) apptest.Answer {
			return s.Do(bola, "DELETE", "/api/collections/clips/records/"+clip, nil)
		},
		"its file": func(clip string) apptest.Answer { return s.Do(bola, "GET", "/api/files/clips/"+clip+"/x.wav", nil) },
		"making it gold": func(clip string) apptest.Answer {
			return s.Do(bola, "POST", goldRoute, map[string]any{"clip": clip, "reason": "x"})
		},
		"not speaking it": func(clip string) apptest.Answer { return s.Vote(apptest.Guest, clip, "approve") },
	} {
		if of, shown := plainly(try(ordinary)), plainly(try(control)); of != shown {
			t.Errorf("%s answers\n%s\n%s", name, of, shown)
		}
	}
}

// compareFiles fetches both through PocketBase's own route.
func compareFiles(s *hookstest.Server, t *testing.T, ordinary, control string) {
	t.Helper()
	file := func(clip string) string {
		record := s.Want(s.Do(bola, "GET", "/api/collections/clips/records/"+clip, nil), 200, "")
		return "/api/files/clips/" + clip + "/" + record.Text("media")
	}
	for _, condition := range conditions(ordinary, control) {
		of, shown := s.Do(apptest.Guest, "GET", file(ordinary), nil, condition[0]...), s.Do(apptest.Guest, "GET", file(control), nil, condition[1]...)
		if headers(of) != headers(shown) {
			t.Errorf("%v\n%s\n%s", condition, headers(of), headers(shown))
		}
	}
	if again := s.Do(apptest.Guest, "GET", file(ordinary), nil, `If-None-Match: "`+ordinary+`"`); again.Status != 304 {
		t.Errorf("asking again is answered %d", again.Status)
	}
	if got := s.Do(apptest.Guest, "GET", file(control), nil); got.Status != 200 || !strings.HasPrefix(string(got.Raw), "RIFF") {
		t.Errorf("the file of the control is answered %d", got.Status)
	}
	s.Want(s.Do(apptest.Guest, "GET", file(control)+"x", nil), 404, "")
}

// TestWhoHearsOfAControl listens while one is opened, decided and followed by the
// next: only who knows its id hears of it, and only of its verdict.
func TestWhoHearsOfAControl(t *testing.T) {
	s := open(t)
	gold := makeGold(s, t, s.Clip(ada), "good")
	control := controlOf(s, gold)
	listeners := map[string]*subscriptions.DefaultClient{}
	for _, who := range []string{apptest.Guest, ada, bola, musa} {
		client := subscriptions.NewDefaultClient()
		if who != apptest.Guest {
			client.Set(apis.RealtimeClientAuthKey, s.User(who))
		}
		client.Subscribe("clips/*", "clips/"+control, "verdicts/*")
		s.App.SubscriptionsBroker().Register(client)
		listeners[who] = client
	}
	s.Decide(control, "approve", chidi, dayo, emeka)
	next := controlOf(s, gold)
	s.Want(s.Do(apptest.Admin, "POST", goldRoute+"/"+gold+"/retire", map[string]any{"reason": "old"}), 200, "")
	last := s.Clip(ada)
	s.Decide(last, "approve", chidi, dayo, emeka)
	for who, client := range listeners {
		verdicts := map[string]bool{musa: true}[who] // of any clip
		for known, ended := false, false; !known || !ended; {
			message := <-client.Channel()
			data := string(message.Data)
			switch {
			case message.Name == "clips/"+control && strings.Contains(data, `"status":"approved"`):
				known = true
			case message.Name == "clips/*" && strings.Contains(data, last):
				ended = ended || strings.Contains(data, `"status":"approved"`)
			case message.Name == "verdicts/*" && (verdicts || strings.Contains(data, last)):
			default:
				t.Errorf("%q hears %s: %s", who, message.Name, data)
			}
			if strings.Contains(data, next) || strings.Contains(data, "control") || strings.Contains(data, "reserved") {
				t.Errorf("%q hears too much: %s", who, data)
			}
		}
	}
}
