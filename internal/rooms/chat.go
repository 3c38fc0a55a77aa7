package rooms

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lingualink/lingualink/internal/fault"
)

// Author is what a chat must know of somebody who writes.
type Author struct {
	Role       Role
	Standing   Standing
	Removed    Removal
	MutedUntil time.Time // in this stream's chat; zero: not muted
	Last       time.Time // the latest message in this stream, also a deleted one
}

// CheckMessage gives the text as it is stored, or refuses it: fault.ChatClosed,
// AccountSuspended, AccountBanned, StreamRemoved, ChatMuted, ChatSlow,
// InvalidInput. slow is the stream's own setting; host, co-hosts and moderators
// are exempt from it. Words are screened elsewhere.
func CheckMessage(text string, author Author, state State, slow int64, policy Policy, now time.Time) (string, error) {
	switch {
	case author.Standing == Banned:
		return "", fault.AccountBanned.On("")
	case !author.Standing.may():
		return "", fault.AccountSuspended.On("")
	case author.Removed != NotRemoved:
		return "", fault.StreamRemoved.On("stream")
	case state != Live && state != HostAway:
		return "", fault.ChatClosed.On("stream").With("status", string(state))
	case author.MutedUntil.After(now):
		return "", fault.ChatMuted.On("text").With("until", author.MutedUntil.UTC().Format(time.RFC3339))
	}
	text, err := cleanMessage(text, policy)
	if err != nil {
		return "", err
	}
	if slow > 0 && !author.Last.IsZero() && !keepsChat(author.Role) {
		if left := author.Last.Add(seconds(slow)).Sub(now); left > 0 {
			// Never longer than the slow mode, whatever the clock did.
			wait := min(int64((left+time.Second-1)/time.Second), slow)
			return "", fault.ChatSlow.On("text").With("retry_after", wait)
		}
	}
	return text, nil
}

// cleanMessage refuses what is no text: nothing, bytes that are no UTF-8, and
// characters that steer a terminal or turn a line around.
func cleanMessage(text string, policy Policy) (string, error) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	length := int64(utf8.RuneCountInString(text))
	switch {
	case !utf8.ValidString(text), strings.ContainsFunc(text, unprintable):
		return "", fault.InvalidInput.On("text").Saying("The message holds characters that cannot be shown.")
	case !strings.ContainsFunc(text, visible):
		return "", fault.InvalidInput.On("text").Saying("Write something.")
	case length > policy.MessageRunes:
		return "", fault.InvalidInput.On("text").With("most", policy.MessageRunes).Saying("The message is too long.")
	}
	return text, nil
}

func unprintable(r rune) bool {
	return unicode.IsControl(r) && r != '\n' || r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069
}

// visible characters are those that somebody sees: joiners alone are a blank line.
func visible(r rune) bool { return !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r) }

// CheckSlow refuses a setting of the slow mode out of range.
func CheckSlow(slow int64, policy Policy) error {
	if slow < 0 || slow > policy.SlowSecondsMost {
		return fault.InvalidInput.On("slow_seconds").With("most", policy.SlowSecondsMost)
	}
	return nil
}

// keepsChat are those who look after a chat.
func keepsChat(role Role) bool { return role == Host || role == CoHost || role == Moderator }

// MayDelete tells whether the actor may delete a message of somebody of the
// given role: the own ones, and those of people whom the actor looks after.
func MayDelete(actor Role, own bool, author Role) bool {
	return own || MayMute(actor, author)
}

// MayMute tells whether the actor may keep somebody of the given role from
// writing for a while. Moderators may everybody, the host everybody below.
func MayMute(actor, target Role) bool {
	switch actor {
	case Moderator:
		return target != Moderator
	case Host:
		return target != Host && target != Moderator
	case CoHost:
		return target == Speaker || target == Viewer
	default:
		return false
	}
}

// MayPin tells whether the actor may pin a message.
func MayPin(actor Role) bool { return keepsChat(actor) }
