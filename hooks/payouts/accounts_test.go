package payouts_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/logger"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/payouts"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

func TestAccountFirst(t *testing.T) {
	s := openTeller(t)
	value := s.confirm(apptest.Ada)
	answer := s.Want(s.Do(apptest.Ada, "POST", accountsPath, nigerian("0123-4567 01"), "X-Confirmation: "+value), 200, "")
	id, _ := answer.Data()["id"].(string)
	for column, want := range map[string]string{
		"user": s.User(apptest.Ada).Id, "country": "NG", "currency": "NGN", "type": "nuban", "bank_code": "058", "bank_name": "Guaranty Trust Bank",
		"last4": "6701", "resolved_name": "ADEYEMI ADA", "name_match": "match", "status": "active", "set_by": "user:" + s.User(apptest.Ada).Id,
	} {
		if got := s.field(id, column); got != want {
			t.Errorf("%s is %q, want %q", column, got, want)
		}
	}
	for column, length := range map[string]int{"fingerprint": 64, "name_digests": 129} {
		if got := s.field(id, column); len(got) != length {
			t.Errorf("%s is %q", column, got)
		}
	}
	if got := s.field(id, "usable_from"); got > s.Text("SELECT created FROM payout_accounts WHERE id = {:id}", dbx.Params{"id": id}) {
		t.Errorf("the first account has to wait until %s", got)
	}
	for _, secret := range []string{"fingerprint", "recipient_code", "name_digests"} {
		if _, shown := answer.Data()[secret]; shown || strings.Contains(string(answer.Raw), s.field(id, secret)) {
			t.Errorf("the answer has %s: %s", secret, answer.Raw)
		}
	}
	if n := s.Int("SELECT COUNT(*) FROM risk_flags"); n != 0 {
		t.Errorf("%d flags", n)
	}
	if s.told(apptest.Ada, "payout_account_added") != 1 || s.audited("payout_account.set") != 1 {
		t.Error("no notice, or nothing in the audit log")
	}
	// The confirmation was spent with it.
	s.Want(s.Do(apptest.Ada, "POST", accountsPath, nigerian("0123456702"), "X-Confirmation: "+value), 403, "confirmation_required")
	// She sees her row without what is secret; nobody else does.
	own := s.Want(s.Do(apptest.Ada, "GET", "/api/collections/payout_accounts/records", nil), 200, "").Items("items")
	if len(own) != 1 || own[0]["last4"] != "6701" || own[0]["fingerprint"] != nil || own[0]["recipient_code"] != nil {
		t.Errorf("she sees %v", own)
	}
	if others := s.Want(s.Do(apptest.Bola, "GET", "/api/collections/payout_accounts/records", nil), 200, "").Items("items"); len(others) != 0 {
		t.Errorf("another sees %v", others)
	}
}

func TestAccountWho(t *testing.T) {
	s := openTeller(t)
	body := nigerian(numberOfAda)
	s.Want(s.Do(apptest.Guest, "POST", accountsPath, body), 401, "sign_in_required")
	s.Want(s.Do(apptest.Admin, "POST", accountsPath, body), 403, "not_allowed")
	ada, bola, admin := s.confirm(apptest.Ada), s.confirm(apptest.Bola), s.confirm(apptest.Admin)
	for _, wrong := range []string{"", "X", bola, admin} {
		s.Want(s.Do(apptest.Ada, "POST", accountsPath, body, "X-Confirmation: "+wrong), 403, "confirmation_required")
	}
	if n := s.fake.Count("bank.resolve"); n != 0 {
		t.Errorf("the bank was asked %d times before anybody confirmed", n)
	}
	s.stand(apptest.Ada, "suspended")
	s.Want(s.Do(apptest.Ada, "POST", accountsPath, body, "X-Confirmation: "+ada), 403, "account_suspended")
	s.stand(apptest.Bola, "banned")
	s.Want(s.Do(apptest.Bola, "POST", accountsPath, body, "X-Confirmation: "+bola), 403, "account_banned")

	id := s.entered(apptest.Chidi, numberOfAda)
	path := accountsPath + "/" + id + "/remove"
	s.Want(s.Do(apptest.Guest, "POST", path, nil), 401, "sign_in_required")
	s.Want(s.Do(apptest.Admin, "POST", path, nil), 403, "not_allowed")
	s.Want(s.Do(apptest.Dayo, "POST", path, nil, "X-Confirmation: "+s.confirm(apptest.Dayo)), 404, "not_found")
	s.Want(s.Do(apptest.Ada, "POST", path, nil), 403, "account_suspended")
	record := "/api/collections/payout_accounts/records/" + id
	for _, who := range []string{apptest.Admin, apptest.Chidi} {
		s.Want(s.Do(who, "PATCH", record, map[string]any{"last4": "9999"}), 403, "")
		s.Want(s.Do(who, "POST", "/api/collections/payout_accounts/records", map[string]any{"user": s.User(apptest.Chidi).Id}), 403, "")
	}
	s.Want(s.Do(apptest.Admin, "PATCH", record, map[string]any{"last4": "9999"}), 403, "server_owned")
	if s.Do(apptest.Admin, "DELETE", record, nil).Status < 400 || s.field(id, "last4") != "6701" {
		t.Error("an admin changed or removed it")
	}
}

