package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
)

// Client speaks HTTP to a server as somebody, over connections that are kept.
// It may be used by many goroutines.
type Client struct {
	server *Server
	token  string
}

// Guest is a client that is not signed in.
func (s *Server) Guest() *Client { return &Client{server: s} }

// Admin is the superuser's client. The session outlives restarts.
func (s *Server) Admin(t TB) *Client {
	t.Helper()
	if s.admin == nil {
		var err error
		if s.admin, _, err = s.signIn(context.Background(), "_superusers", AdminEmail, AdminPassword); err != nil {
			t.Fatalf("%v", err)
		}
	}
	return s.admin
}

// AnotherAdmin makes one more superuser and signs in.
func (s *Server) AnotherAdmin(t TB, email string) *Client {
	t.Helper()
	s.Command(t, "superuser", "upsert", email, AdminPassword)
	client, _, err := s.signIn(context.Background(), "_superusers", email, AdminPassword)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return client
}

// Answer is what the server said.
type Answer struct {
	Status int
	Header http.Header
	Raw    []byte
}

// Code is the stable code of an error answer, or empty.
func (a Answer) Code() string {
	var body struct {
		Data map[string]struct {
			Code string `json:"code"`
		} `json:"data"`
	}
	// An answer of another form has no code.
	_ = json.Unmarshal(a.Raw, &body)
	for _, item := range body.Data {
		if item.Code != "" {
			return item.Code
		}
	}
	return ""
}

// String is the status and the body, for messages.
func (a Answer) String() string { return fmt.Sprintf("%d %s", a.Status, a.Raw) }

// Do sends a JSON request; a nil body is none. Headers are given as
// "Name: value". The error is of the connection: every answer is a success.
func (c *Client) Do(ctx context.Context, method, path string, body any, headers ...string) (Answer, error) {
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return Answer{}, err
		}
		content = bytes.NewReader(raw)
		headers = append(headers, "Content-Type: application/json")
	}
	return c.Send(ctx, method, path, content, headers...)
}

// Send is Do with any body, which may still be growing.
func (c *Client) Send(ctx context.Context, method, path string, content io.Reader, headers ...string) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.server.URL+path, content)
	if err != nil {
		return Answer{}, err
	}
	if c.token != "" {
		request.Header.Set("Authorization", c.token)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	response, err := c.server.http.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	return Answer{Status: response.StatusCode, Header: response.Header, Raw: raw}, err
}

// Must is Do for requests that have to succeed; it decodes the answer into a
// pointer, or drops it when into is nil.
func (c *Client) Must(t TB, method, path string, body, into any, headers ...string) {
	t.Helper()
	answer, err := c.Do(context.Background(), method, path, body, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if answer.Status != http.StatusOK && answer.Status != http.StatusNoContent {
		t.Fatalf("%s %s: %s", method, path, answer)
	}
	if into != nil {
		decode(t, answer.Raw, into)
	}
}

// Create makes a record that has to succeed.
func (c *Client) Create(t TB, collection string, record, into any) {
	t.Helper()
	c.Must(t, http.MethodPost, "/api/collections/"+collection+"/records", record, into)
}

// page is one part of a records list.
type page[Row any] struct {
	Items []Row `json:"items"`
}

// List reads all records of a collection that match the filter (all when it is
// empty) and that the client may see, by id.
func List[Row any](t TB, c *Client, collection, filter string) []Row {
	t.Helper()
	const perPage = 500
	var all []Row
	for number := 1; ; number++ {
		query := url.Values{"perPage": {fmt.Sprint(perPage)}, "page": {fmt.Sprint(number)}, "sort": {"id"}, "skipTotal": {"1"}, "filter": {filter}}
		var next page[Row]
		c.Must(t, http.MethodGet, "/api/collections/"+collection+"/records?"+query.Encode(), nil, &next)
		all = append(all, next.Items...)
		if len(next.Items) < perPage {
			return all
		}
	}
}

// Upload sends a recording as a multipart form, as the SDKs do. The language is
// a record id.
func (c *Client) Upload(ctx context.Context, id, language string, recording []byte) (Answer, error) {
	var content bytes.Buffer
	form := multipart.NewWriter(&content)
	for _, field := range [][2]string{{"id", id}, {"kind", "voice"}, {"language", language}} {
		if err := form.WriteField(field[0], field[1]); err != nil {
			return Answer{}, err
		}
	}
	part, err := form.CreateFormFile("media", "voice.wav")
	if err != nil {
		return Answer{}, err
	}
	if _, err := part.Write(recording); err != nil {
		return Answer{}, err
	}
	if err := form.Close(); err != nil {
		return Answer{}, err
	}
	return c.Send(ctx, http.MethodPost, "/api/collections/clips/records", &content, "Content-Type: "+form.FormDataContentType())
}

// Vote casts a vote, "approve" or "reject", under the client's own id.
func (c *Client) Vote(ctx context.Context, id, clip, choice string) (Answer, error) {
	vote := map[string]string{"id": id, "clip": clip, "verdict": choice}
	return c.Do(ctx, http.MethodPost, "/api/collections/votes/records", vote)
}

// Confirm proves by the password, which is everybody's, that it is still them. It
// returns what to send as X-Confirmation.
func (c *Client) Confirm(ctx context.Context, purpose string) (string, Answer, error) {
	answer, err := c.Do(ctx, http.MethodPost, "/api/lingualink/confirm", map[string]string{"purpose": purpose, "password": Password})
	if err != nil || answer.Status != http.StatusOK {
		return "", answer, err
	}
	var body struct {
		Data struct {
			Confirmation string `json:"confirmation"`
		} `json:"data"`
	}
	err = json.Unmarshal(answer.Raw, &body)
	return body.Data.Confirmation, answer, err
}

// Fund credits a campaign as a superuser. The key makes a retry recognisable.
func (c *Client) Fund(ctx context.Context, campaign string, minor int64, key string) (Answer, error) {
	body := map[string]any{"amount_minor": minor, "memo": "grant"}
	return c.Do(ctx, http.MethodPost, "/api/lingualink/campaigns/"+campaign+"/fund", body, "Idempotency-Key: "+key)
}
