// Package expo sends messages to apps that were built with Expo, by its push
// service: up to 100 in a request, a ticket for each, a receipt for each ticket
// later.
//
// It decides what tickets and receipts mean, splits a request that Expo refuses
// because of one message in it, and keeps to Expo's limits. It refuses to let a
// token of another project, which anybody may register, spoil the others' messages.
//
// Source: docs.expo.dev, "Send notifications with Expo's Push API".
package expo

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/lingualink/lingualink/internal/push"
)

// DefaultBaseURL is where Expo answers.
const DefaultBaseURL = "https://exp.host"

// Expo's limits.
const (
	MaxBatch       = 100
	MaxReceipts    = 300 // 1,000 are allowed; its own library asks for 300
	maxConnections = 6
	perSecond      = 600
	maxTTL         = 28 * 24 * time.Hour
)

// Options are what may differ; the zero value is right where the project asks for no
// access token.
type Options struct {
	BaseURL     string // DefaultBaseURL if empty
	AccessToken string // of "enhanced push security", if it is switched on
	// Project is "@owner/slug". With it, tokens of other projects are refused;
	// without, they are sent apart.
	Project string
	// ChannelID is the notification channel of Android apps; empty for the default.
	ChannelID string
	Timeout   time.Duration    // push.Timeout if zero
	Now       func() time.Time // the system's clock if nil
	Unlimited bool             // no limit per second, for tests
}

// Client speaks to Expo.
type Client struct {
	base      *url.URL
	options   Options
	http      *http.Client
	limit     *rate.Limiter
	authorize func(http.Header) // fmt prints fields, not what a function closes over
}

// New returns a client. Its errors never repeat the token.
func New(options Options) (*Client, error) {
	if options.BaseURL == "" {
		options.BaseURL = DefaultBaseURL
	}
	base, err := url.Parse(strings.TrimRight(options.BaseURL, "/"))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, errors.New("expo: the base address is not a web address")
	}
	if options.Timeout == 0 {
		options.Timeout = push.Timeout
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	token := options.AccessToken
	options.AccessToken = ""
	client := &Client{
		base: base, options: options,
		http:      &http.Client{Transport: push.Transport(maxConnections), CheckRedirect: push.Stay, Timeout: options.Timeout},
		authorize: func(http.Header) {},
	}
	if token != "" {
		client.authorize = func(h http.Header) { h.Set("Authorization", "Bearer "+token) }
	}
	if !options.Unlimited {
		client.limit = rate.NewLimiter(perSecond, MaxBatch)
	}
	return client, nil
}

// Name is "expo".
func (c *Client) Name() string { return "expo" }

var tokens = regexp.MustCompile(`^(Exponent|Expo)PushToken\[[A-Za-z0-9_-]{10,64}\]$`)

// IsToken says whether a text has the form of an Expo push token.
func IsToken(token string) bool { return tokens.MatchString(token) }

type message struct {
	To         string            `json:"to"`
	Title      string            `json:"title,omitempty"`
	Body       string            `json:"body,omitempty"`
	Data       map[string]string `json:"data,omitempty"`
	TTL        *int64            `json:"ttl,omitempty"`
	Priority   string            `json:"priority"`
	Sound      string            `json:"sound,omitempty"`
	ChannelID  string            `json:"channelId,omitempty"`
	unsendable push.Outcome
}

// messageOf is the delivery in Expo's words. Its interface has no collapse key: apps
// find it in the data.
func (c *Client) messageOf(d push.Delivery) message {
	m := message{
		To: d.Target.Token, Title: d.Message.Title, Body: d.Message.Body, Priority: "default", Sound: "default", ChannelID: c.options.ChannelID,
		Data: map[string]string{},
	}
	for key, value := range d.Message.Data {
		m.Data[key] = value
	}
	if d.Message.Collapse != "" {
		m.Data["collapse"] = d.Message.Collapse
	}
	if d.Message.Urgent {
		m.Priority = "high"
	}
	if !d.Message.Expires.IsZero() {
		left := min(max(d.Message.Expires.Sub(c.options.Now()), 0), maxTTL)
		seconds := int64(left / time.Second)
		m.TTL = &seconds
	}
	if !IsToken(m.To) {
		m.unsendable = push.Dead
	}
	return m
}

