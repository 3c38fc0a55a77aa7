package consensus

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
)

// jobSpeaker is the job that takes the clips of a banned speaker out of the queue
// and puts them back when the ban ends, a batch at a time.
const jobSpeaker = "queue.speaker"

// speakerBatch is how much of a person's clips one job moves.
type speakerBatch struct {
	Speaker string `json:"speaker"`
	After   int64  `json:"after"` // the speaker's first, second, third ... clip
	Change  string `json:"change"`
}

// registerStanding follows suspensions and bans. What somebody who may not act has
// in their hands goes back to the others at once. Nothing shows the clips of a
// banned speaker from the commit on, because every query looks at the standing; the
// queue forgets them by jobs, so that nobody has to look past thousands of them.
func registerStanding(app core.App, deps *shell.Deps) {
	accounts.OnStandingChange(app).Bind(&hook.Handler[*accounts.StandingEvent]{
		Id: "ll.consensus.standing",
		Func: func(e *accounts.StandingEvent) error {
			if accounts.MayNotAct(e.User) {
				if err := freeHands(e.App, deps.Clock.Now(), e.User.Id); err != nil {
					return err
				}
			}
			if (e.From == collections.StandingBanned) != (e.To == collections.StandingBanned) {
				batch := speakerBatch{Speaker: e.User.Id, Change: shell.NewID()}
				if err := deps.Outbox.Enqueue(e.App, shell.Job{Kind: jobSpeaker, Key: batch.key(), Payload: batch}); err != nil {
					return err
				}
			}
			return e.Next()
		},
	})
	deps.Outbox.Handle(jobSpeaker, shell.JobHandler{InTx: func(tx core.App, job shell.Job) error {
		var batch speakerBatch
		if err := json.Unmarshal(job.Raw, &batch); err != nil {
			return err
		}
		return moveSpeaker(tx, deps, batch)
	}})
}

func (b speakerBatch) key() string { return b.Change + ":" + strconv.FormatInt(b.After, 10) }

// freeHands ends the leases and claims of a person.
func freeHands(tx core.App, now time.Time, person string) error {
	rows := []struct {
		Clip     string `db:"clip"`
		Language string `db:"language"`
	}{}
	err := tx.NonconcurrentDB().NewQuery(`UPDATE assignments INDEXED BY idx_assignments_validator SET state = ` + ended + `
		WHERE validator = {:person} AND state = 'live' AND language IN (SELECT id FROM languages) RETURNING clip, language`).
		Bind(dbx.Params{"person": person}).All(&rows)
	if err != nil {
		return err
	}
	clips := map[string][]string{}
	for _, row := range rows {
		clips[row.Language] = append(clips[row.Language], row.Clip)
	}
	for language, back := range clips {
		policy, _, err := shell.ConsensusPolicy(tx, now, language)
		if err != nil {
			return err
		}
		if err := recount(tx, now, policy.MinVotes, back); err != nil {
			return err
		}
	}
	claims := []string{}
	err = tx.DB().NewQuery("SELECT id FROM escalations WHERE claimed_by = {:person} AND state = 'open'").Bind(dbx.Params{"person": person}).Column(&claims)
	if err != nil {
		return err
	}
	for _, claim := range claims { // at most maxClaims
		if err := setClaim(tx, claim, "", time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// moveSpeaker moves the next of a speaker's open clips as the standing is now,
// whatever it was when the job was written.
func moveSpeaker(tx core.App, deps *shell.Deps, batch speakerBatch) error {
	var banned bool
	err := tx.DB().NewQuery("SELECT " + accounts.BannedSQL("{:speaker}")).Bind(dbx.Params{"speaker": batch.Speaker}).Row(&banned)
	if err != nil {
		return err
	}
	rows := []struct {
		Clip     string `db:"clip"`
		Language string `db:"language"`
		OwnerSeq int64  `db:"owner_seq"`
		Open     bool   `db:"open"`
	}{}
	err = tx.DB().NewQuery(`SELECT clip, language, owner_seq, open FROM clip_tallies INDEXED BY idx_clip_tallies_owner
		WHERE owner = {:speaker} AND owner_seq > {:after} ORDER BY owner_seq LIMIT {:batch}`).
		Bind(dbx.Params{"speaker": batch.Speaker, "after": batch.After, "batch": atOnce}).All(&rows)
	if err != nil || len(rows) == 0 {
		return err
	}
	clips := map[string][]string{}
	for _, row := range rows {
		if row.Open {
			clips[row.Language] = append(clips[row.Language], row.Clip)
		}
	}
	for language, some := range clips {
		if banned {
			_, err := shell.Exec(tx, "UPDATE clip_tallies SET ready = 0 WHERE ready = 1 AND clip IN "+shell.Among("clips"), dbx.Params{"clips": shell.List(some)})
			if err != nil {
				return err
			}
			continue
		}
		policy, _, err := shell.ConsensusPolicy(tx, deps.Clock.Now(), language)
		if err != nil {
			return err
		}
		if err := recount(tx, deps.Clock.Now(), policy.MinVotes, some); err != nil {
			return err
		}
	}
	if len(rows) < atOnce {
		return nil
	}
	batch.After = rows[len(rows)-1].OwnerSeq
	return deps.Outbox.Enqueue(tx, shell.Job{Kind: jobSpeaker, Key: batch.key(), Payload: batch})
}
