package payouts_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/payout"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

var everybody = []string{apptest.Ada, apptest.Bola, apptest.Chidi, apptest.Dayo, apptest.Emeka, apptest.Fatima}

// requests are payouts of so many people, in order.
func (k *kit) requests(people ...string) []string {
	ids := []string{}
	for _, who := range people {
		ids = append(ids, k.request(who, askedMinor))
		k.Advance(time.Millisecond) // the order is that of the requests
	}
	return ids
}

// order is in which order the references came to the fake and were accepted.
func (k *kit) order() []string {
	references := []string{}
	for _, transfer := range k.fake.State().Transfers {
		references = append(references, transfer.Reference)
	}
	return references
}

func TestF13TooManyRequests(t *testing.T) {
	k := start(t, paystacktest.Fault{Op: initiate, Kind: paystacktest.Limited, ResetSeconds: 1})
	ids := k.requests(apptest.Ada, apptest.Bola, apptest.Chidi)
	k.work()
	k.work()
	for _, id := range ids {
		k.want(id, payout.Approved, 0, allHeld)
	}
	if k.posts() != 1 {
		t.Errorf("%d orders: somebody overtook", k.posts())
	}
	// The client keeps the limit by real time, so turns are taken until it is over.
	for begun := time.Now(); k.posts() < 4 && time.Since(begun) < 20*time.Second; {
		k.advance(time.Second)
	}
	k.advance(time.Second)
	for i, id := range ids {
		k.want(id, payout.Paid, 1, nothingHeld)
		if got := k.order(); got[i] != k.reference(id) {
			t.Errorf("the order is %v", got)
		}
	}
	k.wantTrouble("", "")
}

func TestF46BannedWhileItIsSent(t *testing.T) {
	k := start(t, paystacktest.Fault{Op: initiate, Kind: paystacktest.Cut, Act: paystacktest.ActAfter})
	id, next := k.request(apptest.Ada, askedMinor), k.request(apptest.Bola, askedMinor)
	k.work()
	for _, who := range []string{apptest.Ada, apptest.Bola} {
		if err := k.App.RunInTransaction(func(tx core.App) error {
			return accounts.SetStanding(tx, k.User(who).Id, collections.StandingBanned, "test", "superuser:test")
		}); err != nil {
			t.Fatal(err)
		}
	}
	k.advance(time.Minute)
	k.want(id, payout.Paid, 1, nothingHeld)
	k.want(next, payout.Paid, 1, nothingHeld) // it had been sent as well

	k = start(t)
	id = k.request(apptest.Ada, askedMinor)
	if err := k.App.RunInTransaction(func(tx core.App) error {
		return accounts.SetStanding(tx, k.User(apptest.Ada).Id, collections.StandingSuspended, "test", "superuser:test")
	}); err != nil {
		t.Fatal(err)
	}
	k.work()
	k.want(id, payout.Review, 0, allHeld)
	if k.posts() != 0 {
		t.Error("it was sent to somebody who is suspended")
	}
}

func TestF47TheKillSwitch(t *testing.T) {
	k := startWith(t, pending, paystacktest.Fault{Op: initiate, Skip: 2, Times: 2, Kind: paystacktest.Cut})
	ids := k.requests(everybody[:5]...)
	k.work() // three are with Paystack, two never arrived
	k.policy(map[string]any{"enabled": false})
	last := k.request(apptest.Fatima, askedMinor)
	for range 8 {
		k.advance(time.Hour)
	}
	if k.posts() != 5 {
		t.Errorf("%d orders, the last ones while it was off", k.posts())
	}
	for _, id := range []string{ids[0], ids[1], ids[4]} {
		k.becomes(id, "success")
		k.want(id, payout.Paid, 1, nothingHeld)
	}
	for _, id := range ids[2:4] {
		k.want(id, payout.Sending, 0, allHeld) // no try is spent
	}
	k.want(last, payout.Approved, 0, allHeld)
	k.wantTrouble("", "")
	k.policy(nil)
	k.advance(time.Hour)
	for _, id := range append(ids[2:4], last) {
		k.becomes(id, "success")
		k.want(id, payout.Paid, 1, nothingHeld)
	}
}

func TestAPauseKeepsAnUnansweredSendBack(t *testing.T) {
	k := start(t, paystacktest.Fault{Op: initiate, Kind: paystacktest.Cut})
	id := k.request(apptest.Ada, askedMinor)
	k.work()
	k.Insert("payout_pauses", pauseOf("NGN", "by_hand", k.Deps.Clock.Now()))
	for range 5 {
		k.advance(time.Hour)
	}
	k.want(id, payout.Sending, 0, allHeld)
	if k.posts() != 1 {
		t.Errorf("%d orders", k.posts())
	}
	k.lift()
	k.advance(time.Hour)
	k.want(id, payout.Paid, 1, nothingHeld)
}

func TestF48TheClockJumps(t *testing.T) {
	for _, jump := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
		k := start(t, paystacktest.Fault{Op: initiate, Kind: paystacktest.Cut, Act: paystacktest.ActLate})
		id := k.request(apptest.Ada, askedMinor)
		k.work()
		k.advance(jump)
		if jump < 0 && k.posts() != 1 {
			t.Errorf("%v: %d orders", jump, k.posts())
		}
		k.fake.DeliverLate()
		k.advance(-jump)
		for range 4 {
			k.advance(30 * time.Minute)
		}
		k.want(id, payout.Paid, 1, nothingHeld)
		if n := k.Int("SELECT COUNT(*) FROM payout_settlements"); n != 1 {
			t.Errorf("%v: %d settlements", jump, n)
		}
	}
}

func TestF59ManyAtOnce(t *testing.T) {
	k := start(t)
	k.policy(map[string]any{"NGN": map[string]any{
		"minimum_minor": 100_000, "auto_limit_minor": 2_000_000, "high_limit_minor": 15_000_000, "day_limit_minor": 30_000_000,
		"hour_ceiling_minor": 25 * askedMinor, "day_ceiling_minor": 30 * askedMinor,
	}})
	const people = 35
	for i := range people {
		name := fmt.Sprintf("crowd%02d", i)
		person := core.NewRecord(k.User(apptest.Ada).Collection())
		person.SetEmail(name + "@lingualink.test")
		person.SetPassword(apptest.Password)
		person.Set("username", name)
		if err := k.App.SaveNoValidate(person); err != nil {
			t.Fatal(err)
		}
		k.requests(name)
	}
	sent := 0
	for second := range 8 {
		k.advance(time.Second)
		now := k.posts()
		if now-sent > 10 {
			t.Errorf("second %d: %d orders", second, now-sent)
		}
		sent = now
	}
	if sent != 25 {
		t.Errorf("%d orders in the first hour, want 25", sent)
	}
	k.wantTrouble("ceiling", "NGN:ceiling")
	k.advance(time.Hour)
	k.advance(time.Second)
	if k.posts() != 30 {
		t.Errorf("%d orders of the first day, want 30", k.posts())
	}
	k.wantTrouble("ceiling", "NGN:ceiling")
	k.advance(24 * time.Hour)
	if k.posts() != people {
		t.Errorf("%d orders, want all", k.posts())
	}
	k.wantTrouble("ceiling", "")
	first := k.Text("SELECT reference FROM payouts ORDER BY requested_at LIMIT 1", nil)
	if got := k.order(); got[0] != first {
		t.Error("they were not sent in order")
	}
}
