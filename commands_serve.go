package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/internal/audio"
	"github.com/lingualink/lingualink/internal/config"
)

// bindPages serves the embedded pages beside the API. What is neither, also
// below /api/, is a 404 in JSON.
func bindPages(p *program) {
	p.app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "ll.main.pages",
		Func: func(e *core.ServeEvent) error {
			files := apis.MustSubFS(public, "pb_public")
			e.Router.GET("/{"+apis.StaticWildcardParam+"...}", apis.Static(files, false)).Bind(apis.Gzip())
			return e.Next()
		},
	})
}

// bindParts tells at start what this server can do.
func bindParts(p *program) {
	p.app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "ll.main.parts", Priority: -1000, // outermost: nothing is left that could fail
		Func: func(e *core.ServeEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			_, decoder := audio.FindFFmpeg()
			return writeParts(p.app.RootCmd.OutOrStdout(), append(p.cfg.Parts(), soundDecoder(decoder)))
		},
	})
}

func soundDecoder(found bool) config.Part {
	part := config.Part{
		Name: "Sound decoder", On: found,
		Detail:   "ffmpeg not found: loudness of AAC and AMR is not measured",
		Variable: "PATH", Docs: "docs/operate.md#sound-decoder",
	}
	if found {
		part.Detail = "ffmpeg found: loudness of AAC and AMR is measured"
	}
	return part
}

// writeParts prints the table: never a value, only names of variables.
func writeParts(w io.Writer, parts []config.Part) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nLingualink %s\n", version)
	for _, part := range parts {
		state, change := "on", ""
		if !part.On {
			state, change = "off", " ["+part.Variable+"]"
		}
		fmt.Fprintf(table, "  %s\t%s\t%s%s\n", part.Name, state, part.Detail, change)
	}
	fmt.Fprint(table, "What is off is turned on by the variable in brackets: docs/operate.md explains each.\n\n")
	return table.Flush()
}
