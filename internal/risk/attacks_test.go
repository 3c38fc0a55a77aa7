package risk_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/risk"
)

var update = flag.Bool("update", false, "write the golden files anew")

// people are a01, a02 ...
func people(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s%02d", prefix, i+1)
	}
	return all
}

func together(parts ...[]risk.Signal) []risk.Signal { return slices.Concat(parts...) }

func seen(kind risk.Kind, count int64, a, b string) []risk.Signal {
	return []risk.Signal{{Kind: kind, A: a, B: b, Count: count}}
}

// invited are the referrals of one person.
func invited(by string, people ...string) []risk.Signal {
	var signals []risk.Signal
	for _, p := range people {
		signals = append(signals, seen(risk.Referral, 1, by, p)...)
	}
	return signals
}

// oneRoof is what 50 people have in common who sign up in one hall behind one
// address within the hour, all with one code.
func oneRoof(farm []string) []risk.Signal {
	return together(risk.Among(risk.IP, 1, farm...), risk.Among(risk.SignupBurst, 50, farm...), invited("host", farm...))
}

// byHands splits people into groups of so many and links each with something.
func byHands(kind risk.Kind, size int, farm []string) []risk.Signal {
	var signals []risk.Signal
	for hand := range slices.Chunk(farm, size) {
		signals = append(signals, risk.Among(kind, 1, hand...)...)
	}
	return signals
}

// attacks are those of the programme's rules, and honest people who look alike.
var attacks = []struct {
	name    string
	signals []risk.Signal
	frozen  []string // those whose money waits
	watched []string
}{
	{"nothing", nil, nil, nil},
	{
		"self-referral by a second account on the same phone",
		together(seen(risk.Device, 1, "ada", "ada2"), invited("ada", "ada2"), seen(risk.IP, 1, "ada", "ada2")),
		[]string{"ada", "ada2"}, nil,
	},
	{"self-referral by a second phone, paid into one bank account", seen(risk.PayoutAccount, 1, "ada", "ada2"), []string{"ada", "ada2"}, nil},
	{"self-referral over a VPN, with nothing in common yet", invited("ada", "ada2"), nil, nil},
	{
		"VPN that strangers share",
		together(risk.Among(risk.IP, 40, people("v", 60)...), risk.Among(risk.SignupBurst, 60, people("v", 60)...)), nil, nil,
	},
	{"an address of a whole town", risk.Among(risk.IP, 1_000_000, people("t", 300)...), nil, nil},
	{
		"ring of three that approves each other",
		together(invited("ann", "ben"), invited("ben", "cat"), seen(risk.MutualVoting, 6, "ann", "ben"), seen(risk.MutualVoting, 7, "ben", "cat"), seen(risk.MutualVoting, 6, "cat", "ann")),
		[]string{"ann", "ben", "cat"}, nil,
	},
	{"ring of three that only invites", together(invited("ann", "ben"), invited("ben", "cat"), invited("cat", "ann")), nil, nil},
	{"farm of 50 behind one NAT, honest", oneRoof(people("h", 50)), nil, nil},
	{
		"the honest farm, two of them brothers with one phone",
		together(oneRoof(people("h", 50)), seen(risk.Device, 1, "h07", "h08")), []string{"h07", "h08"}, nil,
	},
	{
		"farm of 50 on ten phones, paid into seven accounts",
		together(oneRoof(people("f", 50)), byHands(risk.Device, 5, people("f", 50)), byHands(risk.PayoutAccount, 8, people("f", 50))),
		// five and eight have no multiple in common before 40: two chains
		people("f", 50), nil,
	},
	{
		"farm of 50 with a phone and an account each, votes arranged",
		together(oneRoof(people("g", 50)), risk.Among(risk.MutualVoting, 5, people("g", 50)...)),
		people("g", 50), nil,
	},
	{"collusive validation, nothing else in common", risk.Among(risk.MutualVoting, 9, people("c", 4)...), nil, people("c", 4)},
	{
		"collusive validation of people who brought each other",
		together(risk.Among(risk.MutualVoting, 9, people("c", 4)...), invited("c01", people("c", 4)[1:]...)),
		// c02, c03 and c04 have strong links with c01 only
		people("c", 4), nil,
	},
	{"votes that agree by chance", risk.Among(risk.MutualVoting, risk.DefaultPolicy().Mutual(3.9), people("c", 4)...), nil, nil},
	{"code swapped once", seen(risk.CodeSwap, 1, "ann", "ben"), nil, nil},
	{"code swapped again and again", seen(risk.CodeSwap, 9, "ann", "ben"), nil, []string{"ann", "ben"}},
	{"code swapped in a claim race from one place", together(seen(risk.CodeSwap, 2, "ann", "ben"), seen(risk.ClaimRace, 2, "ann", "ben"), seen(risk.IP, 2, "ann", "ben")), []string{"ann", "ben"}, nil},
	{"claim race", seen(risk.ClaimRace, 50, "ann", "ben"), nil, nil},
	{"payment returned after payout, once", seen(risk.Refund, 1, "funder", "ben"), nil, []string{"ben", "funder"}},
	{"payments returned after payouts", seen(risk.Refund, 2, "funder", "ben"), []string{"ben", "funder"}, nil},
	{"mule accounts in one name", risk.Among(risk.HolderName, 1, people("m", 3)...), nil, people("m", 3)},
	{
		"mule accounts in one name, signed up from one place",
		together(risk.Among(risk.HolderName, 1, people("m", 3)...), risk.Among(risk.IP, 4, people("m", 3)...), risk.Among(risk.SignupBurst, 12, people("m", 3)...)),
		people("m", 3), nil,
	},
	{
		"a neighbour of frozen people is not pulled in",
		together(seen(risk.Device, 1, "ann", "ben"), seen(risk.HolderName, 1, "ben", "cat"), seen(risk.IP, 1, "cat", "dan")),
		[]string{"ann", "ben"}, []string{"cat"},
	},
	{
		"sixty-five people and one phone",
		risk.Among(risk.Device, 1, people("p", 65)...), people("p", 65), nil,
	},
}

