package payouts_test

import (
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/payout"
)

// Whoever waits for the cool-off of a new account waits alone.
func TestACoolOffHoldsNobodyElseUp(t *testing.T) {
	k := start(t)
	changed := k.account(apptest.Ada)
	k.earn(apptest.Ada, askedMinor)
	if _, err := shell.Exec(k.App, "UPDATE payout_accounts SET usable_from = {:later} WHERE id = {:id}",
		dbx.Params{"id": changed.Id, "later": shell.Stamp(k.Deps.Clock.Now().Add(72 * time.Hour))}); err != nil {
		t.Fatal(err)
	}
	first := k.Want(k.Do(apptest.Ada, "POST", "/api/lingualink/payouts",
		map[string]any{"amount_minor": askedMinor, "currency": "NGN", "account": changed.Id}, "Idempotency-Key: cool-off-of-ada"), 200, "").Data()["id"].(string)
	second := k.request(apptest.Bola, askedMinor)

	k.work()
	k.want(second, payout.Paid, 1, nothingHeld)
	k.want(first, payout.Approved, 0, allHeld)
	k.advance(71 * time.Hour)
	k.want(first, payout.Approved, 0, allHeld)
	k.advance(2 * time.Hour)
	k.want(first, payout.Paid, 1, nothingHeld)
}
