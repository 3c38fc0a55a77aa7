package moderation

import (
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	rules "github.com/lingualink/lingualink/internal/moderation"
)

type toBody struct {
	To string `json:"to" help:"Id of the moderator or admin, as a user."`
}

type escalateBody struct {
	To string `json:"to,omitempty" help:"Id of the one person whom it waits for; empty: admins."`
}

type openBody struct {
	SubjectType string `json:"subject_type" help:"clip or user."`
	SubjectID   string `json:"subject_id"`
	Reason      string `json:"reason,omitempty" help:"What it is about, if anything is wrong; leave it out to lift something."`
}

// caseData is where a case stands after an act.
type caseData struct {
	Case     string `json:"case"`
	State    string `json:"state" help:"open, claimed, escalated or resolved."`
	Holder   string `json:"holder" help:"Id of who has it; empty: nobody."`
	Assigned string `json:"assigned" help:"Id of the one person whom it waits for."`
	Until    string `json:"until" help:"The claim, or the wait, ends then (RFC 3339); empty: neither."`
	Admins   bool   `json:"for_admins" help:"Only admins may have it."`
	Action   string `json:"action" help:"What was decided; empty: nothing yet."`
	Appeal   string `json:"appeal" help:"open, upheld or overturned; empty: none."`
}

func dataOf(c rules.Case) caseData {
	data := caseData{
		Case: c.ID, State: string(c.State), Holder: c.Holder, Assigned: c.Assigned, Admins: c.ForAdmins,
		Action: string(c.Decision.Action), Appeal: string(c.Appeal),
	}
	if !c.Until.IsZero() {
		data.Until = c.Until.UTC().Format(time.RFC3339Nano)
	}
	return data
}

// caseFaults are what every act on a case may be answered with.
var caseFaults = []*fault.Code{fault.NotFound, fault.CaseConflict, fault.CaseNotYours, fault.ApproverUnknown, fault.AccountSuspended, fault.AccountBanned}

// verb adds a route that acts on one case. The event is made in the transaction,
// for the case as it is there.
func (d *desk) verb(route shell.Route, said string, make func(tx core.App, e *core.RequestEvent, c rules.Case, by person, body any) (rules.Event, string, error), read func(e *core.RequestEvent) (any, error)) {
	route.Method, route.Who, route.Data = http.MethodPost, shell.Moderator, caseData{}
	route.Faults = append(append([]*fault.Code{}, caseFaults...), route.Faults...)
	route.Handle = func(e *core.RequestEvent) error {
		var body any
		if read != nil {
			var err error
			if body, err = read(e); err != nil {
				return err
			}
		}
		var data caseData
		err := e.App.RunInTransaction(func(tx core.App) error {
			by, err := d.staff(tx, e)
			if err != nil {
				return err
			}
			record, err := loadCase(tx, e.Request.PathValue("id"), by)
			if err != nil {
				return err
			}
			event, note, err := make(tx, e, caseOf(record), by, body)
			if err != nil {
				return err
			}
			after, err := d.apply(tx, record, by, event, note)
			data = dataOf(after)
			return err
		})
		if err != nil {
			return err
		}
		return shell.OK(e, data, said)
	}
	d.deps.Routes.Add(route)
}

// holds counts the cases, other than one, that a person has at a moment.
func (d *desk) holds(tx core.App, user, but string) (n int64, err error) {
	err = tx.DB().NewQuery("SELECT COUNT(*) FROM cases INDEXED BY idx_cases_until WHERE state = 'claimed' AND until > {:now} AND holder = {:me} AND id != {:but}").
		Bind(dbx.Params{"now": shell.Stamp(d.now()), "me": nameOf(user), "but": but}).Row(&n)
	return n, err
}

