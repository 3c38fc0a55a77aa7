package notify

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"

	"github.com/lingualink/lingualink/internal/money"
)

//go:embed texts/*.json
var textFiles embed.FS

// English is what everything falls back to.
const English = "en"

// words are the texts of one language.
type words struct {
	Kinds map[string]wording `json:"kinds"`
	Mail  *MailWords         `json:"mail"`
}

// MailWords stand around the text of an e-mail.
type MailWords struct {
	Open        string `json:"open"`
	Why         string `json:"why"`
	Unsubscribe string `json:"unsubscribe"`
}

// wording is the text of one kind. Digest tells of many at once.
type wording struct {
	Title  string  `json:"title"`
	Body   string  `json:"body"`
	Digest *digest `json:"digest"`
}

// digest holds the plural forms of CLDR: zero, one, two, few, many, other.
type digest struct {
	Title string            `json:"title"`
	Body  map[string]string `json:"body"`
}

var texts = load()

func load() map[string]words {
	names, err := fs.Glob(textFiles, "texts/*.json")
	if err != nil {
		panic(err)
	}
	loaded := map[string]words{}
	for _, name := range names {
		raw, err := textFiles.ReadFile(name)
		if err != nil {
			panic(err)
		}
		var in words
		if err := json.Unmarshal(raw, &in); err != nil {
			panic(fmt.Errorf("%s: %w", name, err))
		}
		loaded[strings.TrimSuffix(path.Base(name), ".json")] = in
	}
	return loaded
}

var languages = append([]string{English}, slices.DeleteFunc(slices.Sorted(maps.Keys(texts)), func(code string) bool { return code == English })...)

// Languages are those that there are texts in, English first.
func Languages() []string { return slices.Clone(languages) }

var matcher = func() language.Matcher {
	tags := make([]language.Tag, len(languages))
	for i, code := range languages {
		tags[i] = language.MustParse(code)
	}
	return language.NewMatcher(tags)
}()

// LanguageOf is the language of ours that serves a reader of the given ones best, in
// their order: "ha-NE" is served by Hausa, Wolof by French, what is unknown by English.
func LanguageOf(wanted ...string) string {
	tags := []language.Tag{}
	for _, code := range wanted {
		if tag, err := language.Parse(code); err == nil {
			tags = append(tags, tag)
		}
	}
	_, i, confidence := matcher.Match(tags...)
	if confidence == language.No {
		return English
	}
	return languages[i]
}

// Words are what stands around an e-mail in a language, or in English.
func Words(code string) MailWords {
	if in := texts[code]; in.Mail != nil {
		return *in.Mail
	}
	return *texts[English].Mail
}

// Reader is who reads a text.
type Reader struct {
	Language string // one of Languages; anything else is English
	Zone     *time.Location
}

// Said is a finished text.
type Said struct {
	Title, Body string
	Language    string // that it is in: English where the reader's lacks it
}

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

// Say puts a notice into words. It gives an error for what Check refuses.
func Say(notice Notice, reader Reader) (Said, error) {
	if err := Check(notice); err != nil {
		return Said{}, err
	}
	event := byKind[notice.Kind]
	key, err := event.textKey(notice.Data)
	if err != nil {
		return Said{}, err
	}
	code := reader.Language
	found, ok := texts[code].Kinds[key]
	if !ok {
		code = English
		if found, ok = texts[code].Kinds[key]; !ok {
			return Said{}, fmt.Errorf("notify: there is no text for %s", key)
		}
	}
	values := map[string]string{}
	for _, field := range event.Fields {
		if _, there := notice.Data[field.Names()[0]]; !there {
			continue // optional, Check says
		}
		value, err := valueOf(field, notice.Data)
		if err != nil {
			return Said{}, err
		}
		values[field.Name] = value.write(code, reader.Zone)
	}
	return Said{put(found.Title, values), put(found.Body, values), code}, nil
}

