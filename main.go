// Lingualink is the server of a community that records and validates languages:
// one binary with its database, its API, its pages and the commands to run it.
// This package decides how the parts are put together and what the commands
// say; it refuses to start with a configuration that it cannot use or on a data
// directory that another server has.
package main

import (
	"embed"
	"fmt"
	"os"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/cmd"
	"github.com/spf13/cobra"

	"github.com/lingualink/lingualink/hooks"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/config"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
	_ "github.com/lingualink/lingualink/migrations" // the schema
)

// version is set by the build: -ldflags "-X main.version=v1.2.3".
var version = "dev"

//go:embed all:pb_public
var public embed.FS

// program is what the commands are made from.
type program struct {
	app  *pocketbase.PocketBase
	cfg  config.Config
	deps *shell.Deps
	// problem is why cfg cannot be used and deps is nil, if it is.
	problem  error
	paystack *paystacktest.Server // the imaginary one of the demonstration; nil elsewhere
	// beforeOpen runs before a command's data directory is opened, under its lock.
	beforeOpen map[*cobra.Command]func(dir string) error
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "Error: "+err.Error())
		os.Exit(1)
	}
}

func run(args []string) error {
	p := &program{
		app:        pocketbase.NewWithConfig(pocketbase.Config{DBConnect: connect, DefaultDataDir: defaultDir(args)}),
		beforeOpen: map[*cobra.Command]func(string) error{},
	}
	environ, err := p.imagine(args, os.Environ())
	if err != nil {
		return err
	}
	if p.cfg, p.problem = config.Load(environ); p.problem == nil {
		p.deps, p.problem = hooks.Wire(p.app, p.cfg)
	}
	root := p.app.RootCmd
	root.Short = "Lingualink: people record and validate their language, and are paid for it"
	root.Version = version
	root.SilenceUsage = true
	root.AddCommand(
		opening(alone, cmd.NewServeCommand(p.app, true)),
		newSuperuserCommand(p),
		newDemoCommand(p),
		newDoctorCommand(p),
		newHealthCommand(),
		newLedgerCommand(p),
		newAuditCommand(p),
		newConsensusCommand(p),
		newPayoutsCommand(p),
		newPushCommand(),
		newSchemaCommand(),
	)
	bindPages(p)
	bindParts(p)
	return execute(p, args)
}
