// Package paystacktest is a Paystack on the loopback interface: it keeps
// balances, recipients, transfers and payments, answers over real HTTP in the
// documented shapes, signs events, and misbehaves on demand.
//
// It decides nothing at random that its seed does not repeat, and never waits:
// time is what [Options.Now] says, and moves by [Server.Advance]. What Paystack
// leaves open (whether a fee comes back with a reversal, how its approval call
// looks) is an option or said at the field.
//
// It refuses to stand in for what it cannot prove: that Paystack itself answers
// so. The tests of package paystack hold its answers against the fields of the
// public API description, and run the same suite against a real test key when
// one is given.
package paystacktest

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Key is the secret key that a server accepts unless told otherwise.
const Key = "sk_test_0f4kepaystack"

// Options of a server; the zero value is a useful one. Amounts are in
// subunits, as Paystack counts them.
type Options struct {
	Addr      string // "127.0.0.1:0" if empty
	SecretKey string // Key if empty; a live one makes the domain live
	Seed      uint64
	// Now is the time; if nil it stands still at 2026-01-05 08:00 UTC.
	Now      func() time.Time
	Balances map[string]int64 // per currency
	// Script is what becomes of transfers; if nil they succeed at once, which
	// is what Paystack's test mode does.
	Script []Step
	// Fee of a transfer; if nil TransferFee.
	Fee func(currency string, amount int64) int64
	// PayInFee is what is kept of a payment; if nil 1.5 %, at most 2,000.00.
	PayInFee func(currency string, amount int64) int64
	// ReturnFee gives the fee back with a reversal of a success, too. With any
	// other failure it always comes back. Not documented.
	ReturnFee bool
	// Resolve names the owner of an account; if nil everybody with a number of
	// ten digits has a name.
	Resolve func(bankCode, accountNumber string) (name string, ok bool)
	// WebhookURL gets the events by Deliver; without one a test takes them.
	WebhookURL string
	// AutoDeliver delivers after every request, and makes the server usable as
	// a process. Real time then decides the order, not the seed.
	AutoDeliver bool
	// ApprovalURL is asked before a transfer is queued; see approval.go.
	ApprovalURL string
	// Approve decides in place of the URL.
	Approve func(Transfer) Decision
}

// Server is a running fake. Its methods may be called by many goroutines.
type Server struct {
	URL string // without a slash at the end

	options  Options
	domain   string // of the key
	listener net.Listener
	http     *http.Server
	client   *http.Client
	closing  chan struct{}
	wake     chan struct{}
	hung     chan Request
	loops    sync.WaitGroup

	mu      sync.Mutex // guards all below
	random  *rand.Rand
	offset  time.Duration
	lastID  uint64
	scripts map[string][]Step
	script  []Step
	faults  []*Fault
	late    []func()
	chaos   WebhookChaos
	told    string // the domain that answers and events name
	path    string // of the file that keeps the state; see keep.go
	written []byte // what that holds

	balances     map[string]int64
	rows         []BalanceRow
	recipients   []*Recipient
	transfers    []*Transfer
	transactions []*Transaction
	refunds      []*Refund
	disputes     []*Dispute
	requests     []Request
	queue        []*Delivery
	events       []*Delivery
}