func TestAccountInput(t *testing.T) {
	s := openTeller(t)
	with := func(changes map[string]any) map[string]any {
		body := nigerian(numberOfAda)
		for name, value := range changes {
			body[name] = value
		}
		return body
	}
	for name, test := range map[string]struct {
		body any
		code string
	}{
		"no country":             {with(map[string]any{"country": ""}), "payout_unavailable"},
		"another country":        {with(map[string]any{"country": "CI", "currency": "XOF"}), "payout_unavailable"},
		"small letters":          {with(map[string]any{"country": "ng"}), "payout_unavailable"},
		"the currency of others": {with(map[string]any{"currency": "GHS"}), "payout_unavailable"},
		"dollars":                {with(map[string]any{"currency": "USD"}), "payout_unavailable"},
		"no bank":                {with(map[string]any{"bank_code": ""}), "invalid_input"},
		"no number":              {with(map[string]any{"account_number": ""}), "invalid_input"},
		"letters":                {with(map[string]any{"account_number": "01234567O1"}), "invalid_input"},
		"other digits":           {with(map[string]any{"account_number": "٠١٢٣٤٥٦٧٠١"}), "invalid_input"},
		"a number as JSON":       {with(map[string]any{"account_number": 1234567890}), "invalid_input"},
		"unknown field":          {with(map[string]any{"name": "Ada"}), "invalid_input"},
		"not JSON":               {"{", "invalid_input"},
	} {
		s.Want(s.Do(apptest.Ada, "POST", accountsPath, test.body), 400, test.code)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	if n := s.Int("SELECT COUNT(*) FROM quotas WHERE [[key]] LIKE 'payout_account:%'"); n != 0 {
		t.Error("what is no account was counted")
	}
	// These need the list of banks.
	s.Want(s.enter(apptest.Ada, with(map[string]any{"bank_code": "999"})), 400, "bank_unknown")
	s.Want(s.enter(apptest.Ada, with(map[string]any{"type": "mobile_money"})), 400, "bank_unknown")
	s.Want(s.enter(apptest.Ada, nigerian("012345670")), 400, "invalid_input")
	s.Want(s.enter(apptest.Ada, nigerian("01234567012")), 400, "invalid_input")
	s.Want(s.enter(apptest.Ada, map[string]any{"country": "GH", "currency": "GHS", "bank_code": "MTN", "account_number": "5512345678"}), 400, "invalid_input")
	s.Want(s.enter(apptest.Ada, nigerian("9999999999")), 400, "account_unresolved")
	if n := s.fake.Count("recipient.create"); n != 0 {
		t.Errorf("%d recipients", n)
	}
}

func TestAccountNames(t *testing.T) {
	s := openTeller(t)
	s.run("UPDATE private_profiles SET legal_name = '' WHERE user = {:id}", dbx.Params{"id": s.User(apptest.Bola).Id})
	s.Want(s.enter(apptest.Bola, nigerian(numberOfAda)), 409, "legal_name_required")

	s.names["0123456790"] = "CHUKWUEMEKA OKONKWO"
	refused := s.Want(s.enter(apptest.Ada, nigerian("0123456790")), 400, "name_mismatch")
	if raw := strings.ToUpper(string(refused.Raw)); strings.Contains(raw, "OKONKWO") || strings.Contains(raw, "CHUKWUEMEKA") {
		t.Errorf("the refusal tells whose it is: %s", refused.Raw)
	}
	if s.fake.Count("recipient.create") != 0 || s.Int("SELECT COUNT(*) FROM payout_accounts") != 0 {
		t.Error("something was kept of a stranger's account")
	}
	if n := s.Int("SELECT COUNT(*) FROM confirmations WHERE used_at != ''"); n != 0 {
		t.Error("a refusal spent the confirmation")
	}

	s.names["0123456791"] = "ADEYEMI TUNDE"
	id := s.entered(apptest.Ada, "0123456791")
	if s.field(id, "name_match") != "review" || s.flags(apptest.Ada, "name_review") != 1 {
		t.Error("half a name was not flagged")
	}
}

// TestAccountsAbroad: the banks of Kenya and South Africa give no names, and the
// operators of Ghana do not give all.
func TestAccountsAbroad(t *testing.T) {
	s := openTeller(t)
	s.names["0551234987"] = "ADA ADEYEMI"
	for i, test := range []struct {
		country, currency, bank, number, match string
	}{
		{"GH", "GHS", "MTN", "0551234987", "match"},
		{"GH", "GHS", "MTN", "0551234988", "unverified"},
		{"KE", "KES", "MPESA", "0712345678", "unverified"},
		{"KE", "KES", "68", "1234567890123", "unverified"},
		{"ZA", "ZAR", "470010", "1234567890", "unverified"},
	} {
		who := []string{apptest.Ada, apptest.Bola, apptest.Chidi, apptest.Dayo, apptest.Emeka}[i]
		answer := s.Want(s.enter(who, map[string]any{"country": test.country, "currency": test.currency, "bank_code": test.bank, "account_number": test.number}), 200, "")
		if answer.Data()["name_match"] != test.match {
			t.Errorf("%+v: %v", test, answer.Data()["name_match"])
		}
		if flagged := s.flags(who, "unverified_account") == 1; flagged != (test.match == "unverified") {
			t.Errorf("%+v: flagged is %t", test, flagged)
		}
	}
	s.Want(s.enter(apptest.Fatima, map[string]any{"country": "GH", "currency": "GHS", "bank_code": "030100", "account_number": "1234567890"}), 400, "account_unresolved")
}

func TestAccountChange(t *testing.T) {
	s := openTeller(t)
	first := s.entered(apptest.Ada, numberOfAda)
	open := map[string]string{}
	for _, state := range []string{"requested", "review", "approved", "sending"} {
		who := map[string]string{"requested": apptest.Bola, "review": apptest.Chidi, "approved": apptest.Dayo, "sending": apptest.Emeka}[state]
		account := s.entered(who, "0123456702")
		open[who] = s.payoutTo(who, account, state)
		s.Want(s.enter(who, nigerian("0123456703")), 200, "")
		want := "review"
		if state == "sending" {
			want = state
		}
		if got := s.stateOf(open[who]); got != want {
			t.Errorf("%s became %s", state, got)
		}
		if by := s.Text("SELECT account_editor FROM payouts WHERE id = {:id}", dbx.Params{"id": open[who]}); (by == s.User(who).Id) != (want == "review") {
			t.Errorf("%s was changed by %q", state, by)
		}
		if held := s.Text("SELECT account FROM payouts WHERE id = {:id}", dbx.Params{"id": open[who]}); held != account {
			t.Errorf("%s: the payout goes elsewhere now", state)
		}
	}
	if s.stateOf(open[apptest.Bola]) != "review" || s.told(apptest.Ada, "payout_account_changed") != 0 {
		t.Error("others were touched")
	}

	before := s.Deps.Clock.Now()
	second := s.entered(apptest.Ada, "0123456702")
	if s.field(first, "status") != "replaced" || s.field(second, "status") != "active" {
		t.Error("there are two accounts, or none")
	}
	from, err := time.Parse("2006-01-02 15:04:05.000Z", s.field(second, "usable_from"))
	if wait := from.Sub(before); err != nil || wait < 72*time.Hour-time.Minute || wait > 72*time.Hour+time.Minute {
		t.Errorf("it waits %s: %v", wait, err)
	}
	if s.told(apptest.Ada, "payout_account_changed") != 1 {
		t.Error("she was not told")
	}
	// Back to the first is a change like any other.
	third := s.entered(apptest.Ada, numberOfAda)
	if third == first || s.field(third, "usable_from") <= s.field(first, "usable_from") {
		t.Error("the old account came back without a wait")
	}
	if n := s.fake.Count("recipient.create"); s.field(third, "recipient_code") != s.field(first, "recipient_code") {
		t.Errorf("one account has two recipients after %d requests", n)
	}
}

func TestAccountRepeat(t *testing.T) {
	s := openTeller(t)
	id := s.entered(apptest.Ada, numberOfAda)
	asked := len(s.fake.Requests())
	s.Advance(time.Hour)
	// Without a confirmation: the one of the first request is spent.
	again := s.Want(s.Do(apptest.Ada, "POST", accountsPath, nigerian(numberOfAda)), 200, "")
	if again.Data()["id"] != id || len(s.fake.Requests()) != asked || s.Int("SELECT COUNT(*) FROM payout_accounts") != 1 {
		t.Error("a repeat did something")
	}
	if s.told(apptest.Ada, "payout_account_added") != 1 || s.told(apptest.Ada, "payout_account_changed") != 0 || s.audited("payout_account.set") != 1 {
		t.Error("a repeat said something")
	}
	// All tries count, repeats too, and a day later they begin anew.
	for range 8 {
		s.Want(s.Do(apptest.Ada, "POST", accountsPath, nigerian(numberOfAda)), 200, "")
	}
	if limited := s.Want(s.Do(apptest.Ada, "POST", accountsPath, nigerian(numberOfAda)), 429, "rate_limited"); limited.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	s.Want(s.enter(apptest.Bola, nigerian(numberOfAda)), 200, "")
	s.Advance(24 * time.Hour)
	s.Want(s.Do(apptest.Ada, "POST", accountsPath, nigerian(numberOfAda)), 200, "")
}

func TestAccountAtTheSameMoment(t *testing.T) {
	s := openTeller(t)
	s.Token(apptest.Ada)
	values := []string{s.confirm(apptest.Ada), s.confirm(apptest.Ada), s.confirm(apptest.Ada), s.confirm(apptest.Ada)}
	answers := make([]apptest.Answer, len(values))
	var wait sync.WaitGroup
	for i, value := range values {
		wait.Go(func() {
			number := []string{numberOfAda, "0123456702"}[i%2]
			answers[i] = s.Do(apptest.Ada, "POST", accountsPath, nigerian(number), "X-Confirmation: "+value)
		})
	}
	wait.Wait()
	for _, answer := range answers {
		s.Want(answer, 200, "")
	}
	if n := s.Int("SELECT COUNT(*) FROM payout_accounts WHERE status = 'active'"); n != 1 {
		t.Errorf("%d active accounts", n)
	}
	if rows, spent := s.Int("SELECT COUNT(*) FROM payout_accounts"), s.Int("SELECT COUNT(*) FROM confirmations WHERE used_at != ''"); rows != spent {
		t.Errorf("%d rows for %d confirmations", rows, spent)
	}
}

func TestAccountOfTwo(t *testing.T) {
	s := openTeller(t)
	s.entered(apptest.Ada, numberOfAda)
	s.entered(apptest.Ada, "0123456702") // Ada has moved on; it was hers all the same
	if s.flags(apptest.Ada, "shared_payout_account") != 0 {
		t.Fatal("alone, she shares with nobody")
	}
	s.entered(apptest.Bola, numberOfAda)
	s.run("UPDATE payout_accounts SET fingerprint = 'of an old pepper'", nil)
	s.entered(apptest.Chidi, numberOfAda)
	for _, who := range []string{apptest.Ada, apptest.Bola, apptest.Chidi} {
		if n := s.flags(who, "shared_payout_account"); n != 2 {
			t.Errorf("%s has %d flags, want one for each of the others", who, n)
		}
	}
	pairs := s.Int("SELECT COUNT(*) FROM risk_flags WHERE kind = 'shared_payout_account' AND subject_id = other AND user != other")
	codes := s.Int("SELECT COUNT(DISTINCT recipient_code) FROM payout_accounts WHERE last4 = '6701'")
	if pairs != 6 || codes != 1 {
		t.Errorf("%d pairs, %d recipients", pairs, codes)
	}
}

func TestAccountRemove(t *testing.T) {
	s := openTeller(t)
	id := s.entered(apptest.Ada, numberOfAda)
	path := accountsPath + "/" + id + "/remove"
	s.Want(s.Do(apptest.Ada, "POST", path, nil), 403, "confirmation_required")
	payout := s.payoutTo(apptest.Ada, id, "manual")
	value := s.confirm(apptest.Ada)
	s.Want(s.Do(apptest.Ada, "POST", path, nil, "X-Confirmation: "+value), 409, "account_in_use")
	s.run("UPDATE payouts SET settled = 'paid', state = 'paid' WHERE id = {:id}", dbx.Params{"id": payout})
	for range 2 { // the refusal spent nothing, and a repeat needs nothing
		s.Want(s.Do(apptest.Ada, "POST", path, nil, "X-Confirmation: "+value), 200, "")
	}
	if s.field(id, "status") != "replaced" || s.told(apptest.Ada, "payout_account_removed") != 1 || s.audited("payout_account.remove") != 1 {
		t.Error("it was not removed, or not said")
	}
	again := s.entered(apptest.Ada, numberOfAda)
	if s.field(again, "usable_from") <= s.field(id, "usable_from") {
		t.Error("removing first saves the wait")
	}
}

func TestAccountUsable(t *testing.T) {
	s := openTeller(t)
	first := s.entered(apptest.Ada, numberOfAda)
	id := s.payoutTo(apptest.Ada, first, "approved")
	usable := func() bool {
		record, err := s.App.FindRecordById("payouts", id)
		if err != nil {
			t.Fatal(err)
		}
		usable, err := payouts.AccountUsable(s.App, s.Deps, record)
		if err != nil {
			t.Fatal(err)
		}
		return usable
	}
	if !usable() {
		t.Error("the account of the payout is as it was")
	}
	second := s.entered(apptest.Ada, "0123456702")
	if usable() {
		t.Error("the account was replaced")
	}
	s.run("UPDATE payouts SET settled = 'released', state = 'cancelled' WHERE id = {:id}", dbx.Params{"id": id})
	id = s.payoutTo(apptest.Ada, second, "approved")
	if usable() {
		t.Error("the account is new")
	}
	s.Advance(72*time.Hour + time.Second)
	if !usable() {
		t.Error("the wait is over")
	}
	for column, value := range map[string]string{"recipient_code": "RCP_other", "user": s.User(apptest.Bola).Id, "currency": "GHS", "status": "unusable"} {
		old := s.field(second, column)
		s.run("UPDATE payout_accounts SET "+column+" = {:value} WHERE id = {:id}", dbx.Params{"id": second, "value": value})
		if usable() {
			t.Errorf("with another %s", column)
		}
		s.run("UPDATE payout_accounts SET "+column+" = {:value} WHERE id = {:id}", dbx.Params{"id": second, "value": old})
	}
}

func TestAccountProvider(t *testing.T) {
	for name, test := range map[string]struct {
		fault  paystacktest.Fault
		status int
		code   string
	}{
		"resolving is down":        {paystacktest.Fault{Op: "bank.resolve", Kind: paystacktest.HTML, Status: 502}, 503, "provider_unavailable"},
		"resolving is limited":     {paystacktest.Fault{Op: "bank.resolve", Kind: paystacktest.Limited, ResetSeconds: 7}, 503, "provider_unavailable"},
		"the key is refused":       {paystacktest.Refusal("bank.resolve", 401, "invalid_Key", "Invalid key"), 503, "provider_unavailable"},
		"unknown number":           {paystacktest.Refusal("bank.resolve", 422, "", "Could not resolve account name"), 400, "account_unresolved"},
		"recipient is cut off":     {paystacktest.Fault{Op: "recipient.create", Kind: paystacktest.Cut, Act: paystacktest.ActAfter}, 503, "provider_unavailable"},
		"recipient is refused":     {paystacktest.Refusal("recipient.create", 400, "invalid_bank_code", "Account number is invalid"), 400, "account_refused"},
		"no recipients for us":     {paystacktest.Refusal("recipient.create", 403, "", "You cannot initiate third party payouts as a starter business"), 503, "provider_unavailable"},
		"recipient of live":        {paystacktest.Fault{Op: "recipient.create", Kind: paystacktest.Overwrite, Act: paystacktest.ActAfter, Fields: map[string]any{"domain": "live"}}, 500, "internal"},
		"recipient is not in use":  {paystacktest.Fault{Op: "recipient.create", Kind: paystacktest.Overwrite, Act: paystacktest.ActAfter, Fields: map[string]any{"active": false}}, 400, "account_refused"},
		"recipient without a code": {paystacktest.Fault{Op: "recipient.create", Kind: paystacktest.Overwrite, Act: paystacktest.ActAfter, Fields: map[string]any{"recipient_code": ""}}, 503, "provider_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			s := openTeller(t)
			s.fake.Inject(test.fault)
			answer := s.Want(s.enter(apptest.Ada, nigerian(numberOfAda)), test.status, test.code)
			if test.code == "provider_unavailable" && answer.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			if s.Int("SELECT COUNT(*) FROM payout_accounts") != 0 || s.Int("SELECT COUNT(*) FROM confirmations WHERE used_at != ''") != 0 {
				t.Error("something was written")
			}
			s.fake.Heal()
			if test.fault.Kind != paystacktest.Limited { // the client waits
				s.Want(s.enter(apptest.Ada, nigerian(numberOfAda)), 200, "")
			}
		})
	}
}

