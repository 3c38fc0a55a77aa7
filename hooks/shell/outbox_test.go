package shell_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

// enqueue writes a job in a transaction of its own.
func enqueue(t *testing.T, s *hookstest.Server, job shell.Job) {
	t.Helper()
	err := s.App.RunInTransaction(func(tx core.App) error { return s.Deps.Outbox.Enqueue(tx, job) })
	if err != nil {
		t.Fatal(err)
	}
}

func state(s *hookstest.Server) string {
	return s.Text("SELECT group_concat(state || ' ' || attempts, ', ') FROM (SELECT * FROM jobs ORDER BY created, id)", nil)
}

func TestAJobRunsOnce(t *testing.T) {
	s := hookstest.Start(t)
	ran := 0
	s.Deps.Outbox.Handle("count", shell.JobHandler{InTx: func(core.App, shell.Job) error { ran++; return nil }})
	for range 3 {
		enqueue(t, s, shell.Job{Kind: "count", Key: "same", Payload: map[string]int{"n": 1}})
	}
	enqueue(t, s, shell.Job{Kind: "count", Key: "later", RunAt: s.Deps.Clock.Now().Add(time.Hour)})
	if s.Drain(); ran != 1 {
		t.Errorf("ran %d times, want once", ran)
	}
	if s.Drain(); ran != 1 {
		t.Errorf("ran %d times after another drain", ran)
	}
	s.Advance(2 * time.Hour)
	if s.Drain(); ran != 2 {
		t.Errorf("the later job did not run: %d", ran)
	}
}

func TestEnqueueBelongsIntoATransactionAndNeedsAHandler(t *testing.T) {
	s := hookstest.Start(t)
	if err := s.Deps.Outbox.Enqueue(s.App, shell.Job{Kind: shell.JobNotify, Key: "x"}); err == nil {
		t.Error("queued outside a transaction")
	}
	err := s.App.RunInTransaction(func(tx core.App) error {
		return s.Deps.Outbox.Enqueue(tx, shell.Job{Kind: "nobody", Key: "x"})
	})
	if err == nil {
		t.Error("queued a job that nobody handles")
	}
	boom := errors.New("boom")
	err = s.App.RunInTransaction(func(tx core.App) error {
		if err := s.Deps.Outbox.Enqueue(tx, shell.Job{Kind: shell.JobNotify, Key: "x"}); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) || s.Int("SELECT COUNT(*) FROM jobs") != 0 {
		t.Errorf("a rolled back cause left its job (%v)", err)
	}
}

func TestFailuresAreRetriedAndGivenUp(t *testing.T) {
	s := hookstest.Start(t)
	tries := 0
	s.Deps.Outbox.Handle("fail", shell.JobHandler{MaxTries: 3, InTx: func(tx core.App, _ shell.Job) error {
		tries++
		if tries == 2 {
			panic("worse")
		}
		if _, err := shell.Exec(tx, "INSERT INTO quotas (id, [key], window_start, used) VALUES ('quota0000000000', 'x', 'x', 1)", nil); err != nil {
			return err
		}
		return errors.New("no luck")
	}})
	enqueue(t, s, shell.Job{Kind: "fail", Key: "x"})
	s.Drain()
	if got := state(s); got != "queued 1" || tries != 1 {
		t.Errorf("after one try: %s, %d tries", got, tries)
	}
	s.Drain()
	if tries != 1 {
		t.Error("it was retried without a pause")
	}
	for range 2 {
		s.Advance(time.Minute)
		s.Drain()
	}
	if got := state(s); got != "dead 3" || tries != 3 {
		t.Errorf("in the end: %s, %d tries", got, tries)
	}
	if n := s.Int("SELECT COUNT(*) FROM quotas"); n != 0 {
		t.Errorf("failed tries left %d rows", n)
	}
	if text := s.Text("SELECT last_error FROM jobs", nil); text != "no luck" {
		t.Errorf("the last error is %q", text)
	}
	s.Advance(24 * time.Hour)
	if s.Drain(); tries != 3 {
		t.Error("a dead job was tried again")
	}
}

func TestAJobOfADeadWorkerIsTakenOver(t *testing.T) {
	s := hookstest.Start(t)
	other := shell.NewOutbox(s.Deps.Clock)
	ran := []string{}
	for name, outbox := range map[string]*shell.Outbox{"first": s.Deps.Outbox, "second": other} {
		outbox.Handle("work", shell.JobHandler{Outside: func(context.Context, core.App, shell.Job) error {
			ran = append(ran, name)
			if name == "first" && len(ran) == 1 {
				// While the first worker hangs, its lease ends and another
				// one does the work.
				s.Advance(2 * time.Minute)
				if _, err := other.Drain(context.Background(), s.App); err != nil {
					t.Error(err)
				}
			}
			return nil
		}})
	}
	enqueue(t, s, shell.Job{Kind: "work", Key: "x"})
	if finished := s.Drain(); finished != 0 {
		t.Errorf("the worker that lost its lease says that it finished %d jobs", finished)
	}
	if got := state(s); got != "done 2" || len(ran) != 2 || ran[1] != "second" {
		t.Errorf("%s, ran by %v", got, ran)
	}
}

func TestStartTakesOverWhatAKilledServerLeft(t *testing.T) {
	s := hookstest.Start(t)
	enqueue(t, s, shell.Job{Kind: shell.JobNotify, Key: "x", Payload: shell.Notice{User: s.User(apptest.Ada).Id, Kind: "test", Title: "Hello"}})
	if _, err := shell.Exec(s.App, "UPDATE jobs SET state = 'running', worker = 'killed', attempts = 1, lease_until = '2999-01-01 00:00:00.000Z'", nil); err != nil {
		t.Fatal(err)
	}
	delivered := make(chan string, 1)
	s.App.OnRecordAfterCreateSuccess("notifications").BindFunc(func(e *core.RecordEvent) error {
		delivered <- e.Record.GetString("title")
		return e.Next()
	})
	if err := s.Deps.Outbox.Start(s.App); err != nil {
		t.Fatal(err)
	}
	select {
	case title := <-delivered:
		if title != "Hello" {
			t.Errorf("told %q", title)
		}
	case <-time.After(10 * time.Second):
		t.Error("the notice was not delivered")
	}
	s.Deps.Outbox.Stop()
	if got := state(s); got != "done 2" {
		t.Errorf("the job is %s", got)
	}
}

func TestBackoffGrows(t *testing.T) {
	for attempts, want := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 12: 2048 * time.Second, 13: time.Hour, 60: time.Hour} {
		if got := shell.Backoff(attempts); got < want || got > want+want/4+1 {
			t.Errorf("after %d tries %v, want %v and up to a quarter more", attempts, got, want)
		}
	}
}

