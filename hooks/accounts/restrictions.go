package accounts

import (
	"slices"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/internal/fault"
)

// restrictPriority is right after the token was read (-1020), before anything
// is done for the person.
const restrictPriority = -1010

const records = "/api/collections/{collection}/records"

// ownRows are what restricted people read and hear of themselves: notices,
// verdicts, money, and what was decided about them.
var ownRows = []string{"notifications", "verdicts", "appeals", "decisions", "strikes", "freezes", "payouts"}

// open is the one table of what a suspended or banned person may still do, by
// the router's pattern: sign in, read their own card, money, notices and
// decisions, and appeal. Collections that are named limit the pattern to them.
var open = map[string][]string{
	"GET /api/collections/{collection}/auth-methods": nil,
	authPath + "auth-refresh":                        nil,
	authPath + "auth-with-password":                  nil,
	authPath + "auth-with-otp":                       nil,
	authPath + "auth-with-oauth2":                    nil,
	authPath + "request-otp":                         nil,
	authPath + "request-password-reset":              nil,
	authPath + "confirm-password-reset":              nil,
	authPath + "confirm-verification":                nil,
	authPath + "confirm-email-change":                nil,

	"GET " + records + "/{id}":   append([]string{"users"}, ownRows...),
	"GET " + records:             ownRows,
	"POST " + records:            {"appeals"},
	"PATCH " + records + "/{id}": {"notifications"},

	"GET /api/lingualink/wallet":           nil,
	"GET /api/lingualink/wallet/statement": nil,

	"GET /api/lingualink/notifications/unread":    nil,
	"POST /api/lingualink/notifications/read-all": nil,

	"GET /api/realtime":  nil,
	"POST /api/realtime": nil, // topics: mayHear
}

func registerRestrictions(app core.App) {
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "ll.accounts.restrictions",
		Func: func(e *core.ServeEvent) error {
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{
				Id: "ll.accounts.standing", Priority: restrictPriority,
				Func: func(e *core.RequestEvent) error {
					if restricted(e.Auth) && strings.HasPrefix(e.Request.URL.Path, "/api/") && !isOpen(e) {
						return refusal(e.Auth)
					}
					return e.Next()
				},
			})
			return e.Next()
		},
	})
	registerHearing(app)
}

// restricted tells whether the signed-in account is a suspended or banned
// person. PocketBase reads it anew for every request.
func restricted(auth *core.Record) bool {
	return auth != nil && auth.Collection().Id == collections.UsersID && MayNotAct(auth)
}

func refusal(person *core.Record) error { return Refusal(person.GetString("standing")) }

// Refusal is what somebody of the standing is told who wants to act; nil for who
// may.
func Refusal(standing string) error {
	switch standing {
	case collections.StandingBanned:
		return fault.AccountBanned.On("account")
	case collections.StandingSuspended:
		return fault.AccountSuspended.On("account")
	}
	return nil
}

// RequireGoodStanding refuses a person who may not act at this moment, whatever
// they could do when their request began.
func RequireGoodStanding(app core.App, person string) error {
	var standing string
	err := app.DB().NewQuery("SELECT standing FROM users WHERE id = {:id}").Bind(dbx.Params{"id": person}).Row(&standing)
	if err != nil {
		return err
	}
	return Refusal(standing)
}

func isOpen(e *core.RequestEvent) bool {
	names, listed := open[e.Request.Pattern]
	if !listed || names == nil {
		return listed
	}
	collection, err := e.App.FindCachedCollectionByNameOrId(e.Request.PathValue("collection"))
	if err != nil || !slices.Contains(names, collection.Name) {
		return false
	}
	if e.Request.URL.Query().Has("expand") {
		return false // would lead from an own row to everything it hangs on
	}
	return collection.Id != collections.UsersID || e.Request.PathValue("id") == e.Auth.Id
}
