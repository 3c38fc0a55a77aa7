package paystack

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/lingualink/lingualink/internal/money"
)

// TransactionSuccess is the one status of a payment in which money came in.
// Any other (abandoned, failed, ongoing, pending, processing, queued,
// reversed) is kept as it came.
const TransactionSuccess = "success"

// Transaction is a payment to us.
type Transaction struct {
	Reference   string // ours
	ID          uint64
	AmountMinor int64 // what was paid
	// RequestedMinor is nil where it is not told.
	RequestedMinor *int64
	Currency       money.Currency
	Status         string
	// FeesMinor is what Paystack kept of it; nil where it is not told.
	FeesMinor       *int64
	Domain          string
	Channel         string
	CustomerEmail   string
	GatewayResponse string
	PaidAt          time.Time // zero where it is not told
	CreatedAt       time.Time
	// Metadata is what was sent along: 0, "", text or an object, never a proof.
	Metadata json.RawMessage
}

// UnmarshalJSON reads the answer to a verification and the data of
// charge.success. Without amount, currency, reference or status it is none.
func (t *Transaction) UnmarshalJSON(raw []byte) error {
	var wire struct {
		Reference       text            `json:"reference"`
		ID              identifier      `json:"id"`
		Amount          *integer        `json:"amount"`
		Requested       *integer        `json:"requested_amount"`
		Currency        text            `json:"currency"`
		Status          text            `json:"status"`
		Fees            *integer        `json:"fees"`
		Domain          text            `json:"domain"`
		Channel         text            `json:"channel"`
		Customer        customer        `json:"customer"`
		GatewayResponse text            `json:"gateway_response"`
		PaidAt          stamp           `json:"paidAt"`
		PaidAtSnake     stamp           `json:"paid_at"`
		CreatedAt       stamp           `json:"createdAt"`
		CreatedAtSnake  stamp           `json:"created_at"`
		Metadata        json.RawMessage `json:"metadata"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		return err
	}
	currency := currencyOf(wire.Currency)
	amount, err := fromSubunits(wire.Amount, currency)
	switch {
	case err != nil:
		return err
	case amount < 0:
		return errors.New("the amount is negative")
	case currency == "" || wire.Status == "" || wire.Reference == "":
		return errors.New("a payment without currency, status or reference")
	}
	*t = Transaction{
		Reference: string(wire.Reference), ID: uint64(wire.ID), AmountMinor: amount, Currency: currency,
		Status: string(wire.Status), Domain: string(wire.Domain), Channel: string(wire.Channel),
		CustomerEmail: wire.Customer.Email, GatewayResponse: string(wire.GatewayResponse),
		PaidAt: first(wire.PaidAt, wire.PaidAtSnake), CreatedAt: first(wire.CreatedAt, wire.CreatedAtSnake),
		Metadata: wire.Metadata,
	}
	for _, optional := range []struct {
		from *integer
		to   **int64
	}{{wire.Requested, &t.RequestedMinor}, {wire.Fees, &t.FeesMinor}} {
		if optional.from != nil {
			minor, err := fromSubunits(optional.from, currency)
			if err != nil {
				return err
			}
			*optional.to = &minor
		}
	}
	return nil
}

// customer is an object, or null or an id where little is told.
type customer struct{ Email string }

func (c *customer) UnmarshalJSON(raw []byte) error {
	*c = customer{}
	if raw[0] != '{' {
		return nil
	}
	var object struct {
		Email text `json:"email"`
	}
	if err := json.Unmarshal(raw, &object); err != nil {
		return err
	}
	c.Email = string(object.Email)
	return nil
}

// PaymentOrder is a payment that somebody is asked for.
type PaymentOrder struct {
	Reference   string // of a-z A-Z 0-9 - . =, unique for ever
	AmountMinor int64
	Currency    money.Currency
	Email       string // whom the receipt goes to
	CallbackURL string // where the payer comes back to; says nothing of success
	Channels    []string
	Metadata    map[string]string
}

// Checkout is where the payer goes.
type Checkout struct {
	AuthorizationURL string
	AccessCode       string
	Reference        string
}

var paymentReference = regexp.MustCompile(`^[A-Za-z0-9.=-]{1,100}$`)

// InitializeTransaction starts a payment. No money moves by it.
func (c *Client) InitializeTransaction(ctx context.Context, order PaymentOrder) (Checkout, error) {
	r := call{op: "transaction.initialize", limit: limitInitialize, method: http.MethodPost, path: []string{"transaction", "initialize"}}
	amount, err := toSubunits(order.AmountMinor, order.Currency)
	switch {
	case err != nil:
		return Checkout{}, invalid(r, "%v", err)
	case amount == 0 || order.Currency.PaystackScale() == 0:
		return Checkout{}, invalid(r, "the amount is zero or the currency is not known")
	case !paymentReference.MatchString(order.Reference):
		return Checkout{}, invalid(r, "the reference is not of a-z A-Z 0-9 - . =")
	case !strings.Contains(order.Email, "@"):
		return Checkout{}, invalid(r, "an e-mail address is needed")
	}
	r.body = struct {
		Email       string            `json:"email"`
		Amount      int64             `json:"amount"`
		Currency    string            `json:"currency"`
		Reference   string            `json:"reference"`
		CallbackURL string            `json:"callback_url,omitempty"`
		Channels    []string          `json:"channels,omitempty"`
		Metadata    map[string]string `json:"metadata,omitempty"`
	}{order.Email, amount, string(order.Currency), order.Reference, order.CallbackURL, order.Channels, order.Metadata}
	var wire struct {
		URL        text `json:"authorization_url"`
		AccessCode text `json:"access_code"`
		Reference  text `json:"reference"`
	}
	if err := c.do(ctx, r, &wire); err != nil {
		return Checkout{}, err
	}
	if wire.URL == "" || string(wire.Reference) != order.Reference {
		return Checkout{}, c.unusable(r, 0, errors.New("the answer is about another payment, or leads nowhere"))
	}
	return Checkout{string(wire.URL), string(wire.AccessCode), string(wire.Reference)}, nil
}

// VerifyTransaction asks for a payment by its reference. Compare amount,
// currency and domain with the order; believe nothing of the metadata.
func (c *Client) VerifyTransaction(ctx context.Context, reference string) (Transaction, error) {
	r := call{op: "transaction.verify", limit: limitVerify, method: http.MethodGet, path: []string{"transaction", "verify", reference}}
	if !paymentReference.MatchString(reference) {
		return Transaction{}, invalid(r, "the reference is not of a-z A-Z 0-9 - . =")
	}
	var found Transaction
	if err := c.do(ctx, r, &found); err != nil {
		return Transaction{}, err
	}
	return found, nil
}
