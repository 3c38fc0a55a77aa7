package accounts

import (
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

var (
	// Attempts, not successes: a refused one has told something.
	signUpsPerAddress = limit{5, time.Hour}
	// Whole towns share a network behind one carrier's address translation.
	signUpsPerNetwork = limit{300, time.Hour}
)

const (
	afterGuard = -45
	// aroundWrite runs after PocketBase has uploaded files (priority 99), so that
	// a transaction opened here holds the only writer for the write alone.
	aroundWrite = 100
)

// registerUsers binds what holds for every users row, whoever writes it: the
// dashboard, Go code or the API.
func registerUsers(app core.App, deps *shell.Deps) {
	app.OnRecordCreate("users").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.users.create",
		Func: func(e *core.RecordEvent) error {
			if e.Record.GetDateTime("created").IsZero() {
				// Days are counted from the sign-up, by the clock that counts them.
				e.Record.SetRaw("created", shell.DateTime(deps.Clock.Now()))
			}
			if e.Record.GetString("standing") == "" {
				e.Record.Set("standing", collections.StandingGood)
			}
			if e.Record.GetString("username") == "" {
				name, err := deriveUsername(e.App, e.Record.GetString("name"))
				if err != nil {
					return err
				}
				e.Record.Set("username", name)
			}
			return saveUser(e)
		},
	})
	app.OnRecordUpdate("users").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.users.update",
		Func: func(e *core.RecordEvent) error {
			// A record that was loaded before somebody was banned must not write
			// the old standing back when it saves a new name.
			e.Record.IgnoreUnchangedFields(true)
			return saveUser(e)
		},
	})
	app.OnRecordCreateExecute("users").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.users.create.profile", Priority: aroundWrite,
		Func: func(e *core.RecordEvent) error {
			return shell.InTransaction(&e.App, func(tx core.App) error {
				if err := e.Next(); err != nil {
					return err
				}
				return shell.Insert(tx, "private_profiles", dbx.Params{
					"id": shell.NewID(), "user": e.Record.Id, "updated": e.Record.GetString("updated"),
				})
			})
		},
	})
}

func saveUser(e *core.RecordEvent) error {
	name, key, err := Username(e.Record.GetString("username"))
	if err != nil {
		return err
	}
	e.Record.Set("username", name)
	e.Record.Set("username_key", key)
	e.Record.SetEmailVisibility(false)
	err = e.Next()
	if shell.IsUniqueViolation(err, "username_key") {
		return fault.UsernameTaken.On("username").Because(err)
	}
	return err
}

// registerSignUp binds what holds for people who sign up themselves.
func registerSignUp(app core.App, deps *shell.Deps) {
	app.OnRecordCreateRequest("users").Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id: "ll.users.create.signup", Priority: afterGuard,
		Func: func(e *core.RecordRequestEvent) error {
			if e.HasSuperuserAuth() {
				return e.Next()
			}
			info, err := e.RequestInfo()
			if err != nil {
				return err
			}
			// OAuth2 runs in PocketBase's transaction; its attempt was counted
			// before that.
			if info.Context != core.RequestInfoContextOAuth2 {
				if err := takeSignUp(e.RequestEvent, deps, e.Record.Email()); err != nil {
					return err
				}
			}
			return e.Next()
		},
	})
	app.OnRecordAuthWithOAuth2Request("users").Bind(&hook.Handler[*core.RecordAuthWithOAuth2RequestEvent]{
		Id: "ll.users.oauth2.signup",
		Func: func(e *core.RecordAuthWithOAuth2RequestEvent) error {
			if !e.IsNewRecord {
				return e.Next()
			}
			email, _ := e.CreateData[core.FieldNameEmail].(string)
			if email == "" {
				email = e.OAuth2User.Email
			}
			if err := takeSignUp(e.RequestEvent, deps, email); err != nil {
				return err
			}
			// PocketBase would fetch the picture inside its transaction and hold
			// the only writer for as long as the provider takes.
			e.OAuth2User.AvatarURL = ""
			return e.Next()
		},
	})
}

// takeSignUp counts one attempt to sign up, outside any transaction so that a
// refused one counts too.
func takeSignUp(e *core.RequestEvent, deps *shell.Deps, email string) error {
	if !deps.Config.RateLimits {
		return nil
	}
	if e.App.IsTransactional() {
		return errors.New("accounts: a sign-up is counted outside of transactions")
	}
	now := deps.Clock.Now()
	from, to := network(e.RealIP()), fold(strings.TrimSpace(email))
	if err := signUpsPerNetwork.take(e.App, now, "signup.network:"+digest(from)); err != nil {
		return err
	}
	return signUpsPerAddress.take(e.App, now, "signup.address:"+digest(to))
}

// network is the part of an address that one household or carrier site shares:
// /24 of IPv4, /48 of IPv6.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap()
	bits := 48
	if ip.Is4() {
		bits = 24
	}
	prefix, err := ip.WithZone("").Prefix(bits)
	if err != nil {
		return address
	}
	return prefix.String()
}
