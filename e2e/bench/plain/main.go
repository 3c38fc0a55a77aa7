// Plain is PocketBase as it comes, with one collection of one text field and
// the database settings of this project. It decides nothing and refuses nothing
// beyond what PocketBase does: it is the measure that the bench compares with.
package main

import (
	"log"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/lingualink/lingualink/internal/datadir"
)

func main() {
	app := pocketbase.NewWithConfig(pocketbase.Config{
		DBConnect: func(path string) (*dbx.DB, error) { return dbx.Open("sqlite", datadir.DSN(path)) },
	})
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "ll.bench.notes",
		Func: func(e *core.ServeEvent) error {
			notes := core.NewBaseCollection("notes")
			notes.Fields.Add(&core.TextField{Name: "text"})
			notes.CreateRule = types.Pointer(`@request.auth.id != ""`)
			if err := e.App.Save(notes); err != nil {
				return err
			}
			return e.Next()
		},
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
