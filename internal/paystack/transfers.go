package paystack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/lingualink/lingualink/internal/money"
)

// Status of a transfer, in Paystack's word. A word that is not listed here is
// kept as it came, and is not conclusive.
type Status string

// The statuses of a transfer (API description, transfer list; meanings from
// paystack.com/docs/transfers/how-transfers-work).
const (
	StatusPending   Status = "pending"   // queued, for as long as the bank is down
	StatusOTP       Status = "otp"       // waits for a one-time code; no event tells
	StatusReceived  Status = "received"  // waits for our approval URL
	StatusSuccess   Status = "success"   // sent to the bank; may still be reversed
	StatusFailed    Status = "failed"    // not paid
	StatusReversed  Status = "reversed"  // came back, perhaps days later
	StatusAbandoned Status = "abandoned" // the one-time code never came
	StatusBlocked   Status = "blocked"   // the approval URL was silent
	StatusRejected  Status = "rejected"  // the approval URL said no
)

// Statuses lists all that are known, which is what a sweep of all transfers
// has to ask for one by one. They are in the order of a transfer's life, so that
// one that moves on meanwhile is met again and not missed.
func Statuses() []Status {
	return []Status{
		StatusReceived, StatusOTP, StatusPending, StatusSuccess, StatusFailed,
		StatusReversed, StatusAbandoned, StatusBlocked, StatusRejected,
	}
}

// Conclusive says that Paystack does nothing more by itself, except that a
// success may become a reversal.
func (s Status) Conclusive() bool {
	switch s {
	case StatusSuccess, StatusFailed, StatusReversed, StatusAbandoned, StatusBlocked, StatusRejected:
		return true
	case StatusPending, StatusOTP, StatusReceived:
	}
	return false
}

// Known says that the status is one of the documented ones.
func (s Status) Known() bool {
	return s.Conclusive() || s == StatusPending || s == StatusOTP || s == StatusReceived
}

// Transfer is what Paystack says of one.
type Transfer struct {
	Reference     string // ours
	Code          string // Paystack's, TRF_…
	ID            uint64
	AmountMinor   int64 // without the fee
	Currency      money.Currency
	RecipientCode string // RCP_…; empty where only RecipientID is told, as to a new transfer
	RecipientID   uint64
	Status        Status
	// FeeChargedMinor is nil where no fee is told, which is not a fee of zero.
	FeeChargedMinor *int64
	SessionID       string // what the bank finds the payment by
	Domain          string // DomainTest or DomainLive
	GatewayResponse string
	CreatedAt       time.Time // zero where it is not told
}

// UnmarshalJSON reads every shape in which answers and events show a transfer.
// Without amount, currency or status it is none.
func (t *Transfer) UnmarshalJSON(raw []byte) error {
	var wire struct {
		Reference       text       `json:"reference"`
		Code            text       `json:"transfer_code"`
		ID              identifier `json:"id"`
		Amount          *integer   `json:"amount"`
		Currency        text       `json:"currency"`
		Recipient       party      `json:"recipient"`
		Status          text       `json:"status"`
		Fee             *integer   `json:"fee_charged"`
		Session         session    `json:"session"`
		Domain          text       `json:"domain"`
		GatewayResponse text       `json:"gateway_response"`
		CreatedAt       stamp      `json:"createdAt"`
		CreatedAtSnake  stamp      `json:"created_at"`
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
		return errors.New("a transfer without currency or status")
	}
	*t = Transfer{
		Reference: string(wire.Reference), Code: string(wire.Code), ID: uint64(wire.ID),
		AmountMinor: amount, Currency: currency,
		RecipientCode: wire.Recipient.Code, RecipientID: wire.Recipient.ID,
		Status: Status(wire.Status), SessionID: wire.Session.ID, Domain: string(wire.Domain),
		GatewayResponse: string(wire.GatewayResponse), CreatedAt: first(wire.CreatedAt, wire.CreatedAtSnake),
	}
	if wire.Fee != nil {
		fee, err := fromSubunits(wire.Fee, currency)
		if err != nil {
			return err
		}
		t.FeeChargedMinor = &fee
	}
	return nil
}

// TransferOrder is money to send from our balance.
type TransferOrder struct {
	Reference     string // 16 to 50 of a-z 0-9 - _, unique for ever
	AmountMinor   int64
	Currency      money.Currency
	RecipientCode string
	Reason        string // the recipient may read it
	// AccountReference is the account at a Kenyan paybill; empty otherwise.
	AccountReference string
}

