package sim_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

// step does one thing at random.
func (w *world) step() {
	type choice struct {
		weight int
		do     func()
	}
	choices := []choice{
		{14, w.request}, {3, w.cancel}, {8, w.approve}, {2, w.reject},
		{26, func() { w.round("payouts.work") }}, {6, func() { w.round("payouts.inbox") }},
		{4, func() { w.round("payouts.sweep") }}, {2, func() { w.round("payouts.money") }}, {1, func() { w.round("payouts.books") }},
		{10, w.wait}, {8, w.webhooks}, {9, w.fault}, {7, w.script}, {5, w.status}, {7, w.mortality},
		{2, w.settlement}, {2, w.killSwitch}, {2, w.backUp}, {2, w.restore}, {7, w.late}, {2, w.lift}, {1, w.levy},
	}
	total := 0
	for _, c := range choices {
		total += c.weight
	}
	at := w.rng.IntN(total)
	for _, c := range choices {
		if at -= c.weight; at < 0 {
			c.do()
			return
		}
	}
}

func (w *world) pick(list []string) string { return list[w.rng.IntN(len(list))] }

// request asks for a payout; now and then the same request goes out twice, or
// another under its key.
func (w *world) request() {
	who := w.pick(earners)
	body := map[string]any{"amount_minor": 1_000_00 + w.rng.IntN(170_000_00), "currency": "NGN", "account": w.accounts[who]}
	if w.rng.IntN(3) > 0 {
		body["amount_minor"] = 1_000_00 + w.rng.IntN(15_000_00) // needs nobody's approval
	}
	key := fmt.Sprintf("Idempotency-Key: simulated-request-%06d", w.next())
	first := w.s.Do(who, "POST", "/api/lingualink/payouts", body, key)
	w.say("%s asks for %d: %d %s", who, body["amount_minor"], first.Status, first.Code())
	switch w.rng.IntN(6) {
	case 0:
		again := w.s.Do(who, "POST", "/api/lingualink/payouts", body, key)
		if first.Status == 200 && (again.Status != 200 || again.Data()["id"] != first.Data()["id"]) {
			w.t.Errorf("the same request again: %d %s", again.Status, again.Raw)
		}
		w.met.count("request repeated")
	case 1:
		body["amount_minor"] = 2_000_00
		if again := w.s.Do(who, "POST", "/api/lingualink/payouts", body, key); first.Status == 200 && again.Status != 409 {
			w.t.Errorf("another request under the key: %d %s", again.Status, again.Raw)
		}
	}
}

// one is a random payout in one of the states.
func (w *world) one(states ...string) (id, user, reference string) {
	rows := []struct {
		ID        string `db:"id"`
		Username  string `db:"username"`
		Reference string `db:"reference"`
	}{}
	in := make([]any, len(states))
	for i, state := range states {
		in[i] = state
	}
	err := w.s.App.DB().Select("p.id", "u.username", "p.reference").From("payouts p").InnerJoin("users u", dbx.NewExp("u.id = p.user")).
		Where(dbx.In("p.state", in...)).OrderBy("p.requested_at", "u.username").All(&rows)
	if err != nil {
		w.t.Fatal(err)
	}
	if len(rows) == 0 {
		return "", "", ""
	}
	row := rows[w.rng.IntN(len(rows))]
	return row.ID, row.Username, row.Reference
}

func (w *world) cancel() {
	if id, user, _ := w.one("review", "approved", "sending", "in_flight"); id != "" {
		answer := w.s.Do(user, "POST", "/api/lingualink/payouts/"+id+"/cancel", nil)
		w.say("%s cancels %s: %d %s", user, id, answer.Status, answer.Code())
		if answer.Status == 200 {
			w.met.count("cancelled")
		}
	}
}

func (w *world) approve() {
	if id, _, _ := w.one("review"); id != "" {
		admin := w.pick([]string{apptest.Admin, second})
		answer := w.s.Do(admin, "POST", "/api/lingualink/payouts/"+id+"/approve", map[string]any{"reason": "looked at it"}, w.confirmed(admin, "payout_approve"))
		w.say("%s approves %s: %d %s", admin, id, answer.Status, answer.Code())
	}
}

func (w *world) reject() {
	if id, _, _ := w.one("review"); id != "" {
		answer := w.s.Do(apptest.Admin, "POST", "/api/lingualink/payouts/"+id+"/reject", map[string]any{"reason": "not today"}, w.confirmed(apptest.Admin, "payout_approve"))
		w.say("rejects %s: %d %s", id, answer.Status, answer.Code())
	}
}

