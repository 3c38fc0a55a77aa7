package payouts_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/payouts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/payout"
)

// errKilled ends a transaction as a kill does: nothing of it is left.
var errKilled = errors.New("killed")

func (k *kit) claim(id string) *payouts.TheOrder {
	k.t.Helper()
	claimed, err := payouts.Claim(k.App, id)
	if err != nil || claimed == nil {
		k.t.Fatalf("not claimed: %v", err)
	}
	return claimed
}

// backup copies the database as it is; restore puts the copy in its place, as an
// operator does with a server that is stopped.
func (k *kit) backup() string {
	k.t.Helper()
	path := filepath.Join(k.t.TempDir(), "backup.db")
	if _, err := k.App.NonconcurrentDB().NewQuery("VACUUM INTO {:path}").Bind(dbx.Params{"path": path}).Execute(); err != nil {
		k.t.Fatal(err)
	}
	return path
}

func (k *kit) restore(path string) {
	k.t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		k.t.Fatal(err)
	}
	if err := k.App.ClearBootstrap(); err != nil {
		k.t.Fatal(err)
	}
	data := filepath.Join(k.App.DataDir(), "data.db")
	for _, old := range []string{data + "-wal", data + "-shm"} {
		if err := os.Remove(old); err != nil && !errors.Is(err, os.ErrNotExist) {
			k.t.Fatal(err)
		}
	}
	if err := os.WriteFile(data, content, 0o600); err != nil {
		k.t.Fatal(err)
	}
	if err := k.App.Bootstrap(); err != nil {
		k.t.Fatal(err)
	}
	k.guard()
}

// guard is what a start does with the mark.
func (k *kit) guard() {
	k.t.Helper()
	if err := payouts.Guard(k.App); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) wantSound(want bool) {
	k.t.Helper()
	if sound, detail, err := payouts.Soundness(k.App); err != nil || sound != want {
		k.t.Errorf("sound is %v (%s), want %v: %v", sound, detail, want, err)
	}
}

func TestF17KilledBeforeTheClaimIsCommitted(t *testing.T) {
	k := start(t)
	id := k.request(apptest.Ada, askedMinor)
	err := k.App.RunInTransaction(func(tx core.App) error {
		return errors.Join(payouts.Apply(tx, id, shell.System, payout.Claim{}), errKilled)
	})
	if !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	k.want(id, payout.Approved, 0, allHeld)
	k.work()
	k.want(id, payout.Paid, 1, nothingHeld)
}

func TestF18KilledBeforeTheOrder(t *testing.T) {
	k := start(t)
	id := k.request(apptest.Ada, askedMinor)
	k.claim(id)
	k.work()
	k.want(id, payout.Sending, 0, allHeld)
	k.advance(3 * time.Minute) // the lease is over
	k.want(id, payout.Sending, 0, allHeld)
	if k.posts() != 0 {
		t.Error("it was sent before it was asked for long enough")
	}
	reference := k.reference(id)
	k.advance(12 * time.Minute)
	k.want(id, payout.Paid, 1, nothingHeld)
	if reference != k.reference(id) {
		t.Error("it has another reference")
	}
}

func TestF19KilledAfterTheOrder(t *testing.T) {
	k := start(t)
	id := k.request(apptest.Ada, askedMinor)
	if err := payouts.Post(t.Context(), k.App, k.claim(id)); err != nil {
		t.Fatal(err)
	}
	k.want(id, payout.Sending, 1, allHeld)
	k.advance(2 * time.Minute)
	k.want(id, payout.Paid, 1, nothingHeld)
	if k.posts() != 1 {
		t.Errorf("%d orders", k.posts())
	}
}

func TestF20KilledWhileTheAnswerIsStored(t *testing.T) {
	k := start(t)
	id := k.request(apptest.Ada, askedMinor)
	if err := payouts.Post(t.Context(), k.App, k.claim(id)); err != nil {
		t.Fatal(err)
	}
	before := k.Int("SELECT COUNT(*) FROM ledger_txs")
	record := k.record(id)
	seen := payout.Observation{Status: payout.StatusSuccess, Reference: record.GetString("reference"), AmountMinor: askedMinor,
		Currency: "NGN", Recipient: record.GetString("recipient_code"), FeeMinor: feeMinor}
	err := k.App.RunInTransaction(func(tx core.App) error {
		return errors.Join(payouts.Apply(tx, id, shell.System, seen), errKilled)
	})
	if !errors.Is(err, errKilled) || k.Int("SELECT COUNT(*) FROM ledger_txs") != before {
		t.Fatalf("something is left: %v", err)
	}
	k.want(id, payout.Sending, 1, allHeld)
	k.advance(2 * time.Minute)
	k.want(id, payout.Paid, 1, nothingHeld)
	if err := payouts.Apply(k.App, id, shell.System, seen); err != nil { // said again
		t.Fatal(err)
	}
	k.want(id, payout.Paid, 1, nothingHeld)
}

