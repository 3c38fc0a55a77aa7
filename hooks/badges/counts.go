package badges

import (
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/leaderboard"
)

// counts are changes of people's counts that are not written yet.
type counts struct {
	now    time.Time
	people []dbx.Params // for contributors
	scores []dbx.Params // for leaderboard_scores
	sums   map[string]int64
}

// addVerdict adds n times what a verdict of the event's clip says: an approved
// clip to its speaker, a vote to everybody who agrees. The votes of a verdict are
// those until it fell.
func (c *counts) addVerdict(event *ContributionsEvent, outcome engine.Outcome, at time.Time, n int64) {
	if outcome == engine.Approved && !event.Control {
		c.add(leaderboard.Clips, event.Owner, event.Language, at, n)
	}
	for _, vote := range event.Votes {
		if !vote.At.After(at) && vote.Agrees == (outcome == event.Outcome) {
			c.add(leaderboard.Validations, vote.Validator, event.Language, at, n)
		}
	}
}

// add adds n to a person's count of a board, and to all its periods, in the
// language too where one is given.
func (c *counts) add(board leaderboard.Board, user, language string, at time.Time, n int64) {
	if c.sums == nil {
		c.sums = map[string]int64{}
	}
	c.sums[user] += n
	row := dbx.Params{
		"id": shell.RowID(c.now), "user": user, "now": shell.Stamp(c.now), "clips": int64(0), "validations": int64(0), "referrals": int64(0),
	}
	row[string(board)] = n
	c.people = append(c.people, row)
	languages := []string{""}
	if language != "" {
		languages = append(languages, language)
	}
	for _, bucket := range leaderboard.Keys(at, time.UTC) {
		for _, language := range languages {
			c.scores = append(c.scores, dbx.Params{
				"id": shell.RowID(c.now), "board": string(board), "bucket": bucket, "language": language, "user": user, "score": n,
			})
		}
	}
}

// gained are the people who have more than before.
func (c *counts) gained() []string {
	people := []string{}
	for user, n := range c.sums {
		if n > 0 {
			people = append(people, user)
		}
	}
	slices.Sort(people)
	return people
}

// store adds everything to the rows that are there, or makes them.
func (c *counts) store(tx core.App) error {
	err := shell.ExecEach(tx, `
		INSERT INTO contributors (id, user, clips_approved, validations, referrals, streak, last_at, updated)
		VALUES ({:id}, {:user}, {:clips}, {:validations}, {:referrals}, '{}', '', {:now})
		ON CONFLICT (user) DO UPDATE SET clips_approved = clips_approved + excluded.clips_approved,
			validations = validations + excluded.validations, referrals = referrals + excluded.referrals, updated = excluded.updated`, c.people)
	if err != nil {
		return err
	}
	return shell.ExecEach(tx, `
		INSERT INTO leaderboard_scores (id, board, bucket, language, user, score)
		VALUES ({:id}, {:board}, {:bucket}, {:language}, {:user}, {:score})
		ON CONFLICT (board, bucket, language, user) DO UPDATE SET score = score + excluded.score`, c.scores)
}

// CountReferrals adds delta to the people whom a person brought and who are
// active: +1 when one becomes active, -1 when that is withdrawn. At is when the
// person became active, also for the -1: it is taken from the week and the month
// that it was added to. It belongs into the transaction of the activation.
func CountReferrals(tx core.App, deps *shell.Deps, user string, delta int64, at time.Time) error {
	sum := &counts{now: deps.Clock.Now()}
	sum.add(leaderboard.Referrals, user, "", at, delta)
	if err := sum.store(tx); err != nil {
		return err
	}
	return award(tx, deps, sum.gained(), at)
}
