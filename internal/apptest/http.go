package apptest

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
)

// Answer is what the server said.
type Answer struct {
	Status int
	Header http.Header
	Raw    []byte
	// JSON is the decoded body when it is an object.
	JSON map[string]any
}

// Do sends a JSON request as the named person. Headers are given as
// "Name: value". The body is marshalled, unless it is a string or nil.
func (s *Server) Do(who, method, path string, body any, headers ...string) Answer {
	s.t.Helper()
	var reader io.Reader
	switch typed := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(typed)
	default:
		raw, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	request := httptest.NewRequest(method, path, reader)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return s.Send(who, request, headers...)
}

// Upload sends a multipart request with one file in the given field.
func (s *Server) Upload(who, path string, fields map[string]string, fileField, fileName string, content []byte) Answer {
	s.t.Helper()
	var buffer bytes.Buffer
	form := multipart.NewWriter(&buffer)
	for name, value := range fields {
		if err := form.WriteField(name, value); err != nil {
			s.t.Fatal(err)
		}
	}
	part, err := form.CreateFormFile(fileField, fileName)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := part.Write(content); err != nil {
		s.t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		s.t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, path, &buffer)
	request.Header.Set("Content-Type", form.FormDataContentType())
	return s.Send(who, request)
}

// Send sends any request as the named person.
func (s *Server) Send(who string, request *http.Request, headers ...string) Answer {
	s.t.Helper()
	if token := s.Token(who); token != "" {
		request.Header.Set("Authorization", token)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	recorder := httptest.NewRecorder()
	s.Handler.ServeHTTP(recorder, request)
	answer := Answer{Status: recorder.Code, Header: recorder.Header(), Raw: recorder.Body.Bytes()}
	lines := recorder.Header().Get("Content-Type") == "application/x-ndjson" // one object a line
	if !lines && bytes.HasPrefix(bytes.TrimSpace(answer.Raw), []byte("{")) {
		if err := json.Unmarshal(answer.Raw, &answer.JSON); err != nil {
			s.t.Fatalf("%s %s: the answer is not JSON: %v", request.Method, request.URL.Path, err)
		}
	}
	return answer
}

// Code is the first error code in the answer, or empty.
func (a Answer) Code() string {
	data, _ := a.JSON["data"].(map[string]any)
	for _, item := range data {
		if fields, ok := item.(map[string]any); ok {
			if code, ok := fields["code"].(string); ok {
				return code
			}
		}
	}
	return ""
}

// Data is the envelope's data when it is an object.
func (a Answer) Data() map[string]any {
	data, _ := a.JSON["data"].(map[string]any)
	return data
}

// Text is a string member of the body.
func (a Answer) Text(name string) string {
	text, _ := a.JSON[name].(string)
	return text
}

// Items is the list of a records answer, or of the named member of the
// envelope's data.
func (a Answer) Items(name string) []map[string]any {
	list, ok := a.JSON[name].([]any)
	if !ok {
		list, _ = a.Data()[name].([]any)
	}
	items := make([]map[string]any, 0, len(list))
	for _, item := range list {
		if fields, ok := item.(map[string]any); ok {
			items = append(items, fields)
		}
	}
	return items
}

// Want fails the test unless the answer has the status and, if one is given,
// the error code.
func (s *Server) Want(a Answer, status int, code string) Answer {
	s.t.Helper()
	if a.Status != status || (code != "" && a.Code() != code) {
		s.t.Fatalf("got %d %s, want %d %s\n%s", a.Status, a.Code(), status, code, a.Raw)
	}
	return a
}