func TestF21LostCommits(t *testing.T) {
	k := start(t)
	id := k.request(apptest.Ada, askedMinor)
	path := k.backup()
	k.work()
	k.want(id, payout.Paid, 1, nothingHeld)
	k.restore(path)
	k.want(id, payout.Approved, 1, allHeld)
	k.wantSound(false)
	k.wantTrouble("restored", "")
	k.advance(time.Hour)
	k.want(id, payout.Approved, 1, allHeld)
	if k.posts() != 1 {
		t.Errorf("%d orders", k.posts())
	}
	// Reconciling finds out that it was paid.
	k.reconcile(true)
	k.want(id, payout.Paid, 1, nothingHeld)
	k.wantTrouble("balance_line unexpected", "all:payout") // the opening balance, and what was found
}

// reconcile is the route, with the soundness that it should come to.
func (k *kit) reconcile(sound bool) apptest.Answer {
	k.t.Helper()
	answer := k.Want(k.Do(apptest.Admin, "POST", "/api/lingualink/payouts/reconcile", nil), 200, "")
	if got := answer.Data()["sound"]; got != sound {
		k.t.Errorf("sound is %v, want %v: %s", got, sound, answer.Raw)
	}
	k.wantSound(sound)
	return answer
}

func TestF22RestoredFromBeforePayouts(t *testing.T) {
	k := start(t)
	people := []string{apptest.Ada, apptest.Bola, apptest.Chidi}
	for _, who := range people {
		k.earn(who, askedMinor)
		k.account(who)
	}
	path := k.backup()
	for _, who := range people {
		if _, err := payouts.Ask(k.App, k.account(who), askedMinor); err != nil {
			t.Fatal(err)
		}
	}
	k.work()
	if k.posts() != 3 {
		t.Fatalf("%d orders", k.posts())
	}
	k.restore(path)
	k.wantSound(false)
	again, err := payouts.Ask(k.App, k.account(apptest.Ada), askedMinor) // she asks for the same money
	if err != nil {
		t.Fatal(err)
	}
	k.work()
	k.want(again, payout.Approved, 0, allHeld)
	k.reconcile(false)
	if n := k.Int("SELECT COUNT(*) FROM orphan_transfers WHERE state = 'open'"); n != 3 {
		t.Errorf("%d orphans, want 3", n)
	}
	if got := k.pauses(); got != "all:orphan" {
		t.Errorf("pauses %q", got)
	}
	k.explainAll()
	k.reconcile(true)
	k.guard()
	k.wantSound(true)
	k.work()
	k.want(again, payout.Approved, 0, "available -500000, held 500000") // the pause is an admin's to lift
	if err := payouts.Apply(k.App, again, "superuser:test", payout.Cancel{Admin: true}); err != nil {
		t.Fatal(err)
	}
	for _, who := range people { // everybody got it
		if got := k.wallet(who); got != nothingHeld {
			t.Errorf("%s: %s", who, got)
		}
		k.earned[k.User(who).Id] -= askedMinor
	}
	if k.posts() != 3 {
		t.Errorf("%d orders", k.posts())
	}
}

// explainAll explains every orphan, and every line of a transfer as its payout.
func (k *kit) explainAll() {
	k.t.Helper()
	if _, err := k.App.DB().NewQuery("UPDATE orphan_transfers SET state = 'explained'").Execute(); err != nil {
		k.t.Fatal(err)
	}
	lines := []string{}
	if err := k.App.DB().NewQuery("SELECT id FROM balance_rows WHERE state = 'suspense' AND model = 'Transfer'").Column(&lines); err != nil {
		k.t.Fatal(err)
	}
	for _, line := range lines {
		if err := payouts.Explain(k.App, line, payouts.ExplainedPayout); err != nil {
			k.t.Fatal(err)
		}
		if err := payouts.Explain(k.App, line, payouts.ExplainedPayout); err == nil {
			k.t.Error("a line was explained twice")
		}
	}
}

func TestTheMarkIsAnswerable(t *testing.T) {
	for name, test := range map[string]struct {
		change func(k *kit, path string)
		sound  bool
	}{
		"as it was":     {func(*kit, string) {}, true},
		"a crash later": {func(_ *kit, path string) { writeFile(t, path, `{"instance": "%s", "seq": 0}`) }, true},
		"missing":       {func(_ *kit, path string) { _ = os.Remove(path) }, false},
		"another's":     {func(_ *kit, path string) { writeFile(t, path, `{"instance": "other", "seq": 0}`) }, false},
		"ahead":         {func(_ *kit, path string) { writeFile(t, path, `{"instance": "%s", "seq": 9}`) }, false},
		"unreadable":    {func(_ *kit, path string) { writeFile(t, path, `{`) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			k := start(t)
			id := k.request(apptest.Ada, askedMinor)
			k.work()
			k.want(id, payout.Paid, 1, nothingHeld)
			instance = k.Text("SELECT instance FROM payout_marks", nil)
			test.change(k, payouts.MarkPath(k.App))
			k.guard()
			k.wantSound(test.sound)
			next := k.request(apptest.Bola, askedMinor)
			k.work()
			if got := k.successes(next); (got == 1) != test.sound {
				t.Errorf("sent %d times", got)
			}
			k.reconcile(true)
		})
	}
}

