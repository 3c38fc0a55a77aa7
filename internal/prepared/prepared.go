// Package prepared decides which statements a connection to SQLite keeps ready
// to run again. Parsing and planning a short statement costs more than running
// it, and a server runs the same few hundred texts all day.
//
// It sits between database/sql and the driver modernc.org/sqlite, so everybody
// who opens a database with [Open] has it and nobody needs to know. Nothing but
// the speed changes: a statement is reset as soon as its rows are closed, holds
// no lock and no snapshot while it waits, and is planned anew by SQLite itself
// when the schema or the statistics change.
//
// It refuses to keep what is not plain reading and writing of rows (pragmas act
// while they are parsed, schema changes come once), what is very long, and what
// has failed.
package prepared

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"

	"modernc.org/sqlite"
)

const (
	// mostKept bounds the statements of one connection. PocketBase keeps 15 idle
	// connections for reading and one for writing; a statement takes some 10 KB.
	mostKept = 200
	// longestKept is in bytes. Longer texts are rarely the same twice.
	longestKept = 4096
)

// Open returns a database of the given data source name, like sql.Open of the
// driver "sqlite".
func Open(dsn string) (*sql.DB, error) {
	plain, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector{plain}), nil
}

type connector struct{ driver.Connector }

// Connect implements driver.Connector.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	plain, ok := opened.(plainConn)
	if !ok {
		return nil, unexpected(opened)
	}
	return &conn{plainConn: plain}, nil
}

// unexpected means that the driver has changed more than its version.
func unexpected(part any) error {
	return fmt.Errorf("prepared: %T lacks methods that the driver had", part)
}

// plainConn is what a connection of the driver can do, as far as database/sql
// asks for it.
type plainConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// conn is a connection with its statements. Like every connection it is used by
// one goroutine at a time, its rows included; database/sql sees to that.
type conn struct {
	plainConn
	kept kept
}

// ExecContext implements driver.ExecerContext.
func (c *conn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	if !keeps(text) {
		return c.plainConn.ExecContext(ctx, text, args)
	}
	s, err := c.kept.take(ctx, c.plainConn, text)
	if err != nil {
		return nil, err
	}
	result, err := s.ExecContext(ctx, args)
	if back := c.kept.giveBack(s, err != nil); err == nil {
		err = back
	}
	return result, err
}

// QueryContext implements driver.QueryerContext.
func (c *conn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	if !keeps(text) {
		return c.plainConn.QueryContext(ctx, text, args)
	}
	s, err := c.kept.take(ctx, c.plainConn, text)
	if err != nil {
		return nil, err
	}
	opened, err := s.QueryContext(ctx, args)
	if err != nil {
		_ = c.kept.giveBack(s, true)
		return nil, err
	}
	plain, ok := opened.(plainRows)
	if !ok {
		_ = opened.Close()
		_ = c.kept.giveBack(s, true)
		return nil, unexpected(opened)
	}
	return &rows{plainRows: plain, conn: c, statement: s}, nil
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *conn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	if !keeps(text) {
		return c.plainConn.PrepareContext(ctx, text)
	}
	s, err := c.kept.take(ctx, c.plainConn, text)
	if err != nil {
		return nil, err
	}
	return &lent{statement: s, conn: c}, nil
}

// Close implements driver.Conn.
func (c *conn) Close() error {
	c.kept.closeAll()
	return c.plainConn.Close()
}

// plainRows is what rows of the driver can do.
type plainRows interface {
	driver.Rows
	driver.RowsColumnTypeDatabaseTypeName
	driver.RowsColumnTypeLength
	driver.RowsColumnTypeNullable
	driver.RowsColumnTypePrecisionScale
	driver.RowsColumnTypeScanType
}

// rows have their statement until they are closed.
type rows struct {
	plainRows
	conn      *conn
	statement *statement
}

// Close implements driver.Rows. A statement that failed on the way says so again
// when it is reset.
func (r *rows) Close() error {
	err := r.plainRows.Close()
	if s := r.statement; s != nil {
		r.statement = nil
		if back := r.conn.kept.giveBack(s, err != nil); err == nil {
			err = back
		}
	}
	return err
}

// lent is a statement in the hands of somebody who prepared it.
type lent struct {
	*statement
	conn   *conn
	spoilt bool // it failed, or rows of it may still be open when it is closed
}

// ExecContext implements driver.StmtExecContext.
func (l *lent) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	result, err := l.statement.ExecContext(ctx, args)
	l.spoilt = l.spoilt || err != nil
	return result, err
}

// QueryContext implements driver.StmtQueryContext.
func (l *lent) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	l.spoilt = true
	return l.statement.QueryContext(ctx, args)
}

// Close implements driver.Stmt.
func (l *lent) Close() error { return l.conn.kept.giveBack(l.statement, l.spoilt) }

// keeps tells by its first word whether a text reads or writes rows.
func keeps(text string) bool {
	if len(text) > longestKept {
		return false
	}
	text = strings.TrimLeft(text, " \t\r\n")
	word := text
	if end := strings.IndexAny(text, " \t\r\n("); end >= 0 {
		word = text[:end]
	}
	for _, known := range [...]string{"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"} {
		if strings.EqualFold(word, known) {
			return true
		}
	}
	return false
}