func (w *world) wait() {
	d := []time.Duration{time.Minute, 2 * time.Minute, 11 * time.Minute, 35 * time.Minute, 61 * time.Minute, 25 * time.Hour, 73 * time.Hour}[w.rng.IntN(7)]
	w.say("%s pass", d)
	w.tick(d)
}

// webhooks delivers what Paystack has to tell, through its chaos.
func (w *world) webhooks() {
	if w.rng.IntN(4) == 0 {
		w.fake.Chaos(paystacktest.WebhookChaos{
			LosePerMille: 250 * w.rng.IntN(5), DoublePerMille: 300, ShufflePerMille: 400, DelaySeconds: w.rng.IntN(4000),
		})
	}
	for _, event := range w.fake.Take() {
		body, signature := string(event.Body), event.Signature
		want := 200
		if w.rng.IntN(10) == 0 { // a forger does not have the key
			signature, want = paystacktest.Sign("sk_test_forged", event.Body), 401
			w.met.count("forged event")
		}
		answer := w.s.Do(apptest.Guest, "POST", "/api/lingualink/webhooks/paystack", body, "x-paystack-signature: "+signature)
		w.say("event %s %s: %d", event.Event, event.Reference, answer.Status)
		if answer.Status != want {
			w.t.Errorf("event %s: %d %s, want %d", event.Event, answer.Status, answer.Raw, want)
		}
		w.met.count("event")
	}
	w.round("payouts.inbox")
}

// fault breaks something between the server and Paystack.
func (w *world) fault() {
	times := 1 + w.rng.IntN(3)
	acts := []paystacktest.Act{paystacktest.ActNever, paystacktest.ActAfter, paystacktest.ActLate}
	op := w.pick([]string{"transfer.initiate", "transfer.initiate", "transfer.verify"})
	faults := []paystacktest.Fault{
		{Op: op, Kind: paystacktest.Cut, Act: acts[w.rng.IntN(3)], Times: times},
		{Op: op, Kind: paystacktest.CutMidway, Act: paystacktest.ActAfter, Times: times},
		{Op: op, Kind: paystacktest.Answer, Status: 500 + w.rng.IntN(5), Act: acts[w.rng.IntN(3)], Times: times},
		{Op: op, Kind: paystacktest.HTML, Act: acts[w.rng.IntN(3)], Times: times},
		{Op: op, Kind: paystacktest.Truncated, Act: paystacktest.ActAfter, Times: times},
		{Op: op, Kind: paystacktest.Denied, Act: acts[w.rng.IntN(3)], Times: times},
		{Op: op, Kind: paystacktest.Limited, ResetSeconds: 30, Times: times},
		{Op: "transfer.initiate", Kind: paystacktest.Duplicate, Status: 400, Act: acts[w.rng.IntN(2)], Times: 1},
		paystacktest.Refusal("transfer.initiate", 400, "insufficient_balance", "Your balance is not enough to fulfil this request"),
		paystacktest.Refusal("transfer.initiate", 401, "invalid_Key", "Invalid key"),
		paystacktest.NotFound("transfer.verify", times),
	}
	f := faults[w.rng.IntN(len(faults))]
	w.say("fault: %s %s %s x%d", f.Op, f.Kind, f.Act, f.Times)
	w.met.count("fault " + string(f.Kind))
	w.fake.Inject(f)
}

// script says what becomes of the transfers from here on.
func (w *world) script() {
	scripts := map[string][]paystacktest.Step{
		"success at once":   {{Status: "success"}},
		"pending, success":  {{Status: "pending"}, {AfterSeconds: 600, Status: "success"}},
		"long pending":      {{Status: "pending"}, {AfterSeconds: 80 * 3600, Status: "success"}},
		"failed":            {{Status: "pending"}, {AfterSeconds: 120, Status: "failed"}},
		"reversed later":    {{Status: "success"}, {AfterSeconds: 20 * 3600, Status: "reversed"}},
		"reversed, unpaid":  {{Status: "pending"}, {AfterSeconds: 300, Status: "reversed"}},
		"blocked":           {{Status: "received"}, {AfterSeconds: 10, Status: "blocked"}},
		"otp, abandoned":    paystacktest.OTP(),
		"an unknown status": {{Status: "queued"}, {AfterSeconds: 900, Status: "success"}},
	}
	name := w.pick(slices.Sorted(maps.Keys(scripts)))
	w.say("script: %s", name)
	w.met.count("script " + name)
	w.fake.Script("", scripts[name]...)
}

// status changes a transfer's mind, in the ways that are documented.
func (w *world) status() {
	for _, transfer := range w.fake.State().Transfers {
		if w.rng.IntN(3) > 0 {
			continue
		}
		next := ""
		switch transfer.Status {
		case "success":
			next = "reversed"
		case "pending", "received", "otp", "queued":
			next = w.pick([]string{"success", "failed", "reversed"})
		default:
			continue
		}
		if err := w.fake.SetStatus(transfer.Reference, next); err != nil {
			w.t.Fatal(err)
		}
		w.say("%s becomes %s", transfer.Reference, next)
		w.met.count("becomes " + next)
		return
	}
}

