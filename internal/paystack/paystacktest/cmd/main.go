// A Paystack on the loopback interface, for demos and for tests of the whole
// binary: it prints its address, answers until it is stopped, and is commanded
// under /_fake/.
//
//	go run ./internal/paystack/paystacktest/cmd -addr 127.0.0.1:9400 \
//	    -balance NGN=50000000 -webhook http://127.0.0.1:8090/api/lingualink/webhooks/paystack
//
// The server under test then needs PAYSTACK_SECRET_KEY (printed, too) and
// LL_PAYSTACK_BASE_URL.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "paystack fake:", err)
		os.Exit(1)
	}
}

// run serves until the context ends.
func run(ctx context.Context, args []string, out *os.File) error {
	options := paystacktest.Options{
		Now:         time.Now, //nolint:forbidigo // a process of its own lives in real time
		AutoDeliver: true,
		Balances:    map[string]int64{},
	}
	flags := flag.NewFlagSet("paystack fake", flag.ContinueOnError)
	flags.StringVar(&options.Addr, "addr", "127.0.0.1:0", "loopback address to listen on")
	flags.StringVar(&options.SecretKey, "key", paystacktest.Key, "secret key to accept and to sign with")
	flags.Uint64Var(&options.Seed, "seed", 1, "what is random repeats with it")
	flags.StringVar(&options.WebhookURL, "webhook", "", "where events are sent")
	flags.StringVar(&options.ApprovalURL, "approval", "", "who approves transfers")
	settle := flags.Int64("settle", 2, "seconds until a transfer succeeds")
	flags.Func("balance", "CURRENCY=subunits, any number of times", func(value string) error {
		currency, amount, _ := strings.Cut(value, "=")
		n, err := strconv.ParseInt(amount, 10, 64)
		options.Balances[currency] = n
		return err
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	options.Script = []paystacktest.Step{{AfterSeconds: *settle, Status: "success"}}
	server, err := paystacktest.Start(options)
	if err != nil {
		return err
	}
	defer server.Close()
	// One line that a harness can read: the address, then the key.
	if _, err := fmt.Fprintln(out, server.URL, options.SecretKey); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
