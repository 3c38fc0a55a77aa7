package collections

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
	referralrules "github.com/lingualink/lingualink/internal/referral"
	rewardrules "github.com/lingualink/lingualink/internal/rewards"
)

// NoMinimum is stored as the minimum balance of an account that may go to any
// depth: PocketBase's number columns cannot be null.
const NoMinimum = -money.MaxMinor

// States of a reward.
const (
	RewardAccruing = "accruing" // earned by somebody whose answers' worth is not known yet
	RewardUnfunded = "unfunded"
	RewardPending  = "pending"
	RewardReleased = "released"
	RewardReversed = "reversed"
	RewardVoid     = "void"     // accrued, and found to be worth nothing; or cut to nothing
	RewardClawed   = "clawback" // released, and taken back for fraud
)

// What a rate is for.
const (
	ActionClip       = "clip"
	ActionValidation = "validation"
)

// system marks what nobody may delete, rename or open up later.
func system(c *core.Collection) *core.Collection {
	c.System = true
	return c
}

func ledgerAccounts() *core.Collection {
	c := base("ledger_accounts",
		presentable(required(text("key", 120, "Unique name, for example user:<id>:available:NGN."))),
		oneOf("type", "Side of the balance sheet.",
			string(ledger.Asset), string(ledger.Liability), string(ledger.Equity), string(ledger.Income), string(ledger.Expense)),
		optional(toUser("user", "Whose account it is, if a person's.")),
		optional(to("campaign", "campaigns", "Whose account it is, if a campaign's.")),
		currency("ISO 4217 code."),
		presentable(minor("balance_minor", "Sum of its entries in minor units; kept by a trigger, credits are positive.")),
		minor("min_balance_minor", "The balance cannot go below this; -(2^53-1) means any depth."),
		&core.BoolField{Name: "closed", Help: "Takes no more postings."},
		created(),
	)
	c.AddIndex("idx_ledger_accounts_key", true, "key", "")
	c.AddIndex("idx_ledger_accounts_user", false, "user", "")
	c.ListRule = own("user")
	c.ViewRule = own("user")
	return system(c)
}

func ledgerTxs() *core.Collection {
	c := base("ledger_txs",
		presentable(count("seq", "Place in the ledger, without gaps.")),
		presentable(required(text("kind", 40, "What happened."))),
		required(text("idem_key", 200, "The same key is never posted twice.")),
		required(text("input_hash", 64, "SHA-256 of what the caller asked for; another input under the key is refused.")),
		&core.DateField{Name: "effective_at", Required: true, Help: "When it counts (UTC)."},
		&core.DateField{Name: "recorded_at", Required: true, Help: "When it was posted (UTC)."},
		required(text("actor", 80, "Who or what caused it, for example system or superuser:<id>.")),
		text("source_type", 40, "Kind of the row it comes from."),
		text("source_id", 80, "Id of the row it comes from."),
		text("reverses", 15, "The transaction it undoes."),
		text("memo", 300, "Words for people."),
		text("prev_hash", 64, "Hash of the transaction before; empty for the first."),
		required(text("hash", 64, "SHA-256 over the previous hash and everything in this transaction.")),
	)
	c.AddIndex("idx_ledger_txs_seq", true, "seq", "")
	c.AddIndex("idx_ledger_txs_idem_key", true, "idem_key", "")
	c.AddIndex("idx_ledger_txs_recorded_at", false, "recorded_at", "")
	c.AddIndex("idx_ledger_txs_reverses", true, "reverses", "reverses != ''")
	c.AddIndex("idx_ledger_txs_source", false, "source_type, source_id", "")
	return system(c)
}

func ledgerEntries() *core.Collection {
	c := base("ledger_entries",
		presentable(to("tx", "ledger_txs", "The transaction.")),
		presentable(to("account", "ledger_accounts", "The account.")),
		count("seq", "Place of the transaction in the ledger."),
		count("line", "Place of the entry in its transaction, from 0."),
		presentable(minor("amount_minor", "Minor units; credits are positive, debits negative.")),
		currency("ISO 4217 code."),
		minor("balance_after_minor", "Balance of the account after this entry."),
	)
	c.AddIndex("idx_ledger_entries_account", true, "account, seq", "")
	c.AddIndex("idx_ledger_entries_tx", true, "tx, line", "")
	c.ListRule = own("account.user")
	c.ViewRule = own("account.user")
	return system(c)
}

