package paystacktest

import (
	"fmt"
	"time"
)

const integration = 100_043

// reply is an answer before it is written.
type reply struct {
	status int
	body   map[string]any
}

func yes(message string, data any) reply {
	return reply{200, map[string]any{"status": true, "message": message, "data": data}}
}

// no is an error in the documented form; the parts that are empty are left out,
// as Paystack does.
func no(status int, message, code, kind, nextStep string) reply {
	body := map[string]any{"status": false, "message": message}
	if nextStep != "" {
		body["meta"] = map[string]any{"nextStep": nextStep}
	}
	if kind != "" {
		body["type"] = kind
	}
	if code != "" {
		body["code"] = code
	}
	return reply{status, body}
}

func invalid(message, code string) reply {
	return no(400, message, code, "validation_error", "Check the parameters and try again")
}

// duplicate is the refusal of a reference that is in use. Its hint is a trap:
// a new reference pays twice.
func duplicate(status int) reply {
	return no(status, "Please provide a unique reference. Reference already exists on a transfer",
		"duplicate_transfer_reference", "validation_error", "Create a new reference for the new transfer")
}

func written(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// base are the fields that a transfer has everywhere. They are what a
// business asked for and what became of it.
func (s *Server) base(t *Transfer) map[string]any {
	return map[string]any{
		"amount": t.Amount, "currency": t.Currency, "domain": s.told, "failures": nil, "id": t.ID,
		"integration": integration, "reason": t.Reason, "reference": t.Reference, "source": "balance",
		"source_details": nil, "status": t.Status, "titan_code": nil, "transfer_code": t.Code,
		"transferred_at": nil,
	}
}

// initiated is the answer to a new transfer: the recipient is its id.
func (s *Server) initiated(t *Transfer) map[string]any {
	data := s.base(t)
	data["recipient"] = s.recipient(t.RecipientCode).ID
	data["request"] = t.ID + 1_000_000
	data["transfersessionid"], data["transfertrials"] = []any{}, []any{}
	data["createdAt"], data["updatedAt"] = written(t.CreatedAt), written(t.UpdatedAt)
	return data
}

// verified is the answer to verify, fetch and list.
func (s *Server) verified(t *Transfer) map[string]any {
	data := s.base(t)
	data["recipient"] = s.recipientData(s.recipient(t.RecipientCode))
	data["request"] = t.ID + 1_000_000
	data["session"] = sessionData(t)
	data["fee_charged"], data["fees_breakdown"] = t.feeCharged(), nil
	data["gateway_response"] = nil
	data["createdAt"], data["updatedAt"] = written(t.CreatedAt), written(t.UpdatedAt)
	return data
}

// feeCharged is the fee while it is not given back.
func (t *Transfer) feeCharged() int64 {
	if t.returned == t.Amount+t.Fee {
		return 0
	}
	return t.Fee
}

func sessionData(t *Transfer) map[string]any {
	if t.SessionID == "" {
		return map[string]any{"provider": nil, "id": nil}
	}
	return map[string]any{"provider": "nip", "id": t.SessionID}
}

// transferEvent is the data of an event. As in the official samples, a success
// has createdAt and the fee, a failure and a reversal created_at and no fee,
// and the integration is an object in all three.
func (s *Server) transferEvent(t *Transfer) map[string]any {
	data := s.base(t)
	data["integration"] = map[string]any{"id": integration, "is_live": s.domain == "live", "business_name": "Lingualink"}
	data["session"] = sessionData(t)
	recipient := s.recipientData(s.recipient(t.RecipientCode))
	if t.Status == "success" {
		data["createdAt"], data["updatedAt"] = written(t.CreatedAt), written(t.UpdatedAt)
		data["fee_charged"], data["gateway_response"] = t.Fee, nil
	} else {
		data["created_at"], data["updated_at"] = written(t.CreatedAt), written(t.UpdatedAt)
		recipient["created_at"], recipient["updated_at"] = recipient["createdAt"], recipient["updatedAt"]
		delete(recipient, "createdAt")
		delete(recipient, "updatedAt")
	}
	data["recipient"] = recipient
	return data
}

func (s *Server) recipientData(r *Recipient) map[string]any {
	return map[string]any{
		"active": true, "createdAt": written(r.CreatedAt), "updatedAt": written(r.CreatedAt), "currency": r.Currency,
		"description": "", "domain": s.told, "email": nil, "id": r.ID, "integration": integration, "metadata": nil,
		"name": r.Name, "recipient_code": r.Code, "type": r.Type, "is_deleted": false, "isDeleted": false,
		"details": map[string]any{
			"authorization_code": nil, "account_number": r.AccountNumber, "account_name": r.AccountName,
			"bank_code": r.BankCode, "bank_name": bankName(r.BankCode),
		},
	}
}

// transactionData is the answer to verify, and the data of charge.success.
func (s *Server) transactionData(t *Transaction) map[string]any {
	data := map[string]any{
		"id": t.ID, "domain": s.told, "status": t.Status, "reference": t.Reference, "receipt_number": nil,
		"amount": t.Amount, "message": nil, "gateway_response": "The transaction was not completed",
		"paid_at": written(t.PaidAt), "paidAt": written(t.PaidAt), "created_at": written(t.CreatedAt),
		"createdAt": written(t.CreatedAt), "transaction_date": written(t.CreatedAt), "channel": "card",
		"currency": t.Currency, "ip_address": "127.0.0.1", "metadata": t.Metadata, "log": nil, "fees": nil,
		"fees_split": nil, "authorization": map[string]any{}, "plan": nil, "split": map[string]any{}, "order_id": nil,
		"requested_amount": t.Requested, "pos_transaction_data": nil, "source": nil, "fees_breakdown": nil,
		"connect": nil, "plan_object": map[string]any{}, "subaccount": map[string]any{},
		"customer": map[string]any{
			"id": t.ID + 1, "first_name": nil, "last_name": nil, "email": t.Email, "phone": nil, "metadata": nil,
			"customer_code": fmt.Sprintf("CUS_%x", t.ID), "risk_action": "default", "international_format_phone": nil,
		},
	}
	if t.Status == "success" {
		data["fees"], data["gateway_response"] = t.Fee, "Successful"
		data["authorization"] = map[string]any{
			"authorization_code": fmt.Sprintf("AUTH_%x", t.ID), "bin": "408408", "last4": "4081", "exp_month": "12",
			"exp_year": "2030", "channel": "card", "card_type": "visa ", "bank": "TEST BANK", "country_code": "NG",
			"brand": "visa", "reusable": true, "signature": fmt.Sprintf("SIG_%x", t.ID), "account_name": nil,
		}
	}
	return data
}

func (s *Server) rowData(b BalanceRow) map[string]any {
	return map[string]any{
		"integration": integration, "domain": s.told, "balance": b.Balance, "currency": b.Currency,
		"difference": b.Difference, "reason": b.Reason, "model_responsible": b.Model, "model_row": b.ModelRow,
		"id": b.ID, "createdAt": written(b.CreatedAt), "updatedAt": written(b.CreatedAt),
	}
}

// bank is one of a few that exist.
type bank struct{ name, slug, code, country, currency, kind string }

var banks = []bank{
	{"Access Bank", "access-bank", "044", "Nigeria", "NGN", "nuban"},
	{"First Bank of Nigeria", "first-bank-of-nigeria", "011", "Nigeria", "NGN", "nuban"},
	{"Guaranty Trust Bank", "guaranty-trust-bank", "058", "Nigeria", "NGN", "nuban"},
	{"United Bank For Africa", "united-bank-for-africa", "033", "Nigeria", "NGN", "nuban"},
	{"Zenith Bank", "zenith-bank", "057", "Nigeria", "NGN", "nuban"},
	{"Absa Bank Ghana Ltd", "absa-bank-ghana-ltd", "030100", "Ghana", "GHS", "ghipss"},
	{"MTN", "mtn-mobile-money", "MTN", "Ghana", "GHS", "mobile_money"},
	{"M-PESA", "m-pesa", "MPESA", "Kenya", "KES", "mobile_money"},
	{"Equity Bank", "equity-bank", "68", "Kenya", "KES", "kepss"},
	{"Capitec Bank Limited", "capitec-bank", "470010", "South Africa", "ZAR", "basa"},
}

func bankName(code string) string {
	for _, b := range banks {
		if b.code == code {
			return b.name
		}
	}
	return ""
}

func bankData(b bank, id int) map[string]any {
	at := "2020-01-06T10:00:00.000Z"
	return map[string]any{
		"name": b.name, "slug": b.slug, "code": b.code, "longcode": "", "gateway": nil, "pay_with_bank": false,
		"supports_transfer": true, "available_for_direct_debit": false, "active": true, "is_deleted": false,
		"country": b.country, "currency": b.currency, "type": b.kind, "id": id, "createdAt": at, "updatedAt": at,
	}
}
