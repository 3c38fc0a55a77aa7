package shell

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/internal/fault"
)

const (
	appName = "Lingualink"
	// rateWindow is the window of every per-network rule, so that Retry-After
	// can say something true.
	rateWindow = 10 * time.Second
	// drainPriority runs the drain before PocketBase's own shutdown (-9999),
	// which waits for one second only and cancels running requests.
	drainPriority = -10000
)

// rateRules limit one network address. Whole towns share an address, so they
// only stop floods; what a person may do is limited per person (quota.go).
func rateRules() []core.RateLimitRule {
	seconds := int64(rateWindow.Seconds())
	return []core.RateLimitRule{
		{Label: "*:auth", MaxRequests: 100, Duration: seconds},
		{Label: "users:create", MaxRequests: 60, Duration: seconds},
		{Label: "POST /api/lingualink/confirm", MaxRequests: 60, Duration: seconds},
		{Label: "GET /api/lingualink/availability", MaxRequests: 100, Duration: seconds},
		{Label: "*:create", MaxRequests: 600, Duration: seconds},
		{Label: "/api/lingualink/webhooks/", MaxRequests: 1_000_000, Duration: seconds},
		{Label: "/api/", MaxRequests: 2000, Duration: seconds},
	}
}

// bindSettings keeps PocketBase's settings as the code and the environment say,
// at every start. Only a difference is written.
func bindSettings(app core.App, deps *Deps) {
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "ll.shell.settings", Priority: -100,
		Func: func(e *core.ServeEvent) error {
			if err := applySettings(e.App, deps); err != nil {
				return err
			}
			// A slow phone needs long for a video; headers still come quickly.
			e.Server.ReadTimeout = deps.Config.UploadTimeout
			e.Server.WriteTimeout = deps.Config.UploadTimeout
			bindDrain(e, deps.Config.DrainTimeout)
			return e.Next()
		},
	})
}

func applySettings(app core.App, deps *Deps) error {
	settings, err := app.Settings().Clone()
	if err != nil {
		return err
	}
	cfg := deps.Config
	settings.Meta.AppName = appName
	settings.Meta.HideControls = true
	if cfg.PublicURL != "" {
		settings.Meta.AppURL = cfg.PublicURL
	}
	settings.Batch.Enabled = false
	settings.RateLimits.Enabled = cfg.RateLimits
	settings.RateLimits.Rules = rateRules()
	settings.TrustedProxy.Headers = nil
	if cfg.TrustedProxy != "" {
		settings.TrustedProxy.Headers = []string{cfg.TrustedProxy}
	}
	settings.Logs.MaxDays = cfg.LogDays
	settings.SMTP.Enabled = cfg.Mail.On()
	if cfg.Mail.On() {
		settings.SMTP.Host, settings.SMTP.Port = cfg.Mail.Host, cfg.Mail.Port
		settings.SMTP.Username, settings.SMTP.Password = cfg.Mail.Username, string(cfg.Mail.Password)
		settings.SMTP.TLS = cfg.Mail.TLS
		sender, err := mail.ParseAddress(cfg.Mail.From)
		if err != nil {
			return err
		}
		settings.Meta.SenderName, settings.Meta.SenderAddress = cmp.Or(sender.Name, appName), sender.Address
	}
	before, err := json.Marshal(app.Settings())
	if err != nil {
		return err
	}
	after, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	if string(before) == string(after) {
		return nil
	}
	return app.Save(settings)
}

// bindDrain lets running requests finish after SIGTERM before PocketBase
// cancels them.
func bindDrain(serve *core.ServeEvent, wait time.Duration) {
	server := serve.Server
	serve.App.OnTerminate().Bind(&hook.Handler[*core.TerminateEvent]{
		Id: "ll.shell.drain", Priority: drainPriority,
		Func: func(e *core.TerminateEvent) error {
			ctx, cancel := context.WithTimeout(context.Background(), wait)
			defer cancel()
			if err := server.Shutdown(ctx); err != nil {
				e.App.Logger().Warn("some requests did not finish in time", "error", err)
			}
			return e.Next()
		},
	})
}

// closedEndpoint tells what goes around the ledger's protection or the audit log,
// even for superusers: raw SQL, restoring an old database, importing schemas,
// emptying tables, changing the schema by hand, and batches.
func closedEndpoint(method, path string) bool {
	path = strings.TrimRight(path, "/")
	switch {
	case path == "/api/sql", strings.HasPrefix(path, "/api/sql/"):
		return true
	case path == "/api/collections/import", path == "/api/collections/meta/dry-run-view", path == "/api/batch":
		return true
	case method != http.MethodGet && (path == "/api/collections" || isCollectionPath(path)):
		return true
	case strings.HasPrefix(path, "/api/collections/") && strings.HasSuffix(path, "/truncate"):
		return true
	case strings.HasPrefix(path, "/api/backups/") && strings.HasSuffix(path, "/restore"):
		return true
	case strings.HasPrefix(path, "/api/collections/") && strings.Contains(path, "/impersonate/"):
		return true // acts would be logged as the person's own
	case path == "/api/backups/upload":
		return method == http.MethodPost
	}
	return false
}

// isCollectionPath tells /api/collections/{name}, the schema, from what lies below.
func isCollectionPath(path string) bool {
	name, below := strings.CutPrefix(path, "/api/collections/")
	return below && !strings.Contains(name, "/")
}

func bindClosedEndpoints(app core.App, deps *Deps) {
	if deps.Config.DangerousEndpoints {
		return
	}
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "ll.shell.closed",
		Func: func(e *core.ServeEvent) error {
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{
				Id: "ll.request.closed", Priority: -500,
				Func: func(e *core.RequestEvent) error {
					if closedEndpoint(e.Request.Method, e.Request.URL.Path) {
						return fault.EndpointOff.On("endpoint")
					}
					return e.Next()
				},
			})
			return e.Next()
		},
	})
	app.OnBackupRestore().Bind(&hook.Handler[*core.BackupEvent]{
		Id: "ll.shell.closed.restore",
		Func: func(*core.BackupEvent) error {
			return fault.EndpointOff.On("endpoint")
		},
	})
}
