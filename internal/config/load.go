package config

import (
	"cmp"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

// Error is one thing to mend before the server can start.
type Error struct {
	Variable string // the variable to look at first
	Text     string // what is wrong and what to do; never a value
}

// Error implements error: one line.
func (e Error) Error() string { return e.Variable + ": " + e.Text }

// Load reads and checks the NAME=value pairs of environ, as os.Environ gives
// them; an empty value counts as not set, of a repeated name the last value
// counts. The error joins the [Error] of every variable that has one, a line
// each, sorted; with an error the Config is not usable.
func Load(environ []string) (Config, error) {
	set := present(environ)
	config, problems := parse(set)
	problems = slices.Concat(problems, unknown(set), surrounded(set), check(config, set))
	// A value that cannot be read fails later checks too: the first problem of
	// a variable is the one to mend.
	slices.SortStableFunc(problems, func(a, b Error) int { return cmp.Compare(a.Variable, b.Variable) })
	problems = slices.CompactFunc(problems, func(a, b Error) bool { return a.Variable == b.Variable })

	config.PublicURL = strings.TrimRight(config.PublicURL, "/")
	config.Paystack.BaseURL = strings.TrimRight(config.Paystack.BaseURL, "/")
	config.Push.ExpoBaseURL = strings.TrimRight(config.Push.ExpoBaseURL, "/")
	return config, join(problems)
}

// Variables names everything that [Load] reads, sorted.
func Variables() []string {
	fields, err := env.GetFieldParams(&Config{})
	if err != nil {
		panic("config: the struct tags are wrong: " + err.Error())
	}
	var names []string
	for _, field := range fields {
		if field.OwnKey != "" {
			names = append(names, field.Key)
		}
	}
	slices.Sort(names)
	return names
}

// present maps the variables that have a value.
func present(environ []string) map[string]string {
	set := env.ToMap(environ)
	maps.DeleteFunc(set, func(_, value string) bool { return value == "" })
	return set
}

// parse fills the struct. The library's messages repeat values, so they are
// replaced by the expectation of the field's type.
func parse(set map[string]string) (Config, []Error) {
	config, err := env.ParseAsWithOptions[Config](env.Options{
		Environment: set,
		FuncMap:     map[reflect.Type]env.ParserFunc{reflect.TypeFor[bool](): onOff},
	})
	var all env.AggregateError
	errors.As(err, &all)

	var problems []Error
	for _, one := range all.Errors {
		var failed env.ParseError
		if !errors.As(one, &failed) {
			panic("config: the struct tags are wrong: " + one.Error())
		}
		problems = append(problems, Error{
			Variable: variableOf(reflect.TypeFor[Config](), failed.Name),
			Text:     expectation[failed.Type],
		})
	}
	return config, problems
}

var expectation = map[reflect.Type]string{
	reflect.TypeFor[bool]():          "is neither on nor off; write on or off.",
	reflect.TypeFor[int]():           "is not a whole number; write digits only.",
	reflect.TypeFor[time.Duration](): "is not a duration; write one such as 90s, 30m or 2h.",
}

func onOff(text string) (any, error) {
	switch text {
	case "on":
		return true, nil
	case "off":
		return false, nil
	}
	return nil, errors.New("neither on nor off")
}

// variableOf finds the variable of the struct field of this name; fields that
// are parsed (not plain text) have names of their own.
func variableOf(structure reflect.Type, field string) string {
	for _, candidate := range reflect.VisibleFields(structure) {
		if candidate.Name == field {
			return candidate.Tag.Get("env")
		}
		if candidate.Type.Kind() == reflect.Struct {
			if name := variableOf(candidate.Type, field); name != "" {
				return name
			}
		}
	}
	return ""
}

// unknown finds LL_ names that nothing reads: a typo would silently leave a
// default in force.
func unknown(set map[string]string) []Error {
	known := Variables()
	var problems []Error
	for name := range set {
		if !strings.HasPrefix(name, "LL_") || slices.Contains(known, name) {
			continue
		}
		text := "is not a variable of this server; remove it."
		if near := nearest(name, known); near != "" {
			text = "is not a variable of this server; did you mean " + near + "?"
		}
		problems = append(problems, Error{name, text})
	}
	return problems
}

// surrounded finds values with white space around them, the usual trace of a
// copied line end, which no provider would accept as part of a key.
func surrounded(set map[string]string) []Error {
	var problems []Error
	for _, name := range Variables() {
		if value := set[name]; strings.TrimSpace(value) != value {
			problems = append(problems, Error{name, "has white space before or after the value; remove it."})
		}
	}
	return problems
}

func join(problems []Error) error {
	var all []error
	for _, problem := range problems {
		all = append(all, problem)
	}
	return errors.Join(all...)
}

// nearest returns the known name with the fewest edits to name, or "" where
// more than a third of the letters would have to change.
func nearest(name string, known []string) string {
	best, fewest := "", len(name)/3+1
	for _, candidate := range known {
		if edits := distance(name, candidate); edits < fewest {
			best, fewest = candidate, edits
		}
	}
	return best
}

// distance is Levenshtein's (1966): insertions, deletions and substitutions of
// one byte, computed row by row.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitution := diagonal
			if a[i] != b[j] {
				substitution++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitution, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
