package payouts

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
)

// The rounds that the gates begin or wake.
const (
	roundInbox    = "payouts.inbox"
	roundWork     = "payouts.work"
	roundSweep    = "payouts.sweep"
	roundFundings = "fundings.check"

	inboxEvery = time.Second
	inboxBatch = 100
)

func (d *desk) registerInbox(core.App) {
	d.deps.Outbox.Round(roundInbox, inboxEvery, d.readInbox)
}

// event is a stored webhook, without its body: nothing that it says is believed
// but what to ask Paystack about.
type event struct {
	ID        string `db:"id"`
	Name      string `db:"event"`
	DataID    string `db:"data_id"`
	Reference string `db:"reference"`
}

// readInbox turns the events that came in into questions to Paystack. One that
// fails stays for the next round and holds up nobody.
func (d *desk) readInbox(ctx context.Context, app core.App) error {
	if d.provider == nil {
		return nil // the key was taken away; what came before waits for it
	}
	events := []event{}
	// What failed before comes last, or it would hold up the others.
	err := app.DB().NewQuery("SELECT id, event, data_id, reference FROM paystack_events WHERE state = 'queued' ORDER BY error != '', received_at, id LIMIT {:batch}").
		Bind(dbx.Params{"batch": inboxBatch}).All(&events)
	if err != nil {
		return err
	}
	var problems []error
	for _, one := range events {
		if ctx.Err() != nil {
			break
		}
		err := app.RunInTransaction(func(tx core.App) error { return d.applyEvent(tx, one) })
		if err != nil {
			problems = append(problems, fmt.Errorf("event %s: %w", one.ID, err))
			_, err = shell.Exec(app, "UPDATE paystack_events SET error = {:error} WHERE id = {:id}", dbx.Params{"id": one.ID, "error": cut(err.Error(), 500)})
			problems = append(problems, err)
		}
	}
	if len(events) == inboxBatch && len(problems) == 0 {
		d.deps.Outbox.WakeRound(roundInbox)
	}
	return errors.Join(problems...)
}

// applyEvent does what follows from one event and says so in its row.
func (d *desk) applyEvent(tx core.App, one event) error {
	state, err := d.follow(tx, one)
	if err != nil {
		return err
	}
	_, err = shell.Exec(tx, "UPDATE paystack_events SET state = {:state}, error = '', processed_at = {:now} WHERE id = {:id} AND state = 'queued'",
		dbx.Params{"id": one.ID, "state": state, "now": shell.Stamp(d.now())})
	return err
}

// follow finds what an event is about and lets the rounds look at it at once.
func (d *desk) follow(tx core.App, one event) (state string, err error) {
	switch {
	case strings.HasPrefix(one.Name, "transfer."):
		return d.followTransfer(tx, one)
	case strings.HasPrefix(one.Name, "charge.dispute."):
		return d.followDispute(tx, one)
	case strings.HasPrefix(one.Name, "charge."), strings.HasPrefix(one.Name, "refund."):
		return d.followPayment(tx, one)
	}
	return collections.EventIgnored, nil
}

func (d *desk) followTransfer(tx core.App, one event) (string, error) {
	known, err := d.lookNow(tx, "payouts", one.Reference, roundWork)
	switch {
	case err != nil:
		return "", err
	case known:
		return collections.EventApplied, nil
	case !d.ours(one.Reference):
		return collections.EventIgnored, nil // made at Paystack by hand
	}
	return collections.EventOrphan, d.stranger(tx, one)
}

// lookNow makes what has the reference due, and wakes the round that looks.
func (d *desk) lookNow(tx core.App, table, reference, round string) (bool, error) {
	found, err := shell.Exec(tx, "UPDATE {{"+table+"}} SET next_check_at = {:now} WHERE reference = {:reference}",
		dbx.Params{"reference": reference, "now": shell.Stamp(d.now())})
	if err != nil || found == 0 {
		return false, err
	}
	shell.AfterCommit(tx, func() { d.deps.Outbox.WakeRound(round) })
	return true, nil
}

// stranger is a transfer with a reference of ours that this database does not
// know: a backup was restored, or somebody else uses the key. The sweep of all
// transfers looks at once what it is.
func (d *desk) stranger(tx core.App, one event) error {
	err := d.alert(tx, notice{Kind: "orphan_transfer", Severity: "critical", SubjectType: "paystack_events", SubjectID: one.Reference,
		Text: "Paystack tells of a transfer with a reference of this server that is not in its database. Everything is paused: was a backup restored, or is the key used elsewhere?",
		Data: map[string]any{"event": one.ID, "name": one.Name, "reference": one.Reference}})
	if err != nil {
		return err
	}
	shell.AfterCommit(tx, func() { d.deps.Outbox.WakeRound(roundSweep) })
	return d.pause(tx, collections.PauseEverything, "orphan", "Paystack tells of the transfer "+one.Reference+", which is not in this database.", false)
}
