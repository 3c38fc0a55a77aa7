// Package names decides whether the name that a bank gives for an account is the
// legal name of the person who is to be paid to it: yes, perhaps, or no.
//
// Both are compared as sets of words in capital letters without marks, titles and
// punctuation, in any order. It refuses what compares letters regardless of where
// they stand: anagrams are not alike. What is not clearly the same is a person's
// to look at, and this package never says why in words of the bank.
//
// Source: research/money.md 5.3. The table of titles and the rule on surnames are
// ours.
package names

import "strings"

// Verdict is how two names compare.
type Verdict string

// The verdicts.
const (
	Match  Verdict = "match"
	Review Verdict = "review" // alike in part: a person looks
	Refuse Verdict = "refuse" // nothing in common
)

const (
	// mostWords bounds the work on a name that is none.
	mostWords = 16
	// nearLetters is how long two words are at least for one letter to be a slip:
	// Bola and Bolu are two people.
	nearLetters = 5
)

// Compare holds the bank's name against the legal name. They match when two words
// agree and one of them may be the surname. People write it first or last, so it is
// the first or the last word of the legal name; and when the word at the other end
// is not among the bank's while the bank has a word of its own, that may be the
// surname which differs, and a person looks.
//
// Words agree when they are equal or, of five letters and more, one slip apart:
// one letter wrong, missing, too many, or two swapped. An initial of the bank's
// agrees with a whole word of the legal name, but never alone; in the legal name
// initials count for nothing, or anybody would fit whoever writes them. Words of a
// business or of two owners are for a person to look at, however the rest agrees.
func Compare(legal, resolved string) Verdict {
	l, r := words(legal), words(resolved)
	l, r = joined(l, r), joined(r, l)
	best := Refuse
	for i, surname := range l {
		for j := range r {
			if !agree(surname, r[j]) {
				continue
			}
			best = Review
			if (i == 0 || i == len(l)-1) && another(l, r, i, j) {
				if conflicting(l, r) || notOnePerson(resolved) {
					return Review
				}
				return Match
			}
		}
	}
	return best
}

// Canonical is a name as it is compared, for keeping a hash of it.
func Canonical(name string) string { return strings.Join(words(name), " ") }

// another tells whether a second pair of words agrees, besides l[i] and r[j].
func another(l, r []string, i, j int) bool {
	for k := range l {
		for m := range r {
			if k != i && m != j && (agree(l[k], r[m]) || initialOf(r[m], l[k])) {
				return true
			}
		}
	}
	return false
}

// conflicting tells whether an end of the legal name is missing from the bank's
// while the bank's has a word that the legal name has not.
func conflicting(l, r []string) bool {
	for _, word := range r {
		if len(word) > 1 && !contains(l, word, agree) {
			return !contains(r, l[0], meant) || !contains(r, l[len(l)-1], meant)
		}
	}
	return false
}

func contains(list []string, word string, agrees func(inList, word string) bool) bool {
	for _, other := range list {
		if agrees(other, word) {
			return true
		}
	}
	return false
}

func meant(resolved, legal string) bool { return agree(legal, resolved) || initialOf(resolved, legal) }

// initialOf tells whether initial is the first letter of a longer word.
func initialOf(initial, word string) bool {
	return len(initial) == 1 && len(word) > 1 && strings.HasPrefix(word, initial)
}

// agree tells whether two words are the same, as people and clerks write them.
func agree(a, b string) bool {
	if len(a) < 2 || len(b) < 2 {
		return false
	}
	return a == b || oneSlip([]rune(a), []rune(b))
}

// oneSlip tells whether the Damerau-Levenshtein distance of two words of five
// letters and more is at most 1.
func oneSlip(a, b []rune) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(a) < nearLetters || len(b)-len(a) > 1 {
		return false
	}
	at := 0
	for at < len(a) && a[at] == b[at] {
		at++
	}
	if len(a) < len(b) {
		return string(a[at:]) == string(b[at+1:]) // one more
	}
	if at == len(a) || string(a[at+1:]) == string(b[at+1:]) {
		return true // the same, or one other letter
	}
	return at+1 < len(a) && a[at] == b[at+1] && a[at+1] == b[at] && string(a[at+2:]) == string(b[at+2:])
}
