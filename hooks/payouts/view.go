package payouts

import (
	"time"

	"github.com/pocketbase/pocketbase/core"
)

// payoutData is a payout as its owner reads it in the collection.
type payoutData struct {
	ID           string     `json:"id"`
	User         string     `json:"user" help:"Who is paid."`
	Currency     string     `json:"currency"`
	AmountMinor  int64      `json:"amount_minor" help:"Minor units that were asked for."`
	Account      string     `json:"account" help:"Id of the payout account."`
	BankName     string     `json:"bank_name"`
	Last4        string     `json:"last4" help:"Last four digits of the account."`
	ResolvedName string     `json:"resolved_name" help:"Name on the account; empty where the bank gives none."`
	Status       string     `json:"status" help:"checking, scheduled, on_its_way, delayed, paid, failed, refused, cancelled or returned."`
	StatusText   string     `json:"status_text" help:"What that means and what to do, in English."`
	Reason       string     `json:"reason" help:"Why it was refused, taken back or did not arrive; empty otherwise."`
	Cancellable  bool       `json:"cancellable" help:"POST /payouts/{id}/cancel still works."`
	FeeMinor     int64      `json:"fee_minor" help:"What the transfer cost; the person does not pay it."`
	SessionID    string     `json:"session_id" help:"The banks' number of the transfer, for asking the bank."`
	PaidAt       *time.Time `json:"paid_at" help:"When it was sent to the bank; null before."`
	Reference    string     `json:"reference"`
	RequestedAt  time.Time  `json:"requested_at"`
	Created      time.Time  `json:"created"`
	Updated      time.Time  `json:"updated"`
}

func viewOf(record *core.Record) payoutData {
	at := func(field string) time.Time { return record.GetDateTime(field).Time() }
	data := payoutData{
		ID: record.Id, User: record.GetString("user"), Currency: record.GetString("currency"), AmountMinor: minorOf(record, "amount_minor"),
		Account: record.GetString("account"), BankName: record.GetString("bank_name"), Last4: record.GetString("last4"),
		ResolvedName: record.GetString("resolved_name"), Status: record.GetString("status"), StatusText: record.GetString("status_text"),
		Reason: record.GetString("reason"), Cancellable: record.GetBool("cancellable"), FeeMinor: minorOf(record, "fee_minor"),
		SessionID: record.GetString("session_id"), Reference: record.GetString("reference"), RequestedAt: at("requested_at"),
		Created: at("created"), Updated: at("updated"),
	}
	if paid := at("paid_at"); !paid.IsZero() {
		data.PaidAt = &paid
	}
	return data
}

// decidedData is a payout as admins see it after an act.
type decidedData struct {
	Payout        payoutData `json:"payout"`
	State         string     `json:"state" help:"The state that decisions go by."`
	FirstApprover string     `json:"first_approver" help:"Id of the first person of two who approve; empty if none."`
	ApprovedBy    string     `json:"approved_by" help:"Id of the person who approved it last; system where it was automatic."`
	Closer        string     `json:"closer" help:"Id of the first person of two who close it by hand; empty if none."`
}

func decided(record *core.Record) decidedData {
	return decidedData{
		Payout: viewOf(record), State: record.GetString("state"), FirstApprover: record.GetString("first_approver"),
		ApprovedBy: record.GetString("approved_by"), Closer: record.GetString("closer"),
	}
}
