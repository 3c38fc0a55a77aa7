package shell

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/lingualink/lingualink/internal/fault"
)

// Writable says what may be written into a collection through the records API.
// A collection that is not listed is the server's alone: nobody writes it
// through the API, superusers included.
type Writable struct {
	// Create and Update are the fields that a person may send.
	Create, Update []string
	// Self are fields that the server fills with the person's own id; sending
	// that very id is fine.
	Self []string
	// Ignored are fields that clients send by habit and that have no effect.
	Ignored []string
	// Superuser rows may be made by superusers; with InsertOnly never changed.
	Superuser  bool
	InsertOnly bool
	// SuperuserUpdate limits what superusers may change; empty means everything.
	SuperuserUpdate []string
	// Removable rows may be deleted by whom the delete rule lets in.
	Removable bool
}

// writables is the one table of who may write what.
var writables = map[string]Writable{
	"users": {
		Create:          []string{"id", "username", "name", "avatar", "bio", "country", "languages", "email", "password", "passwordConfirm"},
		Update:          []string{"username", "name", "avatar", "bio", "country", "languages", "password", "passwordConfirm", "oldPassword"},
		Ignored:         []string{"emailVisibility"},
		Superuser:       true,
		SuperuserUpdate: []string{"username", "name", "bio", "country", "languages", "email", "password", "passwordConfirm", "verified", "roles", "standing", "tokenKey", "emailVisibility"},
	},
	"private_profiles": {Update: []string{"legal_name", "phone", "birth_year", "region", "city", "time_zone", "interface_language", "off_leaderboards"}},
	"consents":         {Create: []string{"id", "text", "version"}, Self: []string{"user"}},
	"blocks":           {Create: []string{"id", "blocked"}, Self: []string{"user"}, Removable: true},
	"follows":          {Create: []string{"id", "followed"}, Self: []string{"user"}, Removable: true},
	"clips": {
		Create: []string{"id", "media", "kind", "language", "dialect", "prompt", "phrase", "parent"},
		Self:   []string{"owner"},
	},
	"votes": {Create: []string{"id", "clip", "verdict", "reason", "feedback"}, Self: []string{"validator"}},
	"stream_messages": {
		Create: []string{"id", "stream", "text"}, Self: []string{"author"},
	},
	"notifications": {Update: []string{"read"}},
	"reports":       {Create: []string{"id", "subject_type", "subject_id", "reason", "text"}, Self: []string{"reporter"}},
	"screen_words":  {Superuser: true, Removable: true},
	"appeals":       {Create: []string{"id", "subject_type", "subject_id", "text"}, Self: []string{"user"}},
	"notification_preferences": {
		Create: []string{"id", "category", "in_app", "push", "mail", "quiet_from_minute", "quiet_to_minute"}, Self: []string{"user"},
		Update: []string{"in_app", "push", "mail", "quiet_from_minute", "quiet_to_minute"}, Removable: true,
	},
	"notification_mutes": {Create: []string{"id", "thread"}, Self: []string{"user"}, Removable: true},
	"push_devices":       {Create: []string{"id", "provider", "token", "p256dh", "auth", "vapid_key", "name"}, Self: []string{"user"}, Removable: true},
	"announcements":      {Superuser: true, SuperuserUpdate: []string{"texts", "language", "country", "role"}},
	"ambassador_applications": {
		Create: []string{"id", "country", "region", "motivation", "experience"}, Self: []string{"user"},
	},
	"languages":     {Superuser: true},
	"prompts":       {Superuser: true},
	"consent_texts": {Superuser: true, InsertOnly: true},
	"policies":      {Superuser: true, InsertOnly: true},
	"reward_rates":  {Superuser: true, InsertOnly: true},
	"campaigns":     {Superuser: true, SuperuserUpdate: []string{"name", "status"}},
	"relations":     {Superuser: true, Removable: true},
	"badges":        {Superuser: true, SuperuserUpdate: []string{"name", "description"}},
}

// alwaysSame are what a record carries that a client sends back; it has no effect.
var alwaysSame = []string{"collectionId", "collectionName", "expand", "created", "updated"}

func bindGuards(app core.App, deps *Deps) {
	app.OnRecordCreateRequest().Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id: "ll.records.create.guard", Priority: -50,
		Func: func(e *core.RecordRequestEvent) error { return guardCreate(e, deps) },
	})
	app.OnRecordUpdateRequest().Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id: "ll.records.update.guard", Priority: -50,
		Func: func(e *core.RecordRequestEvent) error { return guardUpdate(e, deps) },
	})
	app.OnRecordDeleteRequest().Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id: "ll.records.delete.guard", Priority: -50,
		Func: func(e *core.RecordRequestEvent) error {
			if isPocketBases(e.Collection) {
				return e.Next()
			}
			if !writables[e.Collection.Name].Removable {
				return fault.InsertOnly.On("id").Saying("These rows are never removed.")
			}
			return audited(e, deps, "delete", e.Next)
		},
	})
}

