package screening

import (
	"database/sql"
	"errors"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/moderation/screen"
)

// Finding is a text and what was found in it.
type Finding struct {
	Field  string        `json:"field"`
	Text   string        `json:"text"`
	Action screen.Action `json:"action"` // screen.Pass: nothing was found
	Hits   []Hit         `json:"hits"`
	Reason string        `json:"reason"` // of internal/moderation
	Labels []string      `json:"labels"` // of a classifier

	worst string // what stands for the word that the action is of
}

// Hit is what stands for a listed word: Text is the writer's own, from byte Start to
// End of the whole.
type Hit struct {
	Text  string `json:"text"`
	Word  string `json:"word,omitempty"` // as listed; not for the writer
	Start int    `json:"start"`
	End   int    `json:"end"`
}

// Check looks for the listed words of the languages, given as ids or codes, and for
// those of all, in a text. Without a language it looks for all words. Only an error
// of the database is one.
func Check(app core.App, field, text string, languages ...string) (Finding, error) {
	found := Finding{Field: field, Text: text, Hits: []Hit{}}
	if text == "" {
		return found, nil
	}
	words, err := listOf(app).current(app)
	if err != nil {
		return found, err
	}
	result := words.screen.Check(text, append(words.codes(languages), languages...)...)
	found.Action = result.Action
	for _, hit := range result.Hits {
		found.Hits = append(found.Hits, Hit{Text: text[hit.Start:hit.End], Word: hit.Word.Text, Start: hit.Start, End: hit.End})
		if found.Reason == "" && hit.Word.Action == result.Action {
			found.Reason, found.worst = words.reason(hit.Word), text[hit.Start:hit.End]
		}
	}
	return found, nil
}

// Refusal is what the writer is told of a text that is blocked: what of their own
// words was found. It is nil for any other.
func (f Finding) Refusal() error {
	if f.Action != screen.Block {
		return nil
	}
	return fault.TextBlocked.On(f.Field).With("found", f.worst)
}

// RefusalUnseen is [Finding.Refusal] where a text cannot wait for a person either.
func (f Finding) RefusalUnseen() error {
	if f.Action != screen.Hold {
		return f.Refusal()
	}
	return fault.TextBlocked.On(f.Field).With("found", f.worst).
		Saying("A person would have to look at these words first, and here they cannot wait. Choose others.")
}

// LanguagesOf are the languages of a person: those that they speak, by id, and that of
// their app, by code.
func LanguagesOf(app core.App, person *core.Record) ([]string, error) {
	own, err := interfaceLanguage(app, person.Id)
	return append(own, person.GetStringSlice("languages")...), err
}

// interfaceLanguage is the language of a person's app as codes: en-NG is English, too.
func interfaceLanguage(app core.App, person string) ([]string, error) {
	var tag string
	err := app.DB().Select("interface_language").From("private_profiles").Where(dbx.HashExp{"user": person}).Row(&tag)
	if errors.Is(err, sql.ErrNoRows) || tag == "" {
		return nil, nil
	}
	base, _, _ := strings.Cut(tag, "-")
	return []string{tag, strings.ToLower(base)}, err
}

// OfClip looks at words about a clip: in its language and that of the writer's app.
// A clip that does not exist has none.
func OfClip(app core.App, field, text, clip, writer string) (Finding, error) {
	if text == "" {
		return Finding{Field: field}, nil
	}
	languages, err := interfaceLanguage(app, writer)
	if err != nil {
		return Finding{}, err
	}
	var language string
	err = app.DB().Select("language").From("clips").Where(idIs(clip)).Row(&language)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Finding{}, err
	}
	return Check(app, field, text, append(languages, language)...)
}

func idIs(id string) dbx.Expression { return dbx.HashExp{"id": id} }
