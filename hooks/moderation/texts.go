package moderation

import (
	"fmt"
	"strings"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/screening"
	rules "github.com/lingualink/lingualink/internal/moderation"
)

// registerTexts opens a case for every text that waits or is flagged.
func (d *desk) registerTexts(app core.App) {
	screening.OnFound(app).Bind(&hook.Handler[*screening.FoundEvent]{
		Id: "ll.moderation.texts",
		Func: func(e *screening.FoundEvent) error {
			reason := rules.Reason(e.Reason)
			if !reason.Fits(rules.SubjectType(e.Subject.Type)) {
				reason = rules.Inappropriate
			}
			_, err := File(e.App, Claim{
				Type: rules.SubjectType(e.Subject.Type), ID: e.Subject.ID, Reason: reason, Text: foundWords(e.Finding), Origin: collections.CaseScreening,
			})
			if err != nil {
				return err
			}
			return e.Next()
		},
	})
}

// foundWords tells staff what was found, and in which field.
func foundWords(found screening.Finding) string {
	words := make([]string, 0, len(found.Hits)+len(found.Labels))
	for _, hit := range found.Hits {
		words = append(words, fmt.Sprintf("%q", hit.Text))
	}
	words = append(words, found.Labels...)
	text := []rune(found.Field + ": " + strings.Join(words, ", "))
	return string(text[:min(len(text), rules.MostTextRunes)])
}

// settleTexts ends the waiting of the subject's texts with the decision of its
// case: who finds nothing wrong publishes them, everybody else refuses them. What
// something else keeps out of sight stays there.
func (x *deed) settleTexts() error {
	var action rules.Action
	switch e := x.event.(type) {
	case rules.Resolve:
		action = e.Decision.Action
	default:
		return nil
	}
	subject := x.after.Subject
	switch action {
	case rules.Dismiss, rules.ApproveClip, rules.Unhide:
	default:
		return screening.Remove(x.tx, string(subject.Type), subject.ID)
	}
	if err := screening.Release(x.tx, string(subject.Type), subject.ID); err != nil {
		return err
	}
	hidden, err := hiddenElsewhere(x.tx, x.after)
	if err != nil || !hidden || !subject.Type.Hideable() {
		return err
	}
	return subjects(x.tx)[subject.Type].Hide(x.tx, subject.ID)
}
