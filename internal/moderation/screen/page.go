package screen

import (
	"sync"
	"unicode"
	"unicode/utf8"
)

// glyph is a letter, a digit or what stands between, at text[start:end] with the
// marks on it.
type glyph struct {
	kind       kind
	r          rune
	gap        gaps
	start, end int
	hump       bool // a capital after a small letter, as in BadBoy
	alike      rune // another letter that it may be meant for; 0 is none
}

// run is a letter once or many times in a row.
type run struct {
	r           rune
	count       int
	digit       bool
	start, end  int  // bytes of the text
	first, last int  // glyphs
	before      gaps // what stands before it
	within      gaps // what stands between its letters
	hump        bool
}

// way is a way to read a text.
type way uint8

const (
	literally way = iota
	leet          // digits and signs among letters are the letters they look like
	leetOther     // of two letters they look like, the other
)

// page is a text while it is read.
type page struct {
	text    string
	glyphs  []glyph
	runs    []run
	letters []byte // the letters of all runs, one of each
	at      []int  // the run of each byte of letters
	meant   []rune // of each glyph, the letter it is read as in leet; 0 is none
	way     way    // how runs were read
}

var pages = sync.Pool{New: func() any { return &page{} }}

// open takes the text apart.
func (p *page) open(text string) {
	p.text, p.glyphs = text, p.glyphs[:0]
	table := usualSigns()
	previous := rune(0)
	for at, r := range text {
		size := utf8.RuneLen(r)
		if r == utf8.RuneError {
			_, size = utf8.DecodeRuneInString(text[at:])
		}
		var signs []sign
		if r < usual {
			signs = table[r]
		} else {
			signs = foldRune(r)
		}
		first := len(p.glyphs)
		for _, s := range signs {
			if s.kind == mark {
				p.widen(at + size)
				continue
			}
			p.glyphs = append(p.glyphs, glyph{kind: s.kind, r: s.r, gap: s.gap, start: at, end: at + size})
		}
		if len(signs) > 0 && signs[0].kind != mark {
			if signs[0].kind == letter {
				p.compare(&p.glyphs[first], previous, r, text[at+size:])
			}
			previous = r
		}
	}
}

// compare notes what the case of a letter says beside its neighbours.
func (p *page) compare(g *glyph, previous, r rune, rest string) {
	g.hump = unicode.IsLower(previous) && unicode.IsUpper(r)
	switch { // a small l and a capital I are one stroke: fooIish, BlG
	case r == 'I' && unicode.IsLower(previous):
		g.alike = 'l'
	case r == 'l' && unicode.IsUpper(previous) && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z':
		g.alike = 'i'
	}
}

// close gives the page to the next text. A page of a book is not kept.
func (p *page) close() {
	if p.text = ""; cap(p.glyphs) <= 1<<14 {
		pages.Put(p)
	}
}

// widen lets the last letter end with a mark on it.
func (p *page) widen(end int) {
	last := len(p.glyphs) - 1
	if last < 0 || p.glyphs[last].kind != letter {
		return
	}
	for i, start := last, p.glyphs[last].start; i >= 0 && p.glyphs[i].start == start; i-- {
		p.glyphs[i].end = end
	}
}

// ways are those that give different readings of the text.
func (p *page) ways() []way {
	p.meant = append(p.meant[:0], make([]rune, len(p.glyphs))...)
	some, other := false, false
	for first := 0; first < len(p.glyphs); {
		last := first
		for last < len(p.glyphs) && (p.glyphs[last].kind == letter || looks(p.glyphs[last].r) != 0) {
			other = other || p.glyphs[last].alike != 0
			last++
		}
		if p.mean(first, last) {
			some = true
		}
		first = max(last, first+1)
	}
	some = p.meanAlone() || some
	for i, r := range p.meant {
		other = other || r != 0 && p.glyphs[i].alike != 0
	}
	switch {
	case other && some:
		return []way{literally, leet, leetOther}
	case other:
		return []way{literally, leetOther}
	case some:
		return []way{literally, leet}
	}
	return []way{literally}
}

// mean decides which digits and signs of glyphs first to last stand for letters:
// those between letters; then those at the ends too. The signs of money and at are
// letters at the ends of any word: a digit there more often only counts.
func (p *page) mean(first, last int) bool {
	isLetter := func(i int) bool { return i >= first && i < last && p.glyphs[i].kind == letter }
	begin, end := first, last
	for begin < last && !isLetter(begin) {
		begin++
	}
	for end > begin && !isLetter(end-1) {
		end--
	}
	if begin == end {
		return false
	}
	some := false
	for i := begin; i < end; i++ {
		some = p.take(i) || some
	}
	between := some
	for i := begin - 1; i >= first && (between && p.glyphs[i].kind == digit || moneyOrAt(p.glyphs[i].r)); i-- {
		some = p.take(i) || some
	}
	for i := end; i < last && (between && p.glyphs[i].kind == digit || moneyOrAt(p.glyphs[i].r)); i++ {
		some = p.take(i) || some
	}
	return some
}

