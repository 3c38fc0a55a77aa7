package badges

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/badges"
)

// NoticeEarned is the kind of the notice that a badge brings.
const NoticeEarned = "badge_earned"

// award gives the people every badge that their counts suffice for and that they
// never had. At is when the contribution was made or decided. Who is banned gets
// nothing; a later contribution makes up for it.
func award(tx core.App, deps *shell.Deps, people []string, at time.Time) error {
	if len(people) == 0 {
		return nil
	}
	catalogue, err := loadCatalogue(tx)
	if err != nil {
		return err
	}
	stats, err := loadStats(tx, people)
	if err != nil {
		return err
	}
	has, err := loadHeld(tx, people)
	if err != nil {
		return err
	}
	for _, user := range people {
		earned := []catalogued{}
		for _, badge := range rules.Earned(catalogue.all(), stats[user].of()) {
			if !slices.ContainsFunc(has[user], func(h held) bool { return h.Badge == catalogue[badge.ID].id }) {
				earned = append(earned, catalogue[badge.ID])
			}
		}
		if err := give(tx, deps, user, earned, at); err != nil {
			return err
		}
	}
	return nil
}

// give writes the badges, puts them on the public card and tells the person. The
// person is read inside the transaction, so that no other badge is lost.
func give(tx core.App, deps *shell.Deps, user string, earned []catalogued, at time.Time) error {
	if len(earned) == 0 {
		return nil
	}
	person, err := tx.FindRecordById("users", user)
	if err != nil {
		return err
	}
	if person.GetString("standing") == collections.StandingBanned {
		return nil
	}
	table, err := tx.FindCachedCollectionByNameOrId("user_badges")
	if err != nil {
		return err
	}
	card := person.GetStringSlice("badges")
	for _, badge := range earned {
		row := core.NewRecord(table)
		row.Set("user", user)
		row.Set("badge", badge.id)
		row.Set("code", shell.NewSecret())
		row.Set("earned_at", shell.DateTime(at))
		row.SetRaw("created", shell.DateTime(deps.Clock.Now()))
		if err := tx.SaveNoValidate(row); err != nil {
			return err
		}
		card = append(card, badge.id)
		err := shell.Notify(tx, deps, "badge:"+badge.id, shell.Notice{
			User: user, Kind: NoticeEarned, Title: "You earned the badge " + badge.Name, Body: badge.Description,
			Data: map[string]any{"badge": badge.id, "slug": badge.ID, "name": badge.Name, "code": row.GetString("code")},
		})
		if err != nil {
			return err
		}
	}
	return setCard(tx, person, card)
}

// setCard writes which badges are on the public card.
func setCard(tx core.App, person *core.Record, badges []string) error {
	person.Set("badges", badges)
	person.IgnoreUnchangedFields(true)
	return tx.SaveNoValidate(person)
}

// catalogued is a badge with the id of its row; in the rules the slug is its id.
type catalogued struct {
	rules.Badge
	id string
}

// catalogue has the badges by slug.
type catalogue map[string]catalogued

// all are the badges as the rules know them, by measure and the easiest first.
func (c catalogue) all() []rules.Badge {
	all := make([]rules.Badge, 0, len(c))
	for _, badge := range c {
		all = append(all, badge.Badge)
	}
	measures := rules.Measures()
	slices.SortFunc(all, func(a, b rules.Badge) int {
		if a.Measure != b.Measure {
			return slices.Index(measures, a.Measure) - slices.Index(measures, b.Measure)
		}
		if a.Threshold != b.Threshold {
			return int(a.Threshold - b.Threshold)
		}
		return strings.Compare(a.ID, b.ID)
	})
	return all
}

func loadCatalogue(app core.App) (catalogue, error) {
	rows := []struct {
		ID          string        `db:"id"`
		Slug        string        `db:"slug"`
		Name        string        `db:"name"`
		Description string        `db:"description"`
		Measure     rules.Measure `db:"measure"`
		Level       rules.Level   `db:"level"`
		Threshold   int64         `db:"threshold"`
	}{}
	err := app.DB().Select("id", "slug", "name", "description", "measure", "level", "threshold").From("badges").All(&rows)
	all := catalogue{}
	for _, row := range rows {
		all[row.Slug] = catalogued{
			rules.Badge{ID: row.Slug, Name: row.Name, Description: row.Description, Measure: row.Measure, Level: row.Level, Threshold: row.Threshold}, row.ID,
		}
	}
	return all, err
}

// contributor is a row of contributors; the zero value is that of who has none.
type contributor struct {
	User        string `db:"user"`
	Clips       int64  `db:"clips_approved"`
	Validations int64  `db:"validations"`
	Referrals   int64  `db:"referrals"`
	Stored      string `db:"streak"`
	Streak      rules.Streak
}

func (c contributor) of() rules.Stats {
	return rules.Stats{ClipsApproved: c.Clips, Validations: c.Validations, StreakDays: c.Streak.Best, Referrals: c.Referrals}
}

func loadStats(app core.App, people []string) (map[string]contributor, error) {
	rows := []contributor{}
	err := app.DB().Select("user", "clips_approved", "validations", "referrals", "streak").From("contributors").
		Where(shell.In("user", people)).All(&rows)
	if err != nil {
		return nil, err
	}
	stats := map[string]contributor{}
	for _, row := range rows {
		if err := json.Unmarshal([]byte(row.Stored), &row.Streak); err != nil {
			return nil, err
		}
		stats[row.User] = row
	}
	return stats, nil
}

// held is a badge that somebody has, or had until it was revoked.
type held struct {
	User      string `db:"user"`
	Badge     string `db:"badge"` // id of its row
	Code      string `db:"code"`
	EarnedAt  string `db:"earned_at"`
	RevokedAt string `db:"revoked_at"`
}

func loadHeld(app core.App, people []string) (map[string][]held, error) {
	rows := []held{}
	err := app.DB().Select("user", "badge", "code", "earned_at", "revoked_at").From("user_badges").Where(shell.In("user", people)).All(&rows)
	has := map[string][]held{}
	for _, row := range rows {
		has[row.User] = append(has[row.User], row)
	}
	return has, err
}
