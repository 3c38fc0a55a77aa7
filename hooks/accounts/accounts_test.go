package accounts_test

import (
	"context"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/internal/apptest"
)

const (
	usersPath    = "/api/collections/users/records"
	blocksPath   = "/api/collections/blocks/records"
	consentsPath = "/api/collections/consents/records"
)

// TestMain takes the wait out of the gates; one test sees that they ask for it.
func TestMain(m *testing.M) {
	accounts.SetFloor(func() func(context.Context) { return func(context.Context) {} })
	apptest.Main(m)
}

// row is what the database has, all columns as text.
func row(t testing.TB, s *hookstest.Server, table, id string) map[string]string {
	t.Helper()
	stored := dbx.NullStringMap{}
	err := s.App.DB().Select("*").From(table).Where(dbx.HashExp{"id": id}).One(stored)
	if err != nil {
		t.Fatalf("%s %s: %v", table, id, err)
	}
	values := map[string]string{}
	for column, value := range stored {
		values[column] = value.String
	}
	return values
}

// setStanding changes a standing as the system.
func setStanding(t testing.TB, s *hookstest.Server, who, standing string) {
	t.Helper()
	id := s.User(who).Id
	err := s.App.RunInTransaction(func(tx core.App) error {
		return accounts.SetStanding(tx, id, standing, "a test", "system")
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Forget(who)
}

// otp gives the person a live code.
func otp(t testing.TB, s *hookstest.Server, who, value string) *core.OTP {
	t.Helper()
	code := core.NewOTP(s.App)
	code.SetCollectionRef(s.User(who).Collection().Id)
	code.SetRecordRef(s.User(who).Id)
	code.SetPassword(value)
	if err := s.App.Save(code); err != nil {
		t.Fatal(err)
	}
	return code
}

// exec runs SQL that arranges a test.
func exec(t testing.TB, s *hookstest.Server, query string, params ...dbx.Params) {
	t.Helper()
	statement := s.App.NonconcurrentDB().NewQuery(query)
	for _, p := range params {
		statement.Bind(p)
	}
	if _, err := statement.Execute(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}
