package consensus_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

const signalsPath = "/api/lingualink/signals"

// suspicious is a server on which some are above the thresholds and some are not.
func suspicious(t *testing.T) *hookstest.Server {
	t.Helper()
	s := hookstest.Start(t)
	for i, row := range []struct {
		language string
		z        float64
	}{{"ha", 4}, {"ha", 7.5}, {"yo", 5}, {"ha", 3.99}, {"ha", -9}} {
		// hits - 10 = z * sqrt(4)
		hits := 10 + 2*row.z
		pair := dbx.Params{"a": fakeID("a", i), "b": fakeID("b", i)}
		sum := dbx.Params{"language": s.Language(row.language), "clips": 40, "expected": 10, "variance": 4, "z": row.z, "updated": "2026-03-01 12:00:00.000Z"}
		insertRow(t, s, "pair_signals", mergedRows(pair, sum, dbx.Params{"id": fakeID("pair", i), "agreements": hits, "together": 90, "bursts": 3}))
		insertRow(t, s, "owner_signals", mergedRows(sum, dbx.Params{"id": fakeID("own", i), "validator": fakeID("a", i), "owner": fakeID("owner", i), "approvals": hits}))
		for k, clips := range []int{2, 30, 7} {
			insertRow(t, s, "pair_owners", mergedRows(pair, dbx.Params{"id": fmt.Sprintf("po%02d%s", k, fakeID("x", i)[4:]), "owner": fakeID("owner", k), "clips": clips, "share": float64(clips) / 60}))
		}
	}
	person := func(i int, language string, state string, tp, fn, tn, fp crowd.Mass) {
		row := dbx.Params{"validator": fakeID("a", i), "language": s.Language(language)}
		insertRow(t, s, "trust", mergedRows(row, dbx.Params{"id": fakeID("trust", i), "state": state, "answers": 31, "assessed_at": fmt.Sprintf("2026-03-%02d 12:00:00.000Z", i+1)}))
		insertRow(t, s, "skills", mergedRows(row, dbx.Params{"id": fakeID("skill", i), "seq": i + 1, "gold_tn": int64(tn * crowd.Answer), "gold_fp": int64(fp * crowd.Answer),
			"learned_tp": int64(tp * crowd.Answer), "learned_fn": int64(fn * crowd.Answer)}))
	}
	person(1, "ha", "excluded", 10, 0, 2, 8)
	person(2, "yo", "excluded", 120, 0, 0, 12) // for both reasons
	person(3, "ha", "unproven", 110, 0, 0, 12)
	person(4, "ha", "proven", 110, 0, 12, 0)
	person(5, "ha", "proven", 2, 110, 11, 0)
	return s
}

func mergedRows(rows ...dbx.Params) dbx.Params {
	all := dbx.Params{}
	for _, row := range rows {
		for column, value := range row {
			all[column] = value
		}
	}
	return all
}

// joined joins one member of every item.
func joined(items []map[string]any, members ...string) string {
	texts := make([]string, len(items))
	for i, item := range items {
		for _, member := range members {
			texts[i] += fmt.Sprint(item[member]) + " "
		}
		texts[i] = strings.TrimSpace(texts[i])
	}
	return strings.Join(texts, ", ")
}

func TestSuspectsAreForModerators(t *testing.T) {
	s := suspicious(t)
	s.Want(s.Do(apptest.Guest, "GET", signalsPath, nil), 401, "sign_in_required")
	s.Want(s.Do(bola, "GET", signalsPath, nil), 403, "not_allowed")
	for _, who := range []string{musa, apptest.Admin} {
		if n := len(s.Want(s.Do(who, "GET", signalsPath, nil), 200, "").Items("pairs")); n != 3 {
			t.Errorf("%s is shown %d pairs", who, n)
		}
	}
	for _, collection := range []string{"pair_signals", "pair_owners", "owner_signals"} {
		path := "/api/collections/" + collection + "/records"
		for who, rows := range map[string]int{apptest.Guest: 0, bola: 0, musa: 5, apptest.Admin: 5} {
			if collection == "pair_owners" {
				rows *= 3
			}
			if answer := s.Want(s.Do(who, "GET", path, nil), 200, ""); len(answer.Items("items")) != rows {
				t.Errorf("%q lists %d of %s, want %d", who, len(answer.Items("items")), collection, rows)
			}
		}
		s.Want(s.Do(musa, "POST", path, map[string]any{}), 403, "")
		s.Want(s.Do(apptest.Admin, "POST", path, map[string]any{}), 403, "server_owned")
	}
	s.Want(s.Do(apptest.Admin, "PATCH", "/api/collections/users/records/"+s.User(musa).Id, map[string]any{"standing": "suspended"}), 200, "")
	s.Forget(musa)
	s.Want(s.Do(musa, "GET", signalsPath, nil), 403, "account_suspended")
}

