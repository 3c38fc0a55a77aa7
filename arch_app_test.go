package main

import (
	"go/ast"
	"go/token"
	"go/types"
	"regexp"
	"strings"
)

// outerAppMark allows one line: //ll:outer-app <reason>.
var outerAppMark = regexp.MustCompile(`//ll:outer-app \S+`)

var outerAppRule = houseRule{
	name: "no outer app",
	reason: "a write through another app than the event's or the transaction's waits for ever for the transaction " +
		"that it stands in; say //ll:outer-app <reason> where it is right",
	check: func(sources []source) []string {
		problems := []string{}
		for _, s := range sources {
			if !s.test() && s.pkg() != "internal/apptest" {
				problems = append(problems, outerApps(s)...)
			}
		}
		return problems
	},
	planted: []plant{
		{"a.go": bound(`func(e *core.RecordEvent) error { return app.Save(e.Record) }`)},
		{"a.go": bound(`func(e *core.RecordEvent) error { return store(app, e.Record) }`)},
		{"a.go": bound(`func(e *core.RecordEvent) error { return later(func() error { return app.Save(e.Record) }) }`)},
		{"a.go": bound(`func(e *core.ServeEvent) error {
			return route(func(r *core.RequestEvent) error { return e.App.Save(nil) })
		}`)},
		{"a.go": "package a\n\nfunc f(app core.App) error { return app.RunInTransaction(func(tx core.App) error { return app.Save(nil) }) }\n"},
		{"a.go": "package a\n\nvar app core.App\n\nfunc handle(e *core.RecordEvent) error { return app.Save(e.Record) }\n"},
		{"a.go": "package a\n\ntype area struct{ app core.App }\n\nfunc (a area) handle(e *core.RecordEvent) error { return a.app.Save(e.Record) }\n"},
	},
	allowed: []plant{
		{"a.go": bound(`func(e *core.RecordEvent) error { return e.App.Save(e.Record) }`)},
		{"a.go": bound(`func(e *core.RecordEvent) error { return e.App.RunInTransaction(func(app core.App) error { return app.Save(nil) }) }`)},
		{"a.go": bound(`func(e *core.RecordEvent) error { app := e.App; return app.Save(e.Record) }`)},
		{"a.go": "package a\n\ntype Fallen struct{ App core.App }\n\nfunc f(e *core.RecordEvent) *Fallen { return &Fallen{App: e.App} }\n"},
		{"a.go": bound("func(e *core.RecordEvent) error {\n\treturn app.Save(e.Record) //ll:outer-app it is the log's\n}")},
		{"a.go": bound("func(e *core.RecordEvent) error {\n\t//ll:outer-app it is the log's\n\treturn app.Save(e.Record)\n}")},
		{"a.go": "package a\n\nfunc Register(app core.App) { app.Cron().MustAdd(\"x\", \"* * * * *\", func() { app.Save(nil) }) }\n"},
	},
}

// bound is a file that binds the handler with an app in sight.
func bound(handler string) string {
	return "package a\n\nfunc Register(app core.App) {\n\tapp.OnRecordCreate().Bind(&hook.Handler[*core.RecordEvent]{Func: " + handler + "})\n}\n"
}

// outerApps finds apps that come from outside a function which is given its
// own: by an event, or as a transaction.
func outerApps(s source) []string {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	// Imports are not resolved; scopes are, which is all that is asked here.
	ignore := types.Config{Error: func(error) {}, DisableUnusedImportCheck: true}
	_, _ = ignore.Check(s.path, s.fset, []*ast.File{s.file}, info)

	apps, events, fields := appsOf(s.file)
	marked := markedLines(s)
	problems := []string{}
	seen := map[token.Pos]bool{}
	report := func(n ast.Node, what string) {
		line := s.fset.Position(n.Pos()).Line
		if !seen[n.Pos()] && !marked[line] && !marked[line-1] {
			seen[n.Pos()] = true
			problems = append(problems, s.at(n.Pos())+": "+what+" is not the app of this event or transaction")
		}
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		function, parameters, body := functionOf(n)
		if body == nil || !isGivenAnApp(parameters) {
			return true
		}
		outside := func(p token.Pos) bool { return p < function.Pos() || p >= function.End() }
		ast.Inspect(body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				if use := info.Uses[n]; use != nil && apps[use.Pos()] && outside(use.Pos()) {
					report(n, n.Name)
				}
			case *ast.SelectorExpr:
				x, ok := n.X.(*ast.Ident)
				if !ok {
					return true
				}
				use := info.Uses[x]
				if n.Sel.Name == "App" && use != nil && events[use.Pos()] && outside(use.Pos()) || fields[n.Sel.Name] {
					report(n, x.Name+"."+n.Sel.Name)
				}
			}
			return true
		})
		return true
	})
	return problems
}

// appsOf finds where parameters and variables of type core.App and of event
// types are declared, and how the fields are called in which structs of the
// file keep an app.
func appsOf(file *ast.File) (apps, events map[token.Pos]bool, fields map[string]bool) {
	apps, events, fields = map[token.Pos]bool{}, map[token.Pos]bool{}, map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.StructType:
			for _, field := range n.Fields.List {
				for _, name := range field.Names {
					// An exported one is an event's own.
					if !name.IsExported() && isSelector(field.Type, "core", "App") {
						fields[name.Name] = true
					}
				}
			}
		case *ast.FuncType:
			for _, field := range n.Params.List {
				for _, name := range field.Names {
					apps[name.Pos()] = isSelector(field.Type, "core", "App")
					events[name.Pos()] = isEvent(field.Type)
				}
			}
		case *ast.ValueSpec:
			for _, name := range n.Names {
				apps[name.Pos()] = n.Type != nil && isSelector(n.Type, "core", "App")
			}
		}
		return true
	})
	return apps, events, fields
}

func functionOf(n ast.Node) (function ast.Node, parameters *ast.FieldList, body *ast.BlockStmt) {
	switch n := n.(type) {
	case *ast.FuncLit:
		return n, n.Type.Params, n.Body
	case *ast.FuncDecl:
		return n, n.Type.Params, n.Body
	}
	return nil, nil, nil
}

func isGivenAnApp(parameters *ast.FieldList) bool {
	for _, parameter := range parameters.List {
		if isEvent(parameter.Type) || isSelector(parameter.Type, "core", "App") {
			return true
		}
	}
	return false
}

// isEvent recognises *core.SomethingEvent.
func isEvent(typ ast.Expr) bool {
	star, ok := typ.(*ast.StarExpr)
	if !ok {
		return false
	}
	selector, ok := star.X.(*ast.SelectorExpr)
	return ok && isSelector(selector, "core", selector.Sel.Name) && strings.HasSuffix(selector.Sel.Name, "Event")
}

func markedLines(s source) map[int]bool {
	marked := map[int]bool{}
	for _, group := range s.file.Comments {
		for _, comment := range group.List {
			if outerAppMark.MatchString(comment.Text) {
				marked[s.fset.Position(comment.Pos()).Line] = true
			}
		}
	}
	return marked
}
