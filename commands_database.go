package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/internal/datadir"
	"github.com/lingualink/lingualink/internal/prepared"
)

const driver = "sqlite"

// connect opens the pools of a database that this process writes. They keep their
// statements prepared.
func connect(path string) (*dbx.DB, error) {
	db, err := prepared.Open(datadir.DSN(path))
	if err != nil {
		return nil, err
	}
	return dbx.NewFromDB(db, driver), nil
}

// errNoDatabase means that no server was ever started on the directory.
var errNoDatabase = errors.New("there is no database; check --dir, or start the server once")

// errOldDatabase means that the database was last used by an older program.
var errOldDatabase = errors.New("the database is of an older version; make a backup, then start the server once: it brings the database up to date")

// lookMigrated is [look] for what reads tables that a newer version may have
// changed.
func lookMigrated(ctx context.Context, dir string, fn func(db dbx.Builder) error) error {
	return look(ctx, dir, func(db dbx.Builder) error {
		_, pending, _, err := migrationState(db)
		if err != nil {
			return err
		}
		if len(pending) > 0 {
			return fmt.Errorf("%s: %w", dir, errOldDatabase)
		}
		return fn(db)
	})
}

// look runs fn on one unchanging view of everything in the data directory, also
// while a server writes it. It needs no lock and holds nobody up.
func look(ctx context.Context, dir string, fn func(db dbx.Builder) error) (err error) {
	path := filepath.Join(dir, datadir.Data)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", dir, errNoDatabase)
	}
	db, err := dbx.Open(driver, datadir.ReadOnlyDSN(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("%s cannot be opened: %w", path, err)
	}
	// A snapshot begins with the first row that is read.
	var tables int
	if err := tx.NewQuery("SELECT COUNT(*) FROM sqlite_schema").Row(&tables); err != nil {
		return errors.Join(fmt.Errorf("%s cannot be read: %w", path, err), tx.Rollback())
	}
	return errors.Join(fn(tx), tx.Rollback())
}
