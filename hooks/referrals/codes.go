package referrals

import (
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/referral"
)

const (
	jobCode = "referrals.code"
	// aroundWrite runs after PocketBase has uploaded files (priority 99) and inside
	// what accounts binds there.
	aroundWrite = 101
	// codeTries is how often a generated code may be taken: of 11 thousand million
	// codes twice in a row is a broken source of randomness.
	codeTries = 20
	// choicesPerDay bounds how many codes a person tries out.
	choicesPerDay = 20
)

// codeRow is a code of somebody.
type codeRow struct {
	ID      string `db:"id" json:"-"`
	User    string `db:"user" json:"-"`
	Code    string `db:"code" json:"code"`
	Origin  string `db:"origin" json:"origin" help:"generated or chosen."`
	Current bool   `db:"current" json:"current" help:"The one that is shown. The others still count."`
	Created string `db:"created" json:"created" help:"Since when (UTC)."`
}

const codeColumns = "id, user, code, origin, [[current]], created"

type codeBody struct {
	Code string `json:"code" help:"4 to 20 of A to Z, 0 to 9 and hyphens; case does not matter."`
}

type codeData struct {
	Code string `json:"code"`
	Link string `json:"link" help:"The page to share."`
	QR   string `json:"qr" help:"Path of a picture of the link, for print; ?format=png for PNG."`
}

func registerCodes(app core.App, deps *shell.Deps) {
	app.OnRecordCreateExecute("users").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.users.create.code", Priority: aroundWrite,
		Func: func(e *core.RecordEvent) error {
			return shell.InTransaction(&e.App, func(tx core.App) error {
				if err := e.Next(); err != nil {
					return err
				}
				if _, err := codeOf(tx, deps, e.Record.Id); err != nil {
					return err
				}
				return claimAtSignUp(tx, deps, e.Record)
			})
		},
	})
	deps.Outbox.Handle(jobCode, shell.JobHandler{InTx: func(tx core.App, job shell.Job) error {
		var payload struct {
			User string `json:"user"`
		}
		if err := json.Unmarshal(job.Raw, &payload); err != nil {
			return err
		}
		_, err := codeOf(tx, deps, payload.User)
		return err
	}})
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/referrals/code", Who: shell.Person, Body: codeBody{}, Data: codeData{},
		What:   "Choose your invitation code. For ambassadors. The codes that you had stay yours and still count.",
		Faults: []*fault.Code{fault.NotAllowed, fault.InvalidInput, fault.ReferralCodeInvalid, fault.ReferralCodeTaken, fault.ReferralCodeEarly},
		Handle: func(e *core.RequestEvent) error { return chooseCode(e, deps) },
	})
}

// codeOf is the current code of a person, made now if there is none.
func codeOf(tx core.App, deps *shell.Deps, person string) (codeRow, error) {
	row, err := currentCode(tx, person)
	if !errors.Is(err, sql.ErrNoRows) {
		return row, err
	}
	for range codeTries {
		code, err := referral.NewCode(rand.Reader)
		if err != nil {
			return codeRow{}, err
		}
		row := codeRow{
			ID: shell.NewID(), User: person, Code: code.Text, Origin: collections.CodeGenerated, Current: true,
			Created: shell.Stamp(deps.Clock.Now()),
		}
		// A key that is taken writes nothing, and the next code is tried.
		inserted, err := shell.Exec(tx, `
			INSERT INTO referral_codes (id, user, code, [[key]], origin, [[current]], created)
			VALUES ({:id}, {:user}, {:code}, {:key}, {:origin}, 1, {:created}) ON CONFLICT ([[key]]) DO NOTHING`,
			dbx.Params{"id": row.ID, "user": person, "code": row.Code, "key": code.Key, "origin": row.Origin, "created": row.Created})
		if err != nil || inserted == 1 {
			return row, err
		}
	}
	return codeRow{}, errors.New("referrals: every generated code was taken")
}

func currentCode(app core.App, person string) (codeRow, error) {
	var row codeRow
	err := app.DB().NewQuery("SELECT " + codeColumns + " FROM referral_codes WHERE user = {:user} AND [[current]] = 1").
		Bind(dbx.Params{"user": person}).One(&row)
	return row, err
}