func rewardRates() *core.Collection {
	c := base("reward_rates",
		presentable(oneOf("action", "What is paid for.", ActionClip, ActionValidation)),
		optional(to("language", "languages", "Only for this language; empty means every language without a rate of its own.")),
		presentable(currency("ISO 4217 code.")),
		presentable(&core.NumberField{
			Name: "amount_minor", Required: true, OnlyInt: true, Min: types.Pointer(1.0), Max: types.Pointer(float64(money.MaxMinor)),
			Help: "Minor units per act, before multipliers.",
		}),
		count("version", "Numbered by the server; a reward stores it."),
		&core.DateField{Name: "effective_from", Help: "Counts from this time on (UTC); now when empty."},
		created(),
	)
	c.AddIndex("idx_reward_rates_version", true, "version", "")
	c.AddIndex("idx_reward_rates_lookup", false, "action, currency, language, effective_from", "")
	c.ListRule = anyone()
	c.ViewRule = anyone()
	return c
}

func campaigns() *core.Collection {
	c := base("campaigns",
		presentable(required(text("name", 120, "Who funds what."))),
		optional(to("language", "languages", "Only clips of this language; empty means every language without a campaign of its own.")),
		presentable(currency("Everybody on its clips is paid in this currency.")),
		oneOf("status", "Clips are bound to open campaigns.", "open", "closed"),
		created(), updated(),
	)
	c.AddIndex("idx_campaigns_binding", false, "status, language, created", "")
	return c
}

func rewards() *core.Collection {
	c := base("rewards",
		required(text("key", 120, "reward:<rule>:<verdict>:<user>; one each.")),
		count("seq", "Order of payment when funds come late."),
		presentable(toUser("user", "Who earned it.")),
		presentable(oneOf("rule", "What it is for.",
			string(rewardrules.Clip), string(rewardrules.Remix), string(rewardrules.RemixParent), string(rewardrules.Validation),
			string(referralrules.Bonus), string(referralrules.Commission), string(referralrules.Stipend))),
		optional(to("clip", "clips", "The clip it comes from, if any.")),
		optional(to("verdict", "verdicts", "The verdict it comes from, if any.")),
		optional(to("referral", "referrals", "The person who was brought, of a bonus or commission.")),
		text("subject", 40, "What a bonus, commission or stipend is for: the referral and round, the reward, the month."),
		text("cut", 40, "What made the amount smaller than it would be, for example bonuses_per_day."),
		secret(to("campaign", "campaigns", "Who pays.")),
		currency("ISO 4217 code."),
		presentable(minor("amount_minor", "Minor units earned.")),
		minor("base_minor", "What it started from: the rate, the bonus, the reward, the stipend."),
		optional(to("language", "languages", "Language of the clip, whose informativeness counts.")),
		count("factor_bps", "Informativeness, or share of a commission, in basis points; 10000 is one."),
		count("multiplier_bps", "Multiplier of the role or tier in basis points; 10000 is one."),
		count("rate_version", "Version of the reward rate."),
		count("policy_version", "Version of the rewards or referrals policy, or of an ambassador's terms; 0 is the default in code."),
		count("consensus_version", "Version of the consensus policy that the informativeness was reckoned by."),
		secret(count("skill_seq", "The last skill event that the informativeness rests on.")),
		presentable(oneOf("state", "Where the money is; accruing until the validator's informativeness is known.",
			RewardAccruing, RewardUnfunded, RewardPending, RewardReleased, RewardReversed, RewardVoid, RewardClawed)),
		&core.DateField{Name: "available_at", Help: "Released at this time (UTC), once it is paid."},
		optional(to("tx", "ledger_txs", "The posting that paid it.")),
		created(),
	)
	c.AddIndex("idx_rewards_key", true, "key", "")
	c.AddIndex("idx_rewards_seq", true, "seq", "")
	c.AddIndex("idx_rewards_due", false, "state, available_at", "")
	c.AddIndex("idx_rewards_unfunded", false, "campaign, seq", "state = 'unfunded'")
	c.AddIndex("idx_rewards_user", false, "user, created", "")
	c.AddIndex("idx_rewards_accruing", false, "user, language, seq", "state = 'accruing'")
	c.AddIndex("idx_rewards_clip", false, "clip", "")
	c.AddIndex("idx_rewards_verdict", false, "verdict", "")
	c.AddIndex("idx_rewards_referral", false, "referral, rule, created", "referral != ''")
	c.AddIndex("idx_rewards_subject", false, "subject", "subject != ''")
	c.ListRule = own("user")
	c.ViewRule = own("user")
	return c
}