// instance is the database's name in the file that writeFile writes.
var instance string

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(content, "%s", instance)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestF23TwoWorkersClaimOne(t *testing.T) {
	k := start(t)
	id := k.request(apptest.Ada, askedMinor)
	const workers = 8
	var barrier, running sync.WaitGroup
	barrier.Add(1)
	claims := make([]*payouts.TheOrder, workers)
	for i := range claims {
		running.Go(func() {
			barrier.Wait()
			claims[i], _ = payouts.Claim(k.App, id)
		})
	}
	barrier.Done()
	running.Wait()
	won := 0
	for _, claimed := range claims {
		if claimed != nil {
			won++
			if err := payouts.Finish(context.Background(), k.App, claimed); err != nil {
				t.Error(err)
			}
		}
	}
	if won != 1 {
		t.Errorf("%d workers claimed it", won)
	}
	k.work()
	k.want(id, payout.Paid, 1, nothingHeld)
}

func TestF24TwoAdminsAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		minor  int64
		events [2]payout.Event
	}{
		"approve twice":               {5_000_000, [2]payout.Event{payout.Approve{By: "eve"}, payout.Approve{By: "bob"}}},
		"approve and reject":          {5_000_000, [2]payout.Event{payout.Approve{By: "eve"}, payout.Reject{By: "bob"}}},
		"the first of two, both ways": {20_000_000, [2]payout.Event{payout.Approve{By: "eve"}, payout.Approve{By: "bob"}}}, // no other state
	} {
		t.Run(name, func(t *testing.T) {
			k := start(t)
			id := k.request(apptest.Ada, test.minor)
			k.want(id, payout.Review, 0, "")
			var barrier, running sync.WaitGroup
			barrier.Add(1)
			var outcomes [2]error
			for i, event := range test.events {
				record := k.record(id) // both have seen the same
				running.Go(func() {
					barrier.Wait()
					outcomes[i] = payouts.ApplyTo(k.App, record, event)
				})
			}
			barrier.Done()
			running.Wait()
			if (outcomes[0] == nil) == (outcomes[1] == nil) {
				t.Errorf("both ended alike: %v", outcomes)
			}
			lost := errors.Join(outcomes[:]...)
			if !errors.Is(lost, payouts.ErrLost) {
				t.Errorf("the loser got %v", lost)
			}
			k.work()
			if got := k.successes(id); got > 1 || got == 1 != (k.state(id) == payout.Paid) {
				t.Errorf("paid %d times, %s", got, k.state(id))
			}
		})
	}
}

func TestF27TwoRequestsForOneBalance(t *testing.T) {
	k := start(t)
	k.earn(apptest.Ada, askedMinor)
	account := k.account(apptest.Ada)
	var barrier, running sync.WaitGroup
	barrier.Add(1)
	var outcomes [4]error
	for i := range outcomes {
		running.Go(func() {
			barrier.Wait()
			_, outcomes[i] = payouts.Ask(k.App, account, askedMinor)
		})
	}
	barrier.Done()
	running.Wait()
	won := 0
	for _, err := range outcomes {
		if err == nil {
			won++
		}
	}
	if won != 1 || k.wallet(apptest.Ada) != allHeld {
		t.Errorf("%d requests stand, %s", won, k.wallet(apptest.Ada))
	}
	k.work()
	if k.posts() != 1 {
		t.Errorf("%d orders", k.posts())
	}
}

func TestF54TheMarkCannotBeWritten(t *testing.T) {
	k := start(t)
	id := k.request(apptest.Ada, askedMinor)
	path := payouts.MarkPath(k.App)
	if err := os.Rename(filepath.Dir(path), filepath.Dir(path)+"x"); err != nil {
		t.Fatal(err)
	}
	if err := k.tryWork(t.Context()); err == nil {
		t.Error("nobody said so")
	}
	k.want(id, payout.Approved, 0, allHeld)
	k.wantTrouble("mark", "")
	if k.posts() != 0 {
		t.Error("it was sent without a mark")
	}
	if err := os.Rename(filepath.Dir(path)+"x", filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	k.advance(time.Minute)
	k.want(id, payout.Paid, 1, nothingHeld)
}
