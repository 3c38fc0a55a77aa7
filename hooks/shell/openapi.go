package shell

import (
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/internal/fault"
)

// openAPIVersion is the version of the description language, and contract that
// of the API itself (docs/apps.md).
const (
	openAPIVersion = "3.1.0"
	contract       = "1"
)

type object = map[string]any

func openAPIRoute(deps *Deps) Route {
	return Route{
		Method: http.MethodGet, Path: "/openapi.json", Who: Anyone, Media: "application/json",
		What: "This description of the custom routes, made from the route table.",
		Handle: func(e *core.RequestEvent) error {
			return e.JSON(http.StatusOK, OpenAPI(deps.Routes.All(), deps.Config.PublicURL))
		},
	}
}

// OpenAPI describes the custom routes. Records are reached through PocketBase's
// own API and its SDKs, which is said in the description.
func OpenAPI(routes []Route, publicURL string) map[string]any {
	paths := object{}
	for _, route := range routes {
		path := APIPrefix + route.Path
		operations, ok := paths[path].(object)
		if !ok {
			operations = object{}
			paths[path] = operations
		}
		operations[strings.ToLower(route.Method)] = operation(route)
	}
	document := object{
		"openapi": openAPIVersion,
		"info": object{
			"title": "Lingualink", "version": contract,
			"description": "Routes beside the records API. Collections (clips, votes, notifications ...) are used with the PocketBase SDK. Every error has PocketBase's form; its stable codes are in docs/errors.md.",
		},
		"paths": paths,
		"components": object{
			"securitySchemes": object{"token": object{"type": "apiKey", "in": "header", "name": "Authorization"}},
			"schemas":         object{"Error": errorSchema()},
		},
	}
	if publicURL != "" {
		document["servers"] = []object{{"url": publicURL}}
	}
	return document
}

func operation(route Route) object {
	result := object{
		"summary":     route.What,
		"operationId": strings.ToLower(route.Method) + strings.NewReplacer("/", "_", "{", "", "}", "", ".", "_").Replace(route.Path),
		"responses":   responses(route),
	}
	if route.Who != Anyone {
		result["security"] = []object{{"token": []string{}}}
		result["x-audience"] = string(route.Who)
	}
	if params := parameters(route); len(params) > 0 {
		result["parameters"] = params
	}
	switch {
	case route.Body != nil:
		result["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": schemaOf(reflect.TypeOf(route.Body))}}}
	case route.Upload != "":
		result["requestBody"] = object{"required": true, "content": object{route.Upload: object{"schema": object{"type": "string", "format": "binary"}}}}
	}
	return result
}

func parameters(route Route) []object {
	params := []object{}
	for segment := range strings.SplitSeq(route.Path, "/") {
		if name, ok := strings.CutPrefix(segment, "{"); ok {
			params = append(params, object{"name": strings.TrimSuffix(name, "}"), "in": "path", "required": true, "schema": object{"type": "string"}})
		}
	}
	for _, param := range route.Params {
		params = append(params, object{
			"name": param.Name, "in": param.In, "required": param.Required,
			"description": param.Help, "schema": object{"type": "string"},
		})
	}
	return params
}

func responses(route Route) object {
	ok := object{"description": "Done."}
	if route.Media != "" {
		ok["content"] = object{route.Media: object{}}
	} else {
		data := object{}
		if route.Data != nil {
			data = schemaOf(reflect.TypeOf(route.Data))
		}
		ok["content"] = object{"application/json": object{"schema": object{
			"type": "object", "required": []string{"success", "data", "message"},
			"properties": object{"success": object{"const": true}, "data": data, "message": object{"type": "string"}},
		}}}
	}
	result := object{"200": ok}
	byStatus := map[int][]string{}
	for _, code := range append(audienceFaults(route.Who), route.Faults...) {
		if !slices.Contains(byStatus[code.Status], code.Name) {
			byStatus[code.Status] = append(byStatus[code.Status], code.Name)
		}
	}
	for status, names := range byStatus {
		slices.Sort(names)
		result[statusText(status)] = object{
			"description": "Codes: " + strings.Join(names, ", ") + ".",
			"content":     object{"application/json": object{"schema": object{"$ref": "#/components/schemas/Error"}}},
		}
	}
	return result
}

func audienceFaults(who Audience) []*fault.Code {
	if who == Anyone {
		return []*fault.Code{fault.RateLimited}
	}
	return []*fault.Code{fault.SignInNeeded, fault.NotAllowed, fault.RateLimited}
}

func statusText(status int) string {
	digits := []byte{byte('0' + status/100), byte('0' + status/10%10), byte('0' + status%10)}
	return string(digits)
}

func errorSchema() object {
	return object{
		"type": "object", "required": []string{"status", "message", "data"},
		"properties": object{
			"status": object{"type": "integer"}, "message": object{"type": "string"},
			"data": object{"type": "object", "additionalProperties": object{
				"type":       "object",
				"properties": object{"code": object{"type": "string"}, "message": object{"type": "string"}, "params": object{"type": "object"}},
			}},
		},
	}
}

// schemaOf is the JSON Schema of a Go type by its json tags.
func schemaOf(t reflect.Type) object {
	if t == reflect.TypeFor[time.Time]() {
		return object{"type": "string", "format": "date-time"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Struct:
		return structSchema(t)
	case reflect.Slice, reflect.Array:
		return object{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": schemaOf(t.Elem())}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int32, reflect.Int64:
		return object{"type": "integer", "format": "int64"}
	case reflect.Float64:
		return object{"type": "number"}
	default:
		return object{}
	}
}

func structSchema(t reflect.Type) object {
	properties, needed := object{}, []string{}
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || name == "-" {
			continue
		}
		if field.Anonymous && name == "" {
			inner := structSchema(field.Type)
			for key, value := range inner["properties"].(object) {
				properties[key] = value
			}
			continue
		}
		if name == "" {
			name = field.Name
		}
		property := schemaOf(field.Type)
		if help := field.Tag.Get("help"); help != "" {
			property["description"] = help
		}
		properties[name] = property
		if !strings.Contains(options, "omitempty") && field.Type.Kind() != reflect.Pointer {
			needed = append(needed, name)
		}
	}
	return object{"type": "object", "properties": properties, "required": needed}
}
