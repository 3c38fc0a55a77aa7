package consensus

import (
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
)

const (
	// lookBatch and maxLooks bound how far one request looks past clips that are
	// not for the person, among those with votes and those without. The next
	// request goes on from there.
	lookBatch = 16
	maxLooks  = 400
	// maxRivals bounds from how many active people the better validator is drawn.
	maxRivals = 64
)

// candidate is a clip that may be handed out, with what decides about it.
type candidate struct {
	Clip       string `db:"clip"`
	Turn       int64  `db:"turn"`
	Started    bool   `db:"started"`
	Ready      bool   `db:"ready"`
	Anybody    bool   `db:"anybody"`
	Control    bool   `db:"control"`
	Votes      int64  `db:"votes"`
	Owner      string `db:"owner"`
	OwnerSeq   int64  `db:"owner_seq"`
	Kind       string `db:"kind"`
	Language   string `db:"language"`
	Dialect    string `db:"dialect"`
	Prompt     string `db:"prompt"`
	Phrase     string `db:"phrase"`
	DurationMS int64  `db:"duration_ms"`
	Assignment string `db:"assignment"` // the person's, where it is to be used again
	LeasedAt   string `db:"leased_at"`
	LeaseUntil string `db:"lease_until"`
	Reason     string `db:"reason"`

	judgement
}

// judgement says whether a clip is for the person.
type judgement struct {
	Barred bool   `db:"barred"` // never, as things are
	Had    bool   `db:"had"`    // it was handed to them before
	Judged int64  `db:"judged"` // of the speaker's last clips, how many they judged
	Newest int64  `db:"newest"` // the speaker's last clip
	Met    string `db:"met"`    // who else had the clip, as a list of ids
}

const candidateColumns = `t.clip, t.turn, t.started, t.ready, t.anybody, t.gold <> '' AS control, t.votes, t.owner, t.owner_seq,
	c.kind, c.language, c.dialect, c.prompt, c.phrase, c.duration_ms`

// walkQuery goes on in the queue from the person's turn. In these queries indexes
// are named, because nothing else will do, whatever the planner's statistics from
// a smaller day say; and no table is joined by a value of the request, or SQLite
// might read all of it into a Bloom filter.
const walkQuery = `SELECT ` + candidateColumns + `
	FROM clip_tallies t INDEXED BY idx_clip_tallies_ready
	CROSS JOIN clips c ON c.id = t.clip
	WHERE t.language = {:language} AND t.started = {:started} AND t.ready = 1 AND t.gold = '' AND t.turn > {:turn}
	ORDER BY t.turn LIMIT {:batch}`

// expiredQuery finds the clips whose leases ran out in the person's hands last.
const expiredQuery = `SELECT ` + candidateColumns + `, mine.id AS assignment
	FROM assignments mine INDEXED BY idx_assignments_validator
	CROSS JOIN clip_tallies t ON t.clip = mine.clip
	CROSS JOIN clips c ON c.id = t.clip
	WHERE mine.validator = {:me} AND mine.language = {:language} AND mine.state = 'expired'
	ORDER BY mine.lease_until DESC LIMIT {:batch}`

const heldQuery = `SELECT ` + candidateColumns + `, mine.id AS assignment, mine.leased_at, mine.lease_until, mine.reason
	FROM assignments mine INDEXED BY idx_assignments_validator
	CROSS JOIN clip_tallies t ON t.clip = mine.clip
	CROSS JOIN clips c ON c.id = t.clip
	WHERE mine.validator = {:me} AND mine.language = {:language} AND mine.state = 'live'
	ORDER BY mine.rowid LIMIT {:limit}`

