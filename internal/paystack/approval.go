package paystack

import (
	"encoding/json"
	"errors"

	"github.com/lingualink/lingualink/internal/money"
)

// Approval is the transfer that Paystack asks about before it sends.
type Approval struct {
	Reference     string
	AmountMinor   int64
	Currency      money.Currency
	RecipientCode string
}

// ParseApproval reads the body of that question. Its shape is not documented
// (paystack.com/docs/transfers/managing-transfers only says that there is one),
// so a transfer is read wherever transfers are shown: bare, as data, the amount
// a number or text, the recipient an object or a code. What is missing is an
// error: nothing is approved on a guess.
func ParseApproval(body []byte) (Approval, error) {
	var outer struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &outer); err != nil {
		return Approval{}, errors.New("paystack: that is not a transfer")
	}
	if len(outer.Data) > 0 && outer.Data[0] == '{' {
		body = outer.Data
	}
	var wire struct {
		Reference     text     `json:"reference"`
		Amount        *integer `json:"amount"`
		Currency      text     `json:"currency"`
		Recipient     party    `json:"recipient"`
		RecipientCode text     `json:"recipient_code"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return Approval{}, errors.New("paystack: that is not a transfer")
	}
	currency := currencyOf(wire.Currency)
	amount, err := fromSubunits(wire.Amount, currency)
	if err != nil {
		return Approval{}, err
	}
	if wire.Recipient.Code == "" {
		wire.Recipient.Code = string(wire.RecipientCode)
	}
	asked := Approval{string(wire.Reference), amount, currency, wire.Recipient.Code}
	if asked.Reference == "" || currency == "" || asked.RecipientCode == "" {
		return Approval{}, errors.New("paystack: a transfer without reference, currency or recipient")
	}
	return asked, nil
}
