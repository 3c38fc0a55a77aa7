package replay_test

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/consensus/replay"
)

var update = flag.Bool("update", false, "write testdata/golden.json anew")

const (
	votesFile  = "testdata/votes.csv"
	truthFile  = "testdata/truth.csv"
	goldenFile = "testdata/golden.json"
)

func file(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func run(t *testing.T, votes, truth string, o replay.Options) replay.Result {
	t.Helper()
	o.Votes, o.Truth = strings.NewReader(votes), strings.NewReader(truth)
	result, err := replay.Run(o)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// TestGoldenReplays holds the engine to what it did before, to the last digit.
// Whoever changes the engine on purpose runs this with -update and looks at what
// became better or worse.
func TestGoldenReplays(t *testing.T) {
	votes, truth := file(t, votesFile), file(t, truthFile)
	var results []replay.Result
	for _, o := range []replay.Options{
		{Seeds: 5, Threshold: 0.95},
		{Seeds: 5, Threshold: 0.95, Gold: 0.2},
		{Seeds: 5, Threshold: 0.8},
		{Seeds: 5, Threshold: 0.99},
	} {
		results = append(results, run(t, votes, truth, o))
	}
	got, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(goldenFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := file(t, goldenFile); string(got) != want {
		t.Errorf("the replay gives\n%s\nwant\n%s", got, want)
	}
}

func TestTheFormOfTheResult(t *testing.T) {
	votes := "item,worker,label\na,x,1\na,y,1\nb,x,0\nb,y,0\n"
	result := run(t, votes, "item,truth\na,1\nb,1\n", replay.Options{Seeds: 2, Threshold: 0.9})
	got, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"items":2,"votes":4,"seeds":2,"threshold":0.9,"rules":{` +
		`"online":{"accuracy":0.5,"votes_per_item":2,"undecided":0},` +
		`"batch":{"accuracy":0.5},` +
		`"majority":{"accuracy":0.5,"votes_per_item":2},` +
		`"first_to_two":{"accuracy":0.5,"votes_per_item":2,"undecided":0},` +
		`"first_to_three":{"accuracy":0.5,"votes_per_item":2,"undecided":1}}}`
	if string(got) != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestTheEngineBeatsCountingWhereTheCrowdIsMixed(t *testing.T) {
	r := run(t, file(t, votesFile), file(t, truthFile), replay.Options{Seeds: 10, Threshold: 0.95}).Rules
	if r.Online.Accuracy <= r.FirstToThree.Accuracy {
		t.Errorf("online %v, first to three %v", r.Online, r.FirstToThree)
	}
	if r.Batch.Accuracy <= r.Majority.Accuracy {
		t.Errorf("batch %v, majority %v", r.Batch, r.Majority)
	}
}

// TestSwappedLabels: the policy of a replay treats both labels alike, so calling
// 0 what was 1 changes no figure.
func TestSwappedLabels(t *testing.T) {
	swap := func(csv string) string {
		lines := strings.Split(csv, "\n")
		for i, line := range lines[1:] {
			switch {
			case strings.HasSuffix(line, ",0"):
				lines[i+1] = line[:len(line)-1] + "1"
			case strings.HasSuffix(line, ",1"):
				lines[i+1] = line[:len(line)-1] + "0"
			}
		}
		return strings.Join(lines, "\n")
	}
	votes, truth := file(t, votesFile), file(t, truthFile)
	o := replay.Options{Seeds: 5, Threshold: 0.95, Gold: 0.1}
	if a, b := run(t, votes, truth, o), run(t, swap(votes), swap(truth), o); a != b {
		t.Errorf("%+v\nwith swapped labels %+v", a, b)
	}
}

// TestOddButValidFiles gives the same votes in other forms.
func TestOddButValidFiles(t *testing.T) {
	votes, truth := "item,worker,label\na,x,1\na,y,0\nb,x,0\n", "item,truth\na,1\nb,0\n"
	o := replay.Options{Seeds: 3, Threshold: 0.95}
	want := run(t, votes, truth, o)
	cases := []struct{ name, votes, truth string }{
		{"carriage returns and a byte order mark", "\ufeff" + strings.ReplaceAll(votes, "\n", "\r\n"), "\ufeff" + strings.ReplaceAll(truth, "\n", "\r\n")},
		{"columns in another order, and more of them", "label,note,worker,item\n1,,x,a\n0,,y,a\n0,,x,b\n", "truth,item\n1,a\n0,b\n"},
		{"repeated votes: the first counts", votes + "a,x,0\nb,x,1\na,y,0\n", truth},
		{"spaces and quotes", "item, worker, label\n\"a\", x, 1\na , y, 0\nb,\"x\", 0\n", truth},
		{"no newline at the end, empty lines", strings.TrimSuffix(votes, "\n"), "item,truth\n\na,1\n\nb,0"},
		{"truth repeated, missing and of unknown items", votes, truth + "a,1\nc,0\nd,\n"},
		{"ids of any kind", strings.NewReplacer("a,", "\"1,\n2\",", "b,", "Ẹ̀kọ́ 🎧,").Replace(votes), "item,truth\n\"1,\n2\",1\nẸ̀kọ́ 🎧,0\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := run(t, c.votes, c.truth, o); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

func TestItemsWithoutTruthAreCountedAndNotScored(t *testing.T) {
	votes := "item,worker,label\na,x,1\na,y,1\nb,x,0\nb,y,0\nb,z,0\n"
	r := run(t, votes, "item,truth\na,1\nb,\n", replay.Options{Seeds: 2, Threshold: 0.95})
	if r.Items != 2 || r.Votes != 5 {
		t.Errorf("%d items, %d votes", r.Items, r.Votes)
	}
	if r.Rules.Majority != (replay.Fixed{Accuracy: 1, VotesPerItem: 2}) {
		t.Errorf("majority %+v: item b has no truth", r.Rules.Majority)
	}
}

func TestATieIsHalfRight(t *testing.T) {
	votes := "item,worker,label\na,x,1\na,y,0\nb,x,0\nb,y,1\nb,z,1\n"
	r := run(t, votes, "item,truth\na,1\nb,1\n", replay.Options{Seeds: 1, Threshold: 0.95}).Rules
	if r.Majority.Accuracy != 0.75 || r.FirstToThree != (replay.Stopping{Accuracy: 0.75, VotesPerItem: 2.5, Undecided: 1}) {
		t.Errorf("majority %+v, first to three %+v", r.Majority, r.FirstToThree)
	}
}

func TestGoldIsNotScored(t *testing.T) {
	// One contradiction in ten: if its item is gold, the rest is right.
	votes, truth := "item,worker,label\n", "item,truth\n"
	for _, item := range "abcdefghij" {
		for _, worker := range "xyz" {
			votes += string(item) + "," + string(worker) + ",1\n"
		}
		truth += string(item) + ",1\n"
	}
	truth = strings.Replace(truth, "j,1", "j,0", 1)
	r := run(t, votes, truth, replay.Options{Seeds: 200, Threshold: 0.95, Gold: 0.5}).Rules
	if math.Abs(r.Majority.Accuracy-0.9) > 0.03 {
		t.Errorf("majority %v, want 0.9: half the time 5 of 5, half the time 4 of 5", r.Majority.Accuracy)
	}
}

func TestBadFilesAreRefusedWithTheirLine(t *testing.T) {
	votes, truth := "item,worker,label\na,x,1\n", "item,truth\na,1\n"
	cases := []struct{ name, votes, truth, want string }{
		{"empty votes", "", truth, "votes: the file is empty; it starts with the line item,worker,label"},
		{"empty truth", votes, "", "truth: the file is empty; it starts with the line item,truth"},
		{"no votes", "item,worker,label\n", truth, "votes: there are no votes in the file"},
		{"no column", "item,worker,vote\na,x,1\n", truth, `votes: line 1: there is no column "label"; the header is item,worker,label`},
		{"a label", votes + "a,y,2\n", truth, `votes: line 3: a label is 0 or 1, not "2"`},
		{"a label after a long id", "item,worker,label\n\"a\nb\",x,1\nb,x,yes\n", truth, `votes: line 4: a label is 0 or 1, not "yes"`},
		{"no worker", votes + "a,,1\n", truth, "votes: line 3: an id is empty"},
		{"too few fields", votes + "a,1\n", truth, "votes: record on line 3: wrong number of fields"},
		{"a quote", votes + "a,\"x,1\n", truth, "votes: parse error on line 3, column 8: extraneous or missing \" in quoted-field"},
		{"no item", votes, truth + ",1\n", "truth: line 3: an id is empty"},
		{"a truth", votes, truth + "b,maybe\n", `truth: line 3: a label is 0 or 1, not "maybe"`},
		{"a contradiction", votes, truth + "a,0\n", `truth: line 3: item "a" had the other truth before; keep one of the two lines`},
		{"other ids", votes, "item,truth\nb,1\n", "truth: no item of the votes has a truth; use the same item ids in both files"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := replay.Run(replay.Options{Votes: strings.NewReader(c.votes), Truth: strings.NewReader(c.truth), Seeds: 1, Threshold: 0.95})
			if err == nil || err.Error() != c.want {
				t.Errorf("%v\nwant %s", err, c.want)
			}
		})
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	cases := []struct {
		options replay.Options
		want    string
	}{
		{replay.Options{Threshold: 0.95}, "seeds"},
		{replay.Options{Seeds: 1, Threshold: 0.5}, "threshold"},
		{replay.Options{Seeds: 1, Threshold: 1}, "threshold"},
		{replay.Options{Seeds: 1, Threshold: math.NaN()}, "threshold"},
		{replay.Options{Seeds: 1, Threshold: 0.95, Gold: -0.1}, "gold"},
		{replay.Options{Seeds: 1, Threshold: 0.95, Gold: 0.9}, "gold"},
	}
	for _, c := range cases {
		c.options.Votes, c.options.Truth = strings.NewReader("item,worker,label\na,x,1\n"), strings.NewReader("item,truth\na,1\n")
		if _, err := replay.Run(c.options); err == nil || !strings.HasPrefix(err.Error(), c.want+":") {
			t.Errorf("%+v: %v, want an error about %s", c.options, err, c.want)
		}
	}
}

func FuzzRun(f *testing.F) {
	f.Add("item,worker,label\na,x,1\na,y,0\n", "item,truth\na,1\n")
	f.Add("item,worker,label\n\"a,\",x,1\n", "item,truth\n\"a,\",0\nb,\n")
	f.Add("label,item,worker\r\n0,a,b\r\n", "\ufefftruth,item\r\n0,a\r\n")
	f.Add("item,worker,label\na,x,2\n", "item\n")
	f.Fuzz(func(t *testing.T, votes, truth string) {
		r, err := replay.Run(replay.Options{Votes: strings.NewReader(votes), Truth: strings.NewReader(truth), Seeds: 1, Threshold: 0.95})
		if err != nil {
			if text := err.Error(); !strings.HasPrefix(text, "votes: ") && !strings.HasPrefix(text, "truth: ") {
				t.Fatalf("the error does not name its file: %v", err)
			}
			return
		}
		if r.Items < 1 || r.Votes < r.Items {
			t.Fatalf("%d items with %d votes", r.Items, r.Votes)
		}
		for _, share := range []float64{r.Rules.Online.Accuracy, r.Rules.Online.Undecided, r.Rules.Batch.Accuracy, r.Rules.Majority.Accuracy, r.Rules.FirstToTwo.Accuracy, r.Rules.FirstToThree.Undecided} {
			if !(share >= 0 && share <= 1) {
				t.Fatalf("a share of %v: %+v", share, r)
			}
		}
		if r.Rules.FirstToTwo.VotesPerItem > r.Rules.FirstToThree.VotesPerItem || r.Rules.FirstToThree.VotesPerItem > r.Rules.Majority.VotesPerItem || r.Rules.Online.VotesPerItem > r.Rules.Majority.VotesPerItem {
			t.Fatalf("more votes than there are: %+v", r)
		}
	})
}
