package shell

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// The statements of this file have the same text however many rows or values
// they are about, so that internal/prepared finds them ready: SQLite takes longer
// to parse a statement than to run it.

// Insert writes one row of a table that is the server's alone, by SQL: no
// hooks, no validation, no realtime event. The table's unique indexes and
// triggers hold.
func Insert(tx core.App, table string, row dbx.Params) error {
	_, err := tx.NonconcurrentDB().Insert(table, row).Execute()
	return err
}

// InsertAll writes rows of one table like [Insert]. Every row has the columns of
// the first. More than one row belongs into a transaction.
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
	if len(rows) == 0 {
		return nil
	}
	columns := slices.Sorted(maps.Keys(rows[0]))
	for i, row := range rows {
		if len(row) != len(columns) {
			return fmt.Errorf("shell: row %d for %s has other columns than the first", i, table)
		}
		for _, column := range columns {
			if _, ok := row[column]; !ok {
				return fmt.Errorf("shell: row %d for %s lacks %s", i, table, column)
			}
		}
	}
	return ExecEach(tx, "INSERT INTO {{"+table+"}} ([["+strings.Join(columns, "]], [[")+"]]) VALUES ({:"+strings.Join(columns, "}, {:")+"})"+conflict, rows)
}

// Exec runs one writing statement and returns how many rows it changed, which
// is how a state change learns whether it won its race.
func Exec(tx core.App, sql string, params dbx.Params) (int64, error) {
	result, err := tx.NonconcurrentDB().NewQuery(sql).Bind(params).Execute()
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// ExecEach prepares a writing statement once and runs it with each of the
// parameters, which all have the same names. More than one belong into a
// transaction.
func ExecEach(tx core.App, sql string, each []dbx.Params) (err error) {
	if len(each) > 1 {
		if err := mustBeInTransaction(tx); err != nil {
			return err
		}
	}
	values := dbx.Params{} // the query keeps it
	query := tx.NonconcurrentDB().NewQuery(sql).Bind(values).Prepare()
	defer func() {
		if closing := query.Close(); err == nil {
			err = closing
		}
	}()
	for _, params := range each {
		maps.Copy(values, params)
		if _, err := query.Execute(); err != nil {
			return err
		}
	}
	return nil
}

// In is the condition that a column has one of the values.
func In(column string, values []string) dbx.Expression {
	name := "in_" + strings.ReplaceAll(column, ".", "_")
	return dbx.NewExp("[["+column+"]] IN "+Among(name), dbx.Params{name: List(values)})
}

// Among is the right side of IN for a parameter that is a [List].
func Among(name string) string { return "(SELECT value FROM json_each({:" + name + "}))" }

// List makes many values one parameter, for SQLite's json_each.
func List[V any](values []V) string {
	text, err := json.Marshal(values)
	if err != nil {
		panic(err) // only types that no statement takes either fail
	}
	return string(text)
}

// rowIDs counts the ids of this process, from anywhere.
var rowIDs = func() *atomic.Uint64 {
	var count atomic.Uint64
	count.Store(rand.Uint64N(rowIDsPerMS))
	return &count
}()

const (
	rowIDTime   = 36 * 36 * 36 * 36 * 36 * 36 * 36 * 36 // ms; 89 years
	rowIDsPerMS = 36 * 36 * 36 * 36 * 36 * 36 * 36
)

// RowID makes the id of a row that is the server's alone. Those of one moment are
// neighbours, so that rows which are written together share pages of the index: a
// commit writes fewer, and a large table is not read at random places. Such an id
// tells when it was made and can be guessed; what people name has a [NewID].
func RowID(now time.Time) string {
	head := strconv.FormatUint(uint64(max(now.UnixMilli(), 0))%rowIDTime+rowIDTime, 36)
	tail := strconv.FormatUint(rowIDs.Add(1)%rowIDsPerMS+rowIDsPerMS, 36)
	return head[1:] + tail[1:] // without the leading 1 that keeps the zeros
}
