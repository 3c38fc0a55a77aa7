package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/spf13/cobra"

	"github.com/lingualink/lingualink/demo"
)

const (
	demoName = "demo"
	demoDir  = "demo_data"
)

// newDemoCommand shows the server with something in it.
func newDemoCommand(p *program) *cobra.Command {
	var reset, serve bool
	var address string
	var logins []demo.Login
	command := opening(alone, &cobra.Command{
		Use:   demoName,
		Short: "Serve with demonstration data, made on the first run",
		Long: `Fills a data directory of its own with people, clips in every state, votes,
verdicts and money, then serves it and prints links and logins. A directory
that was filled before is served as it is. A directory that holds anything else
is refused; the default is ./` + demoDir + `.`,
		Example: `  lingualink demo
  lingualink demo --reset
  lingualink demo --dir /tmp/demo --http 127.0.0.1:8095
  lingualink demo --serve=false`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := p.app.RunAllMigrations(); err != nil {
				return err
			}
			out := command.OutOrStdout()
			if len(logins) == 0 {
				fmt.Fprintf(out, "Making demonstration data in %s ...\n", p.app.DataDir())
				var err error
				if logins, err = demo.Fill(context.Background(), p.app, p.deps); err != nil {
					return err
				}
			}
			if !serve {
				return writeLogins(out, logins, "")
			}
			p.app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
				Id: "ll.main.demo", Priority: -1001, // after the table of what is on
				Func: func(e *core.ServeEvent) error {
					if err := e.Next(); err != nil {
						return err
					}
					return writeLogins(out, logins, "http://"+address)
				},
			})
			return apis.Serve(p.app, apis.ServeConfig{HttpAddr: address, ShowStartBanner: false, AllowedOrigins: []string{"*"}})
		},
	})
	command.Flags().BoolVar(&reset, "reset", false, "throw the demonstration data away and make it anew")
	command.Flags().BoolVar(&serve, "serve", true, "serve after filling")
	command.Flags().StringVar(&address, "http", "127.0.0.1:8090", "address to listen on")
	p.beforeOpen[command] = func(dir string) (err error) {
		if logins, err = demo.Logins(dir); err != nil {
			return err
		}
		if reset {
			logins = nil
		}
		if len(logins) == 0 {
			return demo.Reset(dir)
		}
		return nil
	}
	return command
}

// writeLogins prints where to click and who to be.
func writeLogins(w io.Writer, logins []demo.Login, url string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if url != "" {
		fmt.Fprintf(table, "Open\t%s/\n\t%s/_/\tdashboard\n\t%s/api/lingualink/openapi.json\tAPI description\n\t%s/api/health\n\n", url, url, url, url)
	}
	fmt.Fprintln(table, "Sign in as\te-mail\tpassword")
	for _, login := range logins {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", login.Role, login.Email, login.Password)
	}
	fmt.Fprintln(table)
	return table.Flush()
}
