// Package rooms decides what happens in streams and calls: who may do what in a
// room of the media server, the states of a stream, its stage, its chat and of
// a call, who was there for how long, and how rooms that are not as the database
// wants them are corrected.
//
// It refuses to trust the media server or a client with any of it. A grant is
// always a whole one; nobody but the host's own side speaks without having
// agreed to; a removed, suspended or banned person has no grant at all; a token
// for a call comes after the acceptance. What the media server tells may come
// late, twice, in any order or never: a place in a room is known by the
// participant's id, leaving wins, and [Reconcile] needs no event.
//
// Functions return a *fault.Error for what does not apply and then change
// nothing. Time, randomness and policy are arguments; storage and network
// belong to the callers.
package rooms

import (
	"encoding/base32"
	"strings"
	"time"
)

// roomPrefix marks the rooms that are ours on a media server that others use
// too: no other room is ever touched.
const roomPrefix = "ll_"

var roomAlphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Name makes the name of a room from 16 random bytes. A token is bound to the
// name, so a new name makes every token of the old one useless.
func Name(random [16]byte) string { return roomPrefix + roomAlphabet.EncodeToString(random[:]) }

// Owned tells whether a room of the media server is one that Name made.
func Owned(room string) bool {
	encoded, ours := strings.CutPrefix(room, roomPrefix)
	bytes, err := roomAlphabet.DecodeString(encoded)
	return ours && err == nil && len(bytes) == 16
}

// Standing is that of the account.
type Standing string

// The standings, as in users.
const (
	Good      Standing = "good"
	Warned    Standing = "warned"
	Suspended Standing = "suspended"
	Banned    Standing = "banned"
)

// may tells whether the standing lets a person into a room; one that is not
// known does not.
func (s Standing) may() bool { return s == Good || s == Warned }

// EffectKind is what an [Effect] asks for.
type EffectKind string

// The kinds of effects. Those that reach the media server are jobs: they are
// repeated until it has confirmed them.
const (
	CreateRoom    EffectKind = "create room"    // Room
	DeleteRoom    EffectKind = "delete room"    // Room; everybody is out
	RemovePerson  EffectKind = "remove person"  // Room, Person
	SetGrants     EffectKind = "set grants"     // Room, Person: to what Grant says now
	Wake          EffectKind = "wake"           // At: step again with Tick
	TellFollowers EffectKind = "tell followers" // the stream is live for the first time
	HideStream    EffectKind = "hide stream"    // and the clips that were made of it
	CloseSeats    EffectKind = "close seats"    // hands down, open participant rows closed
	Ring          EffectKind = "ring"           // Person
	StopRinging   EffectKind = "stop ringing"   // Person, on every device but Device
	TellMissed    EffectKind = "tell missed"    // Person
)

// Effect is one thing to do after an event; only the fields of its kind are set.
type Effect struct {
	Kind   EffectKind
	Room   string
	Person string
	Device string
	At     time.Time
}

// String is the effect in one line, as in the matrices of the tests.
func (e Effect) String() string {
	about := []string{}
	for _, part := range []string{e.Room, e.Person, e.Device} {
		if part != "" {
			about = append(about, part)
		}
	}
	if !e.At.IsZero() {
		about = append(about, e.At.UTC().Format(time.RFC3339))
	}
	if len(about) == 0 {
		return string(e.Kind)
	}
	return string(e.Kind) + "(" + strings.Join(about, " ") + ")"
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }
func minutes(n int64) time.Duration { return time.Duration(n) * time.Minute }

// earliest of the times that are set; zero when none is.
func earliest(times ...time.Time) time.Time {
	first := time.Time{}
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}
