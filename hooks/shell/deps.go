// Package shell decides how everything that touches the database does so: one
// transaction wrapper, one mapping of errors to answers, one clock, one outbox
// of jobs, one audit log, one way to read policies, one table of routes. It
// refuses to hold a rule of any subject; those live in the areas above it and
// in internal/.
package shell

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/internal/audio"
	"github.com/lingualink/lingualink/internal/config"
	"github.com/lingualink/lingualink/internal/moderation/screen"
)

// Deps is what main injects into the areas; tests inject fakes.
type Deps struct {
	Config config.Config
	Clock  *Clock
	Outbox *Outbox
	Routes *Routes
	Topics *Topics
	Media  *audio.Prober
	// Classifier is asked about texts after they are stored; nil: nobody is.
	Classifier screen.Classifier
	// Strict makes mistakes of the program errors that a running server survives;
	// tests set it.
	Strict bool
}

// NewDeps wires the parts that only need the configuration and the clock.
func NewDeps(cfg config.Config, clock *Clock, media *audio.Prober) *Deps {
	return &Deps{
		Config: cfg,
		Clock:  clock,
		Outbox: NewOutbox(clock),
		Routes: &Routes{},
		Topics: &Topics{},
		Media:  media,
	}
}

// Register binds what the shell itself contributes.
func Register(app core.App, deps *Deps) {
	bindErrors(app)
	bindSettings(app, deps)
	bindClosedEndpoints(app, deps)
	bindGuards(app, deps)
	bindTopics(app, deps)
	bindRoutes(app, deps)
	bindOutbox(app, deps)
	registerAuditExport(deps)
	registerPolicies(app, deps)
}
