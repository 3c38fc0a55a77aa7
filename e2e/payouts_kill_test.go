package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/lingualink/lingualink/e2e/harness"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

const (
	payees        = 12
	earnedMinor   = 5_000_000
	fundedMinor   = 500_000_000
	leastAnswered = 50
	mostAnswered  = 1_000

	approvalSecret = "0123456789abcdef0123456789abcdef-approve"
)

// TestKilledWhilePaying kills the server 20 times under requests, approvals and
// a Paystack that misbehaves, often while it waits for Paystack's answer, and
// proves that nobody is paid twice, nothing that was acknowledged is lost, and in
// the end the ledger's account at Paystack is Paystack's balance.
func TestKilledWhilePaying(t *testing.T) {
	seed := rand.Uint64()
	d := openPayday(t, seed)
	random := rand.New(rand.NewPCG(seed, 0x70617964))
	d.misbehave(0)
	harness.KillRounds(t, d.server, harness.Rounds{
		Rounds: killRounds, Seed: seed, LeastAnswered: leastAnswered, MostAnswered: mostAnswered,
		Load: d.run,
		Check: func(round int) {
			d.retry(t)
			if round%2 == 0 {
				d.fake.DeliverLate()
			}
			d.check(t)
			if t.Failed() {
				t.Fatalf("round %d broke a promise", round)
			}
			d.misbehave(round + 1)
			d.advance(t, time.Duration(1+random.IntN(20))*time.Minute)
			if round%7 == 6 {
				d.advance(t, 25*time.Hour)
			}
		},
	})
	d.settle(t)
	d.check(t)
	d.checkEnd(t)
	t.Log(d.summary(t))
}

