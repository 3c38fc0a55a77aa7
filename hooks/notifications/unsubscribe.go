package notifications

import (
	"database/sql"
	"errors"
	"html/template"
	"net/http"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/notify"
)

const unsubscribePath = "/notifications/unsubscribe"

// stopPage asks; a POST stops. Scanners follow links, so a GET changes nothing.
var stopPage = template.Must(template.New("stop").Parse(`<!DOCTYPE html>
<html lang="{{.Language}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex"><title>{{.Title}}</title></head>
<body style="font-family:sans-serif;max-width:30rem;margin:4rem auto;padding:0 1rem">
<h1 style="font-size:1.3rem">{{.Title}}</h1>
{{if .Done}}<p>&#10003;</p>{{else}}<form method="post"><button style="font-size:1rem;padding:.6rem 1.2rem">{{.Title}}</button></form>{{end}}
</body></html>
`))

func (o *office) registerUnsubscribe() {
	to := shell.Param{Name: "to", In: "query", Help: "the text from the mail", Required: true}
	o.deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: unsubscribePath, Who: shell.Anyone, Params: []shell.Param{to}, Media: "text/html",
		What: "A page that offers to stop mails of a kind. It changes nothing.", Faults: []*fault.Code{fault.NotFound},
		Handle: func(e *core.RequestEvent) error { return o.unsubscribe(e, false) },
	})
	o.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: unsubscribePath, Who: shell.Anyone, Params: []shell.Param{to}, Media: "text/html",
		What: "Stop mails of a kind with one click, without signing in (RFC 8058).", Faults: []*fault.Code{fault.NotFound},
		Handle: func(e *core.RequestEvent) error { return o.unsubscribe(e, true) },
	})
}

// secretOf seals the links in mails. It is PocketBase's own secret of the people's
// verification, which is in the database: links outlive a restart and a restore.
func secretOf(app core.App) []byte {
	users, err := app.FindCachedCollectionByNameOrId("users")
	if err != nil {
		return nil // Unsubscribed refuses everything
	}
	return []byte("lingualink unsubscribe " + users.VerificationToken.Secret)
}

func (o *office) unsubscribe(e *core.RequestEvent, stop bool) error {
	user, category, ok := notify.Unsubscribed(secretOf(e.App), e.Request.URL.Query().Get("to"))
	if !ok {
		return fault.NotFound.On("to").Saying("This link is not complete. Open it from the mail again, or switch mails off in the app.")
	}
	who, err := load(e.App, user)
	if errors.Is(err, sql.ErrNoRows) {
		return fault.NotFound.On("to")
	}
	if err != nil {
		return err
	}
	if stop {
		if err := e.App.RunInTransaction(func(tx core.App) error { return stopMails(tx, user, category) }); err != nil {
			return err
		}
	}
	var page strings.Builder
	if err := stopPage.Execute(&page, map[string]any{"Title": notify.Words(who.reader.Language).Unsubscribe, "Language": who.reader.Language, "Done": stop}); err != nil {
		return err
	}
	e.Response.Header().Set("Referrer-Policy", "no-referrer")
	return e.HTML(http.StatusOK, page.String())
}

// stopMails switches mails of a category off, as the person could in the app.
func stopMails(tx core.App, user string, category notify.Category) error {
	row, err := tx.FindFirstRecordByFilter("notification_preferences", "user = {:user} && category = {:category}",
		dbx.Params{"user": user, "category": string(category)})
	if errors.Is(err, sql.ErrNoRows) {
		collection, err := tx.FindCachedCollectionByNameOrId("notification_preferences")
		if err != nil {
			return err
		}
		row = core.NewRecord(collection)
		row.Set("user", user)
		row.Set("category", string(category))
	} else if err != nil {
		return err
	}
	row.Set("mail", "off")
	return tx.Save(row)
}
