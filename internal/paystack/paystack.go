// Package paystack speaks to Paystack: banks, account names, recipients,
// transfers, balances, payments, and the webhooks that come back.
//
// It decides what an answer proves. Every failure is one of a few kinds, and
// the one that matters is whether money may have moved: [ErrNotSent] says that
// no byte of the request left this machine, [ErrRefused] that Paystack said no,
// [ErrAmbiguous] that nobody knows until the transfer is verified.
//
// It refuses to try anything twice by itself, to follow redirects, to send an
// Idempotency-Key (Paystack ignores it, and net/http would repeat the POST for
// it), to round an amount, and to let the key or an account number into an
// error or a log. It keeps no state besides connections and rate limits.
//
// What is said of Paystack here comes from its API description
// (github.com/PaystackOSS/openapi, 2025-10), its code samples
// (github.com/PaystackOSS/doc-code-snippets, 2026-02) and its documentation at
// paystack.com/docs; where those disagree, the reader accepts both.
package paystack

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// DefaultBaseURL is where Paystack answers.
const DefaultBaseURL = "https://api.paystack.co"

// The two worlds of Paystack; every answer and event names its own.
const (
	DomainTest = "test"
	DomainLive = "live"
)

const (
	testPrefix = "sk_test_"
	livePrefix = "sk_live_"

	connectTimeout = 5 * time.Second
	totalTimeout   = 30 * time.Second
)

// Options are what may differ from one client to another; the zero value is
// right for production.
type Options struct {
	BaseURL   string // DefaultBaseURL if empty
	UserAgent string // "lingualink" if empty
	// Limits per minute; nil means those that Paystack documents for the mode
	// of the key, and none at all at a loopback address, where a fake listens.
	Limits *Limits
	// Timeout of a call from the first byte to the last; 30 s if zero.
	Timeout time.Duration
}

// Client makes calls with one secret key. It may be used by many goroutines.
type Client struct {
	base    *url.URL
	domain  string
	agent   string
	timeout time.Duration
	limits  map[limit]*bucket

	// The key lives in these two functions alone: fmt prints the fields of a
	// struct, whatever methods it has, but not what a function closes over.
	authorize func(http.Header)
	scrub     func(text string, alsoHide ...string) string

	reads, writes *http.Client

	// skew is how far the clock here is ahead; nil before an answer.
	skew *atomic.Pointer[time.Duration]
}

// New returns a client for a secret key (sk_test_… or sk_live_…). Its errors
// never repeat the key.
func New(secretKey string, options Options) (*Client, error) {
	domain := DomainOf(secretKey)
	if domain == "" || strings.ContainsFunc(secretKey, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("paystack: that is not a secret key; it starts with sk_test_ or sk_live_")
	}
	if options.BaseURL == "" {
		options.BaseURL = DefaultBaseURL
	}
	base, err := url.Parse(strings.TrimRight(options.BaseURL, "/"))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.User != nil {
		return nil, errors.New("paystack: the base address is not a web address")
	}
	if domain == DomainLive && base.Scheme != "https" {
		return nil, errors.New("paystack: a live key is sent over https only")
	}
	if options.UserAgent == "" {
		options.UserAgent = "lingualink"
	}
	if options.Timeout == 0 {
		options.Timeout = totalTimeout
	}
	if options.Limits == nil {
		options.Limits = documentedLimits(domain, isLoopback(base.Hostname()))
	}
	return &Client{
		base: base, domain: domain, agent: options.UserAgent, timeout: options.Timeout,
		limits:    options.Limits.buckets(),
		authorize: func(h http.Header) { h.Set("Authorization", "Bearer "+secretKey) },
		scrub: func(text string, alsoHide ...string) string {
			for _, hidden := range append(alsoHide, secretKey) {
				if len(hidden) >= 4 { // shorter ones would shred the text and hide nothing
					text = strings.ReplaceAll(text, hidden, "[hidden]")
				}
			}
			return text
		},
		skew:   new(atomic.Pointer[time.Duration]),
		reads:  &http.Client{Transport: transport(true), CheckRedirect: stay},
		writes: &http.Client{Transport: transport(false), CheckRedirect: stay},
	}, nil
}

// DomainOf is the world that a secret key belongs to, or nothing for what is
// no secret key.
func DomainOf(secretKey string) string {
	switch {
	case len(secretKey) > len(testPrefix) && strings.HasPrefix(secretKey, testPrefix):
		return DomainTest
	case len(secretKey) > len(livePrefix) && strings.HasPrefix(secretKey, livePrefix):
		return DomainLive
	}
	return ""
}

// Domain is the world of the client's key. An answer or event of the other one
// must not be acted upon.
func (c *Client) Domain() string { return c.domain }

// ClockSkew is how far this machine's clock is ahead of Paystack's, by the Date of
// the latest answer, to the second; false before there was one.
func (c *Client) ClockSkew() (time.Duration, bool) {
	if skew := c.skew.Load(); skew != nil {
		return *skew, true
	}
	return 0, false
}

// readClock takes the time of an answer over.
func (c *Client) readClock(h http.Header) {
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		// A Date has whole seconds, cut off.
		skew := now().Truncate(time.Second).Sub(date)
		c.skew.Store(&skew)
	}
}

// String names the client without its key.
func (c *Client) String() string { return "paystack " + c.domain + " at " + c.base.Host }

// GoString is String: %#v would print what the struct holds.
func (c *Client) GoString() string { return c.String() }

// LogValue is String.
func (c *Client) LogValue() slog.Value { return slog.StringValue(c.String()) }

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// transport speaks HTTP/1.1. Reads share connections. Every write gets one of
// its own: a shared one may have been closed by the other side a moment ago,
// and a POST that dies on it would leave the question whether it was read. A
// handshake costs less than the ten minutes which that question takes.
func transport(keepAlive bool) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // HTTP/2 repeats streams that were refused
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout:    connectTimeout,
		DisableKeepAlives:      !keepAlive,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		Protocols:              protocols,
	}
}

// stay makes a redirect an answer like any other, and so an error: the key is
// for one host only.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
