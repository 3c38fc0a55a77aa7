package paystack

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/lingualink/lingualink/internal/money"
)

// ChargeOrder is a payment that is taken without Paystack's page, from a mobile
// wallet or with an authorization of an earlier payment. Exactly one is given.
type ChargeOrder struct {
	Reference   string
	AmountMinor int64
	Currency    money.Currency
	Email       string

	AuthorizationCode string // AUTH_…
	Phone, Provider   string // of the wallet; the provider is mtn, atl, vod or mpesa
}

// The statuses of a charge besides those of a payment: what the payer has to do
// next (paystack.com/docs/payments/payment-channels). Nothing was paid in any of
// them.
const (
	ChargeSendPIN      = "send_pin"
	ChargeSendOTP      = "send_otp"
	ChargeSendPhone    = "send_phone"
	ChargeSendBirthday = "send_birthday"
	ChargeSendAddress  = "send_address"
	ChargeOpenURL      = "open_url"
	ChargePayOffline   = "pay_offline" // on the phone
	ChargePending      = "pending"
	ChargeFailed       = "failed"
)

// ChargeAnswer is where a charge stands. Only [Client.VerifyTransaction] says
// that it was paid.
type ChargeAnswer struct {
	Reference string
	Status    string // TransactionSuccess or one of the above, or a word that is new
	Text      string // what to tell the payer, if anything
}

// Charge asks for a payment. ErrAmbiguous means that it may have been made: ask
// VerifyTransaction by the reference.
func (c *Client) Charge(ctx context.Context, order ChargeOrder) (ChargeAnswer, error) {
	r := call{op: "charge.create", method: http.MethodPost, path: []string{"charge"}, hide: []string{order.AuthorizationCode, order.Phone}}
	amount, err := toSubunits(order.AmountMinor, order.Currency)
	switch {
	case err != nil:
		return ChargeAnswer{}, invalid(r, "%v", err)
	case amount == 0 || order.Currency.PaystackScale() == 0:
		return ChargeAnswer{}, invalid(r, "the amount is zero or the currency is not known")
	case !paymentReference.MatchString(order.Reference):
		return ChargeAnswer{}, invalid(r, "the reference is not of a-z A-Z 0-9 - . =")
	case !strings.Contains(order.Email, "@"):
		return ChargeAnswer{}, invalid(r, "an e-mail address is needed")
	case (order.AuthorizationCode == "") == (order.Phone == "" || order.Provider == ""):
		return ChargeAnswer{}, invalid(r, "either an authorization or a wallet is needed")
	}
	type wallet struct {
		Phone    string `json:"phone"`
		Provider string `json:"provider"`
	}
	body := struct {
		Email         string  `json:"email"`
		Amount        int64   `json:"amount"`
		Currency      string  `json:"currency"`
		Reference     string  `json:"reference"`
		Authorization string  `json:"authorization_code,omitempty"`
		MobileMoney   *wallet `json:"mobile_money,omitempty"`
	}{Email: order.Email, Amount: amount, Currency: string(order.Currency), Reference: order.Reference, Authorization: order.AuthorizationCode}
	if order.Phone != "" {
		body.MobileMoney = &wallet{order.Phone, order.Provider}
	}
	r.body = body
	got, err := c.send(ctx, r)
	if err != nil {
		return ChargeAnswer{}, err
	}
	var wire struct {
		Reference text `json:"reference"`
		Status    text `json:"status"`
		Display   text `json:"display_text"`
		Message   text `json:"message"`
	}
	if err := json.Unmarshal(got.Data, &wire); err != nil {
		return ChargeAnswer{}, c.unusable(r, 0, err)
	}
	if wire.Status == "" || string(wire.Reference) != order.Reference {
		return ChargeAnswer{}, c.unusable(r, 0, errors.New("the answer is about another charge, or has no status"))
	}
	if wire.Display == "" {
		wire.Display = wire.Message
	}
	return ChargeAnswer{Reference: string(wire.Reference), Status: string(wire.Status), Text: c.scrub(string(wire.Display), r.hide...)}, nil
}
