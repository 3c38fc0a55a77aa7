package consensus

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
)

// board is some clips with everything that their verdicts depend on.
type board struct {
	clips     map[string]*openClip
	order     []string // of clips, as asked for
	policies  map[string]*versioned
	languages map[string]engine.Language
	skills    map[skillKey]skillRow
	related   map[[2]string]bool // pairs of validators, either way
}

// versioned is a policy with its row's version.
type versioned struct {
	engine.Policy
	version int64
}

// clipRow is a clip as far as its votes and verdict depend on it.
type clipRow struct {
	ID         string `db:"id"`
	Owner      string `db:"owner"`
	Status     string `db:"status"`
	Hidden     bool   `db:"hidden"` // unseen
	Language   string `db:"language"`
	DurationMS int64  `db:"duration_ms"`
	Campaign   string `db:"campaign"`
	Currency   string `db:"currency"`
	Parent     string `db:"parent"`
	Gold       string `db:"gold"`     // what the clip is a control of, if it is one
	Revision   int    `db:"revision"` // of its newest verdict; 0: it has none
}

// unseen is true of a clip c that is hidden for itself or because its speaker is
// banned: nobody votes on it or decides it for as long.
var unseen = "(c.hidden = 1 OR " + accounts.BannedSQL("c.owner") + ")"

// openClip is a clip with its votes and what they come to.
type openClip struct {
	clipRow
	votes    []voteRow // by time and id
	returned int       // leases that ended by a vote
	said     engine.Explanation
	changed  bool
}

// voteRow is a stored vote.
type voteRow struct {
	ID        string        `db:"id"`
	Clip      string        `db:"clip"`
	Validator string        `db:"validator"`
	Choice    engine.Choice `db:"verdict"`
	Reason    engine.Reason `db:"reason"`
	Feedback  string        `db:"feedback"`
	Rewarded  bool          `db:"rewarded"`
	Created   string        `db:"created"`
}

// loadBoard reads the clips and, for people who may vote on them besides, what
// is known about them. Clips that do not exist are left out.
func loadBoard(app core.App, now time.Time, clips, people []string) (*board, error) {
	b := &board{clips: map[string]*openClip{}, policies: map[string]*versioned{}, languages: map[string]engine.Language{}}
	rows := []clipRow{}
	err := app.DB().Select("c.id", "c.owner", "c.status", unseen+" AS hidden", "c.language", "c.duration_ms", "c.campaign", "k.currency", "c.parent", "t.gold",
		"(SELECT COALESCE(MAX(revision), 0) FROM verdicts WHERE clip = c.id) AS revision").
		From("clips c").InnerJoin("clip_tallies t", dbx.NewExp("t.clip = c.id")).InnerJoin("campaigns k", dbx.NewExp("k.id = c.campaign")).
		Where(shell.In("c.id", clips)).All(&rows)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		b.clips[row.ID] = &openClip{clipRow: row}
		if err := b.loadLanguage(app, now, row.Language); err != nil {
			return nil, err
		}
	}
	for _, id := range clips {
		if b.clips[id] != nil && !slices.Contains(b.order, id) {
			b.order = append(b.order, id)
		}
	}
	people, votes := slices.Clone(people), []voteRow{}
	err = app.DB().Select("id", "clip", "validator", "verdict", "reason", "feedback", "rewarded", "created").
		From("votes").Where(shell.In("clip", clips)).OrderBy("clip", "created", "id").All(&votes)
	if err != nil {
		return nil, err
	}
	for _, vote := range votes {
		clip := b.clips[vote.Clip]
		clip.votes = append(clip.votes, vote)
		people = append(people, vote.Validator)
	}
	return b, b.loadPeople(app, people)
}

func (b *board) loadLanguage(app core.App, now time.Time, language string) error {
	if _, known := b.languages[language]; known {
		return nil
	}
	row, err := loadLanguage(app, language)
	if err != nil {
		return err
	}
	policy, version, err := shell.ConsensusPolicy(app, now, language)
	b.languages[language], b.policies[language] = row.language(), &versioned{policy, version}
	return err
}

// loadPeople reads the skills of the people in the clips' languages, and who of
// them are known to be related.
func (b *board) loadPeople(app core.App, people []string) error {
	slices.Sort(people)
	people = slices.Compact(people)
	keys := []skillKey{}
	for _, person := range people {
		for language := range b.languages {
			keys = append(keys, skillKey{person, language})
		}
	}
	var err error
	if b.skills, err = loadSkills(app, keys); err != nil {
		return err
	}
	pairs := []struct {
		A string `db:"a"`
		B string `db:"b"`
	}{}
	b.related = map[[2]string]bool{}
	if err := app.DB().Select("a", "b").From("relations").Where(shell.In("a", people)).AndWhere(shell.In("b", people)).All(&pairs); err != nil {
		return err
	}
	for _, pair := range pairs {
		b.related[[2]string{pair.A, pair.B}], b.related[[2]string{pair.B, pair.A}] = true, true
	}
	return nil
}