func TestSuspectsAreAboveTheThresholds(t *testing.T) {
	s := suspicious(t)
	data := s.Want(s.Do(musa, "GET", signalsPath, nil), 200, "")
	pairs, owners, validators := data.Items("pairs"), data.Items("owners"), data.Items("validators")
	if got := joined(pairs, "z"); got != "7.5, 5, 4" {
		t.Errorf("pairs: %s", got)
	}
	want := map[string]any{
		"a": fakeID("a", 1), "b": fakeID("b", 1), "language": s.Language("ha"), "z": 7.5, "clips": 40.0, "both_wrong": 25.0, "expected": 10.0, "together": 90.0, "bursts": 3.0,
		"owner": fakeID("owner", 1), "owner_clips": 30.0, "owner_share": 0.5,
		"what": "Of 40 clips on which several voters were wrong, both of these were on 25; 10.0 were to be expected (7.5 standard deviations). They voted on 90 clips together, 3 times within minutes of each other.",
	}
	if fmt.Sprint(pairs[0]) != fmt.Sprint(want) {
		t.Errorf("%v\nwant %v", pairs[0], want)
	}
	if got := joined(owners, "z", "validator", "owner", "approvals", "what"); !strings.HasPrefix(got, "7.5 "+fakeID("a", 1)+" "+fakeID("owner", 1)+" 25 Approved 25 of 40 clips of this speaker; 10.0 were") || len(owners) != 3 {
		t.Errorf("owners: %s", got)
	}
	if got := joined(validators, "reason", "validator", "what"); got != "excluded "+fakeID("a", 2)+" The answers tell nothing about the clips, as of the last assessment, after 31 answers., "+
		"excluded "+fakeID("a", 1)+" The answers tell nothing about the clips, as of the last assessment, after 31 answers., "+
		"one_answer "+fakeID("a", 3)+" Approves 100 % of all clips, though 10 or more were known to be bad., "+
		"one_answer "+fakeID("a", 5)+" Rejects 98 % of all clips, though 10 or more were known to be bad." {
		t.Errorf("validators: %s", got)
	}
	for query, want := range map[string][3]int{
		"?language=ha": {2, 2, 3}, "?language=" + s.Language("yo"): {1, 1, 1}, "?language=sw": {0, 0, 0}, "?limit=1": {1, 1, 1}, "?limit=3": {3, 3, 3}, "?limit=9999": {3, 3, 4},
	} {
		data := s.Want(s.Do(musa, "GET", signalsPath+query, nil), 200, "")
		if got := [3]int{len(data.Items("pairs")), len(data.Items("owners")), len(data.Items("validators"))}; got != want {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
		for _, list := range []string{"pairs", "owners", "validators"} {
			if data.Data()[list] == nil {
				t.Errorf("%s: %s is no list", query, list)
			}
		}
	}
	for i := range 250 {
		insertRow(t, s, "pair_signals", dbx.Params{"id": fakeID("many", i), "a": fakeID("m", i), "b": fakeID("n", i), "language": s.Language("ha"), "z": 5})
	}
	if n := len(s.Do(musa, "GET", signalsPath+"?limit=9999", nil).Items("pairs")); n != 200 {
		t.Errorf("%d pairs are listed at once", n)
	}
	s.Want(s.Do(musa, "GET", signalsPath+"?limit=0", nil), 400, "invalid_input")
	s.Want(s.Do(musa, "GET", signalsPath+"?limit=all", nil), 400, "invalid_input")
	s.Want(s.Do(musa, "GET", signalsPath+"?language=xx", nil), 400, "language_unavailable")
}

// TestAModeratorIsNotToldAboutHerself: whoever judges clips must not learn from
// the list which of them were gold.
func TestAModeratorIsNotToldAboutHerself(t *testing.T) {
	s := suspicious(t)
	for _, statement := range []string{
		"UPDATE trust SET validator = {:me} WHERE validator = {:other}",
		"UPDATE skills SET validator = {:me}, gold_fp = 200000000000 WHERE validator = {:other}",
	} {
		if n, err := shell.Exec(s.App, statement, dbx.Params{"me": s.User(musa).Id, "other": fakeID("a", 1)}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	listed := []string{}
	for _, item := range s.Want(s.Do(musa, "GET", signalsPath, nil), 200, "").Items("validators") {
		listed = append(listed, item["validator"].(string))
	}
	if slices.Contains(listed, s.User(musa).Id) || len(listed) != 3 {
		t.Errorf("musa is told about %v", listed)
	}
}
