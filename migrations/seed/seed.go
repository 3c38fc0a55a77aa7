// Package seed decides which languages and prompts a new server starts with.
// It holds data, not history: a migration reads it once, and a server that has
// rows already keeps them. It refuses nothing at run time; its tests refuse
// codes that are not canonical, names that ISO 639-3 does not know and
// languages named twice.
package seed

import (
	"bytes"
	_ "embed"
	"encoding/json"
)

// Language is one language that people can record.
type Language struct {
	Code      string   `json:"code"`      // canonical BCP 47, the shortest form: "yo", "pcm"
	ISO6393   string   `json:"iso639_3"`  // three letters: "yor"
	Name      string   `json:"name"`      // in English, the name of ISO 639-3 in brackets where it differs
	Autonym   string   `json:"autonym"`   // in the language itself
	Script    string   `json:"script"`    // ISO 15924, the one mostly written in: "Latn"
	Countries []string `json:"countries"` // ISO 3166-1 alpha-2, in Africa, sorted
	Enabled   bool     `json:"enabled"`   // open for recordings
}

// Prompt is one sentence to read aloud.
type Prompt struct {
	Language string `json:"language"` // a Language.Code
	Domain   string `json:"domain"`   // what it is about: "market", "health"
	Text     string `json:"text"`     // NFC, with all the marks of the orthography
}

var (
	//go:embed languages.json
	languages []byte
	//go:embed prompts.json
	prompts []byte
)

// Languages returns a fresh slice, sorted by code.
func Languages() []Language { return decode[Language](languages) }

// Prompts returns a fresh slice, sorted by language.
func Prompts() []Prompt { return decode[Prompt](prompts) }

// decode panics on bad JSON: the files are part of the binary, so that is a
// mistake in the build, which the tests catch.
func decode[T any](file []byte) []T {
	var rows []T
	decoder := json.NewDecoder(bytes.NewReader(file))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&rows); err != nil {
		panic("seed: " + err.Error())
	}
	return rows
}
