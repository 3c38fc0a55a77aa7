package moderation

import (
	"net/http"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	rules "github.com/lingualink/lingualink/internal/moderation"
)

const (
	maxReports = 200
	maxHistory = 200
	maxEarlier = 20
)

// ReportSeen is one report as staff see it who opened the case.
type ReportSeen struct {
	Report    string `json:"report" db:"id"`
	Reporter  string `json:"reporter" db:"reporter" help:"Id; empty: the server."`
	Username  string `json:"username" db:"username"`
	Right     int64  `json:"right" db:"right" help:"How often their decided reports were right,"`
	Wrong     int64  `json:"wrong" db:"wrong" help:"and how often not."`
	Reason    string `json:"reason" db:"reason"`
	Text      string `json:"text" db:"text"`
	WeightBps int64  `json:"weight_bps" db:"weight_bps"`
	Cluster   string `json:"cluster" db:"cluster" help:"The same for linked people, who count once."`
	State     string `json:"state" db:"state"`
	At        string `json:"at" db:"created"`
}

// HappenedSeen is one line of the history of a case.
type HappenedSeen struct {
	Event  string `json:"event" db:"event"`
	From   string `json:"from" db:"from_state"`
	To     string `json:"to" db:"to_state"`
	Actor  string `json:"actor" db:"actor"`
	Role   string `json:"role" db:"role"`
	Note   string `json:"note" db:"note"`
	Effect string `json:"effects" db:"effects" help:"JSON list of what followed."`
	At     string `json:"at" db:"at"`
}

// EarlierSeen is another case of the subject or its owner.
type EarlierSeen struct {
	Case        string `json:"case" db:"id"`
	SubjectType string `json:"subject_type" db:"subject_type"`
	SubjectID   string `json:"subject_id" db:"subject_id"`
	State       string `json:"state" db:"state"`
	Severity    int64  `json:"severity" db:"severity"`
	Action      string `json:"action" db:"action"`
	Found       string `json:"found" db:"found"`
	DecidedAt   string `json:"decided_at" db:"decided_at"`
	Appeal      string `json:"appeal" db:"appeal"`
}

// StrikeSeen is what counts, or counted, against the owner.
type StrikeSeen struct {
	Case     string `json:"case" db:"case"`
	Points   int64  `json:"points" db:"points"`
	At       string `json:"at" db:"at"`
	Expires  string `json:"expires_at" db:"expires_at"`
	Sanction string `json:"sanction" db:"sanction"`
	Undone   bool   `json:"undone" db:"undone"`
}

// OwnerSeen is the person who answers for the subject.
type OwnerSeen struct {
	ID       string       `json:"id" db:"id"`
	Username string       `json:"username" db:"username"`
	Standing string       `json:"standing" db:"standing"`
	Until    string       `json:"until" db:"until" help:"The standing is looked at again then; empty: by an act only."`
	Strikes  []StrikeSeen `json:"strikes"`
}

// DecisionSeen is what was decided, for whoever decides the appeal.
type DecisionSeen struct {
	Action    string `json:"action"`
	Found     string `json:"found"`
	Note      string `json:"note"`
	Until     string `json:"until"`
	GoodFaith bool   `json:"good_faith"`
	By        string `json:"by" help:"Id of who decided."`
	At        string `json:"at"`
}

// AppealSeen is what the person concerned says against it.
type AppealSeen struct {
	Appeal string `json:"appeal" db:"id" help:"Id, for POST /appeals/{id}/decide."`
	Text   string `json:"text" db:"text"`
	State  string `json:"state" db:"state"`
	Reason string `json:"reason" db:"reason"`
	At     string `json:"at" db:"created"`
}

type viewData struct {
	Item
	Reported  []ReportSeen   `json:"reported" help:"The latest 200."`
	History   []HappenedSeen `json:"history" help:"The latest 200, the latest last."`
	OfSubject []EarlierSeen  `json:"of_subject" help:"Other cases of the subject, the latest 20."`
	OfOwner   []EarlierSeen  `json:"of_owner" help:"Other cases of the owner, the latest 20."`
	Owner     *OwnerSeen     `json:"owner" help:"null: nobody."`
	Decision  *DecisionSeen  `json:"decision" help:"null: none yet."`
	Appeal    *AppealSeen    `json:"appealed" help:"null: none."`
}