func TestAccountsNeedTheirKeys(t *testing.T) {
	s := openTeller(t, "PAYSTACK_SECRET_KEY=")
	s.Want(s.Do(apptest.Ada, "POST", accountsPath, nigerian(numberOfAda)), 503, "not_configured")
	s.Want(s.Do(apptest.Ada, "GET", banksPath+"?country=NG", nil), 503, "not_configured")
	s = openTeller(t, "LL_PEPPER=")
	s.Want(s.Do(apptest.Ada, "POST", accountsPath, nigerian(numberOfAda)), 503, "not_configured")
	s.Want(s.Do(apptest.Ada, "GET", banksPath+"?country=NG", nil), 200, "")
}

// TestTheNumberIsForgotten searches every table and the log for it, after all
// ways that it can go.
func TestTheNumberIsForgotten(t *testing.T) {
	s := openTeller(t)
	s.App.Settings().Logs.MaxDays = 1 // apps of tests log nothing
	numbers := []string{"0987654321", "0987650001", "0987650002", "0987650003", "0987650004"}
	s.names[numbers[0]], s.names[numbers[1]] = "ADEYEMI ADA", "OKONKWO CHIDI"
	s.names[numbers[3]], s.names[numbers[4]] = "ADEYEMI ADA", "ADEYEMI ADA"
	s.entered(apptest.Ada, numbers[0])
	s.Want(s.enter(apptest.Bola, nigerian(numbers[1])), 400, "name_mismatch")
	s.Want(s.enter(apptest.Bola, nigerian(numbers[2])), 400, "account_unresolved")
	s.fake.Inject(paystacktest.Fault{Op: "bank.resolve", Kind: paystacktest.Cut})
	answers := []apptest.Answer{s.enter(apptest.Bola, nigerian(numbers[3]))}
	s.fake.Inject(paystacktest.Refusal("recipient.create", 400, "", "Account number "+numbers[4]+" is invalid"))
	answers = append(answers, s.enter(apptest.Bola, nigerian(numbers[4])), s.enter(apptest.Bola, nigerian(numbers[0])))
	s.Drain()
	logged := s.logged()
	searched := 0
	for name, db := range map[string]dbx.Builder{"data": s.App.DB(), "log": s.App.AuxDB()} {
		var tables []string
		if err := db.NewQuery("SELECT name FROM sqlite_schema WHERE type = 'table'").Column(&tables); err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			rows := []dbx.NullStringMap{}
			if err := db.NewQuery("SELECT * FROM [[" + table + "]]").All(&rows); err != nil {
				t.Fatal(err)
			}
			for _, row := range rows {
				for column, value := range row {
					searched++
					for _, number := range numbers {
						if strings.Contains(value.String, number) {
							t.Errorf("%s: %s.%s has a number: %s", name, table, column, value.String)
						}
					}
				}
			}
		}
	}
	for _, answer := range answers {
		for _, number := range numbers {
			if strings.Contains(string(answer.Raw), number) {
				t.Errorf("the answer has a number: %s", answer.Raw)
			}
		}
	}
	if searched < 100 || !strings.Contains(logged, "Paystack") {
		t.Errorf("%d values were searched; the log is %q", searched, logged)
	}
}

