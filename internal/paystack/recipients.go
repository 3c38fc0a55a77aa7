package paystack

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/lingualink/lingualink/internal/money"
)

// Bank is a bank or a mobile money operator.
type Bank struct {
	ID       uint64
	Name     string
	Slug     string
	Code     string // what resolving and recipients want
	Country  string // as Paystack writes it: "Nigeria"
	Currency money.Currency
	Type     string // nuban, mobile_money, ghipss, kepss, basa
	// Transfers is false where Paystack says that it sends no money there.
	Transfers bool
}

// Banks lists the active ones, all pages of them. Country is nigeria, ghana,
// kenya or "south africa", or empty; so is the currency.
func (c *Client) Banks(ctx context.Context, country string, currency money.Currency) ([]Bank, error) {
	r := call{op: "bank.list", method: http.MethodGet, path: []string{"bank"}, query: url.Values{}}
	if country != "" {
		r.query.Set("country", country)
	}
	if currency != "" {
		r.query.Set("currency", string(currency))
	}
	type row struct {
		ID        identifier `json:"id"`
		Name      text       `json:"name"`
		Slug      text       `json:"slug"`
		Code      text       `json:"code"`
		Country   text       `json:"country"`
		Currency  text       `json:"currency"`
		Type      text       `json:"type"`
		Active    *bool      `json:"active"`
		IsDeleted bool       `json:"is_deleted"`
		Transfers *bool      `json:"supports_transfer"`
	}
	var banks []Bank
	for b, err := range pages(ctx, c, r, func(b row) uint64 { return uint64(b.ID) }) {
		if err != nil {
			return nil, err
		}
		if b.Code == "" || b.IsDeleted || b.Active != nil && !*b.Active {
			continue
		}
		banks = append(banks, Bank{
			ID: uint64(b.ID), Name: string(b.Name), Slug: string(b.Slug), Code: string(b.Code),
			Country: string(b.Country), Currency: currencyOf(b.Currency), Type: string(b.Type),
			Transfers: b.Transfers == nil || *b.Transfers,
		})
	}
	return banks, nil
}

// ResolveAccount asks the bank who an account belongs to; it answers for
// Nigeria and Ghana. The number is sent as text, although the API description
// calls it an integer: it may start with a zero.
func (c *Client) ResolveAccount(ctx context.Context, accountNumber, bankCode string) (accountName string, err error) {
	r := call{
		op: "bank.resolve", limit: limitResolve, method: http.MethodGet, path: []string{"bank", "resolve"},
		query: url.Values{"account_number": {accountNumber}, "bank_code": {bankCode}},
		hide:  []string{accountNumber},
	}
	if accountNumber == "" || bankCode == "" {
		return "", invalid(r, "an account number and a bank code are needed")
	}
	var account struct {
		Number text `json:"account_number"`
		Name   text `json:"account_name"`
	}
	if err := c.do(ctx, r, &account); err != nil {
		return "", err
	}
	if string(account.Number) != accountNumber || account.Name == "" {
		return "", c.unusable(r, 0, fmt.Errorf("the answer is about another account, or names nobody"))
	}
	return string(account.Name), nil
}

// RecipientOrder describes a bank account to pay to.
type RecipientOrder struct {
	Type          string // nuban, mobile_money, mobile_money_business, ghipss, kepss, basa
	Name          string
	AccountNumber string
	BankCode      string
	Currency      money.Currency
}

// Recipient is an account that Paystack keeps for us; the number is not among
// what comes back, so that it is not kept by accident.
type Recipient struct {
	Code        string // RCP_…
	ID          uint64
	Name        string // ours, or of whoever gave the same account first
	AccountName string // what the bank says; may be empty
	BankCode    string
	BankName    string
	Currency    money.Currency
	Type        string
	Domain      string
	Active      bool
}

// CreateRecipient makes a recipient, or returns the one that exists for this
// account: two people who give one account get one code. It may be repeated.
func (c *Client) CreateRecipient(ctx context.Context, order RecipientOrder) (Recipient, error) {
	r := call{
		op: "recipient.create", method: http.MethodPost, path: []string{"transferrecipient"},
		hide: []string{order.AccountNumber},
		body: map[string]string{
			"type": order.Type, "name": order.Name, "account_number": order.AccountNumber,
			"bank_code": order.BankCode, "currency": string(order.Currency),
		},
	}
	if order.Type == "" || strings.TrimSpace(order.Name) == "" || order.AccountNumber == "" || order.BankCode == "" || order.Currency == "" {
		return Recipient{}, invalid(r, "type, name, account number, bank code and currency are needed")
	}
	var wire struct {
		Code      text       `json:"recipient_code"`
		ID        identifier `json:"id"`
		Name      text       `json:"name"`
		Currency  text       `json:"currency"`
		Type      text       `json:"type"`
		Domain    text       `json:"domain"`
		Active    bool       `json:"active"`
		IsDeleted bool       `json:"is_deleted"`
		Details   struct {
			AccountName text `json:"account_name"`
			BankCode    text `json:"bank_code"`
			BankName    text `json:"bank_name"`
		} `json:"details"`
	}
	if err := c.do(ctx, r, &wire); err != nil {
		return Recipient{}, err
	}
	if !providerCode.MatchString(string(wire.Code)) {
		return Recipient{}, c.unusable(r, 0, fmt.Errorf("the recipient has no code"))
	}
	return Recipient{
		Code: string(wire.Code), ID: uint64(wire.ID), Name: string(wire.Name),
		AccountName: string(wire.Details.AccountName), BankCode: string(wire.Details.BankCode),
		BankName: string(wire.Details.BankName), Currency: currencyOf(wire.Currency), Type: string(wire.Type),
		Domain: string(wire.Domain), Active: wire.Active && !wire.IsDeleted,
	}, nil
}
