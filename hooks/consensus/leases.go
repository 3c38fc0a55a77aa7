package consensus

import (
	"slices"
	"strconv"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
)

const (
	// atOnce bounds the clips of one statement.
	atOnce = 200
	// mostLeases is for how many leases in a row a clip is kept for somebody who
	// asks again and again but does not vote. Then it is as if they had skipped it.
	mostLeases = 12
	keptLong   = "kept_too_long"
	// ended is the state of an assignment whose lease ran out.
	ended = "CASE WHEN reason = '" + keptLong + "' THEN 'skipped' ELSE 'expired' END"
)

// closedSQL ends leases on clips that were decided, withdrawn or hidden, or whose
// speaker has become related or is banned.
var closedSQL = `DELETE FROM assignments INDEXED BY idx_assignments_validator
	WHERE validator = {:me} AND language = {:language} AND state = 'live' AND (
		EXISTS (SELECT 1 FROM clip_tallies t INDEXED BY idx_clip_tallies_clip WHERE t.clip = assignments.clip AND (t.open = 0 OR ` + relatedTo("t.owner") + ` OR ` + accounts.BannedSQL("t.owner") + `))
		OR (SELECT hidden FROM clips WHERE id = assignments.clip) = 1)
	RETURNING clip`

// overdueSQL ends leases that ran out; those of who may only take the onboarding
// again all do, but on controls.
const overdueSQL = `UPDATE assignments INDEXED BY idx_assignments_validator SET state = ` + ended + `
	WHERE validator = {:me} AND language = {:language} AND state = 'live' AND (lease_until <= {:now}
		OR ({:excluded} AND (SELECT gold FROM clip_tallies WHERE clip = assignments.clip) = ''))
	RETURNING clip`

// giveBack ends the leases of the person that no longer serve.
func (a *asking) giveBack() error {
	closed, overdue := []string{}, []string{}
	err := a.tx.NonconcurrentDB().NewQuery(closedSQL).Bind(dbx.Params{"me": a.validator, "language": a.language}).Column(&closed)
	if err != nil {
		return err
	}
	err = a.tx.NonconcurrentDB().NewQuery(overdueSQL).
		Bind(dbx.Params{"me": a.validator, "language": a.language, "now": shell.Stamp(a.now), "excluded": a.excluded}).Column(&overdue)
	if err != nil {
		return err
	}
	return recount(a.tx, a.now, a.policy.MinVotes, append(closed, overdue...))
}

// held returns what is in the person's hands, in the order in which it was
// handed out. Less than half of a lease may not be enough to listen and vote, so
// such a lease starts anew; when the clip was handed out stays.
func (a *asking) held(limit int) ([]Item, error) {
	rows := []candidate{}
	err := a.tx.DB().NewQuery(heldQuery).Bind(dbx.Params{"me": a.validator, "language": a.language, "limit": limit}).All(&rows)
	if err != nil {
		return nil, err
	}
	lease := time.Duration(a.policy.LeaseS) * time.Second
	items, renewed := make([]Item, len(rows)), map[string][]string{} // by the reason that the assignment then has
	for i, row := range rows {
		since, err := shell.ParseStamp(row.LeasedAt)
		if err != nil {
			return nil, err
		}
		until, err := shell.ParseStamp(row.LeaseUntil)
		if err != nil {
			return nil, err
		}
		if row.Reason == "" && until.Sub(a.now) < lease/2 {
			until = a.leaseEnd()
			reason := ""
			if until.Sub(since) > (mostLeases-1)*lease {
				reason = keptLong
			}
			renewed[reason] = append(renewed[reason], row.Assignment)
		}
		items[i] = row.item(until)
	}
	for reason, leases := range renewed {
		params := dbx.Params{"until": shell.Stamp(a.leaseEnd()), "reason": reason}
		_, err := shell.Exec(a.tx, "UPDATE assignments SET lease_until = {:until}, reason = {:reason} WHERE id IN ("+bindList(params, leases)+")", params)
		if err != nil {
			return nil, err
		}
	}
	return items, nil
}

func (a *asking) leaseEnd() time.Time { return a.now.Add(time.Duration(a.policy.LeaseS) * time.Second) }

