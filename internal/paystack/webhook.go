package paystack

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/lingualink/lingualink/internal/money"
)

// SignatureHeader carries the signature of an event.
const SignatureHeader = "X-Paystack-Signature"

// MaxEvent is the longest event that is read; real ones have 1 to 4 KB.
const MaxEvent = 256 << 10

// Signatures checks that events come from whoever holds the secret key:
// Paystack signs with it, there is no other secret.
type Signatures struct {
	// A function, as in Client, so that no key is printed.
	valid func(body []byte, mac []byte) bool
}

// NewSignatures takes the current key and those before it that are still
// accepted: Paystack repeats an event for 72 hours, signed as it was. Empty
// keys are left out; without any key nothing is valid.
func NewSignatures(keys ...string) Signatures {
	return Signatures{valid: func(body, mac []byte) bool {
		valid := false
		for _, key := range keys {
			if key == "" {
				continue
			}
			expected := hmac.New(sha512.New, []byte(key))
			expected.Write(body)
			// Every key is tried, so that the time does not tell which one fits.
			valid = hmac.Equal(expected.Sum(nil), mac) || valid
		}
		return valid
	}}
}

// Valid says whether the signature is the lowercase hexadecimal HMAC-SHA512 of
// the body as it was received. An event that was decoded and encoded again has
// another one, whatever the official samples do.
func (s Signatures) Valid(body []byte, signature string) bool {
	if s.valid == nil || len(signature) != 2*sha512.Size || strings.ToLower(signature) != signature {
		return false
	}
	mac, err := hex.DecodeString(signature)
	return err == nil && s.valid(body, mac)
}

// Event is a webhook event: a hint that something may have happened. It has no
// id, no time and no order. The part that belongs to its name is set; events
// that are of no use here have none.
type Event struct {
	Name      string // as in "transfer.success"
	Domain    string // DomainTest, DomainLive, or empty where it is not told
	Reference string // what it is about, empty where it is not told
	DataID    uint64 // Paystack's id of that; 0 for refunds

	Transfer    *Transfer    // transfer.*
	Transaction *Transaction // charge.success
	Refund      *Refund      // refund.*
	Dispute     *Dispute     // charge.dispute.*
}

// Dispute is a payment that the payer's bank asks back.
type Dispute struct {
	ID                   uint64
	Status               string
	Resolution           string
	TransactionReference string
	RefundMinor          *int64
	Currency             money.Currency
	Domain               string
}

// ParseEvent reads a signed body. With an error the event still has the name
// and whatever else was read, so that it can be stored and looked at.
func ParseEvent(body []byte) (Event, error) {
	if len(body) > MaxEvent {
		return Event{}, fmt.Errorf("paystack: the event is longer than %d bytes", MaxEvent)
	}
	var wire struct {
		Event text            `json:"event"`
		Data  json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &wire); err != nil || wire.Event == "" {
		return Event{}, errors.New("paystack: that is not an event")
	}
	event := Event{Name: string(wire.Event)}
	err := event.read(wire.Data)
	if err != nil {
		err = fmt.Errorf("paystack: %s: %w", shorten(event.Name), err)
	}
	return event, err
}

// read takes the data over according to the name.
func (e *Event) read(data json.RawMessage) error {
	if len(data) == 0 {
		return errors.New("there is no data")
	}
	switch {
	case strings.HasPrefix(e.Name, "transfer."):
		var t Transfer
		if err := json.Unmarshal(data, &t); err != nil {
			return err
		}
		e.Transfer, e.Domain, e.Reference, e.DataID = &t, t.Domain, t.Reference, t.ID
	case e.Name == "charge.success":
		var t Transaction
		if err := json.Unmarshal(data, &t); err != nil {
			return err
		}
		e.Transaction, e.Domain, e.Reference, e.DataID = &t, t.Domain, t.Reference, t.ID
	case strings.HasPrefix(e.Name, "refund."):
		var r Refund
		if err := json.Unmarshal(data, &r); err != nil {
			return err
		}
		e.Refund, e.Domain, e.Reference = &r, r.Domain, r.TransactionReference
	case strings.HasPrefix(e.Name, "charge.dispute."):
		var d Dispute
		if err := json.Unmarshal(data, &d); err != nil {
			return err
		}
		e.Dispute, e.Domain, e.Reference, e.DataID = &d, d.Domain, d.TransactionReference, d.ID
	default:
		var common struct {
			Domain    text `json:"domain"`
			Reference text `json:"reference"`
		}
		// Data of another shape is of no interest here.
		_ = json.Unmarshal(data, &common)
		e.Domain, e.Reference = string(common.Domain), string(common.Reference)
	}
	return nil
}

// UnmarshalJSON reads a dispute.
func (d *Dispute) UnmarshalJSON(raw []byte) error {
	var wire struct {
		ID          identifier `json:"id"`
		Status      text       `json:"status"`
		Resolution  text       `json:"resolution"`
		Refund      *integer   `json:"refund_amount"`
		Currency    text       `json:"currency"`
		Domain      text       `json:"domain"`
		Transaction struct {
			Reference text `json:"reference"`
			Currency  text `json:"currency"`
		} `json:"transaction"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		return err
	}
	*d = Dispute{
		ID: uint64(wire.ID), Status: string(wire.Status), Resolution: string(wire.Resolution),
		TransactionReference: string(wire.Transaction.Reference), Currency: currencyOf(wire.Currency), Domain: string(wire.Domain),
	}
	if d.Currency == "" {
		d.Currency = currencyOf(wire.Transaction.Currency)
	}
	if wire.Refund != nil {
		minor, err := fromSubunits(wire.Refund, d.Currency)
		if err != nil {
			return err
		}
		d.RefundMinor = &minor
	}
	return nil
}
