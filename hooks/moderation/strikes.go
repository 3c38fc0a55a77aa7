package moderation

import (
	"database/sql"
	"errors"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/moderation"
)

const sanctionOver = "Its time is over."

// addStrike writes what a decision holds against the owner.
func (x *deed) addStrike(s rules.Strike) error {
	return shell.Insert(x.tx, "strikes", dbx.Params{
		"id": shell.NewID(), "user": x.after.Subject.Owner, "case": x.record.Id, "points": s.Points, "at": shell.Stamp(s.At),
		"expires_at": shell.Stamp(s.Expires), "sanction": string(s.Sanction), "until": stampOrNone(s.Until), "undone": false, "lifted_at": "",
	})
}

func stampOrNone(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return shell.Stamp(t)
}

// strikesOf are all strikes of a person, oldest first.
func strikesOf(tx core.App, user string) ([]rules.Strike, error) {
	rows := []struct {
		Case     string `db:"case"`
		Points   int64  `db:"points"`
		At       string `db:"at"`
		Expires  string `db:"expires_at"`
		Sanction string `db:"sanction"`
		Until    string `db:"until"`
		Undone   bool   `db:"undone"`
		LiftedAt string `db:"lifted_at"`
	}{}
	err := tx.DB().NewQuery("SELECT [[case]], points, at, expires_at, sanction, until, undone, lifted_at FROM strikes WHERE user = {:user} ORDER BY at, id").
		Bind(dbx.Params{"user": user}).All(&rows)
	if err != nil {
		return nil, err
	}
	strikes := make([]rules.Strike, len(rows))
	for i, row := range rows {
		s := rules.Strike{Case: row.Case, Points: row.Points, Sanction: rules.Standing(row.Sanction), Undone: row.Undone}
		for _, moment := range []struct {
			text string
			into *time.Time
		}{{row.At, &s.At}, {row.Expires, &s.Expires}, {row.Until, &s.Until}, {row.LiftedAt, &s.LiftedAt}} {
			if *moment.into, err = shell.ParseStamp(moment.text); err != nil {
				return nil, err
			}
		}
		strikes[i] = s
	}
	return strikes, nil
}

// owner is the person who answers for a subject, as the rules need to know them.
func (d *desk) owner(tx core.App, user string) (rules.Person, error) {
	var p rules.Person
	if user == "" {
		return p, nil
	}
	var row struct {
		Standing string `db:"standing"`
		Until    string `db:"until"`
	}
	err := tx.DB().NewQuery("SELECT u.standing, COALESCE(s.until, '') AS until FROM users u LEFT JOIN sanctions s ON s.user = u.id WHERE u.id = {:user}").
		Bind(dbx.Params{"user": user}).One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	p.Standing = rules.Standing(row.Standing)
	if p.Until, err = shell.ParseStamp(row.Until); err != nil {
		return p, err
	}
	if p.Role, err = roleOf(tx, user); err != nil {
		return p, err
	}
	p.Strikes, err = strikesOf(tx, user)
	return p, err
}

// setStanding changes a person's standing and remembers when the strikes are to
// be asked again.
func (d *desk) setStanding(tx core.App, user string, to rules.Sanction, reason, actor string) error {
	if err := accounts.SetStanding(tx, user, string(to.Standing), reason, actor); err != nil {
		return err
	}
	return shell.UpsertAll(tx, "sanctions", []string{"user"}, []dbx.Params{{"id": shell.NewID(), "user": user, "until": stampOrNone(to.Until)}})
}

// registerStandings forgets when a standing was to end once somebody else changes
// it: what an admin sets by hand stays until an act.
func (d *desk) registerStandings(app core.App) {
	accounts.OnStandingChange(app).Bind(&hook.Handler[*accounts.StandingEvent]{
		Id: "ll.moderation.standing",
		Func: func(e *accounts.StandingEvent) error {
			// setStanding writes its own time after this.
			if _, err := shell.Exec(e.App, "UPDATE sanctions SET until = '' WHERE user = {:user}", dbx.Params{"user": e.User.Id}); err != nil {
				return err
			}
			return e.Next()
		},
	})
}

// endSanctions asks the strikes of people anew whose time has come: suspensions
// end, a warning may be left.
func (d *desk) endSanctions(app core.App) error {
	due := []string{}
	err := app.ConcurrentDB().NewQuery("SELECT user FROM sanctions WHERE until != '' AND until <= {:now} ORDER BY until LIMIT {:batch}").
		Bind(dbx.Params{"now": shell.Stamp(d.now()), "batch": sweepBatch}).Column(&due)
	if err != nil || len(due) == 0 {
		return err
	}
	return app.RunInTransaction(func(tx core.App) error {
		policy, _, err := d.policy(tx)
		if err != nil {
			return err
		}
		for _, user := range due {
			if err := d.endSanction(tx, policy, user); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *desk) endSanction(tx core.App, policy rules.Policy, user string) error {
	now := d.now()
	p, err := d.owner(tx, user)
	if err != nil || p.Until.IsZero() || p.Until.After(now) {
		return err // changed meanwhile
	}
	return d.setStanding(tx, user, rules.Ladder(policy, p.Strikes, now), sanctionOver, shell.System)
}
