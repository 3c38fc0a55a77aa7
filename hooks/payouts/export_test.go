package payouts

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/payout"
)

// Bring brings an event to a payout as the worker does.
func Bring(tx core.App, deps *shell.Deps, id string, event payout.Event) error {
	_, err := (&desk{deps: deps}).apply(tx, id, cause{Actor: shell.System}, event)
	return err
}

// Flag raises a flag as the other files of the area do.
func Flag(tx core.App, deps *shell.Deps, user, kind string) error {
	return (&desk{deps: deps}).flag(tx, flag{User: user, Kind: kind, SubjectType: "users", SubjectID: user, Detail: "A test.", Score: 5000})
}

// Alert opens an alert.
func Alert(tx core.App, deps *shell.Deps, kind, subject string) error {
	return (&desk{deps: deps}).alert(tx, notice{Kind: kind, Severity: "warning", SubjectType: "payouts", SubjectID: subject, Text: "A test."})
}

// Paused tells whether sending of NGN is stopped.
func Paused(app core.App, deps *shell.Deps) (string, error) {
	return (&desk{deps: deps}).paused(app, "NGN")
}

// What the callers of a route are told.
var (
	RefusalOf = refusalOf
)

// ApplyTwice decides on one read twice, as two who raced.
func ApplyTwice(tx core.App, deps *shell.Deps, id string, event payout.Event) error {
	d := &desk{deps: deps}
	first, err := tx.FindRecordById("payouts", id)
	if err != nil {
		return err
	}
	second, err := tx.FindRecordById("payouts", id)
	if err != nil {
		return err
	}
	if _, err := d.applyTo(tx, first, cause{Actor: shell.System}, event); err != nil {
		return err
	}
	_, err = d.applyTo(tx, second, cause{Actor: shell.System}, event)
	return err
}
