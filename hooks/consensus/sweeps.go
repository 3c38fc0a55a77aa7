package consensus

import (
	"strconv"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
)

const (
	sweepEvery = time.Second
	// maxSweeps bounds how many batches of clips one sweep moves, each in a
	// transaction of its own, so that requests and jobs get their turn.
	maxSweeps = 10
)

func registerSweeps(deps *shell.Deps) {
	deps.Outbox.Sweep("queue.leases", sweepEvery, func(app core.App) error { return ExpireLeases(app, deps) })
	deps.Outbox.Sweep("queue.passed", sweepEvery, func(app core.App) error { return OfferPassed(app, deps) })
}

const dueQuery = `SELECT id FROM assignments INDEXED BY idx_assignments_due
	WHERE state = 'live' AND lease_until <= {:now} ORDER BY lease_until LIMIT {:batch}`

// ExpireLeases marks leases that have run out and puts their clips back into the
// queue. It says nothing about the validator.
func ExpireLeases(app core.App, deps *shell.Deps) error {
	now := deps.Clock.Now()
	return inBatches(app, dueQuery, dbx.Params{"now": shell.Stamp(now)}, func(tx core.App, due []string) error {
		rows := []struct {
			Clip     string `db:"clip"`
			Language string `db:"language"`
		}{}
		// Between the look and this transaction somebody may have voted.
		params := dbx.Params{"now": shell.Stamp(now)}
		err := tx.NonconcurrentDB().NewQuery(`
			UPDATE assignments SET state = ` + ended + ` WHERE id IN (` + bindList(params, due) + `) AND state = 'live' AND lease_until <= {:now}
			RETURNING clip, language`).Bind(params).All(&rows)
		if err != nil {
			return err
		}
		clips := map[string][]string{}
		for _, row := range rows {
			clips[row.Language] = append(clips[row.Language], row.Clip)
		}
		for language, expired := range clips {
			policy, _, err := shell.ConsensusPolicy(tx, now, language)
			if err != nil {
				return err
			}
			if err := recount(tx, now, policy.MinVotes, expired); err != nil {
				return err
			}
		}
		return nil
	})
}

// OfferPassed gives clips that waited long enough for a better validator a new
// turn, in which whoever comes first gets them.
func OfferPassed(app core.App, deps *shell.Deps) error {
	now := deps.Clock.Now()
	query, params, err := passedQuery(app, now)
	if err != nil {
		return err
	}
	return inBatches(app, query, params, func(tx core.App, due []string) error {
		const waiting = "(ready = 1 AND passed = 1)"
		return newTurns(tx, now, due, `
			anybody = CASE WHEN `+waiting+` THEN 1 ELSE anybody END, passed = CASE WHEN `+waiting+` THEN 0 ELSE passed END`, waiting, nil)
	})
}

// passedQuery finds the clips that were passed over and have waited long enough.
// How long that is, a language may have a policy of its own for.
func passedQuery(app core.App, now time.Time) (string, dbx.Params, error) {
	languages := []string{}
	err := app.DB().NewQuery("SELECT DISTINCT language FROM policies WHERE subject = {:subject} AND language <> ''").
		Bind(dbx.Params{"subject": shell.PolicyConsensus}).Column(&languages)
	if err != nil {
		return "", nil, err
	}
	params, cases, latest := dbx.Params{}, "", ""
	for i, language := range append(languages, "") {
		policy, _, err := shell.ConsensusPolicy(app, now, language)
		if err != nil {
			return "", nil, err
		}
		n, since := strconv.Itoa(i), shell.Stamp(now.Add(-time.Duration(policy.WaitS)*time.Second))
		params["since"+n], latest = since, max(latest, since)
		if language == "" {
			cases += " ELSE {:since" + n + "}"
		} else {
			params["language"+n] = language
			cases += " WHEN {:language" + n + "} THEN {:since" + n + "}"
		}
	}
	params["latest"] = latest
	if len(languages) > 0 {
		cases = "CASE language" + cases + " END"
	} else {
		cases = "{:latest}"
	}
	return `SELECT clip FROM clip_tallies INDEXED BY idx_clip_tallies_passed
		WHERE ready = 1 AND passed = 1 AND turned_at <= {:latest} AND turned_at <= ` + cases + ` ORDER BY turned_at LIMIT {:batch}`, params, nil
}

// inBatches moves what the query finds, a batch at a time. It looks outside of
// the transaction: mostly there is nothing, and the writer need not be taken.
func inBatches(app core.App, query string, params dbx.Params, move func(tx core.App, found []string) error) error {
	params["batch"] = atOnce
	for range maxSweeps {
		found := []string{}
		if err := app.DB().NewQuery(query).Bind(params).Column(&found); err != nil || len(found) == 0 {
			return err
		}
		if err := app.RunInTransaction(func(tx core.App) error { return move(tx, found) }); err != nil {
			return err
		}
		if len(found) < atOnce {
			return nil
		}
	}
	return nil
}
