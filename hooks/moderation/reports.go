package moderation

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	rules "github.com/lingualink/lingualink/internal/moderation"
)

// reportTries is how often a person may try to report something in an hour,
// whatever comes of it. How many reports they make is the policy's matter.
const reportTries = 100

func (d *desk) registerReports(app core.App) {
	shell.Repeatable(app, "reports", "reporter", func(stored, sent *core.Record) bool {
		for _, field := range []string{"subject_type", "subject_id", "reason"} {
			if stored.GetString(field) != sent.GetString(field) {
				return false
			}
		}
		return stored.GetString("text") == strings.TrimSpace(sent.GetString("text"))
	})
	app.OnRecordCreateRequest("reports").Bind(&hook.Handler[*core.RecordRequestEvent]{
		Id: "ll.reports.create.request",
		Func: func(e *core.RecordRequestEvent) error {
			if e.Auth == nil || e.Record.GetString("reporter") != e.Auth.Id {
				return fault.SignInNeeded.On("authorization")
			}
			if d.deps.Config.RateLimits {
				if err := shell.TakeQuota(e.App, d.now(), "reports:"+e.Auth.Id, reportTries, time.Hour); err != nil {
					return err
				}
			}
			err := shell.InTransaction(&e.App, func(tx core.App) error {
				if err := d.file(tx, e); err != nil {
					return err
				}
				return e.Next()
			})
			if shell.IsUniqueViolation(err, "reporter", "subject_id") {
				return fault.AlreadyReported.On("subject_id").Because(err) // the other of two at once
			}
			return err
		},
	})
}

// file admits a person's report and puts it into the case of its subject, before
// the report itself is written.
func (d *desk) file(tx core.App, e *core.RecordRequestEvent) error {
	r, now := e.Record, d.now()
	if err := accounts.RequireGoodStanding(tx, e.Auth.Id); err != nil {
		return err
	}
	kind, err := rules.ParseSubjectType(r.GetString("subject_type"))
	if err != nil {
		return err
	}
	reason, err := rules.ParseReason(r.GetString("reason"))
	if err != nil {
		return err
	}
	r.Set("text", strings.TrimSpace(r.GetString("text")))
	subject, about, err := subjectOf(tx, kind, r.GetString("subject_id"))
	if err != nil {
		return err
	}
	visible, err := subject.Visible(tx, r.GetString("subject_id"), e.Auth)
	if err != nil {
		return err
	}
	if !visible && about.Owner != e.Auth.Id || about.Gone {
		return fault.NotFound.On("subject_id") // does not say whether it exists
	}
	policy, _, err := d.policy(tx)
	if err != nil {
		return err
	}
	filing := rules.Filing{
		Reporter: e.Auth.Id, Subject: rules.Subject{Type: kind, ID: about.ID, Owner: about.Owner}, Reason: reason, Text: r.GetString("text"),
	}
	if err := readFiling(tx, &filing, r.GetString("subject_id"), now); err != nil {
		return err
	}
	if why := policy.Admit(filing); why != "" {
		return notAdmitted(why)
	}
	reporter, err := reporterOf(tx, e.Auth)
	if err != nil {
		return err
	}
	said := rules.Report{
		Reporter: e.Auth.Id, Reason: reason, WeightBps: policy.Weight(reporter, now), Reliable: policy.Reliable(reporter, now), At: now,
	}
	by := person{id: e.Auth.Id, actor: shell.ActorOf(e.Auth), ip: e.RealIP()}
	record, said, err := d.into(tx, filing.Subject, about, collections.CaseReports, said, by)
	if err != nil {
		return err
	}
	r.Set("state", collections.ReportOpen)
	r.Set("case", record.Id)
	r.Set("weight_bps", said.WeightBps)
	r.Set("reliable", said.Reliable)
	r.Set("cluster", said.Cluster)
	r.SetRaw("created", shell.DateTime(now))
	return nil
}

