package screen_test

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lingualink/lingualink/internal/moderation/screen"
)

// invented makes words that sound like some of West Africa, with their marks.
func invented(random *rand.Rand, syllables int) string {
	const heads, vowels = "bdfgjklmnprstwyɓɗƙṣ", "aeiouẹọàéìóú"
	pick := func(letters string) string {
		runes := []rune(letters)
		return string(runes[random.IntN(len(runes))])
	}
	var word strings.Builder
	for range syllables {
		word.WriteString(pick(heads) + pick(vowels))
	}
	return word.String()
}

// BenchmarkScreen20000Words reads texts of 200 characters of four kinds: plain, with
// marks, full of tricks, and with a listed word in every sixth.
func BenchmarkScreen20000Words(b *testing.B) {
	random := rand.New(rand.NewPCG(20, 6))
	list := []screen.Word{}
	codes := []string{"", "en", "ha", "yo", "ig"}
	for i := range 20_000 {
		word := screen.Word{Text: invented(random, 3+random.IntN(4)), Language: codes[i%len(codes)], Action: screen.Flag, Match: screen.Whole, Exact: i%10 == 0}
		if i%4 == 0 {
			word.Match = screen.Anywhere
		}
		list = append(list, word)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s := compile(b, list)
	runtime.GC()
	runtime.ReadMemStats(&after)
	texts := []string{}
	for i := range 600 {
		text := ""
		for utf8.RuneCountInString(text) < 200 {
			text += invented(random, 1+random.IntN(5)) + " "
		}
		if i%6 == 0 {
			text = list[random.IntN(len(list))].Text + " " + text
		}
		switch i % 4 {
		case 1, 2:
			text = screen.Fold(text)
		case 3:
			text = strings.NewReplacer("o", "0", "a", "@", "e", "3", "i", "1", "ba", "b a", "ọ", "о\u200b").Replace(text)
		}
		texts = append(texts, string([]rune(text + strings.Repeat("x", 200))[:200]))
	}
	hits, at := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		hits += len(s.Check(texts[at%len(texts)], "yo", "ha").Hits)
		at++
	}
	b.ReportMetric(float64(at)/b.Elapsed().Seconds(), "texts/s")
	b.ReportMetric(float64(hits)/float64(at), "hits/text")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MB")
}

func BenchmarkCompile20000Words(b *testing.B) {
	random := rand.New(rand.NewPCG(20, 6))
	list := []screen.Word{}
	for range 20_000 {
		list = append(list, screen.Word{Text: invented(random, 3+random.IntN(4)), Action: screen.Flag, Match: screen.Whole})
	}
	for b.Loop() {
		compile(b, list)
	}
}
