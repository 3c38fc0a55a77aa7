package accounts

import (
	"strings"

	"github.com/ganigeorgiev/fexpr"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/search"
	"github.com/pocketbase/pocketbase/tools/subscriptions"

	"github.com/lingualink/lingualink/internal/fault"
)

// ownFields are hidden in the schema, so that nobody can read, filter or sort by
// them, and shown to the person themself.
var ownFields = []string{"roles", "standing", "verified", "created", "updated"}

func registerPrivacy(app core.App) {
	app.OnRecordEnrich("users").Bind(&hook.Handler[*core.RecordEnrichEvent]{
		Id: "ll.users.enrich",
		Func: func(e *core.RecordEnrichEvent) error {
			if isSelf(e.RequestInfo.Auth, e.Record) {
				e.Record.Unhide(ownFields...)
			}
			return e.Next()
		},
	})
	app.OnRecordsListRequest().Bind(&hook.Handler[*core.RecordsListRequestEvent]{
		Id: "ll.records.list.email",
		Func: func(e *core.RecordsListRequestEvent) error {
			query := e.Request.URL.Query()
			if !e.HasSuperuserAuth() {
				if err := refuseEmailSearch(query.Get("filter"), query.Get("sort")); err != nil {
					return err
				}
			}
			return e.Next()
		},
	})
	app.OnRealtimeSubscribeRequest().Bind(&hook.Handler[*core.RealtimeSubscribeRequestEvent]{
		Id: "ll.realtime.email",
		Func: func(e *core.RealtimeSubscribeRequestEvent) error {
			if e.HasSuperuserAuth() {
				return e.Next()
			}
			probe := subscriptions.NewDefaultClient() // reads the options as the real one will
			probe.Subscribe(e.Subscriptions...)
			for _, options := range probe.Subscriptions() {
				if err := refuseEmailSearch(options.Query["filter"], ""); err != nil {
					return err
				}
			}
			return e.Next()
		},
	})
}

func isSelf(auth, record *core.Record) bool {
	return auth != nil && auth.Id == record.Id && auth.Collection().Id == record.Collection().Id
}

// refuseEmailSearch keeps e-mail addresses out of filters and sort orders.
// PocketBase hides the field's value but sorts by it all the same, and its
// filter functions forget to ask whether the address may be seen; a few
// hundred questions would then spell out an address.
func refuseEmailSearch(filter, sort string) error {
	const private = "E-mail addresses are private: nothing is filtered or sorted by them."
	for _, field := range search.ParseSortFromString(sort) {
		if namesEmail(field.Name) {
			return fault.InvalidInput.On("sort").Saying(private)
		}
	}
	groups, err := fexpr.Parse(filter)
	if err == nil && filterNamesEmail(groups) {
		return fault.InvalidInput.On("filter").Saying(private)
	}
	return nil // what does not parse, PocketBase refuses
}

func filterNamesEmail(groups []fexpr.ExprGroup) bool {
	for _, group := range groups {
		switch item := group.Item.(type) {
		case []fexpr.ExprGroup:
			if filterNamesEmail(item) {
				return true
			}
		case fexpr.Expr:
			if tokenNamesEmail(item.Left) || tokenNamesEmail(item.Right) {
				return true
			}
		}
	}
	return false
}

func tokenNamesEmail(token fexpr.Token) bool {
	if token.Type == fexpr.TokenIdentifier {
		return namesEmail(token.Literal)
	}
	arguments, _ := token.Meta.([]fexpr.Token)
	for _, argument := range arguments {
		if tokenNamesEmail(argument) {
			return true
		}
	}
	return false
}

// namesEmail tells whether a path such as owner.email:lower ends at an address.
func namesEmail(path string) bool {
	path, _, _ = strings.Cut(path, ":")
	return strings.EqualFold(path[strings.LastIndexByte(path, '.')+1:], core.FieldNameEmail)
}
