package badges

import (
	"bytes"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/badges"
	"github.com/lingualink/lingualink/internal/fault"
)

// page is what certificates look like, with fonts for the names: the machine of
// whoever looks may have none for Yoruba, Amharic or Arabic.
//
//go:embed page
var page embed.FS

var certificatePage = template.Must(template.ParseFS(page, "page/certificate.html"))

// pagePolicy lets a certificate load its own style and fonts and nothing else.
const pagePolicy = "default-src 'none'; style-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// States of a certificate.
const (
	certificateValid     = "valid"
	certificateWithdrawn = "withdrawn"
)

type certificateData struct {
	Code     string            `json:"code"`
	State    string            `json:"state" help:"valid, or withdrawn: then it proves nothing and names nobody."`
	Name     string            `json:"name" help:"Whose it is: the display name, or the username without one."`
	Username string            `json:"username"`
	Badge    *certificateBadge `json:"badge" help:"null when it is withdrawn."`
	For      string            `json:"for" help:"What it was earned with, in words."`
	EarnedAt *string           `json:"earned_at" help:"RFC 3339; null when it is withdrawn."`
	URL      string            `json:"url" help:"The page that anybody can open and print."`
}

type certificateBadge struct {
	Slug      string        `json:"slug"`
	Name      string        `json:"name"`
	Level     rules.Level   `json:"level"`
	Measure   rules.Measure `json:"measure"`
	Threshold int64         `json:"threshold"`
}

func registerCertificates(app core.App, deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/certificates/{code}", Who: shell.Anyone, Data: certificateData{},
		What:   "Whether a certificate is genuine, and whose it is. The page for people is /certificates/{code}.",
		Faults: []*fault.Code{fault.NotFound},
		Handle: func(e *core.RequestEvent) error {
			data, err := certificateOf(e.App, deps, e.Request.PathValue("code"))
			if err != nil {
				return err
			}
			return shell.OK(e, data, "")
		},
	})
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "ll.badges.certificates",
		Func: func(e *core.ServeEvent) error {
			e.Router.GET("/certificates/{code}", func(e *core.RequestEvent) error { return showCertificate(e, deps) })
			e.Router.GET("/certificates/files/{name}", serveFile)
			return e.Next()
		},
	})
}

// certificateURL is where anybody can see a certificate; without LL_PUBLIC_URL it
// is relative to the server.
func certificateURL(deps *shell.Deps, code string) string {
	return deps.Config.PublicURL + "/certificates/" + code
}

func certificateOf(app core.App, deps *shell.Deps, code string) (certificateData, error) {
	code = strings.ToUpper(strings.TrimSpace(code)) // people type them from paper
	data := certificateData{Code: code, State: certificateWithdrawn, URL: certificateURL(deps, code)}
	var row struct {
		Username  string        `db:"username"`
		Name      string        `db:"name"`
		Standing  string        `db:"standing"`
		Slug      string        `db:"slug"`
		Badge     string        `db:"badge"`
		Level     rules.Level   `db:"level"`
		Measure   rules.Measure `db:"measure"`
		Threshold int64         `db:"threshold"`
		EarnedAt  string        `db:"earned_at"`
		RevokedAt string        `db:"revoked_at"`
	}
	err := app.DB().NewQuery(`
		SELECT u.username, u.name, u.standing, b.slug, b.name AS badge, b.level, b.measure, b.threshold, h.earned_at, h.revoked_at
		FROM user_badges h JOIN users u ON u.id = h.user JOIN badges b ON b.id = h.badge WHERE h.code = {:code}`).
		Bind(dbx.Params{"code": code}).One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return data, fault.NotFound.On("code")
	}
	if err != nil {
		return data, err
	}
	if row.RevokedAt != "" || row.Standing == collections.StandingBanned {
		return data, nil
	}
	earned, err := rfc3339(row.EarnedAt)
	if err != nil {
		return data, err
	}
	data.State, data.Name, data.Username, data.EarnedAt = certificateValid, row.Name, row.Username, &earned
	if strings.TrimSpace(row.Name) == "" {
		data.Name = row.Username
	}
	data.Badge = &certificateBadge{row.Slug, row.Badge, row.Level, row.Measure, row.Threshold}
	data.For = achievement(row.Measure, row.Threshold)
	return data, nil
}

// achievement says of somebody else what a badge is for: "for ...".
func achievement(measure rules.Measure, n int64) string {
	one := n == 1
	switch {
	case measure == rules.ClipsApproved && one:
		return "a first recording that was approved"
	case measure == rules.ClipsApproved:
		return fmt.Sprintf("%s recordings that were approved", grouped(n))
	case measure == rules.Validations && one:
		return "a first vote that agreed with the verdict"
	case measure == rules.Validations:
		return fmt.Sprintf("%s votes that agreed with the verdict", grouped(n))
	case measure == rules.StreakDays && one:
		return "a first day of contributions"
	case measure == rules.StreakDays:
		return fmt.Sprintf("contributing on %s days in a row", grouped(n))
	case one:
		return "inviting somebody who became active"
	default:
		return fmt.Sprintf("inviting %s people who became active", grouped(n))
	}
}

// grouped writes 1000 as 1,000.
func grouped(n int64) string {
	text := fmt.Sprint(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// showCertificate writes the page: 200, 410 for one that was withdrawn, 404 for a
// number that there never was.
func showCertificate(e *core.RequestEvent, deps *shell.Deps) error {
	status, view := http.StatusOK, struct {
		certificateData
		Day  string
		Shut bool // there is nothing to show
	}{}
	var err error
	view.certificateData, err = certificateOf(e.App, deps, e.Request.PathValue("code"))
	var refusal *fault.Error
	switch {
	case errors.As(err, &refusal):
		status, view.Shut, view.State = http.StatusNotFound, true, ""
	case err != nil:
		return err
	case view.State == certificateWithdrawn:
		status, view.Shut = http.StatusGone, true
	default:
		earned, err := time.Parse(time.RFC3339, *view.EarnedAt)
		if err != nil {
			return err
		}
		view.Day = earned.Format("2 January 2006")
	}
	var html bytes.Buffer
	if err := certificatePage.Execute(&html, view); err != nil {
		return err
	}
	header := e.Response.Header()
	header.Set("Content-Security-Policy", pagePolicy)
	header.Set("Cache-Control", "no-store") // it may be withdrawn the next moment
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Robots-Tag", "noindex")
	return e.HTML(status, html.String())
}

// fileTypes are the files of the page that are served.
var fileTypes = map[string]string{".css": "text/css; charset=utf-8", ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8"}

func serveFile(e *core.RequestEvent) error {
	name := e.Request.PathValue("name")
	kind, served := fileTypes[path.Ext(name)]
	if !served {
		return fault.NotFound.On("name")
	}
	content, err := page.ReadFile("page/" + name)
	if err != nil {
		return fault.NotFound.On("name").Because(err)
	}
	e.Response.Header().Set("Cache-Control", "public, max-age=86400")
	e.Response.Header().Set("X-Content-Type-Options", "nosniff")
	return e.Blob(http.StatusOK, kind, content)
}

// rfc3339 is a date column as routes answer it.
func rfc3339(stamp string) (string, error) {
	at, err := shell.ParseStamp(stamp)
	return at.Format(time.RFC3339Nano), err
}
