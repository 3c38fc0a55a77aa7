package shell

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/internal/fault"
)

// exportBatch is how many rows of the audit log are read at a time, so that an
// export of years holds neither them nor a reader of the database.
const exportBatch = 500

// Formats of an export.
const (
	FormatCSV  = "csv"
	FormatJSON = "json" // one object a line
)

// AuditFilter says which rows of the audit log to export; what is empty limits
// nothing.
type AuditFilter struct {
	SubjectType, SubjectID string
	Actor                  string
	From, To               time.Time // of the rows' time, To not included
}

// ParseAuditFilter reads a filter from words, those of the route and the command.
// The subject is a collection, or a collection, "/" and an id. Times are RFC 3339
// or dates.
func ParseAuditFilter(subject, actor, from, to string) (AuditFilter, error) {
	f := AuditFilter{Actor: actor}
	f.SubjectType, f.SubjectID, _ = strings.Cut(subject, "/")
	for _, moment := range []struct {
		name, text string
		into       *time.Time
	}{{"from", from, &f.From}, {"to", to, &f.To}} {
		if moment.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, moment.text)
		if err != nil {
			at, err = time.Parse(time.DateOnly, moment.text)
		}
		if err != nil {
			return f, fault.InvalidInput.On(moment.name).Saying("Send an RFC 3339 time or a date.")
		}
		*moment.into = at.UTC()
	}
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		return f, fault.InvalidInput.On("to").Saying("The period ends after it begins.")
	}
	return f, nil
}

// where is the filter as SQL; only what is asked for is in it.
func (f AuditFilter) where() (string, dbx.Params) {
	conditions, params := "seq > {:after}", dbx.Params{"batch": exportBatch}
	add := func(condition, name, value string) {
		if value != "" {
			conditions, params[name] = conditions+" AND "+condition, value
		}
	}
	add("subject_type = {:type}", "type", f.SubjectType)
	add("subject_id = {:id}", "id", f.SubjectID)
	add("actor = {:actor}", "actor", f.Actor)
	if !f.From.IsZero() {
		add("at >= {:from}", "from", Stamp(f.From))
	}
	if !f.To.IsZero() {
		add("at < {:to}", "to", Stamp(f.To))
	}
	return conditions, params
}

// ExportAudit writes rows of the audit log in their order, with the hashes that
// prove them, as [FormatCSV] or [FormatJSON].
func ExportAudit(db dbx.Builder, filter AuditFilter, format string, w io.Writer) error {
	sheet, lines := csv.NewWriter(w), json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	if format == FormatCSV {
		if err := sheet.Write([]string{"seq", "at", "actor", "action", "subject_type", "subject_id", "reason", "data", "prev_hash", "hash"}); err != nil {
			return err
		}
	}
	conditions, params := filter.where()
	params["after"] = int64(0)
	for {
		rows := []auditRow{}
		err := db.NewQuery("SELECT seq, at, actor, action, subject_type, subject_id, reason, data, prev_hash, hash FROM audit_log WHERE " + conditions + " ORDER BY seq LIMIT {:batch}").
			Bind(params).All(&rows)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if format == FormatCSV {
				err = sheet.Write(row.cells())
			} else {
				err = lines.Encode(row.line())
			}
			if err != nil {
				return err
			}
			params["after"] = row.Seq
		}
		if sheet.Flush(); sheet.Error() != nil || len(rows) < exportBatch {
			return sheet.Error()
		}
	}
}

// cells is a row of the sheet. What people wrote is kept from being a formula: a
// leading apostrophe is what spreadsheets hide.
func (r auditRow) cells() []string {
	cells := []string{strconv.FormatInt(r.Seq, 10), r.At, r.Actor, r.Action, r.SubjectType, r.SubjectID, r.Reason, r.Data, r.PrevHash, r.Hash}
	for i, cell := range cells {
		if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
			cells[i] = "'" + cell
		}
	}
	return cells
}

// line is a row as one JSON object; data stays the text that was hashed.
func (r auditRow) line() map[string]any {
	return map[string]any{
		"seq": r.Seq, "at": r.At, "actor": r.Actor, "action": r.Action, "subject_type": r.SubjectType, "subject_id": r.SubjectID,
		"reason": r.Reason, "data": r.Data, "prev_hash": r.PrevHash, "hash": r.Hash,
	}
}

// registerAuditExport lets admins take the audit log out, or part of it. That they
// did is in it.
func registerAuditExport(deps *Deps) {
	deps.Routes.Add(Route{
		Method: http.MethodGet, Path: "/audit", Who: Superuser, Media: "text/csv",
		What: "The audit log or part of it, oldest first, as CSV or as one JSON object a line.",
		Params: []Param{
			Query("subject", "A collection, for example cases, or one row of it: cases/<id>."), Query("actor", "For example user:<id> or superuser:<id>."),
			Query("from", "RFC 3339 time or date."), Query("to", "RFC 3339 time or date, not included."), Query("format", "csv (default) or json."),
		},
		Faults: []*fault.Code{fault.InvalidInput},
		Handle: func(e *core.RequestEvent) error {
			query := e.Request.URL.Query()
			filter, err := ParseAuditFilter(query.Get("subject"), query.Get("actor"), query.Get("from"), query.Get("to"))
			if err != nil {
				return err
			}
			format, media := query.Get("format"), "application/x-ndjson"
			switch format {
			case "", FormatCSV:
				format, media = FormatCSV, "text/csv; charset=utf-8"
			case FormatJSON:
			default:
				return fault.InvalidInput.On("format").Saying("The format is csv or json.")
			}
			err = e.App.RunInTransaction(func(tx core.App) error {
				return Audit(tx, deps.Clock.Now(), Act{
					Actor: ActorOf(e.Auth), Action: "audit.export", SubjectType: "audit_log",
					Data: map[string]any{"subject": query.Get("subject"), "actor": query.Get("actor"), "from": query.Get("from"), "to": query.Get("to"), "format": format, "ip": e.RealIP()},
				})
			})
			if err != nil {
				return err
			}
			e.Response.Header().Set("Content-Type", media)
			e.Response.Header().Set("Content-Disposition", `attachment; filename="audit.`+format+`"`)
			e.Response.WriteHeader(http.StatusOK)
			return ExportAudit(e.App.DB(), filter, format, e.Response)
		},
	})
}
