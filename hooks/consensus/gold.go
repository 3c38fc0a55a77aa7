package consensus

import (
	"database/sql"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
	"github.com/lingualink/lingualink/internal/consensus/gold"
	"github.com/lingualink/lingualink/internal/fault"
)

const maxGoldReasonRunes = 300

type goldBody struct {
	Clip         string `json:"clip" help:"The recording."`
	Truth        string `json:"truth,omitempty" help:"good or bad. Needed where the newest verdict is not an expert's: your word becomes one."`
	Reason       string `json:"reason" help:"Why, for the audit log."`
	RejectReason string `json:"reject_reason,omitempty" help:"Of a recording that your word makes bad: the reason that its speaker is told; other when empty."`
}

type retireBody struct {
	Reason string `json:"reason" help:"Why, for the audit log and for v_gold."`
}

type goldData struct {
	Gold     string `json:"gold" help:"Id of the gold clip."`
	Clip     string `json:"clip" help:"The recording."`
	Language string `json:"language"`
	Truth    string `json:"truth"`
	State    string `json:"state"`
	Good     int    `json:"good" help:"Active gold clips of the language that are good."`
	Bad      int    `json:"bad" help:"Active gold clips of the language that are bad; validators meet as many of these as of the others."`
}

func registerGold(app core.App, deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/gold", Who: shell.Superuser, Body: goldBody{}, Data: goldData{},
		What: "Make a recording of known truth a gold clip, by which validators are measured. It leaves public sight until it retires.",
		Faults: []*fault.Code{
			fault.InvalidInput, fault.NotFound, fault.ClipWithdrawn, fault.ClipHidden, fault.GoldAlready, fault.GoldContradicted,
		},
		Handle: func(e *core.RequestEvent) error {
			body, err := shell.Bind[goldBody](e)
			if err != nil {
				return err
			}
			return answerGold(e, "The recording serves as gold.", func(tx core.App) (goldRow, error) {
				return makeGold(tx, deps, deps.Clock.Now(), shell.ActorOf(e.Auth), body)
			})
		},
	})
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/gold/{id}/retire", Who: shell.Superuser, Body: retireBody{}, Data: goldData{},
		What:   "Take a gold clip out of service, for good: its recording is in public sight again. Repeating does nothing.",
		Faults: []*fault.Code{fault.InvalidInput, fault.NotFound},
		Handle: func(e *core.RequestEvent) error {
			body, err := shell.Bind[retireBody](e)
			if err != nil {
				return err
			}
			return answerGold(e, "The gold clip is retired.", func(tx core.App) (goldRow, error) {
				return retireGold(tx, deps, deps.Clock.Now(), shell.ActorOf(e.Auth), e.Request.PathValue("id"), body)
			})
		},
	})
	registerControls(deps)
	registerSources(app, deps)
}

// answerGold does something to a gold clip and shows what has become of it.
func answerGold(e *core.RequestEvent, message string, act func(tx core.App) (goldRow, error)) error {
	data := goldData{}
	err := e.App.RunInTransaction(func(tx core.App) error {
		g, err := act(tx)
		if err != nil {
			return err
		}
		data = goldData{Gold: g.ID, Clip: g.Source, Language: g.Language, Truth: g.Truth, State: g.State}
		return tx.DB().NewQuery("SELECT COUNT(*) FILTER (WHERE truth = 'good'), COUNT(*) FILTER (WHERE truth = 'bad') FROM gold_clips WHERE language = {:language} AND state = 'active'").
			Bind(dbx.Params{"language": g.Language}).Row(&data.Good, &data.Bad)
	})
	if err != nil {
		return err
	}
	return shell.OK(e, data, message)
}

// goldRow is a row of gold_clips.
type goldRow struct {
	ID            string  `db:"id"`
	Source        string  `db:"source"`
	Language      string  `db:"language"`
	Truth         string  `db:"truth"`
	State         string  `db:"state"`
	Exposures     int64   `db:"exposures"`
	Answers       int64   `db:"answers"`
	Misses        int64   `db:"misses"`
	Expected      float64 `db:"expected_misses"`
	Variance      float64 `db:"variance"`
	HonestAnswers int64   `db:"honest_answers"`
	HonestMisses  int64   `db:"honest_misses"`
}

const goldColumns = "id, source, language, truth, state, exposures, answers, misses, expected_misses, variance, honest_answers, honest_misses"

