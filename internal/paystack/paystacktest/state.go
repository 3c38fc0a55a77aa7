package paystacktest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Step is a status that a transfer takes some time after it was made. Any word
// may be a status: "queued" and "successful" are seen in the wild.
type Step struct {
	AfterSeconds int64  `json:"after_s"`
	Status       string `json:"status"`
}

// OTP is the script of a transfer that waits for a one-time code in vain
// (paystack.com/docs/transfers/how-transfers-work: 30 minutes).
func OTP() []Step { return []Step{{0, "otp"}, {30 * 60, "abandoned"}} }

// Change is one in the life of a transfer.
type Change struct {
	Status string    `json:"status"`
	At     time.Time `json:"at"`
}

// Transfer is money that left, or was to.
type Transfer struct {
	ID            uint64    `json:"id"`
	Code          string    `json:"transfer_code"`
	Reference     string    `json:"reference"`
	Amount        int64     `json:"amount"`
	Fee           int64     `json:"fee"`
	Currency      string    `json:"currency"`
	RecipientCode string    `json:"recipient_code"`
	Reason        string    `json:"reason"`
	Status        string    `json:"status"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
	SessionID     string    `json:"session_id"`
	// Successes counts how often it was paid: more than one is a loss.
	Successes int      `json:"successes"`
	History   []Change `json:"history"`

	script   []Step
	returned int64 // what came back of amount and fee
}

// Recipient is an account to pay to. Two that give one account are one.
type Recipient struct {
	ID            uint64    `json:"id"`
	Code          string    `json:"recipient_code"`
	Type          string    `json:"type"`
	Name          string    `json:"name"`
	AccountNumber string    `json:"account_number"`
	AccountName   string    `json:"account_name"`
	BankCode      string    `json:"bank_code"`
	Currency      string    `json:"currency"`
	CreatedAt     time.Time `json:"created_at"`
	Blocked       bool      `json:"blocked"`
}

// Transaction is a payment to us.
type Transaction struct {
	ID         uint64    `json:"id"`
	Reference  string    `json:"reference"`
	AccessCode string    `json:"access_code"`
	Email      string    `json:"email"`
	Requested  int64     `json:"requested_amount"`
	Amount     int64     `json:"amount"`
	Fee        int64     `json:"fees"`
	Currency   string    `json:"currency"`
	Status     string    `json:"status"`
	Metadata   any       `json:"metadata"`
	CreatedAt  time.Time `json:"created_at"`
	PaidAt     time.Time `json:"paid_at"`
	Refunded   int64     `json:"refunded"`
}

// BalanceRow is a change of a balance.
type BalanceRow struct {
	ID         uint64    `json:"id"`
	Currency   string    `json:"currency"`
	Difference int64     `json:"difference"`
	Balance    int64     `json:"balance"`
	Model      string    `json:"model_responsible"`
	ModelRow   uint64    `json:"model_row"`
	Reason     string    `json:"reason"`
	CreatedAt  time.Time `json:"created_at"`
}

// post changes a balance; the lock is held.
func (s *Server) post(currency string, difference int64, model string, row uint64, reason string) {
	s.balances[currency] += difference
	s.rows = append(s.rows, BalanceRow{
		ID: s.id(), Currency: currency, Difference: difference, Balance: s.balances[currency],
		Model: model, ModelRow: row, Reason: reason, CreatedAt: s.now(),
	})
}

// follow lets every transfer do what its script says is due; the lock is held.
func (s *Server) follow() {
	for _, t := range s.transfers {
		for len(t.script) > 0 && !s.now().Before(t.CreatedAt.Add(time.Duration(t.script[0].AfterSeconds)*time.Second)) {
			status := t.script[0].Status
			t.script = t.script[1:]
			s.move(t, status)
		}
	}
}

// move gives a transfer a status, with what follows for the balance and the
// events; the lock is held. There are events for three statuses only.
func (s *Server) move(t *Transfer, status string) {
	if t.Status == status {
		return
	}
	t.Status, t.UpdatedAt = status, s.now()
	t.History = append(t.History, Change{status, t.UpdatedAt})
	back := int64(0)
	switch status {
	case "success":
		t.Successes++
		t.SessionID = fmt.Sprintf("%030d", t.ID)
	case "reversed":
		back = t.Amount + t.Fee
		if t.Successes > 0 && !s.options.ReturnFee {
			back = t.Amount
		}
	case "failed", "abandoned", "blocked", "rejected":
		back = t.Amount + t.Fee
	}
	// A success after a failure takes the money again.
	if difference := back - t.returned; difference != 0 {
		t.returned = back
		s.post(t.Currency, difference, "Transfer", t.ID, t.Reason)
	}
	switch status {
	case "success", "failed", "reversed":
		s.emit("transfer."+status, t.Reference, s.transferEvent(t))
	}
}

func find[T any](rows []*T, is func(*T) bool) *T {
	if i := slices.IndexFunc(rows, is); i >= 0 {
		return rows[i]
	}
	return nil
}

func (s *Server) transfer(reference string) *Transfer {
	return find(s.transfers, func(t *Transfer) bool { return t.Reference == reference })
}

func (s *Server) recipient(code string) *Recipient {
	return find(s.recipients, func(r *Recipient) bool { return r.Code == code })
}

func (s *Server) transaction(reference string) *Transaction {
	return find(s.transactions, func(t *Transaction) bool { return t.Reference == reference })
}

// locked runs f with the lock held, keeps what it did, and wakes the delivery
// afterwards.
func (s *Server) locked(f func() error) error {
	s.mu.Lock()
	err := errors.Join(f(), s.save())
	s.mu.Unlock()
	s.nudge()
	return err
}

// Script says what becomes of a transfer that is still to be made, or of all
// that have no script of their own if the reference is empty.
func (s *Server) Script(reference string, steps ...Step) {
	_ = s.locked(func() error {
		if reference == "" {
			s.script = steps
		} else {
			s.scripts[reference] = steps
		}
		return nil
	})
}

// SetStatus moves a transfer now and ends its script: a reversal days later, a
// failure that becomes a success, a word that nobody knows.
func (s *Server) SetStatus(reference, status string) error {
	return s.locked(func() error {
		t := s.transfer(reference)
		if t == nil {
			return fmt.Errorf("paystacktest: there is no transfer %q", reference)
		}
		t.script = nil
		s.move(t, status)
		return nil
	})
}

// Fund adds to a balance, or takes from it as a settlement does.
func (s *Server) Fund(currency string, amount int64) {
	_ = s.locked(func() error {
		s.post(currency, amount, "Transaction", 0, "Top-up")
		return nil
	})
}

// Levy charges a transfer something besides the fee, as stamp duty would be.
func (s *Server) Levy(reference string, amount int64) error {
	return s.locked(func() error {
		t := s.transfer(reference)
		if t == nil {
			return fmt.Errorf("paystacktest: there is no transfer %q", reference)
		}
		s.post(t.Currency, -amount, "Transfer", t.ID, "Stamp duty")
		return nil
	})
}

// Block puts a recipient on the watchlist: transfers to it are refused.
func (s *Server) Block(recipientCode string) error {
	return s.locked(func() error {
		r := s.recipient(recipientCode)
		if r == nil {
			return fmt.Errorf("paystacktest: there is no recipient %q", recipientCode)
		}
		r.Blocked = true
		return nil
	})
}

// Successes counts how often a reference was paid: 0 or 1, or a loss.
func (s *Server) Successes(reference string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, t := range s.transfers {
		if t.Reference == reference {
			n += t.Successes
		}
	}
	return n
}

// Balance of a currency, in subunits.
func (s *Server) Balance(currency string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.balances[currency]
}

// State is a copy of all that the server holds.
type State struct {
	Now          time.Time        `json:"now"`
	Balances     map[string]int64 `json:"balances"`
	Transfers    []Transfer       `json:"transfers"`
	Recipients   []Recipient      `json:"recipients"`
	Transactions []Transaction    `json:"transactions"`
	Refunds      []Refund         `json:"refunds"`
	Disputes     []Dispute        `json:"disputes"`
	Rows         []BalanceRow     `json:"rows"`
	Requests     int              `json:"requests"`
	Undelivered  int              `json:"undelivered"`
}

// State copies what the server holds.
func (s *Server) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.follow()
	return s.state()
}

// state is called with the lock held.
func (s *Server) state() State {
	state := State{
		Now: s.now(), Balances: maps.Clone(s.balances), Rows: slices.Clone(s.rows),
		Requests: len(s.requests), Undelivered: len(s.queue),
		Transfers: []Transfer{}, Recipients: []Recipient{}, Transactions: []Transaction{}, Refunds: []Refund{}, Disputes: []Dispute{},
	}
	for _, t := range s.transfers {
		transfer := *t
		transfer.History = slices.Clone(t.History)
		state.Transfers = append(state.Transfers, transfer)
	}
	for _, r := range s.recipients {
		state.Recipients = append(state.Recipients, *r)
	}
	for _, t := range s.transactions {
		state.Transactions = append(state.Transactions, *t)
	}
	for _, r := range s.refunds {
		state.Refunds = append(state.Refunds, *r)
	}
	for _, d := range s.disputes {
		state.Disputes = append(state.Disputes, *d)
	}
	return state
}
