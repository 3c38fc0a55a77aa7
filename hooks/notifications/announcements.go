package notifications

import (
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/notify"
)

// announced is an announcement in one language.
type announced struct {
	Title string `json:"title"`
	Text  string `json:"text"`
}

// How long an announcement may be, in letters.
const (
	longestAnnouncedTitle = 100
	longestAnnouncedText  = 1000
)

type announcementData struct {
	Announcement string `json:"announcement"`
	State        string `json:"state"`
	Audience     int64  `json:"audience"`
	Told         int64  `json:"told"`
}

func (o *office) registerAnnouncements(app core.App) {
	app.OnRecordCreateRequest("announcements").Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id: "ll.announcements.create",
		Func: func(e *core.RecordRequestEvent) error {
			for _, field := range []string{"audience", "told", "run"} {
				e.Record.Set(field, 0)
			}
			for _, field := range []string{"position", "actor", "started_at", "finished_at"} {
				e.Record.Set(field, "")
			}
			e.Record.Set("state", collections.AnnouncementDraft)
			if _, err := textsOf(e.Record); err != nil {
				return err
			}
			return e.Next()
		},
	})
	app.OnRecordUpdateRequest("announcements").Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id: "ll.announcements.update",
		Func: func(e *core.RecordRequestEvent) error {
			return shell.InTransaction(&e.App, func(tx core.App) error {
				stored, err := tx.FindRecordById("announcements", e.Record.Id)
				if err != nil {
					return err
				}
				if stored.GetString("state") != collections.AnnouncementDraft {
					return fault.AnnouncementState.On("id").Saying("What people are already told does not change. Cancel it and make another one.")
				}
				if _, err := textsOf(e.Record); err != nil {
					return err
				}
				return e.Next()
			})
		},
	})
	o.deps.Outbox.Handle(jobAnnounce, shell.JobHandler{InTx: o.announce})
	for _, verb := range []struct {
		name, what string
		from       []string
		to         string
		says       string
	}{
		{"start", "Tell everybody in its audience.", []string{collections.AnnouncementDraft}, collections.AnnouncementRunning, "The announcement is on its way."},
		{"pause", "Tell nobody else until it is resumed.", []string{collections.AnnouncementRunning}, collections.AnnouncementPaused, "The announcement is paused."},
		{"resume", "Go on with those who were not told yet.", []string{collections.AnnouncementPaused}, collections.AnnouncementRunning, "The announcement goes on."},
		{"cancel", "Tell nobody else, for good.", []string{collections.AnnouncementDraft, collections.AnnouncementRunning, collections.AnnouncementPaused}, collections.AnnouncementCancelled, "The announcement is cancelled."},
	} {
		o.deps.Routes.Add(shell.Route{
			Method: http.MethodPost, Path: "/announcements/{id}/" + verb.name, Who: shell.Superuser, Data: announcementData{},
			What: verb.what, Faults: []*fault.Code{fault.NotFound, fault.AnnouncementState},
			Handle: func(e *core.RequestEvent) error {
				data, err := o.turn(e, verb.name, verb.from, verb.to)
				if err != nil {
					return err
				}
				return shell.OK(e, data, verb.says)
			},
		})
	}
}

// textsOf reads the texts of an announcement and refuses what nobody could read.
func textsOf(row *core.Record) (map[string]announced, error) {
	raw, err := json.Marshal(row.Get("texts"))
	if err != nil {
		return nil, err
	}
	texts := map[string]announced{}
	if err := json.Unmarshal(raw, &texts); err != nil {
		return nil, fault.InvalidInput.On("texts").Saying(`Send {"en": {"title": "...", "text": "..."}}, and other languages besides.`)
	}
	if _, there := texts[notify.English]; !there {
		return nil, fault.InvalidInput.On("texts").Saying("The English text, en, is needed: it is for everybody whose language is missing.")
	}
	for language, text := range texts {
		switch {
		case !slices.Contains(notify.Languages(), language):
			return nil, fault.InvalidInput.On("texts").Saying("Languages are " + strings.Join(notify.Languages(), ", ") + ".")
		case strings.TrimSpace(text.Title) == "", strings.TrimSpace(text.Text) == "",
			utf8.RuneCountInString(text.Title) > longestAnnouncedTitle, utf8.RuneCountInString(text.Text) > longestAnnouncedText:
			return nil, fault.InvalidInput.On("texts").Saying("A title has 1 to 100 letters, a text 1 to 1000.")
		}
	}
	return texts, nil
}

// turn changes the state by an admin's word, and begins a run where it is to run.
func (o *office) turn(e *core.RequestEvent, verb string, from []string, to string) (announcementData, error) {
	var data announcementData
	err := e.App.RunInTransaction(func(tx core.App) error {
		row, err := tx.FindRecordById("announcements", e.Request.PathValue("id"))
		if errors.Is(err, sql.ErrNoRows) {
			return fault.NotFound.On("id")
		}
		if err != nil {
			return err
		}
		if !slices.Contains(from, row.GetString("state")) {
			return fault.AnnouncementState.On("id").With("state", row.GetString("state"))
		}
		row.Set("state", to)
		switch to {
		case collections.AnnouncementCancelled:
			row.Set("finished_at", o.now())
		case collections.AnnouncementRunning:
			row.Set("run", row.GetInt("run")+1)
			if verb == "start" {
				if err := o.begin(tx, row, shell.ActorOf(e.Auth)); err != nil {
					return err
				}
			}
			if err := o.next(tx, row); err != nil {
				return err
			}
		}
		if err := tx.Save(row); err != nil {
			return err
		}
		data = announcementData{row.Id, to, int64(row.GetInt("audience")), int64(row.GetInt("told"))}
		return shell.Audit(tx, o.now(), shell.Act{
			Actor: shell.ActorOf(e.Auth), Action: "announcement." + verb, SubjectType: "announcements", SubjectID: row.Id,
			Data: map[string]any{"audience": data.Audience, "told": data.Told},
		})
	})
	return data, err
}

// begin counts whom it is for.
func (o *office) begin(tx core.App, row *core.Record, actor string) error {
	if _, err := textsOf(row); err != nil {
		return err
	}
	var audience int64
	if err := tx.DB().NewQuery("SELECT COUNT(*) FROM users WHERE " + audienceIs).Bind(audienceOf(row)).Row(&audience); err != nil {
		return err
	}
	row.Set("audience", audience)
	row.Set("actor", actor)
	row.Set("started_at", o.now())
	return nil
}

// audienceIs is the condition that a person is meant. Lists are stored as JSON, in
// which an id stands between quotes.
const audienceIs = `({:country} = '' OR country = {:country})
	AND ({:language} = '' OR instr(languages, '"' || {:language} || '"') > 0)
	AND ({:role} = '' OR instr(roles, '"' || {:role} || '"') > 0)
	AND standing NOT IN ('suspended', 'banned')`

func audienceOf(row *core.Record) dbx.Params {
	return dbx.Params{"country": row.GetString("country"), "language": row.GetString("language"), "role": row.GetString("role")}
}
