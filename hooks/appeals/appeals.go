// Package appeals decides how people speak against decisions about them: once
// for each decision, in their own words, heard by somebody else than whoever
// decided before. What can be appealed, and what follows from it, is said by the
// area that made the decision.
//
// It refuses appeals against what is not about the person, against what nobody
// has decided, and against an appeal.
package appeals

import (
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
)

// Subject is one kind of decision that people may appeal against.
type Subject struct {
	// May tells of the decision that a person names, or refuses: fault.NotFound on
	// subject_id if it is not about them, fault.NothingToAppeal if nothing is
	// decided or it is undone. It is asked when the appeal is made and again when it
	// is decided.
	May func(tx core.App, user, id string) (Decision, error)
	// Decided carries the outcome out, in the transaction of the decision; an error
	// undoes it. The person is told by this package.
	Decided func(tx core.App, appeal Appeal) error
}

// Decision is what an appeal is against.
type Decision struct {
	By        string   // shell.ActorOf who decided; they do not decide the appeal
	Concerned []string // users it concerns besides the person: neither do they, nor who is related to them
}

// Appeal is one that was decided.
type Appeal struct {
	ID, User               string
	SubjectType, SubjectID string
	Overturned             bool // else it was upheld
	Actor, Reason          string
	IP                     string // address that the decision came from
}

// ipKey is where an appeal carries, in memory only, the address that it came from.
const ipKey = "@ll.ip"

// AddressOf is the address that an appeal being made came from.
func AddressOf(appeal *core.Record) string {
	ip, _ := appeal.GetRaw(ipKey).(string)
	return ip
}

const subjectsKey = "ll.appeals.subjects"

func subjects(app core.App) map[string]Subject {
	return app.Store().GetOrSet(subjectsKey, func() any { return map[string]Subject{} }).(map[string]Subject)
}

// Handle opens a kind of decision to appeals; called while the areas register. The
// name is the collection of the decisions, for example freezes.
func Handle(app core.App, subjectType string, subject Subject) {
	known := subjects(app)
	if _, twice := known[subjectType]; twice || subject.May == nil || subject.Decided == nil {
		panic(fmt.Sprintf("appeals: %s is handled twice, or by halves", subjectType))
	}
	known[subjectType] = subject
}

// Register binds the area.
func Register(app core.App, deps *shell.Deps) {
	registerCreate(app, deps)
	registerDecide(deps)
}
