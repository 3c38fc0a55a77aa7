package ambassadors

import (
	"database/sql"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

const (
	day = 24 * time.Hour
	// stayDays is after how many days a person who still contributes has stayed.
	stayDays     = 30
	weeksShown   = 8
	looksPerHour = 60 // each reads every person of the region
	weekDays     = 7
)

type dashboardData struct {
	Country     string     `json:"country"`
	Region      string     `json:"region"`
	Since       time.Time  `json:"since" help:"Ambassador from this time on."`
	At          time.Time  `json:"at" help:"When this was counted."`
	People      int64      `json:"people" help:"People who name this region and country in their profile."`
	Validators  int64      `json:"validators" help:"Of them, those with the rank of a validator."`
	Voters      int64      `json:"voters" help:"Of them, those who ever voted."`
	Speakers    int64      `json:"speakers" help:"Of them, those with an approved clip."`
	Clips       int64      `json:"clips_approved" help:"Their clips that are approved now."`
	Validations int64      `json:"validations" help:"Their votes that agree with the verdict in force."`
	Activations int64      `json:"activations" help:"Of them, those who were brought by anybody and are active."`
	Brought     broughtBy  `json:"brought" help:"People whom you brought, wherever they live."`
	Retention   retention  `json:"retention" help:"Of the people who signed up 30 to 60 days ago."`
	Weeks       []weekData `json:"weeks" help:"People of the region by the week (from Monday, UTC) of their sign-up; the last 8, the running one last."`
}

type broughtBy struct {
	People int64 `json:"people" db:"people"`
	Active int64 `json:"active" db:"active"`
}

type retention struct {
	Joined   int64 `json:"joined" help:"Signed up more than 30 and at most 60 days ago."`
	Stayed   int64 `json:"stayed" help:"Of them, those who contributed 30 days after their sign-up or later."`
	ShareBps int64 `json:"share_bps" help:"Stayed of joined in basis points, rounded down; 0 while nobody joined."`
}

type weekData struct {
	Monday string `json:"monday" help:"For example 2027-02-01."`
	People int64  `json:"people"`
}

// figuresQuery reads the people of a region by its index, and of each one row of
// every other table. SQLite looks into an index with a condition only if the
// condition is written out. CROSS JOIN keeps the order.
const figuresQuery = `
	SELECT COUNT(*) AS people,
		COALESCE(SUM(EXISTS (SELECT 1 FROM json_each(u.roles) WHERE value = 'validator')), 0) AS validators,
		COALESCE(SUM(v.votes > 0), 0) AS voters,
		COALESCE(SUM(c.clips_approved > 0), 0) AS speakers,
		COALESCE(SUM(c.clips_approved), 0) AS clips_approved,
		COALESCE(SUM(c.validations), 0) AS validations,
		COALESCE(SUM(r.state = 'active'), 0) AS activations
	FROM private_profiles p CROSS JOIN users u
	LEFT JOIN validators v ON v.person = u.id
	LEFT JOIN contributors c ON c.user = u.id
	LEFT JOIN referrals r ON r.referred = u.id
	WHERE p.region_key = {:region} AND p.region_key != '' AND u.id = p.user`

// newcomersQuery are the people of a region who signed up lately.
const newcomersQuery = `
	SELECT u.created, COALESCE(c.last_at, '') AS last_at
	FROM private_profiles p CROSS JOIN users u
	LEFT JOIN contributors c ON c.user = u.id
	WHERE p.region_key = {:region} AND p.region_key != '' AND u.id = p.user AND u.created >= {:since}`

const broughtQuery = `SELECT COUNT(*) AS people, COALESCE(SUM(state = 'active'), 0) AS active FROM referrals WHERE referrer = {:user}`

func registerDashboard(deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/ambassador/dashboard", Who: shell.Person, Data: dashboardData{},
		What:   "Figures of the region of an ambassador: counts, nothing of single people. At most 60 looks an hour.",
		Faults: []*fault.Code{fault.NotAmbassador, fault.AccountSuspended, fault.AccountBanned},
		Handle: func(e *core.RequestEvent) error {
			data, err := dashboard(e.App, deps, e.Auth.Id)
			if err != nil {
				return err
			}
			return shell.OK(e, data, "")
		},
	})
}

