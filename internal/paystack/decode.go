package paystack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lingualink/lingualink/internal/money"
)

// Paystack writes one field in several shapes: a refund's amount as a number or
// as text, a time as createdAt or created_at, a recipient as a number, a code
// or an object. The types here accept the shapes that its samples show. What
// money depends on is strict; the rest is left empty rather than refused.

// integer is a whole number within int64, as a number or as text. A fraction
// or an exponent is an error, never rounded.
type integer int64

func (n *integer) UnmarshalJSON(raw []byte) error {
	if isNull(raw) {
		return nil
	}
	value, err := strconv.ParseInt(string(unquote(raw)), 10, 64)
	if err != nil {
		return fmt.Errorf("%s is not a whole number in range", clip(raw))
	}
	*n = integer(value)
	return nil
}

// identifier is an id, exact up to 2^64-1: through a float64, which
// encoding/json uses for any, ids above 2^53 would change.
type identifier uint64

func (n *identifier) UnmarshalJSON(raw []byte) error {
	if isNull(raw) {
		return nil
	}
	value, err := strconv.ParseUint(string(unquote(raw)), 10, 64)
	if err != nil {
		return fmt.Errorf("%s is not an id", clip(raw))
	}
	*n = identifier(value)
	return nil
}

// text is a string; a number as it is written; empty for anything else.
type text string

func (s *text) UnmarshalJSON(raw []byte) error {
	*s = ""
	switch {
	case len(raw) == 0:
	case raw[0] == '"':
		var value string
		if err := json.Unmarshal(raw, &value); err != nil {
			return err
		}
		*s = text(value)
	case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
		*s = text(raw)
	}
	return nil
}

// stamp is a time in RFC 3339, zero if it is anything else.
type stamp struct{ time.Time }

func (s *stamp) UnmarshalJSON(raw []byte) error {
	s.Time = time.Time{}
	if at, err := time.Parse(time.RFC3339Nano, string(unquote(raw))); err == nil {
		s.Time = at.UTC()
	}
	return nil
}

// first is the first time that is set.
func first(stamps ...stamp) time.Time {
	for _, s := range stamps {
		if !s.IsZero() {
			return s.Time
		}
	}
	return time.Time{}
}

// party is a recipient: its id in the answer to a new transfer, its code in a
// bulk one, an object everywhere else.
type party struct {
	ID   uint64
	Code string
	Name string
}

func (p *party) UnmarshalJSON(raw []byte) error {
	*p = party{}
	switch {
	case isNull(raw):
	case raw[0] == '{':
		var object struct {
			ID   identifier `json:"id"`
			Code text       `json:"recipient_code"`
			Name text       `json:"name"`
		}
		if err := json.Unmarshal(raw, &object); err != nil {
			return err
		}
		*p = party{uint64(object.ID), string(object.Code), string(object.Name)}
	case raw[0] == '"':
		var code text
		if err := json.Unmarshal(raw, &code); err != nil {
			return err
		}
		p.Code = string(code)
	default:
		var id identifier
		if err := json.Unmarshal(raw, &id); err != nil {
			return err
		}
		p.ID = uint64(id)
	}
	return nil
}

// session is the bank's session, an object or null.
type session struct{ ID string }

func (s *session) UnmarshalJSON(raw []byte) error {
	*s = session{}
	if raw[0] != '{' {
		return nil
	}
	var object struct {
		ID text `json:"id"`
	}
	if err := json.Unmarshal(raw, &object); err != nil {
		return err
	}
	s.ID = string(object.ID)
	return nil
}

func isNull(raw []byte) bool { return bytes.Equal(raw, []byte("null")) }

// unquote takes the quotes off a plain JSON string; escapes stay, and fail
// whatever parses the result.
func unquote(raw []byte) []byte {
	if len(raw) >= 2 && raw[0] == '"' && raw[len(raw)-1] == '"' {
		return raw[1 : len(raw)-1]
	}
	return raw
}

func clip(raw []byte) string {
	return strconv.Quote(string(raw[:min(len(raw), 24)]))
}

// toSubunits is the amount as Paystack counts it.
func toSubunits(minor int64, c money.Currency) (int64, error) {
	scale, one := scales(c)
	if minor < 0 || minor > money.MaxMinor || scale > one && minor > money.MaxMinor/(scale/one) {
		return 0, fmt.Errorf("the amount %d is out of range", minor)
	}
	return minor * scale / one, nil
}

// fromSubunits is the reverse. A part of a minor unit, as of a centime CFA, is
// an error: there is no such money.
func fromSubunits(subunits *integer, c money.Currency) (int64, error) {
	if subunits == nil {
		return 0, fmt.Errorf("the amount is missing")
	}
	scale, one := scales(c)
	n := int64(*subunits)
	if n > money.MaxMinor || n < -money.MaxMinor || n*one%scale != 0 {
		return 0, fmt.Errorf("the amount %d is out of range or has a fraction", n)
	}
	return n * one / scale, nil
}

// scales are the subunits and the minor units in one major unit. Both are
// powers of ten, the scale the larger one. A currency that we do not know is
// counted as Paystack counts it.
func scales(c money.Currency) (scale, one int64) {
	scale, one = c.PaystackScale(), 1
	for range c.Exponent() {
		one *= 10
	}
	if scale == 0 {
		return 1, 1
	}
	return scale, one
}

// currencyOf reads a code as it is, in the spelling of the table.
func currencyOf(code text) money.Currency {
	return money.Currency(strings.ToUpper(strings.TrimSpace(string(code))))
}
