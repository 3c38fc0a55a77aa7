package audio

import "testing"

// bitWriter writes least significant bits first.
type bitWriter struct {
	data []byte
	bits int
}

func (w *bitWriter) write(value uint64, n int) *bitWriter {
	for i := range n {
		if w.bits%8 == 0 {
			w.data = append(w.data, 0)
		}
		w.data[len(w.data)-1] |= byte(value>>i&1) << (w.bits % 8)
		w.bits++
	}
	return w
}

// codebook begins a setup header of one codebook.
func codebook(dimensions, entries uint64) *bitWriter {
	w := &bitWriter{data: []byte("\x05vorbis"), bits: 56}
	return w.write(0, 8).write(0x564342, 24).write(dimensions, 16).write(entries, 24)
}

// lengths writes code lengths of an unordered, dense codebook.
func (w *bitWriter) lengths(lengths ...uint64) *bitWriter {
	w.write(0, 2)
	for _, length := range lengths {
		w.write(length-1, 5)
	}
	return w
}

// The library would allocate for or loop over each of the refused ones.
func TestCodebooksAreCheckedBeforeTheLibrarySeesThem(t *testing.T) {
	ordered := codebook(1, 4).write(1, 1).write(0, 5)
	for _, test := range []struct {
		name  string
		setup *bitWriter
		ok    bool
	}{
		{"a full tree", codebook(1, 4).lengths(1, 3, 3, 2).write(0, 4), true},
		{"one word of one bit", codebook(1, 2).write(2, 2).write(1, 1).write(0, 5).write(0, 1).write(0, 4), true},
		{"ordered: one of 1 bit, one of 2, two of 3", ordered.write(1, 3).write(1, 2).write(2, 2).write(0, 4), true},
		{"values", codebook(2, 2).lengths(1, 1).write(1, 4).write(0, 32).write(0, 32).write(3, 4).write(0, 1).write(5, 4), true},

		{"values cut off", codebook(2, 4).lengths(2, 2, 2, 2).write(2, 4).write(0, 32).write(0, 32).write(15, 4).write(0, 1), false},
		{"a tree with a hole", codebook(1, 3).lengths(1, 3, 3).write(0, 4), false},
		{"too many words", codebook(1, 3).lengths(1, 1, 1).write(0, 4), false},
		{"no words", codebook(1, 2).write(2, 2).write(0, 2).write(0, 4), false},
		{"no entries", codebook(1, 0).write(0, 64), false},
		{"no dimensions", codebook(0, 2).lengths(1, 1).write(0, 4), false},
		{"2^40 values", codebook(65535, 1<<24-1).write(0, 64), false},
		{"lengths cut off", codebook(1, 1000).write(0, 2), false},
		{"ordered without end", codebook(1, 1000).write(1, 1).write(0, 400), false},
		{"no codebook", &bitWriter{data: []byte("\x05vorbis\x00xyz")}, false},
		{"another header", &bitWriter{data: []byte("\x03vorbis")}, false},
	} {
		if err := checkCodebooks(test.setup.data); (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
