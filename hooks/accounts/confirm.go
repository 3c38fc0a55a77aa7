package accounts

import (
	"errors"
	"net/http"
	"regexp"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

const (
	confirmationLives = 300 * time.Second
	// confirmationKept is how long a spent or expired row can still be looked at.
	confirmationKept = 24 * time.Hour
)

var (
	wrongConfirmations = limit{5, 180 * time.Second}
	purposePattern     = regexp.MustCompile(`^[a-z][a-z0-9_]{2,39}$`)

	errOutsideTransaction = errors.New("accounts: this belongs into the transaction of the act")
)

type confirmBody struct {
	Purpose  string `json:"purpose" help:"The one act it is for, for example payout_account."`
	Password string `json:"password,omitempty" help:"The password of who is signed in, or else otp."`
	OTP      string `json:"otp,omitempty" help:"A code that request-otp sent to them."`
}

type confirmData struct {
	Confirmation string    `json:"confirmation" help:"Send it as X-Confirmation, once."`
	ExpiresAt    time.Time `json:"expires_at"`
}

func registerConfirmations(app core.App, deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/confirm", Who: shell.Account, Body: confirmBody{}, Data: confirmData{},
		What:   "Prove that it is still you, by password or e-mail code, for one act within 300 seconds.",
		Faults: []*fault.Code{fault.ConfirmationInvalid, fault.InvalidInput, fault.RateLimited},
		Handle: func(e *core.RequestEvent) error {
			body, err := shell.Bind[confirmBody](e)
			if err != nil {
				return err
			}
			data, err := confirm(e, deps, body)
			if err != nil {
				return err
			}
			return shell.OK(e, data, "Confirmed.")
		},
	})
	app.OnRecordUpdateRequest("users").Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id: "ll.users.update.password", Priority: afterGuard,
		Func: func(e *core.RecordRequestEvent) error { return limitOldPassword(e, deps) },
	})
	deps.Outbox.Sweep("confirmations", time.Hour, func(app core.App) error {
		return forgetConfirmations(app, deps.Clock.Now())
	})
}

// limitOldPassword counts wrong old passwords in a password change together with
// wrong confirmations: a stolen session must not become a way to guess.
func limitOldPassword(e *core.RecordRequestEvent, deps *shell.Deps) error {
	info, err := e.RequestInfo()
	if err != nil {
		return err
	}
	if _, sent := info.Body["oldPassword"]; !sent || e.HasSuperuserAuth() {
		return e.Next()
	}
	key := confirmKey(e.Record)
	if err := wrongConfirmations.take(e.App, deps.Clock.Now(), key); err != nil {
		return err
	}
	if err := e.Next(); err != nil {
		return err
	}
	return shell.ReturnQuota(e.App, key)
}

// confirmKey counts wrong tries. People choose their ids: an admin has a name of
// its own, or somebody could use up the admin's tries.
func confirmKey(who *core.Record) string { return "confirm:" + shell.ActorOf(who) }

// asConfirmer are the columns that say who confirmed. One is always empty: an id
// of one table means nobody in the other.
func asConfirmer(who *core.Record) dbx.Params {
	if who.IsSuperuser() {
		return dbx.Params{"user": "", "admin": who.Id}
	}
	return dbx.Params{"user": who.Id, "admin": ""}
}

// forgetConfirmations removes rows that nobody needs to look at any more.
func forgetConfirmations(app core.App, now time.Time) error {
	_, err := shell.Exec(app, "DELETE FROM confirmations WHERE expires_at < {:old}", dbx.Params{"old": shell.Stamp(now.Add(-confirmationKept))})
	return err
}

