package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/shell"
)

// routes are the routes of the server without a network: what a person does with
// money in the demonstration passes the same checks as what a visitor does.
type routes struct {
	handler http.Handler
	refusal error // of the last call
}

// unserved is the app for a router that nobody serves: PocketBase binds every router
// that it makes to the start of the server, and two of them cannot be started.
type unserved struct {
	core.App
	start hook.Hook[*core.ServeEvent]
}

// OnServe is never triggered.
func (u *unserved) OnServe() *hook.Hook[*core.ServeEvent] { return &u.start }

func (f *filler) openRoutes() error {
	router, err := apis.NewRouter(&unserved{App: f.app})
	if err != nil {
		return err
	}
	router.BindFunc(func(e *core.RequestEvent) error {
		f.routes.refusal = e.Next()
		return f.routes.refusal
	})
	f.deps.Routes.Mount(router)
	f.routes.handler, err = router.BuildMux()
	return err
}

// call posts to a route as somebody, or as nobody, and returns the data of the
// answer. Anything but 200 is an error with the reason.
func (f *filler) call(who *core.Record, path string, body any, header http.Header) (map[string]any, error) {
	content, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, shell.APIPrefix+path, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	request.RemoteAddr = "127.0.0.1:0"
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", "application/json")
	if who != nil {
		token, err := who.NewAuthToken()
		if err != nil {
			return nil, err
		}
		request.Header.Set("Authorization", token)
	}
	f.routes.refusal = nil
	heard := &answer{header: http.Header{}, status: http.StatusOK}
	f.routes.handler.ServeHTTP(heard, request)
	if heard.status != http.StatusOK {
		return nil, fmt.Errorf("POST %s: %d %s: %w", path, heard.status, heard.body.String(), f.routes.refusal)
	}
	var envelope struct {
		Data map[string]any `json:"data"`
	}
	if heard.header.Get("Content-Type") == "application/json" {
		err = json.Unmarshal(heard.body.Bytes(), &envelope)
	}
	return envelope.Data, err
}

// answer is an http.ResponseWriter into memory.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header               { return a.header }
func (a *answer) WriteHeader(status int)            { a.status = status }
func (a *answer) Write(content []byte) (int, error) { return a.body.Write(content) }

// keyed is the header of an act that is done once.
func keyed() http.Header {
	header := http.Header{}
	header.Set("Idempotency-Key", shell.NewSecret())
	return header
}

// confirmed is the header of an act for which somebody proves again who they are.
func (f *filler) confirmed(who *core.Record, purpose string) (http.Header, error) {
	data, err := f.call(who, "/confirm", map[string]any{"purpose": purpose, "password": f.passwords[who.Email()]}, nil)
	if err != nil {
		return nil, err
	}
	value, _ := data["confirmation"].(string)
	header := http.Header{}
	header.Set("X-Confirmation", value)
	return header, nil
}
