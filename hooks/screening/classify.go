package screening

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	rules "github.com/lingualink/lingualink/internal/moderation"
	"github.com/lingualink/lingualink/internal/moderation/screen"
)

const (
	jobClassify = "screen.classify" // asks
	jobOpinion  = "screen.opinion"  // carries out what was answered, once
)

// question is a stored text, and with the opinion what a classifier says of it.
type question struct {
	Subject Subject        `json:"subject"`
	Field   string         `json:"field"`
	Text    string         `json:"text"`
	Found   screen.Action  `json:"found"` // by the lists
	Opinion screen.Opinion `json:"opinion"`
}

func registerClassifier(deps *shell.Deps) {
	deps.Outbox.Handle(jobClassify, shell.JobHandler{Outside: func(ctx context.Context, app core.App, job shell.Job) error {
		return classify(ctx, app, deps, job)
	}})
	deps.Outbox.Handle(jobOpinion, shell.JobHandler{InTx: func(tx core.App, job shell.Job) error { return applyOpinion(tx, deps, job) }})
}

// askClassifier queues the question, if there is anybody to ask.
func askClassifier(tx core.App, deps *shell.Deps, subject Subject, found Finding) error {
	if deps.Classifier == nil {
		return nil
	}
	asked := question{Subject: subject, Field: found.Field, Text: found.Text, Found: found.Action}
	return deps.Outbox.Enqueue(tx, shell.Job{Kind: jobClassify, Key: shell.NewID(), Payload: asked})
}

// classify asks outside of any transaction. It may be repeated; the opinion has the
// key of the question and is carried out once.
func classify(ctx context.Context, app core.App, deps *shell.Deps, job shell.Job) error {
	var asked question
	if err := json.Unmarshal(job.Raw, &asked); err != nil {
		return err
	}
	if deps.Classifier == nil {
		return nil // switched off since
	}
	words, err := listOf(app).current(app)
	if err != nil {
		return err
	}
	asked.Opinion, err = deps.Classifier.Classify(ctx, asked.Text, words.languages[asked.Subject.Language])
	if err != nil || asked.Opinion.Action == screen.Pass {
		return err
	}
	return app.RunInTransaction(func(tx core.App) error {
		return deps.Outbox.Enqueue(tx, shell.Job{Kind: jobOpinion, Key: job.Key, Payload: asked})
	})
}

// applyOpinion carries out an opinion that goes further than the lists. What is to
// wait is taken down until a person has looked, if it still stands there.
func applyOpinion(tx core.App, deps *shell.Deps, job shell.Job) error {
	var asked question
	if err := json.Unmarshal(job.Raw, &asked); err != nil {
		return err
	}
	if screen.Stronger(asked.Found, asked.Opinion.Action) == asked.Found {
		return nil // a person looks at it already
	}
	found := Finding{
		Field: asked.Field, Text: asked.Text, Action: screen.Flag, Hits: []Hit{}, Reason: string(rules.Inappropriate), Labels: asked.Opinion.Labels,
	}
	if asked.Opinion.Action != screen.Flag {
		down, err := takeDown(tx, asked.Subject, found)
		if err != nil {
			return err
		}
		if down {
			found.Action = screen.Hold
		}
	}
	return OnFound(tx).Trigger(&FoundEvent{App: tx, Subject: asked.Subject, Finding: found, At: deps.Clock.Now()})
}

// takeDown lets a text that is public wait. It is false for what cannot wait.
func takeDown(tx core.App, subject Subject, found Finding) (bool, error) {
	collection, field, empty := "", "", any("")
	switch {
	case subject.Type == string(rules.Clip):
		collection, field, empty = "clips", "hidden", true
	case subject.Type == string(rules.User) && (found.Field == "name" || found.Field == "bio"):
		collection, field = "users", found.Field
	default:
		return false, nil
	}
	record, err := tx.FindRecordById(collection, subject.ID)
	if err != nil || strings.TrimSpace(record.GetString(found.Field)) != strings.TrimSpace(found.Text) {
		return false, err
	}
	record.Set(field, empty)
	if err := tx.Save(record); err != nil {
		return false, err
	}
	_, err = hold(tx, subject, found)
	return err == nil, err
}
