package notify_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/notify"
	"github.com/lingualink/lingualink/internal/push"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, ok := notify.ZoneOf(name)
	if !ok {
		t.Fatalf("no zone %s", name)
	}
	return z
}

func at(t testing.TB, text string, z *time.Location) time.Time {
	t.Helper()
	parsed, err := time.ParseInLocation("2006-01-02 15:04:05", text, z)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestQuiet(t *testing.T) {
	night, nap, none := notify.Quiet{FromMinute: 22 * 60, ToMinute: 7 * 60}, notify.Quiet{FromMinute: 13 * 60, ToMinute: 14*60 + 30}, notify.Quiet{}
	for _, test := range []struct {
		quiet           notify.Quiet
		zone, now, want string // the wall's
	}{
		{night, "Africa/Lagos", "2026-01-05 21:59:59", "2026-01-05 21:59:59"},
		{night, "Africa/Lagos", "2026-01-05 22:00:00", "2026-01-06 07:00:00"},
		{night, "Africa/Lagos", "2026-01-06 00:00:00", "2026-01-06 07:00:00"},
		{night, "Africa/Lagos", "2026-01-06 06:59:59", "2026-01-06 07:00:00"},
		{night, "Africa/Lagos", "2026-01-06 07:00:00", "2026-01-06 07:00:00"},
		{night, "Asia/Kathmandu", "2026-01-05 23:00:30", "2026-01-06 07:00:00"},
		{nap, "Africa/Lagos", "2026-01-05 13:00:00", "2026-01-05 14:30:00"},
		{nap, "Africa/Lagos", "2026-01-05 14:30:00", "2026-01-05 14:30:00"},
		{none, "Africa/Lagos", "2026-01-05 00:00:00", "2026-01-05 00:00:00"},
		// The clock is turned in the night; it is seven when the wall says so.
		{night, "Europe/Paris", "2026-03-28 23:00:00", "2026-03-29 07:00:00"},
		{night, "Europe/Paris", "2026-10-24 23:00:00", "2026-10-25 07:00:00"},
		// Half past two is left out that night: three is the first time after it.
		{notify.Quiet{FromMinute: 22 * 60, ToMinute: 2*60 + 30}, "Europe/Paris", "2026-03-28 23:00:00", "2026-03-29 03:00:00"},
		{notify.Quiet{FromMinute: 22 * 60, ToMinute: 7 * 60}, "Africa/Casablanca", "2026-02-14 23:00:00", "2026-02-15 07:00:00"},
	} {
		z := zone(t, test.zone)
		now := at(t, test.now, z)
		if got := test.quiet.Until(now, z); !got.Equal(at(t, test.want, z)) {
			t.Errorf("%+v in %s at %s: until %s, want %s", test.quiet, test.zone, test.now, got.In(z), test.want)
		}
	}
	if got := night.Until(at(t, "2026-01-05 23:00:00", time.UTC), nil); !got.Equal(at(t, "2026-01-06 07:00:00", time.UTC)) {
		t.Errorf("without a zone: %s", got)
	}
}

// TestQuietMinuteByMinute compares with the plain definition over both nights on which
// a clock is turned: the first minute that the wall does not call quiet.
func TestQuietMinuteByMinute(t *testing.T) {
	for _, name := range []string{"Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"} {
		z := zone(t, name)
		for _, quiet := range []notify.Quiet{{FromMinute: 22 * 60, ToMinute: 7 * 60}, {FromMinute: 23 * 60, ToMinute: 90}, {FromMinute: 60, ToMinute: 150}} {
			isQuiet := func(at time.Time) bool {
				minute := at.In(z).Hour()*60 + at.In(z).Minute()
				if quiet.FromMinute < quiet.ToMinute {
					return minute >= quiet.FromMinute && minute < quiet.ToMinute
				}
				return minute >= quiet.FromMinute || minute < quiet.ToMinute
			}
			for start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); start.Year() == 2026; start = start.Add(7*time.Hour + 13*time.Minute) {
				_, before := start.In(z).Zone()
				if _, after := start.Add(24 * time.Hour).In(z).Zone(); before == after {
					continue
				}
				for now := start; now.Before(start.Add(24 * time.Hour)); now = now.Add(11 * time.Minute) {
					want := now
					for isQuiet(want) {
						want = want.Add(time.Minute)
					}
					if got := quiet.Until(now, z); !got.Equal(want) {
						t.Fatalf("%s %+v: at %s until %s, want %s", name, quiet, now.In(z), got.In(z), want.In(z))
					}
				}
			}
		}
	}
}

