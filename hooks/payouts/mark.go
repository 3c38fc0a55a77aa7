package payouts

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/shell"
)

// mark is which database sent how many transfers. It is kept in the database and
// in a file that no restore of the data directory brings back: a database that is
// behind its file has forgotten payouts, and the holds that kept their money.
type mark struct {
	Instance string `json:"instance"`
	Seq      int64  `json:"seq"`
}

// markRow is the mark in the database.
type markRow struct {
	ID       string `db:"id"`
	Instance string `db:"instance"`
	Seq      int64  `db:"seq"`
	Sound    bool   `db:"sound"`
	Detail   string `db:"detail"`
}

// Soundness tells whether the database has not lost anything that was sent, as
// far as its mark can tell, or why sending is off. One that never was compared
// may not send.
func Soundness(app core.App) (sound bool, detail string, err error) {
	row, found, err := storedMark(app)
	if err != nil || !found {
		return false, "it was not compared yet", err
	}
	return row.Sound, row.Detail, nil
}

func storedMark(app core.App) (markRow, bool, error) {
	var row markRow
	err := app.DB().NewQuery("SELECT id, instance, seq, sound, detail FROM payout_marks ORDER BY id LIMIT 1").One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return row, false, nil
	}
	return row, err == nil, err
}

// markPath is where the file is: beside the data directory unless the operator
// says otherwise.
func (d *desk) markPath(app core.App) string {
	if path := d.deps.Config.Paystack.Mark; path != "" {
		return path
	}
	dir := filepath.Clean(app.DataDir())
	return filepath.Join(filepath.Dir(dir), filepath.Base(dir)+".payouts.json")
}

func (d *desk) registerMark(app core.App) {
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "ll.payouts.mark",
		Func: func(e *core.ServeEvent) error {
			if err := d.guard(e.App); err != nil {
				return fmt.Errorf("the mark of payouts: %w", err)
			}
			return e.Next()
		},
	})
}

// guard compares the mark with its file at start, before anything is sent. Where
// they contradict each other sending is off until somebody has reconciled; it is
// never switched on here.
func (d *desk) guard(app core.App) error {
	if d.provider == nil || !d.deps.Config.Paystack.Payouts {
		return nil
	}
	path := d.markPath(app)
	file, found, unreadable := readMark(path)
	var row markRow
	err := app.RunInTransaction(func(tx core.App) error {
		var known, sent bool
		var err error
		if row, known, err = storedMark(tx); err != nil {
			return err
		}
		if err := tx.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM payouts WHERE attempt > 0)").Row(&sent); err != nil {
			return err
		}
		if !known {
			row = markRow{ID: shell.NewID(), Instance: shell.NewSecret(), Sound: true}
			if err := shell.Insert(tx, "payout_marks", dbx.Params{
				"id": row.ID, "instance": row.Instance, "seq": 0, "sound": true, "detail": "", "at": shell.Stamp(d.now()),
			}); err != nil {
				return err
			}
		}
		detail := ""
		switch {
		case unreadable != nil:
			detail = "The file of the mark cannot be read."
		case found && file.Instance != row.Instance:
			detail = "The file of the mark belongs to another database."
		case found && file.Seq > row.Seq:
			detail = fmt.Sprintf("The database knows of %d sends, the file of %d: a backup was restored, or commits were lost.", row.Seq, file.Seq)
		case !found && (row.Seq > 0 || sent):
			detail = "The file of the mark is missing, and something was sent before."
		}
		if detail == "" || !row.Sound {
			return nil
		}
		row.Sound = false
		return d.unsound(tx, detail)
	})
	if err != nil || !row.Sound {
		return err
	}
	return makeMark(path, mark{row.Instance, row.Seq}) // also proves that it can be written
}

// unsound switches sending off and says so.
func (d *desk) unsound(tx core.App, detail string) error {
	if _, err := shell.Exec(tx, "UPDATE payout_marks SET sound = FALSE, detail = {:detail}, at = {:now}",
		dbx.Params{"detail": detail, "now": shell.Stamp(d.now())}); err != nil {
		return err
	}
	return d.alert(tx, notice{Kind: "restored", Severity: "critical", SubjectType: "payout_marks",
		Text: "Nothing is sent: this database may have forgotten payouts. Run lingualink payouts reconcile, or POST /api/lingualink/payouts/reconcile.",
		Data: map[string]string{"detail": detail}})
}

// countSend counts one order to send, in the transaction that decides on it, and
// refuses while the database is not sound.
func (d *desk) countSend(tx core.App) (mark, error) {
	var next mark
	err := tx.DB().NewQuery("UPDATE payout_marks SET seq = seq + 1, at = {:now} WHERE sound = TRUE RETURNING instance, seq").
		Bind(dbx.Params{"now": shell.Stamp(d.now())}).Row(&next.Instance, &next.Seq)
	return next, err
}

// markLost tells that nothing is sent because the file cannot be written.
func (d *desk) markLost(app core.App, why error) error {
	return app.RunInTransaction(func(tx core.App) error {
		return d.alert(tx, notice{Kind: "mark", Severity: "critical", SubjectType: "payout_marks",
			Text: "Nothing is sent: the file of the mark cannot be written. See LL_PAYOUTS_MARK.", Data: map[string]string{"error": why.Error()}})
	})
}

func readMark(path string) (mark, bool, error) {
	var m mark
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, false, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &m)
	}
	if err == nil && m.Instance == "" {
		err = errors.New("it names no database")
	}
	return m, err == nil, err
}

// makeMark writes the file, into a directory that may be new. Only a start and a
// reconciliation do: a directory that vanishes later is a volume that is gone.
func makeMark(path string, m mark) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	return writeMark(path, m)
}

// markSend writes the mark of a send. Of two at once the later one stays: the
// file never counts less than it did.
func (d *desk) markSend(path string, m mark) error {
	d.marking.Lock()
	defer d.marking.Unlock()
	if m.Instance == d.marked.Instance && m.Seq < d.marked.Seq {
		return nil
	}
	if err := writeMark(path, m); err != nil {
		return err
	}
	d.marked = m
	return nil
}

// writeMark replaces the file: after a crash it is the old one or the new one,
// and when this returns the new one is on the disk.
func writeMark(path string, m mark) (err error) {
	content, err := json.Marshal(m)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	_, err = file.Write(append(content, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil //nolint:nilerr // renamed; a system that opens no directories syncs them by itself
	}
	return errors.Join(dir.Sync(), dir.Close())
}