// explain weighs the votes of a clip with what is known about the voters now. A
// clip that they decide has its outcome as its status from then on.
func (b *board) explain(clip *openClip) {
	weighed := make([]engine.Vote, len(clip.votes))
	for i, vote := range clip.votes {
		weighed[i] = engine.Vote{
			// Explanations are read by speakers, so they carry a letter instead of a person.
			ID: vote.ID, Validator: "validator " + string(rune('A'+i)), Choice: vote.Choice, Reason: vote.Reason,
			Skill: b.skills[skillKey{vote.Validator, clip.Language}].skill(), Related: b.relatedEarlier(clip.votes[:i], vote.Validator),
		}
	}
	policy := b.policies[clip.Language]
	clip.said = engine.Decide(&policy.Policy, policy.version, b.languages[clip.Language], weighed)
	clip.changed = true
	if clip.said.Outcome != engine.Undecided {
		clip.Status = string(clip.said.Outcome)
	}
}

// relatedEarlier tells whether somebody related voted before: together they
// count as one.
func (b *board) relatedEarlier(earlier []voteRow, validator string) bool {
	return slices.ContainsFunc(earlier, func(v voteRow) bool { return b.related[[2]string{v.Validator, validator}] })
}

func (c *openClip) votedBy(validator string) bool {
	return slices.ContainsFunc(c.votes, func(v voteRow) bool { return v.Validator == validator })
}

func (c *openClip) add(vote voteRow) {
	c.votes = append(c.votes, vote)
	slices.SortFunc(c.votes, func(a, b voteRow) int {
		return cmp.Or(strings.Compare(a.Created, b.Created), strings.Compare(a.ID, b.ID))
	})
}

// explained is a vote as it was counted.
func (c *openClip) explained(vote string) engine.ExplainedVote {
	i, _ := slices.BinarySearchFunc(c.said.Votes, vote, func(v engine.ExplainedVote, id string) int { return strings.Compare(v.ID, id) })
	return c.said.Votes[i]
}

// store writes the running counts of the clips that were weighed and settles
// those that are decided.
func (b *board) store(tx core.App, deps *shell.Deps, now time.Time) error {
	rulings, waiting := []ruling{}, map[int][]string{}
	counted := []dbx.Params{}
	for _, id := range b.order {
		clip := b.clips[id]
		if !clip.changed {
			continue
		}
		approvals := 0
		for _, vote := range clip.votes {
			if vote.Choice == engine.Approve {
				approvals++
			}
		}
		open := clip.said.Outcome == engine.Undecided
		counted = append(counted, dbx.Params{
			"clip": id, "votes": len(clip.votes), "approvals": approvals, "rejections": len(clip.votes) - approvals,
			"log_odds": clip.said.LogOdds, "open": open, "returned": clip.returned,
		})
		if open {
			minVotes := b.policies[clip.Language].MinVotes
			waiting[minVotes] = append(waiting[minVotes], id)
		} else {
			rulings = append(rulings, ruling{clip: clip.clipRow, votes: clip.votes, explanation: clip.said, by: collections.ByCrowd, revision: clip.Revision + 1})
		}
	}
	if len(counted) == 0 {
		return nil
	}
	err := shell.ExecEach(tx, `
		UPDATE clip_tallies SET
			votes = {:votes}, approvals = {:approvals}, rejections = {:rejections}, log_odds = {:log_odds},
			open = {:open}, ready = ready AND {:open}, started = 1, leases = MAX(leases - {:returned}, 0)
		WHERE clip = {:clip}`, counted)
	if err != nil {
		return err
	}
	for minVotes, clips := range waiting {
		if err := comeBack(tx, now, minVotes, clips); err != nil {
			return err
		}
	}
	_, err = settle(tx, deps, now, rulings)
	return err
}

// consider says what the votes on a clip come to now.
func consider(app core.App, now time.Time, clip string) (ruling, *versioned, error) {
	b, err := loadBoard(app, now, []string{clip}, nil)
	if err != nil {
		return ruling{}, nil, err
	}
	found := b.clips[clip]
	if found == nil {
		return ruling{}, nil, fmt.Errorf("there is no clip %s", clip)
	}
	row := found.clipRow // the stored status, not what the votes come to
	decided := row.Status == collections.ClipApproved || row.Status == collections.ClipRejected
	b.explain(found)
	return ruling{clip: row, votes: found.votes, explanation: found.said, by: collections.ByCrowd, revision: found.Revision + 1, again: decided}, b.policies[row.Language], nil
}

// reconsider weighs the votes of an open clip anew and settles it if they
// decide. A clip that is no longer open stays as it is.
func reconsider(tx core.App, deps *shell.Deps, now time.Time, clip string) error {
	b, err := loadBoard(tx, now, []string{clip}, nil)
	if err != nil {
		return err
	}
	found := b.clips[clip]
	if found == nil || found.Status != collections.ClipPending || found.Hidden || len(found.votes) == 0 {
		return nil
	}
	b.explain(found)
	return b.store(tx, deps, now)
}
