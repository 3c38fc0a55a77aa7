package moderation

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	rules "github.com/lingualink/lingualink/internal/moderation"
)

const (
	defaultItems = 20
	maxItems     = 100
	maxPage      = 100
)

// Item is one case in the queue.
type Item struct {
	Case        string           `json:"case"`
	Origin      string           `json:"origin" help:"reports, screening, expert or staff."`
	State       string           `json:"state"`
	SubjectType string           `json:"subject_type"`
	SubjectID   string           `json:"subject_id"`
	Language    string           `json:"language" help:"Id, of what has one."`
	Severity    int64            `json:"severity" help:"1 low, 2 medium, 3 high, 4 critical."`
	WeightBps   int64            `json:"weight_bps" help:"Of its reports together; 10000 is one whole report."`
	Reports     int64            `json:"reports"`
	Reasons     map[string]int64 `json:"reasons" help:"How many reports give which reason."`
	FirstAt     string           `json:"first_at"`
	LastAt      string           `json:"last_at"`
	DueAt       string           `json:"due_at"`
	Overdue     bool             `json:"overdue"`
	Hidden      bool             `json:"hidden" help:"Its reports hid the subject until somebody decides."`
	Holder      string           `json:"holder" help:"Id of who has it."`
	Yours       bool             `json:"yours" help:"You have it."`
	Assigned    string           `json:"assigned" help:"Id of the one person whom it waits for."`
	Until       string           `json:"until"`
	ForAdmins   bool             `json:"for_admins"`
	Action      string           `json:"action"`
	Appeal      string           `json:"appeal"`
	// Sensitive content stays muted and blurred until somebody opens the case.
	Sensitive bool           `json:"sensitive" help:"Keep the content muted and blurred until the case is opened."`
	Preview   map[string]any `json:"preview" help:"What it is about, by its type; null if it is gone."`
}

// Counters are for the header; cases about the person who asks are not counted.
type Counters struct {
	Open      int64 `json:"open" db:"open" help:"Anybody may claim them."`
	Mine      int64 `json:"mine" db:"mine" help:"You have them."`
	Overdue   int64 `json:"overdue" db:"overdue"`
	Appeals   int64 `json:"appeals" db:"appeals" help:"Appeals to decide."`
	ForAdmins int64 `json:"for_admins" db:"for_admins"`
}

type queueData struct {
	Items    []Item   `json:"items"`
	Page     int      `json:"page"`
	Limit    int      `json:"limit"`
	More     bool     `json:"more" help:"There is another page."`
	Counters Counters `json:"counters"`
}

func (d *desk) registerQueue() {
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/moderation/queue", Who: shell.Moderator, Data: queueData{},
		What: "The cases that wait, the gravest first, with the counters of the header. List it on every connect of the feed.",
		Params: []shell.Param{
			shell.Query("state", "open, claimed, escalated or resolved; default: all that are not resolved."),
			shell.Query("limit", "1 to 100, default 20."), shell.Query("page", "1 to 100, default 1."),
		},
		Faults: []*fault.Code{fault.InvalidInput, fault.ApproverUnknown},
		Handle: d.queue,
	})
}

func (d *desk) queue(e *core.RequestEvent) error {
	by, err := d.staff(e.App, e)
	if err != nil {
		return err
	}
	query := e.Request.URL.Query()
	limit, err := within(query.Get("limit"), "limit", defaultItems, maxItems)
	if err != nil {
		return err
	}
	page, err := within(query.Get("page"), "page", 1, maxPage)
	if err != nil {
		return err
	}
	states := []string{string(rules.Opened), string(rules.Claimed), string(rules.Escalated)}
	if asked := query.Get("state"); asked != "" {
		if !slices.Contains(rules.States(), rules.State(asked)) {
			return fault.InvalidInput.On("state").Saying("The state is open, claimed, escalated or resolved.")
		}
		states = []string{asked}
	}
	ids := []string{}
	err = e.App.DB().NewQuery(queueQuery(states)).
		Bind(dbx.Params{"me": by.id, "upto": page*limit + 1, "limit": limit + 1, "skip": (page - 1) * limit}).Column(&ids)
	if err != nil {
		return err
	}
	data := queueData{Page: page, Limit: limit, More: len(ids) > limit}
	if data.Items, err = itemsOf(e.App, ids[:min(len(ids), limit)], by); err != nil {
		return err
	}
	err = e.App.DB().NewQuery(countersQuery).
		Bind(dbx.Params{"me": by.id, "name": nameOf(by.id), "now": shell.Stamp(d.now())}).One(&data.Counters)
	if err != nil {
		return err
	}
	return shell.OK(e, data, "")
}

