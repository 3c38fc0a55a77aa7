package payouts_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/lingualink/lingualink/internal/apptest"
)

// public are all fields that leave the server, sorted.
var public = []string{
	"account", "amount_minor", "bank_name", "cancellable", "collectionId", "collectionName", "created", "currency", "fee_minor", "id", "last4", "paid_at",
	"reason", "reference", "requested_at", "resolved_name", "session_id", "status", "status_text", "updated", "user",
}

// listen subscribes somebody and returns what they hear.
func (c *counter) listen(who string, topics ...string) subscriptions.Client {
	c.t.Helper()
	client := subscriptions.NewDefaultClient()
	if who != apptest.Guest {
		client.Set(apis.RealtimeClientAuthKey, c.User(who))
	}
	client.Subscribe(topics...)
	c.App.SubscriptionsBroker().Register(client)
	return client
}

// TestTheOwnerHearsOfHerPayouts and nobody else does.
func TestTheOwnerHearsOfHerPayouts(t *testing.T) {
	c := openCounter(t)
	ada := c.listen(apptest.Ada, "payouts/*")
	strangers := map[string]subscriptions.Client{
		"bola": c.listen(apptest.Bola, "payouts/*"), "musa": c.listen(apptest.Musa, "payouts/*"), "a guest": c.listen(apptest.Guest, "payouts/*"),
	}
	hear := func(action, status string) {
		t.Helper()
		var data struct {
			Action string
			Record map[string]any
		}
		message := <-ada.Channel()
		if err := json.Unmarshal(message.Data, &data); err != nil {
			t.Fatal(err)
		}
		if data.Action != action || data.Record["status"] != status {
			t.Errorf("she hears %s %v, want %s %s", data.Action, data.Record["status"], action, status)
		}
		if fields := slices.Sorted(maps.Keys(data.Record)); !slices.Equal(fields, public) {
			t.Errorf("she hears the fields %v", fields)
		}
	}
	id := c.asked(apptest.Ada, waiting)
	hear("create", "checking")
	hear("update", "checking")
	c.Want(c.approve(chief, id), 200, "")
	hear("update", "scheduled")
	c.Want(c.Do(apptest.Ada, "POST", payoutsPath+"/"+id+"/cancel", nil), 200, "")
	hear("update", "cancelled")
	for who, client := range strangers {
		select {
		case message := <-client.Channel():
			t.Errorf("%s heard %s", who, message.Data)
		default:
		}
	}
	// The route answers with the same fields, less those of PocketBase.
	data := c.Want(c.ask(apptest.Bola, waiting), 200, "").Data()
	want := slices.DeleteFunc(slices.Clone(public), func(name string) bool { return name == "collectionId" || name == "collectionName" })
	if fields := slices.Sorted(maps.Keys(data)); !slices.Equal(fields, want) {
		t.Errorf("the route answers %v", fields)
	}
	record := c.Want(c.Do(apptest.Bola, "GET", "/api/collections/payouts/records/"+data["id"].(string), nil), 200, "").JSON
	if fields := slices.Sorted(maps.Keys(record)); !slices.Equal(fields, public) {
		t.Errorf("she reads %v", fields)
	}
	c.Want(c.Do(apptest.Bola, "GET", "/api/collections/payouts/records?filter=(state='approved')", nil), 400, "") // hidden fields are no oracle
}
