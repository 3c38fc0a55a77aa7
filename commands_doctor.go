package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/spf13/cobra"

	"github.com/lingualink/lingualink/internal/datadir"
)

// How a check went. Only failed makes the exit code 1.
const (
	stateOK      = "ok"
	stateWarning = "warning"
	stateFailed  = "failed"
)

// check is one line of the doctor's report.
type check struct {
	Name  string `json:"name"`
	State string `json:"state"`
	What  string `json:"what"`
	Do    string `json:"do,omitempty"`
}

// doctor examines a data directory and the machine. It changes nothing, needs
// no lock and may run beside a server.
type doctor struct {
	*program
	dir    string
	inUse  bool
	checks []check
}

func newDoctorCommand(p *program) *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Check the data directory, the configuration and the machine",
		Long: `Check the configuration, the machine, the data directory and what is in the
database, and say for each what was found and what to do. Nothing is changed and
no lock is taken: it may run beside a server, and on an empty directory. With a key
of Paystack it asks there for the balance and the time, and at the public address
whether webhooks arrive. The exit code is 1 when a check failed; warnings leave it 0.

With --json:
  {"ok": true, "checks": [{"name": "disk space", "state": "ok", "what": "...", "do": "..."}]}
The state is ok, warning or failed; "do" is left out where nothing is to be done.`,
		Example: "  lingualink doctor --dir /data\n  lingualink doctor --json | jq '.checks[] | select(.state != \"ok\")'",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			checks := examine(command.Context(), p)
			failed := 0
			for _, check := range checks {
				if check.State == stateFailed {
					failed++
				}
			}
			var err error
			if asJSON {
				err = writeJSON(command.OutOrStdout(), map[string]any{"ok": failed == 0, "checks": checks})
			} else {
				err = writeChecks(command.OutOrStdout(), checks)
			}
			if err == nil && failed > 0 {
				err = fmt.Errorf("%d of %d checks failed", failed, len(checks))
			}
			return err
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return command
}

func writeChecks(w io.Writer, checks []check) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, check := range checks {
		fmt.Fprintf(table, "%s\t%s\t%s\n", check.State, check.Name, check.What)
		if check.Do != "" {
			fmt.Fprintf(table, "\t\t-> %s\n", check.Do)
		}
	}
	return table.Flush()
}

// examine runs every check, in the order of the report.
func examine(ctx context.Context, p *program) []check {
	d := &doctor{program: p, dir: p.app.DataDir()}
	d.checkConfiguration()
	d.checkMachine()
	usable := d.checkDirectory()
	d.checkLiveKit(ctx)
	d.checkPaystack(ctx) // after it is known whether a server runs
	if !usable {
		return d.checks
	}
	err := look(ctx, d.dir, func(db dbx.Builder) error {
		d.checkDatabase(db)
		return nil
	})
	switch {
	case errors.Is(err, errNoDatabase):
		d.warn("database", "start the server once, it makes one; if there should be one, check --dir", "there is none yet")
	case err != nil:
		d.fail("database", "see that the file is whole and readable, or restore a backup", "it cannot be read: %v", err)
	}
	return d.checks
}

func (d *doctor) ok(name, what string, args ...any) {
	d.checks = append(d.checks, check{Name: name, State: stateOK, What: fmt.Sprintf(what, args...)})
}

func (d *doctor) warn(name, do, what string, args ...any) {
	d.checks = append(d.checks, check{Name: name, State: stateWarning, What: fmt.Sprintf(what, args...), Do: do})
}

func (d *doctor) fail(name, do, what string, args ...any) {
	d.checks = append(d.checks, check{Name: name, State: stateFailed, What: fmt.Sprintf(what, args...), Do: do})
}

// broken reports a check that could not be made.
func (d *doctor) broken(name string, err error) {
	d.fail(name, "see docs/operate.md#doctor", "it could not be checked: %v", err)
}

// now is the server's time, also where a file turns it.
func (d *doctor) now() time.Time {
	if d.deps != nil {
		return d.deps.Clock.Now()
	}
	return time.Now()
}

// checkDirectory reports whether there is a directory to look into.
func (d *doctor) checkDirectory() bool {
	const name = "data directory"
	if err := mustBeWritable(d.dir); err != nil {
		d.fail(name, "check --dir and who owns the directory; the server makes it at its first start", "%v", err)
		return false
	}
	d.ok(name, "%s is writable", d.dir)
	d.checkSpace()

	var err error
	if d.inUse, err = datadir.InUse(d.dir); err != nil {
		d.broken("server", err)
	} else if d.inUse {
		d.ok("server", "one is running on this directory")
	} else {
		d.ok("server", "none is running on this directory")
	}
	d.checkBackupFiles()
	return true
}
