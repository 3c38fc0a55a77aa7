package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lingualink/lingualink/internal/datadir"
)

// How a command opens the data directory; it counts for the commands below it
// too. A command without the annotation does not open it: PocketBase is not
// started, no migration runs and nothing is written.
const (
	openAnnotation = "lingualink.open"
	alone          = "alone"  // under the lock: the one server
	beside         = "beside" // next to a server, writing a little
)

func opening(how string, command *cobra.Command) *cobra.Command {
	command.Annotations = map[string]string{openAnnotation: how}
	return command
}

func howOpened(command *cobra.Command) string {
	for ; command != nil; command = command.Parent() {
		if how := command.Annotations[openAnnotation]; how != "" {
			return how
		}
	}
	return ""
}

// execute runs the command that args name. PocketBase opens the database before
// it looks at the command, so commands that leave it alone, help and unknown
// names go past it.
func execute(p *program, args []string) error {
	command, rest, err := p.app.RootCmd.Find(args)
	if err != nil || howOpened(command) == "" {
		return p.app.RootCmd.Execute()
	}
	if p.beforeOpen[command] != nil {
		switch err := command.ParseFlags(rest); {
		case errors.Is(err, pflag.ErrHelp):
			return p.app.RootCmd.Execute()
		case err != nil:
			return err
		}
	}
	lockData(p, command)
	return p.app.Execute()
}

// defaultDir is where a command keeps its data when --dir does not say: a
// demonstration apart from the rest, everything else where PocketBase does.
func defaultDir(args []string) string {
	if len(args) > 0 && args[0] == demoName {
		return demoDir
	}
	return ""
}

// lockData checks what must be right before the database is opened and
// migrations run. The lock is held until the process ends: the closure keeps it
// reachable.
func lockData(p *program, command *cobra.Command) {
	var lock *datadir.Lock
	p.app.OnBootstrap().Bind(&hook.Handler[*core.BootstrapEvent]{
		Id: "ll.main.lock", Priority: -1000,
		Func: func(e *core.BootstrapEvent) error {
			if p.problem != nil {
				return configurationError(p.problem)
			}
			if howOpened(command) == alone && lock == nil {
				var err error
				if lock, err = datadir.Acquire(e.App.DataDir()); err != nil {
					return err
				}
			}
			if prepare := p.beforeOpen[command]; prepare != nil {
				if err := prepare(e.App.DataDir()); err != nil {
					return err
				}
			}
			return e.Next()
		},
	})
}

func configurationError(problem error) error {
	return fmt.Errorf("the configuration cannot be used, nothing was started:\n%w", problem)
}

// group is a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	command := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := command.Help(); err != nil {
				return err
			}
			return errors.New("say what to do: name one of the commands above")
		},
	}
	command.AddCommand(commands...)
	return command
}

// writeJSON prints a document for programs.
func writeJSON(w io.Writer, document any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(document)
}
