package consensus

import (
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
	"github.com/lingualink/lingualink/internal/consensus/gold"
)

// controlVote is a vote on a control.
type controlVote struct {
	ID, Validator, Language string
	Choice                  engine.Choice
	Skill                   crowd.Skill // before the answer
}

// answerControl lets a vote on a control teach exactly, and the gold clip learn
// from it. It runs in the transaction of the vote, before the votes on the control
// are counted.
func answerControl(tx core.App, deps *shell.Deps, now time.Time, policy engine.Policy, goldID string, vote controlVote) error {
	g, err := findGold(tx, "id", goldID)
	if err != nil {
		return err
	}
	approve := vote.Choice == engine.Approve
	answer := gold.Weigh(&policy, g.label(), vote.Skill, approve)
	if first, err := g.answered(tx, now, vote, answer.Missed); err != nil || !first {
		return err
	}
	_, err = learn(tx, now, []lesson{{
		skillKey{vote.Validator, vote.Language}, vote.ID, crowd.Exactly(crowd.FromGold, g.label(), approve),
	}})
	if err != nil {
		return err
	}
	if err := addToLanguage(tx, g.Language, dbx.Params{"gold_answers": 1}); err != nil {
		return err
	}
	record := g.record().Add(answer)
	if err := g.storeRecord(tx, record); err != nil {
		return err
	}
	switch {
	case record.Leaked(policy.GoldRules):
		return g.retire(tx, deps, now, "leaked")
	case record.Doubted(policy.GoldRules):
		return g.doubt(tx, deps, now)
	}
	return nil
}

// answered writes the answer to the exposure. It is false for somebody who met
// the gold clip before and answered: only the first answer says anything. Where
// voting is open, the vote may come without the control having been handed out.
func (g goldRow) answered(tx core.App, now time.Time, vote controlVote, missed bool) (bool, error) {
	params := dbx.Params{"gold": g.ID, "me": vote.Validator, "vote": vote.ID, "missed": missed}
	changed, err := shell.Exec(tx, "UPDATE gold_exposures SET vote = {:vote}, missed = {:missed} WHERE gold = {:gold} AND validator = {:me} AND vote = ''", params)
	if err != nil || changed == 1 {
		return changed == 1, err
	}
	var control string
	var met bool
	err = tx.DB().NewQuery("SELECT clip, EXISTS (SELECT 1 FROM gold_exposures WHERE gold = {:gold} AND validator = {:me}) FROM votes WHERE id = {:vote}").
		Bind(params).Row(&control, &met)
	if err != nil || met {
		return false, err
	}
	if err := expose(tx, now, vote.Validator, []goldChoice{{candidate: candidate{Clip: control}, Gold: g.ID}}); err != nil {
		return false, err
	}
	return g.answered(tx, now, vote, missed)
}

// doubt keeps a gold clip that honest validators miss from being handed out until
// an expert has looked at it again.
func (g goldRow) doubt(tx core.App, deps *shell.Deps, now time.Time) error {
	changed, err := g.move(tx, now, collections.GoldActive, collections.GoldSuspect, "missed")
	if err != nil || !changed {
		return err
	}
	return escalate(tx, deps, now, g.Source, collections.CauseGold)
}

// goldRelabelled follows an expert's verdict on a recording: if it is gold and the
// expert says otherwise than was held for the truth, everybody who answered is
// taught again. What was in doubt serves again.
func goldRelabelled(tx core.App, deps *shell.Deps, now time.Time, source string, outcome engine.Outcome, verdict string) error {
	var isGold bool
	if err := tx.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM gold_clips WHERE source = {:clip})").Bind(dbx.Params{"clip": source}).Row(&isGold); err != nil || !isGold {
		return err
	}
	g, err := findGold(tx, "source", source)
	if err != nil {
		return err
	}
	record := g.record()
	if truth := outcome.Label(); truth != crowd.Unknown && truth != g.label() {
		if record, err = g.turnRound(tx, now, truth, verdict); err != nil {
			return err
		}
	}
	// From here on the honest are asked anew.
	record.HonestAnswers, record.HonestMisses = 0, 0
	if err := g.storeRecord(tx, record); err != nil {
		return err
	}
	changed, err := g.move(tx, now, collections.GoldSuspect, collections.GoldActive, "")
	if err != nil || !changed {
		return err
	}
	g.State = collections.GoldActive
	if err := g.decideWaiting(tx, deps, now, verdict); err != nil {
		return err
	}
	return g.wearOut(tx, deps, now)
}