func TestZoneOf(t *testing.T) {
	for name, want := range map[string]bool{"Africa/Lagos": true, "UTC": true, "": false, "Local": false, "../../etc/passwd": false, "Nowhere/Land": false} {
		if z, ok := notify.ZoneOf(name); ok != want || z == nil {
			t.Errorf("%q: %v", name, ok)
		}
	}
}

var (
	noon     = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	midnight = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)
	allWays  = []notify.Way{{Channel: notify.InApp}, {Channel: notify.Push}, {Channel: notify.Mail}}
)

const ada, bisi = "user00000000ada", "user0000000bisi"

func follower() notify.Notice {
	return notify.Notice{Kind: "follower", Data: map[string]any{"from": bisi, "name": "Bisi"}}
}

func ring() notify.Notice {
	return notify.Notice{Kind: "call_ring", Data: map[string]any{"call": "call00000000001", "from": bisi, "name": "Bisi"}}
}

func live() notify.Notice {
	return notify.Notice{Kind: "stream_live", Data: map[string]any{"stream": "stream000000001", "from": bisi, "name": "Bisi", "title": "Tales"}}
}

func payout(kind notify.Kind) notify.Notice {
	return notify.Notice{Kind: kind, Data: map[string]any{"payout": "payout000000001", "amount_minor": 1, "currency": "NGN"}}
}

func account() notify.Notice {
	return notify.Notice{Kind: "payout_account_changed", Data: map[string]any{"account": "account00000001", "currency": "NGN"}}
}

// summary is what a plan comes to, by channel.
func summary(t *testing.T, notice notify.Notice, person notify.Person, ways []notify.Way, now time.Time) string {
	t.Helper()
	plan, err := notify.Plan(notify.DefaultPolicy(), notice, person, ways, now)
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, d := range plan {
		text += fmt.Sprintf("%s+%s ", d.Channel, d.At.Sub(now))
	}
	return text
}