// mortality lets the server die soon.
func (w *world) mortality() {
	w.crash.point, w.crash.skip = w.pick(crashPoints), w.rng.IntN(3)
	w.say("will die %s", w.crash.point)
}

// settlement is Paystack moving the balance to the operator's bank, or back.
func (w *world) settlement() {
	have := w.fake.Balance("NGN")
	if have > 100_000_00 && w.rng.IntN(2) == 0 {
		w.fake.Fund("NGN", -(have - int64(w.rng.IntN(50_000_00))))
		w.met.count("balance emptied")
	} else {
		w.fake.Fund("NGN", 500_000_00)
	}
	w.say("Paystack's balance: %d -> %d", have, w.fake.Balance("NGN"))
}

func (w *world) levy() {
	for _, transfer := range w.fake.State().Transfers {
		if transfer.Status == "success" {
			if err := w.fake.Levy(transfer.Reference, 50_00); err != nil {
				w.t.Fatal(err)
			}
			w.met.count("levy")
			return
		}
	}
}

func (w *world) killSwitch() {
	w.policy(map[string]any{"enabled": false})
	sent := w.fake.Count("transfer.initiate")
	w.round("payouts.work")
	if now := w.fake.Count("transfer.initiate"); now != sent {
		w.t.Errorf("%d orders left although the kill switch is off", now-sent)
	}
	w.policy(map[string]any{"enabled": true})
	w.met.count("kill switch")
}

// late lets requests arrive that were stuck on their way.
func (w *world) late() {
	if n := w.fake.DeliverLate(); n > 0 {
		w.say("%d requests arrive late", n)
		w.met.count("request arrived late")
	}
}

// lift ends pauses, as an admin does who has looked.
func (w *world) lift() {
	ids := []string{}
	if err := w.s.App.DB().Select("id").From("payout_pauses").Where(dbx.HashExp{"lifted_at": ""}).Column(&ids); err != nil {
		w.t.Fatal(err)
	}
	for _, id := range ids {
		answer := w.s.Do(apptest.Admin, "POST", "/api/lingualink/payouts/pauses/"+id+"/lift", map[string]any{"reason": "looked at it"}, w.confirmed(apptest.Admin, "payout_pause"))
		w.say("lifts pause %s: %d %s", id, answer.Status, answer.Code())
	}
}

// backUp copies the database, as a backup does.
func (w *world) backUp() {
	dir := w.t.TempDir()
	w.exec("VACUUM INTO '"+filepath.Join(dir, "data.db")+"'", nil)
	if _, err := w.s.App.AuxNonconcurrentDB().NewQuery("VACUUM INTO '" + filepath.Join(dir, "auxiliary.db") + "'").Execute(); err != nil {
		w.t.Fatal(err)
	}
	w.backup, w.backedUp = dir, w.fake.Count("transfer.initiate")
	w.say("backup")
}

// restore puts the last backup in place of the database: what happened since is
// gone here and not at Paystack.
func (w *world) restore() {
	if w.backup == "" {
		return
	}
	w.say("RESTORE")
	w.met.count("restored")
	w.restored = w.now
	w.s = w.start(w.backup)
	sent := w.fake.Count("transfer.initiate")
	w.round("payouts.work")
	if now := w.fake.Count("transfer.initiate"); now != sent && sent != w.backedUp {
		w.t.Errorf("%d orders left after a restore, before it was reconciled", now-sent)
	}
	w.backup = ""
}

// reconcile is what the admin does after a restore, and whenever something is
// not explained.
func (w *world) reconcile() {
	answer := w.s.Do(apptest.Admin, "POST", "/api/lingualink/payouts/reconcile", nil, w.confirmed(apptest.Admin, "payout_reconcile"))
	w.say("reconciles: %d %s", answer.Status, answer.Raw)
}

// paystacktestSuccess is the script of transfers when everything works.
var paystacktestSuccess = []paystacktest.Step{{Status: "pending"}, {AfterSeconds: 60, Status: "success"}}

// webhooksAsTheyAre delivers every event as it comes.
func (w *world) webhooksAsTheyAre() {
	for _, event := range w.fake.Take() {
		w.s.Want(w.s.Do(apptest.Guest, "POST", "/api/lingualink/webhooks/paystack", string(event.Body), "x-paystack-signature: "+event.Signature), 200, "")
	}
	w.round("payouts.inbox")
}
