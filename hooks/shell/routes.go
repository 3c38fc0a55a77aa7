package shell

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/internal/fault"
)

// APIPrefix starts every route of this project.
const APIPrefix = "/api/lingualink"

// defaultBodyBytes bounds the body of a route that does not say otherwise.
const defaultBodyBytes = 64 << 10

// Audience is who may call a route.
type Audience string

// The audiences. A route checks more than this only where it says so.
const (
	Anyone    Audience = "anyone"
	Person    Audience = "person"    // signed in to users
	Account   Audience = "account"   // a person or an admin
	Moderator Audience = "moderator" // a person with that role, or an admin
	Superuser Audience = "superuser" // an admin
)

// Param is a query, path or header parameter.
type Param struct {
	Name, In, Help string
	Required       bool
}

// Query describes a query parameter.
func Query(name, help string) Param { return Param{Name: name, In: "query", Help: help} }

// Header describes a request header.
func Header(name, help string) Param {
	return Param{Name: name, In: "header", Help: help, Required: true}
}

// Route is one entry of the route table, from which the router and openapi.json
// are both made.
type Route struct {
	Method string
	Path   string // below APIPrefix
	What   string // one line for the API description
	Who    Audience
	Params []Param
	Body   any // zero value of the JSON body's struct; nil for none
	Data   any // zero value of the envelope's data; nil for none
	// Media is the content type of an answer outside the envelope.
	Media string
	// Upload is the content type of a raw body.
	Upload   string
	MaxBytes int64
	Faults   []*fault.Code
	Handle   func(e *core.RequestEvent) error
}

// Routes is the table of all custom routes.
type Routes struct {
	list []Route
}

// Add puts a route into the table; called while the areas register.
func (r *Routes) Add(route Route) { r.list = append(r.list, route) }

// All returns the table in the order of registration.
func (r *Routes) All() []Route { return r.list }

func bindRoutes(app core.App, deps *Deps) {
	deps.Routes.Add(openAPIRoute(deps))
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "ll.shell.routes", Priority: 100, // after every area had its say
		Func: func(e *core.ServeEvent) error {
			deps.Routes.Mount(e.Router)
			return e.Next()
		},
	})
}

// Mount binds every route of the table to a router, below [APIPrefix].
func (r *Routes) Mount(to *router.Router[*core.RequestEvent]) {
	group := to.Group(APIPrefix)
	for _, route := range r.list {
		limit := route.MaxBytes
		if limit == 0 {
			limit = defaultBodyBytes
		}
		bound := group.Route(route.Method, route.Path, route.Handle)
		bound.Bind(apis.BodyLimit(limit))
		bound.BindFunc(requireAudience(route.Who))
	}
}

func requireAudience(who Audience) func(e *core.RequestEvent) error {
	return func(e *core.RequestEvent) error {
		switch {
		case who == Anyone:
			return e.Next()
		case e.Auth == nil:
			return fault.SignInNeeded.On("authorization")
		case who == Account:
			return e.Next()
		case who == Moderator && (e.Auth.IsSuperuser() || slices.Contains(e.Auth.GetStringSlice("roles"), collections.RoleModerator)):
			return e.Next()
		case who == Moderator, (who == Superuser) != e.Auth.IsSuperuser():
			return fault.NotAllowed.On("authorization")
		}
		return e.Next()
	}
}

// OK writes the envelope of every successful answer.
func OK(e *core.RequestEvent, data any, message string) error {
	return e.JSON(http.StatusOK, map[string]any{"success": true, "data": data, "message": message})
}

// Bind reads the JSON body into T. It refuses unknown fields, wrong types and
// fractions where whole numbers belong: money is never guessed.
func Bind[T any](e *core.RequestEvent) (T, error) {
	var body T
	decoder := json.NewDecoder(e.Request.Body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&body)
	if err == nil {
		if _, more := decoder.Token(); !errors.Is(more, io.EOF) {
			return body, fault.InvalidInput.On("body").Saying("Send one JSON object.")
		}
		return body, nil
	}
	var wrongType *json.UnmarshalTypeError
	switch {
	case errors.As(err, &wrongType):
		field := wrongType.Field
		if field == "" {
			field = "body"
		}
		return body, fault.InvalidInput.On(field).Saying(fmt.Sprintf("%s cannot be a JSON %s.", field, wrongType.Value))
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		field := strings.Trim(strings.TrimPrefix(err.Error(), "json: unknown field "), `"`)
		return body, fault.InvalidInput.On(field).Saying("There is no such field here.")
	default:
		return body, BodyError(err, defaultBodyBytes)
	}
}

// BodyError names what went wrong while a body was read: too much of it, or not
// what was expected.
func BodyError(err error, limit int64) error {
	var answer *router.ApiError
	if errors.As(err, &answer) && answer.Status == http.StatusRequestEntityTooLarge {
		return fault.TooLarge.On("body").With("max_bytes", limit).Because(err)
	}
	return fault.InvalidInput.On("body").Saying("The body cannot be read.").Because(err)
}

// IdempotencyKey reads the header that makes a retry recognisable.
func IdempotencyKey(e *core.RequestEvent) (string, error) {
	const longest = 100
	key := strings.TrimSpace(e.Request.Header.Get("Idempotency-Key"))
	switch {
	case key == "":
		return "", fault.KeyRequired.On("idempotency_key")
	case len(key) > longest:
		return "", fault.InvalidInput.On("idempotency_key").Saying("The key has at most 100 characters.")
	}
	return key, nil
}
