package collections

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/internal/payout"
)

// States of a payout account.
const (
	AccountActive   = "active"
	AccountReplaced = "replaced" // the person gave another one
	AccountUnusable = "unusable" // Paystack refused to pay to it
)

// How the name that the bank gives compares with the person's legal name.
const (
	NameMatches    = "match"
	NameReview     = "review"     // alike in part: a person looks before anything is paid
	NameUnverified = "unverified" // the bank gives no name
)

// Scope of a pause of sending that is not one currency.
const PauseEverything = "all"

// States of risk_flags and alerts.
const (
	FlagOpen      = "open"
	FlagCleared   = "cleared"   // nothing in it
	FlagConfirmed = "confirmed" // true, and acted upon
	AlertOpen     = "open"
	AlertDone     = "done"
)

// payoutAccounts are where people are paid to. The number itself is not kept:
// Paystack has it, and a keyed hash recognises it.
func payoutAccounts() *core.Collection {
	c := base("payout_accounts",
		presentable(toUser("user", "Whose account it is.")),
		presentable(currency("What can be paid to it.")),
		required(text("country", 2, "ISO 3166-1 code of the bank's country.")),
		required(text("type", 30, "Paystack's kind of recipient, for example nuban or mobile_money.")),
		required(text("bank_code", 40, "Paystack's code of the bank.")),
		presentable(text("bank_name", 120, "The bank's name.")),
		presentable(required(text("last4", 4, "The last four digits of the number."))),
		text("resolved_name", 200, "Name that the bank gives for the account; empty where it gives none."),
		oneOf("name_match", "How that name compares with the legal name.", NameMatches, NameReview, NameUnverified),
		secret(text("name_digests", 200, "Keyed hashes of the legal and the resolved name as they were compared.")),
		secret(required(text("recipient_code", 60, "Paystack's recipient."))),
		secret(required(text("fingerprint", 64, "Keyed hash of country, bank and number."))),
		presentable(oneOf("status", "Active, replaced or unusable.", AccountActive, AccountReplaced, AccountUnusable)),
		&core.DateField{Name: "usable_from", Help: "Nothing is sent to it before this time (UTC)."},
		secret(text("set_by", 80, "Who entered it, for example user:<id>.")),
		created(), updated(),
	)
	c.AddIndex("idx_payout_accounts_active", true, "user, currency", "status = 'active'")
	c.AddIndex("idx_payout_accounts_fingerprint", false, "fingerprint", "")
	c.AddIndex("idx_payout_accounts_recipient", false, "recipient_code", "")
	c.AddIndex("idx_payout_accounts_user", false, "user", "")
	// The second half of name_digests: the holder's name as the bank gives it.
	c.AddIndex("idx_payout_accounts_holder", false, "substr(name_digests, 66)", "")
	c.ListRule = own("user")
	c.ViewRule = own("user")
	return c
}

// payoutStates are the states that are stored.
func payoutStates() []string {
	var names []string
	for _, state := range payout.States()[1:] {
		names = append(names, string(state))
	}
	return names
}

