package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lingualink/lingualink/e2e/harness"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

// What the payouts policy of the test says, in kobo. A fee of half an amount or
// more would be in doubt, and rightly so, hence the minimum.
const (
	leastPayout  = 5_000
	autoPayout   = 20_000 // up to this nobody needs to approve
	highPayout   = 32_000 // above this two people do
	mostPayout   = 40_000
	unaffordable = 20_000_000
)

// pace is how often everybody does something: the server must have time to send.
const pace = 15 * time.Millisecond

// fates are what becomes of a transfer that Paystack has taken: those at the
// front more often.
var fates = [][]paystacktest.Step{
	{{Status: "success"}},
	{{Status: "success"}},
	{{Status: "success"}},
	{{AfterSeconds: 120, Status: "success"}},
	{{AfterSeconds: 120, Status: "success"}},
	{{Status: "received"}, {AfterSeconds: 60, Status: "pending"}, {AfterSeconds: 900, Status: "success"}},
	{{Status: "failed"}},
	{{AfterSeconds: 60, Status: "failed"}},
	{{Status: "success"}, {AfterSeconds: 1, Status: "reversed"}},
	{{AfterSeconds: 60, Status: "success"}, {AfterSeconds: 26 * 3600, Status: "reversed"}},
	{{AfterSeconds: 30, Status: "reversed"}}, // before it was ever paid
	paystacktest.OTP(),
}

// claim is one request for a payout.
type claim struct {
	person      int
	amountMinor int64
}

// claims is what the clients of the payouts know. What is acknowledged was
// answered; what is open was sent and got no answer yet.
type claims struct {
	mu        sync.Mutex
	open      map[string]claim // by Idempotency-Key
	asked     map[string]claim
	ids       map[string]string // payouts by key
	refused   map[string]bool
	cancelled map[string]bool // payouts
	approved  map[string]int  // acknowledged approvals, by payout
	rejected  map[string]bool
	repeats   int
}

func newClaims() *claims {
	return &claims{
		open: map[string]claim{}, asked: map[string]claim{}, ids: map[string]string{}, refused: map[string]bool{},
		cancelled: map[string]bool{}, approved: map[string]int{}, rejected: map[string]bool{},
	}
}