// goldAnswer is an answer on a gold clip as it was given.
type goldAnswer struct {
	Validator   string        `db:"validator"`
	Choice      engine.Choice `db:"verdict"`
	Sensitivity float64       `db:"sensitivity"`
	Specificity float64       `db:"specificity"`
	Forgotten   bool          `db:"forgotten"`
}

// turnRound makes the truth its opposite. Every answer there ever was is taught
// again, in an event that takes the false lesson back, unless the validator has
// begun anew since and there is nothing to take back.
func (g goldRow) turnRound(tx core.App, now time.Time, truth crowd.Label, verdict string) (gold.Record, error) {
	record := gold.Record{}
	answers := []goldAnswer{}
	err := tx.DB().NewQuery(`
		SELECT v.validator, v.verdict, v.sensitivity, v.specificity, EXISTS (
			SELECT 1 FROM skill_events taught JOIN skill_events anew
				ON anew.language = taught.language AND anew.validator = taught.validator AND anew.seq > taught.seq AND anew.source = 'review'
			WHERE taught.validator = v.validator AND taught.cause = v.id AND taught.source = 'gold') AS forgotten
		FROM gold_exposures e JOIN votes v ON v.id = e.vote
		WHERE e.gold = {:gold} ORDER BY v.created, v.id`).Bind(dbx.Params{"gold": g.ID}).All(&answers)
	if err != nil {
		return record, err
	}
	lessons := []lesson{}
	for _, a := range answers {
		approve := a.Choice == engine.Approve
		chance := gold.Chance(crowd.Rates{Sensitivity: a.Sensitivity, Specificity: a.Specificity}, truth)
		record = record.Add(gold.Answer{Missed: approve != (truth == crowd.Good), Chance: chance})
		if !a.Forgotten {
			lessons = append(lessons, lesson{skillKey{a.Validator, g.Language}, verdict, crowd.Corrected(crowd.FromGold, truth, approve)})
		}
	}
	if _, err := learn(tx, now, lessons); err != nil {
		return record, err
	}
	for _, change := range []string{
		"UPDATE gold_clips SET truth = {:truth} WHERE id = {:gold}",
		"UPDATE gold_exposures SET missed = NOT missed WHERE gold = {:gold} AND vote != ''",
	} {
		if _, err := shell.Exec(tx, change, dbx.Params{"gold": g.ID, "truth": truthOf(truth)}); err != nil {
			return record, err
		}
	}
	return record, g.recount(tx, truth)
}

// recount moves what the crowd made of the controls to the other truth.
func (g goldRow) recount(tx core.App, truth crowd.Label) error {
	rows := []struct {
		Outcome engine.Outcome `db:"outcome"`
		N       int64          `db:"n"`
	}{}
	err := tx.DB().NewQuery(`
		SELECT v.outcome, COUNT(*) AS n FROM clip_tallies t JOIN verdicts v ON v.clip = t.clip
		WHERE t.gold = {:gold} AND t.gold != '' AND v.[[by]] = 'crowd' AND v.outcome != 'escalated' GROUP BY v.outcome`).
		Bind(dbx.Params{"gold": g.ID}).All(&rows)
	if err != nil {
		return err
	}
	for _, row := range rows {
		said := row.Outcome.Label()
		if err := addToLanguage(tx, g.Language, dbx.Params{calibration(-truth, said): -row.N, calibration(truth, said): row.N}); err != nil {
			return err
		}
	}
	return nil
}

// decideWaiting lets the truth, which is sure again, decide the controls that
// waited for it.
func (g goldRow) decideWaiting(tx core.App, deps *shell.Deps, now time.Time, verdict string) error {
	waiting := []string{}
	err := tx.DB().NewQuery(`
		SELECT c.id FROM clip_tallies t JOIN clips c ON c.id = t.clip
		WHERE t.gold = {:gold} AND t.gold != '' AND c.status = 'escalated'`).Bind(dbx.Params{"gold": g.ID}).Column(&waiting)
	if err != nil {
		return err
	}
	for _, control := range waiting {
		if err := decideLater(tx, deps, now, control, control+":"+verdict); err != nil {
			return err
		}
	}
	return nil
}
