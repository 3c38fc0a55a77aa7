package moderation

import (
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	rules "github.com/lingualink/lingualink/internal/moderation"
)

type resolveBody struct {
	Action    string `json:"action" help:"dismiss, warn, hide, unhide, reject_clip, approve_clip, strip_rewards, suspend, ban, unban or end_stream."`
	Found     string `json:"found,omitempty" help:"What was found, one of the reasons of reports; of an action against somebody."`
	Note      string `json:"note,omitempty" help:"Why, in words, for the person concerned; needed to suspend, ban, unban and strip rewards. At most 1000 characters."`
	Until     string `json:"until,omitempty" help:"End of a suspension (RFC 3339)."`
	GoodFaith bool   `json:"good_faith,omitempty" help:"Of dismiss: nobody is to blame for the reports."`
}

// decision reads the body; what fits what is for the rules to say.
func (b resolveBody) decision() (rules.Decision, error) {
	d := rules.Decision{Note: strings.TrimSpace(b.Note), GoodFaith: b.GoodFaith}
	var err error
	if d.Action, err = rules.ParseAction(b.Action); err != nil {
		return d, err
	}
	if b.Found != "" {
		if d.Reason, err = rules.ParseReason(b.Found); err != nil {
			return d, fault.InvalidInput.On("found").Saying("What was found is one of the reasons of reports.")
		}
	}
	if b.Until != "" {
		until, err := time.Parse(time.RFC3339, b.Until)
		if err != nil {
			return d, fault.InvalidInput.On("until").Saying("Send the end as an RFC 3339 time.")
		}
		d.Until = until.UTC().Truncate(time.Millisecond) // as it is stored
	}
	return d, nil
}

func (d *desk) registerResolve() {
	d.verb(shell.Route{
		Path: "/cases/{id}/resolve", Body: resolveBody{}, Faults: []*fault.Code{fault.InvalidInput},
		What: "Decide a case that you have, once. Everything that follows happens with it.",
	}, "The case is decided.", func(tx core.App, _ *core.RequestEvent, c rules.Case, by person, body any) (rules.Event, string, error) {
		decision := body.(rules.Decision)
		actor, err := actorIn(tx, c, by)
		if err != nil {
			return nil, "", err
		}
		facts, err := d.facts(tx, c)
		return rules.Resolve{By: actor, Decision: decision, Facts: facts}, decision.Note, err
	}, func(e *core.RequestEvent) (any, error) {
		body, err := shell.Bind[resolveBody](e)
		if err != nil {
			return nil, err
		}
		return body.decision()
	})
}
