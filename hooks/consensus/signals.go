package consensus

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/collusion"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
)

const (
	watchEvery = 2 * time.Second
	// watchBatch bounds how long one transaction holds the only writer (a clip takes
	// it half a millisecond), watchBatches how long a sweep keeps the others waiting.
	watchBatch   = 50
	watchBatches = 20
)

// errWatched means that somebody else looked at a clip of the batch meanwhile.
var errWatched = errors.New("a clip was watched twice at the same time")

// settledRow is a clip with its final verdict, or withdrawn without one.
type settledRow struct {
	Seq         int64  `db:"seq"`
	Clip        string `db:"clip"`
	Language    string `db:"language"`
	Owner       string `db:"owner"`
	Explanation string `db:"explanation"` // empty without a final verdict
}

// watch looks at clips that came to a final verdict and adds what they say about
// collusion to the sums. Votes and verdicts do not wait for it.
func watch(app core.App, deps *shell.Deps) error {
	after := int64(0)
	for range watchBatches {
		rows, err := watchSome(app, deps.Clock.Now(), after, watchBatch)
		if err != nil || len(rows) < watchBatch {
			return err
		}
		after = rows[len(rows)-1].Seq
	}
	return nil
}

// watchSome looks at the next clips, at most limit, and returns them. What it needs of the clips never changes again and is read before its
// transaction, in which the clips are marked and the sums written: each clip
// counts once, whatever dies in between. Clips with an expert wait for his word;
// a verdict that supersedes a final one later is not counted again.
func watchSome(app core.App, now time.Time, after int64, limit int) ([]settledRow, error) {
	rows := []settledRow{}
	if err := app.DB().NewQuery(settledQuery).Bind(dbx.Params{"after": after, "limit": limit}).All(&rows); err != nil || len(rows) == 0 {
		return nil, err
	}
	signals, err := signalsOf(app, rows)
	if err != nil {
		return nil, err
	}
	decided, err := decidedClips(app, rows)
	if err != nil {
		return nil, err
	}
	err = app.RunInTransaction(func(tx core.App) error {
		if err := markWatched(tx, rows); err != nil {
			return err
		}
		if err := addPairs(tx, now, signals.Pairs); err != nil {
			return err
		}
		if err := addAffinities(tx, now, signals.Affinities); err != nil {
			return err
		}
		return addPairOwners(tx, now, signals.PairOwners, decided)
	})
	return rows, err
}

// settledQuery walks the index of clips that were not looked at. On the way are
// those that wait for an expert; it leaves them before it reads a verdict.
const settledQuery = `
	SELECT t.seq, t.clip, t.language, t.owner, CASE WHEN v.outcome IN ('approved', 'rejected') THEN v.explanation ELSE '' END AS explanation
	FROM clip_tallies t JOIN clips c ON c.id = t.clip
	LEFT JOIN verdicts v ON v.clip = t.clip AND v.revision = (SELECT MAX(revision) FROM verdicts WHERE clip = t.clip)
	WHERE t.open = 0 AND t.watched = 0 AND t.gold = '' AND t.seq > {:after}
		AND c.status != 'escalated' AND (v.outcome IN ('approved', 'rejected') OR c.status = 'withdrawn')
	ORDER BY t.seq LIMIT {:limit}`

// ballotRow is who cast a vote, and when.
type ballotRow struct {
	ID        string `db:"id"`
	Validator string `db:"validator"`
	Created   string `db:"created"`
}

// signalsOf reckons what the clips say. A verdict that does not follow from its
// explanation says nothing; consensus verify reports it.
func signalsOf(app core.App, rows []settledRow) (collusion.Signals, error) {
	ids := make([]any, len(rows))
	for i, row := range rows {
		ids[i] = row.Clip
	}
	ballots := []ballotRow{}
	var signals collusion.Signals
	err := app.DB().Select("id", "validator", "created").From("votes").Where(dbx.In("clip", ids...)).All(&ballots)
	if err != nil {
		return signals, err
	}
	cast := make(map[string]ballotRow, len(ballots))
	for _, ballot := range ballots {
		cast[ballot.ID] = ballot
	}
	for _, row := range rows {
		if row.Explanation == "" {
			continue
		}
		clip, err := row.clip(cast)
		if err != nil {
			app.Logger().Error("a verdict is left out of the signals of collusion", "clip", row.Clip, "error", err)
			continue
		}
		signals.Add(clip)
	}
	return signals, nil
}

