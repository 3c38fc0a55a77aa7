package paystacktest

import (
	"fmt"
	"net/http"
	"strings"
)

func (s *Server) listBanks(q *Request, _ *http.Request) reply {
	rows := []row{}
	for i, b := range banks {
		fits := (q.param("country") == "" || strings.EqualFold(b.country, q.param("country"))) &&
			(q.param("currency") == "" || b.currency == q.param("currency")) &&
			(q.param("type") == "" || b.kind == q.param("type"))
		if fits {
			rows = append(rows, row{uint64(i + 1), bankData(b, i+1)})
		}
	}
	return paged("Banks retrieved", q, rows, true)
}

func (s *Server) resolve(q *Request, _ *http.Request) reply {
	code, number := q.param("bank_code"), q.param("account_number")
	for i, b := range banks {
		if b.code != code {
			continue
		}
		name, ok := s.options.Resolve(code, number)
		if !ok {
			break
		}
		return yes("Account number resolved", map[string]any{"account_number": number, "account_name": name, "bank_id": i + 1})
	}
	if bankName(code) == "" {
		return no(400, "Unknown bank code: "+code, "invalid_bank_code", "validation_error", "Use the code of a listed bank")
	}
	return no(422, "Could not resolve account name. Check parameters or try again.", "invalid_account_number", "validation_error", "")
}

// createRecipient returns the recipient that exists for an account.
func (s *Server) createRecipient(q *Request, _ *http.Request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind, name, number, code, currency := q.text("type"), q.text("name"), q.text("account_number"), q.text("bank_code"), q.text("currency")
	if currency == "" {
		currency = "NGN"
	}
	switch {
	case kind == "" || name == "":
		return invalid("type and name are required", "missing_params")
	case number == "":
		return invalid("Account number is required", "missing_params")
	case bankName(code) == "":
		return no(400, "Bank code is invalid", "invalid_bank_code", "validation_error", "Use the code of a listed bank")
	}
	r := find(s.recipients, func(r *Recipient) bool {
		return r.AccountNumber == number && r.BankCode == code && r.Currency == currency
	})
	if r == nil {
		owner, ok := s.options.Resolve(code, number)
		if !ok && kind == "nuban" {
			return no(400, "Cannot resolve account: the account number is not known to the bank", "invalid_account_number", "validation_error", "")
		}
		r = &Recipient{
			ID: s.id(), Type: kind, Name: name, AccountNumber: number, AccountName: owner,
			BankCode: code, Currency: currency, CreatedAt: s.now(),
		}
		r.Code = fmt.Sprintf("RCP_%015x", r.ID)
		s.recipients = append(s.recipients, r)
	}
	answer := yes("Transfer recipient created successfully", s.recipientData(r))
	answer.status = 201
	return answer
}
