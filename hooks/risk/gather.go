package risk

import (
	"maps"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/risk"
)

const (
	// mostSharers bounds how many people of one thing are read, and mostRows how
	// many rows one question is answered with: whoever makes more of them is found
	// by what comes first.
	mostSharers = 500
	mostRows    = 5_000
)

// tally counts what was seen of pairs.
type tally map[rules.Pair]map[rules.Kind]int64

// add counts a kind of signal of two people up.
func (t tally) add(kind rules.Kind, a, b string, count int64) {
	if kinds := t.of(a, b); kinds != nil {
		kinds[kind] += count
	}
}

// most keeps the largest count of a kind.
func (t tally) most(kind rules.Kind, a, b string, count int64) {
	if kinds := t.of(a, b); kinds != nil && count > kinds[kind] {
		kinds[kind] = count
	}
}

func (t tally) of(a, b string) map[rules.Kind]int64 {
	if a == b || a == "" || b == "" {
		return nil
	}
	pair := rules.PairOf(a, b)
	if t[pair] == nil {
		t[pair] = map[rules.Kind]int64{}
	}
	return t[pair]
}

func (t tally) signals() []rules.Signal {
	signals := []rules.Signal{}
	for pair, kinds := range t {
		for kind, count := range kinds {
			signals = append(signals, rules.Signal{Kind: kind, A: pair.A, B: pair.B, Count: count})
		}
	}
	return signals
}

// gathering collects what is known of people. Every question goes from people, by
// an index, to what they share and to whom they share it with; none reads a
// table.
type gathering struct {
	tx     core.App
	now    time.Time
	policy rules.Policy
	seen   tally
}

// about adds everything that is known of these people and anybody. Circumstances
// are asked about only where something else was seen: alone they call for
// nothing, and a town behind one address is many people.
func (g *gathering) about(people []string) error {
	fresh := tally{}
	for _, ask := range []func(tally, []string) error{g.accounts, g.devices, g.holders, g.pairVotes, g.ownVotes, g.swaps, g.races} {
		if err := ask(fresh, people); err != nil {
			return err
		}
	}
	asked := map[string]bool{}
	for _, person := range people {
		asked[person] = true
	}
	maps.DeleteFunc(fresh, func(pair rules.Pair, _ map[rules.Kind]int64) bool {
		known := g.seen[pair] != nil             // from its other end
		half := !asked[pair.A] && !asked[pair.B] // two others share a thing of theirs, and perhaps more
		return known || half
	})
	if err := g.circumstances(fresh); err != nil {
		return err
	}
	maps.Copy(g.seen, fresh)
	return nil
}

// since is the stamp before which a signal is too old to be asked about.
func (g *gathering) since() string {
	return shell.Stamp(g.now.AddDate(0, 0, -int(g.policy.SignalDays)))
}

// sharers are the people of things, each a thing that several have.
func (g *gathering) sharers(query string, params dbx.Params, people []string, each func(users []string)) error {
	rows := []struct {
		Thing string `db:"thing"`
		User  string `db:"user"`
	}{}
	err := g.tx.DB().NewQuery(query).Bind(dbx.Params{"people": shell.List(people), "most": mostRows}).Bind(params).All(&rows)
	if err != nil {
		return err
	}
	things := map[string][]string{}
	for _, row := range rows {
		if len(things[row.Thing]) < mostSharers {
			things[row.Thing] = append(things[row.Thing], row.User)
		}
	}
	for _, thing := range slices.Sorted(maps.Keys(things)) {
		each(things[thing])
	}
	return nil
}

// among counts one thing for every two of its people.
func among(to tally, kind rules.Kind, users []string) {
	for _, s := range rules.Among(kind, 1, users...) {
		to.add(kind, s.A, s.B, 1)
	}
}

const devicesQuery = `
	SELECT DISTINCT o.hash AS thing, o.user FROM sightings s JOIN sightings o ON o.kind = s.kind AND o.hash = s.hash
	WHERE s.user IN (SELECT value FROM json_each({:people})) AND s.kind = 'device' ORDER BY o.hash, o.user LIMIT {:most}`

// devices are people on one device. They stay, however old.
func (g *gathering) devices(to tally, people []string) error {
	return g.sharers(devicesQuery, nil, people, func(users []string) { among(to, rules.Device, users) })
}

