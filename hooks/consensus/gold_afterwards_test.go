package consensus_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/internal/apptest"
)

// compareFeeds goes through the lists in which approved clips appear: to who voted on
// them both are there, to others the control is not.
func compareFeeds(s *hookstest.Server, t *testing.T, ordinary, control string) {
	t.Helper()
	for name, query := range map[string]string{
		"the feed":         "perPage=500",
		"the newest first": "perPage=500&sort=-decided_at",
		"of the speaker":   "perPage=500&filter=" + url.QueryEscape("owner = '"+s.User(ada).Id+"'"),
		"by the day":       "perPage=500&filter=" + url.QueryEscape("created > '2000-01-01' && status = 'approved'"),
		"by the phrase":    "perPage=500&filter=" + url.QueryEscape("phrase ~ 'kwana'"),
		"without a count":  "perPage=500&skipTotal=1",
		"few fields":       "perPage=500&fields=id",
	} {
		path := "/api/collections/clips/records?" + query
		for who, sees := range map[string]int{bola: 1, chidi: 1, dayo: 1, apptest.Guest: 0, fatima: 0, ada: 0, musa: 0} {
			answer := s.Want(fetchAs(s, who, path), 200, "")
			ids := map[string]int{}
			for _, item := range answer.Items("items") {
				ids[item["id"].(string)]++
			}
			if ids[ordinary] != 1 || ids[control] != sees {
				t.Errorf("%s: %q finds the clip %d times and the control %d times, want 1 and %d", name, who, ids[ordinary], ids[control], sees)
			}
			if total, counted := answer.JSON["totalItems"].(float64); counted && total >= 0 && int(total) != len(ids) {
				t.Errorf("%s: %q counts %v of %d", name, who, total, len(ids))
			}
		}
	}
}

// shape is a value with every number and word replaced by its type.
func shape(value any) any {
	switch typed := value.(type) {
	case map[string]any:
		of := map[string]any{}
		for name, member := range typed {
			of[name] = shape(member)
		}
		return of
	case []any:
		if len(typed) == 0 {
			return "[]"
		}
		return []any{shape(typed[0])}
	default:
		return fmt.Sprintf("%T", value)
	}
}

// explained is the explanation of a verdict without what depends on what is known
// about each voter: nothing else may move between a control and a clip.
func explained(t *testing.T, row map[string]any) string {
	t.Helper()
	explanation, there := row["explanation"].(map[string]any)
	if !there {
		return ""
	}
	for _, name := range []string{"log_odds", "posterior"} {
		delete(explanation, name)
	}
	votes := explanation["votes"].([]any)
	for _, vote := range votes {
		for _, name := range []string{"vote", "sensitivity", "specificity", "weight", "log_odds"} {
			delete(vote.(map[string]any), name)
		}
	}
	slices.SortFunc(votes, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) }) // they are by id
	raw, err := json.Marshal(explanation)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// compareVerdicts holds what a voter reads about both against each other.
func compareVerdicts(s *hookstest.Server, t *testing.T, ordinary, control string) {
	t.Helper()
	for _, collection := range []string{"votes", "verdicts", "rewards"} {
		for _, who := range []string{bola, chidi, dayo} {
			rows := [2]map[string]any{}
			for i, clip := range []string{ordinary, control} {
				items := s.Want(s.Do(who, "GET", "/api/collections/"+collection+"/records?filter="+url.QueryEscape("clip = '"+clip+"'"), nil), 200, "").Items("items")
				if len(items) != 1 {
					t.Fatalf("%s has %d %s", who, len(items), collection)
				}
				rows[i] = items[0]
			}
			if a, b := explained(t, rows[0]), explained(t, rows[1]); a != b {
				t.Errorf("%s reads the explanations\n%s\n%s", who, a, b)
			}
			if a, b := fmt.Sprint(shape(rows[0])), fmt.Sprint(shape(rows[1])); a != b {
				t.Errorf("%s of %s look like\n%s\n%s", collection, who, a, b)
			}
			for _, field := range []string{"verdict", "reason", "feedback", "outcome", "by", "revision", "state", "rule", "amount_minor", "base_minor", "currency", "factor_bps", "multiplier_bps", "language", "owner"} {
				if _, there := rows[0][field]; there && field != "verdict" && fmt.Sprint(rows[0][field]) != fmt.Sprint(rows[1][field]) {
					t.Errorf("%s of %s: %s is %v and %v", collection, who, field, rows[0][field], rows[1][field])
				}
			}
		}
	}
}

// TestAVoterHearsOfAControlAsOfAClip: the same events, in the same words.
func TestAVoterHearsOfAControlAsOfAClip(t *testing.T) {
	s := open(t)
	gold := makeGold(s, t, s.Clip(ada), "good")
	ordinary, control, another := s.Clip(ada), controlOf(s, gold), s.Clip(ada)
	client := subscriptions.NewDefaultClient()
	client.Set(apis.RealtimeClientAuthKey, s.User(bola))
	feed := `clips/*?options={"query":{"filter":"status = 'approved' && owner.username = 'ada'"}}`
	client.Subscribe("clips/*", "clips/"+ordinary, "clips/"+control, "clips/"+another, "verdicts/*", "votes/*", "rewards/*", feed)
	s.App.SubscriptionsBroker().Register(client)
	const each = 4 // the feed with and without a filter, the clip and the verdict
	heard := func(clip string) []string {
		s.Decide(clip, "approve")
		events := []string{}
		for range each { // they are sent in the background
			select {
			case message := <-client.Channel():
				var body any
				if err := json.Unmarshal(message.Data, &body); err != nil {
					t.Fatal(err)
				}
				unmeasured(body)
				raw, err := json.Marshal(body)
				if err != nil {
					t.Fatal(err)
				}
				text := anyID.ReplaceAllString(anyTime.ReplaceAllString(message.Name+" "+string(raw), "TIME"), "ID")
				events = append(events, anyName.ReplaceAllString(text, "FILE"))
			case <-time.After(10 * time.Second):
				t.Errorf("of %s bola hears %d events", clip, len(events))
				return events
			}
		}
		slices.Sort(events)
		return events
	}
	of, shown := heard(ordinary), heard(control)
	if len(slices.Compact(slices.Clone(of))) != each || !slices.Equal(of, shown) {
		t.Errorf("of a clip bola hears\n%s\nand of a control\n%s", strings.Join(of, "\n"), strings.Join(shown, "\n"))
	}
	if again := heard(another); !slices.Equal(again, of) { // nothing else was under way
		t.Errorf("of another clip bola hears\n%s", strings.Join(again, "\n"))
	}
}
