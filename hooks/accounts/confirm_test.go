package accounts_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/fault"
)

const confirmPath = "/api/lingualink/confirm"

// use spends a value as one of the people, or as the admin.
func use(s *hookstest.Server, who, purpose, value string) error {
	return s.App.RunInTransaction(func(tx core.App) error {
		return accounts.UseConfirmation(tx, s.Deps.Clock.Now(), account(s, who), purpose, value)
	})
}

func account(s *hookstest.Server, who string) *core.Record {
	if who != apptest.Admin {
		return s.User(who)
	}
	admin, err := s.App.FindAuthRecordByEmail(core.CollectionNameSuperusers, who)
	if err != nil {
		panic(err) // the template has it
	}
	return admin
}

func confirmed(t testing.TB, s *hookstest.Server, who string) string {
	t.Helper()
	body := map[string]any{"purpose": "payout_account", "password": apptest.Password}
	value, _ := s.Want(s.Do(who, "POST", confirmPath, body), 200, "").Data()["confirmation"].(string)
	if value == "" {
		t.Fatal("no confirmation")
	}
	return value
}

func TestConfirmWho(t *testing.T) {
	s := hookstest.Start(t)
	good := map[string]any{"purpose": "payout_account", "password": apptest.Password}
	s.Want(s.Do(apptest.Guest, "POST", confirmPath, good), 401, "sign_in_required")
	for _, who := range []string{apptest.Ada, apptest.Musa, apptest.Admin} {
		answer := s.Want(s.Do(who, "POST", confirmPath, good), 200, "")
		expires, err := time.Parse(time.RFC3339, answer.Data()["expires_at"].(string))
		if left := expires.Sub(s.Deps.Clock.Now()); err != nil || left <= 0 || left > 300*time.Second {
			t.Errorf("%s: expires in %v, %v", who, left, err)
		}
	}
}

func TestConfirmInput(t *testing.T) {
	s := hookstest.Start(t)
	for name, test := range map[string]struct {
		body   any
		status int
		code   string
	}{
		"no purpose":       {map[string]any{"password": apptest.Password}, 400, "invalid_input"},
		"short purpose":    {map[string]any{"purpose": "ab", "password": apptest.Password}, 400, "invalid_input"},
		"odd purpose":      {map[string]any{"purpose": "Payout Account", "password": apptest.Password}, 400, "invalid_input"},
		"nothing to prove": {map[string]any{"purpose": "payout_account"}, 400, "invalid_input"},
		"both":             {map[string]any{"purpose": "payout_account", "password": apptest.Password, "otp": "12345678"}, 400, "invalid_input"},
		"unknown field":    {map[string]any{"purpose": "payout_account", "password": apptest.Password, "user": "x"}, 400, "invalid_input"},
		"not JSON":         {"{", 400, "invalid_input"},
		"wrong password":   {map[string]any{"purpose": "payout_account", "password": "wrong"}, 403, "confirmation_invalid"},
		"wrong code":       {map[string]any{"purpose": "payout_account", "otp": "00000000"}, 403, "confirmation_invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			s.Want(s.Do(apptest.Ada, "POST", confirmPath, test.body), test.status, test.code)
		})
	}
	if n := s.Int("SELECT COUNT(*) FROM confirmations"); n != 0 {
		t.Errorf("%d confirmations", n)
	}
}

