package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
	"github.com/lingualink/lingualink/internal/consensus/trust"
	"github.com/lingualink/lingualink/internal/rewards"
)

const consensusGuide = "docs/consensus.md"

// section is what stands below a heading of a page, up to the next one.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(read(t, page), "\n### "+heading+"\n")
	if !found {
		t.Fatalf("%s has no section %q", page, heading)
	}
	text, _, _ = strings.Cut(text, "\n### ")
	return text
}

// TestTheModelNamesEveryPolicyValue: every value of the two policies that the
// model rests on is in the guide, and with its default wherever one is given.
func TestTheModelNamesEveryPolicyValue(t *testing.T) {
	defaults := map[string]string{}
	for _, policy := range []any{consensus.DefaultPolicy(), rewards.DefaultPolicy()} {
		encoded, err := json.Marshal(policy)
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]json.RawMessage{}
		if err := json.Unmarshal(encoded, &values); err != nil {
			t.Fatal(err)
		}
		for name, value := range values {
			var beta crowd.Beta
			if json.Unmarshal(value, &beta) == nil {
				defaults[name] = fmt.Sprintf("Beta(%v, %v)", beta.Hits, beta.Misses)
				continue
			}
			defaults[name] = strings.Trim(string(value), `"`)
		}
	}
	stated := map[string]bool{}
	for _, match := range regexp.MustCompile("`([a-z_]+)`\\s=\\s(Beta\\([^)]+\\)|[a-z]+|[0-9]+(?:\\.[0-9]+)?)").FindAllStringSubmatch(read(t, consensusGuide), -1) {
		name, value := match[1], match[2]
		if want, known := defaults[name]; !known || value != want {
			t.Errorf("%s says that %s is %s by default, it is %q", consensusGuide, name, value, want)
		}
		stated[name] = true
	}
	for name := range defaults {
		if !stated[name] {
			t.Errorf("%s does not say what %s is by default", consensusGuide, name)
		}
	}
}

// exampleVoter is a line of the worked example's table.
type exampleVoter struct {
	choice consensus.Choice
	skill  crowd.Skill
	cells  [4]string // sensitivity, specificity, weight, running sum
}

var voterLine = regexp.MustCompile(`(?m)^\| ([A-E]) \| (approve|reject) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\S+) \| (\S+) \| (\S+) \| (\S+) \|$`)

// exampleVoters reads the table. Which of the answers were on clips of known
// truth makes no difference beyond their number.
func exampleVoters(t *testing.T, text string) []exampleVoter {
	t.Helper()
	voters := []exampleVoter{}
	for _, match := range voterLine.FindAllStringSubmatch(text, -1) {
		counts := [5]crowd.Mass{}
		for i := range counts {
			n, err := strconv.Atoi(match[3+i])
			if err != nil {
				t.Fatal(err)
			}
			counts[i] = crowd.Mass(n) * crowd.Answer
		}
		known, left := crowd.Counts{}, counts[0]
		for i, count := range []*crowd.Mass{&known.TP, &known.FN, &known.TN, &known.FP} {
			*count = min(left, counts[1+i])
			left -= *count
		}
		voters = append(voters, exampleVoter{
			choice: consensus.Choice(match[2]),
			skill: crowd.Skill{Gold: known, Learned: crowd.Counts{
				TP: counts[1] - known.TP, FN: counts[2] - known.FN, TN: counts[3] - known.TN, FP: counts[4] - known.FP,
			}},
			cells: [4]string(match[8:12]),
		})
	}
	if len(voters) != 5 {
		t.Fatalf("%d voters were read", len(voters))
	}
	return voters
}

// exampleLanguage is the language of the worked example.
var exampleLanguage = consensus.Language{
	Language:    crowd.Language{Good: 846 * crowd.Answer, Settled: 930 * crowd.Answer, GoldClips: 24, GoldAnswers: 260},
	Calibration: consensus.Calibration{GoodApproved: 117, GoodRejected: 3, BadApproved: 11, BadRejected: 49},
}

