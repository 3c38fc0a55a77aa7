package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lingualink/lingualink/internal/push/webpush"
)

// newPushCommand is what the operator needs to reach devices.
func newPushCommand() *cobra.Command {
	keys := &cobra.Command{
		Use:   "keys",
		Short: "Make a key pair for Web Push",
		Long: `Make a VAPID key pair for Web Push and print it as lines of the environment.
Nothing of a server is read or written.

Browsers bind a subscription to the public key: whoever replaces the pair loses all
subscriptions until the apps subscribe again. Keep it as long as the server lives.`,
		Example: "  lingualink push keys >> /etc/lingualink.env",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			public, private, err := webpush.GenerateKeys()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(command.OutOrStdout(), "LL_VAPID_PUBLIC_KEY=%s\nLL_VAPID_PRIVATE_KEY=%s\n", public, private)
			return err
		},
	}
	return group("push", "Reach devices", keys)
}
