package accounts

import (
	"database/sql"
	"errors"
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
)

type withdrawnData struct {
	ID          string    `json:"id"`
	WithdrawnAt time.Time `json:"withdrawn_at"`
}

func registerConsents(app core.App, deps *shell.Deps) {
	app.OnRecordCreate("consents").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.consents.create",
		Func: func(e *core.RecordEvent) error {
			if err := completeConsent(e.App, deps.Clock.Now(), e.Record); err != nil {
				return err
			}
			return e.Next()
		},
	})
	shell.Repeatable(app, "consents", "user", func(stored, sent *core.Record) bool {
		return sameOrUnsaid(stored, sent, "text") && sameOrUnsaid(stored, sent, "version")
	})
	app.OnRecordCreateRequest("consents").Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id: "ll.consents.create.standing", Priority: -30, // after the repeats
		Func: func(e *core.RecordRequestEvent) error { return consentOnce(e, deps.Clock.Now()) },
	})
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/consents/{id}/withdraw", Who: shell.Person, Data: withdrawnData{},
		What:   "Withdraw your consent, from now on. Repeating it changes nothing.",
		Faults: []*fault.Code{fault.NotFound},
		Handle: func(e *core.RequestEvent) error {
			data, err := withdrawConsent(e.App, deps.Clock.Now(), e.Request.PathValue("id"), e.Auth.Id)
			if err != nil {
				return err
			}
			return shell.OK(e, data, "Your consent is withdrawn.")
		},
	})
}

func sameOrUnsaid(stored, sent *core.Record, field string) bool {
	said := sent.GetString(field)
	return said == "" || said == stored.GetString(field)
}

// terms are one text of the recording terms.
type terms struct {
	ID      string `db:"id"`
	Version string `db:"version"`
	Title   string `db:"title"`
}

// currentTerms is the text that counts now: of the version that came into
// effect last (a later translation does not make an old version new again), in
// English if there is one. found is false while there are no terms.
func currentTerms(app core.App, now time.Time) (current terms, found bool, err error) {
	err = app.DB().NewQuery(`
		SELECT id, version, title FROM consent_texts
		WHERE effective_from <= {:now} AND version = (
			SELECT version FROM consent_texts GROUP BY version HAVING MIN(effective_from) <= {:now}
			ORDER BY MIN(effective_from) DESC, MIN(created) DESC LIMIT 1)
		ORDER BY locale <> 'en', locale LIMIT 1`).
		Bind(dbx.Params{"now": shell.Stamp(now)}).One(&current)
	if errors.Is(err, sql.ErrNoRows) {
		return terms{}, false, nil
	}
	return current, err == nil, err
}

// completeConsent fills text and version from each other and refuses what is
// not in effect: nobody can agree to terms of the past or the future.
func completeConsent(app core.App, now time.Time, consent *core.Record) error {
	current, found, err := currentTerms(app, now)
	if err != nil {
		return err
	}
	field, text, version := "version", consent.GetString("text"), consent.GetString("version")
	known := found && version == current.Version
	if text != "" {
		row, err := app.FindRecordById("consent_texts", text)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		field = "text"
		known = err == nil && found && row.GetString("version") == current.Version &&
			!row.GetDateTime("effective_from").Time().After(now)
		if known && version != "" && version != current.Version {
			field, known = "version", false
		}
	}
	if !known {
		return fault.InvalidInput.On(field).Saying("These are not the current terms.").With("version", current.Version)
	}
	if text == "" {
		consent.Set("text", current.ID)
	}
	consent.Set("version", current.Version)
	return nil
}

// consentOnce answers a second consent to the same version with the first.
func consentOnce(e *core.RecordRequestEvent, now time.Time) error {
	if err := completeConsent(e.App, now, e.Record); err != nil {
		return err
	}
	user, version := e.Record.GetString("user"), e.Record.GetString("version")
	answered, err := answerStanding(e, user, version)
	if answered || err != nil {
		return err
	}
	err = e.Next()
	if err == nil {
		return nil
	}
	// The other of two at the same moment may have won.
	answered, standingErr := answerStanding(e, user, version)
	if answered || standingErr != nil {
		return standingErr
	}
	return err
}

func answerStanding(e *core.RecordRequestEvent, user, version string) (bool, error) {
	standing, err := e.App.FindFirstRecordByFilter("consents",
		"user = {:user} && version = {:version} && withdrawn_at = ''", dbx.Params{"user": user, "version": version})
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := apis.EnrichRecord(e.RequestEvent, standing); err != nil {
		return false, err
	}
	return true, e.JSON(http.StatusOK, standing)
}

func withdrawConsent(app core.App, now time.Time, id, user string) (withdrawnData, error) {
	params := dbx.Params{"id": id, "user": user, "now": shell.Stamp(now)}
	_, err := shell.Exec(app, "UPDATE consents SET withdrawn_at = {:now} WHERE id = {:id} AND user = {:user} AND withdrawn_at = ''", params)
	if err != nil {
		return withdrawnData{}, err
	}
	consent, err := app.FindFirstRecordByFilter("consents", "id = {:id} && user = {:user}", params)
	if errors.Is(err, sql.ErrNoRows) {
		return withdrawnData{}, fault.NotFound.On("id")
	}
	if err != nil {
		return withdrawnData{}, err
	}
	return withdrawnData{ID: id, WithdrawnAt: consent.GetDateTime("withdrawn_at").Time()}, nil
}

// RequireConsent is fault.ConsentRequired, with the text to show in its params,
// unless the person agrees to the terms that are in effect now. While there are
// no terms nothing is required.
func RequireConsent(app core.App, now time.Time, user string) error {
	current, found, err := currentTerms(app, now)
	if err != nil || !found {
		return err
	}
	var agreed bool
	err = app.DB().NewQuery(`
		SELECT EXISTS (SELECT 1 FROM consents WHERE user = {:user} AND version = {:version} AND withdrawn_at = '')`).
		Bind(dbx.Params{"user": user, "version": current.Version}).Row(&agreed)
	if err != nil || agreed {
		return err
	}
	return fault.ConsentRequired.On("consent").
		With("text", current.ID).With("version", current.Version).With("title", current.Title)
}
