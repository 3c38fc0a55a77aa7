package accounts

import (
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
)

const (
	// beforeBroadcast is before PocketBase tells its listeners of a row (-99).
	beforeBroadcast = -200
	listenersChunk  = 300
)

// registerHearing decides what restricted people hear by realtime. PocketBase
// itself makes guests of the connections of a person whose token key changed: the
// subscriptions stay, and what everybody may see goes on arriving. Here the
// connections end; who comes back names topics anew, which are looked at then.
func registerHearing(app core.App) {
	app.OnRealtimeSubscribeRequest().Bind(&hook.Handler[*core.RealtimeSubscribeRequestEvent]{
		Id: "ll.realtime.standing",
		Func: func(e *core.RealtimeSubscribeRequestEvent) error {
			if e.Auth == nil || e.Auth.Collection().Id != collections.UsersID {
				return e.Next()
			}
			if restricted(e.Auth) {
				for _, topic := range e.Subscriptions {
					if !mayHear(e.Auth, topic) {
						return refusal(e.Auth)
					}
				}
			}
			if err := e.Next(); err != nil {
				return err
			}
			// Whoever is banned between the reading of the token and this line was not
			// among the listeners when their connections ended.
			over, err := sessionOver(e.App, e.Auth)
			if over || err != nil {
				e.Client.Unset(apis.RealtimeClientAuthKey)
				e.Client.Unsubscribe()
				e.App.SubscriptionsBroker().Unregister(e.Client.Id())
			}
			return err
		},
	})
	app.OnRecordAfterUpdateSuccess("users").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.users.update.hearing", Priority: beforeBroadcast,
		Func: func(e *core.RecordEvent) error {
			// Of whatever change: what the standing was before is not known any more.
			if MayNotAct(e.Record) {
				endHearing(e.App, e.Record.Id)
			}
			return e.Next()
		},
	})
}

// endHearing ends the person's realtime connections. What is under way to them is
// dropped.
func endHearing(app core.App, person string) {
	broker := app.SubscriptionsBroker()
	for _, chunk := range broker.ChunkedClients(listenersChunk) {
		for _, client := range chunk {
			auth, _ := client.Get(apis.RealtimeClientAuthKey).(*core.Record)
			if auth != nil && auth.Id == person && auth.Collection().Id == collections.UsersID {
				client.Unset(apis.RealtimeClientAuthKey)
				client.Unsubscribe()
				broker.Unregister(client.Id())
			}
		}
	}
}

// sessionOver tells whether the session that the record was read for has ended.
func sessionOver(app core.App, person *core.Record) (bool, error) {
	var key string
	err := app.DB().NewQuery("SELECT tokenKey FROM users WHERE id = {:id}").Bind(dbx.Params{"id": person.Id}).Row(&key)
	return key != person.TokenKey(), err
}

// mayHear tells whether a restricted person may subscribe to the topic. Options
// are refused because they can expand.
func mayHear(person *core.Record, topic string) bool {
	switch name, rest, _ := strings.Cut(topic, "/"); name {
	case "users":
		return rest == person.Id
	default:
		if slices.Contains(ownRows, name) {
			return !strings.Contains(rest, "?")
		}
	}
	return topic == "lingualink/wallet/"+person.Id || topic == "lingualink/inbox/"+person.Id
}