// Start starts a server; Close ends it.
func Start(options Options) (*Server, error) {
	if options.Addr == "" {
		options.Addr = "127.0.0.1:0"
	}
	host, _, err := net.SplitHostPort(options.Addr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, errors.New("paystacktest: anybody may command it, so it listens on a loopback address only")
	}
	if options.SecretKey == "" {
		options.SecretKey = Key
	}
	if options.Now == nil {
		start := time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
		options.Now = func() time.Time { return start }
	}
	if options.Fee == nil {
		options.Fee = TransferFee
	}
	if options.PayInFee == nil {
		options.PayInFee = func(_ string, amount int64) int64 { return min(amount*15/1000, 200_000) }
	}
	if options.Resolve == nil {
		options.Resolve = everybody
	}
	if options.Script == nil {
		options.Script = []Step{{Status: "success"}}
	}
	listener, err := net.Listen("tcp", options.Addr)
	if err != nil {
		return nil, err
	}
	s := &Server{
		URL: "http://" + listener.Addr().String(), options: options, domain: domainOf(options.SecretKey), told: domainOf(options.SecretKey), listener: listener,
		client:  &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}},
		closing: make(chan struct{}), wake: make(chan struct{}, 1), hung: make(chan Request, 1024),
		random: rand.New(rand.NewPCG(options.Seed, 0x9a75)),
		// Above 2^53, where a float64 no longer tells two ids apart.
		lastID:  1<<53 + 1000,
		scripts: map[string][]Step{}, script: options.Script, balances: map[string]int64{},
	}
	for _, currency := range currencies {
		if amount := options.Balances[currency]; amount != 0 {
			s.post(currency, amount, "Transaction", 0, "Opening balance")
		}
	}
	s.http = &http.Server{Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second}
	s.loops.Go(func() { _ = s.http.Serve(listener) })
	if options.AutoDeliver {
		s.loops.Go(s.deliverForever)
	}
	return s, nil
}

// Close ends the server, and with it all requests that hang.
func (s *Server) Close() {
	select {
	case <-s.closing:
		return
	default:
		close(s.closing)
	}
	_ = s.http.Close()
	s.loops.Wait()
}

// Pretend makes answers and events name another domain than the key's.
func (s *Server) Pretend(domain string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = domain
}

func domainOf(key string) string {
	if len(key) > 8 && key[:8] == "sk_live_" {
		return "live"
	}
	return "test"
}

// currencies are those of transfers (API description, initiate transfer), and
// those in which payments come in besides.
var currencies = []string{"NGN", "GHS", "KES", "ZAR", "USD", "XOF"}

// TransferFee is what a transfer costs, in subunits. Sources: Paystack's pricing
// page as many sites repeat it (NGN), support article 2132866 (GHS to mobile
// money, KES). Real amounts come from fee_charged; ZAR is a guess.
func TransferFee(currency string, amount int64) int64 {
	switch currency {
	case "NGN":
		switch {
		case amount <= 5_000_00:
			return 10_00
		case amount <= 50_000_00:
			return 25_00
		}
		return 50_00
	case "GHS":
		return 1_00
	case "KES":
		switch {
		case amount <= 1_500_00:
			return 20_00
		case amount <= 20_000_00:
			return 40_00
		}
		return 60_00
	}
	return 3_00
}

// everybody has a name made of the digits of the number.
func everybody(_, number string) (string, bool) {
	if len(number) != 10 || slices.ContainsFunc([]byte(number), func(b byte) bool { return b < '0' || b > '9' }) {
		return "", false
	}
	first := []string{"ADA", "BISI", "CHIDI", "DAYO", "EFE", "FEMI", "GBENGA", "HALIMA", "IFE", "JIDE"}
	last := []string{"ADEYEMI", "BELLO", "CHUKWU", "DANJUMA", "EZE", "FALANA", "GARBA", "HASSAN", "IDOWU", "JOHNSON"}
	return first[number[8]-'0'] + " " + last[number[9]-'0'], true
}

// now is called with the lock held.
func (s *Server) now() time.Time { return s.options.Now().Add(s.offset).UTC() }

// Advance moves the time forward; transfers follow their scripts.
func (s *Server) Advance(d time.Duration) {
	_ = s.locked(func() error {
		s.offset += d
		s.follow()
		return nil
	})
}

// Tick lets transfers follow their scripts to the present time, for a clock
// that others turn. Every request does so, too.
func (s *Server) Tick() {
	_ = s.locked(func() error {
		s.follow()
		return nil
	})
}

// id is called with the lock held.
func (s *Server) id() uint64 {
	s.lastID++
	return s.lastID
}

// nudge wakes the delivery loop, if there is one.
func (s *Server) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
