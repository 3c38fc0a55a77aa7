package consensus

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/fault"
)

const maxFeedbackRunes = 500

// Ballot is one vote as a person sends it.
type Ballot struct {
	ID        string // made by the client or the server
	Clip      string
	Validator *core.Record
	Choice    engine.Choice
	Reason    engine.Reason
	Feedback  string
}

// Cast is what became of a ballot: either it was cast at a time, or refused.
type Cast struct {
	At      time.Time
	Refusal *fault.Error
}

// sameVote tells whether a repeated request says the same as the stored vote.
func sameVote(stored, sent *core.Record) bool {
	for _, field := range []string{"clip", "verdict", "reason", "feedback"} {
		if stored.GetString(field) != strings.TrimSpace(sent.GetString(field)) {
			return false
		}
	}
	return true
}

// createVote answers pb.collection('votes').create(...).
func createVote(e *core.RecordRequestEvent, box *ballotBox) error {
	ballot, err := readBallot(e)
	if err != nil {
		return err
	}
	cast, err := box.castIn(e.App, ballot)
	if err != nil {
		return err
	}
	if cast.Refusal != nil {
		return cast.Refusal
	}
	e.Record.Id = ballot.ID
	e.Record.Set("validator", ballot.Validator.Id)
	e.Record.Set("reason", string(ballot.Reason))
	e.Record.Set("feedback", ballot.Feedback)
	e.Record.SetRaw("created", shell.DateTime(cast.At))
	e.Record.MarkAsNotNew()
	if err := apis.EnrichRecord(e.RequestEvent, e.Record); err != nil {
		return err
	}
	return e.JSON(http.StatusOK, e.Record)
}

func readBallot(e *core.RecordRequestEvent) (Ballot, error) {
	ballot := Ballot{ID: e.Record.Id, Clip: e.Record.GetString("clip"), Validator: e.Auth, Feedback: strings.TrimSpace(e.Record.GetString("feedback"))}
	if ballot.ID == "" {
		ballot.ID = shell.NewID()
	} else if !shell.IsID(ballot.ID) {
		return ballot, fault.InvalidInput.On("id").Saying("An id has 15 characters a-z and 0-9.")
	}
	if ballot.Clip == "" {
		return ballot, fault.InvalidInput.On("clip").Saying("Name the clip.")
	}
	var err error
	if ballot.Choice, err = engine.ParseChoice(e.Record.GetString("verdict")); err != nil {
		return ballot, err
	}
	if reason := e.Record.GetString("reason"); reason != "" {
		if ballot.Reason, err = engine.ParseReason(reason); err != nil {
			return ballot, err
		}
	}
	if utf8.RuneCountInString(ballot.Feedback) > maxFeedbackRunes {
		return ballot, fault.InvalidInput.On("feedback").Saying("Feedback has at most 500 characters.")
	}
	return ballot, nil
}

// CastVotes casts ballots in one transaction: each is admitted or refused on
// its own, and a verdict that one brings is in force for the next. A refused
// ballot leaves no vote behind. An error is of the database and spoils all.
func CastVotes(tx core.App, deps *shell.Deps, ballots []Ballot) ([]Cast, error) {
	now := deps.Clock.Now()
	results := make([]Cast, len(ballots))
	for i, ballot := range ballots {
		err := castOne(tx, deps, now, ballot)
		var refusal *fault.Error
		switch {
		case err == nil:
			results[i].At = now
		case errors.As(err, &refusal):
			results[i].Refusal = refusal
		default:
			return nil, err
		}
	}
	return results, nil
}

// clipRow is a clip as far as its votes depend on it, with what the rules of a
// vote ask about this person.
type clipRow struct {
	ID          string `db:"id"`
	Owner       string `db:"owner"`
	Status      string `db:"status"`
	Hidden      bool   `db:"hidden"`
	Language    string `db:"language"`
	DurationMS  int64  `db:"duration_ms"`
	Campaign    string `db:"campaign"`
	Currency    string `db:"currency"`
	Parent      string `db:"parent"`
	Voted       bool   `db:"voted"`
	Related     bool   `db:"related"`
	Standing    string `db:"standing"`
	LeasedAt    string `db:"leased_at"`
	LeaseUntil  string `db:"lease_until"`
	LastVote    string `db:"last_vote"`
	RewardedDay int64  `db:"rewarded_today"`
}

