package ledger_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/rewards"
)

func (b *books) overturn(verdict string) (sum ledger.Overturned) {
	b.t.Helper()
	b.inTx(func(tx core.App) (err error) {
		sum, err = ledger.Overturn(tx, b.Deps, verdict, "user:musa", "It is another language.")
		return err
	})
	return sum
}

func (b *books) clip(verdict string) string { return b.reward(rewards.Clip, verdict, apptest.Ada) }

func TestOverturnTakesBackWhatIsPending(t *testing.T) {
	b := openBooks(t, 100_000)
	v := b.pay("c1", "approved", b.voter(apptest.Bola, worth(10_000)), b.voter(apptest.Chidi, unproven))
	if got := b.overturn(v); got != (ledger.Overturned{ReversedMinor: 15_000}) {
		t.Errorf("overturned: %+v", got)
	}
	for range 2 { // the second time there is nothing to take
		b.wants("after the overturn", b.clip(v), "reversed 15000 at 10000 posted",
			b.vote(v, apptest.Bola), "pending 1500 at 10000 posted", b.vote(v, apptest.Chidi), "accruing 1500 at 0")
		if got := b.Balance(apptest.Ada); got["pending"] != 0 || got["earned"] != 0 || b.left() != 98_500 {
			t.Errorf("ada's wallet is %v, the campaign has %d left", got, b.left())
		}
		if got := b.overturn(v); got != (ledger.Overturned{}) {
			t.Errorf("overturned again: %+v", got)
		}
	}
	earned := b.Text("SELECT tx FROM rewards WHERE rule = 'clip'", nil)
	if got := b.Text("SELECT kind || ' ' || idem_key || ' ' || actor || ' ' || source_id || ' ' || memo FROM ledger_txs WHERE reverses = {:tx}", dbx.Params{"tx": earned}); got != "reward_reversed reverse:"+earned+" user:musa "+v+" It is another language." {
		t.Errorf("the reversal is %q", got)
	}
	b.Want(b.Do(apptest.Admin, "POST", "/api/lingualink/ledger_txs/"+earned+"/reverse", map[string]any{"reason": "again"}), 409, "already_reversed")

	// Rejected: there is nothing of the speaker's. Approved after all: the speaker
	// is paid anew, and no voter twice.
	rejected := b.pay("c1", "rejected", b.voter(apptest.Bola, worth(10_000)), b.voter(apptest.Chidi, worth(10_000)), b.voter(apptest.Dayo, worth(10_000)))
	if got := b.overturn(rejected); got != (ledger.Overturned{}) {
		t.Errorf("a rejected clip brought its speaker %+v", got)
	}
	approved := b.pay("c1", "approved", b.voter(apptest.Bola, worth(10_000)), b.voter(apptest.Chidi, worth(10_000)), b.voter(apptest.Dayo, worth(10_000)))
	b.wants("in the end", b.clip(approved), "pending 15000 at 10000 posted", b.vote(rejected, apptest.Dayo), "pending 1500 at 10000 posted")
	if n := b.Int("SELECT COUNT(*) FROM rewards WHERE rule = 'validation'"); n != 3 {
		t.Errorf("%d voters have a reward, want 3", n)
	}
}

func TestAClipApprovedAgainIsPaidOnce(t *testing.T) {
	for _, c := range []struct {
		name    string
		held    time.Duration
		rewards int64
	}{{"taken back before", 0, 2}, {"kept before", 169 * time.Hour, 1}} {
		t.Run(c.name, func(t *testing.T) {
			b := openBooks(t, 100_000)
			v := b.pay("c1", "approved")
			b.Advance(c.held)
			if err := ledger.ReleaseDue(b.App, b.Deps); err != nil {
				t.Fatal(err)
			}
			b.overturn(v)
			b.pay("c1", "approved")
			if n := b.Int("SELECT COUNT(*) FROM rewards"); n != c.rewards {
				t.Errorf("%d rewards, want %d", n, c.rewards)
			}
			if got := b.Balance(apptest.Ada)["earned"]; got != 15_000 {
				t.Errorf("ada has earned %d", got)
			}
			verifyClean(t, b.Server)
		})
	}
}

