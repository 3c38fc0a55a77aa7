package consensus

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/fault"
)

const (
	defaultItems = 10
	maxItems     = 50 // also the most that anybody holds in a language
)

// Item is one clip leased to a validator.
type Item struct {
	Assignment string `json:"assignment" help:"Id, for the skip route."`
	Clip       string `json:"clip" help:"Id of the clip to vote on."`
	MediaURL   string `json:"media_url" help:"Path of the recording; add ?token= with a file token."`
	LeaseUntil string `json:"lease_until" help:"Votes are taken until this time (RFC 3339)."`
	Kind       string `json:"kind"`
	Language   string `json:"language"`
	Dialect    string `json:"dialect"`
	Prompt     string `json:"prompt"`
	Phrase     string `json:"phrase"`
	DurationMS int64  `json:"duration_ms"`
}

type queueData struct {
	Items []Item `json:"items"`
}

func registerQueue(deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/queue", Who: shell.Person, Data: queueData{},
		What: "The next clips for you to validate, leased to you for a while. Asking again gives the same ones until you voted or skipped.",
		Params: []shell.Param{
			shell.Query("language", "Id or code of one of your languages; default: all of them."),
			shell.Query("limit", "1 or more, default 10; at most 50 are handed out."),
		},
		Faults: []*fault.Code{fault.InvalidInput, fault.LanguageNotSpoken, fault.LanguageUnknown, fault.NotEligible},
		Handle: func(e *core.RequestEvent) error { return queue(e, deps) },
	})
	registerSweeps(deps)
}

func queue(e *core.RequestEvent, deps *shell.Deps) error {
	limit, err := itemLimit(e.Request.URL.Query().Get("limit"))
	if err != nil {
		return err
	}
	languages, err := queueLanguages(e)
	if err != nil {
		return err
	}
	items := []Item{}
	var excluded *fault.Error
	err = e.App.RunInTransaction(func(tx core.App) error {
		asked := 0
		for _, language := range languages {
			if len(items) == limit {
				break
			}
			more, err := HandOut(tx, deps, e.Auth.Id, language, limit-len(items))
			if errors.As(err, &excluded) {
				continue // the other languages are none the worse for it
			}
			if err != nil {
				return err
			}
			items = append(items, more...)
			asked++
		}
		if asked == 0 && excluded != nil {
			return excluded
		}
		return nil
	})
	if err != nil {
		return err
	}
	return shell.OK(e, queueData{Items: items}, "")
}

func itemLimit(text string) (int, error) {
	if text == "" {
		return defaultItems, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 {
		return 0, fault.InvalidInput.On("limit").Saying("The limit is a number from 1; at most 50 clips are handed out.")
	}
	return min(limit, maxItems), nil
}

// queueLanguages are the enabled languages asked for, as ids.
func queueLanguages(e *core.RequestEvent) ([]string, error) {
	asked := e.Request.URL.Query().Get("language")
	rows := []struct {
		ID   string `db:"id"`
		Code string `db:"code"`
	}{}
	if err := e.App.DB().NewQuery("SELECT id, code FROM languages WHERE enabled = 1 ORDER BY code").All(&rows); err != nil {
		return nil, err
	}
	languages := []string{}
	for _, row := range rows {
		switch {
		case asked == "" && speaks(e.Auth, row.ID):
			languages = append(languages, row.ID)
		case asked != "" && (asked == row.ID || asked == row.Code):
			if !speaks(e.Auth, row.ID) {
				return nil, fault.LanguageNotSpoken.On("language")
			}
			return []string{row.ID}, nil
		}
	}
	if asked != "" {
		return nil, fault.LanguageUnknown.On("language")
	}
	return languages, nil
}

// HandOut gives the person up to limit clips of the language: those in their
// hands, those that ran out there and still want somebody, then new ones. It
// returns fault.NotEligible, having handed out nothing, for who is excluded from
// the language and is not taking the onboarding again.
func HandOut(tx core.App, deps *shell.Deps, validator, language string, limit int) ([]Item, error) {
	return handOut(tx, deps, rand.New(chance{}), validator, language, limit)
}

// chance is randomness that nobody can foresee.
type chance struct{}

// Uint64 implements rand.Source.
func (chance) Uint64() uint64 { return rand.Uint64() }

// asking is one request of a person for clips of one language.
type asking struct {
	tx        core.App
	deps      *shell.Deps
	rng       *rand.Rand
	now       time.Time
	policy    engine.Policy
	validator string
	language  string

	place    place
	before   place // as it is stored
	holds    bool  // leases from before
	excluded bool  // from the language: there are only the controls of a retake
	retook   bool  // the onboarding, at some time
	own      float64
	rivals   []rival
	taken    []candidate      // to be leased, in this order
	handed   map[string]int64 // of the taken clips, how many are of an owner
	passed   []string         // clips kept back for a better validator
	left     []string         // clips whose places controls took, in a queue that has no more
	dry      bool             // the queue has no more
	gold     goldHand
}

func handOut(tx core.App, deps *shell.Deps, rng *rand.Rand, validator, language string, limit int) ([]Item, error) {
	a := &asking{tx: tx, deps: deps, rng: rng, now: deps.Clock.Now(), validator: validator, language: language, handed: map[string]int64{}}
	var err error
	if a.policy, _, err = shell.ConsensusPolicy(tx, a.now, language); err != nil {
		return nil, err
	}
	if err := a.load(); err != nil {
		return nil, err
	}
	refusal := fault.NotEligible.On("language").Saying(
		"Your answers in this language do not count at the moment. You can take the onboarding again, or ask for a review.")
	if a.excluded && a.place.Onboarding == 0 && !a.retook {
		return nil, refusal
	}
	items := []Item{}
	if a.holds {
		if err := a.giveBack(); err != nil {
			return nil, err
		}
		if items, err = a.held(limit); err != nil {
			return nil, err
		}
	}
	if len(items) < limit {
		if err := a.fill(limit - len(items)); err != nil {
			return nil, err
		}
	}
	if err := a.showGold(); err != nil {
		return nil, err
	}
	more, err := a.lease()
	if err != nil {
		return nil, err
	}
	if err := a.keepBack(); err != nil {
		return nil, err
	}
	items = append(items, more...)
	if a.excluded && a.place.Onboarding == 0 && len(items) == 0 {
		return nil, refusal // the retake is over
	}
	return items, a.savePlace()
}

// fill decides what the person gets besides what they hold.
func (a *asking) fill(room int) error {
	if err := a.revive(room); err != nil {
		return err
	}
	if len(a.taken) == room {
		return nil
	}
	if err := a.loadGold(); err != nil {
		return err
	}
	for a.place.Onboarding > 0 && len(a.taken) < room && a.takeControl() {
		a.place.Onboarding-- // those that there is no control for stay due
	}
	if a.excluded || len(a.taken) == room {
		return nil
	}
	if err := a.loadRivals(); err != nil {
		return err
	}
	found, err := a.walk(room - len(a.taken))
	if err != nil {
		return err
	}
	a.mix(found)
	return nil
}

// mix takes the clips that were found, with controls in their slots. A control
// takes the place of the last clip: in a queue that runs dry, one item more
// than there are clips would tell that one of them is a control.
func (a *asking) mix(found []candidate) {
	left := found
	for range found {
		if a.place.GoldDue(a.policy.GoldShare, a.rng) && a.takeControl() {
			continue
		}
		a.take(left[0])
		left = left[1:]
	}
	a.leave(left)
}

func (a *asking) take(clip candidate) {
	a.taken = append(a.taken, clip)
	a.place.Handed++
}
