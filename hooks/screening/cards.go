package screening

import (
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	rules "github.com/lingualink/lingualink/internal/moderation"
	"github.com/lingualink/lingualink/internal/moderation/screen"
)

const (
	// afterSignUp is after the guard and the limits, before PocketBase validates.
	afterSignUp = -42
	// withinWrite is within the transaction of the write, after the files are up.
	withinWrite = 101
)

// cardTexts are what people say of themselves, to everybody. The old text stays
// where the new one waits; a username cannot wait, people are found by it.
var cardTexts = []struct {
	field string
	waits bool
}{{"username", false}, {"name", true}, {"bio", true}}

func registerCards(app core.App) {
	check := func(e *core.RecordRequestEvent) error {
		if err := checkCard(e); err != nil {
			return err
		}
		return e.Next()
	}
	app.OnRecordCreateRequest("users").Bind(&hook.Handler[*core.RecordRequestEvent]{Id: "ll.users.create.screening", Priority: afterSignUp, Func: check})
	app.OnRecordUpdateRequest("users").Bind(&hook.Handler[*core.RecordRequestEvent]{Id: "ll.users.update.screening", Priority: afterSignUp, Func: check})
}

// checkCard looks at the texts that the request changes, refuses, or puts the old one
// in the place of one that waits.
func checkCard(e *core.RecordRequestEvent) error {
	languages, err := LanguagesOf(e.App, e.Record)
	if err != nil {
		return err
	}
	info, err := e.RequestInfo()
	if err != nil {
		return err
	}
	for _, text := range cardTexts {
		before, after := e.Record.Original().GetString(text.field), e.Record.GetString(text.field)
		if after == before {
			continue
		}
		if text.field == "username" {
			languages = nil // it is in none
		}
		found, err := Check(e.App, text.field, after, languages...)
		if err != nil {
			return err
		}
		switch {
		case e.HasSuperuserAuth():
			if found.Action != screen.Pass {
				found.Action = screen.Flag
			}
		case !text.waits:
			if err := found.RefusalUnseen(); err != nil {
				return err
			}
		case found.Action == screen.Block && info.Context == core.RequestInfoContextOAuth2:
			found.Action = screen.Hold // nobody can correct what a provider tells
		}
		if err := found.Refusal(); err != nil {
			return err
		}
		if found.Action == screen.Hold {
			e.Record.Set(text.field, before)
		}
		keep(e.Record, found)
	}
	return nil
}

// keptKey is where a record carries, in memory only, what was found in its texts.
const keptKey = "@ll.screening"

func keep(record *core.Record, found Finding) {
	kept, _ := record.GetRaw(keptKey).([]Finding)
	record.SetRaw(keptKey, append(kept, found))
}

func take(record *core.Record) []Finding {
	kept, _ := record.GetRaw(keptKey).([]Finding)
	record.SetRaw(keptKey, nil)
	return kept
}

// subjectOf is what the texts of a record belong to.
func subjectOf(record *core.Record) Subject {
	if record.Collection().Name == "clips" {
		return Subject{Type: string(rules.Clip), ID: record.Id, Owner: record.GetString("owner"), Language: record.GetString("language")}
	}
	return Subject{Type: string(rules.User), ID: record.Id, Owner: record.Id}
}

// Clip looks at what a speaker says of a recording that is about to be stored. One
// whose words wait is stored hidden. The phrase of a prompt is the server's.
func Clip(app core.App, clip *core.Record) error {
	languages, err := interfaceLanguage(app, clip.GetString("owner"))
	if err != nil {
		return err
	}
	languages = append(languages, clip.GetString("language"))
	fields := []string{"phrase", "dialect"}
	if clip.GetString("prompt") != "" {
		fields = fields[1:]
	}
	for _, field := range fields {
		found, err := Check(app, field, clip.GetString(field), languages...)
		if err != nil {
			return err
		}
		if err := found.Refusal(); err != nil {
			return err
		}
		if found.Action == screen.Hold {
			clip.Set("hidden", true)
		}
		keep(clip, found)
	}
	return nil
}