func (c *claims) locked(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// payee is somebody who asks for payouts, one after the other.
type payee struct {
	*harness.Person
	account string
	current string // the payout that is not over yet
	lastKey string // of the last acknowledged request
	random  *rand.Rand
}

// payday is the load of the payouts: people who ask and take back, admins who
// decide and compare.
type payday struct {
	server *harness.Server
	fake   *paystacktest.Server
	clock  *harness.Clock
	people []*payee
	admins []*harness.Client
	claims *claims
}

// payoutRow is a payout as superusers read it.
type payoutRow struct {
	ID          string `json:"id"`
	User        string `json:"user"`
	AmountMinor int64  `json:"amount_minor"`
	Reference   string `json:"reference"`
	Status      string `json:"status"`
	Cancellable bool   `json:"cancellable"`
	State       string `json:"state"`
	NextCheckAt string `json:"next_check_at"`
	NotBefore   string `json:"not_before"`
	Settled     string `json:"settled"`
	Key         string `json:"idem_key"`
}

// over are the statuses after which a person may ask for more.
func over(status string) bool {
	switch status {
	case "paid", "failed", "refused", "cancelled", "returned":
		return true
	}
	return false
}

// run is the load of one round. It ends when the server does not answer any
// more; only an unexpected answer is an error. A request that hangs at Paystack
// counts as all answers there are: the server dies while it waits.
func (d *payday) run(ctx context.Context, round int, answered func()) error {
	group, ctx := errgroup.WithContext(ctx)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	until := func(step func() error) {
		group.Go(func() error {
			ticker := time.NewTicker(pace)
			defer ticker.Stop()
			for {
				select {
				case <-ctx.Done():
					return nil
				case <-ticker.C:
				}
				if err := step(); err != nil {
					stop()
					if strange := (unexpected{}); errors.As(err, &strange) {
						return err
					}
					return nil // the server is dead
				}
				answered()
			}
		})
	}
	for _, person := range d.people {
		until(func() error { return d.live(ctx, person) })
	}
	for i, admin := range d.admins {
		random := rand.New(rand.NewPCG(uint64(round), uint64(i)))
		until(func() error { return d.office(ctx, admin, random) })
	}
	group.Go(func() error {
		select {
		case <-d.fake.Hung():
			for range mostAnswered {
				answered()
			}
		case <-ctx.Done():
		}
		return nil
	})
	return group.Wait()
}

// live is one step of a person: ask, look, or take back.
func (d *payday) live(ctx context.Context, p *payee) error {
	if p.current == "" {
		amount := leastPayout + p.random.Int64N(mostPayout-leastPayout+1)
		if p.random.IntN(20) == 0 {
			amount = unaffordable
		}
		key := harness.NewID()
		d.claims.locked(func() { d.claims.open[key] = claim{d.index(p), amount} })
		return d.ask(ctx, key)
	}
	answer, err := p.Do(ctx, http.MethodGet, "/api/collections/payouts/records/"+p.current, nil)
	if err != nil {
		return err
	}
	var row payoutRow
	if answer.Status != http.StatusOK || json.Unmarshal(answer.Raw, &row) != nil {
		return unexpected{answer}
	}
	if over(row.Status) {
		p.current = ""
		return nil
	}
	if !row.Cancellable || p.random.IntN(150) != 0 {
		return nil
	}
	answer, err = p.Do(ctx, http.MethodPost, "/api/lingualink/payouts/"+p.current+"/cancel", nil)
	switch {
	case err != nil:
		return err
	case answer.Status == http.StatusOK:
		d.claims.locked(func() { d.claims.cancelled[p.current] = true })
		return nil
	}
	return expect(answer, "payout_state", "payout_changed")
}

func (d *payday) index(p *payee) int {
	for i, other := range d.people {
		if other == p {
			return i
		}
	}
	return -1
}

// ask sends a request that is open in the claims, and keeps its answer.
func (d *payday) ask(ctx context.Context, key string) error {
	var wanted claim
	d.claims.locked(func() { wanted = d.claims.open[key] })
	p := d.people[wanted.person]
	id, answer, err := p.request(ctx, key, wanted.amountMinor)
	if err != nil {
		return err
	}
	d.claims.locked(func() {
		delete(d.claims.open, key)
		if id == "" {
			d.claims.refused[key] = true
			return
		}
		d.claims.asked[key], d.claims.ids[key] = wanted, id
	})
	if id == "" {
		return expect(answer, "insufficient_funds")
	}
	p.current, p.lastKey = id, key
	d.fake.Script("ll-test-"+id, fates[p.random.IntN(len(fates))]...)
	return nil
}

// request asks for a payout. Without an id the answer is the refusal.
func (p *payee) request(ctx context.Context, key string, amountMinor int64) (string, harness.Answer, error) {
	answer, err := p.Do(ctx, http.MethodPost, "/api/lingualink/payouts",
		map[string]any{"amount_minor": amountMinor, "currency": "NGN", "account": p.account}, "Idempotency-Key: "+key)
	if err != nil || answer.Status != http.StatusOK {
		return "", answer, err
	}
	var body struct {
		Data payoutRow `json:"data"`
	}
	if err := json.Unmarshal(answer.Raw, &body); err != nil || body.Data.ID == "" {
		return "", answer, unexpected{answer}
	}
	return body.Data.ID, answer, nil
}

// expect is an error unless the answer is one of the refusals.
func expect(answer harness.Answer, codes ...string) error {
	for _, code := range codes {
		if answer.Code() == code {
			return nil
		}
	}
	return unexpected{answer}
}

// inReview is a payout that waits for people.
type inReview struct {
	Payout payoutRow `json:"payout"`
	State  string    `json:"state"`
	You    string    `json:"you"`
}

// office is one step of an admin: decide on what waits, or compare everything
// with Paystack.
func (d *payday) office(ctx context.Context, admin *harness.Client, random *rand.Rand) error {
	if random.IntN(25) == 0 {
		answer, err := admin.Do(ctx, http.MethodPost, "/api/lingualink/payouts/reconcile", nil)
		if err != nil || answer.Status == http.StatusOK {
			return err
		}
		return expect(answer, "provider_unavailable")
	}
	waiting, err := reviews(ctx, admin)
	if err != nil || len(waiting) == 0 {
		return err
	}
	one := waiting[random.IntN(len(waiting))]
	switch {
	case one.You != "":
		return nil // the other admin's turn
	case one.State == "manual":
		return d.act(ctx, admin, one.Payout.ID, "recheck", "")
	case random.IntN(8) == 0:
		return d.act(ctx, admin, one.Payout.ID, "reject", "")
	}
	confirmation, answer, err := admin.Confirm(ctx, "payout_approve")
	if err != nil {
		return err
	}
	if confirmation == "" {
		return unexpected{answer}
	}
	return d.act(ctx, admin, one.Payout.ID, "approve", confirmation)
}

func reviews(ctx context.Context, admin *harness.Client) ([]inReview, error) {
	answer, err := admin.Do(ctx, http.MethodGet, "/api/lingualink/payouts/review?limit=100", nil)
	if err != nil {
		return nil, err
	}
	var body struct {
		Data struct {
			Payouts []inReview `json:"payouts"`
		} `json:"data"`
	}
	if answer.Status != http.StatusOK || json.Unmarshal(answer.Raw, &body) != nil {
		return nil, unexpected{answer}
	}
	return body.Data.Payouts, nil
}

// act decides on a payout. Somebody else may have been faster.
func (d *payday) act(ctx context.Context, admin *harness.Client, id, verb, confirmation string) error {
	headers := []string{}
	if confirmation != "" {
		headers = append(headers, "X-Confirmation: "+confirmation)
	}
	answer, err := admin.Do(ctx, http.MethodPost, fmt.Sprintf("/api/lingualink/payouts/%s/%s", id, verb), map[string]string{"reason": "The harness says so."}, headers...)
	if err != nil {
		return err
	}
	if answer.Status != http.StatusOK {
		return expect(answer, "payout_state", "payout_changed", "second_person_needed")
	}
	d.claims.locked(func() {
		switch verb {
		case "approve":
			d.claims.approved[id]++
		case "reject":
			d.claims.rejected[id] = true
		}
	})
	return nil
}
