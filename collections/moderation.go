package collections

import (
	"github.com/pocketbase/pocketbase/core"

	rules "github.com/lingualink/lingualink/internal/moderation"
)

// States of a report.
const (
	ReportOpen      = "open"
	ReportUpheld    = "upheld"
	ReportDismissed = "dismissed"
)

// What a case came from.
const (
	CaseReports   = "reports"   // people reported the subject
	CaseScreening = "screening" // a text was held or flagged
	CaseExpert    = "expert"    // the votes on a clip did not suffice
	CaseStaff     = "staff"     // a moderator opened it
)

// What a listed word does to a text.
const (
	WordBlock = "block" // the text is refused
	WordHold  = "hold"  // it waits, hidden, for a person
	WordFlag  = "flag"  // a person looks
	WordAllow = "allow" // innocent, whatever listed word it contains
)

// words are values of a type of strings, for the choices of a field.
func words[T ~string](values []T) []string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = string(value)
	}
	return texts
}

// reports are what people say about clips, people, streams and messages.
func reports() *core.Collection {
	c := base("reports",
		presentable(optional(toUser("reporter", "Who reports; nobody but moderators learns it. Empty: the screening of texts, or the votes that did not suffice."))),
		presentable(oneOf("subject_type", "What it is about.", words(rules.SubjectTypes())...)),
		presentable(required(text("subject_id", 15, "Id of the clip, person, stream or message."))),
		presentable(oneOf("reason", "What is wrong with it.", words(rules.Reasons())...)),
		text("text", rules.MostTextRunes, "In the reporter's words; needed for other."),
		presentable(oneOf("state", "Open until its case is decided.", ReportOpen, ReportUpheld, ReportDismissed)),
		secret(to("case", "cases", "The case it belongs to.")),
		secret(count("weight_bps", "What it weighs; 10000 is one whole report.")),
		secret(&core.BoolField{Name: "reliable", Help: "Its reporter was known to be right often enough for it to hide something."}),
		secret(text("cluster", 15, "Names the linked people of whom the reporter is one; they count once.")),
		secret(&core.SelectField{
			Name: "judgement", MaxSelect: 1, Values: words([]rules.Judgement{rules.Right, rules.Wrong, rules.NotCounted}),
			Help: "What the decision says about it, for the reporter's record.",
		}),
		created(), updated(),
	)
	c.AddIndex("idx_reports_open", true, "reporter, subject_type, subject_id, reason, state", "state = 'open' AND reporter = ''")
	c.AddIndex("idx_reports_open_of", true, "reporter, subject_type, subject_id, state", "state = 'open' AND reporter != ''")
	c.AddIndex("idx_reports_case", false, "[[case]], created", "")
	c.AddIndex("idx_reports_reporter", false, "reporter, created", "")
	// Who moderates learns nothing of what is said about themselves.
	readers := rule(`(` + *own("reporter") + `) || (` + moderator + ` && case.owner != @request.auth.id)`)
	c.ListRule = readers
	c.ViewRule = readers
	c.CreateRule = rule(signedIn)
	return c
}

