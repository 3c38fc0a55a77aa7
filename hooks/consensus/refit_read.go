package consensus

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

// snapshot is what a re-estimate of a language rests on, as it was at one
// moment. Its memory is linear in the votes: four bytes for each, sixteen for
// each clip, and the names of the voters.
type snapshot struct {
	language string
	stats    languageRow
	fittedAt string // of the re-estimate before
	seq      int64  // the last skill event
	votes    int64

	log      crowd.Log
	voters   []logVoter    // by number in the log: in the order in which they are first seen
	skills   []crowd.Skill // in force, by the same number
	places   []int64       // clip_tallies.seq, by clip
	verdicts []crowd.Label // of the crowd that may be audited, by clip

	numbers map[logVoter]int
	begun   map[string]string // when they were let begin anew, by validator
	audited map[int64]bool    // places of clips that an expert has or had for an audit
}

// logVoter is a validator in the log. Whoever was let begin anew is two of them:
// the former one still speaks for the clips of that time, so that those keep
// their labels, and says nothing about the present one.
type logVoter struct {
	id     string
	former bool
}

// observe reads a language in one read transaction, which holds nobody up.
func observe(ctx context.Context, app core.App, language string) (s *snapshot, err error) {
	pool, ok := app.ConcurrentDB().(*dbx.DB)
	if !ok {
		return nil, errors.New("consensus: a re-estimate reads outside of transactions")
	}
	tx, err := pool.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tx.Rollback()) }()
	s = &snapshot{language: language, numbers: map[logVoter]int{}, begun: map[string]string{}, audited: map[int64]bool{}}
	for _, read := range []func(dbx.Builder) error{s.readStats, s.readReviews, s.readAudits, s.readVotes, s.readSkills} {
		if err := read(tx); err != nil {
			return nil, fmt.Errorf("reading the votes of %s: %w", language, err)
		}
	}
	return s, nil
}

func (s *snapshot) readStats(db dbx.Builder) error {
	if err := db.NewQuery("SELECT COALESCE(MAX(seq), 0) FROM skill_events").Row(&s.seq); err != nil {
		return err
	}
	var row struct {
		languageRow
		FittedAt string `db:"fitted_at"`
	}
	err := db.NewQuery("SELECT " + languageColumns + ", fitted_at FROM language_stats WHERE language = {:language}").
		Bind(dbx.Params{"language": s.language}).One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	s.stats, s.fittedAt = row.languageRow, row.FittedAt
	return err
}

func (s *snapshot) readReviews(db dbx.Builder) error {
	rows := []struct {
		Validator string `db:"validator"`
		At        string `db:"at"`
	}{}
	err := db.NewQuery(`
		SELECT e.validator, MAX(e.created) AS at
		FROM reviews r JOIN skill_events e ON e.validator = r.validator AND e.cause = r.id AND e.source = {:review}
		WHERE r.state = {:reinstated} AND r.language = {:language} GROUP BY e.validator`).
		Bind(dbx.Params{"review": string(crowd.FromReview), "reinstated": collections.ReviewReinstated, "language": s.language}).All(&rows)
	for _, row := range rows {
		s.begun[row.Validator] = row.At
	}
	return err
}

// readAudits notes the clips that no audit is to be opened for: one was, or an
// expert has the clip anyway.
func (s *snapshot) readAudits(db dbx.Builder) error {
	places := []int64{}
	err := db.NewQuery(`
		SELECT t.seq FROM escalations e JOIN clip_tallies t ON t.clip = e.clip
		WHERE e.state IN ({:open}, {:decided}, {:closed}) AND e.language = {:language} AND (e.cause = {:audit} OR e.state = {:open})`).
		Bind(dbx.Params{
			"open": collections.EscalationOpen, "decided": collections.EscalationDecided, "closed": collections.EscalationClosed,
			"audit": collections.CauseAudit, "language": s.language,
		}).Column(&places)
	for _, place := range places {
		s.audited[place] = true
	}
	return err
}

