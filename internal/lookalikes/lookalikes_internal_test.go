package lookalikes

import (
	"testing"
	"unicode"
)

// TestALetterLooksLikeOneOther: the table is read in no order, so a letter that
// stood in two rows would change from run to run.
func TestALetterLooksLikeOneOther(t *testing.T) {
	rows := map[rune]bool{}
	for _, letter := range "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-" {
		if _, known := shapes[letter]; known {
			t.Errorf("%c is plain and stands for another", letter)
		}
	}
	total := 0
	for _, row := range shapeRows {
		for _, r := range row {
			total++
			if rows[r] {
				t.Errorf("%c (%U) stands in two rows or twice", r, r)
			}
			rows[r] = true
		}
	}
	for _, s := range styles {
		if (int(s.last-s.first)+1)%len(s.as) != 0 && s.first != '\uff01' {
			t.Errorf("%U to %U is no whole number of rows of %d", s.first, s.last, len(s.as))
		}
	}
	if total < 200 {
		t.Errorf("only %d letters", total)
	}
}

// TestPlainLettersAreLatin: and stand in one row, as capitals.
func TestPlainLettersAreLatin(t *testing.T) {
	rows := map[rune]bool{}
	for _, row := range plainLetters {
		for _, r := range row.letters {
			if rows[r] || !unicode.Is(unicode.Latin, r) || r < unicode.MaxASCII {
				t.Errorf("%c (%U) stands in two rows or is no Latin letter with something to it", r, r)
			}
			rows[r] = true
		}
	}
	for _, small := range "ọẹṣɓɗƙƴɛɔŋß" {
		if _, known := Plain(small); !known {
			t.Errorf("%c is not known", small)
		}
	}
	if letters, known := Plain('е'); known {
		t.Errorf("the Cyrillic letter is %q", letters)
	}
}

func TestShape(t *testing.T) {
	for r, want := range map[rune]byte{
		'а': 'A', 'А': 'A', 'ν': 'V', 'Ν': 'N', 'ọ': 'O', 'З': '3', 'з': '3', 'б': '6', '–': '-', 'Ɓ': 'B', 'ɓ': 'B', 'ш': 0, 'A': 0, 'a': 0, '7': 0,
	} {
		if got, known := Shape(r); got != want || known != (want != 0) {
			t.Errorf("Shape(%c) = %q, %v", r, got, known)
		}
	}
	for r, want := range map[rune]rune{'ａ': 'a', 'Ⓑ': 'B', '𝐛': 'b', '𝟘': '0', '٣': '3', '۳': '3', 'ọ': 'ọ', 'x': 'x'} {
		if got := Unstyled(r); got != want {
			t.Errorf("Unstyled(%c) = %c", r, got)
		}
	}
	if Narrow('Ａ') != 'A' || Narrow('Ⓑ') != 'Ⓑ' {
		t.Error("Narrow takes off the full width and nothing else")
	}
}