// levels says what everybody's cluster calls for.
func levels(p risk.Policy, signals []risk.Signal, cleared risk.Cleared) map[string]risk.Act {
	acts := map[string]risk.Act{}
	for _, c := range risk.Build(p, signals, cleared) {
		for _, person := range c.People {
			if acts[person] != "" {
				panic(person + " is in two clusters")
			}
			acts[person] = risk.Decide(p, c).Act
		}
	}
	return acts
}

func TestAttacks(t *testing.T) {
	p := risk.DefaultPolicy()
	report := strings.Builder{}
	for _, c := range attacks {
		want := map[string]risk.Act{}
		for _, person := range c.frozen {
			want[person] = risk.Freeze
		}
		for _, person := range c.watched {
			want[person] = risk.Watch
		}
		if got := levels(p, c.signals, nil); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", c.name, got, want)
		}
		fmt.Fprintf(&report, "%s\n", c.name)
		clusters := risk.Build(p, c.signals, nil)
		if len(clusters) == 0 {
			report.WriteString("  nothing\n")
		}
		for _, cluster := range clusters {
			d := risk.Decide(p, cluster)
			fmt.Fprintf(&report, "  %s, %d of %d points, %d people, %d reasons\n", d.Act, d.Score, risk.Most, len(cluster.People), len(d.Reasons))
			for _, r := range d.Reasons[:min(3, len(d.Reasons))] {
				fmt.Fprintf(&report, "    %5d  %s\n", r.Points, r.Says(strings.ToUpper))
			}
			fmt.Fprintf(&report, "    %s is told: %s\n", strings.ToUpper(cluster.People[0]), d.Public(cluster.People[0]))
		}
	}
	const golden = "testdata/attacks.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(report.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || report.String() != string(want) {
		t.Errorf("%v: the decisions are\n%s", err, report.String())
	}
}

func TestEverybodyIsInOneCluster(t *testing.T) {
	for _, c := range attacks {
		clusters := risk.Build(risk.DefaultPolicy(), c.signals, nil)
		if !slices.IsSortedFunc(clusters, func(a, b risk.Cluster) int { return strings.Compare(a.People[0], b.People[0]) }) {
			t.Errorf("%s: not in order", c.name)
		}
		for _, cluster := range clusters {
			if len(cluster.Links) == 0 || !slices.IsSorted(cluster.People) {
				t.Errorf("%s: %+v", c.name, cluster)
			}
		}
	}
}