// payouts hold what internal/payout decides on, and what a person may know of it.
func payouts() *core.Collection {
	c := base("payouts",
		presentable(toUser("user", "Who is paid.")),
		presentable(currency("ISO 4217 code.")),
		presentable(minor("amount_minor", "Minor units that were asked for.")),
		to("account", "payout_accounts", "Where it goes."),
		text("bank_name", 120, "The bank, as it was at the request."),
		text("last4", 4, "Last four digits of the account, as they were at the request."),
		text("resolved_name", 200, "Name on the account, as it was at the request."),
		secret(required(text("recipient_code", 60, "Paystack's recipient, as it was at the request."))),
		presentable(oneOf("status", "Where it stands, in plain words.", PayoutStatuses()...)),
		text("status_text", 300, "What it means and what to do, in English."),
		text("reason", 500, "Why it was refused or did not arrive."),
		&core.BoolField{Name: "cancellable", Help: "The person can still take it back."},
		minor("fee_minor", "What the transfer cost; the person does not pay it."),
		text("session_id", 80, "The banks' number of the transfer, for asking the bank."),
		&core.DateField{Name: "paid_at", Help: "When it was sent to the bank (UTC)."},
		required(text("reference", 50, "Paystack's reference, one for life.")),
		secret(oneOf("state", "The state that decisions go by.", payoutStates()...)),
		secret(text("settled", 10, "What became of the hold: paid, released, or empty.")),
		secret(count("rev", "Counts every change; whoever saw an older one lost the race.")),
		secret(text("idem_key", 120, "The client's key of the request.")),
		secret(text("input_hash", 64, "SHA-256 of the request; another one under the key is refused.")),
		secret(count("policy_version", "Of the payouts policy at the request.")),
		secret(text("account_editor", 80, "Who changed the account last, while it waited.")),
		secret(&core.DateField{Name: "account_at", Help: "When that was (UTC)."}),
		secret(text("first_approver", 80, "The first of two approvers.")),
		secret(text("approved_by", 80, "Who approved it last; system where it was automatic.")),
		secret(&core.DateField{Name: "approved_at", Help: "When it was approved (UTC)."}),
		secret(text("closer", 80, "The first of two people who close it by hand.")),
		secret(count("attempt", "Number of the latest order to send.")),
		secret(count("answered", "The latest order that had its answer.")),
		secret(count("posts", "Orders that were not conclusively refused.")),
		secret(&core.BoolField{Name: "refused", Help: "Paystack refused the recipient."}),
		secret(&core.DateField{Name: "not_found_at", Help: "First not found after that (UTC)."}),
		secret(&core.DateField{Name: "sent_at", Help: "The latest order to send (UTC)."}),
		secret(&core.DateField{Name: "seen_at", Help: "Paystack last said that it knows the transfer (UTC)."}),
		secret(&core.DateField{Name: "not_before", Help: "No sending until then (UTC)."}),
		secret(&core.DateField{Name: "lease_until", Help: "A worker that was not heard of until then is gone (UTC)."}),
		secret(&core.DateField{Name: "next_check_at", Help: "When Paystack is asked again (UTC); empty for never."}),
		secret(text("transfer_id", 20, "Paystack's number of the transfer; lines of its balance name it.")),
		secret(text("transfer_code", 60, "Paystack's code of the transfer.")),
		secret(text("provider_status", 40, "Paystack's last word.")),
		&core.DateField{Name: "requested_at", Required: true, Help: "When it was asked for (UTC)."},
		created(), updated(),
	)
	c.AddIndex("idx_payouts_reference", true, "reference", "")
	c.AddIndex("idx_payouts_idem_key", true, "user, idem_key", "")
	c.AddIndex("idx_payouts_open", true, "user, currency", "settled = ''")
	c.AddIndex("idx_payouts_user", false, "user, requested_at", "")
	c.AddIndex("idx_payouts_state", false, "state, requested_at", "")
	c.AddIndex("idx_payouts_due", false, "next_check_at", "next_check_at != ''")
	c.AddIndex("idx_payouts_sent", false, "currency, sent_at", "sent_at != ''")
	c.AddIndex("idx_payouts_account", false, "account", "")
	c.AddIndex("idx_payouts_transfer", false, "transfer_id", "transfer_id != ''")
	c.ListRule = own("user")
	c.ViewRule = own("user")
	return c
}

// What a person is told of a payout's state.
const (
	PayoutChecking  = "checking"  // waits for somebody's approval
	PayoutScheduled = "scheduled" // approved, will be sent
	PayoutOnItsWay  = "on_its_way"
	PayoutDelayed   = "delayed" // people look into it; the money is safe
	PayoutPaid      = "paid"
	PayoutFailed    = "failed" // the money is back in the wallet
	PayoutRefused   = "refused"
	PayoutCancelled = "cancelled"
	PayoutReturned  = "returned" // the bank sent it back to the wallet
)

// PayoutStatuses lists what people are told.
func PayoutStatuses() []string {
	return []string{
		PayoutChecking, PayoutScheduled, PayoutOnItsWay, PayoutDelayed, PayoutPaid,
		PayoutFailed, PayoutRefused, PayoutCancelled, PayoutReturned,
	}
}

// payoutEvents are the history of every payout, append-only.
func payoutEvents() *core.Collection {
	c := base("payout_events",
		presentable(to("payout", "payouts", "The payout.")),
		presentable(count("seq", "Place in the payout's history, from 1.")),
		presentable(required(text("event", 40, "What happened, for example observation."))),
		text("from_state", 20, "State before."),
		presentable(required(text("to_state", 20, "State after."))),
		required(text("actor", 80, "Who or what caused it.")),
		text("reason", 500, "Why, in the words of the actor."),
		&core.JSONField{Name: "data", MaxSize: 20000, Help: "What was seen and what was done about it."},
		&core.DateField{Name: "at", Required: true, Help: "When (UTC)."},
	)
	c.AddIndex("idx_payout_events_seq", true, "payout, seq", "")
	return system(c)
}