// accountsQuery finds people of one bank account: one fingerprint, or one
// recipient where two codes name one bank or the pepper was changed. The account
// that is counted is that of Paystack, so neither counts twice.
const accountsQuery = `
	SELECT DISTINCT thing, user FROM (
		SELECT o.recipient_code AS thing, o.user FROM payout_accounts s JOIN payout_accounts o ON o.recipient_code = s.recipient_code
		WHERE s.user IN (SELECT value FROM json_each({:people}))
		UNION SELECT s.recipient_code, o.user FROM payout_accounts s JOIN payout_accounts o ON o.fingerprint = s.fingerprint
		WHERE s.user IN (SELECT value FROM json_each({:people})))
	ORDER BY thing, user LIMIT {:most}`

func (g *gathering) accounts(to tally, people []string) error {
	return g.sharers(accountsQuery, nil, people, func(users []string) { among(to, rules.PayoutAccount, users) })
}

// holdersQuery finds new accounts that the banks hold in one name: the second half
// of name_digests. Whose legal name that is tells the first half.
const holdersQuery = `
	SELECT DISTINCT substr(o.name_digests, 66) AS thing, o.user, substr(o.name_digests, 1, 64) = substr(o.name_digests, 66) AS own
	FROM payout_accounts s JOIN payout_accounts o ON substr(o.name_digests, 66) = substr(s.name_digests, 66)
	WHERE s.user IN (SELECT value FROM json_each({:people})) AND substr(s.name_digests, 66) != '' AND s.created >= {:new} AND o.created >= {:new}
	ORDER BY thing, o.user LIMIT {:most}`

// holders are people with new accounts in one name that is not the legal name of
// both: two people may well be called the same.
func (g *gathering) holders(to tally, people []string) error {
	rows := []struct {
		Thing string `db:"thing"`
		User  string `db:"user"`
		Own   bool   `db:"own"`
	}{}
	young := shell.Stamp(g.now.AddDate(0, 0, -int(g.policy.NewMuleDays)))
	err := g.tx.DB().NewQuery(holdersQuery).Bind(dbx.Params{"people": shell.List(people), "new": young, "most": mostRows}).All(&rows)
	if err != nil {
		return err
	}
	type holder struct {
		users map[string]bool // true: it is their own name
	}
	names := map[string]holder{}
	for _, row := range rows {
		if names[row.Thing].users == nil {
			names[row.Thing] = holder{map[string]bool{}}
		}
		if users := names[row.Thing].users; len(users) < mostSharers {
			users[row.User] = users[row.User] || row.Own
		}
	}
	for _, name := range names {
		for _, s := range rules.Among(rules.HolderName, 1, slices.Collect(maps.Keys(name.users))...) {
			if !name.users[s.A] || !name.users[s.B] {
				to.add(rules.HolderName, s.A, s.B, 1)
			}
		}
	}
	return nil
}

// pairVotesQuery finds validators who err together beyond chance.
const pairVotesQuery = `
	SELECT a, b, z FROM pair_signals WHERE a IN (SELECT value FROM json_each({:people})) AND z >= {:z}
	UNION ALL SELECT a, b, z FROM pair_signals WHERE b IN (SELECT value FROM json_each({:people})) AND z >= {:z}
	LIMIT {:most}`

// ownVotesQuery finds people who approve each other's clips beyond chance, in
// turns of two, or round a ring of three: A approves B, B approves C, C approves
// A. A validator who only finds one speaker easy to follow approves nobody who
// approves back. What counts is the weakest of the approvals.
const ownVotesQuery = `
	SELECT o.validator AS a, o.owner AS b, MIN(o.z, back.z) AS z FROM owner_signals o
	JOIN owner_signals back ON back.validator = o.owner AND back.owner = o.validator AND back.z >= {:z}
	WHERE o.validator IN (SELECT value FROM json_each({:people})) AND o.z >= {:z}
	UNION ALL
	SELECT o.validator, o.owner, MIN(o.z, on_to.z, back.z) FROM owner_signals o
	JOIN owner_signals on_to ON on_to.validator = o.owner AND on_to.owner != o.validator AND on_to.z >= {:z}
	JOIN owner_signals back ON back.validator = on_to.owner AND back.owner = o.validator AND back.z >= {:z}
	WHERE o.validator IN (SELECT value FROM json_each({:people})) AND o.z >= {:z}
	UNION ALL
	SELECT o.validator, o.owner, MIN(o.z, on_to.z, back.z) FROM owner_signals o
	JOIN owner_signals on_to ON on_to.validator = o.owner AND on_to.owner != o.validator AND on_to.z >= {:z}
	JOIN owner_signals back ON back.validator = on_to.owner AND back.owner = o.validator AND back.z >= {:z}
	WHERE o.owner IN (SELECT value FROM json_each({:people})) AND o.z >= {:z}
	LIMIT {:most}`

