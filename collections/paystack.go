package collections

import "github.com/pocketbase/pocketbase/core"

// States of a webhook event.
const (
	EventQueued  = "queued"
	EventApplied = "applied"
	EventIgnored = "ignored" // of a kind that is of no use here
	EventOrphan  = "orphan"  // about something that is not in this database
	EventBroken  = "broken"  // signed, but not to be read
)

// States of an order to fund a campaign.
const (
	FundingOpen     = "open"
	FundingPaid     = "paid"
	FundingMismatch = "mismatch" // paid, but not what was ordered: set aside
	FundingExpired  = "expired"  // nobody paid
	FundingRefunded = "refunded"
	FundingDisputed = "disputed" // the payer's bank took it back
)

// paystackEvents are the webhooks that came in, each body once.
func paystackEvents() *core.Collection {
	c := base("paystack_events",
		presentable(text("event", 60, "Paystack's name of it, for example transfer.success.")),
		text("domain", 10, "Test or live."),
		text("data_id", 20, "Paystack's id of what it is about."),
		presentable(text("reference", 100, "Our reference of what it is about.")),
		required(text("body_hash", 64, "SHA-256 of the body as it was received.")),
		secret(text("body", 400000, "The body, encrypted, for 30 days.")),
		presentable(oneOf("state", "What became of it.", EventQueued, EventApplied, EventIgnored, EventOrphan, EventBroken)),
		text("error", 500, "Why it could not be applied."),
		&core.DateField{Name: "received_at", Required: true, Help: "When it came (UTC)."},
		&core.DateField{Name: "processed_at", Help: "When it was applied (UTC)."},
	)
	c.AddIndex("idx_paystack_events_body", true, "body_hash", "")
	c.AddIndex("idx_paystack_events_reference", false, "reference", "")
	c.AddIndex("idx_paystack_events_received", false, "received_at", "")
	c.AddIndex("idx_paystack_events_queued", false, "received_at", "state = 'queued'") // asked for every second
	return c
}

// orphanTransfers are transfers with a reference of ours that Paystack knows
// and this database does not, or knows otherwise.
func orphanTransfers() *core.Collection {
	c := base("orphan_transfers",
		presentable(required(text("reference", 100, "The transfer's reference."))),
		text("transfer_id", 20, "Paystack's id."),
		text("transfer_code", 60, "Paystack's code."),
		presentable(minor("amount_minor", "Minor units.")),
		text("currency", 3, "ISO 4217 code."),
		text("recipient_code", 60, "Whom it went to."),
		presentable(text("provider_status", 40, "Paystack's last word.")),
		presentable(oneOf("state", "Open until somebody has explained it.", "open", "explained")),
		text("explained_by", 80, "Who explained it."),
		text("reason", 500, "What it was."),
		&core.DateField{Name: "seen_at", Required: true, Help: "When it was seen first (UTC)."},
		&core.DateField{Name: "explained_at", Help: "When it was explained (UTC)."},
	)
	c.AddIndex("idx_orphan_transfers_reference", true, "reference", "")
	c.AddIndex("idx_orphan_transfers_state", false, "state", "")
	return c
}

// balanceRows are the lines of Paystack's own ledger, each matched with the
// posting of ours that it belongs to.
func balanceRows() *core.Collection {
	c := base("balance_rows",
		required(text("row_id", 20, "Paystack's id of the line.")),
		presentable(currency("ISO 4217 code.")),
		presentable(minor("difference_minor", "Change of the balance at Paystack.")),
		minor("balance_minor", "Balance at Paystack after it."),
		presentable(text("model", 40, "Transfer, Transaction or Refund.")),
		text("model_row", 20, "Paystack's id of that."),
		text("reason", 500, "Paystack's words."),
		presentable(oneOf("state", "Whether our ledger has it.", "in_transit", "matched", "suspense", "explained")),
		optional(to("tx", "ledger_txs", "The posting of ours.")),
		text("note", 500, "What it was, in the words of whoever explained it."),
		&core.DateField{Name: "at", Required: true, Help: "When Paystack wrote it (UTC)."},
		&core.DateField{Name: "seen_at", Required: true, Help: "When it was read (UTC)."},
	)
	c.AddIndex("idx_balance_rows_row", true, "row_id", "")
	c.AddIndex("idx_balance_rows_state", false, "currency, state", "")
	c.AddIndex("idx_balance_rows_model", false, "model, model_row", "")
	return c
}

