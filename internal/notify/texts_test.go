package notify

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// problems says what is wrong with the texts of one language, beside the catalogue and
// the English ones.
func problems(code string, in words, english words) []string {
	found := []string{}
	say := func(format string, args ...any) { found = append(found, code+": "+fmt.Sprintf(format, args...)) }
	known := map[string]Event{}
	for _, event := range catalogue {
		for _, key := range event.TextKeys() {
			known[key] = event
		}
	}
	for key, event := range known {
		if _, there := in.Kinds[key]; !there && code == English {
			say("%s has no text", key)
		}
		if code == English && event.Digest != "" && key == event.TextKeys()[0] && in.Kinds[key].Digest == nil {
			say("%s has no digest", key)
		}
	}
	for key, got := range in.Kinds {
		event, there := known[key]
		if !there {
			say("%s is used by nobody", key)
			continue
		}
		if got.Title == "" || got.Body == "" {
			say("%s has no title or no body", key)
		}
		for _, text := range []string{got.Title, got.Body} {
			for _, used := range placeholder.FindAllString(text, -1) {
				if _, ok := event.Field(strings.Trim(used, "{}")); !ok {
					say("%s: %s is no field", key, used)
				}
			}
		}
		want := english.Kinds[key]
		if a, b := placeholders(got.Title+got.Body), placeholders(want.Title+want.Body); a != b {
			say("%s: has %s, English has %s", key, a, b)
		}
		if got.Digest == nil {
			continue
		}
		if want.Digest == nil || event.Digest == "" {
			say("%s: this digest is used by nobody", key)
			continue
		}
		forms := map[string]bool{}
		for n := range 1_100 {
			forms[form(code, n)] = true
		}
		if a, b := slices.Sorted(maps.Keys(got.Digest.Body)), slices.Sorted(maps.Keys(forms)); !slices.Equal(a, b) {
			say("%s: the forms are %s, the language has %s", key, a, b)
		}
		for name, text := range got.Digest.Body {
			if a, b := placeholders(text), placeholders(want.Digest.Body["other"]); a != b {
				say("%s: form %s has %s, English has %s", key, name, a, b)
			}
		}
	}
	if in.Mail == nil || in.Mail.Open == "" || in.Mail.Why == "" || in.Mail.Unsubscribe == "" {
		say("words of mails are missing")
	}
	slices.Sort(found)
	return found
}

func placeholders(text string) string {
	used := placeholder.FindAllString(text, -1)
	slices.Sort(used)
	return fmt.Sprint(slices.Compact(used))
}

func TestTexts(t *testing.T) {
	for code, in := range texts {
		for _, problem := range problems(code, in, texts[English]) {
			t.Error(problem)
		}
	}
	if got := Languages(); !slices.Equal(got, []string{"en", "am", "fr", "ha", "ig", "sw", "yo"}) {
		t.Errorf("languages are %s", got)
	}
	for _, code := range Languages() {
		t.Logf("%s: %d of %d texts", code, len(texts[code].Kinds), len(texts[English].Kinds))
	}
}

// TestTextProblemsAreFound breaks the texts in every way that the test above is for.
func TestTextProblemsAreFound(t *testing.T) {
	for name, change := range map[string]struct {
		code string
		do   func(in *words)
	}{
		"missing key":      {"en", func(in *words) { delete(in.Kinds, "promoted") }},
		"unused key":       {"sw", func(in *words) { in.Kinds["clip_aproved"] = in.Kinds["clip_approved"] }},
		"no body":          {"yo", func(in *words) { in.Kinds["call_ring"] = wording{Title: "{name}"} }},
		"no field":         {"en", func(in *words) { in.Kinds["promoted"] = wording{Title: "{rank}", Body: "x"} }},
		"other fields":     {"fr", func(in *words) { in.Kinds["payout_paid"] = wording{Title: "x", Body: "y"} }},
		"form missing":     {"fr", func(in *words) { in.Kinds["follower"].Digest.Body = map[string]string{"other": "{count}"} }},
		"form too many":    {"yo", func(in *words) { in.Kinds["follower"].Digest.Body["one"] = "{count}" }},
		"form says less":   {"sw", func(in *words) { in.Kinds["follower"].Digest.Body["one"] = "x" }},
		"digest missing":   {"en", func(in *words) { w := in.Kinds["follower"]; w.Digest = nil; in.Kinds["follower"] = w }},
		"mail words empty": {"ig", func(in *words) { in.Mail.Open = "" }},
	} {
		raw, err := json.Marshal(texts[change.code])
		if err != nil {
			t.Fatal(err)
		}
		var in words
		if err := json.Unmarshal(raw, &in); err != nil {
			t.Fatal(err)
		}
		change.do(&in)
		if len(problems(change.code, in, texts[English])) == 0 {
			t.Errorf("%s is not found", name)
		}
	}
}