// TestTheWorkedExample has the engine decide the guide's example by what the
// guide says about the voters, and finds every number in the text.
func TestTheWorkedExample(t *testing.T) {
	text := section(t, consensusGuide, "A verdict by hand")
	policy := consensus.DefaultPolicy()
	votes := []consensus.Vote{}
	voters := exampleVoters(t, text)
	for i, v := range voters {
		vote := consensus.Vote{ID: fmt.Sprintf("vote%d", i+1), Validator: "validator " + string(rune('A'+i)), Choice: v.choice, Skill: v.skill}
		if v.choice == consensus.Reject {
			vote.Reason = consensus.BackgroundNoise
		}
		votes = append(votes, vote)
	}
	if e := consensus.Decide(&policy, 0, exampleLanguage, votes[:4]); e.Outcome != consensus.Undecided {
		t.Errorf("after four votes it is %s", e.Outcome)
	}
	want := consensus.Decide(&policy, 0, exampleLanguage, votes)

	_, block, _ := strings.Cut(text, "```json\n")
	block, _, _ = strings.Cut(block, "```")
	stored, err := consensus.ParseExplanation([]byte(block))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := consensus.Replay(stored); err != nil {
		t.Error(err)
	}
	if !reflect.DeepEqual(stored, want) {
		encoded, err := consensus.ExplanationJSON(want)
		t.Errorf("the guide says\n%+v\nthe engine %s, %v", stored, encoded, err)
	}
	for i, vote := range want.Votes {
		cells := [4]string{}
		for k, value := range []float64{vote.Sensitivity, vote.Specificity, vote.Weight, vote.LogOdds} {
			cells[k] = strconv.FormatFloat(value, 'f', -1, 64)
		}
		if voters[i].cells != cells {
			t.Errorf("%s: the guide says %v, it is %v", vote.Validator, voters[i].cells, cells)
		}
		if line := lessonLine(t, want, vote); !strings.Contains(text, line) {
			t.Errorf("the guide does not say %s", line)
		}
	}
	flat := strings.Join(strings.Fields(text), " ")
	for _, says := range append(assessed(t, &policy, voters[1].skill), fmt.Sprintf("= %.4f, capped", policy.Share(exampleLanguage.Language)),
		fmt.Sprintf("The nominal error is %.3f, the one that the controls tell %.3f.", 1-want.Posterior, want.CalibratedError)) {
		if !strings.Contains(flat, says) {
			t.Errorf("the guide does not say %q", says)
		}
	}
}

// lessonLine is what the verdict teaches about a voter, as the guide has it.
func lessonLine(t *testing.T, e consensus.Explanation, vote consensus.ExplainedVote) string {
	t.Helper()
	event, teaches := e.Lesson(vote)
	if !teaches {
		t.Fatalf("%s learns nothing", vote.Validator)
	}
	answer := func(m crowd.Mass) string { return strconv.FormatFloat(m.Answers(), 'f', -1, 64) }
	c := event.Counts
	learned := "TP + " + answer(c.TP) + ", FP + " + answer(c.FP)
	if vote.Choice == consensus.Reject {
		learned = "FN + " + answer(c.FN) + ", TN + " + answer(c.TN)
	}
	return fmt.Sprintf("| %s | %s | %s |", strings.TrimPrefix(vote.Validator, "validator "), answer(c.TP+c.FN), learned)
}

// assessed is what the guide says about the voter who was outvoted.
func assessed(t *testing.T, policy *consensus.Policy, skill crowd.Skill) []string {
	t.Helper()
	a := trust.Assess(policy, exampleLanguage.Language, skill)
	plain, err := rewards.Pay(1500, a.PayBps, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	ranked, err := rewards.Pay(1500, a.PayBps, rewards.DefaultPolicy().ValidatorBps)
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		fmt.Sprintf("= %.2f, from %.4f to %.4f;", a.Accuracy, a.Low, a.High),
		fmt.Sprintf("factor 0.%04d.", a.PayBps),
		fmt.Sprintf("Of a rate of 1500 that is %d, with the rank of a validator %d,", plain, ranked),
	}
}

// TestHowManyStrangersDecide: what operate.md says about a crowd nobody knows.
func TestHowManyStrangersDecide(t *testing.T) {
	policy := consensus.DefaultPolicy()
	for choice, want := range map[consensus.Choice]int{consensus.Approve: 4, consensus.Reject: 5} {
		votes := []consensus.Vote{}
		for consensus.Decide(&policy, 0, consensus.Language{}, votes).Outcome == consensus.Undecided {
			votes = append(votes, consensus.Vote{ID: strconv.Itoa(len(votes)), Choice: choice})
		}
		if len(votes) != want {
			t.Errorf("%d strangers who %s decide, not %d", len(votes), choice, want)
		}
	}
	if says := "four approvals or five rejections of one mind decide"; !strings.Contains(strings.Join(strings.Fields(read(t, operateGuide)), " "), says) {
		t.Errorf("%s does not say %q", operateGuide, says)
	}
}
