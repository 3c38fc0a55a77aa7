package screen

import (
	"slices"
	"strings"
	"unicode"
)

// form is a way to write a listed word.
type form struct {
	row      int
	letters  string // of its runs, one each
	runs     []need
	anywhere bool
	exact    bool
	digits   bool
}

// need is what a form needs of a run.
type need struct {
	count  int
	gap    bool     // something stands before it
	spread bool     // something stands between its letters
	marks  []string // of each letter, for exact forms
}

// formsOf are the ways to write a word: as listed, without its spaces, and where
// letters of other scripts look like different ones as capitals, in capitals.
func formsOf(row int, word Word) []form {
	forms := []form{}
	texts := []string{word.Text}
	if lower := strings.ToLower(word.Text); strings.ContainsFunc(lower, func(r rune) bool { return r > unicode.MaxASCII }) {
		runes := []rune(lower)
		runes[0] = unicode.ToUpper(runes[0])
		texts = append(texts, lower, strings.ToUpper(lower), string(runes))
	}
	for _, text := range texts {
		p := &page{}
		p.open(text)
		p.read(literally)
		add := func() {
			f := p.form(row, word)
			if !slices.ContainsFunc(forms, func(other form) bool { return f.same(&other) }) {
				forms = append(forms, f)
			}
		}
		add()
		if glyphs := slices.DeleteFunc(slices.Clone(p.glyphs), func(g glyph) bool { return g.kind == gap }); len(glyphs) < len(p.glyphs) {
			p.glyphs = glyphs
			p.read(literally)
			add()
		}
	}
	return forms
}

func (p *page) form(row int, word Word) form {
	f := form{row: row, letters: string(p.letters), anywhere: word.Match == Anywhere, exact: word.Exact}
	for i, r := range p.runs {
		n := need{count: r.count, gap: i > 0 && r.before != 0, spread: r.within != 0}
		if f.exact {
			n.marks = p.marks(r)
		}
		f.digits = f.digits || r.digit
		f.runs = append(f.runs, n)
	}
	return f
}

func (f *form) same(other *form) bool {
	return f.letters == other.letters && slices.EqualFunc(f.runs, other.runs, func(a, b need) bool {
		return a.count == b.count && a.gap == b.gap && a.spread == b.spread && slices.Equal(a.marks, b.marks)
	})
}

// marks are those on each letter of a run.
func (p *page) marks(r run) []string {
	marks := []string{}
	for i := r.first; i <= r.last; i++ {
		if g := p.glyphs[i]; g.kind != gap || p.way != literally && p.meant[i] != 0 {
			marks = append(marks, marksOf(p.text[g.start:g.end]))
		}
	}
	return marks
}

// fits says whether runs first to last of a page, which have the letters of the
// form, are the word.
func (f *form) fits(p *page, first, last int) bool {
	opens, closes := p.begins(first), p.begins(last+1)
	if !f.anywhere && !(opens && closes) {
		return false
	}
	strewn := false
	for i, need := range f.runs {
		r := &p.runs[first+i]
		end := i == 0 || i == len(f.runs)-1
		apart := end && r.within != 0 && need.count == 1 // plan b b: the second is another word
		if !apart && !need.enough(r, f.anywhere && end) {
			return false
		}
		strewn = strewn || i > 0 && r.before != 0 && !need.gap || r.within != 0 && !need.spread && !apart
	}
	if strewn && !(opens && closes && f.strewn(p, first, last)) {
		return false
	}
	return !f.exact || f.marked(p, first)
}

// enough says whether a letter stands there often enough, and not twice where it is
// needed once: god is not good. From three on it is drawn out. At an end of a word
// that may stand anywhere, more letters belong to another word.
func (n need) enough(r *run, end bool) bool {
	return r.count == n.count || r.count > n.count && (end || r.count >= 3 && !r.digit)
}

// strewn says whether what stands between the letters of a word is there to hide
// it. Either each letter stands alone (b a d, b.a.d), or no white space is used
// and one of the pieces is a letter or what is between is nothing of prose (ba_d).
// Pieces of two letters with spaces are left: many languages have such words, and
// in Yoruba "ó ń lọ" is plain speech.
func (f *form) strewn(p *page, first, last int) bool {
	alone, some, letters := true, false, 0
	between := gaps(0)
	for i := first; i <= last; i++ {
		one := p.alone(i)
		alone, some = alone && one, some || one
		letters += p.runs[i].count
		g := p.runs[i].within
		if i > first {
			g |= p.runs[i].before
		}
		if scattered(g) {
			return false
		}
		between |= g
	}
	if f.digits || letters < 3 {
		return false // 4/19 is a day
	}
	return alone || between&(space|apostrophe) == 0 && (some || between&odd != 0)
}

// marked says whether the letters have the marks of an exact word.
func (f *form) marked(p *page, first int) bool {
	for i, need := range f.runs {
		r := p.runs[first+i]
		marks, open := p.marks(r), f.anywhere || r.within != 0
		if extra := len(marks) - len(need.marks); extra > 0 && open && i == 0 {
			marks = marks[extra:]
		} else if extra > 0 && open && i == len(f.runs)-1 {
			marks = marks[:len(need.marks)]
		}
		for at, m := range marks {
			if m != need.marks[min(at, len(need.marks)-1)] {
				return false
			}
		}
	}
	return true
}
