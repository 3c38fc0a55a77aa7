package e2e_test

import (
	"encoding/json"
	"testing"

	"github.com/lingualink/lingualink/e2e/harness"
	"github.com/lingualink/lingualink/internal/push/webpush"
)

// shown is a notification that the browser shows.
type shown struct {
	Title string            `json:"title"`
	Body  string            `json:"body"`
	Tag   string            `json:"tag"`
	Data  map[string]string `json:"data"`
}

// TestTheServiceWorkerShowsAPush delivers what the server sends to browsers, decrypted,
// to the service worker in Chromium, by the DevTools protocol. That it is encrypted as
// browsers want it is tested against the fake push service.
func TestTheServiceWorkerShowsAPush(t *testing.T) {
	server := harness.Start(t, harness.Options{})
	browser := harness.StartBrowser(t)
	tab := browser.Open(t, server.URL+"/")
	tab.Call(t, "Browser.grantPermissions", map[string]any{"origin": server.URL, "permissions": []string{"notifications"}}, nil)
	tab.Call(t, "ServiceWorker.enable", nil, nil)
	tab.Evaluate(t, `navigator.serviceWorker.register("/sw.js").then(() => navigator.serviceWorker.ready).then(() => true)`, nil)
	tab.Evaluate(t, `window.heard = new Promise(done => navigator.serviceWorker.addEventListener("message", event => done(event.data))), true`, nil)
	registration := ""
	tab.Event(t, "ServiceWorker.workerRegistrationUpdated", func(params json.RawMessage) bool {
		var updated struct {
			Registrations []struct {
				ID string `json:"registrationId"`
			} `json:"registrations"`
		}
		if json.Unmarshal(params, &updated) != nil || len(updated.Registrations) == 0 {
			return false
		}
		registration = updated.Registrations[0].ID
		return true
	})
	deliver := func(data string) {
		t.Helper()
		tab.Call(t, "ServiceWorker.deliverPushMessage", map[string]any{"origin": server.URL, "registrationId": registration, "data": data}, nil)
	}
	payload := func(p webpush.Payload) string {
		t.Helper()
		raw, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	shows := func(want int) []shown {
		t.Helper()
		var list []shown
		harness.Eventually(t, "the notifications are shown", func() (bool, error) {
			tab.Evaluate(t, `navigator.serviceWorker.ready.then(worker => worker.getNotifications()).then(list => list.map(n => ({ title: n.title, body: n.body, tag: n.tag, data: n.data })))`, &list)
			return len(list) == want, nil
		})
		return list
	}

	failed := webpush.Payload{Title: "Owó rẹ kò dé", Body: "₦1,500.00", Tag: "payout:1", Data: map[string]string{"kind": "payout_failed", "link": "/payouts/1", "notification": "n1"}}
	deliver(payload(failed))
	if list := shows(1); list[0].Title != failed.Title || list[0].Body != failed.Body || list[0].Tag != failed.Tag || list[0].Data["link"] != "/payouts/1" {
		t.Errorf("%+v", list)
	}
	// What comes twice, or is newer about the same thing, is shown once.
	failed.Body = "₦2,000.00"
	deliver(payload(failed))
	harness.Eventually(t, "the newer one is shown", func() (bool, error) { return shows(1)[0].Body == failed.Body, nil })

	// A tap tells the page where to go.
	worker := tab.Worker(t)
	worker.Evaluate(t, `self.registration.getNotifications().then(([notification]) => self.dispatchEvent(new NotificationEvent("notificationclick", { notification })))`, nil)
	var heard map[string]string
	tab.Evaluate(t, `window.heard`, &heard)
	if heard["type"] != "open" || heard["link"] != "/payouts/1" || heard["notification"] != "n1" {
		t.Errorf("the page heard %v", heard)
	}
	shows(0)

	// A link never leads to another site, and what cannot be read is shown all the same.
	tab.Evaluate(t, `window.heard = new Promise(done => navigator.serviceWorker.addEventListener("message", event => done(event.data), { once: true })), true`, nil)
	deliver(payload(webpush.Payload{Title: "Evil", Data: map[string]string{"link": "//evil.example/x"}}))
	shows(1)
	worker.Evaluate(t, `self.registration.getNotifications().then(([notification]) => self.dispatchEvent(new NotificationEvent("notificationclick", { notification })))`, nil)
	tab.Evaluate(t, `window.heard`, &heard)
	if heard["link"] != "/" {
		t.Errorf("the page heard %v", heard)
	}
	shows(0)
	deliver("{cut off")
	if list := shows(1); list[0].Title != "Lingualink" {
		t.Errorf("%+v", list)
	}
}
