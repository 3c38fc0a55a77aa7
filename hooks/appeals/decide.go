package appeals

import (
	"database/sql"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

const maxReason = 500 // runes

type decideBody struct {
	Outcome string `json:"outcome" help:"upheld: the decision stays; overturned: it is undone for this person."`
	Reason  string `json:"reason" help:"Why, in plain words; the person reads it. At most 500 characters."`
}

type appealData struct {
	Appeal      string `json:"appeal"`
	SubjectType string `json:"subject_type"`
	SubjectID   string `json:"subject_id"`
	State       string `json:"state"`
}

func registerDecide(deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/appeals/{id}/decide", Who: shell.Moderator, Body: decideBody{}, Data: appealData{},
		What:   "Decide an appeal, once. Neither who made the decision nor who has to do with the person does it.",
		Faults: []*fault.Code{fault.InvalidInput, fault.NotFound, fault.NotAllowed, fault.FirstDecider, fault.AppealDecided, fault.NothingToAppeal},
		Handle: func(e *core.RequestEvent) error {
			body, err := shell.Bind[decideBody](e)
			if err != nil {
				return err
			}
			body.Reason = strings.TrimSpace(body.Reason)
			switch n := utf8.RuneCountInString(body.Reason); {
			case body.Outcome != collections.AppealUpheld && body.Outcome != collections.AppealOverturned:
				return fault.InvalidInput.On("outcome").Saying("The outcome is upheld or overturned.")
			case n == 0 || n > maxReason:
				return fault.InvalidInput.On("reason").Saying("Say why, in at most 500 characters.")
			}
			data, err := shell.Transact(e.App, func(tx core.App) (appealData, error) {
				return decide(tx, deps, e.Request.PathValue("id"), body, e.Auth, e.RealIP())
			})
			if err != nil {
				return err
			}
			return shell.OK(e, data, "The appeal is decided.")
		},
	})
}

// decide ends an appeal in one transaction with what follows from it.
func decide(tx core.App, deps *shell.Deps, id string, body decideBody, by *core.Record, ip string) (appealData, error) {
	record, err := tx.FindRecordById("appeals", id)
	if errors.Is(err, sql.ErrNoRows) {
		return appealData{}, fault.NotFound.On("id")
	}
	if err != nil {
		return appealData{}, err
	}
	if record.GetString("state") != collections.AppealOpen {
		return appealData{}, fault.AppealDecided.On("id")
	}
	a := Appeal{
		ID: id, User: record.GetString("user"), SubjectType: record.GetString("subject_type"), SubjectID: record.GetString("subject_id"),
		Overturned: body.Outcome == collections.AppealOverturned, Actor: shell.ActorOf(by), IP: ip, Reason: body.Reason,
	}
	subject := subjects(tx)[a.SubjectType]
	if subject.May == nil {
		return appealData{}, errors.New("appeals: nobody handles " + a.SubjectType)
	}
	decision, err := subject.May(tx, a.User, a.SubjectID)
	if err != nil {
		return appealData{}, err
	}
	if err := mayDecide(tx, by, a, decision); err != nil {
		return appealData{}, err
	}
	won, err := shell.Exec(tx, "UPDATE appeals SET state = {:state} WHERE id = {:id} AND state = 'open'", dbx.Params{"id": id, "state": body.Outcome})
	if err != nil {
		return appealData{}, err
	}
	if won != 1 {
		return appealData{}, fault.AppealDecided.On("id")
	}
	record.Set("state", body.Outcome)
	record.Set("reason", a.Reason)
	record.Set("decided_by", a.Actor)
	record.Set("decided_at", shell.DateTime(deps.Clock.Now()))
	if err := tx.Save(record); err != nil {
		return appealData{}, err
	}
	if err := subject.Decided(tx, a); err != nil {
		return appealData{}, err
	}
	if err := tell(tx, deps, a, decision); err != nil {
		return appealData{}, err
	}
	data := appealData{Appeal: id, SubjectType: a.SubjectType, SubjectID: a.SubjectID, State: body.Outcome}
	return data, shell.Audit(tx, deps.Clock.Now(), shell.Act{
		Actor: a.Actor, Action: "appeal.decide", SubjectType: "appeals", SubjectID: id, Reason: a.Reason,
		Data: map[string]any{"user": a.User, "subject_type": a.SubjectType, "subject_id": a.SubjectID, "outcome": body.Outcome, "first_decider": decision.By, "ip": a.IP},
	})
}

// mayDecide refuses whoever decided before, under whatever account as far as is
// known, and who has to do with the people.
func mayDecide(tx core.App, by *core.Record, a Appeal, decision Decision) error {
	if err := accounts.MayDecideAbout(tx, by, append([]string{a.User}, decision.Concerned...)...); err != nil {
		return err
	}
	if decision.By == a.Actor {
		return fault.FirstDecider.On("id")
	}
	first, err := accounts.PersonBehind(tx, decision.By)
	if err != nil || first == "" {
		return err
	}
	same, err := accounts.SamePerson(tx, by, first)
	if err != nil {
		return err
	}
	if same {
		return fault.FirstDecider.On("id")
	}
	return nil
}

// tell lets the person know, and whoever decided before if that is a user.
func tell(tx core.App, deps *shell.Deps, a Appeal, decision Decision) error {
	said := shell.Notice{
		User: a.User, Kind: "appeal_decided", Title: "Your appeal was not granted",
		Body: "The decision stays: " + a.Reason,
		Data: map[string]any{"appeal": a.ID, "subject_type": a.SubjectType, "subject_id": a.SubjectID, "overturned": a.Overturned, "reason": a.Reason},
	}
	if a.Overturned {
		said.Title, said.Body = "Your appeal was granted", "The decision is undone: "+a.Reason
	}
	if err := shell.Notify(tx, deps, "appeal:"+a.ID, said); err != nil {
		return err
	}
	first, err := accounts.PersonBehind(tx, decision.By)
	if err != nil || first == "" || first == a.User {
		return err
	}
	said.User, said.Kind, said.Title = first, "appeal_outcome", "A decision of yours was upheld"
	said.Body = "Somebody appealed against it, and somebody else looked again: " + a.Reason
	if a.Overturned {
		said.Title = "A decision of yours was undone"
	}
	return shell.Notify(tx, deps, "appeal:"+a.ID+":first", said)
}
