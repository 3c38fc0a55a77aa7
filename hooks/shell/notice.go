package shell

import "github.com/pocketbase/pocketbase/core"

// JobNotify is the job that tells a person something; the notifications area
// handles it.
const JobNotify = "notify"

// Notice is one thing a person is told.
type Notice struct {
	User  string         `json:"user"`
	Kind  string         `json:"kind"` // apps translate by it
	Title string         `json:"title"`
	Body  string         `json:"body"`
	Data  map[string]any `json:"data"`
	// From is whoever caused it, if a person did: between people of whom one blocks
	// the other nothing is told.
	From string `json:"from,omitempty"`
}

// Notify queues a notice in the transaction of its cause. The cause names the
// event, for example "verdict:<id>"; a person hears of it once.
func Notify(tx core.App, deps *Deps, cause string, notice Notice) error {
	return deps.Outbox.Enqueue(tx, Job{Kind: JobNotify, Key: cause + ":" + notice.User, Payload: notice})
}