// findGold finds a gold clip by its id or by its source.
func findGold(app core.App, column, id string) (goldRow, error) {
	var row goldRow
	err := app.DB().NewQuery("SELECT " + goldColumns + " FROM gold_clips WHERE " + column + " = {:id}").Bind(dbx.Params{"id": id}).One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return row, fault.NotFound.On("id")
	}
	return row, err
}

func (g goldRow) label() crowd.Label { return labelOf(g.Truth) }

func labelOf(truth string) crowd.Label {
	if truth == collections.TruthGood {
		return crowd.Good
	}
	return crowd.Bad
}

// truthOf is the other way round; a clip in doubt is neither.
func truthOf(label crowd.Label) string {
	switch label {
	case crowd.Good:
		return collections.TruthGood
	case crowd.Bad:
		return collections.TruthBad
	default:
		return ""
	}
}

func (g goldRow) record() gold.Record {
	return gold.Record{
		Answers: g.Answers, Misses: g.Misses, Expected: g.Expected, Variance: g.Variance,
		HonestAnswers: g.HonestAnswers, HonestMisses: g.HonestMisses,
	}
}

// storeRecord writes what the answers came to.
func (g goldRow) storeRecord(tx core.App, r gold.Record) error {
	_, err := shell.Exec(tx, `
		UPDATE gold_clips SET answers = {:answers}, misses = {:misses}, expected_misses = {:expected}, variance = {:variance},
			honest_answers = {:honest}, honest_misses = {:honest_misses} WHERE id = {:id}`,
		dbx.Params{
			"id": g.ID, "answers": r.Answers, "misses": r.Misses, "expected": r.Expected, "variance": r.Variance,
			"honest": r.HonestAnswers, "honest_misses": r.HonestMisses,
		})
	return err
}

// move changes the state of a gold clip that is still in the state expected,
// and counts the active ones of its language.
func (g goldRow) move(tx core.App, now time.Time, from, to, reason string) (bool, error) {
	ended := ""
	if to == collections.GoldRetired {
		ended = shell.Stamp(now)
	}
	changed, err := shell.Exec(tx, "UPDATE gold_clips SET state = {:to}, reason = {:reason}, ended_at = {:ended} WHERE id = {:id} AND state = {:from}",
		dbx.Params{"id": g.ID, "from": from, "to": to, "reason": reason, "ended": ended})
	if err != nil || changed == 0 {
		return false, err
	}
	switch {
	case from == collections.GoldActive:
		return true, addToLanguage(tx, g.Language, dbx.Params{"gold_clips": -1})
	case to == collections.GoldActive:
		return true, addToLanguage(tx, g.Language, dbx.Params{"gold_clips": 1})
	}
	return true, nil
}

// goldSource is a recording that is to become gold, with its newest verdict.
type goldSource struct {
	ID       string `db:"id"`
	Language string `db:"language"`
	Status   string `db:"status"`
	Hidden   bool   `db:"hidden"`
	Control  bool   `db:"control"`
	Gold     bool   `db:"gold"`
	By       string `db:"by"`
	Outcome  string `db:"outcome"`
}

// makeGold takes a recording that an expert labelled, or that the admin labels
// now, into service.
func makeGold(tx core.App, deps *shell.Deps, now time.Time, actor string, body goldBody) (goldRow, error) {
	if err := checkGoldReason(body.Reason); err != nil {
		return goldRow{}, err
	}
	source, err := findGoldSource(tx, body.Clip)
	if err != nil {
		return goldRow{}, err
	}
	truth, err := source.settleTruth(tx, deps, now, actor, body)
	if err != nil {
		return goldRow{}, err
	}
	g := goldRow{ID: shell.NewID(), Source: source.ID, Language: source.Language, Truth: truth, State: collections.GoldActive}
	err = shell.Insert(tx, "gold_clips", dbx.Params{
		"id": g.ID, "source": g.Source, "language": g.Language, "truth": g.Truth, "state": g.State, "reason": "", "actor": actor,
		"exposures": 0, "answers": 0, "misses": 0, "expected_misses": 0, "variance": 0, "honest_answers": 0, "honest_misses": 0,
		"ended_at": "", "created": shell.Stamp(now),
	})
	if err != nil {
		return g, err
	}
	if err := reserve(tx, g.Source, true); err != nil {
		return g, err
	}
	if err := addToLanguage(tx, g.Language, dbx.Params{"gold_clips": 1}); err != nil {
		return g, err
	}
	return g, shell.Audit(tx, now, shell.Act{
		Actor: actor, Action: "gold.make", SubjectType: "gold_clips", SubjectID: g.ID, Reason: body.Reason,
		Data: map[string]string{"clip": g.Source, "truth": g.Truth},
	})
}

