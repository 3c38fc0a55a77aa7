package paystack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"unicode/utf8"
)

// maxAnswer is far more than a page of a hundred rows takes.
const maxAnswer = 4 << 20

// call is one request.
type call struct {
	op     string // as in "transfer.initiate"
	limit  limit  // limitDefault if empty
	method string
	path   []string // segments, not escaped
	query  url.Values
	body   any
	hide   []string // values that no error may repeat
}

// writes says whether the call changes something.
func (r call) writes() bool { return r.method != http.MethodGet }

// answer is the envelope of every answer. Of an error, meta holds the hint.
type answer struct {
	Status  *bool           `json:"status"`
	Message text            `json:"message"`
	Data    json.RawMessage `json:"data"`
	Meta    json.RawMessage `json:"meta"`
	Code    text            `json:"code"`
	Type    text            `json:"type"`
}

// do makes the call and decodes the data of the answer.
func (c *Client) do(ctx context.Context, r call, into any) error {
	got, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(got.Data, into); err != nil {
		return c.unusable(r, 0, fmt.Errorf("the data of the answer cannot be read: %w", err))
	}
	return nil
}

// send makes the call, once. What it returns has status true, and data.
func (c *Client) send(ctx context.Context, r call) (answer, error) {
	if r.limit == "" {
		r.limit = limitDefault
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	bucket := c.limits[r.limit]
	if pause, ok := bucket.wait(ctx); !ok {
		return answer{}, &Error{Op: r.op, Kind: ErrRateLimited, RetryAfter: pause, cause: errors.New("held back here")}
	}
	var connected atomic.Bool
	request, err := c.request(ctx, r, &connected)
	if err != nil {
		return answer{}, &Error{Op: r.op, Kind: ErrInvalid, cause: err}
	}
	client := c.reads
	if r.writes() {
		client = c.writes
	}
	response, err := client.Do(request)
	if err != nil {
		if !connected.Load() {
			return answer{}, &Error{Op: r.op, Kind: ErrNotSent, cause: c.clean(r, err)}
		}
		return answer{}, c.unusable(r, 0, err)
	}
	defer response.Body.Close()
	c.readClock(response.Header)
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case response.StatusCode == http.StatusTooManyRequests:
		// Whatever its body says: a limit is counted before anything is done.
		pause := retryAfter(response.Header)
		bucket.pause(pause)
		failure := &Error{Op: r.op, Kind: ErrRateLimited, HTTPStatus: response.StatusCode, RetryAfter: pause}
		return answer{}, failure
	case err != nil:
		return answer{}, c.unusable(r, response.StatusCode, err)
	case len(body) > maxAnswer:
		return answer{}, c.unusable(r, response.StatusCode, fmt.Errorf("the answer is longer than %d bytes", maxAnswer))
	}
	return c.judge(r, response.StatusCode, body)
}

// request builds the HTTP request, which net/http must not be able to repeat:
// for a POST it has no GetBody and no Idempotency-Key (see isReplayable and
// rewindBody of net/http).
//
// connected turns true as soon as there is a connection to write to, which is
// after the TLS handshake and before the first byte of the request. That is
// earlier than WroteHeaders, on purpose: the latter is reported by another
// goroutine, and an ended context can outrun it.
func (c *Client) request(ctx context.Context, r call, connected *atomic.Bool) (*http.Request, error) {
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	address := c.base.JoinPath()
	for _, segment := range r.path {
		if segment == "" || segment == "." || segment == ".." {
			return nil, errors.New("a part of the path is missing")
		}
		address = address.JoinPath(url.PathEscape(segment))
	}
	address.RawQuery = r.query.Encode()
	var body io.Reader
	var size int64
	if r.body != nil {
		encoded, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body, size = bytes.NewReader(encoded), int64(len(encoded))
	}
	request, err := http.NewRequestWithContext(ctx, r.method, address.String(), body)
	if err != nil {
		return nil, errors.New("the address cannot be built")
	}
	request.GetBody, request.ContentLength = nil, size
	request.Header.Set("User-Agent", c.agent)
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	c.authorize(request.Header)
	return request, nil
}

// judge tells what an answer proves.
func (c *Client) judge(r call, status int, body []byte) (answer, error) {
	var got answer
	if err := json.Unmarshal(body, &got); err != nil || got.Status == nil {
		return answer{}, c.unusable(r, status, errors.New("the answer is not one of Paystack's"))
	}
	switch {
	case status >= 200 && status < 300 && *got.Status:
		if len(got.Data) == 0 || isNull(got.Data) {
			return answer{}, c.unusable(r, status, errors.New("the answer has no data"))
		}
		return got, nil
	case status < 400 || status >= 500 || *got.Status || status == http.StatusRequestTimeout:
		failure := c.unusable(r, status, nil)
		c.say(failure, r, got)
		return answer{}, failure
	}
	failure := &Error{Op: r.op, Kind: ErrRefused, HTTPStatus: status}
	c.say(failure, r, got)
	if !r.writes() && isNotFound(failure) {
		failure.Kind = ErrNotFound
	}
	return answer{}, failure
}

// isNotFound reads 404 and, as Paystack also writes it, 400. A bare 404 is not
// enough: a wrong base address gives one, too.
func isNotFound(e *Error) bool {
	if e.HTTPStatus != http.StatusNotFound && e.HTTPStatus != http.StatusBadRequest {
		return false
	}
	if e.Code != "" {
		return strings.HasSuffix(e.Code, "not_found")
	}
	return strings.Contains(strings.ToLower(e.Message), "not found")
}

// unusable is the failure of a call that reached somebody.
func (c *Client) unusable(r call, status int, cause error) *Error {
	kind := ErrUnavailable
	if r.writes() {
		kind = ErrAmbiguous
	}
	return &Error{Op: r.op, Kind: kind, HTTPStatus: status, cause: c.clean(r, cause)}
}

// numbers are what may be an account number in a text of Paystack's.
var numbers = regexp.MustCompile(`[0-9]{8,}`)

// say takes over what Paystack said.
func (c *Client) say(e *Error, r call, got answer) {
	var meta struct {
		NextStep text `json:"nextStep"`
	}
	if len(got.Meta) > 0 {
		// A hint that cannot be read is no hint.
		_ = json.Unmarshal(got.Meta, &meta)
	}
	tidy := func(said text) string {
		return shorten(numbers.ReplaceAllString(c.scrub(string(said), r.hide...), "[hidden]"))
	}
	e.Message, e.NextStep, e.Code, e.Type = tidy(got.Message), tidy(meta.NextStep), tidy(got.Code), tidy(got.Type)
}

// cleaned keeps the identity of an error and replaces its text.
type cleaned struct {
	text  string
	cause error
}

func (c cleaned) Error() string        { return c.text }
func (c cleaned) Is(target error) bool { return errors.Is(c.cause, target) }

// clean takes the address out of an error of net/http, which holds what was
// asked for, and everything that must not be repeated. Only errors.Is still
// reaches the original.
func (c *Client) clean(r call, err error) error {
	if err == nil {
		return nil
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return cleaned{shorten(c.scrub(err.Error(), r.hide...)), err}
}

// shorten makes one line of at most 300 bytes.
func shorten(s string) string {
	const most = 300
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "�")), " ")
	if len(s) <= most {
		return s
	}
	s = s[:most]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}
