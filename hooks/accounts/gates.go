package accounts

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"
	"golang.org/x/crypto/bcrypt"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

const (
	// answerFloor is how long every answer of a gate takes at least: more than a
	// password's hash and a few writes, so that what is left of the difference
	// between a known and an unknown address drowns.
	answerFloor = 350 * time.Millisecond
	// gatePriority is inside PocketBase's limits per network (-1000) and of the
	// body (-990), and outside what the routes check themselves (0).
	gatePriority = -100
	// replacesAction comes after every other handler and stands for PocketBase's
	// own action.
	replacesAction = 1000
)

// gate is an endpoint whose answer must not tell whether an address is known:
// neither by its words, nor by its limits, nor by its time.
type gate struct {
	// subject is what of the body is limited, whether it exists or not.
	subject func(credentials) string
	limit   limit
	// failures counts refused tries only.
	failures bool
	// mails tells that the endpoint is of no use on a server without mail, which
	// says so instead of promising one.
	mails bool
	// instead answers in PocketBase's place where its own answer would tell.
	instead func(e *core.RequestEvent, collection *core.Collection, sent credentials) error
}

// credentials are what the gates read of a body, by PocketBase's names.
type credentials struct {
	Identity string `json:"identity" form:"identity"`
	Password string `json:"password" form:"password"`
	OTP      string `json:"otpId" form:"otpId"`
	Email    string `json:"email" form:"email"`
	NewEmail string `json:"newEmail" form:"newEmail"`
}

const authPath = "POST /api/collections/{collection}/"

// gates is the one table of these endpoints, by the router's pattern.
var gates = map[string]gate{
	authPath + "auth-with-password": {
		subject: func(c credentials) string { return c.Identity }, limit: limit{20, 10 * time.Minute}, failures: true,
	},
	authPath + "auth-with-otp": {
		subject: func(c credentials) string { return c.OTP }, limit: limit{5, 10 * time.Minute}, failures: true,
		instead: checkOTP,
	},
	authPath + "request-otp":            {mails: true, subject: byEmail, limit: mailsTo},
	authPath + "request-password-reset": {mails: true, subject: byEmail, limit: mailsTo},
	authPath + "request-verification":   {mails: true, subject: byEmail, limit: mailsTo},
	authPath + "request-email-change": {
		mails: true, subject: func(c credentials) string { return c.NewEmail }, limit: mailsTo,
		instead: requestEmailChange,
	},
	authPath + "confirm-email-change": {instead: confirmEmailChange},
}

// mailsTo limits what is sent to one address.
var mailsTo = limit{5, 10 * time.Minute}

func byEmail(c credentials) string { return c.Email }

func registerGates(app core.App, deps *shell.Deps) {
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "ll.accounts.gates",
		Func: func(e *core.ServeEvent) error {
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{
				Id: "ll.accounts.gate", Priority: gatePriority,
				Func: func(e *core.RequestEvent) error {
					gate, guarded := gates[e.Request.Pattern]
					if !guarded {
						return e.Next()
					}
					wait := startFloor()
					err := gate.pass(e, deps)
					// A short answer leaves the server when this returns, so an
					// answer that is already written waits as well.
					wait(e.Request.Context())
					return err
				},
			})
			return e.Next()
		},
	})
	app.OnRecordAuthWithPasswordRequest().Bind(&hook.Handler[*core.RecordAuthWithPasswordRequestEvent]{
		Id: "ll.accounts.password", Priority: replacesAction,
		Func: func(e *core.RecordAuthWithPasswordRequestEvent) error {
			if !passwordMatches(e.Record, e.Collection, e.Password) {
				return e.BadRequestError("Failed to authenticate.", nil)
			}
			return apis.RecordAuthResponse(e.RequestEvent, e.Record, core.MFAMethodPassword, nil)
		},
	})
	app.OnRecordRequestOTPRequest().Bind(&hook.Handler[*core.RecordCreateOTPRequestEvent]{
		Id: "ll.accounts.otp",
		Func: func(e *core.RecordCreateOTPRequestEvent) error {
			if e.Record == nil {
				// PocketBase hashes the code that it makes for a known address.
				codes, err := e.App.FindCachedCollectionByNameOrId(core.CollectionNameOTPs)
				if err != nil {
					return err
				}
				passwordMatches(nil, codes, e.Password)
			}
			return e.Next()
		},
	})
}