// cases are what moderators work on: all that is said about one subject until it
// is decided. One subject has one case at a time.
func cases() *core.Collection {
	states := []string{}
	for _, state := range rules.States() {
		if state != rules.New {
			states = append(states, string(state))
		}
	}
	c := base("cases",
		presentable(oneOf("origin", "What it came from first.", CaseReports, CaseScreening, CaseExpert, CaseStaff)),
		presentable(oneOf("subject_type", "What it is about.", words(rules.SubjectTypes())...)),
		presentable(required(text("subject_id", 15, "Id of the clip, person, stream or message."))),
		presentable(optional(toUser("owner", "Who answers for the subject, if anybody."))),
		optional(to("language", "languages", "Of the subject, if it has one.")),
		presentable(oneOf("state", "Where it stands.", states...)),
		count("priority", "First key of the queue: severity, then weight."),
		presentable(count("severity", "1 low, 2 medium, 3 high, 4 critical.")),
		count("weight_bps", "Of its reports together; 10000 is one whole report."),
		presentable(count("reports", "How many people reported it.")),
		&core.JSONField{Name: "reasons", MaxSize: 2000, Help: "How many reports give which reason."},
		&core.DateField{Name: "first_at", Help: "First report (UTC)."},
		&core.DateField{Name: "last_at", Help: "Latest report (UTC)."},
		&core.DateField{Name: "due_at", Help: "To be decided by (UTC)."},
		count("dismissed", "Earlier cases of the subject that people dismissed."),
		&core.BoolField{Name: "hidden", Help: "Its reports hid the subject until a person decides."},
		text("holder", 80, "Who has it, for example user:<id>."),
		&core.DateField{Name: "held_since", Help: "Since when (UTC)."},
		&core.DateField{Name: "until", Help: "The claim, or the wait for one person, ends (UTC)."},
		text("assigned", 80, "Whom it waits for."),
		&core.BoolField{Name: "for_admins", Help: "Only admins may have it."},
		&core.SelectField{Name: "action", MaxSelect: 1, Values: words(rules.Actions()), Help: "What was decided."},
		&core.SelectField{Name: "found", MaxSelect: 1, Values: words(rules.Reasons()), Help: "What was found."},
		text("note", rules.MostTextRunes, "Why, in words, for the person concerned."),
		&core.DateField{Name: "suspended_until", Help: "Of a suspension (UTC)."},
		&core.BoolField{Name: "good_faith", Help: "Dismissed, and nobody is to blame for the reports."},
		text("decided_by", 80, "Who decided."),
		&core.DateField{Name: "decided_at", Help: "When (UTC)."},
		&core.BoolField{Name: "admin_decision", Help: "Only admins could make it, so only they decide its appeal."},
		&core.SelectField{Name: "appeal", MaxSelect: 1, Help: "Where the appeal stands; empty: none.",
			Values: []string{string(rules.AppealOpen), string(rules.Upheld), string(rules.Overturned)}},
		text("appeal_by", 80, "Who decided the appeal."),
		&core.DateField{Name: "appeal_at", Help: "When (UTC)."},
		&core.BoolField{Name: "overdue", Help: "It was not decided in time."},
		count("policy_version", "Version of the moderation policy of the latest event; 0 is the default in code."),
		count("rev", "Counts the changes; a change names the one it rests on."),
		created(), updated(),
	)
	// New reports do not wait for an appeal: it is about what was said before.
	c.AddIndex("idx_cases_open", true, "subject_type, subject_id", "state != 'resolved' AND appeal = ''")
	c.AddIndex("idx_cases_queue", false, "state, priority DESC, first_at, id", "")
	c.AddIndex("idx_cases_subject", false, "subject_type, subject_id, created", "")
	c.AddIndex("idx_cases_owner", false, "owner, created", "")
	c.AddIndex("idx_cases_due", false, "due_at", "state != 'resolved'")
	c.AddIndex("idx_cases_appeals", false, "due_at", "appeal = 'open'")
	c.AddIndex("idx_cases_decided_by", false, "decided_by, decided_at", "decided_by != ''")
	c.AddIndex("idx_cases_until", false, "state, until", "")
	c.ListRule = rule(moderator + ` && owner != @request.auth.id`)
	c.ViewRule = rule(moderator + ` && owner != @request.auth.id`)
	return c
}

// caseEvents are everything that happened to a case.
func caseEvents() *core.Collection {
	c := base("case_events",
		presentable(to("case", "cases", "The case.")),
		presentable(count("seq", "Place in the history of the case, from 1.")),
		presentable(required(text("event", 40, "What happened."))),
		text("from_state", 20, "State before; empty for the first."),
		required(text("to_state", 20, "State after.")),
		required(text("actor", 80, "Who did it.")),
		text("role", 20, "As what: moderator or admin."),
		text("note", rules.MostTextRunes, "In their words."),
		&core.JSONField{Name: "effects", MaxSize: 20000, Help: "What followed."},
		&core.DateField{Name: "at", Required: true, Help: "When (UTC)."},
	)
	c.AddIndex("idx_case_events_one", true, "[[case]], seq", "")
	c.AddIndex("idx_case_events_at", false, "at", "")
	c.ListRule = rule(moderator + ` && case.owner != @request.auth.id`)
	c.ViewRule = rule(moderator + ` && case.owner != @request.auth.id`)
	return c
}

// decisions are what was decided against a person, for that person to read.
func decisions() *core.Collection {
	c := base("decisions",
		presentable(toUser("user", "Whom it is about.")),
		secret(to("case", "cases", "The case.")),
		presentable(oneOf("action", "What was done.", words(rules.Actions())...)),
		&core.SelectField{Name: "found", MaxSelect: 1, Values: words(rules.Reasons()), Help: "What was found."},
		text("subject_type", 20, "What it was about."),
		text("subject_id", 15, "Id of that row."),
		text("note", rules.MostTextRunes, "Why, in words."),
		&core.DateField{Name: "until", Help: "Until when (UTC), of a suspension."},
		&core.DateField{Name: "appeal_until", Help: "It can be appealed until then (UTC); empty: it cannot."},
		presentable(oneOf("state", "In force, or undone by an appeal.", "in_force", "undone")),
		created(), updated(),
	)
	c.AddIndex("idx_decisions_case", true, "[[case]]", "")
	c.AddIndex("idx_decisions_user", false, "user, created", "")
	c.ListRule = own("user")
	c.ViewRule = own("user")
	return c
}

