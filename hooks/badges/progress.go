package badges

import (
	"net/http"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/badges"
)

type progressData struct {
	Earned int           `json:"earned" help:"Badges that you have."`
	Total  int           `json:"total" help:"Badges that there are."`
	Counts countsData    `json:"counts"`
	Streak streakData    `json:"streak"`
	Badges []badgeStatus `json:"badges" help:"All of them, those that are nearest first."`
}

type countsData struct {
	ClipsApproved int64 `json:"clips_approved"`
	Validations   int64 `json:"validations" help:"Votes that agree with the verdict."`
	Referrals     int64 `json:"referrals" help:"People whom you invited and who are active."`
	StreakDays    int64 `json:"streak_days" help:"Of the longest streak."`
}

type streakData struct {
	Days       int64 `json:"days" help:"Days in a row as it stands."`
	Best       int64 `json:"best" help:"The longest that it was."`
	FrozenUsed bool  `json:"frozen_day_used" help:"The free day of this week was needed."`
	TodayDone  bool  `json:"today_done" help:"Today counts already, in your time zone."`
}

type badgeStatus struct {
	ID          string        `json:"id"`
	Slug        string        `json:"slug"`
	Name        string        `json:"name"`
	Description string        `json:"description"`
	Measure     rules.Measure `json:"measure"`
	Level       rules.Level   `json:"level"`
	Current     int64         `json:"current"`
	Target      int64         `json:"target"`
	Percentage  int64         `json:"percentage"`
	Earned      bool          `json:"earned"`
	EarnedAt    *string       `json:"earned_at" help:"RFC 3339; null until it is earned."`
	Certificate *string       `json:"certificate" help:"Address of the certificate, for anybody; null until it is earned."`
	Revoked     bool          `json:"revoked" help:"It was taken away."`
}

func registerProgress(deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/badges/progress", Who: shell.Person, Data: progressData{},
		What: "Your badges, how far the others are, your counts and your streak.",
		Handle: func(e *core.RequestEvent) error {
			data, err := progressOf(e.App, deps, e.Auth.Id)
			if err != nil {
				return err
			}
			return shell.OK(e, data, "")
		},
	})
}

func progressOf(app core.App, deps *shell.Deps, user string) (progressData, error) {
	data := progressData{Badges: []badgeStatus{}}
	all, err := loadCatalogue(app)
	if err != nil {
		return data, err
	}
	stats, err := loadStats(app, []string{user})
	if err != nil {
		return data, err
	}
	had, err := loadHeld(app, []string{user})
	if err != nil {
		return data, err
	}
	zone, err := zoneOf(app, user)
	if err != nil {
		return data, err
	}
	own := map[string]held{} // by the badge's row
	for _, h := range had[user] {
		own[h.Badge] = h
	}
	has := []string{}
	for slug, badge := range all {
		if h, earned := own[badge.id]; earned && h.RevokedAt == "" {
			has = append(has, slug)
		}
	}
	counts, today := stats[user].of(), rules.DayOf(deps.Clock.Now(), zone)
	streak := stats[user].Streak
	data.Total, data.Earned = len(all), len(has)
	data.Counts = countsData{counts.ClipsApproved, counts.Validations, counts.Referrals, counts.StreakDays}
	data.Streak = streakData{streak.Today(today), streak.Best, streak.FreezeUsed(today), streak.Done(today)}
	for _, p := range rules.ProgressOf(all.all(), counts, has) {
		status, err := statusOf(deps, p, all[p.Badge.ID].id, own)
		if err != nil {
			return data, err
		}
		data.Badges = append(data.Badges, status)
	}
	return data, nil
}

func statusOf(deps *shell.Deps, p rules.Progress, id string, own map[string]held) (badgeStatus, error) {
	status := badgeStatus{
		ID: id, Slug: p.Badge.ID, Name: p.Badge.Name, Description: p.Badge.Description, Measure: p.Badge.Measure, Level: p.Badge.Level,
		Current: p.Have, Target: p.Badge.Threshold, Percentage: p.Percent, Earned: p.Earned,
	}
	h, had := own[id]
	status.Revoked = had && h.RevokedAt != ""
	if !p.Earned {
		return status, nil
	}
	at, err := rfc3339(h.EarnedAt)
	if err != nil {
		return status, err
	}
	url := certificateURL(deps, h.Code)
	status.EarnedAt, status.Certificate = &at, &url
	return status, nil
}