// relatedTo is true when the person :me and the owner in the given column block
// each other or are linked accounts.
func relatedTo(owner string) string {
	return `(EXISTS (SELECT 1 FROM blocks WHERE user = {:me} AND blocked = ` + owner + `)
	  OR EXISTS (SELECT 1 FROM blocks WHERE user = ` + owner + ` AND blocked = {:me})
	  OR EXISTS (SELECT 1 FROM relations WHERE a = {:me} AND b = ` + owner + `)
	  OR EXISTS (SELECT 1 FROM relations WHERE a = ` + owner + ` AND b = {:me}))`
}

// earnsFrom is true when the person :me owns the clip in the given column, whose
// remixes pay them a share.
func earnsFrom(parent string) string {
	return `EXISTS (SELECT 1 FROM clips p WHERE p.id = ` + parent + ` AND p.owner = {:me})`
}

func loadClip(tx core.App, clip, validator string, now time.Time) (clipRow, error) {
	var row clipRow
	err := tx.DB().NewQuery(`
		SELECT c.id, c.owner, c.status, c.hidden, c.language, c.duration_ms, c.campaign, c.parent,
			(SELECT currency FROM campaigns WHERE id = c.campaign) AS currency,
			EXISTS (SELECT 1 FROM votes WHERE clip = c.id AND validator = {:me}) AS voted,
			(` + relatedTo("c.owner") + ` OR ` + earnsFrom("c.parent") + `) AS related,
			(SELECT standing FROM users WHERE id = {:me}) AS standing,
			COALESCE(a.leased_at, '') AS leased_at, COALESCE(a.lease_until, '') AS lease_until,
			COALESCE((SELECT MAX(created) FROM votes WHERE validator = {:me}), '') AS last_vote,
			(SELECT COUNT(*) FROM votes WHERE validator = {:me} AND created >= {:day} AND rewarded = 1) AS rewarded_today
		FROM clips c LEFT JOIN assignments a ON a.clip = c.id AND a.validator = {:me} AND a.state = 'live'
		WHERE c.id = {:clip}`).
		Bind(dbx.Params{"clip": clip, "me": validator, "day": shell.Stamp(now.Truncate(24 * time.Hour))}).One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return row, fault.NotFound.On("clip")
	}
	return row, err
}

// facts turns the row into what the rules of a vote look at.
func (row clipRow) facts(voter *core.Record) (engine.VoteFacts, error) {
	facts := engine.VoteFacts{
		Voter: voter.Id, Owner: row.Owner, Voted: row.Voted, Status: row.Status, Hidden: row.Hidden,
		Speaks: speaks(voter, row.Language), Related: row.Related,
		Duration: time.Duration(row.DurationMS) * time.Millisecond,
	}
	for _, moment := range []struct {
		text string
		into *time.Time
	}{{row.LeasedAt, &facts.AssignedAt}, {row.LeaseUntil, &facts.AssignedTill}, {row.LastVote, &facts.LastVoteAt}} {
		at, err := shell.ParseStamp(moment.text)
		if err != nil {
			return facts, err
		}
		*moment.into = at
	}
	return facts, nil
}

// speaks tells whether the person declared exactly this language.
func speaks(person *core.Record, language string) bool {
	return slices.Contains(person.GetStringSlice("languages"), language)
}

// castOne admits one ballot, records it, and settles the clip if it decides.
// Only what comes before the vote is stored may refuse it: an error after that
// is no refusal, whatever it says, and undoes the transaction.
func castOne(tx core.App, deps *shell.Deps, now time.Time, ballot Ballot) error {
	clip, err := loadClip(tx, ballot.Clip, ballot.Validator.Id, now)
	if err != nil {
		return err
	}
	policy, version, err := shell.ConsensusPolicy(tx, now, clip.Language)
	if err != nil {
		return err
	}
	if err := admit(tx, deps, now, ballot, clip, policy); err != nil {
		return err
	}
	rewarded := policy.DailyCap == 0 || clip.RewardedDay < policy.DailyCap
	err = shell.Insert(tx, "votes", dbx.Params{
		"id": ballot.ID, "clip": ballot.Clip, "validator": ballot.Validator.Id, "verdict": string(ballot.Choice),
		"reason": string(ballot.Reason), "feedback": ballot.Feedback, "rewarded": rewarded, "created": shell.Stamp(now),
	})
	if shell.IsUniqueViolation(err) {
		return fault.IDConflict.On("id").Because(err)
	}
	if err != nil {
		return err
	}
	if err := count(tx, deps, now, ballot, clip, policy, version); err != nil {
		return fmt.Errorf("counting a vote on %s: %v", ballot.Clip, err)
	}
	return nil
}

