package shell

import (
	"database/sql"
	"errors"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	validation "github.com/pocketbase/ozzo-validation/v4"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/router"
	"modernc.org/sqlite"

	"github.com/lingualink/lingualink/internal/fault"
)

// errorsPriority puts the mapping outside everything that can fail (panic
// recovery is at -1030) and inside the request log.
const errorsPriority = -1035

func bindErrors(app core.App) {
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "ll.shell.errors",
		Func: func(e *core.ServeEvent) error {
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{
				Id:       "ll.request.errors",
				Priority: errorsPriority,
				Func: func(e *core.RequestEvent) error {
					err := e.Next()
					if err == nil {
						return nil
					}
					answer := APIError(err)
					if answer.Status == http.StatusTooManyRequests {
						e.Response.Header().Set("Retry-After", retryAfter(answer))
					}
					if answer.Status >= http.StatusInternalServerError {
						e.App.Logger().Error("request failed", "path", e.Request.URL.Path, "error", err)
					}
					return answer
				},
			})
			return e.Next()
		},
	})
}

// APIError is the one mapping of errors to answers. A fault keeps its code and
// status wherever PocketBase wrapped it; PocketBase's own answers stay as they
// are; what is unknown is our mistake and becomes a 500.
func APIError(err error) *router.ApiError {
	var known *fault.Error
	if errors.As(err, &known) {
		return faultAnswer(known)
	}
	var answer *router.ApiError
	if !errors.As(err, &answer) {
		if errors.Is(err, sql.ErrNoRows) {
			return faultAnswer(fault.NotFound.On("id"))
		}
		invalid := validation.Errors{}
		if errors.As(err, &invalid) {
			return router.NewBadRequestError("The record is not valid.", invalid)
		}
		return faultAnswer(fault.Internal.On("server").Because(err))
	}
	if raw, ok := answer.RawData().(error); ok {
		if errors.As(raw, &known) {
			return faultAnswer(known)
		}
		var broken *sqlite.Error
		if len(answer.Data) == 0 && errors.As(raw, &broken) {
			return faultAnswer(fault.Internal.On("server").Because(raw))
		}
	}
	if len(answer.Data) > 0 {
		return answer
	}
	switch answer.Status {
	case http.StatusTooManyRequests:
		return faultAnswer(TooMany(rateWindow))
	case http.StatusRequestEntityTooLarge:
		return faultAnswer(fault.TooLarge.On("body"))
	}
	return answer
}

func faultAnswer(known *fault.Error) *router.ApiError {
	field := known.Field
	if field == "" {
		field = "request"
	}
	item := validation.NewError(known.Code.Name, known.Message())
	if len(known.Params) > 0 {
		item = item.SetParams(known.Params)
	}
	return router.NewApiError(known.Code.Status, item.Error(), map[string]validation.Error{field: item})
}

// TooMany is the answer to a request over a limit that is free again after wait.
func TooMany(wait time.Duration) *fault.Error {
	return fault.RateLimited.On("request").With("retry_after", int64(math.Ceil(wait.Seconds())))
}

// retryAfter reads the seconds out of the answer's first item with that param.
func retryAfter(answer *router.ApiError) string {
	for _, item := range answer.Data {
		fields, ok := item.(map[string]any)
		if !ok {
			continue
		}
		params, ok := fields["params"].(map[string]any)
		if !ok {
			continue
		}
		if seconds, ok := params["retry_after"].(int64); ok && seconds > 0 {
			return strconv.FormatInt(seconds, 10)
		}
	}
	return strconv.FormatInt(int64(rateWindow.Seconds()), 10)
}

// IsUniqueViolation tells whether a write lost against a unique index, be it a
// raw SQL error or PocketBase's validation error, on one of the given columns if
// any are given.
func IsUniqueViolation(err error, columns ...string) bool {
	const constraintPrimaryKey, constraintUnique = 1555, 2067
	var broken *sqlite.Error
	if errors.As(err, &broken) && (broken.Code() == constraintUnique || broken.Code() == constraintPrimaryKey) {
		return len(columns) == 0 || slices.ContainsFunc(columns, func(column string) bool {
			return strings.Contains(broken.Error(), "."+column)
		})
	}
	invalid := validation.Errors{}
	if !errors.As(err, &invalid) {
		return false
	}
	for _, column := range columns {
		var item validation.Error
		if errors.As(invalid[column], &item) && item.Code() == "validation_not_unique" {
			return true
		}
	}
	return false
}