func (g gate) pass(e *core.RequestEvent, deps *shell.Deps) error {
	collection, err := e.App.FindCachedCollectionByNameOrId(e.Request.PathValue("collection"))
	if err != nil {
		return err
	}
	var sent credentials
	if err := e.BindBody(&sent); err != nil {
		return e.BadRequestError("An error occurred while loading the submitted data.", err)
	}
	if g.mails && !e.App.Settings().SMTP.Enabled {
		return fault.NotConfigured.On("mail").Saying("This server sends no mail. Its operator can change that: docs/operate.md#mail.")
	}
	key := ""
	if g.limit.most > 0 && deps.Config.RateLimits {
		verb := e.Request.Pattern[len(authPath):]
		key = verb + ":" + collection.Id + ":" + digest(fold(strings.TrimSpace(g.subject(sent))))
		if err := g.limit.take(e.App, deps.Clock.Now(), key); err != nil {
			return err
		}
	}
	if g.instead != nil {
		err = g.instead(e, collection, sent)
	} else {
		err = e.Next()
	}
	if err != nil && !e.Written() {
		return err
	}
	// With an answer written, the error only says in the log that an address is
	// unknown; the log need not know it either.
	if g.failures && key != "" {
		return shell.ReturnQuota(e.App, key)
	}
	return nil
}

// checkOTP refuses an unknown code as it refuses a wrong password for a known
// one. PocketBase would do neither the hash nor count the tries of the former.
func checkOTP(e *core.RequestEvent, collection *core.Collection, sent credentials) error {
	codes, err := e.App.FindCachedCollectionByNameOrId(core.CollectionNameOTPs)
	if err != nil {
		return err
	}
	var stored *core.Record
	otp, err := e.App.FindOTPById(sent.OTP)
	if err == nil && otp.CollectionRef() == collection.Id && !otp.HasExpired(collection.OTP.DurationTime()) {
		stored = otp.Record
	}
	if !passwordMatches(stored, codes, sent.Password) {
		return e.BadRequestError("Invalid or expired OTP", nil)
	}
	return e.Next()
}

// requestEmailChange answers for a taken address as for a free one, whose owner
// alone gets a mail.
func requestEmailChange(e *core.RequestEvent, collection *core.Collection, sent credentials) error {
	if e.Auth == nil || e.Auth.Collection().Id != collection.Id {
		return e.Next()
	}
	owner, err := e.App.FindAuthRecordByEmail(collection, sent.NewEmail)
	if err == nil && owner.Id != e.Auth.Id {
		return e.NoContent(http.StatusNoContent)
	}
	return e.Next()
}

// confirmEmailChange gives one answer for every token that is not good, also
// when the address was taken since the mail was sent.
func confirmEmailChange(e *core.RequestEvent, collection *core.Collection, sent credentials) error {
	err := e.Next()
	var answer *router.ApiError
	if !errors.As(err, &answer) || answer.Status != http.StatusBadRequest {
		return err
	}
	if _, wrong := answer.Data[core.FieldNamePassword]; wrong && len(answer.Data) == 1 {
		return err // the token is good
	}
	passwordMatches(nil, collection, sent.Password)
	const message = "Invalid or expired token."
	return router.NewBadRequestError(message, map[string]validation.Error{
		"token": validation.NewError("validation_invalid_token", message),
	})
}

// compareHash and startFloor are variables so that tests can count the first and
// need not wait for the second.
var (
	compareHash = bcrypt.CompareHashAndPassword
	startFloor  = func() (wait func(context.Context)) {
		timer := time.NewTimer(answerFloor)
		return func(ctx context.Context) {
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		}
	}
)

// passwordMatches compares with the record's hash. Without a record, or one
// without a password, it does the same work and refuses.
func passwordMatches(record *core.Record, collection *core.Collection, password string) bool {
	hash := ""
	if record != nil {
		hash = record.GetString(core.FieldNamePassword + ":hash")
	}
	known := hash != ""
	if !known {
		hash = nobodysHash(collection)
	}
	return compareHash([]byte(hash), []byte(password)) == nil && known
}

// nobodysHash is a well-formed bcrypt hash of the collection's cost that no
// password is known for.
func nobodysHash(collection *core.Collection) string {
	cost := bcrypt.DefaultCost
	if field, ok := collection.Fields.GetByName(core.FieldNamePassword).(*core.PasswordField); ok && field.Cost > 0 {
		cost = field.Cost
	}
	const version, saltAndSum = "$2a$", 22 + 31
	return version + string([]byte{'0' + byte(cost/10), '0' + byte(cost%10)}) + "$" + strings.Repeat(".", saltAndSum)
}
