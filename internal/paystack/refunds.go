package paystack

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/lingualink/lingualink/internal/money"
)

// The statuses of a refund (paystack.com/docs/payments/refunds). Any other word
// is kept as it came.
const (
	RefundPending        = "pending"
	RefundProcessing     = "processing"
	RefundProcessed      = "processed" // the money left
	RefundFailed         = "failed"    // and is in our balance again
	RefundNeedsAttention = "needs-attention"
)

// Refund is what Paystack says of one. Events have no id and name the payment by
// its reference; answers have an id, and most name the payment by its id, too.
type Refund struct {
	ID                   uint64
	Status               string
	TransactionID        uint64
	TransactionReference string // of the payment
	RefundReference      string // empty until there is one
	AmountMinor          int64
	Currency             money.Currency
	Domain               string
	CreatedAt            time.Time // zero where it is not told
}

// UnmarshalJSON reads every shape in which answers and events show a refund: the
// amount is text in some and a number in others, the payment an object, its id
// or its reference.
func (r *Refund) UnmarshalJSON(raw []byte) error {
	var wire struct {
		ID                   identifier `json:"id"`
		Status               text       `json:"status"`
		Transaction          payment    `json:"transaction"`
		TransactionReference text       `json:"transaction_reference"`
		RefundReference      text       `json:"refund_reference"`
		Amount               *integer   `json:"amount"`
		Currency             text       `json:"currency"`
		Domain               text       `json:"domain"`
		CreatedAt            stamp      `json:"createdAt"`
		CreatedAtSnake       stamp      `json:"created_at"`
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
	case currency == "" || wire.Status == "":
		return errors.New("a refund without currency or status")
	}
	if wire.TransactionReference == "" {
		wire.TransactionReference = text(wire.Transaction.Reference)
	}
	*r = Refund{
		ID: uint64(wire.ID), Status: string(wire.Status),
		TransactionID: wire.Transaction.ID, TransactionReference: string(wire.TransactionReference),
		RefundReference: string(wire.RefundReference), AmountMinor: amount, Currency: currency, Domain: string(wire.Domain),
		CreatedAt: first(wire.CreatedAt, wire.CreatedAtSnake),
	}
	return nil
}

// payment is the payment of a refund: an object in the answer to a new one, its
// id elsewhere, and missing in events.
type payment struct {
	ID        uint64
	Reference string
}

func (p *payment) UnmarshalJSON(raw []byte) error {
	*p = payment{}
	var object struct {
		ID        identifier `json:"id"`
		Reference text       `json:"reference"`
	}
	switch {
	case isNull(raw):
		return nil
	case raw[0] == '{':
		if err := json.Unmarshal(raw, &object); err != nil {
			return err
		}
	default:
		if err := json.Unmarshal(raw, &object.ID); err != nil {
			return err
		}
	}
	*p = payment{uint64(object.ID), string(object.Reference)}
	return nil
}

// RefundOrder is money of a payment to give back.
type RefundOrder struct {
	Transaction string // the payment's reference
	AmountMinor int64
	Currency    money.Currency
	Note        string // for our own people at Paystack
}

// CreateRefund gives a payment back. Paystack has no key by which a refund could
// be repeated: after ErrAmbiguous only [Client.ListRefunds] tells whether there is
// one. It refuses more than was paid.
func (c *Client) CreateRefund(ctx context.Context, order RefundOrder) (Refund, error) {
	r := call{op: "refund.create", method: http.MethodPost, path: []string{"refund"}}
	amount, err := toSubunits(order.AmountMinor, order.Currency)
	switch {
	case err != nil:
		return Refund{}, invalid(r, "%v", err)
	case amount == 0 || order.Currency.PaystackScale() == 0:
		return Refund{}, invalid(r, "the amount is zero or the currency is not known")
	case !paymentReference.MatchString(order.Transaction):
		return Refund{}, invalid(r, "the reference is not of a-z A-Z 0-9 - . =")
	}
	r.body = struct {
		Transaction  string `json:"transaction"`
		Amount       int64  `json:"amount"`
		Currency     string `json:"currency"`
		MerchantNote string `json:"merchant_note,omitempty"`
	}{order.Transaction, amount, string(order.Currency), order.Note}
	var made Refund
	if err := c.do(ctx, r, &made); err != nil {
		return Refund{}, err
	}
	if made.ID == 0 || made.TransactionReference != "" && made.TransactionReference != order.Transaction {
		return Refund{}, c.unusable(r, 0, errors.New("the answer has no id, or is about another payment"))
	}
	return made, nil
}

// FetchRefund asks for a refund by Paystack's id.
func (c *Client) FetchRefund(ctx context.Context, id uint64) (Refund, error) {
	r := call{op: "refund.fetch", method: http.MethodGet, path: []string{"refund", strconv.FormatUint(id, 10)}}
	var found Refund
	if err := c.do(ctx, r, &found); err != nil {
		return Refund{}, err
	}
	if found.ID != id {
		return Refund{}, c.unusable(r, 0, errors.New("the answer is about another refund"))
	}
	return found, nil
}

// ListRefunds goes through the refunds that were made in [from, to), of every
// payment and status; a zero time is no bound. It ends at the first error.
func (c *Client) ListRefunds(ctx context.Context, from, to time.Time) iter.Seq2[Refund, error] {
	r := call{op: "refund.list", method: http.MethodGet, path: []string{"refund"}, query: between(from, to)}
	return pages(ctx, c, r, func(r Refund) uint64 { return r.ID })
}

// The end of a dispute (API description, resolve dispute; auto-accepted from the
// samples of its events).
const (
	DisputeResolved = "resolved"
	DisputeDeclined = "declined" // for us; any other resolution is against us
)

// FetchDispute asks for a dispute by Paystack's id.
func (c *Client) FetchDispute(ctx context.Context, id uint64) (Dispute, error) {
	r := call{op: "dispute.fetch", method: http.MethodGet, path: []string{"dispute", strconv.FormatUint(id, 10)}}
	var found Dispute
	if err := c.do(ctx, r, &found); err != nil {
		return Dispute{}, err
	}
	if found.ID != id || found.Status == "" {
		return Dispute{}, c.unusable(r, 0, errors.New("the answer is about another dispute, or has no status"))
	}
	return found, nil
}
