package notifications

import (
	"encoding/json"
	"fmt"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/notify"
)

// jobAnnounce tells the next people of an announcement.
const jobAnnounce = "announce"

const (
	// announceBatch is how many people one transaction tells: their rows are written
	// by Save, because the inbox is watched, and the only writer is held meanwhile.
	announceBatch = 100
	// announceLook is how many people one transaction looks at, so that a small
	// audience among many does not hold it for long either.
	announceLook = 2000
)

type announceOrder struct {
	Announcement string `json:"announcement"`
	Run          int    `json:"run"`
}

// next queues the batch after the position of the announcement.
func (o *office) next(tx core.App, row *core.Record) error {
	return o.deps.Outbox.Enqueue(tx, shell.Job{
		Kind: jobAnnounce, Key: fmt.Sprintf("%s:%d:%s", row.Id, row.GetInt("run"), row.GetString("position")),
		Payload: announceOrder{row.Id, row.GetInt("run")},
	})
}

// announce tells one batch, moves the position past it and queues the next, in the
// transaction that marks the job done: whatever crashes, everybody is told once. A
// batch of an older run, or of an announcement that was stopped, does nothing.
func (o *office) announce(tx core.App, job shell.Job) error {
	var order announceOrder
	if err := json.Unmarshal(job.Raw, &order); err != nil {
		return err
	}
	row, err := tx.FindRecordById("announcements", order.Announcement)
	if err != nil {
		return err
	}
	if row.GetString("state") != collections.AnnouncementRunning || row.GetInt("run") != order.Run {
		return nil
	}
	people, position, more, err := audience(tx, row)
	if err != nil {
		return err
	}
	if err := o.tellAll(tx, row, people); err != nil {
		return err
	}
	row.Set("told", row.GetInt("told")+len(people))
	row.Set("position", position)
	if more {
		if err := o.next(tx, row); err != nil {
			return err
		}
	} else {
		row.Set("state", collections.AnnouncementDone)
		row.Set("finished_at", o.now())
	}
	return tx.Save(row)
}

// audience is the next people after the position, how far was looked, and whether
// there is anybody after that.
func audience(tx core.App, row *core.Record) (people []string, position string, more bool, err error) {
	params := audienceOf(row)
	params["position"], params["look"] = row.GetString("position"), announceLook
	looked := []struct {
		ID   string `db:"id"`
		Fits bool   `db:"fits"`
	}{}
	err = tx.DB().NewQuery("SELECT id, " + audienceIs + " AS fits FROM users WHERE id > {:position} ORDER BY id LIMIT {:look}").
		Bind(params).All(&looked)
	position = row.GetString("position")
	for _, person := range looked {
		if len(people) == announceBatch {
			return people, position, true, err
		}
		if position = person.ID; person.Fits {
			people = append(people, person.ID)
		}
	}
	return people, position, len(looked) == announceLook, err
}

func (o *office) tellAll(tx core.App, row *core.Record, people []string) error {
	texts, err := textsOf(row)
	if err != nil {
		return err
	}
	languages, err := languagesOf(tx, people)
	if err != nil {
		return err
	}
	policy, err := o.policy(tx)
	if err != nil {
		return err
	}
	for _, person := range people {
		text, there := texts[readerOf(languages[person], "").Language]
		if !there {
			text = texts[notify.English]
		}
		_, err := o.tell(tx, policy, "announcement:"+row.Id+":"+person, shell.Notice{
			User: person, Kind: "announcement", Title: text.Title, Body: text.Text,
			Data: map[string]any{"announcement": row.Id, "title": text.Title, "text": text.Text},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// languagesOf are the languages that people's apps are in.
func languagesOf(tx core.App, people []string) (map[string]string, error) {
	rows := []struct {
		User     string `db:"user"`
		Language string `db:"interface_language"`
	}{}
	err := tx.DB().Select("user", "interface_language").From("private_profiles").Where(shell.In("user", people)).All(&rows)
	languages := map[string]string{}
	for _, row := range rows {
		languages[row.User] = row.Language
	}
	return languages, err
}
