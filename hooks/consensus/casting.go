package consensus

import (
	"errors"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/screening"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/moderation"
)

// CastVotes casts ballots in one transaction: each is admitted or refused on
// its own, and a verdict that one brings is in force for the next. A refused
// ballot leaves no vote behind. An error is of the database and spoils all.
//
// Everything is read before the first ballot is looked at and written after the
// last one, so that many ballots cost little more than one.
func CastVotes(tx core.App, deps *shell.Deps, ballots []Ballot) ([]Cast, error) {
	c := &casting{tx: tx, deps: deps, now: deps.Clock.Now()}
	if err := c.load(ballots); err != nil {
		return nil, err
	}
	results := make([]Cast, len(ballots))
	for i, ballot := range ballots {
		err := c.admit(i, ballot)
		var refusal *fault.Error
		switch {
		case err == nil:
			c.cast(i, ballot)
			results[i].At = c.now
		case errors.As(err, &refusal):
			results[i].Refusal = refusal
		default:
			return nil, err
		}
	}
	return results, c.store()
}

// casting is the ballots of one transaction with everything they are held
// against, and what came of them.
type casting struct {
	tx    core.App
	deps  *shell.Deps
	now   time.Time
	board *board // the clips with their votes

	facts   []ballotFacts // by ballot; no clip: there is none
	voters  map[string]*voter
	usedIDs map[string]bool // vote ids

	votes    []dbx.Params
	said     []said
	returned []string // assignments that were voted
	controls []control
}

// said are words that come with a vote.
type said struct {
	voter, language string
	found           screening.Finding
}

// control is a vote on a control.
type control struct {
	gold string
	vote controlVote
}

// ballotFacts are what the rules of a vote ask about one person and one clip.
type ballotFacts struct {
	N          int    `db:"n"`
	Clip       string `db:"clip"`
	Related    bool   `db:"related"`
	Assignment string `db:"assignment"`
	LeasedAt   string `db:"leased_at"`
	LeaseUntil string `db:"lease_until"`
}

func (c *casting) load(ballots []Ballot) error {
	pairs, clips, ids, people := make([][2]string, len(ballots)), []string{}, []string{}, []string{}
	for i, ballot := range ballots {
		pairs[i] = [2]string{ballot.Validator.Id, ballot.Clip}
		clips, ids, people = append(clips, ballot.Clip), append(ids, ballot.ID), append(people, ballot.Validator.Id)
	}
	rows := []ballotFacts{}
	err := c.tx.DB().NewQuery(`
		WITH ballots(n, me, clip) AS MATERIALIZED (SELECT key, value ->> 0, value ->> 1 FROM json_each({:ballots}))
		SELECT b.n, c.id AS clip, (` + areRelated("b.me", "c.owner") + ` OR ` + earnsFrom("b.me", "c.parent") + `) AS related,
			COALESCE(a.id, '') AS assignment, COALESCE(a.leased_at, '') AS leased_at, COALESCE(a.lease_until, '') AS lease_until
		FROM ballots b JOIN clips c ON c.id = b.clip
		LEFT JOIN assignments a ON a.clip = c.id AND a.validator = b.me AND a.state = 'live'`).Bind(dbx.Params{"ballots": shell.List(pairs)}).All(&rows)
	if err != nil {
		return err
	}
	c.facts = make([]ballotFacts, len(ballots))
	for _, row := range rows {
		c.facts[row.N] = row
	}
	if c.board, err = loadBoard(c.tx, c.now, clips, people); err != nil {
		return err
	}
	if c.voters, err = loadVoters(c.tx, people); err != nil {
		return err
	}
	used := []string{}
	if err := c.tx.DB().Select("id").From("votes").Where(shell.In("id", ids)).Column(&used); err != nil {
		return err
	}
	c.usedIDs = map[string]bool{}
	for _, id := range used {
		c.usedIDs[id] = true
	}
	return nil
}

// admit holds a ballot against everything that can refuse it.
func (c *casting) admit(i int, ballot Ballot) error {
	facts, voter := c.facts[i], c.voters[ballot.Validator.Id]
	clip := c.board.clips[facts.Clip]
	if clip == nil {
		return fault.NotFound.On("clip")
	}
	if err := accounts.Refusal(voter.Standing); err != nil {
		return err
	}
	asked, err := facts.asked(ballot, clip, voter)
	if err != nil {
		return err
	}
	policy := &c.board.policies[clip.Language].Policy
	if err := engine.CheckVote(*policy, asked, c.now); err != nil {
		return err
	}
	if c.usedIDs[ballot.ID] {
		return fault.IDConflict.On("id")
	}
	if c.deps.Config.RateLimits {
		return voter.mayVote(c.now, policy.VotesPerHour)
	}
	return nil
}

// asked turns what was read into what the rules of a vote look at.
func (f ballotFacts) asked(ballot Ballot, clip *openClip, voter *voter) (engine.VoteFacts, error) {
	facts := engine.VoteFacts{
		Voter: ballot.Validator.Id, Owner: clip.Owner, Voted: clip.votedBy(ballot.Validator.Id), Status: clip.Status, Hidden: clip.Hidden,
		Speaks: speaks(ballot.Validator, clip.Language), Related: f.Related,
		Duration: time.Duration(clip.DurationMS) * time.Millisecond, LastVoteAt: voter.lastVoteAt, HeardUntil: voter.heardUntil,
	}
	var err error
	if facts.AssignedAt, err = shell.ParseStamp(f.LeasedAt); err != nil {
		return facts, err
	}
	facts.AssignedTill, err = shell.ParseStamp(f.LeaseUntil)
	return facts, err
}