// judgeQuery judges clips for the person.
func judgeQuery(clips string) string {
	return `SELECT t.clip,
		(c.hidden = 1 OR ` + accounts.BannedSQL("t.owner") + ` OR t.owner = {:me} OR ` + relatedTo("t.owner") + ` OR ` + earnsFrom("{:me}", "c.parent") + `
		 OR EXISTS (SELECT 1 FROM votes v INDEXED BY idx_votes_pair WHERE v.clip = t.clip AND (v.validator = {:me} OR ` + linkedTo("v.validator") + `))
		 OR EXISTS (SELECT 1 FROM assignments l INDEXED BY idx_assignments_pair WHERE l.clip = t.clip AND l.state = 'live' AND ` + linkedTo("l.validator") + `)) AS barred,
		EXISTS (SELECT 1 FROM assignments h INDEXED BY idx_assignments_pair WHERE h.clip = t.clip AND h.validator = {:me}) AS had,
		(SELECT COUNT(*) FROM assignments j INDEXED BY idx_assignments_owner WHERE j.validator = {:me} AND j.owner = t.owner AND j.state IN ('live', 'voted')
		 AND j.owner_seq > MAX(0, (SELECT MAX(w.owner_seq) FROM clip_tallies w INDEXED BY idx_clip_tallies_owner WHERE w.owner = t.owner) - {:window})) AS judged,
		(SELECT MAX(w.owner_seq) FROM clip_tallies w INDEXED BY idx_clip_tallies_owner WHERE w.owner = t.owner) AS newest,
		COALESCE((SELECT GROUP_CONCAT(v.validator) FROM votes v INDEXED BY idx_votes_pair WHERE v.clip = t.clip), '') || ',' ||
		COALESCE((SELECT GROUP_CONCAT(l.validator) FROM assignments l INDEXED BY idx_assignments_pair WHERE l.clip = t.clip AND l.state <> 'expired'), '') AS met
		FROM clip_tallies t INDEXED BY idx_clip_tallies_clip CROSS JOIN clips c ON c.id = t.clip
		WHERE t.clip IN (` + clips + `)`
}

// linkedTo is true when the person :me and the one in the column count as one.
func linkedTo(column string) string {
	return `(EXISTS (SELECT 1 FROM relations WHERE a = {:me} AND b = ` + column + `)
	  OR EXISTS (SELECT 1 FROM relations WHERE a = ` + column + ` AND b = {:me}))`
}

// judge adds to each clip whether it is for the person.
func (a *asking) judge(clips []candidate) error {
	if len(clips) == 0 {
		return nil
	}
	ids := make([]string, len(clips))
	for i, clip := range clips {
		ids[i] = clip.Clip
	}
	params := dbx.Params{"me": a.validator, "window": a.policy.OwnerWindow}
	rows := []struct {
		Clip string `db:"clip"`
		judgement
	}{}
	if err := a.tx.DB().NewQuery(judgeQuery(bindList(params, ids))).Bind(params).All(&rows); err != nil {
		return err
	}
	judged := make(map[string]judgement, len(rows))
	for _, row := range rows {
		judged[row.Clip] = row.judgement
	}
	for i := range clips {
		clips[i].judgement = judged[clips[i].Clip]
	}
	return nil
}

// revive takes the clips whose leases ran out in the person's hands and that
// still want somebody: controls are met once in a life, so whoever comes back
// late must not be able to tell them by their being gone.
func (a *asking) revive(room int) error {
	rows := []candidate{}
	err := a.tx.DB().NewQuery(expiredQuery).Bind(dbx.Params{"me": a.validator, "language": a.language, "batch": maxItems}).All(&rows)
	if err == nil {
		err = a.judge(rows)
	}
	if err != nil {
		return err
	}
	for _, clip := range rows {
		if len(a.taken) == room {
			break
		}
		if !clip.Ready || clip.Barred || a.rests(clip) || a.excluded && !clip.Control {
			continue
		}
		a.taken = append(a.taken, clip) // it was counted when it was handed out first
		a.count(clip)
	}
	return nil
}

// walk finds up to room clips for the person: first those that have votes, then
// the others, each in the order of their turns.
func (a *asking) walk(room int) ([]candidate, error) {
	found := []candidate{}
	a.dry = true
	for _, started := range []bool{true, false} {
		turn := a.place.turn(started)
		for looks := 0; len(found) < room; {
			if looks >= maxLooks {
				a.dry = false
				break
			}
			rows, batch := []candidate{}, max(lookBatch, room-len(found))
			err := a.tx.DB().NewQuery(walkQuery).
				Bind(dbx.Params{"language": a.language, "started": started, "turn": *turn, "batch": batch}).All(&rows)
			if err == nil {
				err = a.judge(rows)
			}
			if err != nil {
				return nil, err
			}
			for _, clip := range rows {
				if len(found) == room {
					break
				}
				*turn = clip.Turn
				if a.suits(clip) {
					found = append(found, clip)
				}
			}
			if looks += len(rows); len(rows) < batch {
				break
			}
		}
	}
	a.dry = a.dry && len(found) < room
	return found, nil
}

