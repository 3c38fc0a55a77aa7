package shell

import (
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/internal/notify"
)

// JobNotify is the job that tells a person something; the notifications area
// handles it.
const JobNotify = "notify"

// Notice is one thing a person is told. Kind and data are those of the catalogue in
// internal/notify, which has the words.
type Notice struct {
	User string `json:"user"`
	Kind string `json:"kind"`
	// Title and Body are English. They are shown where the catalogue cannot say it.
	Title string         `json:"title"`
	Body  string         `json:"body"`
	Data  map[string]any `json:"data"`
	// From is whose doing it is: nobody hears from people who are blocked. Empty where
	// the data say it, or where it comes from nobody.
	From string `json:"from,omitempty"`
}

// Notify queues a notice in the transaction of its cause. The cause names the
// event, for example "verdict:<id>"; a person hears of it once. What the catalogue
// does not know is a mistake of the program: tests get an error, on a running server
// the person is told in English all the same.
func Notify(tx core.App, deps *Deps, cause string, notice Notice) error {
	if err := notify.Check(notify.Notice{Kind: notify.Kind(notice.Kind), Data: notice.Data}); err != nil {
		if deps.Strict {
			return err
		}
		tx.Logger().Error("a notice is not as the catalogue says", "cause", cause, "error", err)
	}
	return deps.Outbox.Enqueue(tx, Job{Kind: JobNotify, Key: cause + ":" + notice.User, Payload: notice})
}
