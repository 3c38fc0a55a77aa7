package risk

import (
	"github.com/pocketbase/pocketbase/core"
)

// The questions of a look, for their plans.
var Questions = map[string]string{
	"devices": devicesQuery, "accounts": accountsQuery, "holders": holdersQuery, "pairs": pairVotesQuery, "approvals": ownVotesQuery,
	"swaps": swapsQuery, "races": racesQuery, "addresses": addressesQuery, "origins": originsQuery, "burst": burstQuery,
	"others": othersQuery, "changed pairs": changedPairsQuery, "changed owners": changedOwnersQuery,
}

// LookNow is what the job does.
func LookNow(app core.App, people ...string) error {
	d, err := deskOf(app)
	if err != nil {
		return err
	}
	return app.RunInTransaction(func(tx core.App) error { return d.look(tx, people) })
}

// Sweep runs one of the area's sweeps.
func Sweep(app core.App, id string) error {
	d, err := deskOf(app)
	if err != nil {
		return err
	}
	return map[string]func(core.App) error{"sightings": d.forget, "votes": d.watchVotes, "overdue": d.remind}[id](app)
}

// The forms in which things are compared.
var (
	DeviceOf  = deviceOf
	AddressOf = addressOf
)
