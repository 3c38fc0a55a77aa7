package accounts

import (
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/search"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/internal/fault"
)

// ownFields are hidden in the schema, so that nobody can read, filter or sort by
// them, and shown to the person themself. An e-mail address is not hidden there,
// because people write it when they sign up; that emailVisibility is always off
// keeps it from others, and this file from the order of lists.
var ownFields = []string{"roles", "standing", "verified", "created", "updated"}

// withheld are what a banned person says on their card, and what it shows. Ids,
// usernames and what the server says of them stay.
var withheld = []string{"name", "bio", "avatar"}

// seesBanned tells who sees the cards of banned people as they are.
func seesBanned(viewer *core.Record) bool {
	return viewer != nil && (viewer.IsSuperuser() || slices.Contains(viewer.GetStringSlice("roles"), collections.RoleModerator))
}

func registerPrivacy(app core.App) {
	app.OnRecordEnrich("users").Bind(&hook.Handler[*core.RecordEnrichEvent]{
		Id: "ll.users.enrich",
		Func: func(e *core.RecordEnrichEvent) error {
			auth := e.RequestInfo.Auth
			if auth != nil && auth.Id == e.Record.Id && auth.Collection().Id == e.Record.Collection().Id {
				e.Record.Unhide(ownFields...)
			} else if e.Record.GetString("standing") == collections.StandingBanned && !seesBanned(auth) {
				for _, field := range withheld {
					e.Record.Set(field, "")
				}
			}
			return e.Next()
		},
	})
	app.OnFileDownloadRequest("users").Bind(&hook.Handler[*core.FileDownloadRequestEvent]{
		Id: "ll.users.avatar",
		Func: func(e *core.FileDownloadRequestEvent) error {
			if e.Record.GetString("standing") == collections.StandingBanned && !seesBanned(e.Auth) {
				return fault.NotFound.On("filename")
			}
			// Kept by who has fetched it, but asked for every time.
			e.Response.Header().Set("Cache-Control", "public, no-cache")
			return e.Next()
		},
	})
	app.OnRealtimeSubscribeRequest().Bind(&hook.Handler[*core.RealtimeSubscribeRequestEvent]{
		Id: "ll.realtime.search",
		Func: func(e *core.RealtimeSubscribeRequestEvent) error {
			if e.Auth != nil && e.Auth.IsSuperuser() {
				return e.Next()
			}
			// A client of its own reads the topics as the real one will.
			asked := subscriptions.NewDefaultClient()
			asked.Subscribe(e.Subscriptions...)
			for _, options := range asked.Subscriptions() {
				for _, text := range options.Query {
					if searchesBackwards(text) {
						return backwards("subscriptions")
					}
				}
			}
			return e.Next()
		},
	})
	app.OnRecordsListRequest().Bind(&hook.Handler[*core.RecordsListRequestEvent]{
		Id: "ll.records.list.sort",
		Func: func(e *core.RecordsListRequestEvent) error {
			if e.HasSuperuserAuth() {
				return e.Next()
			}
			query := e.Request.URL.Query()
			for _, param := range []string{search.FilterQueryParam, search.SortQueryParam} {
				if slices.ContainsFunc(query[param], searchesBackwards) {
					return backwards(param)
				}
			}
			for _, field := range search.ParseSortFromString(e.Request.URL.Query().Get(search.SortQueryParam)) {
				if sortsByEmail(field.Name) {
					return fault.InvalidInput.On("sort").Saying("E-mail addresses are private: nothing is sorted by them.")
				}
			}
			return e.Next()
		},
	})
}

// searchesBackwards tells whether a filter or sort goes through a back-relation.
// PocketBase does not hold those against the read rules of where they lead in
// all cases, so they would tell what nobody may read: votes before a verdict,
// phone numbers, balances. Quoted text is not told apart: comments in filters
// make it hard to say what is quoted.
func searchesBackwards(text string) bool { return strings.Contains(text, "_via_") }

func backwards(field string) error {
	return fault.InvalidInput.On(field).Saying("Lists are not searched through back-relations: they lead to what is private.")
}

// sortsByEmail tells whether a path such as owner.email:lower ends at an
// address. PocketBase shows and filters an address only if it is visible, but
// sorts by it all the same, which a few accounts of one's own spell out.
func sortsByEmail(path string) bool {
	path, _, _ = strings.Cut(path, ":")
	return path[strings.LastIndexByte(path, '.')+1:] == core.FieldNameEmail
}