// suits decides whether a clip of the queue goes to the person.
func (a *asking) suits(clip candidate) bool {
	if clip.Barred || clip.Had || a.rests(clip) {
		return false
	}
	if clip.Votes > 0 && !clip.Anybody && !a.policy.MayTake(a.own, a.others(clip), a.rng) {
		a.passed = append(a.passed, clip.Clip)
		return false
	}
	a.count(clip)
	return true
}

// rests tells whether the person has judged enough of the speaker's last clips.
func (a *asking) rests(clip candidate) bool {
	return a.policy.OwnerVotes > 0 && clip.Judged+a.handed[clip.Owner] >= a.policy.OwnerVotes
}

// count counts a clip that this request hands out.
func (a *asking) count(clip candidate) {
	if clip.OwnerSeq > clip.Newest-a.policy.OwnerWindow {
		a.handed[clip.Owner]++
	}
}

// leave puts back the clips whose places controls took. Where there is more they
// are the first of the next request. In a dry queue they would come up at the
// very next look and give the control away, so they wait as if for a better
// validator.
func (a *asking) leave(clips []candidate) {
	for _, clip := range clips {
		if a.dry {
			a.left = append(a.left, clip.Clip)
		} else if turn := a.place.turn(clip.Started); clip.Turn <= *turn {
			*turn = clip.Turn - 1
		}
	}
}

// keepBack marks clips that were passed over or left, for OfferPassed. The wait of
// those that were passed counts from their turn, of the others from now. The
// statement is the same for none, so that its time tells of no control.
func (a *asking) keepBack() error {
	if len(a.taken)+len(a.passed) == 0 {
		return nil
	}
	params := dbx.Params{"now": shell.Stamp(a.now)}
	left := bindList(params, a.left)
	_, err := shell.Exec(a.tx, `
		UPDATE clip_tallies SET passed = 1, turned_at = CASE WHEN clip IN (`+left+`) THEN {:now} ELSE turned_at END
		WHERE clip IN (`+bindList(params, slices.Concat(a.passed, a.left))+`) AND ready = 1 AND (passed = 0 OR clip IN (`+left+`))`, params)
	return err
}

// rival is somebody else who asks for clips of the language.
type rival struct {
	id              string
	informativeness float64
}

// loadRivals reads who asked lately, and how good they and the person are.
func (a *asking) loadRivals() error {
	ids := []string{}
	err := a.tx.DB().NewQuery(rivalsQuery).Bind(dbx.Params{
		"me": a.validator, "language": a.language, "limit": maxRivals,
		"since": shell.Stamp(a.now.Add(-time.Duration(a.policy.ActiveS) * time.Second)),
	}).Column(&ids)
	if err != nil {
		return err
	}
	keys := []skillKey{{a.validator, a.language}}
	for _, id := range ids {
		keys = append(keys, skillKey{id, a.language})
	}
	skills, err := loadSkills(a.tx, keys)
	if err != nil {
		return err
	}
	for _, key := range keys {
		a.rivals = append(a.rivals, rival{key.validator, a.policy.Rates(skills[key].skill()).Informativeness()})
	}
	a.own, a.rivals = a.rivals[0].informativeness, a.rivals[1:]
	return nil
}

const rivalsQuery = `SELECT validator FROM queue_cursors INDEXED BY idx_queue_cursors_seen
	WHERE language = {:language} AND seen_at > {:since} AND validator <> {:me} ORDER BY seen_at DESC LIMIT {:limit}`

// others are the informativenesses of those who could have the clip instead, as
// far as is known without asking much.
func (a *asking) others(clip candidate) []float64 {
	others := make([]float64, 0, len(a.rivals))
	for _, rival := range a.rivals {
		if rival.id != clip.Owner && !strings.Contains(clip.Met, rival.id) {
			others = append(others, rival.informativeness)
		}
	}
	return others
}

func (c candidate) item(until time.Time) Item {
	return Item{
		Assignment: c.Assignment, Clip: c.Clip, MediaURL: shell.APIPrefix + "/assignments/" + c.Assignment + "/media",
		LeaseUntil: until.Format(time.RFC3339Nano), Kind: c.Kind, Language: c.Language, Dialect: c.Dialect,
		Prompt: c.Prompt, Phrase: c.Phrase, DurationMS: c.DurationMS,
	}
}
