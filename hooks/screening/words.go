package screening

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/routine"

	"github.com/lingualink/lingualink/internal/fault"
	rules "github.com/lingualink/lingualink/internal/moderation"
	"github.com/lingualink/lingualink/internal/moderation/screen"
)

// list is the words as they are compiled, and how many changes they had.
type list struct {
	changes atomic.Int64
	have    atomic.Pointer[compiled]
	making  sync.Mutex
}

// compiled is the list after so many changes.
type compiled struct {
	changes   int64
	screen    *screen.Screen
	reasons   map[screen.Word]string
	languages map[string]string // codes by id
}

func listOf(app core.App) *list {
	return app.Store().GetOrSet("ll.screening.words", func() any { return &list{} }).(*list)
}

// current is the list with every change that was committed before the call. It is
// compiled beside requests; who comes while that lasts waits for it.
func (l *list) current(app core.App) (*compiled, error) {
	if have := l.have.Load(); have != nil && have.changes == l.changes.Load() {
		return have, nil
	}
	l.making.Lock()
	defer l.making.Unlock()
	changes := l.changes.Load() // before the rows are read
	if have := l.have.Load(); have != nil && have.changes == changes {
		return have, nil
	}
	made, err := compile(app)
	if err != nil {
		return nil, err
	}
	made.changes = changes
	l.have.Store(made)
	return made, nil
}

// changed has the list compiled anew, in the background.
func (l *list) changed(app core.App) {
	l.changes.Add(1)
	routine.FireAndForget(func() {
		if _, err := l.current(app); err != nil {
			app.Logger().Error("the list of words cannot be compiled; the next text tries again", "error", err)
		}
	})
}

func compile(app core.App) (*compiled, error) {
	made := &compiled{reasons: map[screen.Word]string{}, languages: map[string]string{}}
	languages := []struct {
		ID   string `db:"id"`
		Code string `db:"code"`
	}{}
	if err := app.DB().Select("id", "code").From("languages").All(&languages); err != nil {
		return nil, err
	}
	for _, language := range languages {
		made.languages[language.ID] = language.Code
	}
	rows := []wordRow{}
	if err := app.DB().Select("id", "word", "language", "action", "anywhere", "exact", "reason").From("screen_words").All(&rows); err != nil {
		return nil, err
	}
	words := []screen.Word{}
	for _, row := range rows {
		word := row.listed(made.languages)
		if err := word.Validate(); err != nil {
			// Of a restored or edited database; the others go on to work.
			app.Logger().Warn("a listed word cannot be looked for", "id", row.ID, "error", err)
			continue
		}
		words, made.reasons[word] = append(words, word), row.Reason
	}
	var err error
	if made.screen, err = screen.Compile(words); err != nil {
		return nil, fmt.Errorf("the list of words: %w", err)
	}
	return made, nil
}

type wordRow struct {
	ID       string `db:"id"`
	Word     string `db:"word"`
	Language string `db:"language"`
	Action   string `db:"action"`
	Anywhere bool   `db:"anywhere"`
	Exact    bool   `db:"exact"`
	Reason   string `db:"reason"`
}

func (row wordRow) listed(codes map[string]string) screen.Word {
	word := screen.Word{Text: row.Word, Language: codes[row.Language], Action: screen.Action(row.Action), Match: screen.Whole, Exact: row.Exact}
	if row.Anywhere {
		word.Match = screen.Anywhere
	}
	return word
}

func (c *compiled) codes(languages []string) []string {
	codes := []string{}
	for _, language := range languages {
		if code := c.languages[language]; code != "" {
			codes = append(codes, code)
		}
	}
	return codes
}

func (c *compiled) reason(word screen.Word) string {
	if reason := c.reasons[word]; reason != "" {
		return reason
	}
	return string(rules.Inappropriate)
}

func registerWords(app core.App) {
	words := listOf(app)
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "ll.screening.words",
		Func: func(e *core.ServeEvent) error {
			if _, err := words.current(e.App); err != nil {
				return err
			}
			return e.Next()
		},
	})
	check := func(e *core.RecordEvent) error {
		if err := checkWord(e.App, e.Record); err != nil {
			return err
		}
		return e.Next()
	}
	app.OnRecordCreate("screen_words").Bind(&hook.Handler[*core.RecordEvent]{Id: "ll.screen_words.create", Func: check})
	app.OnRecordUpdate("screen_words").Bind(&hook.Handler[*core.RecordEvent]{Id: "ll.screen_words.update", Func: check})
	changed := func(e *core.RecordEvent) error {
		words.changed(e.App)
		return e.Next()
	}
	app.OnRecordAfterCreateSuccess("screen_words").Bind(&hook.Handler[*core.RecordEvent]{Id: "ll.screen_words.create.list", Func: changed})
	app.OnRecordAfterUpdateSuccess("screen_words").Bind(&hook.Handler[*core.RecordEvent]{Id: "ll.screen_words.update.list", Func: changed})
	app.OnRecordAfterDeleteSuccess("screen_words").Bind(&hook.Handler[*core.RecordEvent]{Id: "ll.screen_words.delete.list", Func: changed})
	app.OnRecordAfterUpdateSuccess("languages").Bind(&hook.Handler[*core.RecordEvent]{Id: "ll.languages.update.list", Func: changed})
}

// fieldsOfWords are the fields of the collection, by what the rule of a word calls
// them.
var fieldsOfWords = map[string]string{"text": "word", "match": "anywhere"}

// checkWord refuses a word that cannot be looked for, and one too many.
func checkWord(app core.App, record *core.Record) error {
	row := wordRow{
		Word: record.GetString("word"), Language: record.GetString("language"), Action: record.GetString("action"),
		Anywhere: record.GetBool("anywhere"), Exact: record.GetBool("exact"),
	}
	codes := map[string]string{}
	if row.Language != "" {
		var code string
		err := app.DB().Select("code").From("languages").Where(idIs(row.Language)).Row(&code)
		if err != nil {
			return fault.LanguageUnknown.On("language").Because(err)
		}
		codes[row.Language] = code
	}
	err := row.listed(codes).Validate()
	var problem *fault.Error
	if errors.As(err, &problem) {
		if field, renamed := fieldsOfWords[problem.Field]; renamed {
			return problem.Code.On(field).Saying(problem.Message())
		}
	}
	if err != nil || !record.IsNew() {
		return err
	}
	var listed int
	if err := app.DB().Select("COUNT(*)").From("screen_words").Row(&listed); err != nil {
		return err
	}
	if listed >= screen.MostWords {
		return fault.InvalidInput.On("word").Saying("100,000 words are listed; remove some first.")
	}
	return nil
}
