package notify

import (
	"slices"
	"time"
)

// Preferences are what a person has set, per category; what is not there is as the
// rules say.
type Preferences map[Category]map[Channel]bool

// Allows says whether a category may come by a channel.
func (p Preferences) Allows(category Category, channel Channel) bool {
	rule, ok := RuleOf(category)
	if !ok {
		return false
	}
	if slices.Contains(rule.Always, channel) {
		return true
	}
	if set, there := p[category][channel]; there {
		return set
	}
	return slices.Contains(rule.On, channel)
}

// Valid says whether the preferences name what there is and switch off nothing that
// must come. It returns the first category that does not fit.
func (p Preferences) Valid() (Category, bool) {
	for category, set := range p {
		rule, ok := RuleOf(category)
		if !ok {
			return category, false
		}
		for channel, on := range set {
			if !slices.Contains(Channels(), channel) || !on && slices.Contains(rule.Always, channel) {
				return category, false
			}
		}
	}
	return "", true
}

// Person is who is told, as far as it decides how.
type Person struct {
	Preferences Preferences
	Quiet       *Quiet // nil for those of the policy
	Zone        *time.Location
	// Blocked says whether this person and another have blocked each other, whoever
	// did it; nil for nobody.
	Blocked func(person string) bool
	// Muted says whether a conversation or stream is muted; nil for none.
	Muted func(thread string) bool
}

// Way is a channel that is configured and by which the person can be reached: push
// with a device, mail with a confirmed address.
type Way struct {
	Channel Channel
	// LastAlike is when something of the same digest last left by it; zero for never.
	LastAlike time.Time
}

// Delivery is one thing to do.
type Delivery struct {
	Channel Channel
	// At is when it may leave; the time of the plan for at once.
	At time.Time
	// Expires is when it is worth nothing any more. The inbox keeps what it has:
	// there it is zero.
	Expires time.Time
	// Digest is the key of what is told as one with it; empty if it goes alone.
	Digest string
	Urgent bool
}

// Plan says by which of the ways a notice reaches a person, and when. Whoever is
// blocked is not heard by any; a muted conversation is seen in the inbox and disturbs
// nobody. What Check refuses gives an error.
func Plan(p Policy, notice Notice, person Person, ways []Way, now time.Time) ([]Delivery, error) {
	if err := Check(notice); err != nil {
		return nil, err
	}
	event := byKind[notice.Kind]
	if actor := event.ActorOf(notice.Data); actor != "" && person.Blocked != nil && person.Blocked(actor) {
		return nil, nil
	}
	thread := event.ThreadOf(notice.Data)
	muted := thread != "" && person.Muted != nil && person.Muted(thread)
	deliveries := []Delivery{}
	for _, way := range ways {
		if !person.Preferences.Allows(event.Category, way.Channel) || muted && way.Channel != InApp {
			continue
		}
		d := Delivery{Channel: way.Channel, At: now, Urgent: event.Urgent}
		if way.Channel != InApp {
			d.Expires = now.Add(p.lasts(event))
			d.Digest = event.DigestOf(notice.Data)
			d.At = p.leaves(event, way, person, d.Digest != "", now)
			if !d.At.Before(d.Expires) {
				continue // it would come when it is worth nothing
			}
		}
		deliveries = append(deliveries, d)
	}
	return deliveries, nil
}

func (p Policy) lasts(event Event) time.Duration {
	if event.Lasts > 0 {
		return event.Lasts
	}
	return hours(p.LastsHours)
}

// leaves is when it may leave: after what is alike, and not in quiet hours.
func (p Policy) leaves(event Event, way Way, person Person, digest bool, now time.Time) time.Time {
	at := now
	if digest && !way.LastAlike.IsZero() {
		if next := way.LastAlike.Add(minutes(p.DigestMinutes)); next.After(at) {
			at = next
		}
	}
	if event.Urgent {
		return at
	}
	quiet := p.Quiet()
	if person.Quiet != nil {
		quiet = *person.Quiet
	}
	return quiet.Until(at, person.Zone)
}

// Expired says whether a delivery is not worth making any more: a ring after 45
// seconds.
func (d Delivery) Expired(now time.Time) bool { return !d.Expires.IsZero() && !now.Before(d.Expires) }