func (d *desk) registerVerbs() {
	type maker = func(tx core.App, e *core.RequestEvent, c rules.Case, by person, body any) (rules.Event, string, error)
	as := func(event func(by rules.Actor) rules.Event) maker {
		return func(tx core.App, _ *core.RequestEvent, c rules.Case, by person, _ any) (rules.Event, string, error) {
			actor, err := actorIn(tx, c, by)
			return event(actor), "", err
		}
	}
	d.verb(shell.Route{
		Path: "/cases/{id}/claim",
		What: "Have a case to yourself for a while. Repeating gives the claim that you have.",
	}, "The case is yours.", func(tx core.App, _ *core.RequestEvent, c rules.Case, by person, _ any) (rules.Event, string, error) {
		actor, err := actorIn(tx, c, by)
		if err != nil {
			return nil, "", err
		}
		holds, err := d.holds(tx, by.id, c.ID)
		return rules.Claim{By: actor, Holds: holds}, "", err
	}, nil)
	d.verb(shell.Route{Path: "/cases/{id}/renew", What: "Keep a case that you have for another while, up to the longest claim."},
		"You have more time.", as(func(by rules.Actor) rules.Event { return rules.Renew{By: by} }), nil)
	d.verb(shell.Route{Path: "/cases/{id}/release", What: "Give a case back to the queue. Admins also give back what others have."},
		"Somebody else can take the case.", as(func(by rules.Actor) rules.Event { return rules.Release{By: by} }), nil)
	d.verb(shell.Route{
		Path: "/cases/{id}/hand-over", Body: toBody{}, Faults: []*fault.Code{fault.InvalidInput},
		What: "Give a case that you have to a colleague, who is told. Admins also hand over what others have.",
	}, "The case is handed over.", func(tx core.App, _ *core.RequestEvent, c rules.Case, by person, body any) (rules.Event, string, error) {
		actor, err := actorIn(tx, c, by)
		if err != nil {
			return nil, "", err
		}
		to, err := d.colleague(tx, c, body.(toBody).To)
		return rules.HandOver{By: actor, To: to}, "", err
	}, func(e *core.RequestEvent) (any, error) {
		body, err := shell.Bind[toBody](e)
		if err == nil && body.To == "" {
			err = fault.InvalidInput.On("to")
		}
		return body, err
	})
	d.verb(shell.Route{
		Path: "/cases/{id}/escalate", Body: escalateBody{}, Faults: []*fault.Code{fault.InvalidInput},
		What: "Have a case wait for one colleague, or for admins, who are told.",
	}, "The case waits for them.", func(tx core.App, _ *core.RequestEvent, c rules.Case, by person, body any) (rules.Event, string, error) {
		actor, err := actorIn(tx, c, by)
		if err != nil || body.(escalateBody).To == "" {
			return rules.Escalate{By: actor}, "", err
		}
		to, err := d.colleague(tx, c, body.(escalateBody).To)
		return rules.Escalate{By: actor, To: to}, "", err
	}, func(e *core.RequestEvent) (any, error) { return shell.Bind[escalateBody](e) })
}

// registerOpen lets staff open a case that nobody has reported, and hold it.
func (d *desk) registerOpen() {
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/cases", Who: shell.Moderator, Body: openBody{}, Data: caseData{},
		What:   "Open a case about something that nobody has reported, or to lift what was decided, and have it to yourself.",
		Faults: append([]*fault.Code{fault.InvalidInput, fault.SubjectUnknown}, caseFaults...),
		Handle: func(e *core.RequestEvent) error {
			body, err := shell.Bind[openBody](e)
			if err != nil {
				return err
			}
			var data caseData
			err = e.App.RunInTransaction(func(tx core.App) error {
				after, err := d.open(tx, e, body)
				data = dataOf(after)
				return err
			})
			if err != nil {
				return err
			}
			return shell.OK(e, data, "The case is yours.")
		},
	})
}

func (d *desk) open(tx core.App, e *core.RequestEvent, body openBody) (rules.Case, error) {
	by, err := d.staff(tx, e)
	if err != nil {
		return rules.Case{}, err
	}
	kind, err := rules.ParseSubjectType(body.SubjectType)
	if err != nil {
		return rules.Case{}, err
	}
	reason := rules.Reason("")
	if body.Reason != "" {
		if reason, err = rules.ParseReason(body.Reason); err != nil {
			return rules.Case{}, err
		}
	}
	_, about, err := subjectOf(tx, kind, body.SubjectID)
	if err != nil {
		return rules.Case{}, err
	}
	record, err := openCase(tx, kind, about.ID)
	if err != nil {
		return rules.Case{}, err
	}
	if record != nil {
		if record.GetString("owner") == by.id {
			return rules.Case{}, faultOf(rules.OwnSubject)
		}
		return rules.Case{}, fault.CaseConflict.On("subject_id").With("reason", "exists").With("case", record.Id)
	}
	if record, err = newCase(tx, about, kind, collections.CaseStaff); err != nil {
		return rules.Case{}, err
	}
	actor, err := actorIn(tx, caseOf(record), by)
	if err != nil {
		return rules.Case{}, err
	}
	holds, err := d.holds(tx, by.id, record.Id)
	if err != nil {
		return rules.Case{}, err
	}
	return d.apply(tx, record, by, rules.Open{By: actor, Reason: reason, Holds: holds}, "")
}