// TestTextFilesHaveNoUnknownNames reads them strictly: a name that is mistyped would
// say nothing to anybody.
func TestTextFilesHaveNoUnknownNames(t *testing.T) {
	names, err := fs.Glob(textFiles, "texts/*.json")
	if err != nil || len(names) != 7 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		file, err := textFiles.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		decoder := json.NewDecoder(file)
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(new(words)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCatalogue(t *testing.T) {
	seen := map[Kind]bool{}
	for _, event := range catalogue {
		if seen[event.Kind] {
			t.Errorf("%s is there twice", event.Kind)
		}
		seen[event.Kind] = true
		if _, ok := RuleOf(event.Category); !ok || event.To == "" || !regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`).MatchString(string(event.Kind)) {
			t.Errorf("%s: category %q, to %q", event.Kind, event.Category, event.To)
		}
		if event.Link != "" && !strings.HasPrefix(event.Link, "/") || event.Collapse == "" {
			t.Errorf("%s: link %q, collapse %q", event.Kind, event.Link, event.Collapse)
		}
		used := placeholder.FindAllString(event.Link+event.Collapse+event.Digest, -1)
		for _, name := range append(used, event.Actor, event.Thread) {
			field, ok := event.Field(strings.Trim(name, "{}"))
			if name != "" && (!ok || field.Type != ID || field.Optional) {
				t.Errorf("%s: %s is no id that is always there", event.Kind, name)
			}
		}
		if _, ok := event.Field(event.Variant); event.Variant != "" && (!ok || len(event.Variants) < 2) {
			t.Errorf("%s: variant %q", event.Kind, event.Variant)
		}
	}
}

// example is data for an event, with everything in it.
func example(event Event, variant string) map[string]any {
	data := map[string]any{}
	for i, field := range event.Fields {
		switch field.Type {
		case ID:
			data[field.Name] = fmt.Sprintf("id%013d", i)
		case Text:
			data[field.Name] = "Ada"
		case Count:
			data[field.Name] = 3
		case Flag:
			data[field.Name] = true
		case Money:
			data[field.Name+"_minor"], data["currency"] = 150_000, "NGN"
		case Time:
			data[field.Name] = "2026-07-05 20:30:00.000Z"
		}
	}
	if event.Variant != "" {
		field, _ := event.Field(event.Variant)
		data[event.Variant] = variant
		if variant == none {
			delete(data, event.Variant)
		} else if field.Type == Flag {
			data[event.Variant] = variant == "true"
		}
	}
	return data
}

// TestEverythingCanBeSaid puts every event into every language, and looks for what was
// left over.
func TestEverythingCanBeSaid(t *testing.T) {
	lagos, _ := ZoneOf("Africa/Lagos")
	for _, event := range catalogue {
		for _, variant := range append([]string{}, append(event.Variants, "")...) {
			if variant == "" && event.Variant != "" {
				continue
			}
			for _, code := range append(Languages(), "xx", "") {
				notice := Notice{event.Kind, example(event, variant)}
				said, err := Say(notice, Reader{code, lagos})
				if err != nil || said.Title == "" || said.Body == "" || strings.ContainsAny(said.Title+said.Body, "{}") {
					t.Errorf("%s in %q: %+v, %v", event.Kind, code, said, err)
				}
				link := event.LinkOf(notice.Data) + event.CollapseOf(notice.Data) + event.DigestOf(notice.Data)
				if strings.ContainsAny(link, "{} ") {
					t.Errorf("%s: %s", event.Kind, link)
				}
				if event.Digest == "" {
					continue
				}
				other := Notice{event.Kind, maps.Clone(notice.Data)}
				if event.Actor != "" && event.Digest != "{"+event.Actor+"}" {
					other.Data[event.Actor] = "somebodyelse000"
				}
				many, err := SayMany([]Notice{notice, other}, Reader{code, lagos})
				if err != nil || many.Title == "" || !strings.Contains(many.Body, "2") || strings.ContainsAny(many.Title+many.Body, "{}") {
					t.Errorf("many %s in %q: %+v, %v", event.Kind, code, many, err)
				}
			}
		}
	}
}

func TestSay(t *testing.T) {
	paid := Notice{"payout_failed", map[string]any{"payout": "payout000000001", "amount_minor": float64(150_000), "currency": "NGN"}}
	lagos, _ := ZoneOf("Africa/Lagos")
	suspended := Notice{"account_suspended", map[string]any{"until": "2026-07-05 23:30:00.000Z"}}
	ring := Notice{"call_ring", map[string]any{"call": "call00000000001", "from": "user00000000001", "name": "A\u202eda\x00"}}
	for _, test := range []struct {
		notice Notice
		reader Reader
		want   Said
	}{
		{paid, Reader{}, Said{"Your payout did not arrive", "₦1,500.00 is back in your wallet.", "en"}},
		{paid, Reader{Language: "fr"}, Said{"Votre paiement n’est pas arrivé", "1\u202f500,00\u00a0₦ sont de retour dans votre portefeuille.", "fr"}},
		{suspended, Reader{Zone: lagos}, Said{"Your account is suspended", "It is suspended until 2026-07-06 00:30. You can read your wallet and appeal.", "en"}},
		// Igbo lacks it: all of it is English then.
		{suspended, Reader{Language: "ig"}, Said{"Your account is suspended", "It is suspended until 2026-07-05 23:30. You can read your wallet and appeal.", "en"}},
		{ring, Reader{Language: "ig"}, Said{"Ada na-akpọ gị", "Mepee ngwa ahụ ka ị zaa.", "ig"}},
	} {
		if got, err := Say(test.notice, test.reader); err != nil || got != test.want {
			t.Errorf("%s: %+v, %v", test.notice.Kind, got, err)
		}
	}
}

func TestSayMany(t *testing.T) {
	by := func(ids ...int) []Notice {
		notices := []Notice{}
		for _, id := range ids {
			notices = append(notices, Notice{"follower", map[string]any{"from": fmt.Sprintf("user%011d", id), "name": fmt.Sprintf("N%d", id)}})
		}
		return notices
	}
	twelve := by(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 12, 12)
	for _, test := range []struct {
		notices []Notice
		code    string
		want    string
	}{
		{by(1), "en", "N1 follows you now."},
		{by(1, 1), "en", "N1 follows you now."}, // one person, however often
		{twelve, "en", "12 people follow you now."},
		{twelve, "sw", "Watu 12 sasa wanakufuata."},
		{twelve, "am", "የአዳዲስ ተከታዮች ብዛት፦ 12።"},
	} {
		if got, err := SayMany(test.notices, Reader{Language: test.code}); err != nil || got.Body != test.want {
			t.Errorf("%d in %s: %q, %v", len(test.notices), test.code, got.Body, err)
		}
	}
	missed := Notice{"call_missed", map[string]any{"call": "call00000000001", "from": "user00000000001", "name": "Ada"}}
	other := Notice{"call_missed", map[string]any{"call": "call00000000002", "from": "user00000000002", "name": "Bisi"}}
	if got, err := SayMany([]Notice{missed, missed, missed}, Reader{}); err != nil || got.Body != "Ada called you 3 times." {
		t.Errorf("%+v, %v", got, err)
	}
	for _, mixed := range [][]Notice{nil, {missed, other}, {missed, by(1)[0]}, {{"promoted", nil}, {"promoted", nil}}} {
		if got, err := SayMany(mixed, Reader{}); err == nil {
			t.Errorf("%v was said: %+v", mixed, got)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	good := func() map[string]any {
		return map[string]any{"payout": "payout000000001", "amount_minor": 1, "currency": "NGN"}
	}
	if err := Check(Notice{"payout_paid", good()}); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(data map[string]any){
		"missing":     func(data map[string]any) { delete(data, "payout") },
		"empty id":    func(data map[string]any) { data["payout"] = "" },
		"path in id":  func(data map[string]any) { data["payout"] = "../x" },
		"no number":   func(data map[string]any) { data["amount_minor"] = "1" },
		"fraction":    func(data map[string]any) { data["amount_minor"] = 1.5 },
		"no currency": func(data map[string]any) { delete(data, "currency") },
		"undeclared":  func(data map[string]any) { data["password"] = "x" },
	} {
		data := good()
		change(data)
		if Check(Notice{"payout_paid", data}) == nil {
			t.Errorf("%s passes", name)
		}
	}
	bonus := map[string]any{"referral": "r", "user": "u", "amount_minor": 0, "currency": "NGN", "cut": "monthly_cap"}
	if said, err := Say(Notice{"referral_bonus", bonus}, Reader{}); err != nil || !strings.HasPrefix(said.Body, "There is no bonus") {
		t.Errorf("a value that is not listed: %+v, %v", said, err)
	}
	verdict := map[string]any{"clip": "clip", "verdict": "v", "outcome": "escalated"}
	for _, notice := range []Notice{{"nothing", nil}, {"verdict_changed", verdict}, {"account_suspended", map[string]any{"until": "soon"}}} {
		if Check(notice) == nil {
			t.Errorf("%s passes", notice.Kind)
		}
	}
}

func TestLanguageOf(t *testing.T) {
	for wanted, want := range map[string]string{
		"ha-NE": "ha", "yo-NG": "yo", "yo_NG": "yo", "swh": "sw", "fr-CI": "fr", "wo": "fr", "am-ET": "am", "ig": "ig", "pcm": "en",
		"tw": "en", "": "en", "nonsense words": "en", "de": "en",
	} {
		if got := LanguageOf(wanted); got != want {
			t.Errorf("%q is served by %s, want %s", wanted, got, want)
		}
	}
	if got := LanguageOf("nup", "ha"); got != "ha" {
		t.Errorf("the second language is not looked at: %s", got)
	}
	if Words("xx") != Words("en") || Words("fr").Open != "Ouvrir" {
		t.Error("words of mails")
	}
}

func TestAmount(t *testing.T) {
	for _, test := range []struct {
		minor    int64
		currency string
		code     string
		want     string
	}{
		{150_000, "NGN", "en", "₦1,500.00"}, {-150_000, "NGN", "en", "-₦1,500.00"}, {5, "USD", "yo", "US$0.05"},
		{1_234_567, "XOF", "fr", "1\u202f234\u202f567\u00a0F CFA"}, {100, "KES", "sw", "KSh\u00a01.00"}, {100, "KES", "en", "KSh\u00a01.00"},
		{100, "GHS", "ha", "GH₵\u00a01.00"}, {100, "ZAR", "en", "R\u00a01.00"},
	} {
		data := map[string]any{"amount_minor": test.minor, "currency": test.currency}
		v, err := valueOf(Field{Name: "amount", Type: Money}, data)
		if got := v.write(test.code, time.UTC); err != nil || got != test.want {
			t.Errorf("%d %s in %s: %q, want %q, %v", test.minor, test.currency, test.code, got, test.want, err)
		}
	}
}
