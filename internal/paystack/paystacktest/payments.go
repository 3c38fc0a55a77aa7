package paystacktest

import (
	"fmt"
	"net/http"
	"regexp"
)

var paymentReference = regexp.MustCompile(`^[A-Za-z0-9.=-]+$`)

// initialize makes a payment that nobody has made yet.
func (s *Server) initialize(q *Request, _ *http.Request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	amount, whole := q.amount()
	currency, ref := q.text("currency"), q.text("reference")
	if currency == "" {
		currency = "NGN"
	}
	t := &Transaction{ID: s.id(), Reference: ref, Email: q.text("email"), Requested: amount, Amount: amount, Currency: currency}
	if ref == "" {
		t.Reference = fmt.Sprintf("p%x", t.ID)
	}
	switch {
	case t.Email == "":
		return invalid("Invalid Email Address Passed", "invalid_email_address")
	case !whole:
		return invalid("Invalid Amount Sent", "invalid_amount")
	case !paymentReference.MatchString(t.Reference):
		return invalid("Invalid characters in transaction reference", "invalid_reference")
	case s.transaction(t.Reference) != nil:
		return invalid("Duplicate Transaction Reference", "duplicate_reference")
	}
	// A payment that nobody made counts as abandoned.
	t.Status, t.CreatedAt, t.AccessCode, t.Metadata = "abandoned", s.now(), fmt.Sprintf("%015x", t.ID), ""
	if raw, ok := q.fields["metadata"]; ok {
		t.Metadata = raw
	}
	s.transactions = append(s.transactions, t)
	return yes("Authorization URL created", map[string]any{
		"authorization_url": s.URL + "/_fake/checkout/" + t.AccessCode, "access_code": t.AccessCode, "reference": t.Reference,
	})
}

func (s *Server) verifyTransaction(q *Request, _ *http.Request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.transaction(q.Reference)
	if t == nil {
		return no(400, "Transaction reference not found.", "transaction_not_found", "validation_error", "Ensure that you're passing the reference of a transaction that exists on this integration")
	}
	return yes("Verification successful", s.transactionData(t))
}

// Pay is the payer at the checkout, who pays what was asked for.
func (s *Server) Pay(reference string) error { return s.PayOther(reference, 0, "") }

// PayOther pays another amount or currency than was asked for; 0 and "" mean
// the same. The money comes in without the fee, and charge.success goes out.
func (s *Server) PayOther(reference string, amount int64, currency string) error {
	return s.locked(func() error {
		t := s.transaction(reference)
		if t == nil || t.Status == "success" {
			return fmt.Errorf("paystacktest: there is no open payment %q", reference)
		}
		if amount != 0 {
			t.Amount = amount
		}
		if currency != "" {
			t.Currency = currency
		}
		t.Status, t.PaidAt, t.Fee = "success", s.now(), s.options.PayInFee(t.Currency, t.Amount)
		s.post(t.Currency, t.Amount-t.Fee, "Transaction", t.ID, "")
		s.emit("charge.success", t.Reference, s.transactionData(t))
		return nil
	})
}

// FailPayment is a card that is declined. No event tells of it.
func (s *Server) FailPayment(reference string) error {
	return s.locked(func() error {
		t := s.transaction(reference)
		if t == nil || t.Status == "success" {
			return fmt.Errorf("paystacktest: there is no open payment %q", reference)
		}
		t.Status = "failed"
		return nil
	})
}