func TestPlan(t *testing.T) {
	off := func(category notify.Category, channels ...notify.Channel) notify.Person {
		set := map[notify.Channel]bool{}
		for _, channel := range channels {
			set[channel] = false
		}
		return notify.Person{Preferences: notify.Preferences{category: set}}
	}
	blocked := notify.Person{Blocked: func(person string) bool { return person == bisi }}
	muted := notify.Person{Muted: func(thread string) bool { return thread == "stream000000001" }}
	awake := notify.Person{Quiet: &notify.Quiet{}}
	for name, test := range map[string]struct {
		notice notify.Notice
		person notify.Person
		ways   []notify.Way
		now    time.Time
		want   string
	}{
		"defaults":             {follower(), notify.Person{}, allWays, noon, "in_app+0s push+0s "},
		"mail by wish":         {follower(), notify.Person{Preferences: notify.Preferences{notify.Social: {notify.Mail: true}}}, allWays, noon, "in_app+0s push+0s mail+0s "},
		"no push by wish":      {follower(), off(notify.Social, notify.Push), allWays, noon, "in_app+0s "},
		"nothing by wish":      {follower(), off(notify.Social, notify.Push, notify.InApp), allWays, noon, ""},
		"another's wish":       {follower(), off(notify.Live, notify.Push, notify.InApp), allWays, noon, "in_app+0s push+0s "},
		"what must come comes": {account(), off(notify.Security, notify.Channels()...), allWays, noon, "in_app+0s mail+0s "},
		"only what there is":   {account(), notify.Person{}, allWays[:1], noon, "in_app+0s "},
		"quiet":                {follower(), notify.Person{}, allWays, midnight, "in_app+0s push+7h0m0s "},
		"own quiet hours":      {follower(), awake, allWays, midnight, "in_app+0s push+0s "},
		"own zone":             {follower(), notify.Person{Zone: zone(t, "Asia/Tokyo")}, allWays, midnight, "in_app+0s push+0s "},
		"urgent: security":     {account(), notify.Person{}, allWays, midnight, "in_app+0s push+0s mail+0s "},
		"urgent: money failed": {payout("payout_failed"), notify.Person{}, allWays, midnight, "in_app+0s push+0s mail+0s "},
		"money came":           {payout("payout_paid"), notify.Person{}, allWays, midnight, "in_app+0s push+7h0m0s mail+7h0m0s "},
		"urgent: a call":       {ring(), notify.Person{}, allWays, midnight, "in_app+0s push+0s "},
		"over when it is day":  {live(), notify.Person{}, allWays, midnight, "in_app+0s "},
		"blocked":              {ring(), blocked, allWays, noon, ""},
		"muted":                {live(), muted, allWays, noon, "in_app+0s "},
		"after one alike":      {follower(), notify.Person{}, []notify.Way{{notify.Push, noon.Add(-4 * time.Minute)}}, noon, "push+6m0s "},
		"long after one alike": {follower(), notify.Person{}, []notify.Way{{notify.Push, noon.Add(-11 * time.Minute)}}, noon, "push+0s "},
		"alike, into the night": {follower(), notify.Person{}, []notify.Way{{notify.Push, midnight.Add(-127 * time.Minute)}}, midnight.Add(-125 * time.Minute),
			"push+9h5m0s "},
		"never with others": {payout("payout_paid"), notify.Person{}, []notify.Way{{notify.Push, noon}}, noon, "push+0s "},
	} {
		if got := summary(t, test.notice, test.person, test.ways, test.now); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	if _, err := notify.Plan(notify.DefaultPolicy(), notify.Notice{Kind: "nothing"}, notify.Person{}, allWays, noon); err == nil {
		t.Error("a kind that is not there has a plan")
	}
}

func TestRingIsDropped(t *testing.T) {
	plan, err := notify.Plan(notify.DefaultPolicy(), ring(), notify.Person{}, allWays, noon)
	if err != nil || len(plan) != 2 {
		t.Fatal(plan, err)
	}
	push, inbox := plan[1], plan[0]
	if push.Expired(noon.Add(44*time.Second)) || !push.Expired(noon.Add(45*time.Second)) || !push.Urgent || inbox.Expired(noon.Add(time.Hour)) {
		t.Errorf("%+v %+v", push, inbox)
	}
}

func TestPreferencesValid(t *testing.T) {
	for name, test := range map[string]struct {
		set notify.Preferences
		ok  bool
	}{
		"none":             {nil, true},
		"off":              {notify.Preferences{notify.Live: {notify.Push: false}}, true},
		"must come, on":    {notify.Preferences{notify.Security: {notify.Mail: true}}, true},
		"must come, off":   {notify.Preferences{notify.Security: {notify.Mail: false}}, false},
		"unknown category": {notify.Preferences{"weather": {notify.Push: true}}, false},
		"unknown channel":  {notify.Preferences{notify.Live: {"pigeon": true}}, false},
	} {
		if category, ok := test.set.Valid(); ok != test.ok || ok != (category == "") {
			t.Errorf("%s: %q %v", name, category, ok)
		}
	}
	if (notify.Preferences{}).Allows("weather", notify.InApp) {
		t.Error("a category that is not there is allowed")
	}
}

func TestEffectKeysAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, cause := range []string{"verdict:1", "verdict:1:" + ada, "verdict"} {
		for _, user := range []string{ada, bisi} {
			for _, channel := range notify.Channels() {
				for _, device := range []string{"", "device000000001"} {
					key := notify.EffectKey(cause, user, channel, device)
					if seen[key] {
						t.Errorf("%s is there twice", key)
					}
					seen[key] = true
				}
			}
		}
	}
}