func TestOverturnSharesOfARemix(t *testing.T) {
	b := openBooks(t, 10_500) // for the owner, not for the parent's
	v := b.payRemix("c1", b.User(apptest.Emeka).Id, "approved", b.voter(apptest.Bola, worth(4000)))
	owner := func() string { return b.reward(rewards.Remix, v, apptest.Ada) }
	parent := func() string { return b.reward(rewards.RemixParent, v, apptest.Emeka) }
	b.wants("before", owner(), "pending 10500 at 10000 posted", parent(), "unfunded 4500 at 10000", b.vote(v, apptest.Bola), "unfunded 600 at 4000")
	if got := b.overturn(v); got != (ledger.Overturned{ReversedMinor: 10_500, UnfundedMinor: 4500}) {
		t.Errorf("overturned: %+v", got)
	}
	b.wants("after", owner(), "reversed 10500 at 10000 posted", parent(), "reversed 4500 at 10000", b.vote(v, apptest.Bola), "unfunded 600 at 4000")
	if n := b.Int("SELECT COUNT(*) FROM ledger_txs WHERE kind = 'reward_reversed'"); n != 1 {
		t.Errorf("%d reversals, want 1", n)
	}
	if got := b.Balance(apptest.Emeka); got["unfunded"] != 0 {
		t.Errorf("the parent's owner still waits: %v", got)
	}
	b.Drain()
	b.wants("what came back pays who waits", b.vote(v, apptest.Bola), "pending 600 at 4000 posted")
}

// A reward that waits for more than there is holds up smaller ones behind it.
func TestOverturnLetsTheQueueMoveOn(t *testing.T) {
	b := openBooks(t, 2000)
	v := b.pay("c1", "approved", b.voter(apptest.Bola, worth(10_000)))
	b.wants("before", b.clip(v), "unfunded 15000 at 10000", b.vote(v, apptest.Bola), "unfunded 1500 at 10000")
	if got := b.overturn(v); got != (ledger.Overturned{UnfundedMinor: 15_000}) {
		t.Errorf("overturned: %+v", got)
	}
	b.wants("after", b.clip(v), "reversed 15000 at 10000")
	b.Drain()
	b.wants("then", b.vote(v, apptest.Bola), "pending 1500 at 10000 posted")
}

func TestOverturnNeverTakesWhatIsReleased(t *testing.T) {
	b := openBooks(t, 100_000)
	v := b.pay("c1", "approved", b.voter(apptest.Bola, worth(10_000)))
	b.Advance(169 * time.Hour)
	if err := ledger.ReleaseDue(b.App, b.Deps); err != nil {
		t.Fatal(err)
	}
	if got := b.overturn(v); got != (ledger.Overturned{ReleasedMinor: 15_000}) {
		t.Errorf("overturned: %+v", got)
	}
	b.wants("after", b.clip(v), "released 15000 at 10000 posted", b.vote(v, apptest.Bola), "released 1500 at 10000 posted")
	if got := b.Balance(apptest.Ada); got["available"] != 15_000 {
		t.Errorf("ada's wallet is %v", got)
	}
}

func TestOverturnIsRefused(t *testing.T) {
	b := openBooks(t, 100_000)
	v := b.pay("c1", "approved")
	if _, err := ledger.Overturn(b.App, b.Deps, v, "user:musa", "why"); err == nil {
		t.Error("overturned outside a transaction")
	}
	for _, reason := range []string{"", strings.Repeat("é", 301)} {
		err := b.App.RunInTransaction(func(tx core.App) error {
			_, err := ledger.Overturn(tx, b.Deps, v, "user:musa", reason)
			return err
		})
		if err == nil {
			t.Errorf("overturned for %d bytes of reason", len(reason))
		}
	}
	b.wants("afterwards", b.clip(v), "pending 15000 at 10000 posted")
}

