package paystacktest

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
)

var reference = regexp.MustCompile(`^[a-z0-9_-]{16,50}$`)

// initiate checks, makes, asks for approval and then queues, in the order of
// paystack.com/docs/transfers/how-transfers-work. A transfer that fails a check
// is not made, and its reference stays free.
func (s *Server) initiate(q *Request, _ *http.Request) reply {
	s.mu.Lock()
	t, refusal := s.create(q)
	if t == nil {
		s.mu.Unlock()
		return refusal
	}
	asks := s.options.Approve != nil || s.options.ApprovalURL != ""
	script := t.script
	if asks {
		// Steps wait until there is an answer: the clock may turn meanwhile.
		t.script = nil
		s.move(t, "received")
	}
	s.mu.Unlock()
	if asks {
		decision := s.ask(t)
		s.mu.Lock()
		switch decision {
		case Approved:
			t.script = script
			s.move(t, "pending")
		case Refused:
			s.move(t, "rejected")
		default:
			s.move(t, "blocked")
		}
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.follow()
	message := "Transfer has been queued"
	if t.Status == "otp" {
		message = "Transfer requires OTP to continue"
	}
	return yes(message, s.initiated(t))
}

// create is called with the lock held; without a transfer the reply says why.
func (s *Server) create(q *Request) (*Transfer, reply) {
	amount, whole := q.amount()
	currency, ref := q.text("currency"), q.text("reference")
	if currency == "" {
		currency = "NGN"
	}
	recipient := s.recipient(q.text("recipient"))
	fee := s.options.Fee(currency, amount)
	switch {
	case q.text("source") != "balance":
		return nil, invalid("Transfer source is invalid", "invalid_params")
	case !whole:
		return nil, invalid("Amount is invalid", "invalid_params")
	case recipient == nil:
		return nil, no(400, "Recipient specified is invalid", "invalid_transfer_recipient", "validation_error",
			"Provide a valid recipient. Ensure you are passing the recipient code in the recipient param")
	case ref != "" && !reference.MatchString(ref):
		return nil, invalid("Transfer reference contains illegal characters", "invalid_transfer_reference")
	case s.transfer(ref) != nil:
		return nil, duplicate(400)
	case recipient.Currency != currency:
		return nil, invalid("Recipient currency does not match the currency of the transfer", "invalid_params")
	case recipient.Blocked:
		return nil, no(400, "Sorry, we can't make the transfer to this recipient at the moment", "", "", "")
	case s.balances[currency] < amount+fee:
		return nil, no(400, "Your balance is not enough to fulfil this request", "insufficient_balance", "validation_error",
			"Top up your balance and try again")
	}
	t := &Transfer{
		ID: s.id(), Reference: ref, Amount: amount, Fee: fee, Currency: currency, RecipientCode: recipient.Code,
		Reason: q.text("reason"), Status: "pending", CreatedAt: s.now(), UpdatedAt: s.now(),
	}
	t.Code = fmt.Sprintf("TRF_%015x", t.ID)
	if ref == "" {
		t.Reference = fmt.Sprintf("made-by-paystack-%x", t.ID)
	}
	t.History = []Change{{t.Status, t.CreatedAt}}
	t.script = slices.Clone(s.script)
	if own, ok := s.scripts[t.Reference]; ok {
		t.script = slices.Clone(own)
	}
	s.transfers = append(s.transfers, t)
	s.post(currency, -(amount + fee), "Transfer", t.ID, t.Reason)
	return t, reply{}
}

func (s *Server) verifyTransfer(q *Request, _ *http.Request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.transfer(q.Reference); t != nil {
		return yes("Transfer retrieved", s.verified(t))
	}
	return no(404, "Transfer not found", "", "", "")
}

func (s *Server) fetchTransfer(_ *Request, r *http.Request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	wanted := r.PathValue("code")
	t := find(s.transfers, func(t *Transfer) bool { return t.Code == wanted || strconv.FormatUint(t.ID, 10) == wanted })
	if t == nil {
		return no(404, "Transfer code specified is invalid or not found", "", "", "")
	}
	return yes("Transfer retrieved", s.verified(t))
}

// listTransfers lists the pending ones unless a status is asked for, as the
// API description says.
func (s *Server) listTransfers(q *Request, _ *http.Request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := q.param("status")
	if status == "" {
		status = "pending"
	}
	rows := []row{}
	for _, t := range s.transfers {
		if t.Status == status && q.within(t.CreatedAt) && (q.param("recipient") == "" || q.param("recipient") == t.RecipientCode) {
			rows = append(rows, row{t.ID, s.verified(t)})
		}
	}
	return paged("Transfers retrieved", q, rows, true)
}

func (s *Server) fetchBalance(*Request, *http.Request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	data := []any{}
	for _, currency := range currencies {
		if amount, ok := s.balances[currency]; ok {
			data = append(data, map[string]any{"currency": currency, "balance": amount})
		}
	}
	return yes("Balances retrieved", data)
}

func (s *Server) balanceLedger(q *Request, _ *http.Request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := []row{}
	for _, b := range s.rows {
		if q.within(b.CreatedAt) {
			rows = append(rows, row{b.ID, s.rowData(b)})
		}
	}
	return paged("Balance ledger retrieved", q, rows, false)
}