func TestJobsThatShareATransactionFailAlone(t *testing.T) {
	s := hookstest.Start(t)
	wrote := func(tx core.App, job shell.Job) error {
		if err := shell.Insert(tx, "quotas", dbx.Params{"id": shell.NewID(), "key": "ran:" + job.Key, "window_start": "2026-01-01 00:00:00.000Z", "used": 1}); err != nil {
			return err
		}
		switch job.Key {
		case "bad":
			return errors.New("no luck")
		case "panics":
			panic("no luck either")
		}
		return nil
	}
	s.Deps.Outbox.Handle("mixed", shell.JobHandler{InTx: wrote})
	for _, key := range []string{"a", "b", "bad", "c", "panics", "d"} {
		enqueue(t, s, shell.Job{Kind: "mixed", Key: key})
	}
	if n := s.Drain(); n != 4 {
		t.Errorf("%d jobs were done, want 4", n)
	}
	if n := s.Int("SELECT COUNT(*) FROM quotas WHERE [[key]] LIKE 'ran:%'"); n != 4 {
		t.Errorf("%d effects are there, want one for each job that was done", n)
	}
	if n := s.Int("SELECT COUNT(*) FROM jobs WHERE state = 'done' AND kind = 'mixed'"); n != 4 {
		t.Errorf("%d jobs are done, want 4", n)
	}
	if n := s.Int("SELECT COUNT(*) FROM jobs WHERE state = 'queued' AND effect_key IN ('bad', 'panics') AND last_error LIKE '%no luck%'"); n != 2 {
		t.Errorf("%d jobs wait for another try, want 2", n)
	}
}
