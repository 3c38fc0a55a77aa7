// Package risk decides whose money waits because they look like one person, or
// like people who take the programme together: it remembers what people were seen
// with, looks at those of whom something new was seen, puts clusters before
// moderators and carries out what they decide. The weighing is internal/risk.
//
// It refuses to look at everybody: every look starts from people and follows what
// they share. It refuses to punish: a freeze takes nothing away, ends when
// somebody decides, and is told to the person with the reason. And it refuses to
// tell anybody what was seen of somebody else.
package risk

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/risk"
)

// What this area writes into tables of others.
const (
	FlagCluster  = "cluster" // kind of risk_flags; decided with the cluster
	RelationRisk = "risk"    // kind of relations
	// SubjectFreezes is the kind of decision that an appeal names.
	SubjectFreezes = "freezes"
)

const (
	jobLook = "risk.look"
	// deskKey is where the desk is kept for the functions that the areas above call.
	deskKey = "ll.risk.desk"
	// keyLabel is what is derived from the pepper for sightings, and nothing else.
	keyLabel = "lingualink sightings v1"
)

// desk is what the handlers of this area share.
type desk struct {
	deps *shell.Deps
	key  []byte // of the hashes of sightings; nil without a pepper
	// votes is how far the sweep of votes has come; the worker alone uses it.
	votes voteCursor
}

// Register binds the area.
func Register(app core.App, deps *shell.Deps) {
	d := &desk{deps: deps}
	if deps.Config.Pepper != "" {
		key, err := hkdf.Key(sha256.New, []byte(string(deps.Config.Pepper)), nil, keyLabel, sha256.Size)
		if err != nil {
			panic(err) // of a length that SHA-256 cannot give
		}
		d.key = key
	}
	app.Store().Set(deskKey, d)
	d.registerSightings(app)
	d.registerLook()
	d.registerDecisions()
	d.registerSweeps()
	d.registerAppeals(app)
}

func deskOf(app core.App) (*desk, error) {
	d, ok := app.Store().Get(deskKey).(*desk)
	if !ok {
		return nil, errors.New("risk: the area is not bound")
	}
	return d, nil
}

func (d *desk) now() time.Time { return d.deps.Clock.Now() }

// policy is the risk policy in force.
func (d *desk) policy(app core.App) (rules.Policy, int64, error) {
	return shell.Policy(app, d.now(), shell.PolicyRisk, "", rules.ParsePolicy)
}

// order is what a look is asked for.
type order struct {
	People []string `json:"people"`
}

// Look has the people looked at soon, in a job of its own, together with
// everybody whom strong links reach from them. The cause names the event, for
// example "claim:<id>"; a cause is looked at once. Looking where nothing is new
// changes nothing.
func Look(tx core.App, deps *shell.Deps, cause string, people ...string) error {
	if len(people) == 0 {
		return nil
	}
	if cause == "" {
		return fmt.Errorf("risk: a look at %v has no cause", people)
	}
	return deps.Outbox.Enqueue(tx, shell.Job{Kind: jobLook, Key: cause, Payload: order{People: people}})
}

// DecidedEvent is a decision on a cluster, in its transaction.
type DecidedEvent struct {
	hook.Event
	App     core.App // the transaction
	Cluster string
	Outcome string // collections.ClusterCleared or collections.ClusterConfirmed
	// People are those whom the outcome is about: all of a cleared cluster, those
	// of a confirmed one who were not spared.
	People []string
	Spared []string // found innocent by a decision that confirms the rest
	Actor  string   // shell.ActorOf
	Reason string
}

// OnDecided is triggered once for every decision, after its rows were written and
// before the commit: an error undoes it.
func OnDecided(app core.App) *hook.Hook[*DecidedEvent] {
	return eventHook[*DecidedEvent](app, "decided")
}

// OverturnedEvent is an appeal that was granted: the decision is undone for one
// person, in this transaction.
type OverturnedEvent struct {
	hook.Event
	App           core.App // the transaction
	Cluster, User string
	Actor, Reason string
}

// OnOverturned is triggered once for every appeal against a freeze that is
// granted, before the commit: an error undoes it.
func OnOverturned(app core.App) *hook.Hook[*OverturnedEvent] {
	return eventHook[*OverturnedEvent](app, "overturned")
}

// FreezeEvent tells that a person's money waits from now on, or no longer does.
type FreezeEvent struct {
	hook.Event
	App  core.App // the transaction
	User string
	On   bool
}

// OnFreeze is triggered when a person's first freeze begins and when the last
// one ends, in the transaction: an error undoes it.
func OnFreeze(app core.App) *hook.Hook[*FreezeEvent] {
	return eventHook[*FreezeEvent](app, "freeze")
}

func eventHook[E hook.Resolver](app core.App, name string) *hook.Hook[E] {
	return app.Store().GetOrSet("ll.risk."+name, func() any { return &hook.Hook[E]{} }).(*hook.Hook[E])
}
