// Package webpush sends messages to browsers: encrypted for the subscription
// (RFC 8291), signed with the server's VAPID key (RFC 8292), by whatever push service
// the browser named (RFC 8030).
//
// It decides what those services' answers mean. It refuses an endpoint that is not one
// of a known push service: people send endpoints, and the server would otherwise post
// to any address of their choice, inside its own network too.
package webpush

import (
	"context"
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	library "github.com/SherClockHolmes/webpush-go"

	"github.com/lingualink/lingualink/internal/push"
)

const (
	maxTTL      = 28 * 24 * time.Hour
	concurrency = 32
	// MaxPayload is what fits one record of 4,096 bytes beside its header, its tag
	// and the end mark of the padding.
	MaxPayload = 3993
)

// Hosts are the push services of the browsers; one that starts with a dot stands for
// every host below it.
var Hosts = []string{
	"fcm.googleapis.com", "android.googleapis.com", "jmt17.google.com", // Chrome, Edge on Android, Opera, Brave
	"updates.push.services.mozilla.com", ".push.services.mozilla.com", // Firefox
	"web.push.apple.com", ".push.apple.com", // Safari
	".notify.windows.com", // Edge
}

// Options are what may differ.
type Options struct {
	PublicKey, PrivateKey string // of GenerateKeys
	// Subscriber is who a push service writes to when something is wrong: an e-mail
	// address or an https address.
	Subscriber  string
	Hosts       []string // Hosts if nil
	Loopback    bool     // allows http and addresses of this machine, for tests
	Concurrency int      // 32 if zero
	Timeout     time.Duration
	Now         func() time.Time // the system's clock if nil
}

// Client sends to browsers.
type Client struct {
	options Options
	http    *http.Client
	private func() string // fmt prints fields, not what a function closes over
}

// GenerateKeys makes a key pair of VAPID, both as base64url. Whoever replaces the
// public key loses all subscriptions that were made with it.
func GenerateKeys() (publicKey, privateKey string, err error) {
	privateKey, publicKey, err = library.GenerateVAPIDKeys()
	return publicKey, privateKey, err
}

// CheckKeys says whether the two belong together. The error never repeats them.
func CheckKeys(publicKey, privateKey string) error {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(privateKey, "="))
	if err != nil {
		return errors.New("webpush: the private key is not base64url")
	}
	private, err := ecdh.P256().NewPrivateKey(raw)
	if err != nil {
		return errors.New("webpush: the private key is none of P-256")
	}
	if base64.RawURLEncoding.EncodeToString(private.PublicKey().Bytes()) != strings.TrimRight(publicKey, "=") {
		return errors.New("webpush: the public key does not belong to the private key")
	}
	return nil
}

// New returns a client. Its errors never repeat the private key.
func New(options Options) (*Client, error) {
	if err := CheckKeys(options.PublicKey, options.PrivateKey); err != nil {
		return nil, err
	}
	options.Subscriber = strings.TrimPrefix(options.Subscriber, "mailto:")
	if !strings.HasPrefix(options.Subscriber, "https://") && !strings.Contains(options.Subscriber, "@") {
		return nil, errors.New("webpush: the subscriber is neither an e-mail address nor an https address")
	}
	if options.Hosts == nil {
		options.Hosts = Hosts
	}
	if options.Concurrency == 0 {
		options.Concurrency = concurrency
	}
	if options.Timeout == 0 {
		options.Timeout = push.Timeout
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	private := options.PrivateKey
	options.PrivateKey = ""
	transport := push.Transport(4, public)
	transport.Proxy = nil // the address is checked where the connection is made
	if options.Loopback {
		transport = push.Transport(options.Concurrency)
	}
	return &Client{
		options: options, private: func() string { return private },
		http: &http.Client{Transport: transport, CheckRedirect: push.Stay, Timeout: options.Timeout},
	}, nil
}

var errPrivate = errors.New("the endpoint is an address inside a network")

// public refuses addresses that are not of the internet, after the name was resolved:
// a name that was checked may point elsewhere a moment later.
func public(_, address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return err
	}
	ip = ip.Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
		return errPrivate
	}
	return nil
}

// Name is "webpush".
func (c *Client) Name() string { return "webpush" }