// Send sends the deliveries in requests of up to 100.
func (c *Client) Send(ctx context.Context, deliveries []push.Delivery) []push.Result {
	results := make([]push.Result, len(deliveries))
	messages, places := []message{}, []int{}
	for i, d := range deliveries {
		m := c.messageOf(d)
		if m.unsendable != "" {
			results[i] = push.Result{Outcome: m.unsendable, Code: "token_malformed", Detail: "this is no push token of Expo"}
			continue
		}
		messages, places = append(messages, m), append(places, i)
	}
	batches := slices.Collect(slices.Chunk(messages, MaxBatch))
	push.Each(len(batches), maxConnections, func(b int) {
		for j, result := range c.batch(ctx, batches[b]) {
			results[places[b*MaxBatch+j]] = result
		}
	})
	return results
}

// refusal is an error about a whole request.
type refusal struct {
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Raw     json.RawMessage `json:"details"`
}

// ticket is the answer about one message; a receipt has the same form.
type ticket struct {
	Status  string `json:"status"`
	ID      string `json:"id"`
	Message string `json:"message"`
	Details struct {
		Error string `json:"error"`
	} `json:"details"`
}

type envelope struct {
	Data   json.RawMessage `json:"data"`
	Errors []refusal       `json:"errors"`
}

// batch sends at most 100 messages. What Expo refuses as a whole is split until the
// messages that it is about are alone.
func (c *Client) batch(ctx context.Context, messages []message) []push.Result {
	answered, failure := c.call(ctx, "send", messages, len(messages))
	if failure != nil {
		switch {
		case len(messages) > 1 && failure.code == "PUSH_TOO_MANY_EXPERIENCE_IDS":
			return c.byProject(ctx, messages, failure.projects)
		case len(messages) > 1 && failure.result.Outcome == push.Refused && (failure.status == http.StatusBadRequest || failure.status == http.StatusRequestEntityTooLarge):
			half := len(messages) / 2
			return append(c.batch(ctx, messages[:half]), c.batch(ctx, messages[half:])...)
		}
		return push.All(len(messages), failure.result)
	}
	var got []ticket
	if err := json.Unmarshal(answered, &got); err != nil {
		return push.All(len(messages), push.Result{Outcome: push.Unknown, Code: "answer_unreadable", Detail: "the tickets cannot be read"})
	}
	results := make([]push.Result, len(messages))
	for i := range messages {
		if i >= len(got) {
			results[i] = push.Result{Outcome: push.Unknown, Code: "ticket_missing", Detail: "Expo answered with fewer tickets than messages"}
			continue
		}
		results[i] = read(got[i], push.Ticketed)
	}
	return results
}

// byProject sends the messages of each project apart: one foreign token would keep
// 99 others from their message.
func (c *Client) byProject(ctx context.Context, messages []message, projects map[string][]string) []push.Result {
	of := map[string]string{}
	for project, members := range projects {
		for _, token := range members {
			of[token] = project
		}
	}
	groups := map[string][]int{}
	for i, m := range messages {
		groups[of[m.To]] = append(groups[of[m.To]], i)
	}
	results := make([]push.Result, len(messages))
	for project, members := range groups {
		if c.options.Project != "" && project != "" && project != c.options.Project {
			for _, i := range members {
				results[i] = push.Result{Outcome: push.Refused, Code: "foreign_project", Detail: "the token belongs to another app"}
			}
			continue
		}
		group := make([]message, len(members))
		for j, i := range members {
			group[j] = messages[i]
		}
		sent := push.All(len(group), push.Result{Outcome: push.Refused, Code: "PUSH_TOO_MANY_EXPERIENCE_IDS", Detail: "Expo does not say which tokens belong together"})
		if len(group) < len(messages) {
			sent = c.batch(ctx, group)
		}
		for j, i := range members {
			results[i] = sent[j]
		}
	}
	return results
}

// Receipts asks what became of tickets. A receipt comes some 15 minutes later and is
// kept for a day; what is not there is Pending.
func (c *Client) Receipts(ctx context.Context, ticketIDs []string) []push.Result {
	results := make([]push.Result, len(ticketIDs))
	chunks := slices.Collect(slices.Chunk(ticketIDs, MaxReceipts))
	push.Each(len(chunks), maxConnections, func(n int) {
		copy(results[n*MaxReceipts:], c.receipts(ctx, chunks[n]))
	})
	return results
}

func (c *Client) receipts(ctx context.Context, ids []string) []push.Result {
	answered, failure := c.call(ctx, "getReceipts", map[string][]string{"ids": ids}, 0)
	if failure != nil {
		return push.All(len(ids), failure.result)
	}
	var got map[string]ticket
	if err := json.Unmarshal(answered, &got); err != nil {
		return push.All(len(ids), push.Result{Outcome: push.Unknown, Code: "answer_unreadable", Detail: "the receipts cannot be read"})
	}
	results := make([]push.Result, len(ids))
	for i, id := range ids {
		receipt, there := got[id]
		if !there {
			results[i] = push.Result{Outcome: push.Pending}
			continue
		}
		results[i] = read(receipt, push.Sent)
	}
	return results
}

