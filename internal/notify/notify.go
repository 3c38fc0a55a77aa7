// Package notify decides what people are told: which events there are, in whose words,
// by which channels, when, and what follows from a provider's answer.
//
// An event is one entry of [Catalogue] and a text in texts/en.json; everything else
// (other languages, channels, quiet hours, digests, links) follows from these two. It
// refuses kinds that are not in the catalogue, data that the kind does not declare, and
// to say half a message in one language and half in another.
//
// Nothing here reads a clock, a database or a network: time, preferences and policy are
// arguments.
package notify

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind names an event; apps know it.
type Kind string

// Channel is a way to reach a person. Push stands for all devices of theirs.
type Channel string

// The channels.
const (
	InApp Channel = "in_app"
	Push  Channel = "push"
	Mail  Channel = "mail"
)

// Channels returns all of them.
func Channels() []Channel { return []Channel{InApp, Push, Mail} }

// Category is what people set their preferences for.
type Category string

// The categories.
const (
	Recordings    Category = "recordings"
	Validation    Category = "validation"
	Achievements  Category = "achievements"
	Payouts       Category = "payouts"
	Campaigns     Category = "campaigns"
	Security      Category = "security"
	Referrals     Category = "referrals"
	Moderation    Category = "moderation"
	Social        Category = "social"
	Live          Category = "live"
	Calls         Category = "calls"
	Announcements Category = "announcements"
)

// Rule says of a category which channels are on for whoever has set nothing, and which
// cannot be switched off.
type Rule struct {
	Category Category
	On       []Channel
	Always   []Channel
}

// rules are in the order in which a page of preferences shows them.
var rules = []Rule{
	{Recordings, []Channel{InApp, Push}, nil},
	{Validation, []Channel{InApp, Push}, nil},
	{Achievements, []Channel{InApp, Push}, nil},
	{Payouts, []Channel{InApp, Push, Mail}, []Channel{InApp}},
	{Campaigns, []Channel{InApp, Mail}, []Channel{InApp}},
	{Security, []Channel{InApp, Push, Mail}, []Channel{InApp, Mail}},
	{Referrals, []Channel{InApp, Push}, nil},
	{Moderation, []Channel{InApp, Push, Mail}, []Channel{InApp}},
	{Social, []Channel{InApp, Push}, nil},
	{Live, []Channel{InApp, Push}, nil},
	{Calls, []Channel{InApp, Push}, nil},
	{Announcements, []Channel{InApp, Push}, nil},
}

// Rules returns the rules of all categories, in the order to show them.
func Rules() []Rule { return slices.Clone(rules) }

// RuleOf is the rule of a category.
func RuleOf(category Category) (Rule, bool) {
	i := slices.IndexFunc(rules, func(r Rule) bool { return r.Category == category })
	if i < 0 {
		return Rule{}, false
	}
	return rules[i], true
}

// Type is what a field of an event's data holds.
type Type string

// The types.
const (
	ID    Type = "id"    // of a record
	Text  Type = "text"  // words of people, or of ours that are not translated
	Count Type = "count" // a whole number
	Flag  Type = "flag"  // true or false
	// Money is written as two fields: <name>_minor and currency.
	Money Type = "money"
	Time  Type = "time" // as PocketBase writes it, or RFC 3339; UTC
)

// Field is one thing that the data of an event holds.
type Field struct {
	Name     string
	Type     Type
	Optional bool
}

// Names are the names in the data.
func (f Field) Names() []string {
	if f.Type == Money {
		return []string{f.Name + "_minor", "currency"}
	}
	return []string{f.Name}
}

// Event is an entry of the catalogue. Link, Collapse and Digest are patterns: {field}
// stands for what the data holds.
type Event struct {
	Kind     Kind
	Category Category
	To       string // whom it is for, in words
	// Urgent passes quiet hours and wakes the device.
	Urgent bool
	Fields []Field
	// Variant is a field whose value chooses the text: <kind>.<value>. Nothing is
	// "none"; "other", if it is there, stands for whatever is not.
	Variant  string
	Variants []string
	// Link is where the app goes, a path; empty for nowhere.
	Link string
	// Collapse: of the pushes with one key a device shows the last.
	Collapse string
	// Lasts is how long it is worth telling; 0 for as long as the policy says.
	Lasts time.Duration
	// Actor is the field with the person whose doing it is: nothing comes from blocked
	// people, and a digest counts people.
	Actor string
	// Thread is the field with the conversation or stream that can be muted.
	Thread string
	// Digest: what comes by one channel with one key within a while is told as one.
	// Empty for never.
	Digest string
}

