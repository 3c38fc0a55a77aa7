package shell

import (
	"encoding/json"
	"strings"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/routine"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/lingualink/lingualink/internal/fault"
)

// topicPrefix starts every topic that is not a collection.
const topicPrefix = "lingualink/"

const clientChunk = 300

// Topics are the custom realtime topics. PocketBase gives them no access
// control, so they are checked here twice: when somebody subscribes, and again
// on every send, because a session may have ended in between.
type Topics struct {
	allowed []topicRule
}

type topicRule struct {
	prefix string
	may    func(auth *core.Record, rest string) bool
}

// Allow opens the topics "lingualink/<name>/<rest>" to whom may says.
func (t *Topics) Allow(name string, may func(auth *core.Record, rest string) bool) {
	t.allowed = append(t.allowed, topicRule{prefix: topicPrefix + name + "/", may: may})
}

func (t *Topics) may(auth *core.Record, topic string) bool {
	for _, rule := range t.allowed {
		if rest, ok := strings.CutPrefix(topic, rule.prefix); ok {
			return auth != nil && rule.may(auth, rest)
		}
	}
	return false
}

// Publish sends data to everybody who subscribed to the topic and still may.
// It does not wait for slow readers. Call it after the commit.
func (t *Topics) Publish(app core.App, topic string, data any) {
	payload, err := json.Marshal(data)
	if err != nil {
		app.Logger().Error("topic: the message cannot be encoded", "topic", topic, "error", err)
		return
	}
	message := subscriptions.Message{Name: topic, Data: payload}
	for _, chunk := range app.SubscriptionsBroker().ChunkedClients(clientChunk) {
		for _, client := range chunk {
			auth, _ := client.Get(apis.RealtimeClientAuthKey).(*core.Record)
			if client.HasSubscription(topic) && t.may(auth, topic) {
				routine.FireAndForget(func() { client.Send(message) })
			}
		}
	}
}

func bindTopics(app core.App, deps *Deps) {
	app.OnRealtimeSubscribeRequest().Bind(&hook.Handler[*core.RealtimeSubscribeRequestEvent]{
		Id: "ll.realtime.topics",
		Func: func(e *core.RealtimeSubscribeRequestEvent) error {
			for _, subscription := range e.Subscriptions {
				topic, _, _ := strings.Cut(subscription, "?")
				if strings.HasPrefix(topic, topicPrefix) && !deps.Topics.may(e.Auth, topic) {
					return fault.NotAllowed.On("subscriptions")
				}
			}
			return e.Next()
		},
	})
}