// Check says whether a subscription can be sent to: where it comes in, and again
// before every message.
func (c *Client) Check(target push.Target) error {
	address, err := url.Parse(target.Token)
	if err != nil || address.User != nil || address.Host == "" || address.Fragment != "" || len(target.Token) > 2048 {
		return errors.New("webpush: the endpoint is not a web address")
	}
	if address.Scheme != "https" && !c.options.Loopback {
		return errors.New("webpush: the endpoint is not an https address")
	}
	if port := address.Port(); port != "" && port != "443" && !c.options.Loopback {
		return errors.New("webpush: the endpoint has a port of its own")
	}
	if !c.known(strings.ToLower(address.Hostname())) {
		return errors.New("webpush: the endpoint is none of a push service that is known")
	}
	if key, err := decode(target.P256dh); err != nil || len(key) != 65 {
		return errors.New("webpush: p256dh is no key")
	} else if _, err := ecdh.P256().NewPublicKey(key); err != nil {
		return errors.New("webpush: p256dh is no point of P-256")
	}
	if secret, err := decode(target.Auth); err != nil || len(secret) != 16 {
		return errors.New("webpush: auth is not 16 bytes")
	}
	return nil
}

func (c *Client) known(host string) bool {
	if c.options.Loopback && (host == "127.0.0.1" || host == "::1" || host == "localhost") {
		return true
	}
	for _, allowed := range c.options.Hosts {
		if host == allowed || strings.HasPrefix(allowed, ".") && strings.HasSuffix(host, allowed) {
			return true
		}
	}
	return false
}

func decode(text string) ([]byte, error) {
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	return base64.RawURLEncoding.DecodeString(text)
}

// Payload is what the service worker gets, as JSON.
type Payload struct {
	Title string            `json:"title"`
	Body  string            `json:"body"`
	Tag   string            `json:"tag,omitempty"` // the collapse key
	Data  map[string]string `json:"data,omitempty"`
}

// Send sends each delivery in a request of its own.
func (c *Client) Send(ctx context.Context, deliveries []push.Delivery) []push.Result {
	results := make([]push.Result, len(deliveries))
	push.Each(len(deliveries), c.options.Concurrency, func(i int) { results[i] = c.one(ctx, deliveries[i]) })
	return results
}

func (c *Client) one(ctx context.Context, d push.Delivery) push.Result {
	if err := c.Check(d.Target); err != nil {
		return push.Result{Outcome: push.Dead, Code: "subscription_malformed", Detail: err.Error()}
	}
	m := d.Message
	payload, err := json.Marshal(Payload{Title: m.Title, Body: m.Body, Tag: m.Collapse, Data: m.Data})
	if err != nil || len(payload) > MaxPayload {
		return push.Result{Outcome: push.Refused, Code: "too_big", Detail: fmt.Sprintf("the message has %d bytes, %d are possible", len(payload), MaxPayload)}
	}
	ttl := maxTTL
	if !m.Expires.IsZero() {
		ttl = min(max(m.Expires.Sub(c.options.Now()), 0), maxTTL)
	}
	options := &library.Options{
		HTTPClient: c.http, Subscriber: c.options.Subscriber, TTL: int(ttl / time.Second), Urgency: library.UrgencyNormal,
		VAPIDPublicKey: c.options.PublicKey, VAPIDPrivateKey: c.private(),
	}
	if m.Urgent {
		options.Urgency = library.UrgencyHigh
	}
	if m.Collapse != "" {
		options.Topic = push.CollapseID(m.Collapse)
	}
	response, err := library.SendNotificationWithContext(ctx, payload,
		&library.Subscription{Endpoint: d.Target.Token, Keys: library.Keys{P256dh: d.Target.P256dh, Auth: d.Target.Auth}}, options)
	if err != nil {
		if errors.Is(err, errPrivate) {
			return push.Result{Outcome: push.Dead, Code: "subscription_malformed", Detail: errPrivate.Error()}
		}
		return push.Broken(err)
	}
	answer, err := push.Read(response)
	if err != nil && answer.Status == 0 {
		return push.Broken(err)
	}
	return judge(answer, c.options.Now())
}

// judge tells what an answer means: RFC 8030, 7.3 and 8.4, and what the services do
// beyond it.
func judge(answer push.Answer, now time.Time) push.Result {
	result := push.Result{
		Outcome: push.Status(answer.Status), RetryAfter: push.RetryAfter(answer.Header, now),
		Code: fmt.Sprint(answer.Status), Detail: push.Short(hideAddresses(string(answer.Body))),
	}
	switch answer.Status {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
		return push.Result{Outcome: push.Sent}
	case http.StatusNotFound, http.StatusGone:
		result.Outcome = push.Dead
	}
	// Google and Apple say so of a subscription that was made with another key. Not
	// dead: with a wrong key in the configuration all would be.
	if strings.Contains(result.Detail, "VapidPkHashMismatch") || strings.Contains(result.Detail, "do not correspond") {
		result.Outcome, result.Code = push.Refused, "vapid_mismatch"
	}
	return result
}

func hideAddresses(text string) string {
	words := strings.Fields(text)
	for i, word := range words {
		if strings.Contains(word, "://") {
			words[i] = "[address]"
		}
	}
	return strings.Join(words, " ")
}