// openPayday starts both sides, has a sponsor fund the campaign, people earn by
// votes, and all of them enter a bank account.
func openPayday(t *testing.T, seed uint64) *payday {
	t.Helper()
	fake, err := paystacktest.Start(paystacktest.Options{
		Seed: seed, Now: time.Now, AutoDeliver: true,
		Resolve: func(string, string) (string, bool) { return "ADEYEMI ADA", true },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	clock := harness.NewClock(t)
	server := harness.Start(t, harness.Options{Env: []string{
		"LL_RATE_LIMITS=off", clock.Env(),
		"PAYSTACK_SECRET_KEY=" + paystacktest.Key, "LL_PAYSTACK_BASE_URL=" + fake.URL, "LL_PAYOUTS=on",
		"LL_PEPPER=0123456789abcdef0123456789abcdef", "LL_PAYSTACK_APPROVAL_SECRET=" + approvalSecret,
		"LL_PAYOUTS_MARK=" + filepath.Join(t.TempDir(), "mark.json"),
	}})
	fake.SetWebhookURL(server.URL + "/api/lingualink/webhooks/paystack")
	fake.SetApprovalURL(server.URL + "/api/lingualink/webhooks/paystack/approve/" + approvalSecret)
	d := &payday{server: server, fake: fake, clock: clock, claims: newClaims()}
	server.SetPolicy(t, "consensus", openPolicy)
	server.SetPolicy(t, "rewards", flatPay)
	server.SetPolicy(t, "payouts", map[string]any{
		"enabled": true, "request_hours": 0,
		"NGN": map[string]any{
			"minimum_minor": leastPayout, "auto_limit_minor": autoPayout, "high_limit_minor": highPayout, "day_limit_minor": 2 * unaffordable,
			"hour_ceiling_minor": 1_000_000_000, "day_ceiling_minor": 1_000_000_000,
		},
	})
	d.admins = []*harness.Client{server.Admin(t), server.AnotherAdmin(t, "second@lingualink.test")}
	for username, email := range map[string]string{"nia": harness.AdminEmail, "obi": "second@lingualink.test"} {
		server.SignUp(t, username)
		server.Command(t, "superuser", "person", email, username)
	}
	d.sponsor(t)
	d.earn(t, seed)
	for i, person := range d.people {
		person.account = d.enter(t, person, fmt.Sprintf("01234567%02d", i))
	}
	return d
}

// sponsor pays for the campaign through Paystack's checkout, which is where all
// money of this test comes from.
func (d *payday) sponsor(t *testing.T) {
	t.Helper()
	campaign := d.server.GeneralCampaign(t)
	var order struct {
		Data struct {
			Reference string `json:"reference"`
		} `json:"data"`
	}
	d.admins[0].Must(t, http.MethodPost, "/api/lingualink/campaigns/"+campaign+"/checkout",
		map[string]any{"amount_minor": fundedMinor}, &order, "Idempotency-Key: "+harness.NewID())
	if err := d.fake.Pay(order.Data.Reference); err != nil {
		t.Fatal(err)
	}
	type funding struct {
		Status string `json:"status"`
	}
	harness.Eventually(t, "the campaign is funded", func() (bool, error) {
		rows := harness.List[funding](t, d.admins[0], "fundings", "")
		return len(rows) == 1 && rows[0].Status == "paid", nil
	})
}

// earn has everybody upload a clip that three people approve, and waits out the
// hold.
func (d *payday) earn(t *testing.T, seed uint64) {
	t.Helper()
	d.admins[0].Create(t, "reward_rates", map[string]any{"action": "clip", "currency": "NGN", "amount_minor": earnedMinor}, nil)
	language := d.server.Language(t, "yo")
	validators := d.server.SignUpMany(t, "validator", 3, language)
	for i, person := range d.server.SignUpMany(t, "payee", payees, language) {
		person.Consent(t)
		clip := harness.NewID()
		answer, err := person.Upload(t.Context(), clip, language, harness.Voice(uint64(i)+1))
		if err != nil || answer.Status != http.StatusOK {
			t.Fatalf("uploading: %s %v", answer, err)
		}
		for _, validator := range validators {
			if answer, err := validator.Vote(t.Context(), harness.NewID(), clip, "approve"); err != nil || answer.Status != http.StatusOK {
				t.Fatalf("voting: %s %v", answer, err)
			}
		}
		d.people = append(d.people, &payee{Person: person, random: rand.New(rand.NewPCG(seed, uint64(i)))})
	}
	d.advance(t, 169*time.Hour)
	harness.Eventually(t, "the wages are available", func() (bool, error) {
		for _, person := range d.people {
			if person.Wallet(t, "NGN").AvailableMinor != earnedMinor {
				return false, nil
			}
		}
		return true, nil
	})
}

// enter adds a bank account, with a Paystack that does not always answer.
func (d *payday) enter(t *testing.T, person *payee, number string) string {
	t.Helper()
	type profile struct {
		ID string `json:"id"`
	}
	mine := harness.List[profile](t, person.Client, "private_profiles", "")
	if len(mine) != 1 {
		t.Fatalf("%s has %d private profiles", person.Username, len(mine))
	}
	person.Must(t, http.MethodPatch, "/api/collections/private_profiles/records/"+mine[0].ID, map[string]string{"legal_name": "Ada Adeyemi"}, nil)
	confirmation, answer, err := person.Confirm(t.Context(), "payout_account")
	if err != nil || confirmation == "" {
		t.Fatalf("confirming: %s %v", answer, err)
	}
	var body struct {
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	person.Must(t, http.MethodPost, "/api/lingualink/payout-accounts",
		map[string]string{"country": "NG", "currency": "NGN", "bank_code": "058", "account_number": number}, &body, "X-Confirmation: "+confirmation)
	return body.Data.ID
}

// misbehave makes Paystack fail now and then, and in most rounds hang once, at a
// moment of its own.
func (d *payday) misbehave(round int) {
	const always = -1
	d.fake.Heal()
	acts := []paystacktest.Act{paystacktest.ActAfter, paystacktest.ActNever, paystacktest.ActLate}
	switch {
	case round%2 == 1:
		d.fake.Inject(paystacktest.Fault{Op: "transfer.initiate", Kind: paystacktest.Hang, Act: acts[round/2%3], Skip: round % 5})
	case round%4 == 2:
		d.fake.Inject(paystacktest.Fault{Op: "transfer.verify", Kind: paystacktest.Hang, Skip: round % 7})
	}
	faults := []paystacktest.Fault{
		{Op: "transfer.initiate", PerMille: 50, Kind: paystacktest.Cut},
		{Op: "transfer.initiate", PerMille: 80, Kind: paystacktest.Cut, Act: paystacktest.ActAfter},
		{Op: "transfer.initiate", PerMille: 50, Kind: paystacktest.Cut, Act: paystacktest.ActLate},
		{Op: "transfer.initiate", PerMille: 50, Kind: paystacktest.CutMidway, Act: paystacktest.ActAfter},
		{Op: "transfer.initiate", PerMille: 40, Kind: paystacktest.Answer, Status: 502},
		{Op: "transfer.initiate", PerMille: 40, Kind: paystacktest.Answer, Status: 503, Act: paystacktest.ActAfter},
		{Op: "transfer.initiate", PerMille: 20, Kind: paystacktest.HTML, Act: paystacktest.ActAfter},
		{Op: "transfer.initiate", PerMille: 40, Kind: paystacktest.Truncated, Act: paystacktest.ActAfter},
		{Op: "transfer.initiate", PerMille: 20, Kind: paystacktest.Denied, Act: paystacktest.ActAfter},
		{Op: "transfer.initiate", PerMille: 40, Kind: paystacktest.Duplicate, Act: paystacktest.ActAfter},
		{Op: "transfer.initiate", PerMille: 20, Kind: paystacktest.Limited, ResetSeconds: 1},
		{Op: "transfer.verify", PerMille: 150, Kind: paystacktest.Cut},
		{Op: "transfer.verify", PerMille: 150, Kind: paystacktest.Answer, Status: 500},
		{Op: "transfer.verify", PerMille: 30, Kind: paystacktest.Truncated},
		{Op: "transfer.list", PerMille: 20, Kind: paystacktest.Answer, Status: 500},
		{Op: "balance.ledger", PerMille: 50, Kind: paystacktest.Answer, Status: 500},
	}
	for i := range faults {
		faults[i].Times = always
	}
	faults = append(faults, paystacktest.Refusal("transfer.initiate", 400, "insufficient_balance", "Your balance is not enough to fulfil this request"))
	faults[len(faults)-1].Skip = 5
	missing := paystacktest.NotFound("transfer.verify", always)
	missing.PerMille = 20
	d.fake.Inject(append(faults, missing)...)
	d.fake.Chaos(paystacktest.WebhookChaos{LosePerMille: 250, DoublePerMille: 250, ShufflePerMille: 300, DelaySeconds: 120})
}

// advance turns the clocks of both sides.
func (d *payday) advance(t *testing.T, by time.Duration) {
	t.Helper()
	d.fake.Advance(by)
	d.clock.Advance(t, by)
}

// retry sends what got no answer before the kill again under the same key, and
// everybody's last request, too: what was acknowledged is answered as before.
func (d *payday) retry(t *testing.T) {
	t.Helper()
	keys := []string{}
	for key := range d.claims.open {
		keys = append(keys, key)
	}
	for _, key := range keys {
		d.claims.repeats++
		if err := d.ask(t.Context(), key); err != nil {
			t.Fatalf("repeating request %s: %v", key, err)
		}
	}
	for _, person := range d.people {
		if person.lastKey == "" {
			continue
		}
		id, answer, err := person.request(t.Context(), person.lastKey, d.claims.asked[person.lastKey].amountMinor)
		if err != nil || id != d.claims.ids[person.lastKey] {
			t.Errorf("request %s was answered with %s, its repeat with %s %v", person.lastKey, d.claims.ids[person.lastKey], answer, err)
		}
	}
}

// settle ends all faults and lets time pass until nothing is under way. What
// nobody can say anything about is closed by two admins, with their proof.
func (d *payday) settle(t *testing.T) {
	t.Helper()
	d.fake.Heal()
	d.fake.DeliverLate()
	var due []payoutRow
	t.Cleanup(func() {
		if t.Failed() && len(due) > 0 {
			t.Logf("still due: %+v", due)
		}
	})
	for _, wait := range []time.Duration{3 * time.Minute, 20 * time.Minute, time.Hour, 26 * time.Hour, 2 * time.Hour, 2 * time.Hour} {
		d.advance(t, wait)
		d.decideAll(t)
		harness.Eventually(t, "both sides are compared", func() (bool, error) {
			answer, err := d.admins[0].Do(t.Context(), http.MethodPost, "/api/lingualink/payouts/reconcile", nil)
			if err != nil || answer.Status == http.StatusOK {
				return true, err
			}
			return false, expect(answer, "provider_unavailable") // it was asked too often a moment ago
		})
		harness.Eventually(t, "nothing is due", func() (bool, error) {
			now := time.Now().Add(d.clock.Offset()).UTC().Format(types.DefaultDateLayout)
			due = harness.List[payoutRow](t, d.admins[0], "payouts", fmt.Sprintf(`state = "approved" || (settled = "" && next_check_at != "" && next_check_at <= %q)`, now))
			return len(due) == 0, nil
		})
	}
}

// decideAll has both admins approve what waits for them, and close what nobody
// knows.
func (d *payday) decideAll(t *testing.T) {
	t.Helper()
	for _, admin := range d.admins {
		waiting, err := reviews(context.Background(), admin)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range waiting {
			if one.You != "" {
				continue // the other admin's turn
			}
			verb := "approve"
			if one.State == "manual" {
				verb = "close"
			}
			confirmation, answer, err := admin.Confirm(t.Context(), "payout_approve")
			if err != nil || confirmation == "" {
				t.Fatalf("confirming: %s %v", answer, err)
			}
			answer, err = admin.Do(t.Context(), http.MethodPost, "/api/lingualink/payouts/"+one.Payout.ID+"/"+verb,
				map[string]string{"reason": "Nobody knows it."}, "X-Confirmation: "+confirmation)
			if err != nil {
				t.Fatal(err)
			}
			if answer.Status != http.StatusOK && expect(answer, "payout_unproven", "payout_state", "payout_changed") != nil {
				t.Fatalf("%s of %+v: %s", verb, one, answer)
			}
		}
	}
}