// SayMany puts several notices of one digest into words: one as it is, more as one
// text with their number, which is that of people where people cause them.
func SayMany(notices []Notice, reader Reader) (Said, error) {
	if len(notices) == 0 {
		return Said{}, fmt.Errorf("notify: nothing to say")
	}
	first := notices[0]
	event, ok := Of(first.Kind)
	if !ok || len(notices) == 1 {
		return Say(first, reader)
	}
	people := map[string]bool{}
	for _, notice := range notices {
		if err := Check(notice); err != nil {
			return Said{}, err
		}
		if event.DigestOf(first.Data) == "" || notice.Kind != first.Kind || event.DigestOf(notice.Data) != event.DigestOf(first.Data) {
			return Said{}, fmt.Errorf("notify: %s and %s are not told as one", first.Kind, notice.Kind)
		}
		if actor := event.ActorOf(notice.Data); actor != "" {
			people[actor] = true
		}
	}
	// Of a digest per person the events count, of any other the people.
	count, perPerson := len(notices), strings.Contains(event.Digest, "{"+event.Actor+"}")
	if len(people) > 0 && !perPerson {
		if count = len(people); count == 1 {
			return Say(notices[len(notices)-1], reader)
		}
	}
	// All variants of a kind share the digest of the first.
	code, key := reader.Language, event.TextKeys()[0]
	found := texts[code].Kinds[key].Digest
	if found == nil {
		code = English
		if found = texts[code].Kinds[key].Digest; found == nil {
			return Said{}, fmt.Errorf("notify: there is no digest for %s", key)
		}
	}
	values := map[string]string{"count": wholeNumber(int64(count), code)}
	for _, field := range event.Fields {
		if field.Type == Text && perPerson {
			values[field.Name] = tidy(textOf(first.Data[field.Name]))
		}
	}
	return Said{put(found.Title, values), put(found.Body[form(code, count)], values), code}, nil
}

// form is the plural form of CLDR that a language uses for a number.
func form(code string, n int) string {
	switch plural.Cardinal.MatchPlural(language.MustParse(code), n, 0, 0, 0, 0) {
	case plural.Zero:
		return "zero"
	case plural.One:
		return "one"
	case plural.Two:
		return "two"
	case plural.Few:
		return "few"
	case plural.Many:
		return "many"
	}
	return "other"
}

// put fills a text. What is optional and missing leaves nothing behind.
func put(text string, values map[string]string) string {
	filled := placeholder.ReplaceAllStringFunc(text, func(found string) string { return values[strings.Trim(found, "{}")] })
	return strings.TrimSpace(filled)
}

// value is a field of the data, checked.
type value struct {
	typ      Type
	text     string
	number   int64
	currency money.Currency
	at       time.Time
}

// write writes the value for a reader.
func (v value) write(code string, zone *time.Location) string {
	switch v.typ {
	case Money:
		return Amount(v.number, v.currency, code)
	case Count:
		return wholeNumber(v.number, code)
	case Time:
		if zone == nil {
			zone = time.UTC
		}
		return v.at.In(zone).Format("2006-01-02 15:04")
	}
	return tidy(v.text)
}

// valueOf reads a field of the data.
func valueOf(field Field, data map[string]any) (value, error) {
	raw, there := data[field.Names()[0]]
	if !there {
		return value{}, fmt.Errorf("%s is missing", field.Names()[0])
	}
	v := value{typ: field.Type}
	switch field.Type {
	case ID, Text:
		text, ok := raw.(string)
		if !ok || field.Type == ID && (text == "" || strings.ContainsAny(text, ":/{} ")) {
			return value{}, fmt.Errorf("%s is no %s", field.Name, field.Type)
		}
		v.text = text
	case Flag:
		if _, ok := raw.(bool); !ok {
			return value{}, fmt.Errorf("%s is neither true nor false", field.Name)
		}
	case Count, Money:
		number, ok := whole(raw)
		if !ok {
			return value{}, fmt.Errorf("%s is no whole number", field.Names()[0])
		}
		v.number = number
		if field.Type == Money {
			currency, err := money.ParseCurrency(textOf(data["currency"]))
			if err != nil {
				return value{}, fmt.Errorf("currency is %q", textOf(data["currency"]))
			}
			v.currency = currency
		}
	case Time:
		at, err := parseTime(textOf(raw))
		if err != nil {
			return value{}, fmt.Errorf("%s is no time", field.Name)
		}
		v.at = at
	}
	return v, nil
}

func parseTime(text string) (time.Time, error) {
	if at, err := time.Parse("2006-01-02 15:04:05.999Z", text); err == nil {
		return at, nil
	}
	return time.Parse(time.RFC3339, text)
}

// whole reads a whole number, also as JSON gives it.
func whole(raw any) (int64, bool) {
	switch n := raw.(type) {
	case int:
		return int64(n), true
	case int64:
		return n, true
	case float64:
		if n == float64(int64(n)) && n <= money.MaxMinor && n >= -money.MaxMinor {
			return int64(n), true
		}
	case json.Number:
		parsed, err := strconv.ParseInt(n.String(), 10, 64)
		return parsed, err == nil
	}
	return 0, false
}

func textOf(raw any) string {
	text, ok := raw.(string)
	if !ok {
		return ""
	}
	return text
}

// longest is how much of people's words a notification shows, in letters.
const longest = 1000

// tidy takes out of people's words what would break a line of ours: control characters
// and marks that turn the direction of what follows.
func tidy(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case unicode.IsControl(r), r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == '\u200e', r == '\u200f':
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	if letters := []rune(text); len(letters) > longest {
		text = string(letters[:longest-1]) + "…"
	}
	return strings.TrimSpace(text)
}