func (g *gathering) pairVotes(to tally, people []string) error {
	return g.votes(to, pairVotesQuery, people)
}

func (g *gathering) ownVotes(to tally, people []string) error {
	return g.votes(to, ownVotesQuery, people)
}

// votes keeps the language in which the votes are farthest from chance.
func (g *gathering) votes(to tally, query string, people []string) error {
	rows := []struct {
		A string  `db:"a"`
		B string  `db:"b"`
		Z float64 `db:"z"`
	}{}
	err := g.tx.DB().NewQuery(query).
		Bind(dbx.Params{"people": shell.List(people), "z": g.policy.MutualFrom, "most": mostRows}).All(&rows)
	if err != nil {
		return err
	}
	for _, row := range rows {
		to.most(rules.MutualVoting, row.A, row.B, g.policy.Mutual(row.Z))
	}
	return nil
}

// swapsQuery finds people who belong to another referrer and tried the code of
// this one.
const swapsQuery = `
	SELECT user, referrer FROM referral_claims WHERE user IN (SELECT value FROM json_each({:people})) AND created >= {:since} AND outcome = 'attributed_other'
	UNION ALL
	SELECT user, referrer FROM referral_claims WHERE referrer IN (SELECT value FROM json_each({:people})) AND created >= {:since} AND outcome = 'attributed_other'
		AND user NOT IN (SELECT value FROM json_each({:people}))
	LIMIT {:most}`

func (g *gathering) swaps(to tally, people []string) error {
	rows := []struct {
		User     string `db:"user"`
		Referrer string `db:"referrer"`
	}{}
	err := g.tx.DB().NewQuery(swapsQuery).Bind(dbx.Params{"people": shell.List(people), "since": g.since(), "most": mostRows}).All(&rows)
	if err != nil {
		return err
	}
	for _, row := range rows {
		to.add(rules.CodeSwap, row.User, row.Referrer, 1)
	}
	return nil
}

// racesQuery finds people who claimed one code within seconds of each other, after
// their sign-up. Claims at the sign-up itself do not race: a workshop enters the
// code on the wall all at once.
const racesQuery = `
	SELECT DISTINCT c.user AS a, o.user AS b, c.code FROM referral_claims c
	JOIN referral_claims o ON o.referrer = c.referrer AND o.code = c.code AND o.user != c.user AND o.via = 'claim'
		AND o.created BETWEEN strftime('%Y-%m-%d %H:%M:%f', c.created, {:before}) || 'Z' AND strftime('%Y-%m-%d %H:%M:%f', c.created, {:after}) || 'Z'
	WHERE c.user IN (SELECT value FROM json_each({:people})) AND c.created >= {:since} AND c.via = 'claim'
	LIMIT {:most}`

func (g *gathering) races(to tally, people []string) error {
	rows := []struct {
		A    string `db:"a"`
		B    string `db:"b"`
		Code string `db:"code"`
	}{}
	near := g.policy.RaceSeconds
	err := g.tx.DB().NewQuery(racesQuery).Bind(dbx.Params{
		"people": shell.List(people), "since": g.since(), "most": mostRows, "before": seconds(-near), "after": seconds(near),
	}).All(&rows)
	if err != nil {
		return err
	}
	races := map[rules.Pair]map[string]bool{}
	for _, row := range rows { // both ends may be among the people
		pair := rules.PairOf(row.A, row.B)
		if races[pair] == nil {
			races[pair] = map[string]bool{}
		}
		races[pair][row.Code] = true
	}
	for pair, codes := range races {
		to.most(rules.ClaimRace, pair.A, pair.B, int64(len(codes)))
	}
	return nil
}
