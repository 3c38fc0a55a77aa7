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
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
	"github.com/lingualink/lingualink/internal/consensus/trust"
	"github.com/lingualink/lingualink/internal/fault"
)

const (
	maxReviewRunes  = 1000
	maxDecidedRunes = 500
	// reviewsPerDay bounds how often a person asks, over all languages: each is
	// work for a moderator.
	reviewsPerDay = 3
)

type reviewBody struct {
	Text string `json:"text" help:"Why you think that you are excluded by mistake; at most 1000 characters."`
}

type reviewData struct {
	Review   string `json:"review" help:"Id of the review; watch the collection reviews for its decision."`
	Language string `json:"language"`
	State    string `json:"state"`
}

type decideBody struct {
	Outcome string `json:"outcome" help:"reinstated or confirmed."`
	Reason  string `json:"reason" help:"Why, for the person; at most 500 characters."`
}

func registerReviews(deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/trust/{language}/review", Who: shell.Person, Body: reviewBody{}, Data: reviewData{},
		What:   "Ask that a person looks at your exclusion from a language (id or code).",
		Faults: []*fault.Code{fault.InvalidInput, fault.LanguageUnknown, fault.LanguageNotSpoken, fault.NotExcluded, fault.ReviewOpen},
		Handle: func(e *core.RequestEvent) error { return askReview(e, deps) },
	})
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/reviews/{id}/decide", Who: shell.Moderator, Body: decideBody{}, Data: reviewData{},
		What:   "Decide a review of somebody else, once: reinstated forgets all that is known about their answers in the language and starts the onboarding again, unless they are no longer excluded; confirmed leaves everything.",
		Faults: []*fault.Code{fault.InvalidInput, fault.NotFound, fault.ReviewDecided},
		Handle: func(e *core.RequestEvent) error { return decideReview(e, deps) },
	})
}

func askReview(e *core.RequestEvent, deps *shell.Deps) error {
	language, err := spokenLanguage(e)
	if err != nil {
		return err
	}
	body, err := shell.Bind[reviewBody](e)
	if err != nil {
		return err
	}
	text := strings.TrimSpace(body.Text)
	if n := utf8.RuneCountInString(text); n == 0 || n > maxReviewRunes {
		return fault.InvalidInput.On("text").Saying("Say why, in at most 1000 characters.")
	}
	review, err := shell.Transact(e.App, func(tx core.App) (*core.Record, error) {
		return AskReview(tx, deps, e.Auth.Id, language, text)
	})
	if err != nil {
		return err
	}
	return shell.OK(e, reviewOf(review), "A moderator will look at it. The decision comes as a notification.")
}

func reviewOf(review *core.Record) reviewData {
	return reviewData{Review: review.Id, Language: review.GetString("language"), State: review.GetString("state")}
}

// AskReview opens a review of a person who is excluded from a language, as far
// as they were told.
func AskReview(tx core.App, deps *shell.Deps, person, language, text string) (*core.Record, error) {
	if err := accounts.RequireGoodStanding(tx, person); err != nil {
		return nil, err
	}
	row, err := trustRow(tx, skillKey{person, language})
	if err != nil {
		return nil, err
	}
	if row.GetString("state") != collections.TrustExcluded {
		return nil, fault.NotExcluded.On("language")
	}
	var open bool
	err = tx.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM reviews WHERE validator = {:me} AND language = {:language} AND state = 'open')").
		Bind(dbx.Params{"me": person, "language": language}).Row(&open)
	if err != nil {
		return nil, err
	}
	if open {
		return nil, fault.ReviewOpen.On("language")
	}
	if deps.Config.RateLimits {
		if err := shell.TakeQuota(tx, deps.Clock.Now(), "reviews:"+person, reviewsPerDay, 24*time.Hour); err != nil {
			return nil, err
		}
	}
	collection, err := tx.FindCachedCollectionByNameOrId("reviews")
	if err != nil {
		return nil, err
	}
	review := core.NewRecord(collection)
	review.Set("validator", person)
	review.Set("language", language)
	review.Set("text", text)
	review.Set("state", collections.ReviewOpen)
	return review, tx.Save(review)
}

