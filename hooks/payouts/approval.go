package payouts

import (
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/payout"
)

// Purposes of the confirmations that admins need.
const (
	confirmApproval = "payout_approve"
	confirmPause    = "payout_pause"
)

// maxReasonRunes is how long a reason may be.
const maxReasonRunes = 300

type reasonBody struct {
	Reason string `json:"reason" help:"Why, 1 to 300 characters."`
}

type approveBody struct {
	Reason string `json:"reason,omitempty" help:"Why, for the history; the person does not read it. At most 300 characters."`
}

// deciderFaults are what keeps an admin from deciding.
var deciderFaults = []*fault.Code{
	fault.NotFound, fault.InvalidInput, fault.ApproverUnknown, fault.OwnPayout, fault.PayoutState, fault.PayoutChanged,
}

func (d *desk) registerApproval(core.App) {
	confirmation := []shell.Param{shell.Header("X-Confirmation", "From POST /confirm with the purpose "+confirmApproval+".")}
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/payouts/{id}/approve", Who: shell.Superuser, Params: confirmation, Body: approveBody{}, Data: decidedData{},
		What:   "Approve a payout in review. Above the policy's high limit a second person must do so as well.",
		Faults: append([]*fault.Code{fault.ConfirmationRequired, fault.OwnAccountChange, fault.SecondPerson, fault.PayoutAccountInactive, fault.PayoutsFrozen}, deciderFaults...),
		Handle: func(e *core.RequestEvent) error {
			body, err := optionalBody[approveBody](e)
			if err != nil {
				return err
			}
			if body.Reason, err = reason(body.Reason, false); err != nil {
				return err
			}
			return d.decide(e, act{name: "payout.approve", reason: body.Reason, quiet: true, purpose: confirmApproval, event: d.approval})
		},
	})
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/payouts/{id}/reject", Who: shell.Superuser, Body: reasonBody{}, Data: decidedData{},
		What:   "Refuse a payout in review. The money is in the wallet again, and the person reads the reason.",
		Faults: deciderFaults,
		Handle: func(e *core.RequestEvent) error {
			body, err := shell.Bind[reasonBody](e)
			if err != nil {
				return err
			}
			if body.Reason, err = reason(body.Reason, true); err != nil {
				return err
			}
			return d.decide(e, act{name: "payout.reject", reason: body.Reason, event: func(_ core.App, _ *core.Record, person string) (payout.Event, error) {
				return payout.Reject{By: person}, nil
			}})
		},
	})
}

// optionalBody reads a body that may be left out.
func optionalBody[T any](e *core.RequestEvent) (T, error) {
	if e.Request.ContentLength == 0 {
		var none T
		return none, nil
	}
	return shell.Bind[T](e)
}

// reason is the text without blanks around it, if it is one.
func reason(text string, needed bool) (string, error) {
	text = strings.TrimSpace(text)
	if n := utf8.RuneCountInString(text); n > maxReasonRunes || needed && n == 0 {
		return "", fault.InvalidInput.On("reason").Saying("Say why, in at most 300 characters.")
	}
	return text, nil
}

// act is what an admin, who is a person, does to a payout.
type act struct {
	name    string // in the audit log
	reason  string
	quiet   bool   // the person does not read the reason
	purpose string // of the confirmation; empty for none
	event   func(tx core.App, record *core.Record, person string) (payout.Event, error)
}

func (d *desk) decide(e *core.RequestEvent, a act) error {
	var record *core.Record
	err := e.App.RunInTransaction(func(tx core.App) (err error) {
		if record, err = tx.FindRecordById("payouts", e.Request.PathValue("id")); err != nil {
			return err
		}
		person, err := decider(tx, e.Auth, record)
		if err != nil {
			return err
		}
		event, err := a.event(tx, record, person)
		if err != nil {
			return err
		}
		if err := d.audited(tx, e.Auth, record, a.name, cause{Actor: shell.ActorOf(e.Auth), Reason: a.reason, Quiet: a.quiet}, event); err != nil {
			return err
		}
		if a.purpose == "" {
			return nil
		}
		// Last, so that who confirms an act that cannot be done keeps the confirmation.
		return accounts.UseConfirmation(tx, d.now(), e.Auth, a.purpose, e.Request.Header.Get("X-Confirmation"))
	})
	if err != nil {
		return refusalOf(err)
	}
	return shell.OK(e, decided(record), record.GetString("status_text"))
}

// audited applies an admin's event with a row in the audit log.
func (d *desk) audited(tx core.App, admin, record *core.Record, name string, by cause, event payout.Event) error {
	before := record.GetString("state")
	outcome, err := d.applyTo(tx, record, by, event)
	if err != nil {
		return err
	}
	return shell.Audit(tx, d.now(), shell.Act{
		Actor: shell.ActorOf(admin), Action: name, SubjectType: "payouts", SubjectID: record.Id, Reason: by.Reason,
		Data: map[string]any{
			"from": before, "to": string(outcome.State), "person": admin.GetString("person"),
			"amount_minor": outcome.AmountMinor, "currency": string(outcome.Currency),
		},
	})
}

// approval is the event of an approval, if the account may still be paid to, the
// person's money does not wait for a decision, and the admin is neither who entered it nor the first approver under another name.
func (d *desk) approval(tx core.App, record *core.Record, person string) (payout.Event, error) {
	account, err := tx.FindRecordById("payout_accounts", record.GetString("account"))
	if err != nil {
		return nil, err
	}
	if account.GetString("status") != collections.AccountActive {
		return nil, fault.PayoutAccountInactive.On("id")
	}
	if err := notFrozen(tx, record.GetString("user"), "id"); err != nil {
		return nil, err
	}
	if err := notAlso(tx, person, record.GetString("account_editor"), fault.OwnAccountChange); err != nil {
		return nil, err
	}
	return payout.Approve{By: person}, notAlso(tx, person, record.GetString("first_approver"), fault.SecondPerson)
}

// decider is the person that the admin is, if they may decide on the payout.
func decider(tx core.App, admin, record *core.Record) (string, error) {
	person, known := accounts.AdminPerson(tx, admin)
	if !known {
		return "", fault.ApproverUnknown.On("authorization")
	}
	return person, notAlso(tx, person, record.GetString("user"), fault.OwnPayout)
}

// notAlso refuses two users who are one by an e-mail address: a second account of a
// person is the same person. That the ids are the same is for internal/payout to see.
func notAlso(tx core.App, person, other string, refusal *fault.Code) error {
	if other == "" || other == person {
		return nil
	}
	shared, err := accounts.ShareAddress(tx, person, other)
	if err != nil {
		return err
	}
	if shared {
		return refusal.On("authorization")
	}
	return nil
}

// sign writes who approved a payout and takes the name off when it goes back to
// review. What a worker gives back to approved was signed before.
func sign(record *core.Record, from, to payout.State, event payout.Event, now time.Time) {
	switch {
	case to == payout.Review:
		record.Set("approved_by", "")
		record.Set("approved_at", shell.DateTime(time.Time{}))
	case to == payout.Approved && (from == payout.Requested || from == payout.Review):
		by := shell.System
		if approve, person := event.(payout.Approve); person {
			by = approve.By
		}
		record.Set("approved_by", by)
		record.Set("approved_at", shell.DateTime(now))
	}
}
