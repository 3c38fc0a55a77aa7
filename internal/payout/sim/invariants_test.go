package sim_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

// always is what holds after every step, whatever died.
func (w *world) always() {
	w.t.Helper()
	// I1: nobody is paid twice.
	for _, transfer := range w.fake.State().Transfers {
		if transfer.Successes > 1 {
			w.t.Errorf("I1: %s was paid %d times", transfer.Reference, transfer.Successes)
		}
	}
	// I2 in short; the whole ledger is verified at the end.
	if sum := w.int("SELECT COALESCE(SUM(balance_minor), 0) FROM ledger_accounts"); sum != 0 {
		w.t.Errorf("I2: the books are off by %d", sum)
	}
	if w.rng.IntN(4) == 0 {
		w.holds()
	}
	w.patience()
}

// patience is that an order whose answer was lost is not repeated before
// Paystack had ten minutes to show it. A restored server has forgotten the order;
// that the reference is the same is what guards it.
func (w *world) patience() {
	w.t.Helper()
	unheard := map[string]time.Time{}
	for _, r := range w.fake.Requests() {
		if r.Op != "transfer.initiate" {
			continue
		}
		if since, waits := unheard[r.Reference]; waits && since.After(w.restored) && r.At.Sub(since) < 10*time.Minute {
			w.t.Errorf("%s was ordered again %s after an order without an answer", r.Reference, r.At.Sub(since))
		}
		delete(unheard, r.Reference)
		switch paystacktest.Kind(r.Fault) {
		case paystacktest.Hang, paystacktest.Cut, paystacktest.CutMidway, paystacktest.HTML, paystacktest.Truncated, paystacktest.Denied:
			unheard[r.Reference] = r.At
		case paystacktest.Answer:
			if r.Status >= 500 {
				unheard[r.Reference] = r.At
			}
		default: // was answered
		}
	}
}

// holds is I4: each payout is either held, or paid, or given back; and what is
// held is what the open payouts hold.
func (w *world) holds() {
	w.t.Helper()
	for name, sql := range map[string]string{
		"held accounts that are not the sum of the open payouts": `
			SELECT COUNT(*) FROM (
				SELECT user, SUM(amount) AS held FROM (
					SELECT user, amount_minor AS amount FROM payouts WHERE settled = '' AND state != ''
					UNION ALL SELECT user, -balance_minor FROM ledger_accounts WHERE [[key]] LIKE 'user:%:held:%')
				GROUP BY user HAVING held != 0)`,
		"payouts that are settled without a row, or otherwise than it": `
			SELECT COUNT(*) FROM payouts p LEFT JOIN payout_settlements s ON s.payout = p.id WHERE p.settled != COALESCE(s.outcome, '')`,
		"payouts that were both paid and given back": `
			SELECT COUNT(*) FROM payouts p
			WHERE EXISTS (SELECT 1 FROM ledger_txs t WHERE t.idem_key = 'payout:' || p.id || ':paid')
			  AND EXISTS (SELECT 1 FROM ledger_txs t WHERE t.idem_key = 'payout:' || p.id || ':release')`,
		"payouts without a hold": `
			SELECT COUNT(*) FROM payouts p WHERE NOT EXISTS (SELECT 1 FROM ledger_txs t WHERE t.idem_key = 'payout:' || p.id || ':hold')`,
		"payouts whose history does not end where they stand": `
			SELECT COUNT(*) FROM payouts p WHERE p.state != (SELECT to_state FROM payout_events e WHERE e.payout = p.id ORDER BY seq DESC LIMIT 1)`,
	} {
		if n := w.int(sql); n != 0 {
			w.t.Errorf("I4: %d %s", n, name)
		}
	}
}

