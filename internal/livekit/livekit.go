// Package livekit speaks to a LiveKit server: tokens that let people in, rooms
// and the people in them, and the webhooks that come back. What may happen in a
// room is decided in package rooms; this one says it to the server in whole.
//
// It refuses to give a client any right over rooms, to leave a right to the
// server's defaults (a token that says nothing may publish and send), to make a
// token that lives longer than two minutes, and to let a token or the secret into
// an error: the server repeats a token that it does not take. It tries nothing
// twice by itself, and what is gone already counts as removed.
//
// What is said of the server here was tried against livekit-server v1.13.5; the
// tests start that server and try it again.
package livekit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/livekit/protocol/auth"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/twitchtv/twirp"
)

// What a call failed for. Every error of a call is one of these, besides
// [ErrInvalid] before it.
var (
	ErrUnreachable = errors.New("livekit: the media server does not answer") // or is broken: try again later
	ErrRefused     = errors.New("livekit: the media server refuses the key") // wrong key or secret
	ErrAbsent      = errors.New("livekit: there is no such room or person")
	ErrRejected    = errors.New("livekit: the media server rejects the request") // our mistake
	ErrInvalid     = errors.New("livekit: that cannot be asked for")
)

const (
	// callTimeout is below the five seconds from which the SDK takes the deadline
	// out of the context to try other regions of LiveKit's own cloud.
	callTimeout = 4 * time.Second

	shortestToken = 10 * time.Second
	longestToken  = 2 * time.Minute
)

// Client makes calls and tokens with one key. It may be used by many goroutines.
type Client struct {
	address string // ws or wss, for people
	key     string
	rooms   *lksdk.RoomServiceClient
	hooks   auth.KeyProvider

	// The secret lives in functions alone: fmt prints the fields of a struct,
	// whatever methods it has, but not what a function closes over.
	access func() *auth.AccessToken
	scrub  func(text string) string
}

// New returns a client of the server at an address (wss, ws, https or http). Its
// errors never repeat the secret.
func New(address, key, secret string) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil || base.Host == "" || base.User != nil || base.RawQuery != "" {
		return nil, fmt.Errorf("%w: the address is not one of a server", ErrInvalid)
	}
	switch base.Scheme {
	case "http":
		base.Scheme = "ws"
	case "https":
		base.Scheme = "wss"
	case "ws", "wss":
	default:
		return nil, fmt.Errorf("%w: the address is neither wss, ws, https nor http", ErrInvalid)
	}
	if key == "" || secret == "" {
		return nil, fmt.Errorf("%w: the key or its secret is missing", ErrInvalid)
	}
	silence()
	client := &Client{
		address: base.String(), key: key,
		access: func() *auth.AccessToken { return auth.NewAccessToken(key, secret) },
		scrub: func(text string) string {
			return tokens.ReplaceAllString(strings.ReplaceAll(text, secret, "[hidden]"), "[hidden]")
		},
	}
	client.hide(secret)
	return client, nil
}

// hide gives the secret to the libraries that need it, behind interfaces and
// pointers that fmt does not follow into.
func (c *Client) hide(secret string) {
	c.rooms = lksdk.NewRoomServiceClient(c.address, c.key, secret)
	c.hooks = secrets(func(key string) string {
		if key == c.key {
			return secret
		}
		return ""
	})
}

// secrets is a provider of keys that holds none in a field.
type secrets func(key string) string

func (s secrets) GetSecret(key string) string { return s(key) }
func (s secrets) NumKeys() int                { return 1 }

// tokens recognises JSON web tokens, and the beginnings of ones that were cut.
var tokens = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{5,}(\.[A-Za-z0-9_-]*){0,2}`)

// Address is where people's clients connect to: ws or wss.
func (c *Client) Address() string { return c.address }

// String names the client without its key.
func (c *Client) String() string { return "livekit at " + c.address }

// GoString is String: %#v would print what the struct holds.
func (c *Client) GoString() string { return c.String() }

// Format keeps every verb of fmt from printing what the struct holds.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// LogValue is String.
func (c *Client) LogValue() slog.Value { return slog.StringValue(c.String()) }

// call runs one request of the SDK with a deadline and says what its failure is.
func call[A any](ctx context.Context, c *Client, what string, do func(context.Context) (A, error)) (A, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := do(ctx)
	if err != nil {
		return answer, c.failed(what, err)
	}
	return answer, nil
}

// failed sorts an error of the SDK. Its text is kept for the log, without what
// the server repeats of our token; the error itself is not wrapped, because its
// own text has it.
func (c *Client) failed(what string, err error) error {
	kind := ErrUnreachable
	var answer twirp.Error
	if errors.As(err, &answer) {
		switch answer.Code() {
		case twirp.Unauthenticated, twirp.PermissionDenied:
			kind = ErrRefused
		case twirp.NotFound:
			kind = ErrAbsent
		case twirp.InvalidArgument, twirp.Malformed, twirp.OutOfRange, twirp.BadRoute, twirp.FailedPrecondition, twirp.AlreadyExists, twirp.Unimplemented:
			kind = ErrRejected
		default: // unavailable, internal, exhausted: later
		}
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%s: %w: %w", what, kind, context.Canceled)
	}
	return fmt.Errorf("%s: %w: %s", what, kind, c.scrub(err.Error()))
}

// gone makes success of the absence of what was to be removed.
func gone(err error) error {
	if errors.Is(err, ErrAbsent) {
		return nil
	}
	return err
}
