package payouts

import (
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/payout"
)

// sendLease is how long a worker may be silent about a payout that it claimed:
// longer than any call of the client lasts.
const sendLease = 2 * time.Minute

// errLost is a payout that somebody else changed in between: the decision was
// made on what is no longer so.
var errLost = errors.New("the payout was changed meanwhile")

// cause is who or what brings an event, for the payout's history.
type cause struct {
	Actor  string // shell.ActorOf, or shell.System
	Reason string // the person reads it, unless it is quiet
	Quiet  bool   // the reason is for the history only
	Data   any    // what was seen; never a secret
}

// apply carries one event into a payout, in the transaction of its cause: the
// decision of payout.Step, the payout, its history, its postings, alerts, pauses
// and notices, or nothing of it. An event that does not apply is a
// *payout.Conflict and writes nothing.
//
// Sending is the caller's: an outcome that orders it has committed attempt,
// reference and lease before the first byte may leave.
func (d *desk) apply(tx core.App, id string, by cause, event payout.Event) (payout.Outcome, error) {
	record, err := tx.FindRecordById("payouts", id)
	if err != nil {
		return payout.Outcome{}, err
	}
	return d.applyTo(tx, record, by, event)
}

// applyTo is [desk.apply] for a record that was read already, perhaps before the
// transaction: it loses against whoever changed the payout since.
func (d *desk) applyTo(tx core.App, record *core.Record, by cause, event payout.Event) (payout.Outcome, error) {
	policy, _, err := d.policy(tx)
	if err != nil {
		return payout.Outcome{}, err
	}
	if err := freeable(tx, event); err != nil {
		return payout.Outcome{}, err
	}
	now := d.now()
	before := read(record)
	outcome, err := payout.Step(before, event, policy, now)
	if err != nil {
		return outcome, err
	}
	rev := minorOf(record, "rev")
	won, err := shell.Exec(tx, "UPDATE payouts SET rev = rev + 1 WHERE id = {:id} AND rev = {:rev} AND state = {:state} AND attempt = {:attempt}",
		dbx.Params{"id": record.Id, "rev": rev, "state": string(before.State), "attempt": before.Attempt})
	if err != nil {
		return outcome, err
	}
	if won != 1 {
		return outcome, errLost
	}
	record.Set("rev", rev+1)
	write(record, outcome.Payout)
	if observation, seen := observed(event); seen && observation.Status != payout.NotFound {
		record.Set("provider_status", string(observation.Status))
	}
	if by.Reason != "" && !by.Quiet {
		record.Set("reason", by.Reason)
	}
	sign(record, before.State, outcome.State, event, now)
	if err := d.remember(tx, record.Id, before.State, outcome.State, by, event, outcome.Effects); err != nil {
		return outcome, err
	}
	for _, effect := range outcome.Effects {
		if err := d.carryOut(tx, record, by, effect); err != nil {
			return outcome, fmt.Errorf("payout %s: %s: %w", record.Id, effect, err)
		}
	}
	return outcome, tx.SaveNoValidate(record)
}

// freeable refuses to give a hold back because nothing was sent while this
// database may have forgotten that something was: after a restore, until it is
// reconciled.
func freeable(tx core.App, event payout.Event) error {
	switch event.(type) {
	case payout.Cancel, payout.Reject:
	default:
		return nil
	}
	mark, known, err := storedMark(tx)
	if err != nil || !known || mark.Sound {
		return err
	}
	return fault.PayoutWaits.On("id").Saying("The server was restored from a backup and finds out first what had been sent. Try again later.")
}

// observed is what Paystack said of the transfer, where the event says it.
func observed(event payout.Event) (payout.Observation, bool) {
	switch e := event.(type) {
	case payout.Observation:
		return e, true
	case payout.Answer:
		return e.Observation, e.Class == payout.Accepted
	}
	return payout.Observation{}, false
}

// remember appends to the payout's history.
func (d *desk) remember(tx core.App, id string, from, to payout.State, by cause, event payout.Event, effects []payout.Effect) error {
	var seq int64
	if err := tx.DB().NewQuery("SELECT COALESCE(MAX(seq), 0) + 1 FROM payout_events WHERE payout = {:id}").
		Bind(dbx.Params{"id": id}).Row(&seq); err != nil {
		return err
	}
	done := make([]string, len(effects))
	for i, effect := range effects {
		done[i] = effect.String()
	}
	data, err := asJSON(map[string]any{"event": event, "seen": by.Data, "effects": done})
	if err != nil {
		return err
	}
	return shell.Insert(tx, "payout_events", dbx.Params{
		"id": shell.NewID(), "payout": id, "seq": seq, "event": payout.Name(event), "from_state": string(from), "to_state": string(to),
		"actor": by.Actor, "reason": by.Reason, "data": data, "at": shell.Stamp(d.now()),
	})
}