// readFiling reads what the person has reported already.
func readFiling(tx core.App, f *rules.Filing, sentID string, now time.Time) error {
	var row struct {
		Open     bool  `db:"open"`
		LastHour int64 `db:"last_hour"`
		LastDay  int64 `db:"last_day"`
	}
	// Of one thing under two ids, a recording and its control, one report each.
	err := tx.DB().NewQuery(`
		SELECT EXISTS (SELECT 1 FROM reports WHERE reporter = {:me} AND subject_type = {:type} AND subject_id = {:id} AND state = 'open') AS open,
			(SELECT COUNT(*) FROM reports WHERE reporter = {:me} AND created > {:hour}) AS last_hour,
			(SELECT COUNT(*) FROM reports WHERE reporter = {:me} AND created > {:day}) AS last_day`).
		Bind(dbx.Params{
			"me": f.Reporter, "type": string(f.Subject.Type), "id": sentID,
			"hour": shell.Stamp(now.Add(-time.Hour)), "day": shell.Stamp(now.Add(-24 * time.Hour)),
		}).One(&row)
	f.Open, f.LastHour, f.LastDay = row.Open, row.LastHour, row.LastDay
	return err
}

func notAdmitted(why rules.Why) error {
	switch why {
	case rules.OwnSubject:
		return fault.ReportSelf.On("subject_id")
	case rules.AlreadyReported:
		return fault.AlreadyReported.On("subject_id")
	case rules.HourLimit:
		return shell.TooMany(time.Hour)
	case rules.DayLimit:
		return shell.TooMany(24 * time.Hour)
	case rules.NoText:
		return fault.InvalidInput.On("text").Saying("Say in words what is wrong.").With("reason", string(why))
	case rules.LongText:
		return fault.InvalidInput.On("text").Saying("The text has at most 1000 characters.").With("reason", string(why))
	}
	return fault.InvalidInput.On("reason").Saying("This reason does not fit what you report.").With("reason", string(why))
}

// reporterOf is what is known about a person who reports.
func reporterOf(tx core.App, who *core.Record) (rules.Reporter, error) {
	var row struct {
		Right int64 `db:"right"`
		Wrong int64 `db:"wrong"`
	}
	err := tx.DB().NewQuery("SELECT COALESCE(MAX(right), 0) AS right, COALESCE(MAX(wrong), 0) AS wrong FROM reporters WHERE user = {:user}").
		Bind(dbx.Params{"user": who.Id}).One(&row)
	return rules.Reporter{ID: who.Id, Right: row.Right, Wrong: row.Wrong, MemberSince: who.GetDateTime("created").Time()}, err
}

// into puts a report into the open case of its subject, or a new one, and returns
// the case and the report with the cluster of its reporter. The report's own row is
// the caller's.
func (d *desk) into(tx core.App, subject rules.Subject, about About, origin string, said rules.Report, by person) (*core.Record, rules.Report, error) {
	record, err := openCase(tx, subject.Type, subject.ID)
	if err != nil {
		return nil, said, err
	}
	filed := rules.Filed{}
	if record == nil {
		if record, err = newCase(tx, about, subject.Type, origin); err != nil {
			return nil, said, err
		}
		if filed.Dismissed, err = dismissedBefore(tx, subject); err != nil {
			return nil, said, err
		}
	}
	if said.Reporter != "" {
		if said.Cluster, err = joinCluster(tx, record.Id, said.Reporter); err != nil {
			return nil, said, err
		}
	}
	policy, _, err := d.policy(tx)
	if err != nil {
		return nil, said, err
	}
	reports, err := reportsOf(tx, record.Id)
	if err != nil {
		return nil, said, err
	}
	reports = append(reports, said)
	filed.Tally = policy.Count(reports)
	count := map[string]int64{}
	for _, report := range reports {
		count[string(report.Reason)]++
	}
	record.Set("reasons", count)
	_, err = d.apply(tx, record, by, filed, "")
	return record, said, err
}

// dismissedBefore counts the cases of the subject that people dismissed.
func dismissedBefore(tx core.App, subject rules.Subject) (n int64, err error) {
	err = tx.DB().NewQuery("SELECT COUNT(*) FROM cases WHERE subject_type = {:type} AND subject_id = {:id} AND action = 'dismiss'").
		Bind(dbx.Params{"type": string(subject.Type), "id": subject.ID}).Row(&n)
	return n, err
}

