package migrations

import (
	_ "embed"

	"github.com/pocketbase/pocketbase/core"
	m "github.com/pocketbase/pocketbase/migrations"

	"github.com/lingualink/lingualink/migrations/seed"
)

//go:embed 1795300000_init.json
var initCollections []byte

//go:embed 1795300000_init.sql
var initTriggers string

// seedTime is when the seeded rows were made and begin to count: before any use.
const seedTime = "2000-01-01 00:00:00.000Z"

func init() {
	m.Register(func(app core.App) error {
		if err := app.ImportCollectionsByMarshaledJSON(initCollections, false); err != nil {
			return err
		}
		if _, err := app.DB().NewQuery(initTriggers).Execute(); err != nil {
			return err
		}
		for _, step := range []func(core.App) error{seedLanguages, seedPrompts, seedConsent, seedMoney} {
			if err := step(app); err != nil {
				return err
			}
		}
		return nil
	}, nil)
}

func seedLanguages(app core.App) error {
	for _, language := range seed.Languages() {
		err := seedRow(app, "languages", language.Code, map[string]any{
			"code": language.Code, "iso639_3": language.ISO6393, "name": language.Name, "autonym": language.Autonym,
			"script": language.Script, "countries": language.Countries, "enabled": language.Enabled,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func seedPrompts(app core.App) error {
	for _, prompt := range seed.Prompts() {
		err := seedRow(app, "prompts", prompt.Language+":"+prompt.Text, map[string]any{
			"language": seedID("languages", prompt.Language), "domain": prompt.Domain, "text": prompt.Text, "active": true,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func seedConsent(app core.App) error {
	return seedRow(app, "consent_texts", "1:en", map[string]any{
		"version": "1", "locale": "en", "effective_from": seedTime,
		"title": "Recording terms",
		"body": `You record your own voice, in your own words or reading a prompt.

1. Your recordings are listened to by other speakers, who decide whether they are clear and correct. Approved recordings can be heard by everybody and become part of the collection of your language.
2. You are paid by the rates shown in the app. What you have earned stays yours, also when you withdraw a recording later.
3. You can withdraw any recording at any time. It is hidden at once and is not used in later releases of the collection.
4. Do not say names, addresses, numbers or anything else that is private to you or to somebody else. Do not record other people without asking them.
5. Your voice is personal data. You can ask the operator of this server what is stored about you, have it corrected and have it removed, except what the law makes us keep about payments.
6. You can withdraw this consent at any time. You can then send no new recordings; those you have sent stay until you withdraw them.`,
	})
}

// seedMoney sets the first rates, in kobo, and the campaign that every clip is
// bound to while nobody funds its language. It starts empty: rewards wait.
func seedMoney(app core.App) error {
	for version, rate := range []struct {
		action string
		minor  int
	}{{"validation", 1500}, {"clip", 15000}} {
		err := seedRow(app, "reward_rates", rate.action+":NGN", map[string]any{
			"action": rate.action, "currency": "NGN", "amount_minor": rate.minor, "version": version + 1, "effective_from": seedTime,
		})
		if err != nil {
			return err
		}
	}
	return seedRow(app, "campaigns", "general:NGN", map[string]any{"name": "General fund", "currency": "NGN", "status": "open"})
}

func seedRow(app core.App, collection, name string, values map[string]any) error {
	return insert(app, collection, seedID(collection, name), values)
}
