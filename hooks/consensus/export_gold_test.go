package consensus

import (
	"math/rand/v2"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
)

// The parts that hand out and end controls, and the word of an expert.
var (
	ChoicesQuery  = choicesQuery
	SweepControls = sweepControls
	OverruleAny   = overrule
)

const (
	SeenQuery         = seenQuery
	ArrivalsQuery     = arrivalsQuery
	OpenControlsQuery = openControlsQuery
	FullQuery         = fullQuery
)

// NextControl shows the validator the next control, as the queue does.
func NextControl(tx core.App, deps *shell.Deps, policy engine.Policy, language, validator string) (clip string, err error) {
	a := &asking{
		tx: tx, deps: deps, rng: rand.New(chance{}), now: deps.Clock.Now(), policy: policy, validator: validator, language: language,
		handed: map[string]int64{},
	}
	a.place.Onboarding = int64(policy.Onboarding)
	if err := a.loadGold(); err != nil || !a.takeControl() {
		return "", err
	}
	return a.taken[0].Clip, a.showGold()
}

// OpenControl opens a control of an active gold clip without showing it to anybody.
func OpenControl(tx core.App, deps *shell.Deps, gold string) (clip string, err error) {
	g, err := findGold(tx, "id", gold)
	if err != nil || g.State != "active" {
		return "", err
	}
	choice := goldChoice{candidate: candidate{Clip: shell.NewID()}, Gold: g.ID, Source: g.Source, Media: "x.wav"}
	now := deps.Clock.Now()
	return choice.Clip, openControls(tx, now, g.Language, []goldChoice{choice}, func() time.Time { return now })
}