// findCode reads a code as somebody typed it. Codes that look alike are one.
func findCode(app core.App, raw string) (codeRow, error) {
	code, ok := referral.Normalize(raw)
	if !ok {
		return codeRow{}, sql.ErrNoRows
	}
	return codeByKey(app, code.Key)
}

func codeByKey(app core.App, key string) (codeRow, error) {
	var row codeRow
	err := app.DB().NewQuery("SELECT " + codeColumns + " FROM referral_codes WHERE [[key]] = {:key}").Bind(dbx.Params{"key": key}).One(&row)
	return row, err
}

func chooseCode(e *core.RequestEvent, deps *shell.Deps) error {
	if !slices.Contains(e.Auth.GetStringSlice("roles"), collections.RoleAmbassador) {
		return fault.NotAllowed.On("code").Saying("Ambassadors choose their codes.")
	}
	body, err := shell.Bind[codeBody](e)
	if err != nil {
		return err
	}
	now := deps.Clock.Now()
	if err := shell.TakeQuota(e.App, now, "referrals.code:"+e.Auth.Id, choicesPerDay, 24*time.Hour); err != nil {
		return err
	}
	row, err := shell.Transact(e.App, func(tx core.App) (codeRow, error) {
		return choose(tx, deps, now, e.Auth.Id, body.Code)
	})
	if err != nil {
		return err
	}
	return shell.OK(e, codeData{row.Code, linkTo(e.App, row.Code), qrOf(row.Code)}, "This is your code now. The codes that you had still count.")
}

// choose makes raw the person's code. One that was theirs before is theirs again
// at once and at any time: nothing new is taken by that.
func choose(tx core.App, deps *shell.Deps, now time.Time, person, raw string) (codeRow, error) {
	mine, err := findCode(tx, raw)
	switch {
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return codeRow{}, err
	case err == nil && mine.User == person:
		return mine, makeCurrent(tx, mine)
	}
	policy, _, err := policyAt(tx, now)
	if err != nil {
		return codeRow{}, err
	}
	code, refusal := referral.CheckVanity(policy, raw, time.Time{}, now)
	if refusal != "" {
		return codeRow{}, fault.ReferralCodeInvalid.On("code").With("reason", string(refusal))
	}
	if _, err := codeByKey(tx, code.Key); !errors.Is(err, sql.ErrNoRows) {
		if err != nil {
			return codeRow{}, err
		}
		return codeRow{}, fault.ReferralCodeTaken.On("code")
	}
	last, err := lastChoice(tx, person)
	if err != nil {
		return codeRow{}, err
	}
	if _, refusal := referral.CheckVanity(policy, raw, last, now); refusal == referral.CodeTooSoon {
		return codeRow{}, fault.ReferralCodeEarly.On("code").With("from", policy.NextCodeChange(last).UTC().Format(time.RFC3339))
	}
	row := codeRow{ID: shell.NewID(), User: person, Code: code.Text, Origin: collections.CodeChosen, Created: shell.Stamp(now)}
	err = shell.Insert(tx, "referral_codes", dbx.Params{
		"id": row.ID, "user": person, "code": row.Code, "key": code.Key, "origin": row.Origin, "current": false, "created": row.Created,
	})
	if shell.IsUniqueViolation(err, "key") {
		return codeRow{}, fault.ReferralCodeTaken.On("code").Because(err)
	}
	if err != nil {
		return codeRow{}, err
	}
	return row, makeCurrent(tx, row)
}

// lastChoice is when the person last chose a code that nobody had; zero: never.
func lastChoice(tx core.App, person string) (time.Time, error) {
	var last string
	err := tx.DB().NewQuery("SELECT COALESCE(MAX(created), '') FROM referral_codes WHERE user = {:user} AND origin = 'chosen'").
		Bind(dbx.Params{"user": person}).Row(&last)
	if err != nil || last == "" {
		return time.Time{}, err
	}
	return shell.ParseStamp(last)
}

func makeCurrent(tx core.App, row codeRow) error {
	for _, sql := range []string{
		"UPDATE referral_codes SET [[current]] = 0 WHERE user = {:user} AND [[current]] = 1 AND id != {:id}",
		"UPDATE referral_codes SET [[current]] = 1 WHERE user = {:user} AND id = {:id}",
	} {
		if _, err := shell.Exec(tx, sql, dbx.Params{"user": row.User, "id": row.ID}); err != nil {
			return err
		}
	}
	return nil
}