// clip is the clip as the signals see it.
func (row settledRow) clip(cast map[string]ballotRow) (collusion.Clip, error) {
	verdict, err := engine.ParseExplanation([]byte(row.Explanation))
	if err != nil {
		return collusion.Clip{}, err
	}
	if _, err := engine.Replay(verdict); err != nil {
		return collusion.Clip{}, err
	}
	clip := collusion.Clip{Owner: row.Owner, Language: row.Language, Label: verdict.Outcome.Label(), Good: verdict.Posterior}
	if verdict.Reason == engine.ByExpert {
		clip.Good = 0
		if verdict.Outcome == engine.Approved {
			clip.Good = 1
		}
	}
	for _, vote := range verdict.Votes {
		ballot, ok := cast[vote.ID]
		if !ok {
			return clip, errors.New("vote " + vote.ID + " is not stored")
		}
		at, err := shell.ParseStamp(ballot.Created)
		if err != nil {
			return clip, err
		}
		clip.Votes = append(clip.Votes, collusion.Vote{
			Validator: ballot.Validator, Approve: vote.Choice == engine.Approve, At: at,
			Rates: crowd.Rates{Sensitivity: vote.Sensitivity, Specificity: vote.Specificity},
		})
	}
	return clip, nil
}

// decidedClips counts, for each speaker, the clips that pairs could decide: those
// looked at before, and those of this batch. A clip that was withdrawn with votes
// but without a verdict is among them; there are few.
func decidedClips(app core.App, rows []settledRow) (map[string]int64, error) {
	decided := map[string]int64{}
	for _, row := range rows {
		if row.Explanation != "" {
			decided[row.Owner]++
		}
	}
	owners := slices.Sorted(maps.Keys(decided))
	for _, owner := range owners {
		var before int64
		if err := app.DB().NewQuery(decidedQuery).Bind(dbx.Params{"owner": owner}).Row(&before); err != nil {
			return nil, err
		}
		decided[owner] += before
	}
	return decided, nil
}

const decidedQuery = "SELECT COUNT(*) FROM clip_tallies WHERE owner = {:owner} AND watched = 1 AND votes > 0 AND gold = ''"

func markWatched(tx core.App, rows []settledRow) error {
	ids := make([]any, len(rows))
	for i, row := range rows {
		ids[i] = row.Clip
	}
	result, err := tx.NonconcurrentDB().Update("clip_tallies", dbx.Params{"watched": true},
		dbx.And(dbx.In("clip", ids...), dbx.HashExp{"watched": false})).Execute()
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != int64(len(rows)) {
		return errors.Join(errWatched, err)
	}
	return nil
}

// tallyRow is a stored tally; the columns of its hits have names of their own.
type tallyRow struct {
	Clips    int64   `db:"clips"`
	Hits     int64   `db:"hits"`
	Expected float64 `db:"expected"`
	Variance float64 `db:"variance"`
}

func (row tallyRow) tally() collusion.Tally {
	return collusion.Tally{Clips: row.Clips, Hits: row.Hits, Expected: collusion.Mass(row.Expected), Variance: collusion.Mass(row.Variance)}
}

// tallyParams are the columns of a tally whose hits are called so.
func tallyParams(t collusion.Tally, hits string, now time.Time) dbx.Params {
	return dbx.Params{
		"id": shell.NewID(), "clips": t.Clips, hits: t.Hits,
		"expected": t.Expected.Answers(), "variance": t.Variance.Answers(), "z": t.Z(), "updated": shell.Stamp(now),
	}
}

type pairRow struct {
	A        string `db:"a"`
	B        string `db:"b"`
	Language string `db:"language"`
	Together int64  `db:"together"`
	Bursts   int64  `db:"bursts"`
	tallyRow
}

func (row pairRow) sum() collusion.PairSum {
	return collusion.PairSum{Wrong: row.tally(), Together: row.Together, Bursts: row.Bursts}
}

const pairColumns = "a, b, language, together, bursts, clips, agreements AS hits, expected, variance"

func addPairs(tx core.App, now time.Time, more map[collusion.Pair]collusion.PairSum) error {
	keys := slices.SortedFunc(maps.Keys(more), func(p, q collusion.Pair) int {
		return slices.Compare([]string{p.Language, p.A, p.B}, []string{q.Language, q.A, q.B})
	})
	err := storedRows(tx, "SELECT "+pairColumns+" FROM pair_signals WHERE (a, b, language) IN", keys,
		func(p collusion.Pair) [3]string { return [3]string{p.A, p.B, p.Language} },
		func(row pairRow) {
			key := collusion.Pair{A: row.A, B: row.B, Language: row.Language}
			more[key] = row.sum().Plus(more[key])
		})
	if err != nil {
		return err
	}
	rows := make([]dbx.Params, len(keys))
	for i, key := range keys {
		sum := more[key]
		rows[i] = tallyParams(sum.Wrong, "agreements", now)
		maps.Copy(rows[i], dbx.Params{"a": key.A, "b": key.B, "language": key.Language, "together": sum.Together, "bursts": sum.Bursts})
	}
	return shell.UpsertAll(tx, "pair_signals", []string{"a", "b", "language"}, rows)
}

