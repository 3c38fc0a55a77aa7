package moderation_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/moderation"
	"github.com/lingualink/lingualink/hooks/shell"
)

// plantCase writes a case with its history: events as "name actor minute".
func (d *desk) plantCase(zero time.Time, state, holder, decidedBy string, events ...string) {
	d.t.Helper()
	id, until := shell.NewID(), ""
	if holder != "" {
		holder, until = "user:"+d.User(holder).Id, shell.Stamp(zero.Add(1_000*time.Hour))
	}
	if decidedBy != "" {
		decidedBy = "user:" + d.User(decidedBy).Id
	}
	first := zero
	for i, event := range events {
		var name, who string
		var minute int
		if _, err := fmt.Sscan(event, &name, &who, &minute); err != nil {
			d.t.Fatal(err)
		}
		at := zero.Add(time.Duration(minute) * time.Minute)
		if i == 0 {
			first = at
		}
		if who != "system" && who != "reporter" {
			who = "user:" + d.User(who).Id
		}
		d.Insert("case_events", dbx.Params{
			"id": shell.NewID(), "case": id, "seq": i + 1, "event": strings.ReplaceAll(name, "_", " "), "from_state": "", "to_state": "x", "actor": who, "at": shell.Stamp(at),
		})
	}
	d.Insert("cases", dbx.Params{
		"id": id, "origin": "reports", "subject_type": "clip", "subject_id": id, "state": state, "holder": holder, "until": until, "decided_by": decidedBy,
		"first_at": shell.Stamp(first), "due_at": shell.Stamp(first.Add(time.Hour)), "reasons": "{}", "created": shell.Stamp(first), "updated": shell.Stamp(first),
	})
}

func TestFigures(t *testing.T) {
	d := openDesk(t)
	zero := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	d.plantCase(zero, "resolved", "", musa, "report reporter 0", "claim musa 2", "resolve_dismiss musa 3")
	d.plantCase(zero, "claimed", fatima, "", "report reporter 0", "claim musa 4", "release musa 5", "claim fatima 9")
	d.plantCase(zero, "resolved", "", fatima, "report reporter 1", "claim fatima 11", "resolve_hide fatima 21", "appeal reporter 30", "claim musa 40", "overturn musa 50")
	d.plantCase(zero, "resolved", "", fatima, "open fatima 0", "resolve_warn fatima 6")
	d.plantCase(zero, "open", "", "", "report reporter -10")
	d.plantCase(zero, "resolved", "", musa, "report reporter -5000", "claim musa -4000", "resolve_dismiss musa -3000") // before the period
	total, each, err := moderation.FiguresAt(d.App, zero.Add(time.Hour), 1)
	if err != nil || len(each) != 2 {
		t.Fatalf("figures of %v, %v", each, err)
	}
	for name, c := range map[string]struct {
		of   moderation.Figures
		want string
	}{
		"all":    {total, "open 2 oldest 4200 claim 240 close 360 decided 3 overturned 1"},
		"fatima": {each[0], "open 1 oldest 3600 claim 600 close 360 decided 2 overturned 1"},
		"musa":   {each[1], "open 0 oldest 0 claim 120 close 180 decided 1 overturned 0"},
	} {
		f := c.of
		got := fmt.Sprintf("open %d oldest %d claim %d close %d decided %d overturned %d", f.Open, f.OldestSeconds, f.ClaimSeconds, f.CloseSeconds, f.Decided, f.Overturned)
		if got != c.want || name != "all" && f.Username != name || name == "all" && f.Moderator != "" {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	quiet, each, err := moderation.FiguresAt(d.App, zero.Add(100*day), 2)
	if err != nil || quiet.ClaimSeconds != -1 || quiet.CloseSeconds != -1 || quiet.Decided != 0 || quiet.Open != 2 || len(each) != 0 {
		t.Errorf("later: %+v %v, %v", quiet, each, err)
	}
}

func TestWhoAsksForFigures(t *testing.T) {
	d := openDesk(t)
	d.reported(d.approved(), "spam", bola)
	for _, who := range []string{musa, admin} {
		data := d.Want(d.Do(who, "GET", "/api/lingualink/moderation/figures?days=7", nil), 200, "").Data()
		if total := data["total"].(map[string]any); total["open"] != 1.0 || data["days"] != 7.0 || data["cut"] != false {
			t.Errorf("%s: %v", who, data)
		}
	}
	for _, wrong := range []string{"?days=0", "?days=91", "?days=x"} {
		d.Want(d.Do(musa, "GET", "/api/lingualink/moderation/figures"+wrong, nil), 400, "invalid_input")
	}
}

// TestPlans: what is asked often goes by indexes and scans no table.
func TestPlans(t *testing.T) {
	d := openDesk(t)
	for name, query := range moderation.Queries() {
		rows := []struct {
			Detail string `db:"detail"`
		}{}
		params := dbx.Params{}
		for _, p := range []string{"me", "upto", "limit", "skip", "name", "now", "batch", "since", "most"} {
			if strings.Contains(query, "{:"+p+"}") {
				params[p] = "1"
			}
		}
		if err := d.App.DB().NewQuery("EXPLAIN QUERY PLAN " + query).Bind(params).All(&rows); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(rows) == 0 {
			t.Errorf("%s has no plan", name)
		}
		for _, row := range rows {
			table := strings.HasPrefix(row.Detail, "SCAN ") && !strings.Contains(row.Detail, "INDEX") && !strings.HasPrefix(row.Detail, "SCAN (") && !strings.Contains(row.Detail, "CONSTANT")
			if table || strings.Contains(row.Detail, "TEMP B-TREE") && name != "queue" && name != "leases" && name != "held" {
				t.Errorf("%s: %s", name, row.Detail)
			}
		}
	}
}
