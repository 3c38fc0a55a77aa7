package consensus

import (
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
)

// voter is what the server keeps about a person as a validator, over all
// languages.
type voter struct {
	Person        string `db:"person"`
	Standing      string `db:"standing"`
	Votes         int64  `db:"votes"`
	LastVoteAt    string `db:"last_vote_at"`
	HeardUntil    string `db:"heard_until"`
	Day           string `db:"day"`
	RewardedToday int64  `db:"rewarded_today"`
	ActiveDays    int64  `db:"active_days"`
	HourStart     string `db:"hour_start"`
	VotesInHour   int64  `db:"votes_in_hour"`

	lastVoteAt, heardUntil, hourStart time.Time
	changed                           bool
}

func loadVoters(app core.App, people []string) (map[string]*voter, error) {
	rows := []*voter{}
	err := app.DB().Select("u.id AS person", "u.standing", "COALESCE(v.votes, 0) AS votes", "COALESCE(v.last_vote_at, '') AS last_vote_at",
		"COALESCE(v.heard_until, '') AS heard_until", "COALESCE(v.day, '') AS day", "COALESCE(v.rewarded_today, 0) AS rewarded_today",
		"COALESCE(v.active_days, 0) AS active_days", "COALESCE(v.hour_start, '') AS hour_start", "COALESCE(v.votes_in_hour, 0) AS votes_in_hour").
		From("users u").LeftJoin("validators v", dbx.NewExp("v.person = u.id")).Where(shell.In("u.id", people)).All(&rows)
	if err != nil {
		return nil, err
	}
	voters := map[string]*voter{}
	for _, row := range rows {
		for _, moment := range []struct {
			text string
			into *time.Time
		}{{row.LastVoteAt, &row.lastVoteAt}, {row.HeardUntil, &row.heardUntil}, {row.HourStart, &row.hourStart}} {
			if *moment.into, err = shell.ParseStamp(moment.text); err != nil {
				return nil, err
			}
		}
		voters[row.Person] = row
	}
	return voters, nil
}

// rewardedOn is how many votes of that day were within the daily cap.
func (v *voter) rewardedOn(now time.Time) int64 {
	if v.Day != now.Format(time.DateOnly) {
		return 0
	}
	return v.RewardedToday
}

// mayVote refuses more votes than an hour takes; 0 is no limit.
func (v *voter) mayVote(now time.Time, perHour int64) error {
	if perHour == 0 || !v.inHour(now) || v.VotesInHour < perHour {
		return nil
	}
	return shell.TooMany(max(v.hourStart.Add(time.Hour).Sub(now), time.Second))
}

func (v *voter) inHour(now time.Time) bool {
	return !now.Before(v.hourStart) && now.Before(v.hourStart.Add(time.Hour))
}

// voted counts one vote.
func (v *voter) voted(now, heardUntil time.Time, rewarded bool) {
	if day := now.Format(time.DateOnly); v.Day != day {
		v.Day, v.RewardedToday = day, 0
		v.ActiveDays++
	}
	if rewarded {
		v.RewardedToday++
	}
	if !v.inHour(now) {
		v.hourStart, v.VotesInHour = now, 0
	}
	v.VotesInHour++
	v.Votes++
	v.lastVoteAt, v.heardUntil, v.changed = now, heardUntil, true
}

func storeVoters(tx core.App, voters map[string]*voter) error {
	rows := []dbx.Params{}
	for _, v := range voters {
		if v.changed {
			rows = append(rows, dbx.Params{
				"id": shell.NewID(), "person": v.Person, "votes": v.Votes, "last_vote_at": shell.Stamp(v.lastVoteAt), "heard_until": shell.Stamp(v.heardUntil),
				"day": v.Day, "rewarded_today": v.RewardedToday, "active_days": v.ActiveDays, "hour_start": shell.Stamp(v.hourStart), "votes_in_hour": v.VotesInHour,
			})
		}
	}
	return shell.UpsertAll(tx, "validators", []string{"person"}, rows)
}
