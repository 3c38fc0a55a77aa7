// Package fcm sends messages to native apps by Firebase Cloud Messaging, HTTP v1; to
// Apple's devices, too, for which Firebase holds the key.
//
// It decides what FCM's answers mean and keeps one access token, made by an assertion
// that the service account signs. It refuses to take a bad request for a dead token
// unless the answer says that it is about the token.
//
// Sources: firebase.google.com/docs/reference/fcm/rest/v1, RFC 7523.
package fcm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lingualink/lingualink/internal/push"
)

// DefaultBaseURL is where FCM answers.
const DefaultBaseURL = "https://fcm.googleapis.com"

const (
	maxTTL = 28 * 24 * time.Hour
	// concurrency is how many requests are on their way at once: FCM takes one
	// message in each.
	concurrency = 32
)

// Options are what may differ; the zero value is right for production.
type Options struct {
	BaseURL     string // DefaultBaseURL if empty
	TokenURL    string // that of the service account if empty
	ChannelID   string // notification channel of Android; empty for the app's default
	Concurrency int    // 32 if zero
	Timeout     time.Duration
	Now         func() time.Time // the system's clock if nil
}

// Client sends for one project.
type Client struct {
	address string
	options Options
	http    *http.Client
	bearer  *bearer
}

// New returns a client for the key file of a service account. Its errors never
// repeat what is in the file.
func New(serviceAccount []byte, options Options) (*Client, error) {
	if options.BaseURL == "" {
		options.BaseURL = DefaultBaseURL
	}
	base, err := url.Parse(strings.TrimRight(options.BaseURL, "/"))
	if err != nil || base.Host == "" || base.Scheme != "https" && !loopback(base.Hostname()) {
		return nil, errors.New("fcm: the base address is not a web address with https")
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
	owner, err := readAccount(serviceAccount, options.TokenURL)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: push.Transport(options.Concurrency), CheckRedirect: push.Stay, Timeout: options.Timeout}
	return &Client{
		address: base.JoinPath("v1/projects", url.PathEscape(owner.project), "messages:send").String(), options: options, http: client,
		bearer: &bearer{account: owner, client: client, now: options.Now, turn: make(chan struct{}, 1)},
	}, nil
}

// Name is "fcm".
func (c *Client) Name() string { return "fcm" }

// String names the client without its key.
func (c *Client) String() string { return "fcm for " + c.bearer.account.project }

// GoString is String.
func (c *Client) GoString() string { return c.String() }

// Send sends each delivery in a request of its own.
func (c *Client) Send(ctx context.Context, deliveries []push.Delivery) []push.Result {
	results := make([]push.Result, len(deliveries))
	push.Each(len(deliveries), c.options.Concurrency, func(i int) { results[i] = c.one(ctx, deliveries[i]) })
	return results
}

func (c *Client) one(ctx context.Context, d push.Delivery) push.Result {
	if d.Target.Token == "" {
		return push.Result{Outcome: push.Dead, Code: "token_malformed", Detail: "there is no token"}
	}
	body, err := json.Marshal(map[string]any{"message": c.messageOf(d)})
	if err != nil {
		return push.Result{Outcome: push.Refused, Code: "unsendable", Detail: push.Short(err.Error())}
	}
	result, usedToken := c.post(ctx, body)
	if result.Outcome == push.Misconfigured && usedToken != "" && result.Code == "UNAUTHENTICATED" {
		// A token can be revoked before its end; nothing was done with the message.
		c.bearer.forget(usedToken)
		result, _ = c.post(ctx, body)
	}
	result.Detail = strings.ReplaceAll(result.Detail, d.Target.Token, "[token]")
	return result
}

func (c *Client) post(ctx context.Context, body []byte) (push.Result, string) {
	token, problem := c.bearer.token(ctx)
	if problem != nil {
		return *problem, ""
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address, bytes.NewReader(body))
	if err != nil {
		return push.Result{Outcome: push.Refused, Code: "unsendable", Detail: "the address cannot be built"}, token
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := push.Do(c.http, request)
	if err != nil && answer.Status == 0 {
		return push.Broken(err), token
	}
	return judge(answer, c.options.Now()), token
}

// messageOf is the delivery in FCM's words: one notification that all platforms
// understand, and what they need apart.
func (c *Client) messageOf(d push.Delivery) map[string]any {
	m := d.Message
	android := map[string]any{"priority": "NORMAL"}
	apns := map[string]string{"apns-priority": "5"}
	if m.Urgent {
		android["priority"], apns["apns-priority"] = "HIGH", "10"
	}
	shown := map[string]any{}
	if c.options.ChannelID != "" {
		shown["channel_id"] = c.options.ChannelID
	}
	if m.Collapse != "" {
		android["collapse_key"], shown["tag"] = m.Collapse, m.Collapse
		apns["apns-collapse-id"] = push.CollapseID(m.Collapse)
	}
	if len(shown) > 0 {
		android["notification"] = shown
	}
	if !m.Expires.IsZero() {
		left := min(max(m.Expires.Sub(c.options.Now()), 0), maxTTL)
		android["ttl"] = fmt.Sprintf("%ds", int64(left/time.Second))
		apns["apns-expiration"] = fmt.Sprint(m.Expires.Unix())
	}
	message := map[string]any{
		"token": d.Target.Token, "notification": map[string]string{"title": m.Title, "body": m.Body}, "android": android,
		"apns": map[string]any{"headers": apns, "payload": map[string]any{"aps": map[string]any{"sound": "default"}}},
	}
	if len(m.Data) > 0 {
		message["data"] = m.Data
	}
	return message
}

// judge tells what an answer means.
func judge(answer push.Answer, now time.Time) push.Result {
	if answer.Status == http.StatusOK {
		return push.Result{Outcome: push.Sent}
	}
	var got struct {
		Error struct {
			Status  string `json:"status"`
			Message string `json:"message"`
			Details []struct {
				ErrorCode       string `json:"errorCode"`
				FieldViolations []struct {
					Field string `json:"field"`
				} `json:"fieldViolations"`
			} `json:"details"`
		} `json:"error"`
	}
	// A page in HTML, which Google's front answers with, has no more to say.
	_ = json.Unmarshal(answer.Body, &got)
	result := push.Result{
		Outcome: push.Status(answer.Status), Code: got.Error.Status, Detail: push.Short(got.Error.Message),
		RetryAfter: push.RetryAfter(answer.Header, now),
	}
	badToken := strings.Contains(strings.ToLower(got.Error.Message), "registration token is not a valid")
	for _, detail := range got.Error.Details {
		if detail.ErrorCode != "" {
			result.Code = detail.ErrorCode
		}
		for _, violation := range detail.FieldViolations {
			badToken = badToken || violation.Field == "message.token"
		}
	}
	switch {
	case result.Code == "UNREGISTERED":
		result.Outcome = push.Dead
	case result.Code == "SENDER_ID_MISMATCH":
		// Of another project. Not dead: with a wrong account in the configuration all
		// would be.
		result.Outcome = push.Refused
	case result.Code == "INVALID_ARGUMENT" && badToken:
		result.Outcome = push.Dead
	case result.Code == "THIRD_PARTY_AUTH_ERROR": // Apple's key, or web push's
		result.Outcome = push.Misconfigured
	case result.Code == "QUOTA_EXCEEDED":
		result.Outcome = push.Limited
	case answer.Status == http.StatusNotFound: // without a word about the token: the project is not there
		result.Outcome = push.Misconfigured
	case answer.Status >= 300 && answer.Status < 400:
		result.Outcome = push.Misconfigured
	}
	return result
}