func confirm(e *core.RequestEvent, deps *shell.Deps, body confirmBody) (confirmData, error) {
	if !purposePattern.MatchString(body.Purpose) {
		return confirmData{}, fault.InvalidInput.On("purpose").Saying("The purpose has 3 to 40 small letters, digits and underscores.")
	}
	if (body.Password == "") == (body.OTP == "") {
		return confirmData{}, fault.InvalidInput.On("password").Saying("Send either the password or a code.")
	}
	key := confirmKey(e.Auth)
	if err := wrongConfirmations.take(e.App, deps.Clock.Now(), key); err != nil {
		return confirmData{}, err
	}
	code := ""
	if body.OTP == "" {
		if !passwordMatches(e.Auth, e.Auth.Collection(), body.Password) {
			return confirmData{}, fault.ConfirmationInvalid.On("password")
		}
	} else {
		otp, err := matchingOTP(e.App, e.Auth, body.OTP)
		if err != nil {
			return confirmData{}, err
		}
		code = otp
	}
	var data confirmData
	err := e.App.RunInTransaction(func(tx core.App) error {
		if code != "" {
			// Of two requests with one code the second finds it gone.
			changed, err := shell.Exec(tx, "DELETE FROM _otps WHERE id = {:id}", dbx.Params{"id": code})
			if err != nil {
				return err
			}
			if changed != 1 {
				return fault.ConfirmationInvalid.On("otp")
			}
		}
		data = confirmData{Confirmation: shell.NewSecret(), ExpiresAt: deps.Clock.Now().Add(confirmationLives)}
		row := asConfirmer(e.Auth)
		row["id"], row["purpose"] = shell.NewID(), body.Purpose
		row["token_hash"], row["expires_at"] = digest(data.Confirmation), shell.Stamp(data.ExpiresAt)
		return shell.Insert(tx, "confirmations", row)
	})
	if err != nil {
		return confirmData{}, err
	}
	return data, shell.ReturnQuota(e.App, key)
}

// matchingOTP is the id of the person's live code with this value.
func matchingOTP(app core.App, person *core.Record, value string) (string, error) {
	codes, err := app.FindAllOTPsByRecord(person)
	if err != nil {
		return "", err
	}
	for _, code := range codes {
		if !code.HasExpired(person.Collection().OTP.DurationTime()) && passwordMatches(code.Record, code.Collection(), value) {
			return code.Id, nil
		}
	}
	return "", fault.ConfirmationInvalid.On("otp")
}

// UseConfirmation spends the value that POST /confirm gave to who is signed in,
// a person or an admin, for this purpose. It must run in the transaction of the
// act, so that an act that fails leaves it unspent. Whatever is wrong with the
// value (another's, another purpose's, used, expired, never given) is the same
// fault.ConfirmationRequired.
func UseConfirmation(tx core.App, now time.Time, who *core.Record, purpose, value string) error {
	if !tx.IsTransactional() {
		return errOutsideTransaction
	}
	changed, err := shell.Exec(tx, "UPDATE confirmations SET used_at = {:now} WHERE "+liveConfirmation, confirmationParams(now, who, purpose, value))
	if err != nil {
		return err
	}
	if changed != 1 {
		return fault.ConfirmationRequired.On("x_confirmation")
	}
	return nil
}

// CheckConfirmation refuses what [UseConfirmation] would, and spends nothing: for
// acts that must ask somebody outside before their transaction.
func CheckConfirmation(app core.App, now time.Time, who *core.Record, purpose, value string) error {
	var live bool
	err := app.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM confirmations WHERE " + liveConfirmation + ")").
		Bind(confirmationParams(now, who, purpose, value)).Row(&live)
	if err != nil {
		return err
	}
	if !live {
		return fault.ConfirmationRequired.On("x_confirmation")
	}
	return nil
}

const liveConfirmation = "token_hash = {:hash} AND user = {:user} AND admin = {:admin} AND purpose = {:purpose} AND used_at = '' AND expires_at > {:now}"

func confirmationParams(now time.Time, who *core.Record, purpose, value string) dbx.Params {
	params := asConfirmer(who)
	params["now"], params["hash"], params["purpose"] = shell.Stamp(now), digest(value), purpose
	return params
}