func checkGoldReason(reason string) error {
	if n := utf8.RuneCountInString(strings.TrimSpace(reason)); n == 0 || n > maxGoldReasonRunes {
		return fault.InvalidInput.On("reason").Saying("Say why, in at most 300 characters.")
	}
	return nil
}

// findGoldSource finds a recording that may become gold.
func findGoldSource(tx core.App, clip string) (goldSource, error) {
	var row goldSource
	err := tx.DB().NewQuery(`
		SELECT c.id, c.language, c.status, ` + unseen + ` AS hidden, c.control, EXISTS (SELECT 1 FROM gold_clips WHERE source = c.id) AS gold,
			COALESCE(v.[[by]], '') AS [[by]], COALESCE(v.outcome, '') AS outcome
		FROM clips c LEFT JOIN verdicts v ON v.clip = c.id
		WHERE c.id = {:clip} ORDER BY v.revision DESC LIMIT 1`).Bind(dbx.Params{"clip": clip}).One(&row)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return row, fault.NotFound.On("clip")
	case err != nil:
		return row, err
	case row.Control:
		return row, fault.InvalidInput.On("clip").Saying("This is a control: it shows a recording that is gold already.")
	case row.Gold:
		return row, fault.GoldAlready.On("clip")
	case row.Status == collections.ClipWithdrawn:
		return row, fault.ClipWithdrawn.On("clip")
	case row.Hidden:
		return row, fault.ClipHidden.On("clip")
	}
	return row, nil
}

// settleTruth is what an expert said about the recording. Where none did, the
// admin's word becomes an expert's verdict.
func (s goldSource) settleTruth(tx core.App, deps *shell.Deps, now time.Time, actor string, body goldBody) (string, error) {
	if body.Truth != "" && body.Truth != collections.TruthGood && body.Truth != collections.TruthBad {
		return "", fault.InvalidInput.On("truth").Saying("Send good or bad.")
	}
	if s.By == collections.ByExpert {
		truth := truthOf(engine.Outcome(s.Outcome).Label())
		if body.Truth != "" && body.Truth != truth {
			return "", fault.GoldContradicted.On("truth")
		}
		return truth, nil
	}
	outcome, reason := engine.Approved, engine.Reason("")
	switch body.Truth {
	case "":
		return "", fault.InvalidInput.On("truth").Saying("No expert has decided on this recording: say whether it is good or bad.")
	case collections.TruthBad:
		outcome, reason = engine.Rejected, engine.Other
		if body.RejectReason != "" {
			var err error
			if reason, err = engine.ParseReason(body.RejectReason); err != nil {
				return "", fault.InvalidInput.On("reject_reason").Because(err)
			}
		}
	}
	if _, err := overrule(tx, deps, now, s.ID, outcome, reason, actor, body.Reason); err != nil || s.Outcome != "" {
		return body.Truth, err
	}
	// The clip was picked for its label, so it says nothing about how many are good.
	picked := crowd.Language{}.SettleExactly(outcome.Label())
	return body.Truth, addToLanguage(tx, s.Language, dbx.Params{"good": -int64(picked.Good), "settled": -int64(picked.Settled)})
}

// reserve takes a recording out of public sight, or lets it back. It is done by
// SQL: an event, or a new time of the last change, would tell the speaker.
func reserve(tx core.App, clip string, reserved bool) error {
	_, err := shell.Exec(tx, "UPDATE clips SET reserved = {:reserved} WHERE id = {:clip}", dbx.Params{"clip": clip, "reserved": reserved})
	return err
}

// retireGold is the admin's way to take a gold clip out of service.
func retireGold(tx core.App, deps *shell.Deps, now time.Time, actor, id string, body retireBody) (goldRow, error) {
	if err := checkGoldReason(body.Reason); err != nil {
		return goldRow{}, err
	}
	g, err := findGold(tx, "id", id)
	if err != nil || g.State == collections.GoldRetired {
		return g, err
	}
	if err := g.retire(tx, deps, now, strings.TrimSpace(body.Reason)); err != nil {
		return g, err
	}
	g.State = collections.GoldRetired
	return g, shell.Audit(tx, now, shell.Act{
		Actor: actor, Action: "gold.retire", SubjectType: "gold_clips", SubjectID: g.ID, Reason: body.Reason,
		Data: map[string]string{"clip": g.Source, "truth": g.Truth},
	})
}
