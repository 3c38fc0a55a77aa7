package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"
	"github.com/spf13/cobra"

	"github.com/lingualink/lingualink/demo"
	"github.com/lingualink/lingualink/hooks/shell"
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
verdicts, money and payouts in every state, then serves it and prints links and
logins. A directory that was filled before is served as it is. A directory that
holds anything else is refused; the default is ./` + demoDir + `.

Unless PAYSTACK_SECRET_KEY is set, payouts go to an imaginary Paystack inside this
process: its money does not exist, and nothing leaves the machine. With a key of
your own nothing is paid out while filling.`,
		Example: `  lingualink demo
  lingualink demo --reset
  lingualink demo --dir /tmp/demo --http 127.0.0.1:8095
  lingualink demo --serve=false`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := p.app.RunAllMigrations(); err != nil {
				return err
			}
			if err := p.keepPaystack(); err != nil {
				return err
			}
			out := command.OutOrStdout()
			if len(logins) == 0 {
				fmt.Fprintf(out, "Making demonstration data in %s ...\n", p.app.DataDir())
				var err error
				if logins, err = demo.Fill(context.Background(), p.app, p.deps, p.paystack); err != nil {
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
					return errors.Join(writeLogins(out, logins, "http://"+address), p.servePaystack(out, "http://"+address))
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
		if _, err := os.Stat(filepath.Join(dir, demo.PaystackFile)); err == nil && p.paystack == nil {
			return errImaginary
		}
		return nil
	}
	return command
}

// errImaginary refuses to ask a real Paystack about payouts that it never saw.
var errImaginary = errors.New("the money of this demonstration is imaginary: unset PAYSTACK_SECRET_KEY, or begin anew with --reset or another --dir")

// imagine returns the environment of the command. A demonstration without a key of
// its own gets one of a Paystack inside this process, which it starts, and what
// else payouts need.
func (p *program) imagine(args, environ []string) ([]string, error) {
	if len(args) == 0 || args[0] != demoName || slices.ContainsFunc(environ, func(one string) bool {
		value, set := strings.CutPrefix(one, "PAYSTACK_SECRET_KEY=")
		return set && value != ""
	}) {
		return environ, nil
	}
	key := "sk_test_" + shell.NewSecret()
	var err error
	if p.paystack, err = demo.Paystack(key); err != nil {
		return nil, fmt.Errorf("the imaginary Paystack: %w", err)
	}
	// What the operator sets besides counts; the last of a name is taken.
	return slices.Concat([]string{
		"LL_PAYOUTS=on",
		"LL_PEPPER=a pepper for bank accounts that do not exist",
		"LL_PAYSTACK_APPROVAL_SECRET=" + shell.NewSecret() + shell.NewSecret(),
		// Inside the directory, so that it goes with it.
		"LL_PAYOUTS_MARK=" + filepath.Join(p.app.DataDir(), "payouts-mark.json"),
	}, environ, []string{"PAYSTACK_SECRET_KEY=" + key, "LL_PAYSTACK_BASE_URL=" + p.paystack.URL}), nil
}

// keepPaystack has the imaginary Paystack remember, in the directory, what it did.
func (p *program) keepPaystack() error {
	if p.paystack == nil {
		return nil
	}
	return p.paystack.Keep(filepath.Join(p.app.DataDir(), demo.PaystackFile))
}

// servePaystack tells the imaginary Paystack where the server is, and people where
// it is.
func (p *program) servePaystack(w io.Writer, url string) error {
	if p.paystack == nil {
		return nil
	}
	webhook := url + shell.APIPrefix + "/webhooks/paystack"
	p.paystack.SetApprovalURL(webhook + "/approve/" + string(p.cfg.Paystack.ApprovalSecret))
	p.paystack.SetWebhookURL(webhook)
	_, err := fmt.Fprintf(w, `All money is imaginary: Paystack is played by this process at %[1]s.
  %[1]s/_fake/state shows what it was asked to do.
  To be paid, sign in as amani, enter the account 0123456788 at the bank 058 as
  Amani Hassan, and ask for a payout: it arrives ten seconds after it was sent.

`, p.paystack.URL)
	return err
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
