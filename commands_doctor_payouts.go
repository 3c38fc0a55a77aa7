package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout"
	"github.com/lingualink/lingualink/internal/paystack"
)

const (
	// onlinePatience is how long Paystack and the public address may take to answer.
	onlinePatience = 5 * time.Second
	// mostSkew is how far the clocks may be apart.
	mostSkew = 30 * time.Second
	// eventPatience is how old a webhook may be that nothing was done about.
	eventPatience = 5 * time.Minute
)

// checkPaystack looks at the configuration and asks Paystack, if there is a key.
func (d *doctor) checkPaystack(ctx context.Context) {
	const name = "paystack"
	if d.problem != nil || !d.cfg.Paystack.On() {
		return // said by the configuration, or off
	}
	d.ok(name, "the key is for %s mode", paystack.DomainOf(string(d.cfg.Paystack.SecretKey)))
	if d.cfg.Pepper == "" {
		d.warn(name, "set LL_PEPPER (openssl rand -hex 32) and keep it for ever", "there is no pepper: nobody can enter a bank account, and webhooks are kept without their bodies")
	}
	if d.cfg.Paystack.ApprovalSecret == "" {
		d.warn(name, "set LL_PAYSTACK_APPROVAL_SECRET; docs/operate.md#approval-of-transfers", "nobody approves transfers: whoever has the key can empty the balance")
	}
	if d.cfg.Paystack.PreviousKey != "" {
		d.warn(name, "remove LL_PAYSTACK_PREVIOUS_KEY 72 hours after the change of the key", "webhooks signed with the previous key are taken")
	}
	d.checkBalance(ctx)
	d.checkWebhook(ctx)
}

// checkBalance asks for the balances, and for the time.
func (d *doctor) checkBalance(ctx context.Context) {
	const name = "paystack balance"
	client, err := paystack.New(string(d.cfg.Paystack.SecretKey), paystack.Options{BaseURL: d.cfg.Paystack.BaseURL, Timeout: onlinePatience})
	if err != nil {
		d.broken(name, err)
		return
	}
	balances, err := client.Balances(ctx)
	switch {
	case errors.Is(err, paystack.ErrRefused):
		d.fail(name, "copy the secret key from Paystack's dashboard", "Paystack refuses the key: %v", err)
	case err != nil:
		d.warn(name, "see whether this machine reaches the address of Paystack", "it could not be asked: %v", err)
	default:
		texts := []string{}
		for currency, minor := range balances {
			texts = append(texts, money.Format(minor, currency))
		}
		slices.Sort(texts)
		d.ok(name, "%s", strings.Join(append(texts, choose(len(texts) == 0, "it is empty")...), ", "))
	}
	skew, known := client.ClockSkew()
	switch {
	case !known:
	case skew.Abs() > mostSkew:
		d.warn("paystack clock", "set the clock of this machine right, best by NTP", "this machine's clock is %s ahead of Paystack's", skew)
	default:
		d.ok("paystack clock", "this machine's clock and Paystack's agree")
	}
}

func choose(when bool, text string) []string {
	if when {
		return []string{text}
	}
	return nil
}

// checkWebhook knocks at the public address as Paystack would, without a
// signature: the server must refuse it.
func (d *doctor) checkWebhook(ctx context.Context) {
	const name, do = "paystack webhook", "see that the public address leads to this server, and enter it in Paystack's dashboard; docs/operate.md#paystack"
	switch {
	case d.cfg.PublicURL == "":
		d.warn(name, "set LL_PUBLIC_URL", "Paystack cannot reach this server: it has no public address")
		return
	case !strings.HasPrefix(d.cfg.PublicURL, "https://"):
		d.warn(name, "set LL_PUBLIC_URL to an https address", "Paystack sends to https only")
	}
	if !d.inUse {
		d.ok(name, "not tried: no server is running on this directory")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, onlinePatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.cfg.PublicURL+"/api/lingualink/webhooks/paystack", strings.NewReader("{}"))
	if err != nil {
		d.broken(name, err)
		return
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		d.warn(name, do, "the public address does not answer from here: %v", err)
		return
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		d.fail(name, do, "an event without a signature is answered with %d, not with 401", response.StatusCode)
		return
	}
	d.ok(name, "the public address leads to it, and it refuses what is not signed")
}

