// Package screen decides which listed words stand in a text, whatever somebody
// did to hide them, and what is to happen to the text.
//
// It reads a text as people see it: without case, marks, the alphabet that a letter
// was borrowed from, invisible characters, digits in place of letters, spaces
// between letters and letters said many times. What it finds, it shows in the text
// as it was sent.
//
// It refuses to guess at meaning: a word matches or it does not. An innocent word
// that contains a listed one is allowed by listing it; where tone changes the
// meaning, a word is listed as exact. It never changes a text.
package screen

import (
	"cmp"
	"slices"

	"github.com/coregx/ahocorasick"

	"github.com/lingualink/lingualink/internal/fault"
)

// Action is what is to happen to a text in which a word stands.
type Action string

// The actions. Allow is for innocent words: what is found within them counts for
// nothing. Pass is the action of a text in which nothing was found.
const (
	Pass  Action = ""
	Allow Action = "allow"
	Flag  Action = "flag"  // publish it, and let a person look
	Hold  Action = "hold"  // let a person look before it is published
	Block Action = "block" // refuse it
)

// Actions returns those that a word may have.
func Actions() []Action { return []Action{Allow, Flag, Hold, Block} }

// Stronger returns the stronger of two actions; Block is the strongest.
func Stronger(a, b Action) Action {
	if slices.Index(Actions(), a) >= slices.Index(Actions(), b) {
		return a
	}
	return b
}

// Hit is a listed word in a text: text[Start:End] is what stands for it there, with
// all that was put between its letters and every repetition of them.
type Hit struct {
	Word       Word
	Start, End int // bytes
}

// Result is what was found in a text.
type Result struct {
	Action Action // the strongest of the hits
	Hits   []Hit  // in the order of the text
}

// Screen is a compiled list of words. It does not change: many goroutines may use
// one at the same time. The zero value finds nothing.
type Screen struct {
	words     []Word
	forms     [][]form // of each pattern of the automaton
	automaton *ahocorasick.Automaton
}

// MostWords bounds the memory of the automaton: 100,000 words of ten letters of one
// alphabet take about 150 MB, and twice that while they are compiled.
const MostWords = 100_000

// Compile makes a screen of a list of words, which may be empty. The error is that
// of [Word.Validate], with the place of the word in the list as "row", or
// fault.InvalidInput on "words" when there are more than 100,000.
func Compile(words []Word) (*Screen, error) {
	if len(words) > MostWords {
		return nil, fault.InvalidInput.On("words").Saying("List up to 100,000 words.")
	}
	s := &Screen{words: slices.Clone(words)}
	patterns, known := [][]byte{}, map[string]int{}
	for row, word := range s.words {
		if problem := word.problem(); problem != nil {
			return nil, problem.With("row", row)
		}
		for _, f := range formsOf(row, word) {
			at, seen := known[f.letters]
			if !seen {
				at = len(patterns)
				known[f.letters] = at
				patterns, s.forms = append(patterns, []byte(f.letters)), append(s.forms, nil)
			}
			s.forms[at] = append(s.forms[at], f)
		}
	}
	if len(patterns) == 0 {
		return s, nil
	}
	automaton, err := ahocorasick.NewBuilder().AddPatterns(patterns).Build()
	if err != nil {
		return nil, err
	}
	s.automaton = automaton
	return s, nil
}

// Check looks for the words of the given languages, and for those of no language,
// in a text. Without languages it looks for all words: a username is in none.
func (s *Screen) Check(text string, languages ...string) Result {
	if s.automaton == nil || text == "" {
		return Result{}
	}
	p := pages.Get().(*page)
	defer p.close()
	p.open(text)
	hits := []found{}
	for _, way := range p.ways() {
		p.read(way)
		for _, match := range s.automaton.FindAllOverlapping(p.letters) {
			first, last := p.at[match.Start], p.at[match.End-1]
			for i := range s.forms[match.PatternID] {
				f := &s.forms[match.PatternID][i]
				if s.words[f.row].spoken(languages) && f.fits(p, first, last) {
					hits = append(hits, found{f.row, p.runs[first].start, p.runs[last].end})
				}
			}
		}
	}
	return s.result(hits)
}

// found is a word of the list and where it stands.
type found struct{ row, start, end int }

// result leaves out what lies within an innocent word, and what was found twice.
func (s *Screen) result(hits []found) Result {
	slices.SortFunc(hits, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end), cmp.Compare(a.row, b.row))
	})
	hits = slices.Compact(hits)
	result, innocent, ahead := Result{}, 0, 0 // innocent: how far words that began reach
	for _, hit := range hits {
		for ; ahead < len(hits) && hits[ahead].start <= hit.start; ahead++ {
			if s.words[hits[ahead].row].Action == Allow {
				innocent = max(innocent, hits[ahead].end)
			}
		}
		word := s.words[hit.row]
		if word.Action != Allow && hit.end > innocent {
			result.Action = Stronger(result.Action, word.Action)
			result.Hits = append(result.Hits, Hit{word, hit.start, hit.end})
		}
	}
	return result
}