func TestConfirmationIsSpentOnce(t *testing.T) {
	s := hookstest.Start(t)
	value := confirmed(t, s, apptest.Ada)
	for name, refused := range map[string]error{
		"another person":  use(s, apptest.Bola, "payout_account", value),
		"another purpose": use(s, apptest.Ada, "payout_approval", value),
		"another value":   use(s, apptest.Ada, "payout_account", value+"A"),
		"no value":        use(s, apptest.Ada, "payout_account", ""),
	} {
		if !errors.Is(refused, fault.ConfirmationRequired.On("")) {
			t.Errorf("%s: %v", name, refused)
		}
	}
	// An act that fails leaves it unspent.
	failed := errors.New("the act failed")
	err := s.App.RunInTransaction(func(tx core.App) error {
		if err := accounts.UseConfirmation(tx, s.Deps.Clock.Now(), s.User(apptest.Ada), "payout_account", value); err != nil {
			return err
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Fatal(err)
	}
	if err := use(s, apptest.Ada, "payout_account", value); err != nil {
		t.Fatal(err)
	}
	if err := use(s, apptest.Ada, "payout_account", value); !errors.Is(err, fault.ConfirmationRequired.On("")) {
		t.Errorf("the second time: %v", err)
	}
	if err := accounts.UseConfirmation(s.App, s.Deps.Clock.Now(), s.User(apptest.Ada), "payout_account", value); err == nil {
		t.Error("it was spent outside a transaction")
	}
}

// TestConfirmationsOfAdminsAreTheirs: an admin may have the id of a person, who
// chose it, and neither can spend or hinder what is the other's.
func TestConfirmationsOfAdminsAreTheirs(t *testing.T) {
	s := hookstest.Start(t)
	admin := account(s, apptest.Admin)
	exec(t, s, "UPDATE users SET id = {:id} WHERE username = 'ada'", dbx.Params{"id": admin.Id})
	s.Forget(apptest.Ada)
	for _, pair := range [][2]string{{apptest.Admin, apptest.Ada}, {apptest.Ada, apptest.Admin}} {
		value := confirmed(t, s, pair[0])
		for name, refused := range map[string]error{
			"the other":              use(s, pair[1], "payout_account", value),
			"another person":         use(s, apptest.Bola, "payout_account", value),
			"another purpose":        use(s, pair[0], "payout_approve", value),
			"looked at by the other": accounts.CheckConfirmation(s.App, s.Deps.Clock.Now(), account(s, pair[1]), "payout_account", value),
		} {
			if !errors.Is(refused, fault.ConfirmationRequired.On("")) {
				t.Errorf("of %s, %s: %v", pair[0], name, refused)
			}
		}
		for range 2 { // looking spends nothing
			if err := accounts.CheckConfirmation(s.App, s.Deps.Clock.Now(), account(s, pair[0]), "payout_account", value); err != nil {
				t.Errorf("of %s: %v", pair[0], err)
			}
		}
		if err := use(s, pair[0], "payout_account", value); err != nil {
			t.Errorf("of %s: %v", pair[0], err)
		}
		if err := accounts.CheckConfirmation(s.App, s.Deps.Clock.Now(), account(s, pair[0]), "payout_account", value); err == nil {
			t.Errorf("of %s: it was spent", pair[0])
		}
	}
	wrong := map[string]any{"purpose": "payout_account", "password": "wrong"}
	for range 5 {
		s.Want(s.Do(apptest.Ada, "POST", confirmPath, wrong), 403, "confirmation_invalid")
	}
	s.Want(s.Do(apptest.Ada, "POST", confirmPath, wrong), 429, "rate_limited")
	confirmed(t, s, apptest.Admin)
	for range 5 {
		s.Want(s.Do(apptest.Admin, "POST", confirmPath, wrong), 403, "confirmation_invalid")
	}
	s.Want(s.Do(apptest.Admin, "POST", confirmPath, wrong), 429, "rate_limited")
}

func TestConfirmationExpires(t *testing.T) {
	s := hookstest.Start(t)
	early, late := confirmed(t, s, apptest.Ada), confirmed(t, s, apptest.Ada)
	s.Advance(295 * time.Second)
	if err := use(s, apptest.Ada, "payout_account", early); err != nil {
		t.Errorf("after 295 s: %v", err)
	}
	s.Advance(6 * time.Second)
	if err := use(s, apptest.Ada, "payout_account", late); !errors.Is(err, fault.ConfirmationRequired.On("")) {
		t.Errorf("after 301 s: %v", err)
	}
	s.Advance(25 * time.Hour)
	if err := accounts.ForgetConfirmations(s.App, s.Deps.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	if n := s.Int("SELECT COUNT(*) FROM confirmations"); n != 0 {
		t.Errorf("%d rows are kept", n)
	}
}

func TestOnlyTheHashIsStored(t *testing.T) {
	s := hookstest.Start(t)
	value := confirmed(t, s, apptest.Ada)
	id := s.Text("SELECT id FROM confirmations", nil)
	for column, stored := range row(t, s, "confirmations", id) {
		if strings.Contains(stored, value) {
			t.Errorf("%s holds the value", column)
		}
	}
	if hash := row(t, s, "confirmations", id)["token_hash"]; len(hash) != 64 {
		t.Errorf("the hash is %q", hash)
	}
}

func TestWrongConfirmationsAreLimited(t *testing.T) {
	s := hookstest.Start(t, "LL_RATE_LIMITS=off") // this limit guards money and stays
	try := func(who, password string) apptest.Answer {
		return s.Do(who, "POST", confirmPath, map[string]any{"purpose": "payout_account", "password": password})
	}
	for range 4 {
		s.Want(try(apptest.Ada, "wrong"), 403, "confirmation_invalid")
	}
	for range 3 {
		s.Want(try(apptest.Ada, apptest.Password), 200, "") // counts nothing
	}
	s.Want(s.Do(apptest.Ada, "POST", confirmPath, map[string]any{"purpose": "other_act", "otp": "wrong"}), 403, "confirmation_invalid")
	limited := s.Want(try(apptest.Ada, apptest.Password), 429, "rate_limited")
	if limited.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	s.Want(try(apptest.Bola, apptest.Password), 200, "")
	s.Advance(181 * time.Second)
	s.Want(try(apptest.Ada, apptest.Password), 200, "")
}

func TestConfirmByCode(t *testing.T) {
	s := hookstest.Start(t)
	otp(t, s, apptest.Ada, "11111111")
	otp(t, s, apptest.Ada, "22222222")
	expired := otp(t, s, apptest.Ada, "33333333")
	exec(t, s, "UPDATE _otps SET created = '2020-01-01 00:00:00.000Z' WHERE id = {:id}", dbx.Params{"id": expired.Id})
	otp(t, s, apptest.Bola, "44444444")
	try := func(code string) apptest.Answer {
		return s.Do(apptest.Ada, "POST", confirmPath, map[string]any{"purpose": "payout_account", "otp": code})
	}
	answer := s.Want(try("11111111"), 200, "")
	if err := use(s, apptest.Ada, "payout_account", answer.Data()["confirmation"].(string)); err != nil {
		t.Error(err)
	}
	s.Want(try("11111111"), 403, "confirmation_invalid") // used
	s.Want(try("33333333"), 403, "confirmation_invalid") // expired
	s.Want(try("44444444"), 403, "confirmation_invalid") // Bola's
	s.Want(try("22222222"), 200, "")
	if n := s.Int("SELECT COUNT(*) FROM _otps"); n != 2 {
		t.Errorf("%d codes are left, want the expired one and Bola's", n)
	}
}

func TestOneCodeConfirmsOnceAtTheSameMoment(t *testing.T) {
	s := hookstest.Start(t)
	otp(t, s, apptest.Ada, "11111111")
	s.Token(apptest.Ada)
	var wait sync.WaitGroup
	statuses := make([]int, 4)
	for i := range statuses {
		wait.Go(func() {
			statuses[i] = s.Do(apptest.Ada, "POST", confirmPath, map[string]any{"purpose": "payout_account", "otp": "11111111"}).Status
		})
	}
	wait.Wait()
	if n := s.Int("SELECT COUNT(*) FROM confirmations"); n != 1 {
		t.Errorf("%d confirmations; answers %v", n, statuses)
	}
}

func TestOneConfirmationIsSpentOnceAtTheSameMoment(t *testing.T) {
	s := hookstest.Start(t)
	value := confirmed(t, s, apptest.Ada)
	var wait sync.WaitGroup
	outcomes := make([]error, 8)
	for i := range outcomes {
		wait.Go(func() { outcomes[i] = use(s, apptest.Ada, "payout_account", value) })
	}
	wait.Wait()
	spent := 0
	for _, err := range outcomes {
		if err == nil {
			spent++
		}
	}
	if spent != 1 {
		t.Errorf("spent %d times", spent)
	}
}

func TestWrongOldPasswordsAreLimited(t *testing.T) {
	s := hookstest.Start(t)
	change := func(who, old string) apptest.Answer {
		return s.Do(who, "PATCH", usersPath+"/"+s.User(apptest.Ada).Id, map[string]any{
			"oldPassword": old, "password": "another long one", "passwordConfirm": "another long one",
		})
	}
	for range 5 {
		s.Want(change(apptest.Ada, "wrong"), 400, "validation_invalid_old_password")
	}
	s.Want(change(apptest.Ada, apptest.Password), 429, "rate_limited")
	s.Want(change(apptest.Bola, apptest.Password), 404, "")
	s.Advance(181 * time.Second)
	s.Want(change(apptest.Ada, apptest.Password), 200, "")
	s.Forget(apptest.Ada)
	s.Want(s.Do(apptest.Ada, "POST", confirmPath, map[string]any{"purpose": "payout_account", "password": "another long one"}), 200, "")
}