// within reads a whole number from 1 to most.
func within(text, name string, otherwise, most int) (int, error) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, fault.InvalidInput.On(name).Saying("This is a whole number from 1 to " + strconv.Itoa(most) + ".")
	}
	return n, nil
}

// queueQuery reads the head of each state by its index and merges them.
func queueQuery(states []string) string {
	heads := make([]string, len(states))
	for i, state := range states {
		heads[i] = `SELECT * FROM (SELECT id, priority, first_at FROM cases INDEXED BY idx_cases_queue
			WHERE state = '` + state + `' AND owner != {:me} ORDER BY priority DESC, first_at, id LIMIT {:upto})`
	}
	return "SELECT id FROM (" + strings.Join(heads, " UNION ALL ") + ") ORDER BY priority DESC, first_at, id LIMIT {:limit} OFFSET {:skip}"
}

const countersQuery = `
	SELECT (SELECT COUNT(*) FROM cases INDEXED BY idx_cases_queue WHERE state = 'open' AND owner != {:me}) AS open,
		(SELECT COUNT(*) FROM cases INDEXED BY idx_cases_until WHERE state = 'claimed' AND until > {:now} AND holder = {:name}) AS mine,
		(SELECT COUNT(*) FROM cases INDEXED BY idx_cases_due WHERE state != 'resolved' AND due_at <= {:now} AND owner != {:me}) AS overdue,
		(SELECT COUNT(*) FROM cases INDEXED BY idx_cases_appeals WHERE appeal = 'open' AND owner != {:me}) AS appeals,
		(SELECT COUNT(*) FROM cases INDEXED BY idx_cases_queue WHERE state = 'escalated' AND for_admins = 1 AND owner != {:me}) AS for_admins`

// itemsOf shows cases, in the order of their ids.
func itemsOf(app core.App, ids []string, by person) ([]Item, error) {
	records, err := app.FindRecordsByIds("cases", ids)
	if err != nil {
		return nil, err
	}
	byID, about := map[string]*core.Record{}, map[rules.SubjectType][]string{}
	for _, record := range records {
		byID[record.Id] = record
		kind := rules.SubjectType(record.GetString("subject_type"))
		about[kind] = append(about[kind], record.GetString("subject_id"))
	}
	previews := map[rules.SubjectType]map[string]map[string]any{}
	for kind, subjectIDs := range about {
		if subject, known := subjects(app)[kind]; known {
			if previews[kind], err = subject.Previews(app, subjectIDs); err != nil {
				return nil, err
			}
		}
	}
	items := []Item{}
	for _, id := range ids {
		if record := byID[id]; record != nil {
			item, err := itemOf(record, by)
			if err != nil {
				return nil, err
			}
			item.Preview = previews[rules.SubjectType(item.SubjectType)][item.SubjectID]
			items = append(items, item)
		}
	}
	return items, nil
}

func itemOf(record *core.Record, by person) (Item, error) {
	c := caseOf(record)
	item := Item{
		Case: c.ID, Origin: record.GetString("origin"), State: string(c.State), SubjectType: string(c.Subject.Type), SubjectID: c.Subject.ID,
		Language: record.GetString("language"), Severity: int64(c.Severity), WeightBps: c.WeightBps, Reports: c.Reports,
		FirstAt: moment(c.FirstAt), LastAt: moment(c.LastAt), DueAt: moment(c.DueAt), Overdue: record.GetBool("overdue"),
		Hidden: c.Hidden, Holder: c.Holder, Yours: c.Holder != "" && c.Holder == by.id, Assigned: c.Assigned, Until: moment(c.Until),
		ForAdmins: c.ForAdmins, Action: string(c.Decision.Action), Appeal: string(c.Appeal),
	}
	err := json.Unmarshal([]byte(record.GetString("reasons")), &item.Reasons)
	item.Sensitive = sensitive(item.Reasons)
	return item, err
}

// harmless are the reasons that say nothing bad of what is seen or heard.
var harmless = []rules.Reason{rules.UnclearAudio, rules.DialectDispute, rules.WrongLanguage, rules.Copyright}

// sensitive tells whether the content may hurt who sees it unprepared: unless all
// that is said about it is harmless.
func sensitive(reasons map[string]int64) bool {
	for reason := range maps.Keys(reasons) {
		if !slices.Contains(harmless, rules.Reason(reason)) {
			return true
		}
	}
	return len(reasons) == 0
}

// moment is a time as answers carry it; empty for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
