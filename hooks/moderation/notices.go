package moderation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

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

// saying is a kind of notice with its words in English.
type saying struct{ kind, title, body string }

// sayings for the person concerned and for staff; the rest is in [deed.toOwner]. What
// became of a verdict is told by hooks/consensus, how an appeal ended by
// hooks/appeals. What a report came to is told without what was done to whom.
var (
	hiddenSaying = saying{"hidden", "Something of yours is hidden", "Nobody sees it for now. You can appeal."}
	noticeWords  = map[rules.Notice]saying{
		rules.NoticeAutoHidden:  hiddenSaying,
		rules.NoticeHidden:      hiddenSaying,
		rules.NoticeUnhidden:    {"restored", "Something of yours is visible again", "It was looked at again."},
		rules.NoticeWarned:      {"account_warned", "You have been warned", "Something of yours breaks the rules. Read the decision; you can appeal."},
		rules.NoticeRejected:    {"decision_made", "A moderator decided about something of yours", "Read the decision; you can appeal."},
		rules.NoticeStreamEnded: {"decision_made", "A moderator decided about something of yours", "Read the decision; you can appeal."},
		rules.NoticeStripped:    {"rewards_stripped", "Rewards were taken back", "They were not earned honestly. Read the decision; you can appeal."},
		rules.NoticeSuspended:   {"account_suspended", "Your account is suspended", "You cannot take part for a time. You can appeal."},
		rules.NoticeBanned:      {"account_banned", "Your account is banned", "You cannot take part any more. You can appeal."},
		rules.NoticeUnbanned:    {"account_restored", "You can take part again", "The restriction of your account was lifted."},
		rules.NoticeHandedOver:  {"case_assigned", "A case was handed to you", "It waits for you for a while; then it goes back to the queue."},
		rules.NoticeEscalated:   {"case_escalated", "A case waits for you", "A moderator asks for your decision."},
		rules.NoticeFound:       reportSaying,
		rules.NoticeNotFound:    reportSaying,
	}
	reportSaying = saying{"report_resolved", "Your report was decided", "A moderator looked at what you reported. Thank you."}
	toldByOthers = []rules.Notice{rules.NoticeApproved, rules.NoticeUpheld, rules.NoticeOverturned}
)

const autoHiddenReason = "Several people reported it; a moderator looks at it soon."

func (d *desk) registerNotices() {
	d.deps.Outbox.Handle(jobTellReporters, shell.JobHandler{InTx: d.tellReporters})
}

// notify tells whom the effect names.
func (x *deed) notify(i int, effect rules.Effect) error {
	if slices.Contains(toldByOthers, effect.Notice) {
		return nil
	}
	said, known := noticeWords[effect.Notice]
	if !known {
		return fmt.Errorf("there are no words for %q", effect.Notice)
	}
	// Of one event somebody may hear two things: the decision, and what strikes add.
	cause := fmt.Sprintf("case:%s:%d:%d", x.record.Id, x.record.GetInt("rev"), i)
	notice := shell.Notice{Kind: said.kind, Title: said.title, Body: said.body, Data: map[string]any{"case": x.record.Id}}
	people := []string{}
	switch effect.To {
	case rules.Reporters:
		notice.Data = nil // each has a report of their own
		return x.d.deps.Outbox.Enqueue(x.tx, shell.Job{Kind: jobTellReporters, Key: cause, Payload: tellOrder{Case: x.record.Id, Cause: cause, Notice: notice}})
	case rules.Owner:
		return x.tellOwner(cause, effect.Notice, notice)
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
		if user == "" || user == x.after.Subject.Owner {
			continue // an admin who is the person concerned does not hear of it
		}
		notice.User = user
		if err := shell.Notify(x.tx, x.d.deps, cause, notice); err != nil {
			return err
		}
	}
	return nil
}

// tellOwner tells the person concerned; the case itself stays with the staff. Of
// money they hear once for each currency.
func (x *deed) tellOwner(cause string, what rules.Notice, notice shell.Notice) error {
	notice.User, notice.Data = x.after.Subject.Owner, x.toOwner(what)
	switch what {
	case rules.NoticeAutoHidden, rules.NoticeHidden, rules.NoticeUnhidden:
		if x.after.Subject.Type == rules.Clip {
			notice.Kind, notice.Data["clip"] = "clip_"+notice.Kind, x.after.Subject.ID
			break
		}
		notice.Kind = "content_" + notice.Kind
		notice.Data["subject_type"], notice.Data["subject_id"] = string(x.after.Subject.Type), x.after.Subject.ID
	case rules.NoticeRejected, rules.NoticeStreamEnded:
		notice.Data["action"] = string(x.after.Decision.Action)
	case rules.NoticeSuspended:
		notice.Data["until"] = shell.Stamp(x.suspendedUntil())
	case rules.NoticeStripped:
		return x.tellStripped(cause, notice)
	default: // says all that there is to say
	}
	return shell.Notify(x.tx, x.d.deps, cause, notice)
}

// toOwner is what every notice to the owner says: the decision, and its reason.
func (x *deed) toOwner(what rules.Notice) map[string]any {
	data := map[string]any{}
	if x.decision != "" {
		data["decision"] = x.decision
	}
	if what == rules.NoticeAutoHidden {
		data["reason"] = autoHiddenReason
	} else if x.note != "" {
		data["reason"] = x.note
	}
	return data
}

// suspendedUntil is the end of a suspension, by the decision or the ladder.
func (x *deed) suspendedUntil() time.Time {
	for _, effect := range x.effects {
		if effect.Kind == rules.SetStanding {
			return effect.At
		}
	}
	return x.after.Decision.Until
}

func (x *deed) tellStripped(cause string, notice shell.Notice) error {
	rows := []struct {
		Currency string `db:"currency"`
		Minor    int64  `db:"minor"`
	}{}
	err := x.tx.DB().NewQuery(`
		SELECT r.currency, SUM(t.amount_minor) AS minor FROM taken_rewards t JOIN rewards r ON r.id = t.reward
		WHERE t.[[case]] = {:case} GROUP BY r.currency ORDER BY r.currency`).Bind(dbx.Params{"case": x.record.Id}).All(&rows)
	if err != nil {
		return err
	}
	if len(rows) == 0 { // there was nothing to take; the decision stands all the same
		notice.Kind, notice.Data["action"] = "decision_made", string(x.after.Decision.Action)
		return shell.Notify(x.tx, x.d.deps, cause, notice)
	}
	for _, row := range rows {
		each := notice
		each.Data = maps.Clone(notice.Data)
		each.Data["amount_minor"], each.Data["currency"] = row.Minor, row.Currency
		if err := shell.Notify(x.tx, x.d.deps, cause+":"+row.Currency, each); err != nil {
			return err
		}
	}
	return nil
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
	}{}
	err := tx.DB().NewQuery(`
		SELECT reporter, MIN(id) AS id FROM reports
		WHERE [[case]] = {:case} AND reporter > {:after} GROUP BY reporter ORDER BY reporter LIMIT {:batch}`).
		Bind(dbx.Params{"case": order.Case, "after": order.After, "batch": tellBatch}).All(&rows)
	if err != nil {
		return err
	}
	for _, row := range rows {
		notice := order.Notice
		notice.User = row.Reporter
		notice.Data = map[string]any{"report": row.Report}
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
