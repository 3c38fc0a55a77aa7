package ambassadors

import (
	"net/http"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/referral"
)

// Purposes of the confirmations that admins need: a stipend is money.
const (
	confirmApproval = "ambassador_approve"
	confirmTerms    = "ambassador_terms"
)

type approveBody struct {
	termsBody
	Reason string `json:"reason,omitempty" help:"Words for the applicant; at most 500 characters."`
}

type rejectBody struct {
	Reason string `json:"reason" help:"Why, for the applicant; 1 to 500 characters."`
}

type decidedData struct {
	Application string `json:"application"`
	User        string `json:"user"`
	State       string `json:"state" help:"approved or rejected."`
	Ambassador  string `json:"ambassador,omitempty" help:"Row of ambassadors, when approved."`
}

// deciderFaults are what keeps an admin from setting terms.
var deciderFaults = []*fault.Code{
	fault.NotFound, fault.InvalidInput, fault.AmountInvalid, fault.AmountOverflow, fault.CurrencyUnknown, fault.CampaignUnavailable,
	fault.ApproverUnknown, fault.OwnApplication, fault.ConfirmationRequired,
}

func confirmation(purpose string) []shell.Param {
	return []shell.Param{shell.Header("X-Confirmation", "From POST /confirm with the purpose "+purpose+".")}
}

func registerDecisions(deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/ambassador_applications/{id}/approve", Who: shell.Superuser, Params: confirmation(confirmApproval), Body: approveBody{}, Data: decidedData{},
		What:   "Approve a pending application: the applicant gets the role, the region and the stipend. The first stipend is for the next month.",
		Faults: append([]*fault.Code{fault.ApplicationDecided, fault.AlreadyAmbassador, fault.ApplicantRestricted}, deciderFaults...),
		Handle: func(e *core.RequestEvent) error {
			body, err := shell.Bind[approveBody](e)
			if err != nil {
				return err
			}
			if body.Reason, err = reason(body.Reason, false); err != nil {
				return err
			}
			var data decidedData
			err = e.App.RunInTransaction(func(tx core.App) (err error) {
				if data, err = approve(tx, deps, e.Request.PathValue("id"), body, e.Auth); err != nil {
					return err
				}
				// Last, so that who confirms an act that cannot be done keeps the confirmation.
				return accounts.UseConfirmation(tx, deps.Clock.Now(), e.Auth, confirmApproval, e.Request.Header.Get("X-Confirmation"))
			})
			if err != nil {
				return err
			}
			return shell.OK(e, data, "The application is approved.")
		},
	})
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/ambassador_applications/{id}/reject", Who: shell.Superuser, Body: rejectBody{}, Data: decidedData{},
		What:   "Reject a pending application; the applicant reads the reason and may apply again.",
		Faults: []*fault.Code{fault.NotFound, fault.InvalidInput, fault.ApplicationDecided, fault.OwnApplication},
		Handle: func(e *core.RequestEvent) error {
			body, err := shell.Bind[rejectBody](e)
			if err != nil {
				return err
			}
			if body.Reason, err = reason(body.Reason, true); err != nil {
				return err
			}
			data, err := shell.Transact(e.App, func(tx core.App) (decidedData, error) {
				return reject(tx, deps, e.Request.PathValue("id"), body.Reason, e.Auth)
			})
			if err != nil {
				return err
			}
			return shell.OK(e, data, "The application is rejected.")
		},
	})
}

// notOneself refuses an admin who is, as far as is known, the person. Where it is
// about money it must be known who the admin is.
func notOneself(tx core.App, admin *core.Record, user string, money bool) error {
	person, known := accounts.AdminPerson(tx, admin)
	if money && !known {
		return fault.ApproverUnknown.On("authorization")
	}
	same, err := accounts.SamePerson(tx, admin, user)
	if err == nil && !same && known { // a second account of the admin is the admin
		same, err = accounts.ShareAddress(tx, person, user)
	}
	if err != nil {
		return err
	}
	if same {
		return fault.OwnApplication.On("authorization")
	}
	return nil
}

