package shell

import (
	"crypto/rand"
	"errors"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/security"
)

// errNoTransaction guards the functions that only make sense inside one.
var errNoTransaction = errors.New("shell: this write belongs into a transaction")

// InTransaction runs fn in one transaction with the event's app swapped for the
// transaction's, so that everything fn calls, e.Next() included, writes into
// it. The app is put back before the transaction ends: hooks that run after the
// commit would otherwise write to a dead transaction and lose their work.
//
//	return shell.InTransaction(&e.App, func(tx core.App) error {
//		...
//		return e.Next()
//	})
func InTransaction(app *core.App, fn func(tx core.App) error) error {
	outer := *app
	return outer.RunInTransaction(func(tx core.App) error {
		*app = tx
		defer func() { *app = outer }()
		return fn(tx)
	})
}

// Transact runs fn in one transaction and returns what it made. With an error
// nothing was written, and what fn returned beside it says nothing.
func Transact[T any](app core.App, fn func(tx core.App) (T, error)) (made T, err error) {
	err = app.RunInTransaction(func(tx core.App) (err error) {
		made, err = fn(tx)
		return err
	})
	return made, err
}

// AfterCommit runs fn once the transaction of tx is committed, and not at all
// when it is rolled back. Nothing that must not be lost may depend on it: a
// crash in between loses the call. Outside a transaction it runs at once.
func AfterCommit(tx core.App, fn func()) {
	info := tx.TxInfo()
	if info == nil {
		fn()
		return
	}
	info.OnComplete(func(err error) error {
		if err == nil {
			fn()
		}
		return nil
	})
}

// mustBeInTransaction is the first line of every function that writes rows
// which belong to a larger decision.
func mustBeInTransaction(tx core.App) error {
	if !tx.IsTransactional() {
		return errNoTransaction
	}
	return nil
}

// NewID makes a record id.
func NewID() string {
	return security.RandomStringWithAlphabet(core.DefaultIdLength, core.DefaultIdAlphabet)
}

// NewSecret makes an unguessable token of 26 base32 characters, 130 bits.
func NewSecret() string { return rand.Text() }

// IsID tells whether a client-made id has the form of a record id.
func IsID(id string) bool {
	return len(id) == core.DefaultIdLength && strings.Trim(id, core.DefaultIdAlphabet) == ""
}
