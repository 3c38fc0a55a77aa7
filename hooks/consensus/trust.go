package consensus

import (
	"database/sql"
	"errors"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/consensus/trust"
	"github.com/lingualink/lingualink/internal/fault"
)

type trustData struct {
	Languages []languageTrust `json:"languages"`
	Rank      rankData        `json:"rank"`
}

// languageTrust is what a person is told about a language: the last assessment,
// never what is known at the moment.
type languageTrust struct {
	Language   string         `json:"language" db:"language" help:"Id of the language."`
	Code       string         `json:"code" db:"code"`
	State      string         `json:"state" db:"state" help:"unproven, proven or excluded."`
	Tier       string         `json:"tier" db:"tier" help:"bronze, silver or gold; empty unless proven."`
	Accuracy   float64        `json:"accuracy" db:"accuracy" help:"Expected share of right answers, 0 to 1; 0 until you are assessed."`
	Low        float64        `json:"low" db:"low" help:"Lower end of the 90 % interval of the accuracy."`
	High       float64        `json:"high" db:"high" help:"Upper end of the interval."`
	Answers    int64          `json:"answers" db:"answers" help:"Answers that it rests on."`
	AssessedAt string         `json:"assessed_at" db:"assessed_at" help:"When you were last assessed (RFC 3339); empty: not yet."`
	RetakeAt   string         `json:"retake_at" db:"retake_at" help:"When you last took the onboarding again (RFC 3339); empty: never."`
	RetakeFrom string         `json:"retake_from" help:"From when you may take it again (RFC 3339); empty until you are assessed."`
	Onboarding onboardingData `json:"onboarding"`
	ReviewOpen bool           `json:"review_open" db:"review_open" help:"You asked for a review that is not decided yet."`
	Advice     string         `json:"advice" help:"What you can do now."`

	Left    int64 `json:"-" db:"left"`
	Started bool  `json:"-" db:"started"`
}

type onboardingData struct {
	Left int64 `json:"left" help:"Clips of the onboarding that you have still to be given, as far as the language has them."`
}

type rankData struct {
	Validator bool      `json:"validator" help:"You hold the rank of a validator."`
	Votes     int64     `json:"votes"`
	Days      int64     `json:"days" help:"Days with at least one vote."`
	Accuracy  float64   `json:"accuracy" help:"Over all languages, as last assessed; 0 until enough is known."`
	Needs     rankNeeds `json:"needs" help:"What the rank takes."`
}

type rankNeeds struct {
	Votes    int64   `json:"votes"`
	Days     int64   `json:"days"`
	Accuracy float64 `json:"accuracy"`
	Keep     float64 `json:"keep" help:"Accuracy below which the rank is lost again."`
}

type retakeData struct {
	Language   string         `json:"language"`
	Onboarding onboardingData `json:"onboarding"`
}

func registerTrust(deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/trust", Who: shell.Person, Data: trustData{},
		What:   "How accurate you are in each of your languages as of the last assessment, and how far you are from the rank of a validator.",
		Handle: func(e *core.RequestEvent) error { return showTrust(e, deps) },
	})
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/trust/{language}/retake", Who: shell.Person, Data: retakeData{},
		What:   "Take the onboarding of a language (id or code) again: new answers are added to what is known, there is no pass mark.",
		Faults: []*fault.Code{fault.LanguageUnknown, fault.LanguageNotSpoken, fault.OnboardingOpen, fault.RetakeEarly, fault.RetakeUnavailable},
		Handle: func(e *core.RequestEvent) error { return retake(e, deps) },
	})
}

// trustRow is the row of a validator in a language, or a new one that is not
// stored yet.
func trustRow(app core.App, key skillKey) (*core.Record, error) {
	row := &core.Record{}
	err := app.RecordQuery("trust").AndWhere(dbx.HashExp{"validator": key.validator, "language": key.language}).Limit(1).One(row)
	if !errors.Is(err, sql.ErrNoRows) {
		return row, err
	}
	collection, err := app.FindCachedCollectionByNameOrId("trust")
	if err != nil {
		return nil, err
	}
	row = core.NewRecord(collection)
	row.Set("validator", key.validator)
	row.Set("language", key.language)
	row.Set("state", collections.TrustUnproven)
	return row, nil
}