// pending reads an application that waits. Read in the transaction that decides
// it, it is decided once.
func pending(tx core.App, id string) (*core.Record, error) {
	application, err := tx.FindRecordById("ambassador_applications", id)
	if err != nil {
		return nil, err
	}
	if application.GetString("state") != collections.ApplicationPending {
		return nil, fault.ApplicationDecided.On("id")
	}
	return application, nil
}

// decide writes the decision, with an audit row and a notice.
func decide(tx core.App, deps *shell.Deps, application *core.Record, state, why string, admin *core.Record, data map[string]any, notice shell.Notice) (decidedData, error) {
	now := deps.Clock.Now()
	application.Set("state", state)
	application.Set("reason", why)
	application.Set("decided_by", shell.ActorOf(admin))
	application.Set("decided_at", now)
	if err := tx.Save(application); err != nil {
		return decidedData{}, err
	}
	data["user"] = application.GetString("user")
	err := shell.Audit(tx, now, shell.Act{
		Actor: shell.ActorOf(admin), Action: "ambassador_application." + state, SubjectType: "ambassador_applications", SubjectID: application.Id, Reason: why, Data: data,
	})
	if err != nil {
		return decidedData{}, err
	}
	notice.User, notice.Kind = application.GetString("user"), "ambassador_application"
	notice.Data = map[string]any{"application": application.Id, "outcome": state, "reason": why}
	if ambassador, there := data["ambassador"]; there {
		notice.Data["ambassador"] = ambassador
	}
	decided := decidedData{Application: application.Id, User: notice.User, State: state}
	return decided, shell.Notify(tx, deps, "ambassador_application:"+application.Id, notice)
}

func approve(tx core.App, deps *shell.Deps, id string, body approveBody, admin *core.Record) (decidedData, error) {
	application, err := pending(tx, id)
	if err != nil {
		return decidedData{}, err
	}
	user := application.GetString("user")
	if err := notOneself(tx, admin, user, true); err != nil {
		return decidedData{}, err
	}
	person, err := tx.FindRecordById("users", user)
	if err != nil {
		return decidedData{}, err
	}
	if accounts.MayNotAct(person) {
		return decidedData{}, fault.ApplicantRestricted.On("id")
	}
	if active, err := isAmbassador(tx, user); err != nil {
		return decidedData{}, err
	} else if active {
		return decidedData{}, fault.AlreadyAmbassador.On("id")
	}
	terms, err := body.over(tx, application)
	if err != nil {
		return decidedData{}, err
	}
	collection, err := tx.FindCachedCollectionByNameOrId("ambassadors")
	if err != nil {
		return decidedData{}, err
	}
	now := deps.Clock.Now()
	ambassador := core.NewRecord(collection)
	ambassador.Set("user", user)
	ambassador.Set("version", 1)
	ambassador.Set("since", now)
	ambassador.Set("next_month", referral.FirstStipendMonth(now))
	terms.write(ambassador, admin)
	if err := tx.Save(ambassador); err != nil {
		return decidedData{}, err
	}
	if err := setRole(tx, deps, person, true, admin); err != nil {
		return decidedData{}, err
	}
	data := terms.audit()
	data["ambassador"] = ambassador.Id
	text := "You are the ambassador of " + terms.Region + " now. Thank you."
	if body.Reason != "" {
		text += " " + body.Reason
	}
	decided, err := decide(tx, deps, application, collections.ApplicationApproved, body.Reason, admin, data,
		shell.Notice{Title: "Your application is approved", Body: text})
	decided.Ambassador = ambassador.Id
	return decided, err
}

func reject(tx core.App, deps *shell.Deps, id, why string, admin *core.Record) (decidedData, error) {
	application, err := pending(tx, id)
	if err != nil {
		return decidedData{}, err
	}
	if err := notOneself(tx, admin, application.GetString("user"), false); err != nil {
		return decidedData{}, err
	}
	return decide(tx, deps, application, collections.ApplicationRejected, why, admin, map[string]any{},
		shell.Notice{Title: "Your application was not approved", Body: why})
}