// reconciliations are the comparisons with Paystack: what was read, what differed.
func reconciliations() *core.Collection {
	c := base("reconciliations",
		presentable(oneOf("kind", "What was compared.", "transfers", "money", "books")),
		presentable(&core.BoolField{Name: "clean", Help: "Nothing differed."}),
		text("detail", 500, "What differed first."),
		&core.JSONField{Name: "data", MaxSize: 20000, Help: "Figures."},
		required(text("actor", 80, "Who or what asked for it.")),
		&core.DateField{Name: "started_at", Required: true, Help: "When it began (UTC)."},
		presentable(&core.DateField{Name: "finished_at", Help: "When it ended (UTC)."}),
	)
	c.AddIndex("idx_reconciliations_kind", false, "kind, started_at", "")
	return c
}

// fundings are orders to put money into a campaign through Paystack's checkout.
func fundings() *core.Collection {
	c := base("fundings",
		presentable(to("campaign", "campaigns", "Which campaign.")),
		optional(toUser("user", "Who pays, if a person of the platform.")),
		secret(required(text("actor", 80, "Who ordered it."))),
		presentable(currency("ISO 4217 code.")),
		presentable(minor("amount_minor", "Minor units that were ordered.")),
		presentable(oneOf("status", "Where it stands.",
			FundingOpen, FundingPaid, FundingMismatch, FundingExpired, FundingRefunded, FundingDisputed)),
		required(text("reference", 50, "Paystack's reference, one for life.")),
		secret(text("idem_key", 120, "The client's key of the order.")),
		secret(text("input_hash", 64, "SHA-256 of the order; another one under the key is refused.")),
		text("checkout_url", 500, "Where to pay; empty until Paystack has answered."),
		secret(text("email", 200, "Where Paystack sends the receipt.")),
		secret(text("transaction_id", 20, "Paystack's id of the payment.")),
		minor("paid_minor", "What came in."),
		minor("fee_minor", "What Paystack kept of it."),
		minor("returned_minor", "What was refunded or taken back."),
		secret(optional(to("tx", "ledger_txs", "The posting that credited the campaign."))),
		&core.DateField{Name: "paid_at", Help: "When it was credited (UTC)."},
		secret(&core.DateField{Name: "next_check_at", Help: "When Paystack is asked again (UTC); empty for never."}),
		created(), updated(),
	)
	c.AddIndex("idx_fundings_reference", true, "reference", "")
	c.AddIndex("idx_fundings_idem_key", true, "actor, idem_key", "")
	c.AddIndex("idx_fundings_due", false, "next_check_at", "next_check_at != ''")
	c.AddIndex("idx_fundings_campaign", false, "campaign, created", "")
	c.AddIndex("idx_fundings_user", false, "user, created", "")
	c.ListRule = own("user")
	c.ViewRule = own("user")
	return c
}

// fundingReturns are refunds and lost disputes of a funding.
func fundingReturns() *core.Collection {
	c := base("funding_returns",
		presentable(to("funding", "fundings", "What is given back.")),
		presentable(oneOf("kind", "A refund of ours, or a dispute of the payer's bank.", "refund", "dispute")),
		text("provider_id", 40, "Paystack's id of it."),
		presentable(minor("amount_minor", "Minor units.")),
		presentable(oneOf("state", "Paystack's last conclusive word.",
			"requested", "pending", "processed", "failed", "needs_attention", "open", "lost", "won")),
		required(text("actor", 80, "Who asked for it.")),
		text("reason", 500, "Why it is given back."),
		optional(to("tx", "ledger_txs", "The posting that took it from the campaign.")),
		&core.DateField{Name: "next_check_at", Help: "When Paystack is asked again (UTC); empty for never."},
		created(), updated(),
	)
	c.AddIndex("idx_funding_returns_refund", true, "funding", "kind = 'refund' AND state != 'failed'")
	c.AddIndex("idx_funding_returns_provider", true, "kind, provider_id", "provider_id != ''")
	c.AddIndex("idx_funding_returns_due", false, "next_check_at", "next_check_at != ''")
	return c
}
