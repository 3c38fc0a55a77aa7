package shell

import (
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
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

// Insert writes one row of a table that is the server's alone, by SQL: no
// hooks, no validation, no realtime event. The table's unique indexes and
// triggers hold.
func Insert(tx core.App, table string, row dbx.Params) error {
	_, err := tx.NonconcurrentDB().Insert(table, row).Execute()
	return err
}

// InsertAll writes rows of one table like [Insert], in few statements. Every row
// has the columns of the first.
func InsertAll(tx core.App, table string, rows []dbx.Params) error {
	return insertAll(tx, table, rows, "")
}

// UpsertAll is [InsertAll] for rows that may be there already: a row with the
// same values in the columns of key, a unique index, gets the new row's values in
// all other columns but its id.
func UpsertAll(tx core.App, table string, key []string, rows []dbx.Params) error {
	if len(rows) == 0 {
		return nil
	}
	sets := []string{}
	for _, column := range slices.Sorted(maps.Keys(rows[0])) {
		if column != "id" && !slices.Contains(key, column) {
			sets = append(sets, "[["+column+"]] = excluded.[["+column+"]]")
		}
	}
	return insertAll(tx, table, rows, " ON CONFLICT ([["+strings.Join(key, "]], [[")+"]]) DO UPDATE SET "+strings.Join(sets, ", "))
}

func insertAll(tx core.App, table string, rows []dbx.Params, conflict string) error {
	for batch := range slices.Chunk(rows, insertBatch) {
		columns := slices.Sorted(maps.Keys(batch[0]))
		values, params := make([]string, len(batch)), dbx.Params{}
		for i, row := range batch {
			if len(row) != len(columns) {
				return fmt.Errorf("shell: row %d for %s has other columns than the first", i, table)
			}
			names := make([]string, len(columns))
			for j, column := range columns {
				name := fmt.Sprintf("v%d_%d", i, j)
				value, ok := row[column]
				if !ok {
					return fmt.Errorf("shell: row %d for %s lacks %s", i, table, column)
				}
				names[j], params[name] = "{:"+name+"}", value
			}
			values[i] = "(" + strings.Join(names, ", ") + ")"
		}
		statement := "INSERT INTO {{" + table + "}} ([[" + strings.Join(columns, "]], [[") + "]]) VALUES " + strings.Join(values, ", ") + conflict
		if _, err := tx.NonconcurrentDB().NewQuery(statement).Bind(params).Execute(); err != nil {
			return err
		}
	}
	return nil
}

// insertBatch keeps a statement far below SQLite's limit of variables.
const insertBatch = 100

// Exec runs one writing statement and returns how many rows it changed, which
// is how a state change learns whether it won its race.
func Exec(tx core.App, sql string, params dbx.Params) (int64, error) {
	result, err := tx.NonconcurrentDB().NewQuery(sql).Bind(params).Execute()
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// IsID tells whether a client-made id has the form of a record id.
func IsID(id string) bool {
	return len(id) == core.DefaultIdLength && strings.Trim(id, core.DefaultIdAlphabet) == ""
}