func TestAfter(t *testing.T) {
	p := notify.DefaultPolicy()
	soon := noon.Add(20 * time.Second)
	for name, test := range map[string]struct {
		channel notify.Channel
		attempt int
		expires time.Time
		result  push.Result
		want    notify.Next
		least   time.Duration
	}{
		"sent":                       {notify.Push, 1, time.Time{}, push.Result{Outcome: push.Sent}, notify.Done, 0},
		"ticket":                     {notify.Push, 1, time.Time{}, push.Result{Outcome: push.Ticketed}, notify.Ticket, 15 * time.Minute},
		"dead token":                 {notify.Push, 1, time.Time{}, push.Result{Outcome: push.Dead}, notify.Forget, 0},
		"permanent":                  {notify.Push, 1, time.Time{}, push.Result{Outcome: push.Refused}, notify.Bury, 0},
		"5xx":                        {notify.Push, 1, time.Time{}, push.Result{Outcome: push.Failed}, notify.Again, 7500 * time.Millisecond},
		"429":                        {notify.Push, 1, time.Time{}, push.Result{Outcome: push.Limited, RetryAfter: 2 * time.Hour}, notify.Again, 2 * time.Hour},
		"429, over by then":          {notify.Push, 1, noon.Add(time.Hour), push.Result{Outcome: push.Limited, RetryAfter: 2 * time.Hour}, notify.Drop, 0},
		"a ring that cannot wait":    {notify.Push, 4, soon, push.Result{Outcome: push.Failed}, notify.Drop, 0},
		"last attempt":               {notify.Push, 6, time.Time{}, push.Result{Outcome: push.Failed}, notify.Bury, 0},
		"one before":                 {notify.Push, 5, time.Time{}, push.Result{Outcome: push.NotSent}, notify.Again, 120 * time.Second},
		"timeout of a push":          {notify.Push, 1, time.Time{}, push.Result{Outcome: push.Unknown}, notify.Again, 7500 * time.Millisecond},
		"timeout of a mail":          {notify.Mail, 1, time.Time{}, push.Result{Outcome: push.Unknown}, notify.Unclear, 0},
		"mail server away":           {notify.Mail, 1, time.Time{}, push.Result{Outcome: push.NotSent}, notify.Again, 7500 * time.Millisecond},
		"last attempt of a mail":     {notify.Mail, 5, time.Time{}, push.Result{Outcome: push.Limited}, notify.Bury, 0},
		"wrong keys":                 {notify.Push, 6, time.Time{}, push.Result{Outcome: push.Misconfigured}, notify.Rest, 15 * time.Minute},
		"wrong keys, and it is over": {notify.Push, 1, soon, push.Result{Outcome: push.Misconfigured}, notify.Drop, 0},
		"what nobody knows":          {notify.Push, 1, time.Time{}, push.Result{Outcome: "odd"}, notify.Bury, 0},
	} {
		step := p.After(notify.Tried{Channel: test.channel, Key: "k", Attempt: test.attempt, Expires: test.expires}, test.result, noon)
		if step.Next != test.want || (test.least > 0 && step.At.Sub(noon) < test.least) {
			t.Errorf("%s: %s at %s", name, step.Next, step.At.Sub(noon))
		}
	}
	for _, outcome := range push.Outcomes() {
		if outcome == push.Refused {
			continue
		}
		if step := p.After(notify.Tried{Channel: notify.Push, Attempt: 1}, push.Result{Outcome: outcome}, noon); step.Next == notify.Bury {
			t.Errorf("%s is buried at once", outcome)
		}
	}
}

func TestBackoff(t *testing.T) {
	p := notify.DefaultPolicy()
	for attempt := 1; attempt < 40; attempt++ {
		full := min(15*time.Second<<min(attempt-1, 20), time.Hour)
		pauses := []time.Duration{}
		for i := range 200 {
			pause := p.Backoff(fmt.Sprint("key", i), attempt)
			if pause < full/2 || pause > full {
				t.Fatalf("attempt %d: %s, outside %s to %s", attempt, pause, full/2, full)
			}
			pauses = append(pauses, pause)
		}
		slices.Sort(pauses)
		if len(slices.Compact(pauses)) < 100 {
			t.Errorf("attempt %d: what failed together comes back together", attempt)
		}
	}
	if p.Backoff("k", 3) != p.Backoff("k", 3) {
		t.Error("the pause is not that of the key")
	}
}