// reportsOf are all reports of a case as they count.
func reportsOf(tx core.App, id string) ([]rules.Report, error) {
	rows := []struct {
		Reporter string `db:"reporter"`
		Cluster  string `db:"cluster"`
		Reason   string `db:"reason"`
		Weight   int64  `db:"weight_bps"`
		Reliable bool   `db:"reliable"`
		Created  string `db:"created"`
	}{}
	err := tx.DB().NewQuery("SELECT reporter, cluster, reason, weight_bps, reliable, created FROM reports WHERE [[case]] = {:case} ORDER BY created, id").
		Bind(dbx.Params{"case": id}).All(&rows)
	if err != nil {
		return nil, err
	}
	reports := make([]rules.Report, len(rows), len(rows)+1)
	for i, row := range rows {
		reports[i] = rules.Report{
			Reporter: row.Reporter, Cluster: row.Cluster, Reason: rules.Reason(row.Reason), WeightBps: row.Weight, Reliable: row.Reliable,
		}
		if reports[i].At, err = shell.ParseStamp(row.Created); err != nil {
			return nil, err
		}
	}
	return reports, nil
}

// joinCluster names the linked people among the reporters of a case of whom the
// new reporter is one, and gives those who were apart until now one name. It is
// empty for somebody on their own.
func joinCluster(tx core.App, id, reporter string) (string, error) {
	circle, err := circleOf(tx, reporter)
	if err != nil || len(circle) == 0 {
		return "", err
	}
	rows := []struct {
		Reporter string `db:"reporter"`
		Cluster  string `db:"cluster"`
	}{}
	err = tx.DB().NewQuery("SELECT reporter, cluster FROM reports WHERE [[case]] = {:case} AND reporter IN " + shell.Among("circle")).
		Bind(dbx.Params{"case": id, "circle": shell.List(circle)}).All(&rows)
	if err != nil || len(rows) == 0 {
		return "", err
	}
	names, linked := []string{}, []string{}
	for _, row := range rows {
		linked = append(linked, row.Reporter)
		names = append(names, row.Cluster)
		if row.Cluster == "" {
			names = append(names, row.Reporter)
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" })
	name := slices.Min(names)
	_, err = shell.Exec(tx, "UPDATE reports SET cluster = {:name} WHERE [[case]] = {:case} AND (reporter IN "+shell.Among("linked")+" OR cluster != '' AND cluster IN "+shell.Among("names")+")",
		dbx.Params{"name": name, "case": id, "linked": shell.List(linked), "names": shell.List(names)})
	return name, err
}

// Claim is what the server itself has to say about a subject: a text holds listed
// words, or the votes on a clip do not suffice.
type Claim struct {
	Type   rules.SubjectType
	ID     string
	Reason rules.Reason
	Text   string // for staff
	Origin string // collections.CaseScreening or CaseExpert, of a case that it opens
}

// File reports without a reporter and returns the case. What is said already, in a
// case that is open, is not said again.
func File(tx core.App, claim Claim) (string, error) {
	d, ok := tx.Store().Get(deskKey).(*desk)
	if !ok {
		return "", fmt.Errorf("moderation: the area is not bound")
	}
	_, about, err := subjectOf(tx, claim.Type, claim.ID)
	if err != nil {
		return "", err
	}
	subject := rules.Subject{Type: claim.Type, ID: about.ID, Owner: about.Owner}
	said := []string{}
	err = tx.DB().NewQuery("SELECT [[case]] FROM reports WHERE reporter = '' AND subject_type = {:type} AND subject_id = {:id} AND reason = {:reason} AND state = 'open'").
		Bind(dbx.Params{"type": string(claim.Type), "id": about.ID, "reason": string(claim.Reason)}).Column(&said)
	if err != nil {
		return "", err
	}
	if len(said) > 0 {
		return said[0], nil
	}
	policy, _, err := d.policy(tx)
	if err != nil {
		return "", err
	}
	now := d.now()
	record, report, err := d.into(tx, subject, about, claim.Origin, rules.Report{Reason: claim.Reason, WeightBps: policy.ScreenWeightBps, At: now}, server)
	if err != nil {
		return "", err
	}
	return record.Id, shell.Insert(tx, "reports", dbx.Params{
		"id": shell.NewID(), "reporter": "", "subject_type": string(claim.Type), "subject_id": about.ID, "reason": string(claim.Reason),
		"text": claim.Text, "state": collections.ReportOpen, "case": record.Id, "weight_bps": report.WeightBps, "reliable": false, "cluster": "",
		"judgement": "", "created": shell.Stamp(now), "updated": shell.Stamp(now),
	})
}
