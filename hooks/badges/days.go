package badges

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
	_ "time/tzdata" // also where the machine has no list of zones

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/badges"
)

// jobDay counts a day of somebody's streak; its key is the person and the block
// of time in which they did something.
const jobDay = "badges.day"

// block is how much time shares a job. The midnight of every zone of today lies
// on the border of two, so that what happens in one is of one day anywhere.
const block = 15 * time.Minute

type dayJob struct {
	User string `json:"user"`
	At   string `json:"at"` // of the first contribution in the block
}

func registerDays(app core.App, deps *shell.Deps) {
	deps.Outbox.Handle(jobDay, shell.JobHandler{InTx: func(tx core.App, job shell.Job) error { return countDay(tx, deps, job) }})
	book := &dayBook{}
	consensus.OnVotes(app).Bind(&hook.Handler[*consensus.VotesEvent]{
		Id: "ll.badges.votes",
		Func: func(e *consensus.VotesEvent) error {
			if err := book.enter(e.App, deps, e.At, e.Voters...); err != nil {
				return err
			}
			return e.Next()
		},
	})
	app.OnRecordCreateExecute("clips").Bind(&hook.Handler[*core.RecordEvent]{
		// In the transaction of ll.clips.create.execute, which is at 100.
		Id: "ll.clips.create.day", Priority: 101,
		Func: func(e *core.RecordEvent) error {
			if err := e.Next(); err != nil {
				return err
			}
			if e.Record.GetBool("control") {
				return nil // its owner sent nothing
			}
			return shell.InTransaction(&e.App, func(tx core.App) error {
				return book.enter(tx, deps, deps.Clock.Now(), e.Record.GetString("owner"))
			})
		},
	})
}

// dayBook remembers for whom the present block has its job, so that somebody who
// votes all day writes few. What it forgets is written again and changes nothing.
type dayBook struct {
	mu     sync.Mutex
	block  int64
	people map[string]bool
}

// enter makes the job of the block for everybody who has none.
func (b *dayBook) enter(tx core.App, deps *shell.Deps, at time.Time, people ...string) error {
	number := at.Unix() / int64(block/time.Second)
	for _, user := range people {
		if b.has(number, user) {
			continue
		}
		job := shell.Job{Kind: jobDay, Key: fmt.Sprintf("%s:%d", user, number), Payload: dayJob{User: user, At: shell.Stamp(at)}}
		if err := deps.Outbox.Enqueue(tx, job); err != nil {
			return err
		}
		shell.AfterCommit(tx, func() { b.remember(number, user) })
	}
	return nil
}

func (b *dayBook) has(number int64, user string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.block == number && b.people[user]
}

func (b *dayBook) remember(number int64, user string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.block != number {
		b.block, b.people = number, map[string]bool{}
	}
	b.people[user] = true
}

// countDay adds a day to the person's streak, where they live now.
func countDay(tx core.App, deps *shell.Deps, job shell.Job) error {
	var did dayJob
	if err := json.Unmarshal(job.Raw, &did); err != nil {
		return err
	}
	at, err := shell.ParseStamp(did.At)
	if err != nil {
		return err
	}
	stats, err := loadStats(tx, []string{did.User})
	if err != nil {
		return err
	}
	zone, err := zoneOf(tx, did.User)
	if err != nil {
		return err
	}
	before := stats[did.User].Streak
	streak := before.On(rules.DayOf(at, zone))
	stored, err := json.Marshal(streak)
	if err != nil {
		return err
	}
	now := deps.Clock.Now()
	_, err = shell.Exec(tx, `
		INSERT INTO contributors (id, user, clips_approved, validations, referrals, streak, last_at, updated)
		VALUES ({:id}, {:user}, 0, 0, 0, {:streak}, {:at}, {:now})
		ON CONFLICT (user) DO UPDATE SET streak = excluded.streak, last_at = MAX(last_at, excluded.last_at), updated = excluded.updated`,
		dbx.Params{"id": shell.RowID(now), "user": did.User, "streak": string(stored), "at": did.At, "now": shell.Stamp(now)})
	if err != nil || streak.Best <= before.Best {
		return err
	}
	return award(tx, deps, []string{did.User}, at)
}

// zoneOf is where a person lives; UTC where they did not say, or nothing that
// there is.
func zoneOf(app core.App, user string) (*time.Location, error) {
	var names []string
	err := app.DB().Select("time_zone").From("private_profiles").Where(dbx.HashExp{"user": user}).Column(&names)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		// Local would be where the server stands.
		if zone, err := time.LoadLocation(name); err == nil && zone != time.Local {
			return zone, nil
		}
	}
	return time.UTC, nil
}