func (d *desk) registerView() {
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/cases/{id}", Who: shell.Moderator, Data: viewData{},
		What:   "Open a case: who reported what, its history, other cases, the owner's strikes, and of an appeal the first decision.",
		Faults: []*fault.Code{fault.NotFound, fault.CaseNotYours, fault.ApproverUnknown},
		Handle: func(e *core.RequestEvent) error {
			by, err := d.staff(e.App, e)
			if err != nil {
				return err
			}
			record, err := loadCase(e.App, e.Request.PathValue("id"), by)
			if err != nil {
				return err
			}
			c := caseOf(record)
			// Who belongs to the owner or a reporter learns no names.
			actor, err := actorIn(e.App, c, by)
			if err != nil {
				return err
			}
			if actor.Interested {
				return faultOf(rules.IsInterested)
			}
			data, err := viewOf(e.App, record, by)
			if err != nil {
				return err
			}
			return shell.OK(e, data, "")
		},
	})
}

func viewOf(app core.App, record *core.Record, by person) (viewData, error) {
	c := caseOf(record)
	items, err := itemsOf(app, []string{record.Id}, by)
	if err != nil {
		return viewData{}, err
	}
	data := viewData{Item: items[0], Reported: []ReportSeen{}, History: []HappenedSeen{}, OfSubject: []EarlierSeen{}, OfOwner: []EarlierSeen{}}
	const earlier = "SELECT id, subject_type, subject_id, state, severity, action, found, decided_at, appeal FROM cases WHERE "
	for _, part := range []struct {
		query string
		into  any
	}{
		{`SELECT r.id, r.reporter, COALESCE(u.username, '') AS username, COALESCE(k.right, 0) AS right, COALESCE(k.wrong, 0) AS wrong,
			r.reason, r.text, r.weight_bps, r.cluster, r.state, r.created
			FROM reports r LEFT JOIN users u ON u.id = r.reporter LEFT JOIN reporters k ON k.user = r.reporter
			WHERE r.[[case]] = {:case} ORDER BY r.created DESC, r.id LIMIT {:reports}`, &data.Reported},
		{`SELECT * FROM (SELECT seq, event, from_state, to_state, actor, role, note, effects, at FROM case_events
			WHERE [[case]] = {:case} ORDER BY seq DESC LIMIT {:history}) ORDER BY seq`, &data.History},
		{earlier + "subject_type = {:type} AND subject_id = {:subject} AND id != {:case} ORDER BY created DESC LIMIT {:earlier}", &data.OfSubject},
		{earlier + "owner = {:owner} AND owner != '' AND id != {:case} ORDER BY created DESC LIMIT {:earlier}", &data.OfOwner},
	} {
		err := app.DB().NewQuery(part.query).Bind(dbx.Params{
			"case": c.ID, "type": string(c.Subject.Type), "subject": c.Subject.ID, "owner": c.Subject.Owner,
			"reports": maxReports, "history": maxHistory, "earlier": maxEarlier,
		}).All(part.into)
		if err != nil {
			return viewData{}, err
		}
	}
	if c.DecidedBy != "" {
		data.Decision = &DecisionSeen{
			Action: string(c.Decision.Action), Found: string(c.Decision.Reason), Note: c.Decision.Note, Until: moment(c.Decision.Until),
			GoodFaith: c.Decision.GoodFaith, By: c.DecidedBy, At: moment(c.DecidedAt),
		}
	}
	if data.Owner, err = ownerSeen(app, c.Subject.Owner); err != nil {
		return viewData{}, err
	}
	data.Appeal, err = appealSeen(app, c)
	return data, err
}

func ownerSeen(app core.App, user string) (*OwnerSeen, error) {
	rows := []OwnerSeen{}
	err := app.DB().NewQuery("SELECT u.id, u.username, u.standing, COALESCE(s.until, '') AS until FROM users u LEFT JOIN sanctions s ON s.user = u.id WHERE u.id = {:user}").
		Bind(dbx.Params{"user": user}).All(&rows)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	owner := &rows[0]
	owner.Strikes = []StrikeSeen{}
	err = app.DB().NewQuery("SELECT [[case]], points, at, expires_at, sanction, undone FROM strikes WHERE user = {:user} ORDER BY at DESC LIMIT {:most}").
		Bind(dbx.Params{"user": user, "most": maxEarlier}).All(&owner.Strikes)
	return owner, err
}

func appealSeen(app core.App, c rules.Case) (*AppealSeen, error) {
	if c.Appeal == rules.NoAppeal {
		return nil, nil
	}
	rows := []AppealSeen{}
	err := app.DB().NewQuery(`
		SELECT a.id, a.text, a.state, a.reason, a.created FROM decisions d
		JOIN appeals a ON a.user = d.user AND a.subject_type = 'decisions' AND a.subject_id = d.id WHERE d.[[case]] = {:case}`).
		Bind(dbx.Params{"case": c.ID}).All(&rows)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &rows[0], nil
}
