package badges_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/lingualink/lingualink/internal/badges"
	"github.com/lingualink/lingualink/internal/fault"
)

func ids(earned []badges.Badge) []string {
	names := []string{}
	for _, b := range earned {
		names = append(names, b.ID)
	}
	return names
}

func TestEarned(t *testing.T) {
	cases := []struct {
		stats badges.Stats
		want  []string
	}{
		{badges.Stats{}, nil},
		{badges.Stats{ClipsApproved: -1, Validations: 9, StreakDays: 6}, nil},
		{badges.Stats{ClipsApproved: 1, Validations: 10}, []string{"first-steps", "validator-scout"}},
		{badges.Stats{ClipsApproved: 99, StreakDays: 7}, []string{"first-steps", "content-creator-bronze", "content-creator-silver", "week-warrior"}},
		{badges.Stats{Validations: 1_000}, []string{"validator-scout", "validator-bronze", "validator-silver", "validator-gold"}},
		{badges.Stats{Referrals: 50, StreakDays: 30}, []string{"week-warrior", "month-master", "community-starter", "cultural-connector", "language-leader"}},
	}
	for _, c := range cases {
		if got := ids(badges.Earned(badges.Catalogue(), c.stats)); !slices.Equal(got, c.want) && len(got)+len(c.want) > 0 {
			t.Errorf("%+v: %v, want %v", c.stats, got, c.want)
		}
	}
	all := badges.Earned(badges.Catalogue(), badges.Stats{ClipsApproved: 1 << 60, Validations: 1 << 60, StreakDays: 1 << 60, Referrals: 1 << 60})
	if len(all) != len(badges.Catalogue()) {
		t.Errorf("only %v can be earned", ids(all))
	}
}

func TestProgress(t *testing.T) {
	catalogue := []badges.Badge{
		{ID: "far", Measure: badges.Validations, Threshold: 1_000_000_000},
		{ID: "near", Measure: badges.ClipsApproved, Threshold: 200},
		{ID: "lost", Measure: badges.ClipsApproved, Threshold: 1_000},
		{ID: "there", Measure: badges.ClipsApproved, Threshold: 199},
		{ID: "minus", Measure: badges.Referrals, Threshold: 10},
	}
	got := badges.ProgressOf(catalogue, badges.Stats{ClipsApproved: 199, Validations: 999_999_999, Referrals: -3}, []string{"lost"})
	want := []badges.Progress{
		{Badge: catalogue[2], Have: 199, Percent: 100, Earned: true},
		{Badge: catalogue[3], Have: 199, Percent: 100},
		{Badge: catalogue[0], Have: 999_999_999, Percent: 99},
		{Badge: catalogue[1], Have: 199, Percent: 99},
		{Badge: catalogue[4], Have: 0, Percent: 0},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestCheck(t *testing.T) {
	if err := badges.Check(badges.Catalogue()); err != nil {
		t.Error(err)
	}
	sound := badges.Badge{ID: "a-1", Name: "A", Measure: badges.Referrals, Level: badges.Silver, Threshold: 5}
	cases := []struct {
		field  string
		change func(*badges.Badge)
	}{
		{"", func(b *badges.Badge) { b.Threshold, b.Level = 6, badges.Gold }},
		{"", func(b *badges.Badge) { b.Threshold = 4 }},
		{"", func(b *badges.Badge) { b.Threshold, b.Level = 4, badges.Bronze }},
		{"", func(b *badges.Badge) { b.Measure = badges.Validations }},
		{"id", func(b *badges.Badge) { b.ID = "a-1" }},
		{"id", func(b *badges.Badge) { b.ID = "A" }},
		{"id", func(b *badges.Badge) { b.ID = "" }},
		{"name", func(b *badges.Badge) { b.Name = "A" }},
		{"name", func(b *badges.Badge) { b.Name = "" }},
		{"measure", func(b *badges.Badge) { b.Measure = "followers" }},
		{"level", func(b *badges.Badge) { b.Level = "tin" }},
		{"threshold", func(b *badges.Badge) { b.Threshold = 0 }},
		{"threshold", func(b *badges.Badge) { b.Threshold = 1_000_000_001 }},
		{"threshold", func(b *badges.Badge) { b.Threshold = 5 }},
		{"threshold", func(b *badges.Badge) { b.Threshold, b.Level = 4, badges.Gold }},
		{"threshold", func(b *badges.Badge) { b.Threshold, b.Level = 6, badges.Bronze }},
	}
	for i, c := range cases {
		second := sound
		second.ID, second.Name, second.Threshold = "b", "B", 7
		c.change(&second)
		err := badges.Check([]badges.Badge{sound, second})
		var refusal *fault.Error
		if errors.As(err, &refusal); c.field == "" && err != nil || c.field != "" && (refusal == nil || refusal.Field != c.field) {
			t.Errorf("case %d: %v, want %s", i, err, c.field)
		}
	}
}
