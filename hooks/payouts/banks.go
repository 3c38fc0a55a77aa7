package payouts

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/paystack"
)

const (
	banksLive = 24 * time.Hour
	// banksRetry is how long nobody asks again after Paystack did not answer.
	banksRetry = time.Minute
)

// bankList is what Paystack said of a country's banks; never changed.
type bankList struct {
	banks []paystack.Bank
	at    time.Time // of the answer
}

func (l *bankList) freshAt(now time.Time) bool {
	return l != nil && !now.Before(l.at) && now.Sub(l.at) < banksLive
}

// bankCache keeps the lists in the process: they are the same for everybody, and
// long.
type bankCache struct {
	asking sync.Mutex // one question at a time, which may take its time

	mu     sync.Mutex // guards all below
	lists  map[string]*bankList
	failed map[string]time.Time
}

func (c *bankCache) look(code string) (*bankList, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lists[code], c.failed[code]
}

func (c *bankCache) keep(code string, list *bankList, failed time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lists == nil {
		c.lists, c.failed = map[string]*bankList{}, map[string]time.Time{}
	}
	if list != nil {
		c.lists[code] = list
	}
	c.failed[code] = failed
}

// bankList returns the banks of a country, an old list if Paystack does not
// answer, or fault.ProviderUnavailable.
func (d *desk) bankList(e *core.RequestEvent, code string) (*bankList, error) {
	settled := func() (*bankList, error, bool) {
		list, failed := d.banks.look(code)
		now := d.now()
		waiting := !failed.IsZero() && !now.Before(failed) && now.Sub(failed) < banksRetry
		switch {
		case list.freshAt(now), list != nil && waiting:
			return list, nil, true
		case waiting:
			return nil, notAnswering(e, banksRetry, nil), true
		}
		return list, nil, false
	}
	old, err, done := settled()
	if done {
		return old, err
	}
	if old == nil {
		d.banks.asking.Lock()
	} else if !d.banks.asking.TryLock() {
		return old, nil // somebody asks already
	}
	defer d.banks.asking.Unlock()
	if list, err, done := settled(); done {
		return list, err
	}
	// A client that leaves must not end the question: its answer is everybody's.
	banks, err := d.provider.Banks(context.WithoutCancel(e.Request.Context()), countries[code].name, "")
	if err == nil && len(banks) == 0 {
		err = errors.New("no banks are listed by Paystack")
	}
	if err != nil {
		d.banks.keep(code, nil, d.now())
		if old != nil {
			e.App.Logger().Warn("the list of banks could not be renewed", "country", code, "error", err)
			return old, nil
		}
		return nil, d.providerFault(e, err)
	}
	list := &bankList{banks: banks, at: d.now()}
	d.banks.keep(code, list, time.Time{})
	return list, nil
}

// providerFault is the answer where Paystack cannot be asked.
func (d *desk) providerFault(e *core.RequestEvent, err error) error {
	e.App.Logger().Warn("Paystack could not be asked", "error", err)
	wait := banksRetry
	var failure *paystack.Error
	if errors.As(err, &failure) && failure.RetryAfter > 0 {
		wait = failure.RetryAfter
	}
	return notAnswering(e, wait, err)
}

func notAnswering(e *core.RequestEvent, wait time.Duration, cause error) error {
	seconds := int64(math.Ceil(wait.Seconds()))
	e.Response.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	return fault.ProviderUnavailable.On("paystack").With("retry_after", seconds).Because(cause)
}

type bankData struct {
	Code     string `json:"code" help:"Send it as bank_code."`
	Name     string `json:"name"`
	Type     string `json:"type" help:"nuban, ghipss, mobile_money, kepss or basa."`
	Currency string `json:"currency"`
	Payable  bool   `json:"payable" help:"Payouts can go there."`
}

type banksData struct {
	Country string     `json:"country"`
	Banks   []bankData `json:"banks"`
	AsOf    time.Time  `json:"as_of" help:"When the list was read; older than a day while Paystack does not answer."`
}

func (d *desk) registerBanks(core.App) {
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/banks", Who: shell.Person, Data: banksData{},
		Params: []shell.Param{
			{Name: "country", In: "query", Help: "NG, GH, KE or ZA.", Required: true},
			shell.Query("currency", "Only what pays out this currency."),
		},
		What:   "Banks and mobile money operators of a country, as Paystack lists them.",
		Faults: []*fault.Code{fault.InvalidInput, fault.CurrencyUnknown, fault.NotConfigured, fault.ProviderUnavailable},
		Handle: d.listBanks,
	})
}

func (d *desk) listBanks(e *core.RequestEvent) error {
	if err := d.configured(); err != nil {
		return err
	}
	query := e.Request.URL.Query()
	code, currency := query.Get("country"), money.Currency("")
	if _, known := countries[code]; !known {
		return fault.InvalidInput.On("country").Saying("The country is NG, GH, KE or ZA.")
	}
	if asked := query.Get("currency"); asked != "" {
		var err error
		if currency, err = money.ParseCurrency(asked); err != nil {
			return err
		}
	}
	policy, _, err := d.policy(e.App)
	if err != nil {
		return err
	}
	list, err := d.bankList(e, code)
	if err != nil {
		return err
	}
	data := banksData{Country: code, Banks: []bankData{}, AsOf: list.at}
	for _, bank := range list.banks {
		if currency == "" || bank.Currency == currency {
			data.Banks = append(data.Banks, bankData{
				Code: bank.Code, Name: bank.Name, Type: kindOf(bank), Currency: string(bank.Currency), Payable: canBePaid(policy, code, bank),
			})
		}
	}
	return shell.OK(e, data, "")
}
