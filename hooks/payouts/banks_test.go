package payouts_test

import (
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

func TestBanks(t *testing.T) {
	s := openTeller(t)
	s.Want(s.Do(apptest.Guest, "GET", banksPath+"?country=NG", nil), 401, "sign_in_required")
	s.Want(s.Do(apptest.Admin, "GET", banksPath+"?country=NG", nil), 403, "not_allowed")
	for query, code := range map[string]string{
		"": "invalid_input", "?country=ng": "invalid_input", "?country=CI": "invalid_input", "?country=NG&currency=EUR": "currency_unknown",
	} {
		s.Want(s.Do(apptest.Ada, "GET", banksPath+query, nil), 400, code)
	}
	for query, want := range map[string]map[string]any{
		"?country=NG":              {"code": "058", "name": "Guaranty Trust Bank", "type": "nuban", "currency": "NGN", "payable": true},
		"?country=GH&currency=GHS": {"code": "MTN", "name": "MTN", "type": "mobile_money", "currency": "GHS", "payable": true},
		"?country=KE":              {"code": "MPESA", "name": "M-PESA", "type": "mobile_money", "currency": "KES", "payable": true},
		"?country=ZA":              {"code": "470010", "name": "Capitec Bank Limited", "type": "basa", "currency": "ZAR", "payable": true},
	} {
		found := false
		for _, bank := range s.Want(s.Do(apptest.Ada, "GET", banksPath+query, nil), 200, "").Items("banks") {
			if bank["code"] != want["code"] {
				continue
			}
			found = true
			for name, value := range want {
				if bank[name] != value {
					t.Errorf("%s: %s is %v, want %v", query, name, bank[name], value)
				}
			}
		}
		if !found {
			t.Errorf("%s: there is no %s", query, want["code"])
		}
	}
	if banks := s.Want(s.Do(apptest.Ada, "GET", banksPath+"?country=NG&currency=GHS", nil), 200, "").Items("banks"); len(banks) != 0 {
		t.Errorf("%v", banks)
	}
	s.stand(apptest.Ada, "suspended")
	s.Want(s.Do(apptest.Ada, "GET", banksPath+"?country=NG", nil), 403, "account_suspended")
}

// TestBanksAreKept: for a day without a question, and for as long as it takes when
// Paystack does not answer.
func TestBanksAreKept(t *testing.T) {
	s := openTeller(t)
	list := func() apptest.Answer { return s.Do(apptest.Ada, "GET", banksPath+"?country=NG", nil) }
	asked := func(want int) {
		t.Helper()
		if n := s.fake.Count("bank.list"); n != want {
			t.Errorf("Paystack was asked %d times, want %d", n, want)
		}
	}
	s.fake.Inject(paystacktest.Fault{Op: "bank.list", Kind: paystacktest.HTML, Status: 502, Times: -1})
	refused := s.Want(list(), 503, "provider_unavailable")
	if refused.Header.Get("Retry-After") != "60" {
		t.Errorf("Retry-After is %q", refused.Header.Get("Retry-After"))
	}
	s.Want(list(), 503, "provider_unavailable")
	asked(1) // a minute of rest for who is down
	s.fake.Heal()
	s.Advance(61 * time.Second)
	first := s.Want(list(), 200, "").Data()["as_of"]
	s.Advance(23 * time.Hour)
	s.Want(list(), 200, "")
	asked(2)
	s.fake.Inject(paystacktest.Fault{Op: "bank.list", Kind: paystacktest.Truncated, Times: -1})
	s.Advance(2 * time.Hour)
	for range 2 {
		if got := s.Want(list(), 200, "").Data()["as_of"]; got != first {
			t.Errorf("as of %v, want the old list of %v", got, first)
		}
	}
	asked(3)
	s.fake.Heal()
	s.Advance(61 * time.Second)
	if got := s.Want(list(), 200, "").Data()["as_of"]; got == first {
		t.Error("the list was not renewed")
	}
	asked(4)
	// A list without banks is no list.
	s.Advance(25 * time.Hour)
	s.fake.Inject(paystacktest.Fault{Op: "bank.list", Kind: paystacktest.Answer, Status: 200,
		Body: map[string]any{"status": true, "message": "Banks retrieved", "data": []any{}, "meta": map[string]any{}}})
	if banks := s.Want(list(), 200, "").Items("banks"); len(banks) == 0 {
		t.Error("an empty list took the place of the old one")
	}
}