// cast counts an admitted ballot.
func (c *casting) cast(i int, ballot Ballot) {
	facts, voter := c.facts[i], c.voters[ballot.Validator.Id]
	clip := c.board.clips[facts.Clip]
	policy := &c.board.policies[clip.Language].Policy
	c.usedIDs[ballot.ID] = true
	vote := voteRow{
		ID: ballot.ID, Clip: clip.ID, Validator: ballot.Validator.Id, Choice: ballot.Choice, Reason: ballot.Reason, Feedback: ballot.Feedback,
		Rewarded: policy.DailyCap == 0 || voter.rewardedOn(c.now) < policy.DailyCap, Created: shell.Stamp(c.now),
	}
	heard := c.now
	if facts.Assignment != "" {
		c.returned = append(c.returned, facts.Assignment)
		clip.returned++
		if at, err := shell.ParseStamp(facts.LeasedAt); err == nil {
			heard = engine.Heard(*policy, engine.VoteFacts{AssignedAt: at, HeardUntil: voter.heardUntil, Duration: time.Duration(clip.DurationMS) * time.Millisecond})
		}
	}
	voter.voted(c.now, heard, vote.Rewarded)
	clip.add(vote)
	c.board.explain(clip)
	explained := clip.explained(vote.ID)
	c.votes = append(c.votes, dbx.Params{
		"id": vote.ID, "clip": vote.Clip, "validator": vote.Validator, "verdict": string(vote.Choice), "reason": string(vote.Reason),
		"feedback": vote.Feedback, "rewarded": vote.Rewarded, "created": vote.Created,
		"sensitivity": explained.Sensitivity, "specificity": explained.Specificity, "weight": explained.Weight, "engine": engine.Engine,
	})
	if ballot.Feedback != "" {
		c.said = append(c.said, said{vote.Validator, clip.Language, ballot.Found})
	}
	if clip.Gold != "" {
		c.controls = append(c.controls, control{clip.Gold, controlVote{
			ID: vote.ID, Validator: vote.Validator, Language: clip.Language, Choice: vote.Choice,
			Skill: c.board.skills[skillKey{vote.Validator, clip.Language}].skill(),
		}})
	}
}

// store writes what came of the ballots. From here on nothing is a refusal: an
// error undoes the transaction.
func (c *casting) store() error {
	if len(c.votes) == 0 {
		return nil
	}
	if err := shell.InsertAll(c.tx, "votes", c.votes); err != nil {
		return spoilt(err)
	}
	if err := c.storeAssignments(); err != nil {
		return spoilt(err)
	}
	for _, s := range c.said {
		if err := screening.Report(c.tx, c.deps, screening.Subject{Type: string(moderation.User), ID: s.voter, Owner: s.voter, Language: s.language}, s.found); err != nil {
			return spoilt(err)
		}
	}
	if err := storeVoters(c.tx, c.voters); err != nil {
		return spoilt(err)
	}
	for _, control := range c.controls {
		policy := c.board.policies[control.vote.Language].Policy
		if err := answerControl(c.tx, c.deps, c.now, policy, control.gold, control.vote); err != nil {
			return spoilt(err)
		}
	}
	if err := c.board.store(c.tx, c.deps, c.now); err != nil {
		return spoilt(err)
	}
	people := []string{}
	for _, vote := range c.votes {
		if voter, ok := vote["validator"].(string); ok && !slices.Contains(people, voter) {
			people = append(people, voter)
		}
	}
	return spoilt(OnVotes(c.tx).Trigger(&VotesEvent{App: c.tx, Voters: people, At: c.now}))
}

func (c *casting) storeAssignments() error {
	if len(c.returned) == 0 {
		return nil
	}
	_, err := shell.Exec(c.tx, "UPDATE assignments SET state = 'voted' WHERE id IN "+shell.Among("ids"), dbx.Params{"ids": shell.List(c.returned)})
	return err
}

// spoilt keeps a refusal from deeper down from being taken for one of a ballot.
func spoilt(err error) error {
	if err == nil {
		return nil
	}
	return errors.New("casting votes: " + err.Error())
}

// relatedTo is true when the person :me and the owner in the given column block
// each other or are linked accounts.
func relatedTo(owner string) string { return areRelated("{:me}", owner) }

func areRelated(me, owner string) string {
	return `(EXISTS (SELECT 1 FROM blocks WHERE user = ` + me + ` AND blocked = ` + owner + `)
	  OR EXISTS (SELECT 1 FROM blocks WHERE user = ` + owner + ` AND blocked = ` + me + `)
	  OR EXISTS (SELECT 1 FROM relations WHERE a = ` + me + ` AND b = ` + owner + `)
	  OR EXISTS (SELECT 1 FROM relations WHERE a = ` + owner + ` AND b = ` + me + `))`
}

// earnsFrom is true when the person owns the clip in the given column, whose
// remixes pay them a share.
func earnsFrom(me, parent string) string {
	return `EXISTS (SELECT 1 FROM clips p WHERE p.id = ` + parent + ` AND p.owner = ` + me + `)`
}

// speaks tells whether the person declared exactly this language.
func speaks(person *core.Record, language string) bool {
	return slices.Contains(person.GetStringSlice("languages"), language)
}
