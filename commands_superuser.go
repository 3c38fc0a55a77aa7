package main

import (
	"fmt"

	"github.com/pocketbase/pocketbase/cmd"
	"github.com/spf13/cobra"

	"github.com/lingualink/lingualink/hooks/accounts"
)

// newSuperuserCommand is PocketBase's, and which user a superuser is.
func newSuperuserCommand(p *program) *cobra.Command {
	command := opening(beside, cmd.NewSuperuserCommand(p.app))
	command.AddCommand(newSuperuserPersonCommand(p))
	return command
}

func newSuperuserPersonCommand(p *program) *cobra.Command {
	var none bool
	command := &cobra.Command{
		Use:   "person EMAIL USERNAME",
		Short: "Say which user a superuser is",
		Long: `Say which user a superuser is. Who approves payouts must be known as one, so that
nobody approves their own and two approvers are two people. Superusers cannot say
it of themselves in the dashboard; this command is for servers that have one only.
It may run beside the server and is written to the audit log.`,
		Example: "  lingualink superuser person admin@example.org ada --dir /data\n  lingualink superuser person admin@example.org --none",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(command *cobra.Command, args []string) error {
			if none == (len(args) == 2) {
				return fmt.Errorf("name the user, or say --none")
			}
			username := ""
			if !none {
				username = args[1]
			}
			if err := accounts.SetAdminPerson(p.app, p.deps, args[0], username); err != nil {
				return err
			}
			if none {
				_, err := fmt.Fprintf(command.OutOrStdout(), "%s is no user.\n", args[0])
				return err
			}
			_, err := fmt.Fprintf(command.OutOrStdout(), "%s is the user %s.\n", args[0], username)
			return err
		},
	}
	command.Flags().BoolVar(&none, "none", false, "the superuser is no user")
	return command
}
