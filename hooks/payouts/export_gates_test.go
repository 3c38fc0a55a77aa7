package payouts

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/payout"
)

// Gate lets tests of the gates do what the worker does.
type Gate struct{ d *desk }

// NewGate is a gate on a server's dependencies.
func NewGate(deps *shell.Deps, provider Provider) Gate {
	return Gate{&desk{deps: deps, provider: provider}}
}

// Apply applies one event.
func (g Gate) Apply(app core.App, id string, event payout.Event) error {
	return app.RunInTransaction(func(tx core.App) error {
		_, err := g.d.apply(tx, id, cause{Actor: shell.System}, event)
		return err
	})
}

// ForgetBodies is the sweep of old bodies.
func (g Gate) ForgetBodies(app core.App) error { return g.d.forgetBodies(app) }

// Sealed seals and opens a body, for tests of the seal.
func Sealed(pepper, row string, body []byte) (string, func(pepper, row, sealed string) ([]byte, error), error) {
	keeper, err := newSealer(pepper)
	return keeper.seal(row, body), func(pepper, row, sealed string) ([]byte, error) {
		other, err := newSealer(pepper)
		if err != nil {
			return nil, err
		}
		return other.open(row, sealed)
	}, err
}
