package referrals

import (
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/risk"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/referral"
)

// policyAt is the referrals policy in force, with its version.
func policyAt(app core.App, now time.Time) (referral.Policy, int64, error) {
	return shell.Policy(app, now, shell.PolicyReferrals, "", referral.ParsePolicy)
}

// factsOf is what a claim is decided by, as it is in this transaction.
func factsOf(tx core.App, code named, person string) (referral.Claim, error) {
	claim := referral.Claim{Referred: person, Referrer: code.User}
	var row struct {
		ReferredAt string `db:"referred_at"`
		ReferrerAt string `db:"referrer_at"`
		Standing   string `db:"standing"`
		Current    string `db:"current_referrer"`
		FirstClip  string `db:"first_clip"`
		Device     bool   `db:"same_device"`
		Account    bool   `db:"same_account"`
	}
	err := tx.DB().NewQuery(`
		SELECT a.created AS referred_at, b.created AS referrer_at, b.standing,
			COALESCE((SELECT referrer FROM referrals WHERE referred = a.id), '') AS current_referrer,
			COALESCE((SELECT MIN(created) FROM clips WHERE owner = a.id AND control = 0), '') AS first_clip,
			EXISTS (SELECT 1 FROM sightings x JOIN sightings y ON y.kind = x.kind AND y.hash = x.hash
				WHERE x.user = a.id AND x.kind = 'device' AND y.user = b.id AND a.id != b.id) AS same_device,
			EXISTS (SELECT 1 FROM payout_accounts x JOIN payout_accounts y ON y.fingerprint = x.fingerprint
				WHERE x.user = a.id AND x.fingerprint != '' AND y.user = b.id AND a.id != b.id) AS same_account
		FROM users a, users b WHERE a.id = {:referred} AND b.id = {:referrer}`).
		Bind(dbx.Params{"referred": person, "referrer": code.User}).One(&row)
	if err != nil {
		return claim, err
	}
	claim.Current, claim.SameDevice, claim.SamePayoutAccount = row.Current, row.Device || code.sameDevice && code.User != person, row.Account
	for text, into := range map[*string]*time.Time{&row.ReferredAt: &claim.ReferredAt, &row.ReferrerAt: &claim.ReferrerAt, &row.FirstClip: &claim.FirstClip} {
		if *text == "" {
			continue
		}
		if *into, err = shell.ParseStamp(*text); err != nil {
			return claim, err
		}
	}
	if claim.Ancestors, err = ancestorsOf(tx, code.User); err != nil {
		return claim, err
	}
	frozen, err := risk.Frozen(tx, code.User)
	if err != nil {
		return claim, err
	}
	claim.Barred = frozen || accounts.Refusal(row.Standing) != nil
	claim.Linked, err = risk.Linked(tx, person, code.User)
	return claim, err
}

// ancestorsOf are the person's referrer, theirs, and so on.
func ancestorsOf(tx core.App, person string) ([]string, error) {
	ancestors := []string{}
	err := tx.DB().NewQuery(`
		WITH RECURSIVE up (person, height) AS (
			SELECT referrer, 1 FROM referrals WHERE referred = {:person}
			UNION ALL
			SELECT r.referrer, up.height + 1 FROM up JOIN referrals r ON r.referred = up.person WHERE up.height < {:most}
		) SELECT person FROM up ORDER BY height`).
		Bind(dbx.Params{"person": person, "most": referral.MostAncestors}).Column(&ancestors)
	return ancestors, err
}

// trustOf is whether the person's trust is reduced now: by their standing, or by
// answers that do not count in some language.
func trustOf(tx core.App, person string, now time.Time) (referral.Trust, error) {
	var row struct {
		Standing string `db:"standing"`
		Excluded bool   `db:"excluded"`
	}
	err := tx.DB().NewQuery(`
		SELECT standing, EXISTS (SELECT 1 FROM trust WHERE validator = users.id AND state = 'excluded') AS excluded
		FROM users WHERE id = {:person}`).Bind(dbx.Params{"person": person}).One(&row)
	return referral.Trust{Reduced: row.Excluded || accounts.Refusal(row.Standing) != nil, At: now}, err
}

// present is what is known about a person who is brought at this moment.
func present(tx core.App, person string, now time.Time) ([]referral.Event, error) {
	events := []referral.Event{}
	var verified bool
	err := tx.DB().NewQuery("SELECT verified FROM users WHERE id = {:person}").Bind(dbx.Params{"person": person}).Row(&verified)
	if err != nil {
		return nil, err
	}
	if verified {
		events = append(events, referral.Verified{})
	}
	trust, err := trustOf(tx, person, now)
	if trust.Reduced {
		events = append(events, trust)
	}
	return events, err
}