// meanAlone takes digits that stand alone among letters that stand alone for
// letters: b 4 d.
func (p *page) meanAlone() bool {
	isGap := func(i int) bool { return i < 0 || i >= len(p.glyphs) || p.glyphs[i].kind == gap }
	some, open := false, false
	digits := []int{}
	for i, g := range p.glyphs {
		switch {
		case g.kind == gap:
			continue
		case !isGap(i-1) || !isGap(i+1):
			open, digits = false, digits[:0]
		case g.kind == digit && open:
			digits = append(digits, i)
		case g.kind == letter:
			for _, at := range digits {
				some = p.take(at)
			}
			open, digits = true, digits[:0]
		}
	}
	return some
}

// take reads a digit or sign as a letter.
func (p *page) take(i int) bool {
	g := &p.glyphs[i]
	if g.kind == letter {
		return false
	}
	p.meant[i] = looks(g.r)
	switch g.r {
	case '1', '!':
		g.alike = 'l'
	case '6':
		g.alike = 'b'
	case '|':
		g.alike = 'i'
	}
	return true
}

func moneyOrAt(r rune) bool { return r == '$' || r == '@' }

// looks is the letter that a digit or sign is written for; 0 is none.
func looks(r rune) rune {
	if r < unicode.MaxASCII {
		return leetLetters[r]
	}
	switch r {
	case '€':
		return 'e'
	case '£':
		return 'l'
	case '¢':
		return 'c'
	case '¥':
		return 'y'
	case '¡':
		return 'i'
	}
	return 0
}

var leetLetters = [unicode.MaxASCII]rune{
	'0': 'o', '1': 'i', '2': 'z', '3': 'e', '4': 'a', '5': 's', '6': 'g', '7': 't', '8': 'b', '9': 'g',
	'@': 'a', '$': 's', '!': 'i', '|': 'l', '+': 't',
}

// read makes the runs of the text, read in one way.
func (p *page) read(w way) {
	p.runs, p.way = p.runs[:0], w
	before, width := edge, 0
	for i, g := range p.glyphs {
		r, k := g.r, g.kind
		if w != literally && p.meant[i] != 0 {
			r, k = p.meant[i], letter
		}
		if w == leetOther && g.alike != 0 {
			r = g.alike
		}
		if k == gap {
			before |= g.gap
			if width++; width > widest {
				before |= many
			}
			continue
		}
		last := len(p.runs) - 1
		if before == 0 && last >= 0 && p.runs[last].digit != (k == digit) {
			before = touching
		}
		if before == 0 && last >= 0 && p.runs[last].r == r {
			p.runs[last].count++
			p.runs[last].end, p.runs[last].last = g.end, i
		} else {
			p.runs = append(p.runs, run{
				r: r, count: 1, digit: k == digit, start: g.start, end: g.end, first: i, last: i, before: before, hump: g.hump,
			})
		}
		before, width = 0, 0
	}
	p.gather()
	p.letters, p.at = p.letters[:0], p.at[:0]
	for i, run := range p.runs {
		p.letters = utf8.AppendRune(p.letters, run.r)
		for len(p.at) < len(p.letters) {
			p.at = append(p.at, i)
		}
	}
}

// widest is how many characters may stand between two letters of one word.
const widest = 5

// gather makes one run of a letter that stands alone many times: b a a a d.
func (p *page) gather() {
	kept := 0
	for i, r := range p.runs {
		if kept > 0 && p.alone(i) && r.count == 1 && !r.digit && !scattered(r.before) {
			k := &p.runs[kept-1]
			if k.r == r.r && k.before != 0 && (k.count == 1 || k.within != 0) {
				k.count++
				k.end, k.last = r.end, r.last
				k.within |= r.before
				continue
			}
		}
		p.runs[kept] = r
		kept++
	}
	p.runs = p.runs[:kept]
}

// scattered says whether a gap is wider than one within a word would be, or that
// of a list.
func scattered(g gaps) bool { return g&many != 0 || g&comma != 0 && g&space != 0 }

// begins says whether a word can begin with a run.
func (p *page) begins(i int) bool {
	return i >= len(p.runs) || p.runs[i].before != 0 || p.runs[i].hump
}

// alone says whether a run is all that stands between two gaps.
func (p *page) alone(i int) bool {
	return p.runs[i].before != 0 && (i+1 == len(p.runs) || p.runs[i+1].before != 0)
}