func TestAfterReceipt(t *testing.T) {
	p := notify.DefaultPolicy()
	tried := notify.Tried{Channel: notify.Push, Key: "k", Attempt: 1}
	for name, test := range map[string]struct {
		receipt push.Result
		age     time.Duration
		want    notify.Next
	}{
		"delivered":          {push.Result{Outcome: push.Sent}, time.Hour, notify.Done},
		"dead":               {push.Result{Outcome: push.Dead}, time.Hour, notify.Forget},
		"not there yet":      {push.Result{Outcome: push.Pending}, time.Hour, notify.Ticket},
		"never there":        {push.Result{Outcome: push.Pending}, 23 * time.Hour, notify.Done},
		"nobody answered":    {push.Result{Outcome: push.Unknown}, time.Hour, notify.Ticket},
		"asked too often":    {push.Result{Outcome: push.Limited, Code: "TOO_MANY_REQUESTS", RetryAfter: time.Hour}, time.Hour, notify.Ticket},
		"too many to one":    {push.Result{Outcome: push.Limited, Code: "MessageRateExceeded"}, time.Hour, notify.Again},
		"Google is down":     {push.Result{Outcome: push.Failed, Code: "ProviderError"}, time.Hour, notify.Again},
		"too big":            {push.Result{Outcome: push.Refused}, time.Hour, notify.Bury},
		"Apple's key is bad": {push.Result{Outcome: push.Misconfigured}, time.Hour, notify.Rest},
	} {
		if step := p.AfterReceipt(tried, noon.Add(-test.age), test.receipt, noon); step.Next != test.want {
			t.Errorf("%s: %s, want %s", name, step.Next, test.want)
		}
	}
}

func TestUnsubscribe(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	text := notify.Unsubscribe(secret, ada, notify.Social)
	if user, category, ok := notify.Unsubscribed(secret, text); !ok || user != ada || category != notify.Social {
		t.Errorf("%q: %s %s %v", text, user, category, ok)
	}
	for name, forged := range map[string]string{
		"another person":   bisi + text[len(ada):],
		"another category": ada + ".live" + text[len(ada)+len(".social"):],
		"cut":              text[:len(text)-1],
		"none":             "",
		"what must come":   notify.Unsubscribe(secret, ada, notify.Security),
	} {
		if _, _, ok := notify.Unsubscribed(secret, forged); ok {
			t.Errorf("%s is taken", name)
		}
	}
	if _, _, ok := notify.Unsubscribed([]byte("another secret"), text); ok {
		t.Error("another secret is taken")
	}
	if _, _, ok := notify.Unsubscribed(nil, notify.Unsubscribe(nil, ada, notify.Social)); ok {
		t.Error("no secret is taken")
	}
}

func TestPolicy(t *testing.T) {
	if err := notify.DefaultPolicy().Validate(); err != nil {
		t.Fatal(err)
	}
	got, err := notify.ParsePolicy([]byte(`{"quiet_from_minute":0,"quiet_to_minute":0,"push_attempts":2}`))
	if err != nil || got.PushAttempts != 2 || got.MailAttempts != 5 || got.Quiet() != (notify.Quiet{}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{`{"push_attempts":0}`, `{"quiet_to_minute":1440}`, `{"backoff_most_seconds":1}`, `{"inbox_most_days":10}`, `{"receipt_hours":25}`, `{"pushs":1}`, `{"lasts_hours":0}`} {
		if _, err := notify.ParsePolicy([]byte(bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func BenchmarkPlan(b *testing.B) {
	policy, notice := notify.DefaultPolicy(), follower()
	person := notify.Person{Zone: zone(b, "Africa/Lagos")}
	for b.Loop() {
		if plan, err := notify.Plan(policy, notice, person, allWays, midnight); err != nil || len(plan) != 2 {
			b.Fatal(plan, err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "plans/s")
}

func BenchmarkSay(b *testing.B) {
	notice := payout("payout_paid")
	for b.Loop() {
		if _, err := notify.Say(notice, notify.Reader{Language: "yo"}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "texts/s")
}
