package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/lingualink/lingualink/e2e/harness"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

// expectedAlerts are what this Paystack's lies lead to; anything else is a
// mistake of the server.
var expectedAlerts = []string{
	"vanished", "contradicted", "otp", "silent", "tries_spent", "pending_long", "low_balance",
	"balance_doubt",    // of a reversal that the worker has not heard of
	"transfer_refused", // an order that was stuck on its way until the payout was over
}

// check compares everything that is stored with what was acknowledged and with
// what Paystack did. It holds at any moment.
func (d *payday) check(t *testing.T) {
	t.Helper()
	d.verifyPayouts(t)
	transfers := d.transfers(t) // before the payouts: what is sent later is known here
	stored := map[string]payoutRow{}
	byReference := map[string]payoutRow{}
	for _, row := range harness.List[payoutRow](t, d.admins[0], "payouts", "") {
		if other, twice := stored[row.Key]; twice {
			t.Errorf("request %s was stored twice: %+v and %+v", row.Key, other, row)
		}
		stored[row.Key], byReference[row.Reference] = row, row
	}
	for key, wanted := range d.claims.asked {
		row := stored[key]
		if row.ID != d.claims.ids[key] || row.AmountMinor != wanted.amountMinor || row.User != d.people[wanted.person].ID {
			t.Errorf("acknowledged was %s, %+v, stored is %+v", d.claims.ids[key], wanted, row)
		}
	}
	if len(stored) != len(d.claims.asked) {
		t.Errorf("%d payouts are stored, %d were acknowledged", len(stored), len(d.claims.asked))
	}
	for _, row := range stored {
		if d.claims.cancelled[row.ID] && row.State != "cancelled" || d.claims.rejected[row.ID] && row.State != "rejected" {
			t.Errorf("it was taken back or refused, and acknowledged: %+v", row)
		}
	}
	for reference, transfer := range transfers {
		row, known := byReference[reference]
		switch {
		case !known:
			t.Errorf("nobody asked for transfer %+v", transfer)
		case transfer.Successes > 1:
			t.Errorf("%s was paid %d times", reference, transfer.Successes)
		case transfer.Amount != row.AmountMinor:
			t.Errorf("%+v was sent as %+v", row, transfer)
		case row.State == "cancelled" || row.State == "rejected":
			t.Errorf("%+v was sent: %+v", row, transfer)
		}
	}
	for _, person := range d.people {
		if wallet := person.Wallet(t, "NGN"); wallet.EarnedMinor != earnedMinor {
			t.Errorf("the wallet of %s does not come to %d: %+v", person.Username, earnedMinor, wallet)
		}
	}
	d.checkTrouble(t)
}

// transfers are all that were ever made at Paystack, by reference.
func (d *payday) transfers(t *testing.T) map[string]paystacktest.Transfer {
	t.Helper()
	made := map[string]paystacktest.Transfer{}
	for _, transfer := range d.fake.State().Transfers {
		if other, twice := made[transfer.Reference]; twice {
			t.Errorf("two transfers with one reference: %+v and %+v", other, transfer)
		}
		made[transfer.Reference] = transfer
	}
	return made
}

// checkTrouble proves that the server has found nothing that it should stop for.
func (d *payday) checkTrouble(t *testing.T) {
	t.Helper()
	type trouble struct {
		Kind   string          `json:"kind"`
		Cause  string          `json:"cause"`
		Detail string          `json:"detail"`
		Text   string          `json:"text"`
		Data   json.RawMessage `json:"data"`
	}
	for _, pause := range harness.List[trouble](t, d.admins[0], "payout_pauses", `cause != "low_balance"`) {
		t.Errorf("sending was paused: %+v", pause)
	}
	for _, alert := range harness.List[trouble](t, d.admins[0], "alerts", "") {
		if !slices.Contains(expectedAlerts, alert.Kind) {
			t.Errorf("an alert: %s %s %s", alert.Kind, alert.Text, alert.Data)
		}
	}
}

// verifyPayouts has the binary prove ledger, holds, settlements and audit log.
func (d *payday) verifyPayouts(t *testing.T) {
	t.Helper()
	var books struct {
		OK       bool              `json:"ok"`
		Findings []json.RawMessage `json:"findings"`
	}
	if raw := d.server.Command(t, "payouts", "verify", "--json"); json.Unmarshal(raw, &books) != nil || !books.OK {
		t.Fatalf("the books break their promises: %s", raw)
	}
}

// ends are the states of payouts of which nothing is under way, and what
// Paystack says of each at the end; nothing is a transfer that it never made.
var ends = map[string][]string{
	"paid":      {"success"},
	"failed":    {"", "failed", "reversed", "blocked", "rejected", "abandoned"},
	"reversed":  {"reversed"},
	"cancelled": {""},
	"rejected":  {""},
}