// atTheEnd is what holds once everything is quiet.
func (w *world) atTheEnd() {
	w.t.Helper()
	w.holds()
	report, err := ledger.Verify(w.s.App.DB())
	if err != nil || len(report.Findings) > 0 {
		w.t.Errorf("I2: %v %+v", err, report.Findings)
	}
	if audit, err := shell.VerifyAudit(w.s.App.DB()); err != nil || audit.Problem != "" {
		w.t.Errorf("the audit log: %v %+v", err, audit)
	}
	// I3: the books say what Paystack has.
	if booked, there := -w.int("SELECT balance_minor FROM ledger_accounts WHERE [[key]] = 'paystack:NGN'"), w.fake.Balance("NGN"); booked != there {
		w.t.Errorf("I3: the books hold %d at Paystack, it has %d", booked, there)
	}
	// I5: what people earned is in their wallets or was paid to them.
	for _, who := range earners {
		user := w.s.User(who).Id
		wallet := w.int("SELECT SUM(balance_minor) FROM ledger_accounts WHERE user = '" + user + "'")
		paid := w.paidTo(user)
		if wallet+paid != w.earned[who] {
			w.t.Errorf("I5: %s earned %d, has %d and was paid %d", who, w.earned[who], wallet, paid)
		}
	}
	// I6: what people closed by hand was never paid.
	for _, transfer := range w.fake.State().Transfers {
		if transfer.Status == "success" && w.int("SELECT COUNT(*) FROM payouts WHERE reference = '"+transfer.Reference+"' AND settled = 'released' AND state != 'paid_late'") > 0 {
			w.t.Errorf("I6: %s was given back and is paid", transfer.Reference)
		}
	}
	// A hold that was given back is not paid after all, unless people closed the
	// payout by hand and the order arrived even later.
	if n := w.int("SELECT COUNT(*) FROM payouts p WHERE state = 'paid_late' AND NOT EXISTS (SELECT 1 FROM payout_events e WHERE e.payout = p.id AND e.event = 'close')"); n > 0 {
		w.t.Errorf("I6: %d payouts were given back and then paid", n)
	}
	w.agree()
	// I7: everything came to an end.
	if n := w.int("SELECT COUNT(*) FROM payouts WHERE state NOT IN ('paid', 'failed', 'rejected', 'cancelled', 'reversed', 'paid_late')"); n > 0 {
		w.t.Errorf("I7: %d payouts have not come to an end", n)
		for _, line := range w.open() {
			w.t.Log(line)
		}
	}
}

// agree is that what a payout says is what Paystack says.
func (w *world) agree() {
	w.t.Helper()
	fits := map[string][]string{
		"success": {"paid", "paid_late"}, "reversed": {"reversed", "failed"},
		"failed": {"failed"}, "blocked": {"failed"}, "rejected": {"failed"}, "abandoned": {"failed"},
	}
	for _, transfer := range w.fake.State().Transfers {
		state := ""
		if err := w.s.App.DB().NewQuery("SELECT COALESCE((SELECT state FROM payouts WHERE reference = {:r}), '')").Bind(dbx.Params{"r": transfer.Reference}).Row(&state); err != nil {
			w.t.Fatal(err)
		}
		if state != "" && !slices.Contains(fits[transfer.Status], state) {
			w.t.Errorf("%s is %s at Paystack and %s here", transfer.Reference, transfer.Status, state)
		}
	}
}

// paidTo is what the fake has paid to the recipients of a person and not taken
// back. What a restored backup does not know counts, too: people charge it to
// the wallet.
func (w *world) paidTo(user string) int64 {
	var sum int64
	for _, transfer := range w.fake.State().Transfers {
		mine := w.int("SELECT COUNT(*) FROM payout_accounts WHERE user = '"+user+"' AND recipient_code = '"+transfer.RecipientCode+"'") > 0
		if mine && transfer.Status == "success" {
			sum += transfer.Amount
		}
	}
	return sum
}

func (w *world) open() []string {
	lines := []string{}
	err := w.s.App.DB().NewQuery(`
		SELECT reference || ' ' || state || ' sent ' || sent_at || ' next ' || next_check_at || ' ' || COALESCE((SELECT group_concat(event, ', ') FROM payout_events e WHERE e.payout = p.id), '')
		FROM payouts p WHERE state NOT IN ('paid', 'failed', 'rejected', 'cancelled', 'reversed', 'paid_late')`).Column(&lines)
	if err != nil {
		w.t.Fatal(err)
	}
	pauses := []string{}
	if err := w.s.App.DB().NewQuery("SELECT scope || ' ' || cause || ' ' || detail FROM payout_pauses WHERE lifted_at = ''").Column(&pauses); err != nil {
		w.t.Fatal(err)
	}
	return append(lines, pauses...)
}

