package shell_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
)

func TestRoundsRunBesideTheWorker(t *testing.T) {
	clock, err := shell.NewClock("")
	if err != nil {
		t.Fatal(err)
	}
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: t.TempDir()})
	if err := app.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = app.ClearBootstrap() })
	if err := app.RunAllMigrations(); err != nil {
		t.Fatal(err)
	}

	outbox := shell.NewOutbox(clock)
	began, ended := make(chan struct{}, 10), make(chan error, 1)
	outbox.Round("slow", time.Hour, func(ctx context.Context, _ core.App) error {
		began <- struct{}{}
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	})
	quick := make(chan struct{}, 10)
	outbox.Round("quick", time.Hour, func(context.Context, core.App) error {
		quick <- struct{}{}
		return nil
	})
	if err := outbox.Start(app); err != nil {
		t.Fatal(err)
	}
	<-began // a round that hangs ...
	<-quick
	outbox.WakeRound("quick")
	<-quick // ... keeps nobody waiting
	outbox.Stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the stop ended the round with %v", err)
	}
}

func TestARoundThatFailsSaysSo(t *testing.T) {
	clock, err := shell.NewClock("")
	if err != nil {
		t.Fatal(err)
	}
	outbox := shell.NewOutbox(clock)
	outbox.Round("broken", time.Hour, func(context.Context, core.App) error { panic("a bug") })
	if err := outbox.RunRound(context.Background(), nil, "broken"); err == nil || !strings.Contains(err.Error(), "a bug") {
		t.Errorf("the panic came as %v", err)
	}
	if err := outbox.RunRound(context.Background(), nil, "other"); err == nil {
		t.Error("a round that does not exist ran")
	}
}
