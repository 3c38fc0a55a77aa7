package screen

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lingualink/lingualink/internal/fault"
)

// Match says where a word is looked for.
type Match string

// The ways to match.
const (
	Whole    Match = "whole"    // as a word of its own, or of a name like BadBoy or bad_123
	Anywhere Match = "anywhere" // within other words too: needed where words are written together
)

// Word is one row of a list.
type Word struct {
	// Text is the word, or several with spaces between them.
	Text string
	// Language is its code, as in the collection of languages; empty is all.
	Language string
	Action   Action
	Match    Match
	// Exact words match with their marks and letters as listed; only case, tricks of
	// spacing, repetitions and invisible characters do not matter. Others match without.
	Exact bool
}

const longestWord = 100 // runes, before and after folding

var languageCode = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

// Validate says whether a word can be listed: fault.InvalidInput on "text",
// "language", "action" or "match". A single letter of the Latin alphabet or digit
// would match everywhere, and so would two within other words.
func (w Word) Validate() error {
	if problem := w.problem(); problem != nil {
		return problem
	}
	return nil
}

func (w Word) problem() *fault.Error {
	switch {
	case !slices.Contains(Actions(), w.Action):
		return fault.InvalidInput.On("action").Saying("Choose allow, flag, hold or block.")
	case w.Match != Whole && w.Match != Anywhere:
		return fault.InvalidInput.On("match").Saying("Choose whole or anywhere.")
	case w.Language != "" && !languageCode.MatchString(w.Language):
		return fault.InvalidInput.On("language").Saying("Give the code of a language, or nothing for all.")
	case !utf8.ValidString(w.Text), utf8.RuneCountInString(w.Text) > longestWord:
		return fault.InvalidInput.On("text").Saying("Give a word of up to 100 characters.")
	}
	folded := Fold(w.Text)
	letters := strings.ReplaceAll(folded, " ", "")
	count := utf8.RuneCountInString(letters)
	common := strings.Trim(letters, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
	switch {
	case count == 0:
		return fault.InvalidInput.On("text").Saying("Give a word with letters or digits.")
	case count > longestWord:
		return fault.InvalidInput.On("text").Saying("Give a shorter word: one of its characters stands for many letters.")
	case common && count < 2:
		return fault.InvalidInput.On("text").Saying("Give a word of two letters or more.")
	case common && count < 3 && w.Match == Anywhere:
		return fault.InvalidInput.On("match").Saying("Within other words, look for three letters or more.")
	}
	return nil
}

// spoken says whether a word is of one of the languages, of all, or whether all
// are asked for.
func (w Word) spoken(languages []string) bool {
	return len(languages) == 0 || w.Language == "" || slices.Contains(languages, w.Language)
}