func dashboard(app core.App, deps *shell.Deps, user string) (dashboardData, error) {
	data := dashboardData{At: deps.Clock.Now()}
	person, err := app.FindRecordById("users", user)
	if err != nil {
		return data, err
	}
	if err := accounts.Refusal(person.GetString("standing")); err != nil {
		return data, err
	}
	ambassador, err := app.FindFirstRecordByFilter("ambassadors", "user = {:user} && ended_at = ''", dbx.Params{"user": user})
	if errors.Is(err, sql.ErrNoRows) || err == nil && !slices.Contains(person.GetStringSlice("roles"), collections.RoleAmbassador) {
		return data, fault.NotAmbassador.On("authorization")
	}
	if err != nil {
		return data, err
	}
	if deps.Config.RateLimits {
		if err := shell.TakeQuota(app, data.At, "ambassador_dashboard:"+user, looksPerHour, time.Hour); err != nil {
			return data, err
		}
	}
	data.Country, data.Region = ambassador.GetString("country"), ambassador.GetString("region")
	data.Since = ambassador.GetDateTime("since").Time()
	key := RegionKey(data.Country, data.Region)
	if err := data.count(app, key, user); err != nil {
		return data, err
	}
	return data, data.countNewcomers(app, key)
}

func (data *dashboardData) count(app core.App, key, user string) error {
	var figures struct {
		People      int64 `db:"people"`
		Validators  int64 `db:"validators"`
		Voters      int64 `db:"voters"`
		Speakers    int64 `db:"speakers"`
		Clips       int64 `db:"clips_approved"`
		Validations int64 `db:"validations"`
		Activations int64 `db:"activations"`
	}
	if err := app.DB().NewQuery(figuresQuery).Bind(dbx.Params{"region": key}).One(&figures); err != nil {
		return err
	}
	data.People, data.Validators, data.Voters, data.Speakers = figures.People, figures.Validators, figures.Voters, figures.Speakers
	data.Clips, data.Validations, data.Activations = figures.Clips, figures.Validations, figures.Activations
	return app.DB().NewQuery(broughtQuery).Bind(dbx.Params{"user": user}).One(&data.Brought)
}

// countNewcomers fills retention and weeks.
func (data *dashboardData) countNewcomers(app core.App, key string) error {
	thisWeek := monday(data.At)
	from := thisWeek.AddDate(0, 0, -weekDays*(weeksShown-1))
	for i := range weeksShown {
		data.Weeks = append(data.Weeks, weekData{Monday: from.AddDate(0, 0, weekDays*i).Format(time.DateOnly)})
	}
	oldest, newest := data.At.Add(-2*stayDays*day), data.At.Add(-stayDays*day)
	since := oldest
	if from.Before(since) {
		since = from
	}
	rows := []struct {
		Created string `db:"created"`
		Last    string `db:"last_at"`
	}{}
	if err := app.DB().NewQuery(newcomersQuery).Bind(dbx.Params{"region": key, "since": shell.Stamp(since)}).All(&rows); err != nil {
		return err
	}
	for _, row := range rows {
		created, err := shell.ParseStamp(row.Created)
		if err != nil {
			return err
		}
		last, err := shell.ParseStamp(row.Last)
		if err != nil {
			return err
		}
		if week := int(monday(created).Sub(from) / (weekDays * day)); !created.Before(from) && week < weeksShown {
			data.Weeks[week].People++
		}
		if !created.Before(oldest) && created.Before(newest) {
			data.Retention.Joined++
			if !last.Before(created.Add(stayDays * day)) {
				data.Retention.Stayed++
			}
		}
	}
	if data.Retention.Joined > 0 {
		data.Retention.ShareBps = 10_000 * data.Retention.Stayed / data.Retention.Joined
	}
	return nil
}

// monday is the start of the week of a moment (UTC).
func monday(t time.Time) time.Time {
	t = t.UTC()
	sinceMonday := (int(t.Weekday()) + 6) % weekDays
	return time.Date(t.Year(), t.Month(), t.Day()-sinceMonday, 0, 0, 0, 0, time.UTC)
}