func decideReview(e *core.RequestEvent, deps *shell.Deps) error {
	body, err := shell.Bind[decideBody](e)
	if err != nil {
		return err
	}
	if body.Outcome != collections.ReviewReinstated && body.Outcome != collections.ReviewConfirmed {
		return fault.InvalidInput.On("outcome").Saying("The outcome is reinstated or confirmed.")
	}
	reason := strings.TrimSpace(body.Reason)
	if n := utf8.RuneCountInString(reason); n == 0 || n > maxDecidedRunes {
		return fault.InvalidInput.On("reason").Saying("Say why, in at most 500 characters.")
	}
	review, err := shell.Transact(e.App, func(tx core.App) (*core.Record, error) {
		return DecideReview(tx, deps, e.Request.PathValue("id"), body.Outcome, reason, e.Auth)
	})
	if err != nil {
		return err
	}
	return shell.OK(e, reviewOf(review), "The review is decided.")
}

// DecideReview decides an open review for a moderator or an admin. Nobody decides
// their own, nor that of an account that is linked to theirs.
func DecideReview(tx core.App, deps *shell.Deps, id, outcome, reason string, by *core.Record) (*core.Record, error) {
	now := deps.Clock.Now()
	review, err := tx.FindRecordById("reviews", id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fault.NotFound.On("id")
	}
	if err != nil {
		return nil, err
	}
	key := skillKey{review.GetString("validator"), review.GetString("language")}
	if err := mayDecide(tx, by, key.validator); err != nil {
		return nil, err
	}
	if review.GetString("state") != collections.ReviewOpen {
		return nil, fault.ReviewDecided.On("id")
	}
	review.Set("state", outcome)
	review.Set("reason", reason)
	review.Set("actor", shell.ActorOf(by))
	review.Set("decided_at", now)
	if err := tx.Save(review); err != nil {
		return nil, err
	}
	notice := shell.Notice{
		User: key.validator, Kind: "review_decided", Title: "Your exclusion stays", Body: reason,
		Data: map[string]any{"review": id, "language": key.language, "outcome": outcome, "reason": reason},
	}
	if outcome == collections.ReviewReinstated {
		notice.Title = "You are no longer excluded"
		if anew, err := reinstate(tx, deps, now, key, id); err != nil {
			return nil, err
		} else if anew {
			notice.Body += " What was known about your answers in this language is forgotten, and the onboarding starts again."
		}
	}
	err = shell.Audit(tx, now, shell.Act{
		Actor: shell.ActorOf(by), Action: "review.decide", SubjectType: "reviews", SubjectID: id, Reason: reason,
		Data: map[string]any{"validator": key.validator, "language": key.language, "outcome": outcome},
	})
	if err != nil {
		return nil, err
	}
	return review, shell.Notify(tx, deps, "review:"+id, notice)
}

// mayDecide refuses moderators who may not act any more, and those who are, as
// far as is known, the person in question.
func mayDecide(tx core.App, by *core.Record, validator string) error {
	if by.IsSuperuser() {
		return nil
	}
	if err := accounts.RequireGoodStanding(tx, by.Id); err != nil {
		return err
	}
	var linked bool
	err := tx.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM relations WHERE (a = {:me} AND b = {:validator}) OR (a = {:validator} AND b = {:me}))").
		Bind(dbx.Params{"me": by.Id, "validator": validator}).Row(&linked)
	if err != nil {
		return err
	}
	if linked || by.Id == validator {
		return fault.NotAllowed.On("id").Saying("Somebody else decides this review.")
	}
	return nil
}

// reinstate forgets what is known about a person's answers in a language and
// lets them begin like somebody new. Whoever has shown meanwhile that their
// answers do tell something loses nothing: then it is false.
func reinstate(tx core.App, deps *shell.Deps, now time.Time, key skillKey, review string) (anew bool, err error) {
	row, err := trustRow(tx, key)
	if err != nil || row.GetString("state") != collections.TrustExcluded {
		return false, err
	}
	policy, version, err := shell.ConsensusPolicy(tx, now, key.language)
	if err != nil {
		return false, err
	}
	skills, err := learn(tx, now, []lesson{{key, review, crowd.Event{Source: crowd.FromReview}}})
	if err != nil {
		return false, err
	}
	language, err := loadLanguage(tx, key.language)
	if err != nil {
		return false, err
	}
	by := assessment{deps: deps, now: now, language: key.language, policy: policy, version: version}
	by.fill(row, trust.Assess(&policy, language.language().Language, skills[key].skill()), skills[key].Seq)
	row.Set("retake_at", now)
	if err := tx.SaveNoValidate(row); err != nil {
		return false, err
	}
	return true, beginOnboarding(tx, key, policy)
}