// admit holds a ballot against everything that can refuse it.
func admit(tx core.App, deps *shell.Deps, now time.Time, ballot Ballot, clip clipRow, policy engine.Policy) error {
	if err := accounts.Refusal(clip.Standing); err != nil {
		return err
	}
	facts, err := clip.facts(ballot.Validator)
	if err != nil {
		return err
	}
	if err := engine.CheckVote(policy, facts, now); err != nil {
		return err
	}
	if !deps.Config.RateLimits {
		return nil
	}
	return shell.TakeQuota(tx, now, "votes:"+ballot.Validator.Id, policy.VotesPerHour, time.Hour)
}

// count weighs the votes of the clip anew, the stored one included, and settles
// it if they decide.
func count(tx core.App, deps *shell.Deps, now time.Time, ballot Ballot, clip clipRow, policy engine.Policy, version int64) error {
	if _, err := shell.Exec(tx, "UPDATE assignments SET state = 'voted' WHERE clip = {:clip} AND validator = {:me}",
		dbx.Params{"clip": ballot.Clip, "me": ballot.Validator.Id}); err != nil {
		return err
	}
	votes, err := loadVotes(tx, ballot.Clip)
	if err != nil {
		return err
	}
	decision := engine.Decide(policy, version, weigh(policy, votes))
	if err := recordTally(tx, ballot.Clip, decision); err != nil {
		return err
	}
	if decision.Outcome == engine.Undecided {
		return nil
	}
	return settle(tx, deps, now, clip, votes, decision)
}

// voteRow is a stored vote.
type voteRow struct {
	ID        string        `db:"id"`
	Validator string        `db:"validator"`
	Choice    engine.Choice `db:"verdict"`
	Reason    engine.Reason `db:"reason"`
	Feedback  string        `db:"feedback"`
	Rewarded  bool          `db:"rewarded"`
}

func loadVotes(tx core.App, clip string) ([]voteRow, error) {
	votes := []voteRow{}
	err := tx.DB().NewQuery("SELECT id, validator, verdict, reason, feedback, rewarded FROM votes WHERE clip = {:clip} ORDER BY created, id").
		Bind(dbx.Params{"clip": clip}).All(&votes)
	return votes, err
}

// weigh gives every vote the reliability that it counts with: today the one of
// the policy for everybody. Explanations are read by speakers, so they carry a
// number instead of a person.
func weigh(policy engine.Policy, votes []voteRow) []engine.Vote {
	weighed := make([]engine.Vote, len(votes))
	for i, vote := range votes {
		weighed[i] = engine.Vote{
			ID: vote.ID, Validator: pseudonym(i), Choice: vote.Choice, Reason: vote.Reason,
			Sensitivity: policy.Sensitivity, Specificity: policy.Specificity,
		}
	}
	return weighed
}

func pseudonym(i int) string { return "validator " + string(rune('A'+i)) }

func recordTally(tx core.App, clip string, decision engine.Explanation) error {
	approvals := 0
	for _, vote := range decision.Votes {
		if vote.Choice == engine.Approve {
			approvals++
		}
	}
	_, err := shell.Exec(tx, `
		UPDATE clip_tallies SET votes = {:votes}, approvals = {:approvals}, rejections = {:rejections}, log_odds = {:log_odds}, open = {:open}
		WHERE clip = {:clip}`,
		dbx.Params{
			"clip": clip, "votes": len(decision.Votes), "approvals": approvals, "rejections": len(decision.Votes) - approvals,
			"log_odds": decision.LogOdds, "open": decision.Outcome == engine.Undecided,
		})
	return err
}