// Notice is an event that happened.
type Notice struct {
	Kind Kind           `json:"kind"`
	Data map[string]any `json:"data"`
}

// Of is the event of a kind.
func Of(kind Kind) (Event, bool) {
	event, ok := byKind[kind]
	return event, ok
}

var byKind = func() map[Kind]Event {
	index := map[Kind]Event{}
	for _, event := range catalogue {
		index[event.Kind] = event
	}
	return index
}()

// Catalogue returns all events, in the order of the documentation.
func Catalogue() []Event { return slices.Clone(catalogue) }

// Field is the declared field of the name.
func (e Event) Field(name string) (Field, bool) {
	i := slices.IndexFunc(e.Fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return e.Fields[i], true
}

// TextKeys are the keys of the event's texts.
func (e Event) TextKeys() []string {
	if e.Variant == "" {
		return []string{string(e.Kind)}
	}
	keys := make([]string, len(e.Variants))
	for i, variant := range e.Variants {
		keys[i] = string(e.Kind) + "." + variant
	}
	return keys
}

// Check says whether a notice is one of the catalogue: its kind, all fields that must
// be there, of their types, and none that nobody declared. A notice that does not pass
// is a mistake of the program.
func Check(notice Notice) error {
	event, ok := Of(notice.Kind)
	if !ok {
		return fmt.Errorf("notify: there is no kind %q", notice.Kind)
	}
	known := []string{}
	for _, field := range event.Fields {
		known = append(known, field.Names()...)
		_, there := notice.Data[field.Names()[0]]
		if !there && field.Optional {
			continue
		}
		if _, err := valueOf(field, notice.Data); err != nil {
			return fmt.Errorf("notify: %s: %w", notice.Kind, err)
		}
	}
	for name := range notice.Data {
		if !slices.Contains(known, name) {
			return fmt.Errorf("notify: %s: nobody declared %q", notice.Kind, name)
		}
	}
	_, err := event.textKey(notice.Data)
	return err
}

// Variants that are no value of their own.
const (
	none  = "none"
	other = "other"
)

// textKey is the key of the text for this data.
func (e Event) textKey(data map[string]any) (string, error) {
	if e.Variant == "" {
		return string(e.Kind), nil
	}
	value := textOf(data[e.Variant])
	if flag, ok := data[e.Variant].(bool); ok {
		value = fmt.Sprint(flag)
	}
	if value == "" {
		value = none
	}
	if !slices.Contains(e.Variants, value) && value != none && slices.Contains(e.Variants, other) {
		value = other
	}
	if !slices.Contains(e.Variants, value) {
		return "", fmt.Errorf("notify: %s: %s is %q, not one of %s", e.Kind, e.Variant, value, strings.Join(e.Variants, ", "))
	}
	return string(e.Kind) + "." + value, nil
}

// fill puts the data into a pattern of the catalogue.
func (e Event) fill(pattern string, data map[string]any) string {
	return placeholder.ReplaceAllStringFunc(pattern, func(found string) string {
		return textOf(data[strings.Trim(found, "{}")])
	})
}

// LinkOf is where the app goes.
func (e Event) LinkOf(data map[string]any) string { return e.fill(e.Link, data) }

// CollapseOf is the collapse key; an event without one has none.
func (e Event) CollapseOf(data map[string]any) string { return e.fill(e.Collapse, data) }

// DigestOf is the key of the digest, which begins with the kind; an event that is
// always told alone has none.
func (e Event) DigestOf(data map[string]any) string {
	if e.Digest == "" {
		return ""
	}
	return string(e.Kind) + ":" + e.fill(e.Digest, data)
}

// ActorOf is whose doing it is, or nobody.
func (e Event) ActorOf(data map[string]any) string {
	if e.Actor == "" {
		return ""
	}
	return textOf(data[e.Actor])
}

// ThreadOf is the conversation or stream, or none.
func (e Event) ThreadOf(data map[string]any) string {
	if e.Thread == "" {
		return ""
	}
	return textOf(data[e.Thread])
}

// EffectKey names what one event does to one person by one channel: a job with this
// key exists once. A push names the device, too. No part but the first may hold a
// colon, so that two effects never share a key.
func EffectKey(cause, user string, channel Channel, device string) string {
	key := cause + ":" + user + ":" + string(channel)
	if device != "" {
		key += "/" + device
	}
	return key
}
