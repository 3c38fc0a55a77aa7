// Package risk decides which people look like one person, or like people who
// take the programme together, and what that calls for: nothing, a look by a
// person, or a freeze of their money until a person decides.
//
// It refuses to punish: a freeze is a question put to a person, with reasons. It
// refuses to freeze for where people are: whole towns share an address, families
// a place, and a workshop signs up within an hour, so such circumstances add to
// what else was seen and never suffice, whatever their number. And it refuses to
// ask twice: what a person cleared counts again only when more is seen.
//
// Points are whole numbers from 0 to [Most]. The score of two people is that of
// all signals about both; signals repeated or told in another order change
// nothing, another signal never lowers a score.
package risk

import (
	"cmp"
	"slices"
)

// Most is the highest score.
const Most = 10_000

// Kind is what was seen of two people.
type Kind string

// The kinds of signals; Count is what the signal's Count says.
const (
	PayoutAccount Kind = "payout_account" // paid into one account; Count: accounts
	Device        Kind = "device"         // on one device; Count: devices
	HolderName    Kind = "holder_name"    // new accounts of two people, held in one name that is not both's; Count: accounts
	MutualVoting  Kind = "mutual_voting"  // approve each other, or err together, beyond chance; Count: whole standard deviations
	Refund        Kind = "refund"         // A's payment was returned or disputed after B was paid from it; Count: payments
	CodeSwap      Kind = "code_swap"      // A tried to come to B from another referrer; Count: tries
	ClaimRace     Kind = "claim_race"     // claims of one thing by both, at once; Count: races
	Referral      Kind = "referral"       // A brought B; Count: 1
	SignupBurst   Kind = "signup_burst"   // signed up in one place within minutes; Count: people in the burst
	IP            Kind = "ip"             // one network address; Count: addresses
)

var kinds = []Kind{PayoutAccount, Device, HolderName, MutualVoting, Refund, CodeSwap, ClaimRace, Referral, SignupBurst, IP}

// Kinds returns all kinds, the strongest first.
func Kinds() []Kind { return slices.Clone(kinds) }

// Circumstance tells whether a kind says where people are rather than what they
// do or who is paid. See the package comment.
func (k Kind) Circumstance() bool { return k == Referral || k == SignupBurst || k == IP }

// Signal is one thing seen of two people, in either order.
type Signal struct {
	Kind  Kind
	A, B  string
	Count int64 // see the kinds; below 1 is nothing
}

// Among are the signals of several people who share one thing, for example a
// device: one for every two of them. Of more than [Crowd] people each is linked
// to the first by id only, which joins them all the same without a number of
// signals that grows with the square.
func Among(kind Kind, count int64, people ...string) []Signal {
	people = slices.Clone(people)
	slices.Sort(people)
	people = slices.Compact(people)
	var signals []Signal
	for i, a := range people {
		if i > 0 && len(people) > Crowd {
			break
		}
		for _, b := range people[i+1:] {
			signals = append(signals, Signal{kind, a, b, count})
		}
	}
	return signals
}

// Crowd is the largest number of people of whom every two are compared.
const Crowd = 64

// Pair is two people; A is the smaller id. Make one with [PairOf].
type Pair struct{ A, B string }

// PairOf puts two people into the order of pairs.
func PairOf(a, b string) Pair {
	if b < a {
		a, b = b, a
	}
	return Pair{a, b}
}

func comparePairs(a, b Pair) int {
	return cmp.Or(cmp.Compare(a.A, b.A), cmp.Compare(a.B, b.B))
}

// Reason is what one kind of signal adds to the score of a pair.
type Reason struct {
	Pair
	Kind   Kind
	Count  int64
	Points int64 // before circumstances and the sum are capped
}

// Link is a pair and all that was seen of it, the weightiest first.
type Link struct {
	Pair
	Score   int64
	Reasons []Reason
}

// Links scores every pair that there are signals about, in the order of the
// pairs. Signals about one person, or of unknown kinds, are nothing.
func Links(p Policy, signals []Signal) []Link {
	counts := map[Pair]map[Kind]int64{}
	for _, s := range signals {
		if s.A == s.B || s.Count < 1 || !slices.Contains(kinds, s.Kind) {
			continue
		}
		pair := PairOf(s.A, s.B)
		if counts[pair] == nil {
			counts[pair] = map[Kind]int64{}
		}
		counts[pair][s.Kind] = max(counts[pair][s.Kind], s.Count)
	}
	links := make([]Link, 0, len(counts))
	for pair, seen := range counts {
		links = append(links, p.link(pair, seen))
	}
	slices.SortFunc(links, func(a, b Link) int { return comparePairs(a.Pair, b.Pair) })
	return links
}

// link sums up what was seen of a pair.
func (p Policy) link(pair Pair, seen map[Kind]int64) Link {
	l := Link{Pair: pair}
	conduct, circumstances := int64(0), int64(0)
	for _, kind := range kinds {
		count := seen[kind]
		points := p.weight(kind).points(count)
		if points == 0 {
			continue
		}
		l.Reasons = append(l.Reasons, Reason{pair, kind, count, points})
		if kind.Circumstance() {
			circumstances += points
		} else {
			conduct += points
		}
	}
	circumstances = min(circumstances, p.Circumstances)
	l.Score = min(conduct+circumstances, Most)
	if conduct == 0 {
		l.Score = min(l.Score, p.Freeze-1) // also under a policy that nobody validated
	}
	slices.SortStableFunc(l.Reasons, func(a, b Reason) int { return cmp.Compare(b.Points, a.Points) })
	return l
}
