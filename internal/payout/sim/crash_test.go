package sim_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

// The points at which the server may die, in the order of a send.
const (
	beforeStored = "before the row is written"        // in the transaction
	afterStored  = "after the row, before the commit" // in the transaction
	afterCommit  = "after the commit"
	beforePost   = "before the order leaves"
	afterPost    = "after the order, before its answer is stored"
	afterVerify  = "after verify, before it is stored"
)

var crashPoints = []string{beforeStored, afterStored, afterCommit, beforePost, afterPost, afterVerify}

// errDead is what unwinds everything when the server dies.
var errDead = errors.New("killed")

// at dies here if the world wants it so. Whatever was in memory is gone with the
// panic; what was committed stays.
func (w *world) at(point string) {
	if w.crash.point != point {
		return
	}
	if w.crash.skip > 0 {
		w.crash.skip--
		return
	}
	w.crash.point = ""
	w.met.count("killed " + point)
	w.say("KILLED %s", point)
	panic(errDead)
}

// survive runs what may die.
func (w *world) survive(what string, do func() error) {
	defer func() {
		if p := recover(); p != nil && p != errDead { //nolint:errorlint // the very value
			panic(p)
		}
	}()
	if err := do(); err != nil {
		w.say("%s: %v", what, err)
	}
}

// bindCrashes puts the points around what is written to payouts.
func (w *world) bindCrashes(app core.App) {
	app.OnRecordUpdateExecute("payouts").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "sim.payouts.execute",
		Func: func(e *core.RecordEvent) error {
			w.at(beforeStored)
			if err := e.Next(); err != nil {
				return err
			}
			w.at(afterStored)
			return nil
		},
	})
	app.OnRecordAfterUpdateSuccess("payouts").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "sim.payouts.updated",
		Func: func(e *core.RecordEvent) error {
			err := e.Next()
			w.at(afterCommit)
			return err
		},
	})
}

// mortal is the client of Paystack with the points around its calls.
type mortal struct {
	*paystack.Client

	world *world
}

// restart makes a client that remembers nothing, neither of connections nor of
// having been told to wait: it waits by the real time, and a world does not.
func (m *mortal) restart() (err error) {
	m.Client, err = paystack.New(paystacktest.Key, paystack.Options{BaseURL: m.world.fake.URL, Timeout: time.Second})
	return err
}

func (m *mortal) InitiateTransfer(ctx context.Context, order paystack.TransferOrder) (paystack.Transfer, error) {
	m.world.at(beforePost)
	transfer, err := m.Client.InitiateTransfer(ctx, order)
	m.world.say("POST %s %d -> %s %v", order.Reference, order.AmountMinor, transfer.Status, err)
	m.world.at(afterPost)
	return transfer, err
}

func (m *mortal) VerifyTransfer(ctx context.Context, reference string) (paystack.Transfer, error) {
	transfer, err := m.Client.VerifyTransfer(ctx, reference)
	m.world.at(afterVerify)
	return transfer, err
}

// round runs a round of the server; it may die in it.
func (w *world) round(id string) {
	w.survive(id, func() error {
		err := w.deps.Outbox.RunRound(context.Background(), w.s.App, id)
		if err != nil {
			return fmt.Errorf("failed: %w", err)
		}
		return nil
	})
}
