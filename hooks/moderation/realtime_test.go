package moderation_test

import (
	"encoding/json"
	"testing"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/tools/subscriptions"
)

func (d *desk) listen(who string, topics ...string) subscriptions.Client {
	d.t.Helper()
	client := subscriptions.NewDefaultClient()
	if who != guest {
		client.Set(apis.RealtimeClientAuthKey, d.User(who))
	}
	client.Subscribe(topics...)
	d.App.SubscriptionsBroker().Register(client)
	return client
}

// TestModeratorsHearOfCases: new, claimed and resolved ones; nobody else does, and
// a moderator not of those about themselves.
func TestModeratorsHearOfCases(t *testing.T) {
	d := openDesk(t)
	d.exec("UPDATE users SET roles = '[\"moderator\"]' WHERE username = 'ada'", nil)
	clip := d.approved()
	topics := []string{"cases/*", "reports/*", "case_events/*"}
	moderators := map[string]subscriptions.Client{musa: d.listen(musa, "cases/*"), fatima: d.listen(fatima, "cases/*")}
	strangers := map[string]subscriptions.Client{
		"the owner, who moderates": d.listen(ada, topics...), "a reporter": d.listen(bola, "cases/*", "case_events/*"), "somebody": d.listen(emeka, topics...), "a guest": d.listen(guest, topics...),
	}
	hear := func(action, state string) {
		t.Helper()
		for who, client := range moderators {
			var data struct {
				Action string
				Record map[string]any
			}
			message := <-client.Channel()
			if err := json.Unmarshal(message.Data, &data); err != nil {
				t.Fatal(err)
			}
			if data.Action != action || data.Record["state"] != state || data.Record["subject_id"] != clip {
				t.Errorf("%s hears %s %v, want %s %s", who, data.Action, data.Record["state"], action, state)
			}
		}
	}
	id := d.reported(clip, "hate", bola)
	hear("create", "open")
	d.reported(clip, "hate", chidi)
	hear("update", "open")
	d.claim(musa, id)
	hear("update", "claimed")
	d.claim(musa, id) // repeated: nothing happens
	d.Want(d.do(musa, id, "resolve", decision("hide", "found", "hate")), 200, "")
	hear("update", "resolved")
	for who, client := range moderators {
		select {
		case message := <-client.Channel():
			t.Errorf("%s heard %s more", who, message.Data)
		default:
		}
	}
	for who, client := range strangers {
		select {
		case message := <-client.Channel():
			t.Errorf("%s heard %s", who, message.Data)
		default:
		}
	}
}
