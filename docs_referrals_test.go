package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/badges"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/referral"
)

const referralsGuide = "docs/referrals.md"

// TestTheReferralsGuideHasThePolicy compares the table of values with the defaults
// in code, value by value.
func TestTheReferralsGuideHasThePolicy(t *testing.T) {
	encoded, err := json.Marshal(referral.DefaultPolicy())
	if err != nil {
		t.Fatal(err)
	}
	values, said := map[string]json.RawMessage{}, map[string]string{}
	if err := json.Unmarshal(encoded, &values); err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(read(t, referralsGuide), "\n## The policy\n")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([^|]+) \\|").FindAllStringSubmatch(table, -1) {
		said[row[1]] = row[2]
		if values[row[1]] == nil {
			t.Errorf("%s explains %s, which is no value of the policy", referralsGuide, row[1])
		}
	}
	for name, value := range values {
		if want := string(value); said[name] != want && !(value[0] == '{' && said[name] == "by currency") {
			t.Errorf("%s says that %s is %q by default, it is %s", referralsGuide, name, said[name], want)
		}
	}
}

// TestTheReferralsGuideHasTheReasons: every reason that a person may be given is
// explained, and none that only moderators know.
func TestTheReferralsGuideHasTheReasons(t *testing.T) {
	text := read(t, referralsGuide)
	for _, reason := range []referral.Reason{
		referral.OwnCode, referral.AttributedOther, referral.TooLate, referral.AfterFirstClip, referral.ReferrerYounger, referral.Cycle,
		referral.ReferrerBarred, referral.SameDevice, referral.SamePayoutAccount, referral.KnownLink,
	} {
		if !strings.Contains(text, "| `"+string(reason.Public())+"` |") {
			t.Errorf("%s does not explain %s", referralsGuide, reason.Public())
		}
		if reason != reason.Public() && strings.Contains(text, "`"+string(reason)+"`") {
			t.Errorf("%s tells of %s", referralsGuide, reason)
		}
	}
}

// TestTheReferralsGuide compares the guide with what the packages reckon: the
// worked example line by line, the numbers of the rules, the badges.
func TestTheReferralsGuide(t *testing.T) {
	text := read(t, referralsGuide)
	p := referral.DefaultPolicy()
	steps, err := referral.Story(p)
	if err != nil {
		t.Fatal(err)
	}
	if table := referral.Table(steps); !strings.Contains(text, "\n"+table+"\n") {
		t.Errorf("%s does not have the example as it is reckoned:\n%s", referralsGuide, table)
	}
	rows := ""
	for _, b := range badges.Catalogue() {
		rows += fmt.Sprintf("| %s (%s) | %s |\n", b.Name, b.Level, b.Description)
	}
	if !strings.HasSuffix(text, "| Badge | For |\n|---|---|\n"+rows) {
		t.Errorf("%s does not end with these badges:\n%s", referralsGuide, rows)
	}

	bonuses := []string{}
	for _, c := range money.Currencies() {
		bonuses = append(bonuses, money.Format(p.BonusMinor.Of(c), c))
	}
	flat := strings.Join(strings.Fields(text), " ")
	for _, says := range []string{
		fmt.Sprintf("looked for %s generations up", map[int]string{10: "ten"}[referral.MostAncestors]),
		fmt.Sprintf("when %d days from the sign-up are over", p.AttributionDays),
		fmt.Sprintf("changes once in %d days", p.CodeChangeDays),
		fmt.Sprintf("in %d days from the sign-up:", p.ActivationWindowDays),
		fmt.Sprintf("%d approved clips, or %d votes that agree", p.ActivationClips, p.ActivationVotes),
		fmt.Sprintf("on %d different days (UTC)", p.ActivationDays),
		fmt.Sprintf("at least %d agreeing voters", p.OutsideVoters),
		"| bonus for an activation | " + strings.Join(bonuses, ", ") + " |",
		fmt.Sprintf("at most %d a day and %d a month", p.BonusesPerDay, p.BonusesPerMonth),
		fmt.Sprintf("| commission | %d %% of the rewards", p.CommissionBps/100),
		fmt.Sprintf("for %d days from the activation", p.CommissionDays),
		fmt.Sprintf("at most %d bonuses", p.CommissionBonuses),
		fmt.Sprintf("| hold | %d days", p.HoldHours/24),
		fmt.Sprintf("bronze %v from %d people who stayed, silver %v from %d, gold %v from %d.",
			float64(p.BronzeBps)/money.Unit, p.BronzeFrom, float64(p.SilverBps)/money.Unit, p.SilverFrom, float64(p.GoldBps)/money.Unit, p.GoldFrom),
		fmt.Sprintf("was active for %d days and did something in the last %d", p.RetentionDays, p.RetentionDays),
	} {
		if !strings.Contains(flat, says) {
			t.Errorf("%s does not say %q", referralsGuide, says)
		}
	}
}
