package paystacktest

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Refund is money of a payment that goes back.
type Refund struct {
	ID          uint64    `json:"id"`
	Transaction string    `json:"transaction"` // the payment's reference
	Amount      int64     `json:"amount"`
	Status      string    `json:"status"`
	Note        string    `json:"merchant_note"`
	CreatedAt   time.Time `json:"created_at"`
}

// Dispute is a payment that the payer's bank asks back.
type Dispute struct {
	ID          uint64    `json:"id"`
	Transaction string    `json:"transaction"` // the payment's reference
	Amount      int64     `json:"refund_amount"`
	Status      string    `json:"status"`
	Resolution  string    `json:"resolution"`
	CreatedAt   time.Time `json:"created_at"`
}

// createRefund makes a refund that waits for [Server.FinishRefund].
func (s *Server) createRefund(q *Request, _ *http.Request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.transaction(q.text("transaction"))
	if t == nil || t.Status != "success" {
		return no(404, "Transaction not found", "transaction_not_found", "validation_error", "Check the transaction and try again")
	}
	amount := t.Amount
	if _, sent := q.fields["amount"]; sent {
		whole := false
		if amount, whole = q.amount(); !whole {
			return invalid("Amount is invalid", "invalid_params")
		}
	}
	r, err := s.refund(t, amount, q.text("merchant_note"))
	if err != nil {
		return invalid("Refund amount cannot be more than the transaction amount", "invalid_refund_amount")
	}
	data := s.refundAnswer(r)
	data["transaction"], data["fully_deducted"] = s.transactionData(t), false
	return yes("Refund has been queued for processing", data)
}

// refund makes one; the lock is held.
func (s *Server) refund(t *Transaction, amount int64, note string) (*Refund, error) {
	if amount <= 0 || amount > t.Amount-t.Refunded {
		return nil, fmt.Errorf("paystacktest: nothing to refund on %q", t.Reference)
	}
	t.Refunded += amount
	r := &Refund{ID: s.id(), Transaction: t.Reference, Amount: amount, Status: "pending", Note: note, CreatedAt: s.now()}
	s.refunds = append(s.refunds, r)
	s.emit("refund.pending", t.Reference, s.refundData(t, "pending", amount, nil))
	return r, nil
}

// FinishRefund moves the newest refund of a payment to processed or failed, or
// from the one to the other. The money leaves with processed, which Paystack
// does not document, and comes back with failed.
func (s *Server) FinishRefund(reference, status string) error {
	return s.locked(func() error {
		for i := len(s.refunds) - 1; i >= 0; i-- {
			if r := s.refunds[i]; r.Transaction == reference {
				s.moveRefund(r, status)
				return nil
			}
		}
		return fmt.Errorf("paystacktest: there is no refund of %q", reference)
	})
}

// moveRefund is called with the lock held.
func (s *Server) moveRefund(r *Refund, status string) {
	t, before := s.transaction(r.Transaction), r.Status
	if status == before {
		return
	}
	r.Status = status
	var number any
	switch status {
	case "processed":
		s.post(t.Currency, -r.Amount, "Refund", r.ID, "")
		number = fmt.Sprint(r.ID)
	case "failed":
		t.Refunded -= r.Amount
		if before == "processed" {
			s.post(t.Currency, r.Amount, "Refund", r.ID, "")
		}
	}
	s.emit("refund."+status, t.Reference, s.refundData(t, status, r.Amount, number))
}

// Refund gives back a part of a payment at once, as from Paystack's dashboard:
// refund.pending and refund.processed.
func (s *Server) Refund(reference string, amount int64) error {
	return s.locked(func() error {
		t := s.transaction(reference)
		if t == nil || t.Status != "success" {
			return fmt.Errorf("paystacktest: nothing to refund on %q", reference)
		}
		r, err := s.refund(t, amount, "")
		if err == nil {
			s.moveRefund(r, "processed")
		}
		return err
	})
}

// refundData is the data of an event: no id, and the amount as text, as in the
// official samples.
func (s *Server) refundData(t *Transaction, status string, amount int64, refundReference any) map[string]any {
	return map[string]any{
		"status": status, "transaction_reference": t.Reference, "refund_reference": refundReference,
		"amount": fmt.Sprint(amount), "currency": t.Currency, "processor": "instant-transfer",
		"customer":    map[string]any{"first_name": "", "last_name": "", "email": t.Email},
		"integration": integration, "domain": s.told,
	}
}