// logQuery gives the votes of a language clip by clip, in an order that the
// index has, so that nothing is sorted and kept. Clips that still wait for votes,
// or for an expert because the votes did not agree, are left out: their verdict
// will teach. What comes out does not depend on the order.
const logQuery = `
	SELECT t.seq, COALESCE(g.truth, ''), COALESCE(d.outcome, ''), COALESCE(d.[[by]], ''), v.validator, v.verdict, v.created
	FROM clip_tallies t
	LEFT JOIN gold_clips g ON g.id = t.gold
	LEFT JOIN verdicts d ON d.clip = t.clip AND d.revision = (SELECT MAX(revision) FROM verdicts WHERE clip = t.clip)
	CROSS JOIN votes v ON v.clip = t.clip
	WHERE t.language = {:language} AND (t.open = 0 AND COALESCE(d.outcome, '') != 'escalated' OR t.gold != '')
	ORDER BY t.open, t.seq`

// readVotes fills the log row by row. A withdrawn clip is like any other here:
// its speaker took back the recording, not what people answered.
func (s *snapshot) readVotes(db dbx.Builder) error {
	rows, err := db.NewQuery(logQuery).Bind(dbx.Params{"language": s.language}).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	var clip, next logClip
	var validator, choice, created string
	for rows.Next() {
		if err := rows.Scan(&next.place, &next.truth, &next.outcome, &next.by, &validator, &choice, &created); err != nil {
			return err
		}
		if next.place != clip.place {
			s.close(clip)
			clip = next
		}
		s.log.Vote(s.number(validator, created), choice == string(engine.Approve))
		s.votes++
	}
	s.close(clip)
	return rows.Err()
}

// logClip is a clip with what is known about it besides its votes.
type logClip struct {
	place       int64 // clip_tallies.seq, from 1
	truth       string
	outcome, by string // of the newest verdict
}

// label is what the clip counts as: a control by its known truth, what an expert
// decided by the expert's word, what the crowd decided as in doubt, with the
// verdict only to compare.
func (c logClip) label() crowd.Clip {
	outcome := engine.Outcome(c.outcome).Label()
	switch {
	case c.truth == collections.TruthGood:
		return crowd.Clip{Known: crowd.Good, Gold: true}
	case c.truth == collections.TruthBad:
		return crowd.Clip{Known: crowd.Bad, Gold: true}
	case c.by == collections.ByExpert:
		return crowd.Clip{Known: outcome}
	default:
		return crowd.Clip{Verdict: outcome}
	}
}

func (s *snapshot) close(c logClip) {
	if c.place == 0 {
		return // before the first
	}
	label := c.label()
	s.log.Close(label)
	if s.audited[c.place] {
		label.Verdict = crowd.Unknown
	}
	s.places, s.verdicts = append(s.places, c.place), append(s.verdicts, label.Verdict)
}

// number is that of a voter in the log.
func (s *snapshot) number(validator, created string) int {
	voter := logVoter{id: validator}
	if begun, ok := s.begun[validator]; ok && created <= begun {
		voter.former = true
	}
	n, seen := s.numbers[voter]
	if !seen {
		n = len(s.voters)
		s.numbers[voter] = n
		s.voters = append(s.voters, voter)
	}
	return n
}

// validators is how many people there are in the log, their former selves left out.
func (s *snapshot) validators() int {
	n := 0
	for _, voter := range s.voters {
		if !voter.former {
			n++
		}
	}
	return n
}

func (s *snapshot) readSkills(db dbx.Builder) error {
	s.skills = make([]crowd.Skill, len(s.voters))
	rows, err := db.NewQuery("SELECT " + skillColumns + " FROM skills WHERE language = {:language}").Bind(dbx.Params{"language": s.language}).Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var row skillRow
		if err := rows.ScanStruct(&row); err != nil {
			return err
		}
		for _, former := range []bool{false, true} {
			if n, voted := s.numbers[logVoter{row.Validator, former}]; voted {
				s.skills[n] = row.skill()
			}
		}
	}
	return rows.Err()
}
