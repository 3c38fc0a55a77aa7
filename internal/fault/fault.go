// Package fault decides what an error says to a client: a stable code, the
// field it belongs to, and one plain sentence on what happened and what to do
// next. It refuses anything that is not in its catalogue (codes.go), so that a
// code cannot reach an app without being documented.
//
// Pure packages return these errors; hooks/shell is the only place that turns
// them into HTTP answers.
package fault

import "maps"

// Code is one stable, documented error code.
type Code struct {
	// Name is the snake_case string that apps compare, for example "clip_decided".
	Name string
	// Status is the HTTP status of the answer.
	Status int
	// Message is the default sentence for people. It may hold {{.param}}
	// placeholders that clients can translate by code and params.
	Message string
	// Remedy tells the app developer what to do about it (docs/errors.md).
	Remedy string
}

// Error is a Code at a place: the request field it is about and its parameters.
// The zero value is not valid; make one with [Code.On].
type Error struct {
	Code   *Code
	Field  string
	Text   string         // overrides Code.Message when not empty
	Params map[string]any // exposed to the client: never put a secret here
	Cause  error          // logged, never shown
}

// On returns an error of this code about the given request field.
func (c *Code) On(field string) *Error {
	return &Error{Code: c, Field: field}
}

// Saying returns a copy with a message of its own (plain text, for people).
func (e *Error) Saying(text string) *Error {
	copied := *e
	copied.Text = text
	return &copied
}

// With returns a copy with one more parameter.
func (e *Error) With(name string, value any) *Error {
	copied := *e
	copied.Params = maps.Clone(e.Params)
	if copied.Params == nil {
		copied.Params = map[string]any{}
	}
	copied.Params[name] = value
	return &copied
}

// Because returns a copy that remembers its cause for the log.
func (e *Error) Because(cause error) *Error {
	copied := *e
	copied.Cause = cause
	return &copied
}

// Message is the sentence for people.
func (e *Error) Message() string {
	if e.Text != "" {
		return e.Text
	}
	return e.Code.Message
}

// Error implements error: field, code and message, for logs and tests.
func (e *Error) Error() string {
	return e.Field + ": " + e.Code.Name + ": " + e.Message()
}

// Unwrap gives access to the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is makes errors.Is(err, fault.ClipDecided.On("")) compare by code alone.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Code == e.Code
}