// checkPayouts looks at what keeps payouts from being sent, and at what waits for
// people.
func (d *doctor) checkPayouts(db dbx.Builder) {
	const name = "payouts"
	var state struct {
		Pauses   string `db:"pauses"`
		Unsound  int64  `db:"unsound"`
		Critical int64  `db:"critical"`
		Manual   int64  `db:"manual"`
		Oldest   string `db:"oldest"`
		Broken   int64  `db:"broken"`
		Open     int64  `db:"open"`
	}
	err := db.NewQuery(`
		SELECT COALESCE((SELECT GROUP_CONCAT(scope || ' (' || cause || ')', ', ' ORDER BY scope DESC) FROM payout_pauses WHERE lifted_at = ''), '') AS pauses,
		       (SELECT COUNT(*) FROM payout_marks WHERE sound = 0) AS unsound,
		       (SELECT COUNT(*) FROM alerts WHERE state = 'open' AND severity = 'critical') AS critical,
		       (SELECT COUNT(*) FROM payouts WHERE state = 'manual') AS manual,
		       COALESCE((SELECT MIN(received_at) FROM paystack_events WHERE state = {:queued}), '') AS oldest,
		       (SELECT COUNT(*) FROM paystack_events WHERE state = {:broken}) AS broken,
		       (SELECT COUNT(*) FROM payouts WHERE settled = '') AS open`).
		Bind(dbx.Params{"queued": collections.EventQueued, "broken": collections.EventBroken}).One(&state)
	if err != nil {
		d.broken(name, err)
		return
	}
	before := len(d.checks)
	d.checkSwitches(db, state.Open)
	if state.Unsound > 0 {
		d.fail(name, "run lingualink payouts reconcile; docs/operate.md#backups-and-restore", "nothing is sent: this database may have lost payouts, as after a restore")
	}
	if state.Pauses != "" {
		d.warn(name, "find the cause in the collection alerts, then lift the pause", "sending is paused: %s", state.Pauses)
	}
	if state.Critical > 0 {
		d.warn("alerts", "look at the collection alerts", "%d critical ones are open", state.Critical)
	}
	if state.Manual > 0 {
		d.warn(name, "look at the payouts in the state manual", "%d wait for people", state.Manual)
	}
	if at, err := shell.ParseStamp(state.Oldest); err == nil && !at.IsZero() && d.now().Sub(at) > eventPatience {
		d.warn("webhooks", "look at the column error of the collection paystack_events, and at the server's logs", "the oldest that nothing was done about came %s ago", d.now().Sub(at).Truncate(time.Second))
	}
	if state.Broken > 0 {
		d.warn("webhooks", "open them in the collection paystack_events", "%d could not be read", state.Broken)
	}
	if len(d.checks) == before {
		d.ok(name, "nothing stands in their way")
	}
}

// checkSwitches compares the three things that must be on for money to leave: the
// key, LL_PAYOUTS and the policy.
func (d *doctor) checkSwitches(db dbx.Builder, open int64) {
	const name = "payouts"
	if d.problem != nil {
		return
	}
	var values string
	policy := payout.DefaultPolicy()
	err := db.NewQuery("SELECT [[values]] FROM policies WHERE subject = {:subject} AND language = '' AND effective_from <= {:now} ORDER BY effective_from DESC, version DESC LIMIT 1").
		Bind(dbx.Params{"subject": shell.PolicyPayouts, "now": shell.Stamp(d.now())}).Row(&values)
	if err == nil {
		if parsed, err := payout.ParsePolicy([]byte(values)); err == nil {
			policy = parsed
		}
	}
	switch {
	case d.cfg.Paystack.Payouts && !policy.Enabled:
		d.warn(name, "insert a policy of payouts with enabled true when all is ready", "LL_PAYOUTS is on, the policy is off: nothing is sent")
	case !d.cfg.Paystack.Payouts && policy.Enabled:
		d.warn(name, "set LL_PAYOUTS=on, or switch the policy off", "the policy is on, LL_PAYOUTS is off: nothing is sent")
	case !d.cfg.Paystack.Payouts && open > 0:
		d.warn(name, "set LL_PAYOUTS=on and the policy, or tell the people", "%d payouts wait and nothing is sent", open)
	}
}