// isPocketBases tells PocketBase's own tables (superusers, one-time codes ...),
// which keep PocketBase's rules.
func isPocketBases(collection *core.Collection) bool {
	return strings.HasPrefix(collection.Name, "_")
}

func guardCreate(e *core.RecordRequestEvent, deps *Deps) error {
	if isPocketBases(e.Collection) {
		return e.Next()
	}
	allowed, listed := writables[e.Collection.Name]
	if !listed {
		return fault.ServerOwned.On(e.Collection.Name)
	}
	if e.HasSuperuserAuth() {
		if !allowed.Superuser {
			return fault.ServerOwned.On(e.Collection.Name)
		}
		return audited(e, deps, "create", e.Next)
	}
	body, err := sentFields(e)
	if err != nil {
		return err
	}
	for _, sent := range body {
		field := strings.Trim(sent, "+-")
		switch {
		case slices.Contains(allowed.Create, field), slices.Contains(allowed.Ignored, field), slices.Contains(alwaysSame, field):
		case slices.Contains(allowed.Self, field) && e.Auth != nil && e.Record.GetString(field) == e.Auth.Id:
		case e.Collection.Fields.GetByName(field) == nil:
			// unknown names have no effect, as everywhere in PocketBase
		default:
			return fault.ServerField.On(field)
		}
	}
	for _, field := range allowed.Self {
		if e.Auth != nil {
			e.Record.Set(field, e.Auth.Id)
		}
	}
	return e.Next()
}

func guardUpdate(e *core.RecordRequestEvent, deps *Deps) error {
	if isPocketBases(e.Collection) {
		return e.Next()
	}
	allowed, listed := writables[e.Collection.Name]
	superuser := e.HasSuperuserAuth()
	switch {
	case !listed, superuser && !allowed.Superuser:
		return fault.ServerOwned.On(e.Collection.Name)
	case allowed.InsertOnly:
		return fault.InsertOnly.On(e.Collection.Name)
	}
	fields := allowed.Update
	if superuser {
		fields = allowed.SuperuserUpdate
		if len(fields) == 0 {
			fields = slices.Collect(maps.Keys(e.Collection.Fields.AsMap()))
		}
	}
	body, err := sentFields(e)
	if err != nil {
		return err
	}
	for _, sent := range body {
		field := strings.Trim(sent, "+-")
		known := e.Collection.Fields.GetByName(field) != nil
		switch {
		case !known && field == sent, slices.Contains(fields, field), slices.Contains(allowed.Ignored, field), slices.Contains(alwaysSame, field):
		case field == sent && sameValue(e.Record, field):
			// a client may send a whole record back
		default:
			return fault.ServerField.On(field)
		}
	}
	if superuser {
		return audited(e, deps, "update", e.Next)
	}
	return e.Next()
}

// sentFields are the names in the request's body, files included.
func sentFields(e *core.RecordRequestEvent) ([]string, error) {
	info, err := e.RequestInfo()
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(info.Body)), nil
}

// sameValue tells whether loading the body left the stored value as it was.
func sameValue(record *core.Record, field string) bool {
	return reflect.DeepEqual(plain(record.Get(field)), plain(record.Original().Get(field)))
}

func plain(value any) any {
	if date, ok := value.(types.DateTime); ok {
		return date.String()
	}
	return value
}

// audited runs a superuser's write and its audit row in one transaction.
// Persons' own writes are not audited here; their acts audit themselves.
func audited(e *core.RecordRequestEvent, deps *Deps, verb string, next func() error) error {
	if !e.HasSuperuserAuth() {
		return next()
	}
	for _, field := range e.Collection.Fields {
		if file, ok := field.(*core.FileField); ok && len(e.Record.GetUnsavedFiles(file.Name)) > 0 {
			// An upload inside a transaction would hold the only writer.
			return fault.ServerField.On(file.Name).Saying("People upload their own files.")
		}
	}
	changes := changedFields(e.Record, verb)
	return InTransaction(&e.App, func(tx core.App) error {
		if err := next(); err != nil {
			return err
		}
		return Audit(tx, deps.Clock.Now(), Act{
			Actor:       ActorOf(e.Auth),
			Action:      e.Collection.Name + "." + verb,
			SubjectType: e.Collection.Name,
			SubjectID:   e.Record.Id,
			Data:        changes,
		})
	})
}

// changedFields names what a superuser changed, with the new values of what is
// not private.
func changedFields(record *core.Record, verb string) map[string]any {
	changes := map[string]any{}
	if verb == "delete" {
		return changes
	}
	for _, field := range record.Collection().Fields {
		name := field.GetName()
		if verb == "update" && sameValue(record, name) {
			continue
		}
		switch field.(type) {
		case *core.AutodateField:
			continue
		case *core.PasswordField, *core.EmailField:
			changes[name] = "changed"
		default:
			if name == core.FieldNameTokenKey {
				changes[name] = "changed"
				continue
			}
			changes[name] = plain(record.Get(name))
		}
	}
	return changes
}
