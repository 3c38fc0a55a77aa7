package referrals

import (
	"database/sql"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/risk"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/referral"
)

const (
	// fieldCode is what a sign-up sends beside the fields of users.
	fieldCode = "referral_code"
	// signUpKey is where a new person's record carries, in memory only, with whose
	// code they sign up.
	signUpKey = "@ll.referral"
	// afterSignUp comes after the attempt was counted (accounts, -45) and before
	// anything is written.
	afterSignUp = -44
	// claimsPerDay bounds how many codes a person tries.
	claimsPerDay = 10
)

// Where a code was used.
const (
	viaSignUp = "signup"
	viaClaim  = "claim"
)

// named is a code that somebody used, and where from.
type named struct {
	codeRow
	sameDevice bool // the request comes from a device of whose code it is
}

type claimBody struct {
	Code string `json:"code" help:"The code, as somebody wrote it: case, spaces and accents do not matter."`
}

type claimData struct {
	BroughtBy broughtBy `json:"brought_by"`
}

func registerClaims(app core.App, deps *shell.Deps) {
	app.OnRecordCreateRequest("users").Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id: "ll.users.create.referral", Priority: afterSignUp,
		Func: func(e *core.RecordRequestEvent) error {
			if err := readSignUpCode(e); err != nil {
				return err
			}
			return e.Next()
		},
	})
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/referrals/claim", Who: shell.Person, Body: claimBody{}, Data: claimData{},
		What:   "Say whose code brought you, if you did not when you signed up: for a few days, and before your first clip. The first that is taken holds for ever.",
		Faults: []*fault.Code{fault.InvalidInput, fault.ReferralCodeUnknown, fault.ReferralRefused},
		Handle: func(e *core.RequestEvent) error { return claimLater(e, deps) },
	})
}

// readSignUpCode finds the code that a sign-up names, before an account is made:
// a code that nobody has is a mistake to put right, not one to find out about
// later. An admin who makes an account brings nobody.
func readSignUpCode(e *core.RecordRequestEvent) error {
	if e.HasSuperuserAuth() {
		return nil
	}
	info, err := e.RequestInfo()
	if err != nil {
		return err
	}
	raw := ""
	switch sent := info.Body[fieldCode].(type) {
	case nil:
	case string:
		raw = sent
	case float64: // how PocketBase reads a form's 2027
		raw = strconv.FormatFloat(sent, 'f', -1, 64)
	default:
		return fault.InvalidInput.On(fieldCode).Saying("The code is a text.")
	}
	if strings.TrimSpace(raw) == "" {
		return nil
	}
	code, err := read(e.RequestEvent, raw, fieldCode)
	if err == nil {
		e.Record.SetRaw(signUpKey, code)
	}
	return err
}

// read finds the code that a request names in the field.
func read(e *core.RequestEvent, raw, field string) (named, error) {
	code, err := findCode(e.App, raw)
	if errors.Is(err, sql.ErrNoRows) {
		return named{}, fault.ReferralCodeUnknown.On(field)
	}
	if err != nil {
		return named{}, err
	}
	same, err := risk.SameDevice(e, code.User)
	return named{code, same}, err
}

// claimAtSignUp uses the code that came with a sign-up, in the transaction that
// makes the account: there is no account that lost its code. A code that does not
// count keeps nobody from signing up.
func claimAtSignUp(tx core.App, deps *shell.Deps, person *core.Record) error {
	code, sent := person.GetRaw(signUpKey).(named)
	if !sent {
		return nil
	}
	reason, err := use(tx, deps, code, person.Id, viaSignUp)
	if err != nil || reason == referral.Attributed {
		return err
	}
	return shell.Notify(tx, deps, "referral_claim", shell.Notice{
		User: person.Id, Kind: "referral_refused", Title: "The invitation code did not count",
		Body: "You are signed up all the same. Under invitations you see why, and whether you can use another code.",
		Data: map[string]any{"code": code.Code, "reason": string(reason.Public())},
	})
}

