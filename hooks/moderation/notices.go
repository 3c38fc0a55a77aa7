package moderation

import (
	"encoding/json"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/moderation"
)

const (
	// jobTellReporters tells a batch of those who reported something.
	jobTellReporters = "cases.reporters"
	tellBatch        = 200
)

// words are title and body of what people are told. What a report came to is told
// without saying what was done to whom.
var noticeWords = map[rules.Notice][2]string{
	rules.NoticeAutoHidden:  {"Something of yours is hidden for now", "It was reported by several people. A moderator will look at it soon."},
	rules.NoticeUnhidden:    {"Something of yours is visible again", "A moderator looked at it and put it back."},
	rules.NoticeWarned:      {"You have been warned", "A moderator found that something of yours breaks the rules. Read the decision; you can appeal."},
	rules.NoticeHidden:      {"Something of yours was hidden", "A moderator found that it breaks the rules. Read the decision; you can appeal."},
	rules.NoticeRejected:    {"A recording of yours was rejected", "A moderator looked at it after reports. Read the decision; you can appeal."},
	rules.NoticeApproved:    {"A recording of yours is approved", "A moderator looked at it and found it good."},
	rules.NoticeStripped:    {"Rewards were taken back", "A moderator found that they were not earned honestly. Read the decision; you can appeal."},
	rules.NoticeSuspended:   {"Your account is suspended", "You cannot take part until the time that the decision names. You can appeal."},
	rules.NoticeBanned:      {"Your account is banned", "You cannot take part any more. Read the decision; you can appeal."},
	rules.NoticeUnbanned:    {"You can take part again", "The restriction of your account was lifted."},
	rules.NoticeStreamEnded: {"Your stream was ended", "A moderator found that it breaks the rules. Read the decision; you can appeal."},
	rules.NoticeFound:       {"Thank you for your report", "A moderator looked at it and acted."},
	rules.NoticeNotFound:    {"Your report was looked at", "A moderator found nothing that breaks the rules."},
	rules.NoticeHandedOver:  {"A case was handed to you", "It waits for you for a while; then it goes back to the queue."},
	rules.NoticeEscalated:   {"A case waits for you", "A moderator asks for your decision."},
}

func (d *desk) registerNotices() {
	d.deps.Outbox.Handle(jobTellReporters, shell.JobHandler{InTx: d.tellReporters})
}

// notify tells whom the effect names. How an appeal ended is told by hooks/appeals,
// to both.
func (x *deed) notify(i int, effect rules.Effect) error {
	if effect.Notice == rules.NoticeUpheld || effect.Notice == rules.NoticeOverturned {
		return nil
	}
	words, known := noticeWords[effect.Notice]
	if !known {
		return fmt.Errorf("there are no words for %q", effect.Notice)
	}
	// Of one event somebody may hear two things: the decision, and what strikes add.
	cause := fmt.Sprintf("case:%s:%d:%d", x.record.Id, x.record.GetInt("rev"), i)
	notice := shell.Notice{Kind: "moderation_" + string(effect.Notice), Title: words[0], Body: words[1]}
	people, data := []string{}, map[string]any{"case": x.record.Id}
	switch effect.To {
	case rules.Reporters:
		return x.d.deps.Outbox.Enqueue(x.tx, shell.Job{Kind: jobTellReporters, Key: cause, Payload: tellOrder{Case: x.record.Id, Cause: cause, Notice: notice}})
	case rules.Owner:
		people, data = []string{x.after.Subject.Owner}, x.toOwner()
	case rules.Holder:
		people = []string{x.after.Holder + x.after.Assigned} // never both
	case rules.Admins:
		var err error
		if people, err = admins(x.tx); err != nil {
			return err
		}
	default:
		return fmt.Errorf("nobody knows who %q are", effect.To)
	}
	for _, user := range people {
		if user == "" || effect.To != rules.Owner && user == x.after.Subject.Owner {
			continue // an admin who is the person concerned does not hear of it
		}
		notice.User, notice.Data = user, data
		if err := shell.Notify(x.tx, x.d.deps, cause, notice); err != nil {
			return err
		}
	}
	return nil
}

// toOwner is what the person concerned is told beside the words; the case itself
// stays with the staff.
func (x *deed) toOwner() map[string]any {
	data := map[string]any{"subject_type": string(x.after.Subject.Type), "subject_id": x.after.Subject.ID}
	if x.decision != "" {
		data["decision"], data["action"] = x.decision, string(x.after.Decision.Action)
		data["found"], data["appeal_until"] = string(x.after.Decision.Reason), shell.Stamp(x.policy.AppealEnds(x.at))
	}
	return data
}

type tellOrder struct {
	Case   string       `json:"case"`
	Cause  string       `json:"cause"`
	Notice shell.Notice `json:"notice"`
	After  string       `json:"after"` // the last reporter who was told
}

// tellReporters tells a batch of the reporters of a case, and leaves the rest to
// the next job.
func (d *desk) tellReporters(tx core.App, job shell.Job) error {
	var order tellOrder
	if err := json.Unmarshal(job.Raw, &order); err != nil {
		return err
	}
	rows := []struct {
		Reporter string `db:"reporter"`
		Report   string `db:"id"`
		Type     string `db:"subject_type"`
		Subject  string `db:"subject_id"`
	}{}
	err := tx.DB().NewQuery(`
		SELECT reporter, MIN(id) AS id, subject_type, subject_id FROM reports
		WHERE [[case]] = {:case} AND reporter > {:after} GROUP BY reporter ORDER BY reporter LIMIT {:batch}`).
		Bind(dbx.Params{"case": order.Case, "after": order.After, "batch": tellBatch}).All(&rows)
	if err != nil {
		return err
	}
	for _, row := range rows {
		notice := order.Notice
		notice.User = row.Reporter
		notice.Data = map[string]any{"report": row.Report, "subject_type": row.Type, "subject_id": row.Subject}
		if err := shell.Notify(tx, d.deps, order.Cause, notice); err != nil {
			return err
		}
	}
	if len(rows) < tellBatch {
		return nil
	}
	order.After = rows[len(rows)-1].Reporter
	return d.deps.Outbox.Enqueue(tx, shell.Job{Kind: jobTellReporters, Key: order.Cause + ":" + order.After, Payload: order})
}
