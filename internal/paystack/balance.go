package paystack

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"time"

	"github.com/lingualink/lingualink/internal/money"
)

// Balances are what can be paid out, per currency, in minor units.
func (c *Client) Balances(ctx context.Context) (map[money.Currency]int64, error) {
	r := call{op: "balance.fetch", method: http.MethodGet, path: []string{"balance"}}
	var rows []struct {
		Currency text     `json:"currency"`
		Balance  *integer `json:"balance"`
	}
	if err := c.do(ctx, r, &rows); err != nil {
		return nil, err
	}
	balances := map[money.Currency]int64{}
	for _, row := range rows {
		currency := currencyOf(row.Currency)
		amount, err := fromSubunits(row.Balance, currency)
		if _, twice := balances[currency]; twice || currency == "" {
			err = errors.New("a currency is listed twice, or has no name")
		}
		if err != nil {
			return nil, c.unusable(r, 0, err)
		}
		balances[currency] = amount
	}
	return balances, nil
}

// BalanceRow is one change of our balance: what reconciliation goes by.
type BalanceRow struct {
	ID              uint64
	Currency        money.Currency
	DifferenceMinor int64  // negative: money left
	BalanceMinor    int64  // after it
	Model           string // Transfer, Transaction or Refund
	ModelRow        uint64 // the id of that transfer, transaction or refund
	Reason          string
	Domain          string
	CreatedAt       time.Time
}

// UnmarshalJSON reads a row; without currency or difference it is none.
func (b *BalanceRow) UnmarshalJSON(raw []byte) error {
	var wire struct {
		ID             identifier `json:"id"`
		Currency       text       `json:"currency"`
		Difference     *integer   `json:"difference"`
		Balance        *integer   `json:"balance"`
		Model          text       `json:"model_responsible"`
		ModelRow       identifier `json:"model_row"`
		Reason         text       `json:"reason"`
		Domain         text       `json:"domain"`
		CreatedAt      stamp      `json:"createdAt"`
		CreatedAtSnake stamp      `json:"created_at"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		return err
	}
	currency := currencyOf(wire.Currency)
	if currency == "" {
		return errors.New("a row without currency")
	}
	difference, err := fromSubunits(wire.Difference, currency)
	if err != nil {
		return err
	}
	balance, err := fromSubunits(wire.Balance, currency)
	if err != nil {
		return err
	}
	*b = BalanceRow{
		ID: uint64(wire.ID), Currency: currency, DifferenceMinor: difference, BalanceMinor: balance,
		Model: string(wire.Model), ModelRow: uint64(wire.ModelRow), Reason: string(wire.Reason),
		Domain: string(wire.Domain), CreatedAt: first(wire.CreatedAt, wire.CreatedAtSnake),
	}
	return nil
}

// BalanceLedger goes through the changes in [from, to), newest first; a zero
// time is no bound. It ends at the first error.
func (c *Client) BalanceLedger(ctx context.Context, from, to time.Time) iter.Seq2[BalanceRow, error] {
	r := call{op: "balance.ledger", method: http.MethodGet, path: []string{"balance", "ledger"}, query: between(from, to)}
	return pages(ctx, c, r, func(b BalanceRow) uint64 { return b.ID })
}