// claimLater uses a code after the sign-up. What is refused is written as well:
// it tells about attempts to swap.
func claimLater(e *core.RequestEvent, deps *shell.Deps) error {
	body, err := shell.Bind[claimBody](e)
	if err != nil {
		return err
	}
	if err := shell.TakeQuota(e.App, deps.Clock.Now(), "referrals.claim:"+e.Auth.Id, claimsPerDay, 24*time.Hour); err != nil {
		return err
	}
	code, err := read(e, body.Code, "code")
	if err != nil {
		return err
	}
	reason, err := claimInTransaction(e.App, deps, code, e.Auth.Id)
	if err != nil {
		return err
	}
	if reason != referral.Attributed && reason != referral.AttributedBefore {
		return fault.ReferralRefused.On("code").With("reason", string(reason.Public()))
	}
	by, err := broughtByOf(e.App, e.Auth.Id)
	if err != nil {
		return err
	}
	return shell.OK(e, claimData{*by}, "It is noted who brought you.")
}

// claimInTransaction settles a race by the unique index: the loser reads who won,
// and answers by that.
func claimInTransaction(app core.App, deps *shell.Deps, code named, person string) (reason referral.Reason, err error) {
	try := func() error {
		return app.RunInTransaction(func(tx core.App) (err error) {
			reason, err = use(tx, deps, code, person, viaClaim)
			return err
		})
	}
	if err = try(); shell.IsUniqueViolation(err, "referred") {
		err = try()
	}
	return reason, err
}

// use decides what a code does for a person, and writes it. A repeat of what holds
// already writes nothing.
func use(tx core.App, deps *shell.Deps, code named, person, via string) (referral.Reason, error) {
	now := deps.Clock.Now()
	policy, version, err := policyAt(tx, now)
	if err != nil {
		return "", err
	}
	claim, err := factsOf(tx, code, person)
	if err != nil {
		return "", err
	}
	reason := referral.Attribute(policy, claim, now)
	if reason == referral.AttributedBefore {
		return reason, nil
	}
	id := shell.RowID(now)
	err = shell.Insert(tx, "referral_claims", dbx.Params{
		"id": id, "user": person, "referrer": code.User, "code": code.ID, "outcome": string(reason), "via": via,
		"policy_version": version, "created": shell.Stamp(now),
	})
	if err != nil {
		return "", err
	}
	if reason == referral.Attributed {
		if err := attribute(tx, deps, policy, version, code, claim); err != nil {
			return "", err
		}
	}
	if code.User == person {
		return reason, nil // there are no two people to be compared
	}
	return reason, risk.Look(tx, deps, "claim:"+id, person, code.User)
}

// attribute writes who brought whom.
func attribute(tx core.App, deps *shell.Deps, policy referral.Policy, version int64, code named, claim referral.Claim) error {
	now := deps.Clock.Now()
	table, err := tx.FindCachedCollectionByNameOrId("referrals")
	if err != nil {
		return err
	}
	row := core.NewRecord(table)
	row.SetRaw("created", shell.DateTime(now))
	row.Set("referred", claim.Referred)
	row.Set("referrer", claim.Referrer)
	row.Set("code", code.ID)
	row.Set("state", collections.ReferralInvited)
	row.Set("policy_version", version)
	start := policy.Start(claim.ReferredAt)
	if err := fill(row, start); err != nil {
		return err
	}
	if err := tx.SaveNoValidate(row); err != nil {
		return err
	}
	events, err := present(tx, claim.Referred, now)
	if err != nil {
		return err
	}
	if err := happen(tx, deps, row, "", events...); err != nil {
		return err
	}
	return shell.Notify(tx, deps, "referral_joined:"+row.Id, shell.Notice{
		User: claim.Referrer, Kind: "referral_joined", Title: "Somebody signed up with your code",
		Body: "You see under invitations how far they have come. You earn when they are active.",
		Data: map[string]any{"referral": row.Id, "user": claim.Referred},
	})
}
