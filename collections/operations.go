package collections

import "github.com/pocketbase/pocketbase/core"

// States of a job.
const (
	JobQueued  = "queued"
	JobRunning = "running"
	JobDone    = "done"
	JobDead    = "dead"
)

func policies() *core.Collection {
	c := base("policies",
		presentable(required(text("subject", 40, "Which rules: audio, consensus, live, moderation, notifications, payouts, referrals, rewards or risk."))),
		presentable(optional(to("language", "languages", "Only for this language; empty means all."))),
		presentable(count("version", "Numbered by the server per subject; decisions store it.")),
		&core.JSONField{Name: "values", MaxSize: 20000, Help: "The values that differ from the defaults; docs/operate.md lists them."},
		&core.DateField{Name: "effective_from", Help: "Counts from this time on (UTC); now when empty."},
		created(),
	)
	c.AddIndex("idx_policies_version", true, "subject, version", "")
	c.AddIndex("idx_policies_lookup", false, "subject, language, effective_from", "")
	return c
}

func jobs() *core.Collection {
	c := base("jobs",
		presentable(required(text("kind", 60, "Which handler runs it."))),
		presentable(required(text("effect_key", 200, "One effect each; a second job with the key is not made."))),
		&core.JSONField{Name: "payload", MaxSize: 200000, Help: "Input of the handler."},
		presentable(oneOf("state", "Queued, running, done or dead.", JobQueued, JobRunning, JobDone, JobDead)),
		count("attempts", "How often it was tried."),
		&core.DateField{Name: "run_at", Required: true, Help: "Not before this time (UTC)."},
		&core.DateField{Name: "lease_until", Help: "A worker that died loses the job at this time (UTC)."},
		text("worker", 40, "Who runs it."),
		text("last_error", 1000, "Why the last try failed."),
		&core.DateField{Name: "finished_at", Help: "When it was done or given up (UTC)."},
		&core.DateField{Name: "created", Required: true, Help: "When it was put in the outbox (UTC)."},
	)
	c.AddIndex("idx_jobs_effect_key", true, "kind, effect_key", "")
	c.AddIndex("idx_jobs_due", false, "state, run_at", "")
	return c
}

func auditLog() *core.Collection {
	c := base("audit_log",
		presentable(count("seq", "Place in the log, without gaps.")),
		&core.DateField{Name: "at", Required: true, Help: "When it was done (UTC)."},
		required(text("actor", 80, "Who did it, for example superuser:<id>, user:<id> or system.")),
		presentable(required(text("action", 60, "What was done."))),
		required(text("subject_type", 40, "Kind of the row it was done to.")),
		presentable(text("subject_id", 80, "Id of the row it was done to.")),
		text("reason", 500, "Why, in the words of the actor."),
		&core.JSONField{Name: "data", MaxSize: 20000, Help: "What changed."},
		text("prev_hash", 64, "Hash of the row before; empty for the first."),
		required(text("hash", 64, "SHA-256 over the previous hash and everything in this row.")),
	)
	c.AddIndex("idx_audit_log_seq", true, "seq", "")
	c.AddIndex("idx_audit_log_subject", false, "subject_type, subject_id", "")
	return system(c)
}

func quotas() *core.Collection {
	c := base("quotas",
		presentable(required(text("key", 160, "Who and what is limited."))),
		&core.DateField{Name: "window_start", Required: true, Help: "Start of the running window (UTC)."},
		presentable(count("used", "How much of the window is used.")),
	)
	c.AddIndex("idx_quotas_key", true, "key", "")
	return c
}

// queueView shows admins what waits for votes, oldest first.
func queueView() *core.Collection {
	return view("v_queue", `
SELECT t.id, t.seq, t.clip, l.name AS language, u.username AS owner, c.kind, c.phrase,
       t.votes, t.approvals, t.rejections, c.created
FROM clip_tallies t
JOIN clips c ON c.id = t.clip
JOIN languages l ON l.id = t.language
JOIN users u ON u.id = t.owner
WHERE t.open = 1 AND t.gold = ''`)
}

// ledgerView shows admins every posting in words.
func ledgerView() *core.Collection {
	return view("v_ledger", `
SELECT e.id, t.seq, t.recorded_at, t.kind, a.key AS account, e.amount_minor, e.currency,
       e.balance_after_minor, t.actor, t.memo, t.source_type, t.source_id
FROM ledger_entries e
JOIN ledger_txs t ON t.id = e.tx
JOIN ledger_accounts a ON a.id = e.account`)
}

// campaignsView shows admins what each campaign still has.
func campaignsView() *core.Collection {
	return view("v_campaigns", `
SELECT c.id, c.name, c.currency, c.status, CAST(COALESCE(a.balance_minor, 0) AS INT) AS balance_minor,
       (SELECT COUNT(*) FROM rewards r WHERE r.campaign = c.id AND r.state = 'unfunded') AS unfunded_rewards
FROM campaigns c
LEFT JOIN ledger_accounts a ON a.key = 'campaign:' || c.id || ':budget:' || c.currency`)
}