func (w *world) int(sql string) int64 {
	w.t.Helper()
	var n int64
	if err := w.s.App.DB().NewQuery(sql).Row(&n); err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// heal ends all faults.
func (w *world) heal() {
	w.say("everything works again")
	w.crash.point = ""
	w.fake.Heal()
	if err := w.client.restart(); err != nil {
		w.t.Fatal(err)
	}
	w.fake.DeliverLate()
	w.fake.Script("", paystacktestSuccess...)
	w.fake.Fund("NGN", balance)
}

// finish goes on, as servers and admins do, until nothing is open or a month of
// the world's time is over.
func (w *world) finish() {
	for range 60 {
		w.webhooksAsTheyAre()
		w.round("payouts.sweep")
		w.round("payouts.money")
		w.explain()
		w.reconcile()
		w.lift()
		w.decide()
		w.round("payouts.work")
		w.tick(6 * time.Hour)
		w.round("payouts.work")
		w.round("payouts.money")
		if w.int("SELECT COUNT(*) FROM payouts WHERE state NOT IN ('paid', 'failed', 'rejected', 'cancelled', 'reversed', 'paid_late')") == 0 && w.settled() &&
			w.int("SELECT COUNT(*) FROM balance_rows WHERE state = 'suspense'") == 0 {
			break
		}
	}
	w.round("payouts.money")
}

// settled tells that no transfer may change any more.
func (w *world) settled() bool {
	for _, transfer := range w.fake.State().Transfers {
		switch transfer.Status {
		case "success", "failed", "reversed", "blocked", "rejected", "abandoned":
		default:
			return false
		}
		// a payout is looked at again until what it says is what Paystack says
		state := ""
		if err := w.s.App.DB().NewQuery("SELECT COALESCE((SELECT state FROM payouts WHERE reference = {:r}), '')").Bind(dbx.Params{"r": transfer.Reference}).Row(&state); err != nil {
			w.t.Fatal(err)
		}
		if state == "paid" && transfer.Status == "reversed" {
			return false
		}
	}
	return true
}

// explain has an admin explain what the sweeps found: a lost payout is its
// person's, all else came from outside.
func (w *world) explain() {
	lines := []struct {
		ID   string `db:"id"`
		Path string `db:"path"`
		Kind string `db:"kind"`
	}{}
	err := w.s.App.DB().NewQuery(`
		SELECT id, 'orphan-transfers' AS path, '' AS kind FROM orphan_transfers WHERE state = 'open'
		UNION ALL SELECT b.id, 'balance-rows', CASE WHEN b.model = 'Transfer'
			AND EXISTS (SELECT 1 FROM orphan_transfers o WHERE o.transfer_id = b.model_row) THEN 'payout' ELSE 'topped_up' END
		FROM (SELECT * FROM balance_rows WHERE state = 'suspense' ORDER BY length(row_id), row_id) b`).All(&lines)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, line := range lines {
		body := map[string]any{"reason": "looked at it in Paystack's dashboard"}
		if line.Kind != "" {
			body["kind"] = line.Kind
		}
		answer := w.s.Do(apptest.Admin, "POST", "/api/lingualink/"+line.Path+"/"+line.ID+"/explain", body, w.confirmed(apptest.Admin, "payout_approve"))
		w.say("explains %s %s %s: %d %s", line.Path, line.ID, line.Kind, answer.Status, answer.Code())
	}
}

// decide has the admins decide what waits for them.
func (w *world) decide() {
	flags := []string{}
	if err := w.s.App.DB().NewQuery("SELECT id FROM risk_flags WHERE state = 'open'").Column(&flags); err != nil {
		w.t.Fatal(err)
	}
	for _, id := range flags {
		w.s.Do(apptest.Admin, "POST", "/api/lingualink/risk-flags/"+id+"/decide", map[string]any{"outcome": "cleared", "reason": "nothing in it"})
	}
	for _, state := range []string{"review", "manual"} {
		ids := []string{}
		if err := w.s.App.DB().NewQuery("SELECT id FROM payouts WHERE state = {:state}").Bind(dbx.Params{"state": state}).Column(&ids); err != nil {
			w.t.Fatal(err)
		}
		for _, id := range ids {
			for _, admin := range []string{apptest.Admin, second} {
				verb := map[string]string{"review": "approve", "manual": "close"}[state]
				answer := w.s.Do(admin, "POST", "/api/lingualink/payouts/"+id+"/"+verb, map[string]any{"reason": "looked at it"}, w.confirmed(admin, "payout_approve"))
				w.say("%s: %s %s: %d %s", admin, verb, id, answer.Status, answer.Code())
			}
			if state == "manual" {
				w.s.Do(apptest.Admin, "POST", "/api/lingualink/payouts/"+id+"/recheck", map[string]any{"reason": "once more"}, w.confirmed(apptest.Admin, "payout_approve"))
			}
		}
	}
}

// meetings counts what the seeds came across.
type meetings struct {
	mu   sync.Mutex
	seen map[string]int
}

func (m *meetings) count(what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.seen == nil {
		m.seen = map[string]int{}
	}
	m.seen[what]++
}

func (m *meetings) want(t *testing.T) {
	t.Helper()
	names := []string{"event", "forged event", "restored", "levy", "balance emptied", "request arrived late", "kill switch", "cancelled", "request repeated"}
	for _, point := range crashPoints {
		names = append(names, "killed "+point)
	}
	for _, name := range names {
		if m.seen[name] < 5 {
			t.Errorf("%q was met %d times in %d seeds: they prove little", name, m.seen[name], *seeds)
		}
	}
	t.Logf("met: %v", m.seen)
}