// logged is what the server has logged, and brings it into its table.
func (s *teller) logged() string {
	s.t.Helper()
	handler, batches := s.App.Logger().Handler().(*logger.BatchHandler)
	if !batches {
		s.t.Fatal("the log has another handler")
	}
	if err := handler.WriteAll(context.WithValue(s.t.Context(), logger.BlockKey, true)); err != nil {
		s.t.Fatal(err)
	}
	var lines []string
	if err := s.App.AuxDB().NewQuery("SELECT message || data FROM _logs").Column(&lines); err != nil {
		s.t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

func TestLegalNameChanges(t *testing.T) {
	s := openTeller(t)
	id := s.entered(apptest.Ada, numberOfAda)
	before := s.field(id, "name_digests")
	s.rename(apptest.Ada, "Dr. Ada Bisi ADEYEMI")
	if s.field(id, "name_match") != "match" || s.flags(apptest.Ada, "name_review") != 0 {
		t.Error("it is her name still")
	}
	s.rename(apptest.Ada, "Ada Okafor")
	if s.field(id, "name_match") != "review" || s.flags(apptest.Ada, "name_review") != 1 || s.field(id, "name_digests") == before {
		t.Error("another name was not seen")
	}
	s.rename(apptest.Ada, "Ada Adeyemi")
	if s.field(id, "name_match") != "review" || s.flags(apptest.Ada, "name_review") != 1 {
		t.Error("the name was made to fit, and nobody looked")
	}
	// Who takes the account away first is seen, too.
	other := s.entered(apptest.Bola, numberOfAda)
	s.Want(s.Do(apptest.Bola, "POST", accountsPath+"/"+other+"/remove", nil, "X-Confirmation: "+s.confirm(apptest.Bola)), 200, "")
	s.rename(apptest.Bola, "Chidi Eze")
	if s.flags(apptest.Bola, "name_review") != 1 || s.field(other, "name_match") != "match" {
		t.Error("somebody became somebody else unseen")
	}
	// What has nothing to do with the name changes nothing.
	profile := s.Text("SELECT id FROM private_profiles WHERE user = {:id}", dbx.Params{"id": s.User(apptest.Chidi).Id})
	s.entered(apptest.Chidi, numberOfAda)
	s.Want(s.Do(apptest.Chidi, "PATCH", "/api/collections/private_profiles/records/"+profile, map[string]any{"city": "Kano"}), 200, "")
	if s.flags(apptest.Chidi, "name_review") != 0 {
		t.Error("a town is no name")
	}
}

// TestAccountMeanwhile: while the bank is asked, things change. What is so at the
// end decides.
func TestAccountMeanwhile(t *testing.T) {
	for name, test := range map[string]struct {
		during func(s *teller, value string)
		status int
		code   string
		rows   int64
	}{
		"the confirmation is spent": {func(s *teller, value string) {
			err := s.App.RunInTransaction(func(tx core.App) error {
				return accounts.UseConfirmation(tx, s.Deps.Clock.Now(), s.User(apptest.Ada), "payout_account", value)
			})
			if err != nil {
				s.t.Error(err)
			}
		}, 403, "confirmation_required", 0},
		"she is banned":       {func(s *teller, _ string) { s.stand(apptest.Ada, "banned") }, 403, "account_banned", 0},
		"she becomes another": {func(s *teller, _ string) { s.run("UPDATE private_profiles SET legal_name = 'Chidi Eze'", nil) }, 400, "name_mismatch", 0},
		"she enters it again": {func(s *teller, _ string) { s.entered(apptest.Ada, numberOfAda) }, 200, "", 1},
		"nothing of that":     {func(*teller, string) {}, 200, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := openTeller(t)
			value := s.confirm(apptest.Ada)
			s.during = func() {
				s.during = nil
				test.during(s, value)
			}
			s.Want(s.Do(apptest.Ada, "POST", accountsPath, nigerian(numberOfAda), "X-Confirmation: "+value), test.status, test.code)
			if rows := s.Int("SELECT COUNT(*) FROM payout_accounts"); rows != test.rows {
				t.Errorf("%d accounts", rows)
			}
		})
	}
}