func showTrust(e *core.RequestEvent, deps *shell.Deps) error {
	now := deps.Clock.Now()
	data := trustData{Languages: []languageTrust{}}
	// What is left of the onboarding counts what was handed out, not what was
	// answered; the rest is of the last assessment.
	err := e.App.DB().NewQuery(`
		SELECT l.id AS language, l.code, COALESCE(t.state, '') AS state, COALESCE(t.tier, '') AS tier,
			COALESCE(t.accuracy, 0) AS accuracy, COALESCE(t.low, 0) AS low, COALESCE(t.high, 0) AS high, COALESCE(t.answers, 0) AS answers,
			COALESCE(t.assessed_at, '') AS assessed_at, COALESCE(t.retake_at, '') AS retake_at,
			q.id IS NOT NULL AS started, COALESCE(q.onboarding, 0) AS left,
			EXISTS (SELECT 1 FROM reviews r WHERE r.validator = {:me} AND r.language = l.id AND r.state = 'open') AS review_open
		FROM languages l
		LEFT JOIN trust t ON t.validator = {:me} AND t.language = l.id
		LEFT JOIN queue_cursors q ON q.validator = {:me} AND q.language = l.id
		WHERE l.enabled = 1 ORDER BY l.code`).Bind(dbx.Params{"me": e.Auth.Id}).All(&data.Languages)
	if err != nil {
		return err
	}
	data.Languages = slices.DeleteFunc(data.Languages, func(l languageTrust) bool { return !speaks(e.Auth, l.Language) })
	for i := range data.Languages {
		if err := data.Languages[i].complete(e.App, now, e.Auth.Id); err != nil {
			return err
		}
	}
	career, err := loadCareer(e.App, now, e.Auth.Id)
	if err != nil {
		return err
	}
	accuracy, _ := trust.Overall(career.Languages)
	data.Rank = rankData{
		Validator: slices.Contains(e.Auth.GetStringSlice("roles"), collections.RoleValidator),
		Votes:     career.Votes, Days: career.Days, Accuracy: accuracy,
		Needs: rankNeeds{career.Policy.PromoteVotes, career.Policy.PromoteDays, career.Policy.PromoteAccuracy, career.Policy.DemoteAccuracy},
	}
	return shell.OK(e, data, "")
}

// complete adds what follows from the stored rows.
func (l *languageTrust) complete(app core.App, now time.Time, person string) error {
	policy, _, err := shell.ConsensusPolicy(app, now, l.Language)
	if err != nil {
		return err
	}
	l.Onboarding.Left = l.Left
	if !l.Started {
		l.Onboarding.Left = int64(policy.Onboarding)
	}
	l.Advice = advice(l.State)
	if l.State == "" {
		l.State = collections.TrustUnproven
	}
	if l.AssessedAt != "" {
		from, err := retakeFrom(app, policy, skillKey{person, l.Language}, l.RetakeAt)
		if err != nil {
			return err
		}
		l.RetakeFrom = from.Format(time.RFC3339Nano)
	}
	for _, stamp := range []*string{&l.AssessedAt, &l.RetakeAt} {
		at, err := shell.ParseStamp(*stamp)
		if err != nil {
			return err
		}
		if !at.IsZero() {
			*stamp = at.Format(time.RFC3339Nano)
		}
	}
	return nil
}

// advice tells people what to do next.
func advice(state string) string {
	switch state {
	case collections.TrustProven:
		return "Go on as you do."
	case collections.TrustExcluded:
		return "Your answers in this language do not tell good recordings from bad ones, so they are neither counted nor paid. " + wayBack
	}
	return "Go on with the queue. Your accuracy is shown, and what you earn is settled, once enough is known about your answers."
}

