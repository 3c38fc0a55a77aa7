package collections

import "github.com/pocketbase/pocketbase/core"

func languages() *core.Collection {
	c := base("languages",
		presentable(&core.TextField{
			Name: "code", Required: true, Max: 35, Pattern: `^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`,
			Help: "Canonical BCP 47 tag, for example yo, ha or ff-Adlm.",
		}),
		presentable(required(text("name", 80, "English name."))),
		required(text("autonym", 80, "What its speakers call it.")),
		&core.TextField{Name: "script", Required: true, Pattern: `^[A-Z][a-z]{3}$`, Help: "ISO 15924 code of the script prompts are written in."},
		&core.TextField{Name: "iso639_3", Required: true, Pattern: `^[a-z]{3}$`, Help: "ISO 639-3 code."},
		&core.JSONField{Name: "countries", MaxSize: 2000, Help: "ISO 3166-1 alpha-2 codes of countries where it is spoken."},
		&core.BoolField{Name: "enabled", Help: "Open for recordings and votes."},
		created(), updated(),
	)
	c.AddIndex("idx_languages_code", true, "code", "")
	c.ListRule = anyone()
	c.ViewRule = anyone()
	return c
}

func prompts() *core.Collection {
	c := base("prompts",
		to("language", "languages", "Language of the text."),
		presentable(required(text("domain", 40, "Subject, for example market, health or greeting."))),
		presentable(required(text("text", 500, "What the speaker reads."))),
		&core.BoolField{Name: "active", Help: "Offered to speakers."},
		created(), updated(),
	)
	c.AddIndex("idx_prompts_language", false, "language, active, domain", "")
	c.ListRule = anyone()
	c.ViewRule = anyone()
	return c
}

func consentTexts() *core.Collection {
	c := base("consent_texts",
		presentable(required(text("version", 20, "Version of the terms; all translations of one version share it."))),
		presentable(&core.TextField{Name: "locale", Required: true, Max: 35, Help: "BCP 47 tag of the text's language."}),
		required(text("title", 120, "Heading.")),
		required(text("body", 20000, "The terms, plain text.")),
		&core.DateField{Name: "effective_from", Required: true, Help: "Asked for from this time on (UTC); the newest effective version counts."},
		created(),
	)
	c.AddIndex("idx_consent_texts_version", true, "version, locale", "")
	c.AddIndex("idx_consent_texts_effective", false, "effective_from", "")
	c.ListRule = anyone()
	c.ViewRule = anyone()
	return c
}

func consents() *core.Collection {
	c := base("consents",
		presentable(toUser("user", "Who agreed.")),
		to("text", "consent_texts", "The text that was shown."),
		presentable(required(text("version", 20, "Version of the terms, copied from the text."))),
		&core.DateField{Name: "withdrawn_at", Help: "When the person withdrew it (UTC)."},
		created(),
	)
	c.AddIndex("idx_consents_user", false, "user, version", "")
	c.AddIndex("idx_consents_standing", true, "user, version", "withdrawn_at = ''")
	c.ListRule = own("user")
	c.ViewRule = own("user")
	c.CreateRule = rule(signedIn)
	return c
}
