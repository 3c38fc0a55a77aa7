package accounts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

// listener is a realtime connection and what it hears.
type listener struct {
	*subscriptions.DefaultClient
	heard chan subscriptions.Message
}

// listen opens a connection and names its topics as the person.
func listen(t *testing.T, s *hookstest.Server, who string, topics ...string) *listener {
	t.Helper()
	l := &listener{subscriptions.NewDefaultClient(), make(chan subscriptions.Message, 100)}
	s.App.SubscriptionsBroker().Register(l.DefaultClient)
	t.Cleanup(func() { s.App.SubscriptionsBroker().Unregister(l.Id()) })
	go func() {
		for message := range l.Channel() {
			l.heard <- message
		}
		close(l.heard)
	}()
	s.Want(s.Do(who, "POST", "/api/realtime", map[string]any{"clientId": l.Id(), "subscriptions": topics}), 204, "")
	return l
}

// next waits for an event of the topic.
func (l *listener) next(t *testing.T, topic string) {
	t.Helper()
	for {
		select {
		case message, open := <-l.heard:
			if !open {
				t.Fatalf("%s: the connection has ended", topic)
			}
			if message.Name == topic {
				return
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s: nothing came", topic)
		}
	}
}

// rest is everything that came until the connection ended.
func (l *listener) rest(t *testing.T) []string {
	t.Helper()
	names := []string{}
	for {
		select {
		case message, open := <-l.heard:
			if !open {
				return names
			}
			names = append(names, message.Name)
		case <-time.After(time.Minute):
			t.Fatal("the connection stays open")
		}
	}
}

func TestABanEndsTheConnections(t *testing.T) {
	for standing, cut := range map[string]bool{"banned": true, "suspended": true, "warned": false} {
		s := hookstest.Start(t)
		ada := s.User(apptest.Ada).Id
		hers, second := listen(t, s, apptest.Ada, "users/*", "notifications/*"), listen(t, s, apptest.Ada, "languages/*")
		others := listen(t, s, apptest.Bola, "users/*", "languages/*")
		setStanding(t, s, apptest.Ada, standing)
		// What everybody may hear is told after the commit.
		language, err := s.App.FindRecordById("languages", s.Language("ha"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.App.Save(language); err != nil {
			t.Fatal(err)
		}
		others.next(t, "languages/*")
		if !cut {
			second.next(t, "languages/*")
			continue
		}
		for _, l := range []*listener{hers, second} {
			if heard := l.rest(t); len(heard) != 0 || !l.IsDiscarded() || l.Get(apis.RealtimeClientAuthKey) != nil {
				t.Errorf("%s: after it they heard %q", standing, heard)
			}
		}
		// They may come back for what is their own.
		s.Forget(apptest.Ada)
		again := listen(t, s, apptest.Ada, "notifications/*", "appeals/*", "decisions/*", "freezes/*", "payouts/*", "verdicts/*")
		notices, err := s.App.FindCollectionByNameOrId("notifications")
		if err != nil {
			t.Fatal(err)
		}
		for _, to := range []string{s.User(apptest.Bola).Id, ada} {
			row := core.NewRecord(notices)
			row.Load(map[string]any{"user": to, "kind": "test", "title": "Hello"})
			if err := s.App.Save(row); err != nil {
				t.Fatal(err)
			}
		}
		again.next(t, "notifications/*")
		if len(again.heard) != 0 {
			t.Errorf("%s: they heard more than their own", standing)
		}
	}
}

func TestABanBetweenSessionAndSubscriptionEndsTheConnection(t *testing.T) {
	s := hookstest.Start(t)
	// After the token was read and looked at, before the topics are in force.
	s.App.OnRealtimeSubscribeRequest().Bind(&hook.Handler[*core.RealtimeSubscribeRequestEvent]{
		Priority: 1000,
		Func: func(e *core.RealtimeSubscribeRequestEvent) error {
			if err := set(s, s.User(apptest.Ada).Id, "banned", "", "system"); err != nil {
				return err
			}
			return e.Next()
		},
	})
	client := subscriptions.NewDefaultClient()
	s.App.SubscriptionsBroker().Register(client)
	s.Do(apptest.Ada, "POST", "/api/realtime", map[string]any{"clientId": client.Id(), "subscriptions": []string{"languages/*"}})
	if !client.IsDiscarded() || len(client.Subscriptions()) != 0 {
		t.Error("the connection hears on")
	}
}

func TestASuspendedModeratorReadsOnlyTheirOwn(t *testing.T) {
	s := hookstest.Start(t)
	for _, who := range []string{apptest.Ada, apptest.Musa} {
		s.Insert("appeals", dbx.Params{"id": shell.NewID(), "user": s.User(who).Id, "subject_type": "decision", "subject_id": shell.NewID(), "text": "No.", "state": "open"})
	}
	list := func() int {
		return len(s.Want(s.Do(apptest.Musa, "GET", "/api/collections/appeals/records", nil), 200, "").Items("items"))
	}
	if list() != 2 {
		t.Fatal("a moderator reads all appeals")
	}
	setStanding(t, s, apptest.Musa, "suspended")
	if n := list(); n != 1 {
		t.Errorf("suspended, he lists %d", n)
	}
	hears := listen(t, s, apptest.Musa, "appeals/*")
	for _, who := range []string{apptest.Ada, apptest.Musa} {
		appeal, err := s.App.FindFirstRecordByData("appeals", "user", s.User(who).Id)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.App.Save(appeal); err != nil {
			t.Fatal(err)
		}
	}
	if message := <-hears.heard; !strings.Contains(string(message.Data), s.User(apptest.Musa).Id) || len(hears.heard) != 0 {
		t.Errorf("he hears %s", message.Data)
	}
}