// lease hands the taken clips out, controls and others by the same statements.
func (a *asking) lease() ([]Item, error) {
	if len(a.taken) == 0 {
		return nil, nil
	}
	until := a.leaseEnd()
	items, clips, revived, rows := make([]Item, len(a.taken)), make([]string, len(a.taken)), []string{}, []dbx.Params{}
	for i, clip := range a.taken {
		clips[i] = clip.Clip
		if clip.Assignment != "" {
			revived = append(revived, clip.Assignment)
		} else {
			clip.Assignment = shell.NewID()
			rows = append(rows, dbx.Params{
				"id": clip.Assignment, "clip": clip.Clip, "validator": a.validator, "language": a.language, "state": "live",
				"leased_at": shell.Stamp(a.now), "lease_until": shell.Stamp(until), "reason": "", "owner": clip.Owner, "owner_seq": clip.OwnerSeq,
			})
		}
		items[i] = clip.item(until)
	}
	if err := shell.InsertAll(a.tx, "assignments", rows); err != nil {
		return nil, err
	}
	if len(revived) > 0 {
		params := dbx.Params{"now": shell.Stamp(a.now), "until": shell.Stamp(until)}
		_, err := shell.Exec(a.tx, "UPDATE assignments SET state = 'live', leased_at = {:now}, lease_until = {:until} WHERE id IN ("+bindList(params, revived)+")", params)
		if err != nil {
			return nil, err
		}
	}
	params := dbx.Params{"min_votes": a.policy.MinVotes}
	_, err := shell.Exec(a.tx, `
		UPDATE clip_tallies SET leases = leases + 1, ready = (open = 1 AND leases + 1 < MAX(1, {:min_votes} - votes))
		WHERE clip IN (`+bindList(params, clips)+`)`, params)
	return items, err
}

// comeBack puts clips of one policy back into the queue after their votes were
// counted. Those that are open and want one more validator than hold a lease get
// a new turn, behind everybody's place, in the order in which they are given.
func comeBack(tx core.App, now time.Time, minVotes int, clips []string) error {
	return requeue(tx, now, minVotes, clips, "1")
}

// recount brings the tallies of clips up to date after leases on them ended. A
// clip that wanted nobody for a while was passed by others unseen, so it gets a
// new turn; one that wanted somebody all the time keeps its own.
func recount(tx core.App, now time.Time, minVotes int, clips []string) error {
	for part := range slices.Chunk(clips, atOnce) {
		params := dbx.Params{}
		_, err := shell.Exec(tx, `
			UPDATE clip_tallies SET leases = (SELECT COUNT(*) FROM assignments a WHERE a.clip = clip_tallies.clip AND a.state = 'live')
			WHERE clip IN (`+bindList(params, part)+`)`, params)
		if err != nil {
			return err
		}
	}
	return requeue(tx, now, minVotes, clips, "ready = 0")
}

// requeue reckons whether clips are ready for one more validator: leases and
// votes together must not exceed what they need. Those that are, and fulfil the
// condition, get a new turn.
func requeue(tx core.App, now time.Time, minVotes int, clips []string, condition string) error {
	const wanting = "open = 1 AND leases < MAX(1, {:min_votes} - votes)"
	back := "(" + wanting + " AND " + condition + ")"
	return newTurns(tx, now, clips, `
		ready = (`+wanting+`), started = (votes > 0),
		passed = CASE WHEN `+back+` THEN 0 ELSE passed END, anybody = CASE WHEN `+back+` THEN 0 ELSE anybody END`,
		back, dbx.Params{"min_votes": minVotes})
}

// newTurns sets columns of the clips' tallies, and gives those of which the
// condition was true new turns at the end of the queue.
func newTurns(tx core.App, now time.Time, clips []string, sets, condition string, values dbx.Params) error {
	for part := range slices.Chunk(clips, atOnce) {
		var last int64
		if err := tx.DB().NewQuery("SELECT COALESCE(MAX(turn), 0) FROM clip_tallies").Row(&last); err != nil {
			return err
		}
		params := dbx.Params{"now": shell.Stamp(now), "last": last}
		for name, value := range values {
			params[name] = value
		}
		params["clips"] = shell.List(part)
		_, err := shell.Exec(tx, `
			WITH places(n, place) AS MATERIALIZED (SELECT key, value FROM json_each({:clips}))
			UPDATE clip_tallies SET `+sets+`,
				turn = CASE WHEN `+condition+` THEN {:last} + 1 + n ELSE turn END,
				turned_at = CASE WHEN `+condition+` THEN {:now} ELSE turned_at END
			FROM places WHERE clip = place`, params)
		if err != nil {
			return err
		}
	}
	return nil
}

// bindList binds the values of an IN list, of which a statement may have several;
// its text does not depend on how many they are.
func bindList(params dbx.Params, values []string) string {
	name := "list" + strconv.Itoa(len(params))
	params[name] = shell.List(values)
	return "SELECT value FROM json_each({:" + name + "})"
}