var (
	transferReference = regexp.MustCompile(`^[a-z0-9_-]{16,50}$`)
	providerCode      = regexp.MustCompile(`^[A-Za-z0-9_]{4,64}$`)
)

// InitiateTransfer sends money. ErrAmbiguous means that it may have been sent:
// ask VerifyTransfer, and never use another reference. The answer is an
// observation like any other; compare its reference, amount and currency.
func (c *Client) InitiateTransfer(ctx context.Context, order TransferOrder) (Transfer, error) {
	r := call{op: "transfer.initiate", limit: limitTransfer, method: http.MethodPost, path: []string{"transfer"}}
	amount, err := toSubunits(order.AmountMinor, order.Currency)
	switch {
	case err != nil:
		return Transfer{}, invalid(r, "%v", err)
	case amount == 0:
		return Transfer{}, invalid(r, "the amount is zero")
	case order.Currency.PaystackScale() == 0:
		return Transfer{}, invalid(r, "the currency is not known")
	case !transferReference.MatchString(order.Reference):
		return Transfer{}, invalid(r, "the reference is not 16 to 50 of a-z 0-9 - _")
	case !providerCode.MatchString(order.RecipientCode):
		return Transfer{}, invalid(r, "the recipient is not a code")
	}
	r.body = struct {
		Source           string `json:"source"`
		Amount           int64  `json:"amount"`
		Currency         string `json:"currency"`
		Recipient        string `json:"recipient"`
		Reference        string `json:"reference"`
		Reason           string `json:"reason,omitempty"`
		AccountReference string `json:"account_reference,omitempty"`
	}{"balance", amount, string(order.Currency), order.RecipientCode, order.Reference, order.Reason, order.AccountReference}
	if order.AccountReference != "" {
		r.hide = []string{order.AccountReference}
	}
	var made Transfer
	if err := c.do(ctx, r, &made); err != nil {
		return Transfer{}, err
	}
	return made, nil
}

// VerifyTransfer asks for a transfer by its reference. ErrNotFound soon after
// it was sent proves nothing.
func (c *Client) VerifyTransfer(ctx context.Context, reference string) (Transfer, error) {
	r := call{op: "transfer.verify", method: http.MethodGet, path: []string{"transfer", "verify", reference}}
	if !transferReference.MatchString(reference) {
		return Transfer{}, invalid(r, "the reference is not 16 to 50 of a-z 0-9 - _")
	}
	var found Transfer
	if err := c.do(ctx, r, &found); err != nil {
		return Transfer{}, err
	}
	return found, nil
}

// FetchTransfer asks for a transfer by Paystack's id or code (TRF_…).
func (c *Client) FetchTransfer(ctx context.Context, idOrCode string) (Transfer, error) {
	r := call{op: "transfer.fetch", method: http.MethodGet, path: []string{"transfer", idOrCode}}
	// Without the check, "verify" or "export" would be another call.
	if _, err := strconv.ParseUint(idOrCode, 10, 64); err != nil && (!providerCode.MatchString(idOrCode) || idOrCode[:4] != "TRF_") {
		return Transfer{}, invalid(r, "that is neither an id nor a code")
	}
	var found Transfer
	if err := c.do(ctx, r, &found); err != nil {
		return Transfer{}, err
	}
	return found, nil
}

// ListTransfers goes through all transfers of one status that were made in
// [from, to); a zero time is no bound. The status must be given: without one
// Paystack lists the pending ones, which looks like all of them. The list ends
// at the first error. A transfer that changes its status meanwhile may be
// missed or met in two lists, so absence is proved by asking again.
func (c *Client) ListTransfers(ctx context.Context, status Status, from, to time.Time) iter.Seq2[Transfer, error] {
	r := call{op: "transfer.list", method: http.MethodGet, path: []string{"transfer"}, query: between(from, to)}
	if status == "" {
		return failed[Transfer](invalid(r, "a status must be given"))
	}
	r.query.Set("status", string(status))
	return pages(ctx, c, r, func(t Transfer) uint64 { return t.ID })
}

// between are the bounds of a list in time.
func between(from, to time.Time) url.Values {
	query := url.Values{}
	if !from.IsZero() {
		query.Set("from", from.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	if !to.IsZero() {
		query.Set("to", to.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	return query
}

func invalid(r call, format string, args ...any) *Error {
	return &Error{Op: r.op, Kind: ErrInvalid, cause: fmt.Errorf(format, args...)}
}
