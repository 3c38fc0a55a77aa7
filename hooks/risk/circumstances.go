package risk

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/risk"
)

// mostAddresses of a person are compared, the newest.
const mostAddresses = 50

// seconds is a change of time as SQLite's strftime takes it.
func seconds(n int64) string { return fmt.Sprintf("%+d seconds", n) }

// places is where and since when people are, as far as it matters to pairs.
type places struct {
	addresses map[string]map[string]time.Time // of a person: first seen, by the address
	signedUp  map[string]time.Time
	referrer  map[string]string
}

// circumstances adds to pairs what says where both are: one address, one
// gathering at which they signed up, one who brought the other.
func (g *gathering) circumstances(to tally) error {
	ends := map[string]bool{}
	for pair := range to {
		ends[pair.A], ends[pair.B] = true, true
	}
	if len(ends) == 0 {
		return nil
	}
	at, err := g.places(slices.Sorted(maps.Keys(ends)))
	if err != nil {
		return err
	}
	bursts := map[string]int64{}
	for pair := range to {
		if at.referrer[pair.A] == pair.B || at.referrer[pair.B] == pair.A {
			to.most(rules.Referral, pair.A, pair.B, 1)
		}
		for address, first := range at.addresses[pair.A] {
			other, shared := at.addresses[pair.B][address]
			if !shared {
				continue
			}
			to.add(rules.IP, pair.A, pair.B, 1)
			if !g.signedUpThere(at.signedUp[pair.A], first) || !g.signedUpThere(at.signedUp[pair.B], other) {
				continue
			}
			count, err := g.burst(bursts, address, at.signedUp[pair.A], at.signedUp[pair.B])
			if err != nil {
				return err
			}
			to.most(rules.SignupBurst, pair.A, pair.B, g.policy.Burst(count))
		}
	}
	return nil
}

func (g *gathering) minutes() time.Duration {
	return time.Duration(g.policy.BurstMinutes) * time.Minute
}

// signedUpThere tells whether an address is where somebody signed up: they were
// seen there first within the burst's time of it.
func (g *gathering) signedUpThere(signedUp, first time.Time) bool {
	return first.Sub(signedUp).Abs() <= g.minutes()
}

const burstQuery = `
	SELECT COUNT(*) FROM (SELECT 1 FROM sightings s JOIN users u ON u.id = s.user
		WHERE s.kind = 'address' AND s.hash = {:hash} AND s.first_at BETWEEN {:seen} AND {:until} AND u.created BETWEEN {:from} AND {:to} LIMIT {:most})`

// burst is how many people signed up at an address in the time that begins with
// the earlier of two sign-ups; 0 if the later one is not in it.
func (g *gathering) burst(known map[string]int64, address string, a, b time.Time) (int64, error) {
	from := a
	if b.Before(a) {
		from = b
	}
	if a.Sub(b).Abs() > g.minutes() {
		return 0, nil
	}
	key := address + shell.Stamp(from)
	if count, ok := known[key]; ok {
		return count, nil
	}
	var count int64
	err := g.tx.DB().NewQuery(burstQuery).Bind(dbx.Params{
		"hash": address, "from": shell.Stamp(from), "to": shell.Stamp(from.Add(g.minutes())),
		"seen": shell.Stamp(from.Add(-g.minutes())), "until": shell.Stamp(from.Add(2 * g.minutes())), "most": mostRows,
	}).Row(&count)
	known[key] = count
	return count, err
}

const (
	addressesQuery = `
		SELECT user, hash, first_at FROM sightings
		WHERE user IN (SELECT value FROM json_each({:people})) AND kind = 'address' AND last_at >= {:since} ORDER BY user, last_at DESC`
	originsQuery = `
		SELECT u.id, u.created, COALESCE(r.referrer, '') AS referrer FROM users u LEFT JOIN referrals r ON r.referred = u.id
		WHERE u.id IN (SELECT value FROM json_each({:people}))`
)

func (g *gathering) places(people []string) (places, error) {
	at := places{addresses: map[string]map[string]time.Time{}, signedUp: map[string]time.Time{}, referrer: map[string]string{}}
	params := dbx.Params{"people": shell.List(people), "since": g.since()}
	seen := []struct {
		User  string `db:"user"`
		Hash  string `db:"hash"`
		First string `db:"first_at"`
	}{}
	if err := g.tx.DB().NewQuery(addressesQuery).Bind(params).All(&seen); err != nil {
		return at, err
	}
	for _, row := range seen {
		first, err := shell.ParseStamp(row.First)
		if err != nil {
			return at, err
		}
		if at.addresses[row.User] == nil {
			at.addresses[row.User] = map[string]time.Time{}
		}
		if len(at.addresses[row.User]) < mostAddresses {
			at.addresses[row.User][row.Hash] = first
		}
	}
	origins := []struct {
		ID       string `db:"id"`
		Created  string `db:"created"`
		Referrer string `db:"referrer"`
	}{}
	if err := g.tx.DB().NewQuery(originsQuery).Bind(params).All(&origins); err != nil {
		return at, err
	}
	for _, row := range origins {
		created, err := shell.ParseStamp(row.Created)
		if err != nil {
			return at, err
		}
		at.signedUp[row.ID], at.referrer[row.ID] = created, row.Referrer
	}
	return at, nil
}