// refundAnswer is the answer to fetch and list.
func (s *Server) refundAnswer(r *Refund) map[string]any {
	t := s.transaction(r.Transaction)
	return map[string]any{
		"id": r.ID, "integration": integration, "domain": s.told, "transaction": t.ID, "transaction_reference": t.Reference,
		"transaction_amount": t.Amount, "dispute": nil, "settlement": nil, "currency": t.Currency, "amount": r.Amount,
		"status": r.Status, "refunded_at": nil, "refunded_by": "admin@example.org", "customer_note": "", "merchant_note": r.Note,
		"deducted_amount": 0, "fully_deducted": 0, "channel": nil, "bank_reference": nil, "reason": "", "refund_type": "full",
		"initiated_by": "admin@example.org", "refund_channel": "migs", "session_id": nil, "collect_account_number": false,
		"expected_at": written(r.CreatedAt), "createdAt": written(r.CreatedAt), "updatedAt": written(r.CreatedAt),
		"customer": map[string]any{"id": t.ID + 1, "first_name": "", "last_name": "", "email": t.Email, "phone": nil},
	}
}

func (s *Server) fetchRefund(_ *Request, r *http.Request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := find(s.refunds, func(one *Refund) bool { return strconv.FormatUint(one.ID, 10) == r.PathValue("id") })
	if found == nil {
		return no(404, "Refund not found", "not_found", "validation_error", "")
	}
	return yes("Refund retrieved", s.refundAnswer(found))
}

func (s *Server) listRefunds(q *Request, _ *http.Request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := []row{}
	for _, r := range s.refunds {
		if q.within(r.CreatedAt) {
			rows = append(rows, row{r.ID, s.refundAnswer(r)})
		}
	}
	answer := paged("Refunds retrieved", q, rows, false)
	meta := answer.body["meta"].(map[string]any)
	meta["perPage"], meta["failedRefundCount"] = fmt.Sprint(meta["perPage"]), 0
	return answer
}

// Dispute is the payer's bank asking a payment back. The money stays until it
// is resolved.
func (s *Server) Dispute(reference string) error {
	return s.locked(func() error {
		t := s.transaction(reference)
		if t == nil || t.Status != "success" {
			return fmt.Errorf("paystacktest: there is no payment %q", reference)
		}
		d := &Dispute{ID: s.id(), Transaction: reference, Amount: t.Amount, Status: "awaiting-merchant-feedback", CreatedAt: s.now()}
		s.disputes = append(s.disputes, d)
		s.emit("charge.dispute.create", reference, s.disputeData(d))
		return nil
	})
}

// ResolveDispute ends the newest dispute of a payment: declined for us, anything
// else against us, and the money leaves.
func (s *Server) ResolveDispute(reference, resolution string) error {
	return s.locked(func() error {
		for i := len(s.disputes) - 1; i >= 0; i-- {
			d := s.disputes[i]
			if d.Transaction != reference || d.Status == "resolved" {
				continue
			}
			d.Status, d.Resolution = "resolved", resolution
			if resolution != "declined" {
				s.post(s.transaction(reference).Currency, -d.Amount, "Refund", d.ID, "Dispute")
			}
			s.emit("charge.dispute.resolve", reference, s.disputeData(d))
			return nil
		}
		return fmt.Errorf("paystacktest: there is no open dispute of %q", reference)
	})
}

func (s *Server) disputeData(d *Dispute) map[string]any {
	t := s.transaction(d.Transaction)
	var resolution any
	if d.Resolution != "" {
		resolution = d.Resolution
	}
	return map[string]any{
		"id": d.ID, "refund_amount": d.Amount, "currency": t.Currency, "status": d.Status,
		"resolution": resolution, "domain": s.told, "transaction": s.transactionData(t), "transaction_reference": nil,
		"category": "chargeback", "customer": map[string]any{"id": t.ID + 1, "email": t.Email}, "bin": "408408", "last4": "4081",
		"dueAt": nil, "resolvedAt": nil, "evidence": nil, "attachments": "", "note": nil, "history": []any{}, "messages": []any{},
		"created_by": "bank", "organization": integration, "integration": integration, "evidence_upload": nil, "merchant_transaction_reference": nil,
		"source": nil, "created_at": written(d.CreatedAt), "updated_at": written(d.CreatedAt),
		"createdAt": written(d.CreatedAt), "updatedAt": written(d.CreatedAt),
	}
}

func (s *Server) fetchDispute(_ *Request, r *http.Request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := find(s.disputes, func(one *Dispute) bool { return strconv.FormatUint(one.ID, 10) == r.PathValue("id") })
	if found == nil {
		return no(404, "Dispute not found", "not_found", "validation_error", "")
	}
	return yes("Dispute retrieved", s.disputeData(found))
}

// charge takes a payment without a page: an authorization pays at once, a wallet
// waits for the payer's phone, which is [Server.Pay].
func (s *Server) charge(q *Request, r *http.Request) reply {
	if made := s.initialize(q, r); made.status != 200 {
		return made
	}
	reference := q.text("reference")
	if q.text("authorization_code") != "" {
		if err := s.Pay(reference); err != nil {
			return invalid(err.Error(), "")
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.transaction(reference)
	data := s.transactionData(t)
	if t.Status != "success" {
		t.Status = "pending"
		data["status"], data["display_text"] = "pay_offline", "Please complete the authorisation on your phone"
	}
	return yes("Charge attempted", data)
}