// strikes are what decisions hold against people until they expire.
func strikes() *core.Collection {
	c := base("strikes",
		presentable(toUser("user", "Whom it is against.")),
		secret(to("case", "cases", "The case that gave it.")),
		presentable(count("points", "They count until it expires.")),
		&core.DateField{Name: "at", Required: true, Help: "When it was given (UTC)."},
		presentable(&core.DateField{Name: "expires_at", Required: true, Help: "Its points count until then (UTC)."}),
		&core.SelectField{Name: "sanction", MaxSelect: 1, Values: []string{StandingWarned, StandingSuspended, StandingBanned}, Help: "What the decision itself ordered."},
		&core.DateField{Name: "until", Help: "Of the sanction (UTC)."},
		&core.BoolField{Name: "undone", Help: "By an appeal: as if it had never been."},
		&core.DateField{Name: "lifted_at", Help: "Since then it suspends and bans no more (UTC)."},
	)
	c.AddIndex("idx_strikes_user", false, "user, at", "")
	c.AddIndex("idx_strikes_case", false, "[[case]]", "")
	c.ListRule = ownOrModerator("user")
	c.ViewRule = ownOrModerator("user")
	return c
}

// sanctions are when a person's standing is to be looked at again.
func sanctions() *core.Collection {
	c := base("sanctions",
		presentable(toUser("user", "Whose standing it is; one row each.")),
		presentable(&core.DateField{Name: "until", Help: "Look again then (UTC); empty: by an act only."}),
	)
	c.AddIndex("idx_sanctions_user", true, "user", "")
	c.AddIndex("idx_sanctions_until", false, "until", "until != ''")
	return c
}

// reporters are how often the reports of each person were right.
func reporters() *core.Collection {
	c := base("reporters",
		presentable(toUser("user", "Who reports; one row each.")),
		presentable(count("right", "Decided reports that were right.")),
		presentable(count("wrong", "Decided reports that were not.")),
	)
	c.AddIndex("idx_reporters_user", true, "user", "")
	return c
}

// takenRewards are what decisions took back for fraud, so that an appeal that is
// granted gives exactly that again.
func takenRewards() *core.Collection {
	c := base("taken_rewards",
		presentable(to("case", "cases", "The case that took it.")),
		presentable(to("reward", "rewards", "The reward.")),
		presentable(oneOf("was", "Its state before.", RewardAccruing, RewardUnfunded, RewardPending, RewardReleased)),
		presentable(minor("amount_minor", "What was taken, in minor units.")),
		&core.BoolField{Name: "restored", Help: "It was given again under another key."},
		created(),
	)
	c.AddIndex("idx_taken_rewards_one", true, "[[case]], reward", "")
	return c
}

// screenWords are the words that texts are held against; admins keep them.
func screenWords() *core.Collection {
	c := base("screen_words",
		presentable(required(text("word", 100, "The word or phrase."))),
		presentable(optional(to("language", "languages", "Only texts of this language; empty: all."))),
		presentable(oneOf("action", "What it does to a text; allow is for innocent words that contain a listed one.", WordBlock, WordHold, WordFlag, WordAllow)),
		&core.BoolField{Name: "anywhere", Help: "Found inside of other words, too."},
		&core.BoolField{Name: "exact", Help: "Only with these very accents and tone marks."},
		&core.SelectField{Name: "reason", MaxSelect: 1, Values: words(rules.Reasons()), Help: "What a case of it is about; inappropriate when empty."},
		text("note", 300, "Why it is listed, for other admins."),
		created(), updated(),
	)
	c.AddIndex("idx_screen_words_one", true, "word, language", "")
	return c
}

// textHolds are texts that wait for a person: what they say is not shown.
func textHolds() *core.Collection {
	c := base("text_holds",
		presentable(oneOf("subject_type", "Where the text stands.", words(rules.SubjectTypes())...)),
		presentable(required(text("subject_id", 15, "Id of that row."))),
		presentable(required(text("field", 40, "The field."))),
		toUser("user", "Who wrote it."),
		text("text", 5000, "What it says."),
		&core.JSONField{Name: "hits", MaxSize: 20000, Help: "Which words were found, and where."},
		oneOf("state", "Held until a person decides.", "held", "released", "removed"),
		created(), updated(),
	)
	c.AddIndex("idx_text_holds_open", true, "subject_type, subject_id, field", "state = 'held'")
	c.AddIndex("idx_text_holds_subject", false, "subject_type, subject_id", "")
	c.ListRule = ownOrModerator("user")
	c.ViewRule = ownOrModerator("user")
	return c
}