// retakeFrom is from when the onboarding may be taken again: some time after it
// was taken last, which at first is when the person was first measured. Whoever
// never was may take it at any time.
func retakeFrom(app core.App, policy engine.Policy, key skillKey, retakenAt string) (time.Time, error) {
	if retakenAt == "" {
		err := app.DB().NewQuery("SELECT created FROM skill_events WHERE language = {:language} AND validator = {:validator} ORDER BY seq LIMIT 1").
			Bind(dbx.Params{"language": key.language, "validator": key.validator}).Row(&retakenAt)
		if errors.Is(err, sql.ErrNoRows) {
			return time.Time{}, nil
		}
		if err != nil {
			return time.Time{}, err
		}
	}
	at, err := shell.ParseStamp(retakenAt)
	return at.Add(time.Duration(policy.RetakeHours) * time.Hour), err
}

func retake(e *core.RequestEvent, deps *shell.Deps) error {
	language, err := spokenLanguage(e)
	if err != nil {
		return err
	}
	data := retakeData{Language: language}
	err = e.App.RunInTransaction(func(tx core.App) (err error) {
		data.Onboarding.Left, err = Retake(tx, deps, e.Auth.Id, language)
		return err
	})
	if err != nil {
		return err
	}
	return shell.OK(e, data, "The onboarding begins again. Your new answers are added to what is known about you.")
}

// spokenLanguage is the enabled language that the path names by id or code.
func spokenLanguage(e *core.RequestEvent) (string, error) {
	var id string
	err := e.App.DB().NewQuery("SELECT id FROM languages WHERE enabled = 1 AND (id = {:name} OR code = {:name})").
		Bind(dbx.Params{"name": e.Request.PathValue("language")}).Row(&id)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", fault.LanguageUnknown.On("language")
	case err == nil && !speaks(e.Auth, id):
		return "", fault.LanguageNotSpoken.On("language")
	}
	return id, err
}

// Retake starts the onboarding of a person in a language again and returns how
// many clips it has.
func Retake(tx core.App, deps *shell.Deps, person, language string) (int64, error) {
	now, key := deps.Clock.Now(), skillKey{person, language}
	if err := accounts.RequireGoodStanding(tx, person); err != nil {
		return 0, err
	}
	policy, _, err := shell.ConsensusPolicy(tx, now, language)
	if err != nil {
		return 0, err
	}
	var facts struct {
		Open  bool `db:"open"`  // an onboarding has not begun or not ended
		Fresh bool `db:"fresh"` // there is gold that the person has not met
	}
	err = tx.DB().NewQuery(`
		SELECT COALESCE((SELECT onboarding > 0 FROM queue_cursors WHERE validator = {:me} AND language = {:language}), 1) AS open,
			EXISTS (SELECT 1 FROM gold_clips g WHERE g.language = {:language} AND g.state = 'active'
				AND NOT EXISTS (SELECT 1 FROM gold_exposures x WHERE x.gold = g.id AND x.validator = {:me})) AS fresh`).
		Bind(dbx.Params{"me": person, "language": language}).One(&facts)
	if err != nil {
		return 0, err
	}
	row, err := trustRow(tx, key)
	if err != nil {
		return 0, err
	}
	from, err := retakeFrom(tx, policy, key, row.GetString("retake_at"))
	switch {
	case err != nil:
		return 0, err
	case !facts.Fresh:
		return 0, fault.RetakeUnavailable.On("language")
	case facts.Open:
		return 0, fault.OnboardingOpen.On("language")
	case now.Before(from):
		return 0, fault.RetakeEarly.On("language").With("retake_from", from.Format(time.RFC3339Nano)).With("retry_after", int64(math.Ceil(from.Sub(now).Seconds())))
	}
	row.Set("retake_at", now)
	if err := tx.SaveNoValidate(row); err != nil {
		return 0, err
	}
	return int64(policy.Onboarding), beginOnboarding(tx, key, policy)
}

// beginOnboarding has the queue hand out the onboarding next.
func beginOnboarding(tx core.App, key skillKey, policy engine.Policy) error {
	_, err := shell.Exec(tx, `
		INSERT INTO queue_cursors (id, validator, language, onboarding) VALUES ({:id}, {:validator}, {:language}, {:onboarding})
		ON CONFLICT (validator, language) DO UPDATE SET onboarding = excluded.onboarding`,
		dbx.Params{"id": shell.NewID(), "validator": key.validator, "language": key.language, "onboarding": policy.Onboarding})
	return err
}