// checkEnd compares both sides when nothing is under way: payout by payout,
// person by person, and the whole balance.
func (d *payday) checkEnd(t *testing.T) {
	t.Helper()
	transfers := d.transfers(t)
	paid := map[string]int64{}
	for _, row := range harness.List[payoutRow](t, d.admins[0], "payouts", "") {
		transfer := transfers[row.Reference]
		if ending, final := ends[row.State]; !final || !slices.Contains(ending, transfer.Status) {
			t.Errorf("%+v is %+v at Paystack", row, transfer)
		}
		if row.State == "paid" {
			paid[row.User] += row.AmountMinor
		}
	}
	for _, person := range d.people {
		minor := paid[person.ID]
		want := harness.Balance{Currency: "NGN", AvailableMinor: earnedMinor - minor, EarnedMinor: earnedMinor, PaidMinor: minor}
		if got := person.Wallet(t, "NGN"); got != want {
			t.Errorf("the wallet of %s is %+v, want %+v", person.Username, got, want)
		}
	}
	d.checkBalance(t)
	type alert struct {
		Subject string          `json:"subject_id"`
		Data    json.RawMessage `json:"data"`
	}
	if open := harness.List[alert](t, d.admins[0], "alerts", `kind = "balance_doubt" && state = "open"`); len(open) > 0 {
		t.Errorf("the balance is still in doubt about %s: %s", open[0].Subject, open[0].Data)
	}
	d.checkDecisions(t)
	d.checkNotices(t)
	d.server.VerifyLedger(t)
	d.server.VerifyAudit(t)
}

// checkBalance proves that the account of the ledger is the balance at Paystack,
// and that nothing of it waits for an explanation.
func (d *payday) checkBalance(t *testing.T) {
	t.Helper()
	var answer struct {
		Data struct {
			Sound      bool `json:"sound"`
			Orphans    int  `json:"orphans"`
			Different  int  `json:"different"`
			Currencies map[string]struct {
				BalanceMinor    int64 `json:"balance_minor"`
				TransitMinor    int64 `json:"transit_minor"`
				DifferenceMinor int64 `json:"difference_minor"`
				Unexplained     int   `json:"unexplained"`
			} `json:"currencies"`
		} `json:"data"`
	}
	d.admins[0].Must(t, "POST", "/api/lingualink/payouts/reconcile", nil, &answer)
	done, line := answer.Data, answer.Data.Currencies["NGN"]
	if !done.Sound || done.Orphans != 0 || done.Different != 0 || line.TransitMinor != 0 || line.DifferenceMinor != 0 || line.Unexplained != 0 {
		t.Errorf("the reconciliation leaves something: %+v", done)
	}
	type account struct {
		Balance int64 `json:"balance_minor"`
	}
	accounts := harness.List[account](t, d.admins[0], "ledger_accounts", `key = "paystack:NGN"`)
	if balance := d.fake.Balance("NGN"); len(accounts) != 1 || -accounts[0].Balance != balance || line.BalanceMinor != balance {
		t.Errorf("Paystack has %d, the ledger %+v, the reconciliation %+v", balance, accounts, line)
	}
}

// checkDecisions proves that every acknowledged approval is in the audit log.
func (d *payday) checkDecisions(t *testing.T) {
	t.Helper()
	type act struct {
		Subject string `json:"subject_id"`
	}
	stored := map[string]int{}
	for _, row := range harness.List[act](t, d.admins[0], "audit_log", `action = "payout.approve"`) {
		stored[row.Subject]++
	}
	for id, times := range d.claims.approved {
		if stored[id] < times {
			t.Errorf("%d approvals of payout %s were acknowledged, %d are stored", times, id, stored[id])
		}
	}
}

// checkNotices proves that each person heard of each end once.
func (d *payday) checkNotices(t *testing.T) {
	t.Helper()
	type job struct {
		State string `json:"state"`
	}
	harness.Eventually(t, "all jobs are done", func() (bool, error) {
		return len(harness.List[job](t, d.admins[0], "jobs", `state != "done"`)) == 0, nil
	})
	type notice struct {
		Kind string `json:"kind"`
		User string `json:"user"`
		Data struct {
			Payout string `json:"payout"`
		} `json:"data"`
	}
	told := map[notice]int{}
	for _, row := range harness.List[notice](t, d.admins[0], "notifications", `kind ~ "payout_%"`) {
		told[row]++
	}
	kinds := map[string]string{"paid": "payout_paid", "failed": "payout_failed", "reversed": "payout_reversed", "cancelled": "payout_cancelled", "rejected": "payout_rejected"}
	for _, row := range harness.List[payoutRow](t, d.admins[0], "payouts", "") {
		due := notice{Kind: kinds[row.State], User: row.User}
		due.Data.Payout = row.ID
		if told[due] != 1 {
			t.Errorf("the owner of %+v was told %d times", row, told[due])
		}
	}
}

// summary tells what the rounds came to.
func (d *payday) summary(t *testing.T) string {
	t.Helper()
	count := func(what map[string]int) string {
		line := ""
		for _, name := range slices.Sorted(maps.Keys(what)) {
			line += fmt.Sprintf(" %s %d,", name, what[name])
		}
		return line
	}
	states, alerts, faults := map[string]int{}, map[string]int{}, map[string]int{}
	for _, row := range harness.List[payoutRow](t, d.admins[0], "payouts", "") {
		states[row.State]++
	}
	type alert struct {
		Kind string `json:"kind"`
	}
	for _, row := range harness.List[alert](t, d.admins[0], "alerts", "") {
		alerts[row.Kind]++
	}
	for _, request := range d.fake.Requests() {
		if request.Fault != "" {
			faults[request.Op+" "+request.Fault]++
		}
	}
	return fmt.Sprintf("%d payouts acknowledged, %d refused, %d requests repeated after a kill, %d approvals, %d transfers for %d orders, %d verifies, %d webhooks"+
		"\nends:%s\nalerts:%s\nfaults:%s",
		len(d.claims.ids), len(d.claims.refused), d.claims.repeats, len(d.claims.approved),
		len(d.fake.State().Transfers), d.fake.Count("transfer.initiate"), d.fake.Count("transfer.verify"), len(d.fake.Events()),
		count(states), count(alerts), count(faults))
}