// read tells what a ticket or receipt says; good is what "ok" means.
func read(t ticket, good push.Outcome) push.Result {
	result := push.Result{Code: t.Details.Error, Detail: push.Short(hideTokens(t.Message))}
	switch {
	case t.Status == "ok" && good == push.Ticketed && t.ID == "":
		result.Outcome = push.Sent // and no receipt can be had
	case t.Status == "ok":
		result.Outcome, result.Ticket = good, t.ID
	case t.Details.Error == "DeviceNotRegistered":
		result.Outcome = push.Dead
	case t.Details.Error == "MessageTooBig":
		result.Outcome = push.Refused
	case t.Details.Error == "MessageRateExceeded":
		result.Outcome = push.Limited
	case t.Details.Error == "MismatchSenderId", t.Details.Error == "InvalidCredentials":
		result.Outcome = push.Misconfigured
	case t.Status == "error":
		result.Outcome = push.Failed // ExpoError, ProviderError and what comes
	default:
		result.Outcome = push.Unknown
	}
	return result
}

var inText = regexp.MustCompile(`Expo(nent)?PushToken\[[^\]]*\]`)

func hideTokens(text string) string { return inText.ReplaceAllString(text, "[token]") }

// failure is why a request as a whole came to nothing.
type failure struct {
	status   int
	code     string
	projects map[string][]string
	result   push.Result
}

// call posts to one of the two addresses and returns the data of the answer.
func (c *Client) call(ctx context.Context, what string, body any, messages int) (json.RawMessage, *failure) {
	if c.limit != nil && messages > 0 {
		if err := c.limit.WaitN(ctx, messages); err != nil {
			return nil, &failure{result: push.Result{Outcome: push.Limited, Code: "held_back", Detail: "held back here, 600 a second are allowed"}}
		}
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, &failure{result: push.Result{Outcome: push.Refused, Code: "unsendable", Detail: push.Short(err.Error())}}
	}
	packed := &bytes.Buffer{}
	writer := gzip.NewWriter(packed)
	if _, err := writer.Write(encoded); err != nil {
		return nil, &failure{result: push.Result{Outcome: push.Refused, Code: "unsendable", Detail: push.Short(err.Error())}}
	}
	if err := writer.Close(); err != nil {
		return nil, &failure{result: push.Result{Outcome: push.Refused, Code: "unsendable", Detail: push.Short(err.Error())}}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.JoinPath("--/api/v2/push", what).String(), packed)
	if err != nil {
		return nil, &failure{result: push.Result{Outcome: push.Refused, Code: "unsendable", Detail: "the address cannot be built"}}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Content-Encoding", "gzip")
	request.Header.Set("Accept", "application/json")
	c.authorize(request.Header)
	answer, err := push.Do(c.http, request)
	if err != nil && answer.Status < 300 {
		return nil, &failure{result: push.Broken(err)}
	}
	return c.judge(answer)
}

// judge tells what the answer to a whole request means.
func (c *Client) judge(answer push.Answer) (json.RawMessage, *failure) {
	var got envelope
	readable := json.Unmarshal(answer.Body, &got) == nil
	if answer.Status == http.StatusOK && readable && len(got.Errors) == 0 && len(got.Data) > 0 {
		return got.Data, nil
	}
	f := &failure{status: answer.Status, result: push.Result{
		Outcome: push.Status(answer.Status), RetryAfter: push.RetryAfter(answer.Header, c.options.Now()),
		Code: http.StatusText(answer.Status),
	}}
	if len(got.Errors) > 0 {
		first := got.Errors[0]
		f.code, f.result.Code, f.result.Detail = first.Code, first.Code, push.Short(hideTokens(first.Message))
		switch first.Code {
		case "TOO_MANY_REQUESTS":
			f.result.Outcome = push.Limited
		case "UNAUTHORIZED":
			f.result.Outcome = push.Misconfigured
		case "PUSH_TOO_MANY_EXPERIENCE_IDS":
			// Details that cannot be read leave nothing to split by.
			_ = json.Unmarshal(first.Raw, &f.projects)
		}
	}
	if f.result.Outcome == push.Sent {
		f.result.Outcome, f.result.Detail = push.Unknown, "the answer cannot be read"
		if len(got.Errors) > 0 {
			f.result.Outcome, f.result.Detail = push.Failed, push.Short(hideTokens(got.Errors[0].Message))
		}
	}
	return nil, f
}