// payoutSettlements let a hold be paid or given back once, whatever else goes
// wrong: the row is unique and stays.
func payoutSettlements() *core.Collection {
	c := base("payout_settlements",
		presentable(to("payout", "payouts", "The payout.")),
		presentable(oneOf("outcome", "What became of the hold.", string(payout.SettledPaid), string(payout.SettledRelease))),
		to("tx", "ledger_txs", "The posting."),
		&core.DateField{Name: "at", Required: true, Help: "When (UTC)."},
	)
	c.AddIndex("idx_payout_settlements_payout", true, "payout", "")
	return system(c)
}

// payoutPauses stop sending, of one currency or of everything, until lifted.
func payoutPauses() *core.Collection {
	c := base("payout_pauses",
		presentable(required(text("scope", 10, "A currency, or all."))),
		presentable(required(text("cause", 40, "Why, for example low_balance."))),
		text("detail", 500, "What was seen."),
		&core.BoolField{Name: "automatic", Help: "Ends by itself when its cause does."},
		&core.DateField{Name: "since", Required: true, Help: "From this time on (UTC)."},
		&core.DateField{Name: "lifted_at", Help: "Until this time (UTC); empty while it lasts."},
		text("lifted_by", 80, "Who or what ended it."),
		text("lift_reason", 500, "Why it was ended."),
	)
	c.AddIndex("idx_payout_pauses_open", true, "scope, cause", "lifted_at = ''")
	return c
}

// payoutMarks remember which database this is and how far it came, to be
// compared with a file beside the data directory: a restored backup has lost
// what was paid after it.
func payoutMarks() *core.Collection {
	c := base("payout_marks",
		presentable(required(text("instance", 40, "Random name of this database."))),
		presentable(count("seq", "Counts every order to send.")),
		&core.BoolField{Name: "sound", Help: "Sending is allowed: nothing was lost, or it was reconciled."},
		text("detail", 300, "Why it is not allowed."),
		&core.DateField{Name: "at", Help: "Latest change (UTC)."},
	)
	return c
}

// riskFlags are reasons to look at a person before money leaves.
func riskFlags() *core.Collection {
	c := base("risk_flags",
		presentable(toUser("user", "Whom it is about.")),
		presentable(required(text("kind", 40, "What was seen, for example shared_payout_account."))),
		text("subject_type", 40, "Kind of the row it was seen on."),
		text("subject_id", 80, "Id of that row."),
		optional(toUser("other", "The other person in it, if any.")),
		text("detail", 500, "What was seen, for whoever decides."),
		count("score", "Weight of the signal, 0 to 10000."),
		presentable(oneOf("state", "Open until somebody decides.", FlagOpen, FlagCleared, FlagConfirmed)),
		text("decided_by", 80, "Who decided."),
		text("reason", 500, "Why it was decided so."),
		&core.DateField{Name: "decided_at", Help: "When (UTC)."},
		created(), updated(),
	)
	c.AddIndex("idx_risk_flags_open", true, "user, kind, subject_id", "state = 'open'")
	c.AddIndex("idx_risk_flags_state", false, "state, created", "")
	c.ListRule = rule(moderator)
	c.ViewRule = rule(moderator)
	return c
}

// alerts are what the operators and admins must look at.
func alerts() *core.Collection {
	c := base("alerts",
		presentable(required(text("kind", 40, "What happened, for example low_balance."))),
		presentable(oneOf("severity", "How soon to look.", "warning", "critical")),
		text("subject_type", 40, "Kind of the row it is about."),
		text("subject_id", 80, "Id of that row."),
		required(text("text", 500, "What happened and what to do.")),
		&core.JSONField{Name: "data", MaxSize: 20000, Help: "What was seen."},
		count("times", "How often it was seen while open."),
		presentable(oneOf("state", "Open until somebody takes note.", AlertOpen, AlertDone)),
		text("done_by", 80, "Who took note."),
		text("note", 500, "What they did."),
		&core.DateField{Name: "done_at", Help: "When (UTC)."},
		created(), updated(),
	)
	c.AddIndex("idx_alerts_open", true, "kind, subject_type, subject_id", "state = 'open'")
	c.AddIndex("idx_alerts_state", false, "state, created", "")
	return c
}

// payoutsView shows admins every payout in words, those that need them first.
func payoutsView() *core.Collection {
	return view("v_payouts", `
SELECT p.id, p.requested_at, u.username AS username, p.amount_minor, p.currency, p.state, p.bank_name, p.last4,
       p.resolved_name, p.first_approver, p.approved_by, p.sent_at, p.paid_at, p.provider_status, p.reference,
       (SELECT COUNT(*) FROM risk_flags f WHERE f.user = p.user AND f.state = 'open') AS open_flags
FROM payouts p
JOIN users u ON u.id = p.user`)
}
