package consensus

import (
	"encoding/json"
	"strconv"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
)

const (
	// jobRescore weighs the votes of open clips anew after a re-estimate.
	jobRescore = "rescore"
	// rescoreBatch bounds the clips that one job weighs, and rescoreReach those it
	// looks at: most open clips have no vote yet.
	rescoreBatch = 50
	rescoreReach = 1000
)

// rescorePayload says which clips of a language a job weighs: those after a
// place in the order of arrival (clip_tallies.seq).
type rescorePayload struct {
	Fit      string `json:"fit"`
	Language string `json:"language"`
	After    int64  `json:"after"`
}

func (p rescorePayload) job() shell.Job {
	return shell.Job{Kind: jobRescore, Key: p.Fit + ":" + strconv.FormatInt(p.After, 10), Payload: p}
}

// firstRescore is the first of the jobs that follow a re-estimate.
func firstRescore(fit Fit) shell.Job {
	return rescorePayload{Fit: fit.ID, Language: fit.Language}.job()
}

// rescore weighs the votes of the next open clips with the new skills, settles
// what they decide, and leaves the clips after them to the next job. Clips that
// are decided stay decided.
func rescore(tx core.App, deps *shell.Deps, job shell.Job) error {
	var p rescorePayload
	if err := json.Unmarshal(job.Raw, &p); err != nil {
		return err
	}
	var newest string
	err := tx.DB().NewQuery("SELECT id FROM fits WHERE language = {:language} AND state = {:accepted} ORDER BY created DESC LIMIT 1").
		Bind(dbx.Params{"language": p.Language, "accepted": FitAccepted}).Row(&newest)
	if err != nil || newest != p.Fit {
		return err // a later re-estimate has jobs of its own
	}
	clips, last, err := openClipsAfter(tx, p.Language, p.After)
	if err != nil {
		return err
	}
	for _, clip := range clips {
		if err := reconsider(tx, deps, deps.Clock.Now(), clip); err != nil {
			return err
		}
	}
	if last == 0 {
		return nil
	}
	p.After = last
	return deps.Outbox.Enqueue(tx, p.job())
}

const openQuery = "SELECT clip, seq, votes FROM clip_tallies WHERE language = {:language} AND open = 1 AND seq > {:after} ORDER BY seq LIMIT {:reach}"

// openClipsAfter lists the next open clips with votes, and the place from which
// to go on; 0: there is nothing more.
func openClipsAfter(tx core.App, language string, after int64) (clips []string, last int64, err error) {
	rows := []struct {
		Clip  string `db:"clip"`
		Seq   int64  `db:"seq"`
		Votes int64  `db:"votes"`
	}{}
	err = tx.DB().NewQuery(openQuery).
		Bind(dbx.Params{"language": language, "after": after, "reach": rescoreReach}).All(&rows)
	for _, row := range rows {
		if len(clips) == rescoreBatch {
			return clips, last, err
		}
		if last = row.Seq; row.Votes > 0 {
			clips = append(clips, row.Clip)
		}
	}
	if len(rows) < rescoreReach {
		last = 0
	}
	return clips, last, err
}