func TestVerifyHoldsEveryStateAgainstTheLedger(t *testing.T) {
	b := openBooks(t, 100_000)
	reversed := b.pay("c1", "approved", b.voter(apptest.Bola, unproven), b.voter(apptest.Chidi, worth(9000)))
	b.overturn(reversed)
	b.assess(apptest.Bola, 0)
	b.pay("c2", "rejected", b.voter(apptest.Bola, unproven))
	b.Drain()
	b.pay("c3", "approved", b.voter(apptest.Dayo, worth(10_000)))
	empty := openBooks(t, 0)
	empty.overturn(empty.pay("c1", "approved", empty.voter(apptest.Dayo, worth(10_000))))

	const accruing, void, paid = "state = 'accruing'", "state = 'void'", "user = {:chidi}"
	const owner, back, never, waits = "state = 'pending' AND rule = 'clip'", "state = 'reversed'", "state = 'reversed'", "state = 'unfunded'"
	const clipRate = "(SELECT version FROM reward_rates WHERE action = 'clip' AND currency = 'NGN' AND amount_minor = 15000)"
	for _, c := range []struct {
		books       *books
		row, change string
	}{
		{b, accruing, "state = 'unfunded'"}, {b, accruing, "state = 'pending'"}, {b, accruing, "state = 'void'"},
		{b, accruing, "state = 'reversed'"}, {b, accruing, "state = 'settled'"}, {b, accruing, "tx = 'other0000000000'"},
		{b, accruing, "amount_minor = 1501"}, {b, accruing, "base_minor = 3000, amount_minor = 3000"},
		{b, accruing, "multiplier_bps = 14000"}, {b, accruing, "factor_bps = 10000"}, {b, accruing, "rule = 'clip'"},
		{b, accruing, "currency = 'GHS'"}, {b, accruing, "base_minor = 15000, amount_minor = 15000, rate_version = " + clipRate},
		{b, accruing, "amount_minor = 0"}, {b, accruing, "rate_version = 0"},
		{b, void, "state = 'unfunded'"}, {b, void, "state = 'accruing'"}, {b, void, "state = 'pending'"},
		{b, void, "amount_minor = 1"}, {b, void, "factor_bps = 10000"}, {b, void, "tx = 'other0000000000'"},
		{b, paid, "state = 'accruing'"}, {b, paid, "state = 'void'"}, {b, paid, "state = 'unfunded'"}, {b, paid, "state = 'released'"},
		{b, paid, "state = 'reversed'"}, {b, paid, "factor_bps = 8000"}, {b, paid, "multiplier_bps = 11000"}, {b, paid, "tx = ''"},
		{b, paid, "factor_bps = 18000, multiplier_bps = 5000"}, {b, paid, "currency = 'GHS'"},
		{b, owner, "amount_minor = 14999"},
		{b, back, "state = 'pending'"}, {b, back, "state = 'released'"}, {b, back, "state = 'unfunded'"}, {b, back, "tx = ''"},
		{empty, never, "state = 'pending'"}, {empty, never, "tx = 'other0000000000'"}, {empty, never, "amount_minor = 15001"},
		{empty, never, "state = 'accruing', factor_bps = 0"}, {empty, waits, "state = 'settled'"},
		{empty, waits, "state = 'pending'"}, {empty, waits, "tx = 'other0000000000'"}, {empty, waits, "amount_minor = 1501"},
	} {
		t.Run(c.row+" "+c.change, func(t *testing.T) {
			chidi := dbx.Params{"chidi": c.books.User(apptest.Chidi).Id}
			if !strings.Contains(c.row, "chidi") {
				chidi = nil
			}
			key := c.books.Text("SELECT [[key]] FROM rewards WHERE "+c.row, chidi)
			where := dbx.Params{"key": key}
			db := c.books.App.NonconcurrentDB()
			for _, step := range []string{
				"CREATE TABLE kept AS SELECT * FROM rewards WHERE [[key]] = {:key}", "UPDATE rewards SET " + c.change + " WHERE [[key]] = {:key}",
			} {
				if _, err := db.NewQuery(step).Bind(where).Execute(); err != nil {
					t.Fatal(err)
				}
			}
			report, err := ledger.Verify(c.books.App.DB())
			if err != nil || len(report.Findings) != 1 || report.Findings[0].Promise != ledger.PromiseRewards || report.Findings[0].Row != key {
				t.Errorf("%v, %+v", err, report.Findings)
			}
			for _, step := range []string{"DELETE FROM rewards WHERE [[key]] = (SELECT [[key]] FROM kept)", "INSERT INTO rewards SELECT * FROM kept", "DROP TABLE kept"} {
				if _, err := db.NewQuery(step).Execute(); err != nil {
					t.Fatal(err)
				}
			}
			verifyClean(t, c.books.Server)
		})
	}
}
