package ambassadors

import (
	"sync"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/referral"
)

const (
	tierBatch = 50
	// maxTierBatches bounds one sweep, so that jobs get their turn.
	maxTierBatches = 20
)

// referrersQuery walks along the index of referrers, one look per person however
// many they brought.
const referrersQuery = `
	WITH RECURSIVE along (referrer) AS (
		SELECT (SELECT MIN(referrer) FROM referrals WHERE referrer > {:after})
		UNION ALL
		SELECT (SELECT MIN(r.referrer) FROM referrals r WHERE r.referrer > along.referrer) FROM along WHERE along.referrer IS NOT NULL
	)
	SELECT referrer FROM along WHERE referrer IS NOT NULL LIMIT {:batch}`

// stayedQuery are the activations of referrers that stand, with what the people
// did last. Which of them count is said by referral.Retention.
const stayedQuery = `
	SELECT r.referrer, r.activated_at, COALESCE(c.last_at, '') AS last_at
	FROM referrals r LEFT JOIN contributors c ON c.user = r.referred
	WHERE r.referrer IN (SELECT value FROM json_each({:referrers})) AND r.state = 'active'`

// TierPass reckons the tiers of a month, once for everybody who brought people.
// How far it has come is kept in memory; begun anew it passes over those who have
// the tier of the month.
type TierPass struct {
	mu    sync.Mutex
	month string
	after string // the last referrer who was looked at
	done  bool
}

// Run goes on with the tiers of the present month. Months that passed while no
// server ran are not made up for: a tier is for what comes after it.
func (p *TierPass) Run(app core.App, deps *shell.Deps) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := deps.Clock.Now()
	if month := referral.MonthName(now); month != p.month {
		p.month, p.after, p.done = month, "", false
	}
	for range maxTierBatches {
		if p.done {
			return nil
		}
		people := []string{}
		err := app.ConcurrentDB().NewQuery(referrersQuery).Bind(dbx.Params{"after": p.after, "batch": tierBatch}).Column(&people)
		if err != nil {
			return err
		}
		if len(people) > 0 {
			if err := app.RunInTransaction(func(tx core.App) error { return reckonTiers(tx, deps, now, people) }); err != nil {
				return err
			}
			p.after = people[len(people)-1]
		}
		p.done = len(people) < tierBatch
	}
	return nil
}

// reckonTiers gives people the tier of the month who do not have it yet.
func reckonTiers(tx core.App, deps *shell.Deps, now time.Time, people []string) error {
	policy, version, err := shell.Policy(tx, now, shell.PolicyReferrals, "", referral.ParsePolicy)
	if err != nil {
		return err
	}
	stored, err := tx.FindAllRecords("referrers", shell.In("user", people))
	if err != nil {
		return err
	}
	records := map[string]*core.Record{}
	for _, record := range stored {
		records[record.GetString("user")] = record
	}
	month, due := referral.MonthName(now), []string{}
	for _, person := range people {
		if record := records[person]; record == nil || record.GetString("month") < month {
			due = append(due, person)
		}
	}
	retained, err := countStayed(tx, policy.Retention(referral.MonthStart(now)), due)
	if err != nil {
		return err
	}
	collection, err := tx.FindCachedCollectionByNameOrId("referrers")
	if err != nil {
		return err
	}
	for _, person := range due {
		record := records[person]
		if record == nil {
			record = core.NewRecord(collection)
			record.Set("user", person)
		}
		before, tier := referral.Tier(record.GetString("tier")), policy.TierOf(retained[person])
		record.Set("tier", string(tier))
		record.Set("month", month)
		record.Set("retained", retained[person])
		record.Set("policy_version", version)
		if err := tx.Save(record); err != nil {
			return err
		}
		if tier != before {
			if err := shell.Notify(tx, deps, "tier:"+month, tierNotice(person, month, tier, retained[person])); err != nil {
				return err
			}
		}
	}
	return nil
}

func countStayed(tx core.App, counts referral.Retention, people []string) (map[string]int64, error) {
	rows := []struct {
		Referrer  string `db:"referrer"`
		Activated string `db:"activated_at"`
		Last      string `db:"last_at"`
	}{}
	if err := tx.DB().NewQuery(stayedQuery).Bind(dbx.Params{"referrers": shell.List(people)}).All(&rows); err != nil {
		return nil, err
	}
	retained := map[string]int64{}
	for _, row := range rows {
		activated, err := shell.ParseStamp(row.Activated)
		if err != nil {
			return nil, err
		}
		last, err := shell.ParseStamp(row.Last)
		if err != nil {
			return nil, err
		}
		if counts.Counts(true, activated, last) {
			retained[row.Referrer]++
		}
	}
	return retained, nil
}

func tierNotice(person, month string, tier referral.Tier, retained int64) shell.Notice {
	notice := shell.Notice{
		User: person, Kind: "referral_tier", Title: "You are in the " + string(tier) + " tier now",
		Body: "It multiplies the bonuses for people who become active from now on.",
		Data: map[string]any{"month": month, "tier": string(tier), "retained": retained},
	}
	if tier == referral.NoTier {
		notice.Title, notice.Body = "You are in no tier any more", "Too few of the people whom you invited have stayed. It can be earned again."
	}
	return notice
}
