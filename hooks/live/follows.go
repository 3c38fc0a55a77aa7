package live

import (
	"encoding/json"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/rooms"
)

const (
	// jobFollowers tells some of the followers, and makes the job of the next.
	jobFollowers   = "live.followers"
	followersBatch = 200
)

// batch is which followers are next: those after an id.
type batch struct {
	Stream string `json:"stream"`
	After  string `json:"after"`
}

func (t *streams) registerFollows(app core.App) {
	shell.Repeatable(app, "follows", "user", func(stored, sent *core.Record) bool {
		return stored.GetString("followed") == sent.GetString("followed")
	})
	app.OnRecordCreateExecute("follows").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.follows.create",
		Func: func(e *core.RecordEvent) error {
			return shell.InTransaction(&e.App, func(tx core.App) error {
				user, followed := e.Record.GetString("user"), e.Record.GetString("followed")
				if user == followed {
					return fault.InvalidInput.On("followed").Saying("You cannot follow yourself.")
				}
				blocked, err := accounts.Blocked(tx, user, followed)
				if err != nil {
					return err
				}
				if blocked { // as if there were nobody: a block is nobody's business
					return fault.NotFound.On("followed")
				}
				if err := e.Next(); err != nil {
					return err
				}
				return countFollow(tx, user, followed, 1)
			})
		},
	})
	app.OnRecordDeleteExecute("follows").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.follows.delete",
		Func: func(e *core.RecordEvent) error {
			return shell.InTransaction(&e.App, func(tx core.App) error {
				if err := e.Next(); err != nil {
					return err
				}
				return countFollow(tx, e.Record.GetString("user"), e.Record.GetString("followed"), -1)
			})
		},
	})
	app.OnRecordCreateExecute("blocks").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.blocks.create.follows",
		Func: func(e *core.RecordEvent) error {
			return shell.InTransaction(&e.App, func(tx core.App) error {
				if err := e.Next(); err != nil {
					return err
				}
				t.lookAfter(tx) // nobody stays in a stream of whom they block
				return unfollowBoth(tx, e.Record.GetString("user"), e.Record.GetString("blocked"))
			})
		},
	})
	t.deps.Outbox.Handle(jobFollowers, shell.JobHandler{InTx: t.tellBatch})
}

// countFollow moves both people's public counts, in the transaction of the row.
func countFollow(tx core.App, user, followed string, by int64) error {
	for _, one := range []struct {
		person               string
		followers, following int64
	}{{user, 0, by}, {followed, by, 0}} {
		_, err := shell.Exec(tx, `
			INSERT INTO follow_counts (id, user, followers, following) VALUES ({:id}, {:user}, MAX({:followers}, 0), MAX({:following}, 0))
			ON CONFLICT (user) DO UPDATE SET followers = MAX(followers + {:followers}, 0), following = MAX(following + {:following}, 0)`,
			dbx.Params{"id": shell.NewID(), "user": one.person, "followers": one.followers, "following": one.following})
		if err != nil {
			return err
		}
	}
	return nil
}

// unfollowBoth ends what a block makes impossible.
func unfollowBoth(tx core.App, a, b string) error {
	rows, err := tx.FindRecordsByFilter("follows", "(user = {:a} && followed = {:b}) || (user = {:b} && followed = {:a})", "", 0, 0, dbx.Params{"a": a, "b": b})
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := tx.Delete(row); err != nil {
			return err
		}
	}
	return nil
}

// tellFollowers begins to tell them, in the transaction in which the stream goes
// live.
func (t *streams) tellFollowers(tx core.App, stream *core.Record) error {
	return t.tellNext(tx, batch{Stream: stream.Id})
}

func (t *streams) tellNext(tx core.App, next batch) error {
	return t.deps.Outbox.Enqueue(tx, shell.Job{Kind: jobFollowers, Key: next.Stream + ":" + next.After, Payload: next})
}

// tellBatch tells so many followers that the writer is not held for long.
func (t *streams) tellBatch(tx core.App, job shell.Job) error {
	var next batch
	if err := json.Unmarshal(job.Raw, &next); err != nil {
		return err
	}
	stream, err := tx.FindRecordById("streams", next.Stream)
	if err != nil {
		return err
	}
	if status := rooms.State(stream.GetString("status")); status != rooms.Live && status != rooms.HostAway {
		return nil // nobody need come any more
	}
	host, err := tx.FindRecordById("users", stream.GetString("host"))
	if err != nil {
		return err
	}
	followers := []struct {
		ID   string `db:"id"`
		User string `db:"user"`
	}{}
	err = tx.DB().NewQuery("SELECT id, user FROM follows WHERE followed = {:host} AND id > {:after} ORDER BY id LIMIT {:batch}").
		Bind(dbx.Params{"host": host.Id, "after": next.After, "batch": followersBatch}).All(&followers)
	if err != nil {
		return err
	}
	for _, one := range followers {
		err := shell.Notify(tx, t.deps, "stream_live:"+stream.Id, shell.Notice{
			User: one.User, Kind: "stream_live", Title: displayName(host) + " is live", Body: stream.GetString("title"),
			Data: map[string]any{"stream": stream.Id, "title": stream.GetString("title"), "from": host.Id, "name": displayName(host)},
		})
		if err != nil {
			return err
		}
		next.After = one.ID
	}
	if len(followers) < followersBatch {
		return nil
	}
	return t.tellNext(tx, next)
}