type affinityRow struct {
	Validator string `db:"validator"`
	Owner     string `db:"owner"`
	Language  string `db:"language"`
	tallyRow
}

const affinityColumns = "validator, owner, language, clips, approvals AS hits, expected, variance"

func addAffinities(tx core.App, now time.Time, more map[collusion.Affinity]collusion.Tally) error {
	keys := slices.SortedFunc(maps.Keys(more), func(p, q collusion.Affinity) int {
		return slices.Compare([]string{p.Language, p.Owner, p.Validator}, []string{q.Language, q.Owner, q.Validator})
	})
	err := storedRows(tx, "SELECT "+affinityColumns+" FROM owner_signals WHERE (validator, owner, language) IN", keys,
		func(a collusion.Affinity) [3]string { return [3]string{a.Validator, a.Owner, a.Language} },
		func(row affinityRow) {
			key := collusion.Affinity{Validator: row.Validator, Owner: row.Owner, Language: row.Language}
			more[key] = row.tally().Plus(more[key])
		})
	if err != nil {
		return err
	}
	rows := make([]dbx.Params, len(keys))
	for i, key := range keys {
		rows[i] = tallyParams(more[key], "approvals", now)
		maps.Copy(rows[i], dbx.Params{"validator": key.Validator, "owner": key.Owner, "language": key.Language})
	}
	return shell.UpsertAll(tx, "owner_signals", []string{"validator", "owner", "language"}, rows)
}

type pairOwnerRow struct {
	A     string  `db:"a"`
	B     string  `db:"b"`
	Owner string  `db:"owner"`
	Clips int64   `db:"clips"`
	Share float64 `db:"share"`
}

func addPairOwners(tx core.App, now time.Time, more map[collusion.PairOwner]int64, decided map[string]int64) error {
	keys := slices.SortedFunc(maps.Keys(more), func(p, q collusion.PairOwner) int {
		return slices.Compare([]string{p.Owner, p.A, p.B}, []string{q.Owner, q.A, q.B})
	})
	err := storedRows(tx, "SELECT a, b, owner, clips FROM pair_owners WHERE (a, b, owner) IN", keys,
		func(p collusion.PairOwner) [3]string { return [3]string{p.A, p.B, p.Owner} },
		func(row pairOwnerRow) { more[collusion.PairOwner{A: row.A, B: row.B, Owner: row.Owner}] += row.Clips })
	if err != nil {
		return err
	}
	rows := make([]dbx.Params, len(keys))
	for i, key := range keys {
		rows[i] = dbx.Params{
			"id": shell.NewID(), "a": key.A, "b": key.B, "owner": key.Owner, "clips": more[key],
			"share": float64(more[key]) / float64(decided[key.Owner]), "updated": shell.Stamp(now),
		}
	}
	return shell.UpsertAll(tx, "pair_owners", []string{"a", "b", "owner"}, rows)
}

// storedRows reads the rows of the keys, some hundred at a time, of the names
// that make a key unique.
func storedRows[Key, Row any](tx core.App, query string, keys []Key, names func(Key) [3]string, each func(Row)) error {
	for part := range slices.Chunk(keys, 200) {
		statement, params := triples(query, part, names)
		rows := []Row{}
		if err := tx.DB().NewQuery(statement).Bind(params).All(&rows); err != nil {
			return err
		}
		for _, row := range rows {
			each(row)
		}
	}
	return nil
}

// triples completes a query that ends in IN with the keys' names.
func triples[Key any](query string, keys []Key, names func(Key) [3]string) (string, dbx.Params) {
	params, values := dbx.Params{}, make([]string, len(keys))
	for i, key := range keys {
		places := [3]string{}
		for j, name := range names(key) {
			place := "k" + strconv.Itoa(i) + "_" + strconv.Itoa(j)
			places[j], params[place] = "{:"+place+"}", name
		}
		values[i] = "(" + strings.Join(places[:], ", ") + ")"
	}
	return query + " (VALUES " + strings.Join(values, ", ") + ")", params
}
