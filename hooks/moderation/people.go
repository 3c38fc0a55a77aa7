package moderation

import (
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/risk"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	rules "github.com/lingualink/lingualink/internal/moderation"
)

// person is who acts. Moderators and admins are held against each other by the
// user that they are: whoever is both is one person.
type person struct {
	id    string // of users; empty: the server
	role  rules.Role
	actor string // shell.ActorOf, for the audit log
	ip    string
}

// server is who acts where no person does.
var server = person{actor: shell.System}

// userPrefix marks people in the columns that name who has or decided a case.
const userPrefix = "user:"

// nameOf is how a case stores a person, or the server.
func nameOf(id string) string {
	if id == "" || id == shell.System {
		return id
	}
	return userPrefix + id
}

func idOf(name string) string { return strings.TrimPrefix(name, userPrefix) }

// staff is the moderator or admin who sends a request, as they are stored now.
func (d *desk) staff(tx core.App, e *core.RequestEvent) (person, error) {
	by, err := d.staffOf(tx, e.Auth)
	by.ip = e.RealIP()
	return by, err
}

func (d *desk) staffOf(tx core.App, auth *core.Record) (person, error) {
	by := person{id: auth.Id, role: rules.Moderator, actor: shell.ActorOf(auth)}
	if auth.IsSuperuser() {
		known := false
		if by.id, known = accounts.AdminPerson(tx, auth); !known {
			return by, fault.ApproverUnknown.On("authorization")
		}
		by.role = rules.Admin
	}
	if err := accounts.RequireGoodStanding(tx, by.id); err != nil {
		return by, err
	}
	if by.role == rules.Admin {
		return by, nil
	}
	role, err := roleOf(tx, by.id)
	if err == nil && !role.Staff() {
		err = fault.NotAllowed.On("authorization")
	}
	return by, err
}

// accountOf is the account that shell.ActorOf named.
func accountOf(tx core.App, actor string) (*core.Record, error) {
	if id, ok := strings.CutPrefix(actor, "superuser:"); ok {
		return tx.FindRecordById(core.CollectionNameSuperusers, id)
	}
	return tx.FindRecordById("users", idOf(actor))
}

// roleOf is what a user may be on staff: an admin if one is this person.
func roleOf(tx core.App, user string) (rules.Role, error) {
	if user == "" {
		return rules.NoRole, nil
	}
	var row struct {
		Admin     bool `db:"admin"`
		Moderator bool `db:"moderator"`
	}
	err := tx.DB().NewQuery(`
		SELECT EXISTS (SELECT 1 FROM _superusers WHERE person = {:user}) AS admin,
			EXISTS (SELECT 1 FROM users, json_each(users.roles) r WHERE users.id = {:user} AND r.value = {:role}) AS moderator`).
		Bind(dbx.Params{"user": user, "role": collections.RoleModerator}).One(&row)
	switch {
	case row.Admin:
		return rules.Admin, err
	case row.Moderator:
		return rules.Moderator, err
	}
	return rules.NoRole, err
}

// colleague is somebody to whom a case is handed; whoever may not act is nobody.
func (d *desk) colleague(tx core.App, c rules.Case, user string) (rules.Actor, error) {
	role, err := roleOf(tx, user)
	if err != nil {
		return rules.Actor{}, err
	}
	if role.Staff() {
		if err := accounts.RequireGoodStanding(tx, user); err != nil {
			return rules.Actor{}, err
		}
	}
	return actorIn(tx, c, person{id: user, role: role})
}

// actorIn is a person as they stand to a case.
func actorIn(tx core.App, c rules.Case, by person) (rules.Actor, error) {
	interested, err := isInterested(tx, c, by.id)
	return rules.Actor{ID: by.id, Role: by.role, Interested: interested}, err
}

// circleOf are the people who belong together with a person, as far as is known.
// It is never nil: that would be one row of nothing to SQL.
func circleOf(tx core.App, user string) ([]string, error) {
	circle, err := risk.Circle(tx, user)
	return append([]string{}, circle...), err
}

// isInterested tells whether a person has a stake in a case: they reported the
// subject, belong together with its owner or somebody who did, voted on it or
// earn by it.
func isInterested(tx core.App, c rules.Case, user string) (bool, error) {
	circle, err := circleOf(tx, user)
	if err != nil {
		return false, err
	}
	var interested bool
	err = tx.DB().NewQuery(`
		SELECT {:owner} IN ` + shell.Among("circle") + `
			OR EXISTS (SELECT 1 FROM reports WHERE [[case]] = {:case} AND (reporter = {:me} OR reporter IN ` + shell.Among("circle") + `))
			OR {:type} = 'clip' AND (
				EXISTS (SELECT 1 FROM votes WHERE clip = {:subject} AND validator = {:me})
				OR EXISTS (SELECT 1 FROM rewards WHERE clip = {:subject} AND user = {:me})
				OR EXISTS (SELECT 1 FROM clips c JOIN clips p ON p.id = c.parent WHERE c.id = {:subject} AND p.owner = {:me})
				OR EXISTS (SELECT 1 FROM clips WHERE parent = {:subject} AND owner = {:me}))
			OR {:type} = 'user' AND EXISTS (SELECT 1 FROM referrals WHERE referred = {:subject} AND referrer = {:me})`).
		Bind(dbx.Params{
			"circle": shell.List(circle), "owner": c.Subject.Owner, "case": c.ID, "me": user, "type": string(c.Subject.Type), "subject": c.Subject.ID,
		}).Row(&interested)
	return interested, err
}

// admins are the people who are admins, each once.
func admins(tx core.App) ([]string, error) {
	people := []string{}
	err := tx.DB().NewQuery("SELECT DISTINCT person FROM _superusers WHERE person != '' ORDER BY person").Column(&people)
	return people, err
}
