package payouts

import (
	"database/sql"
	"errors"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout"
)

// alertTexts tell an admin what happened and what to do; docs/payouts.md says more.
var alertTexts = map[payout.AlertKind]string{
	payout.AlertMismatch:      "Paystack's transfer is not the one that was ordered. Everything is paused: compare both before you lift it.",
	payout.AlertUnexpected:    "Paystack knows a payout that this server has not sent. Everything is paused: was a backup restored, or is the key used elsewhere?",
	payout.AlertOTP:           "Paystack asks for a one-time code for transfers. Switch that off in its dashboard; nothing arrives until then.",
	payout.AlertPendingLong:   "A transfer has been pending for longer than the policy allows. Ask Paystack, with the session number.",
	payout.AlertVanished:      "Paystack knew a transfer and now does not. Ask Paystack before anything else.",
	payout.AlertUnknownStatus: "Paystack used a status that it does not document. The payout waits; look at it in Paystack's dashboard.",
	payout.AlertSilent:        "Paystack has not said for long what became of a transfer. Look at it in its dashboard.",
	payout.AlertTriesSpent:    "A payout was sent as often as the policy allows, without an answer. Look at it in Paystack's dashboard.",
	payout.AlertLowBalance:    "Paystack's balance is too low. Top it up; payouts of the currency go on by themselves.",
	payout.AlertAccess:        "Paystack refuses the key or the business. Everything is paused: mend it in its dashboard, then lift the pause.",
	payout.AlertRecipient:     "Paystack refused the recipient after an earlier order that it had not answered. Find out whether the first was paid.",
	payout.AlertRefused:       "Paystack refused an order as wrong. Everything is paused: this is a mistake of the server or of its settings.",
	payout.AlertPaidLate:      "A payout succeeded after its money had been given back. The person is frozen; decide how the debt is settled.",
	payout.AlertContradicted:  "Paystack takes back what it had said. Compare the payout with its dashboard.",
}

func severityOf(kind payout.AlertKind) string {
	switch kind {
	case payout.AlertOTP, payout.AlertPendingLong, payout.AlertLowBalance, payout.AlertUnknownStatus:
		return "warning"
	default:
		return "critical"
	}
}

// notice is something that admins must look at.
type notice struct {
	Kind, Severity, SubjectType, SubjectID, Text string
	Data                                         any
}

// alert opens an alert, or counts it when the same one is open already.
func (d *desk) alert(tx core.App, n notice) error {
	data, err := asJSON(n.Data)
	if err != nil {
		return err
	}
	now := shell.Stamp(d.now())
	again, err := shell.Exec(tx, `
		UPDATE alerts SET times = times + 1, data = {:data}, updated = {:now}
		WHERE state = 'open' AND kind = {:kind} AND subject_type = {:type} AND subject_id = {:id}`,
		dbx.Params{"kind": n.Kind, "type": n.SubjectType, "id": n.SubjectID, "data": data, "now": now})
	if err != nil || again > 0 {
		return err
	}
	return shell.Insert(tx, "alerts", dbx.Params{
		"id": shell.NewID(), "kind": n.Kind, "severity": n.Severity, "subject_type": n.SubjectType, "subject_id": n.SubjectID,
		"text": n.Text, "data": data, "times": 1, "state": collections.AlertOpen,
		"done_by": "", "note": "", "done_at": "", "created": now, "updated": now,
	})
}

// pause stops sending of a currency, or of everything, until it is lifted. An
// automatic one ends when its cause does.
func (d *desk) pause(tx core.App, scope, why, detail string, automatic bool) error {
	row := dbx.Params{
		"id": shell.NewID(), "scope": scope, "cause": why, "detail": detail, "automatic": automatic,
		"since": shell.Stamp(d.now()), "lifted_at": "", "lifted_by": "", "lift_reason": "",
	}
	err := shell.Insert(tx, "payout_pauses", row)
	if shell.IsUniqueViolation(err) {
		return nil // paused already
	}
	return err
}

// paused tells whether sending of the currency is stopped, and why.
func (d *desk) paused(app core.App, currency money.Currency) (string, error) {
	var why string
	err := app.DB().NewQuery("SELECT cause FROM payout_pauses WHERE lifted_at = '' AND scope IN ({:all}, {:currency}) ORDER BY since LIMIT 1").
		Bind(dbx.Params{"all": collections.PauseEverything, "currency": string(currency)}).Row(&why)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return why, err
}

// flag is a reason to look at a person before money leaves.
type flag struct {
	User, Kind, SubjectType, SubjectID, Other, Detail string
	Score                                             int64
}

// flag opens a risk flag, once while it is open. What nobody has sent yet to the
// person waits for people then.
func (d *desk) flag(tx core.App, f flag) error {
	now := shell.Stamp(d.now())
	err := shell.Insert(tx, "risk_flags", dbx.Params{
		"id": shell.NewID(), "user": f.User, "kind": f.Kind, "subject_type": f.SubjectType, "subject_id": f.SubjectID,
		"other": f.Other, "detail": f.Detail, "score": f.Score, "state": collections.FlagOpen,
		"decided_by": "", "reason": "", "decided_at": "", "created": now, "updated": now,
	})
	if shell.IsUniqueViolation(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return d.holdBack(tx, f.User, "flag: "+f.Kind)
}

// flagged tells whether somebody must look at what a person asks for: a flag is
// open, or was found to be true.
func (d *desk) flagged(app core.App, user string) (bool, error) {
	var open bool
	err := app.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM risk_flags WHERE user = {:user} AND state IN ('open', 'confirmed'))").
		Bind(dbx.Params{"user": user}).Row(&open)
	return open, err
}
