// Package demo decides what a demonstration server holds: a few people, clips in
// every state, votes, verdicts, money and payouts in every state, all made
// through the same functions that serve real people. It refuses to touch a
// directory that is not a demonstration, and to pay with money that is not
// imaginary.
package demo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/filesystem"

	"github.com/lingualink/lingualink/hooks/clips"
	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

// filler carries what the steps of filling share.
type filler struct {
	app      core.App
	deps     *shell.Deps
	logins   []Login
	complete bool
	people   map[string]*core.Record
	voices   uint64
	campaign string // that is funded well

	paystack  *paystacktest.Server // nil: nobody is paid
	routes    routes
	admins    []*core.Record
	passwords map[string]string // by e-mail
}

// Fill makes the demonstration in a migrated, otherwise empty app and returns
// its logins. Payouts are made if there is an imaginary Paystack, which must be
// the one that the app is configured for; see [Paystack].
func Fill(ctx context.Context, app core.App, deps *shell.Deps, imaginary *paystacktest.Server) ([]Login, error) {
	f := &filler{app: app, deps: deps, people: map[string]*core.Record{}, paystack: imaginary, passwords: map[string]string{}}
	// An interrupted filling leaves a marker without logins, so that the next
	// run knows that it may begin anew.
	if err := f.mark(); err != nil {
		return nil, err
	}
	steps := []func(context.Context) error{f.office, f.persons, f.money, f.hausa, f.swahili, f.endings, f.released, f.payouts, f.drain}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	f.complete = true
	return f.logins, f.mark()
}

func (f *filler) mark() error {
	logins := []Login{}
	if f.complete {
		logins = f.logins
	}
	content, err := json.MarshalIndent(logins, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(f.app.DataDir(), markerFile), content, 0o600)
}

func (f *filler) login(role, email string) string {
	password := rand.Text()[:16]
	f.logins = append(f.logins, Login{Role: role, Email: email, Password: password})
	f.passwords[email] = password
	return password
}

// drain runs what is due after the steps before.
func (f *filler) drain(ctx context.Context) error {
	_, err := f.deps.Outbox.Drain(ctx, f.app)
	return err
}

// released makes available what was earned and need not wait.
func (f *filler) released(ctx context.Context) error {
	if err := f.drain(ctx); err != nil {
		return err
	}
	return ledger.ReleaseDue(f.app, f.deps)
}

// office are two admins: it takes two people to approve much money.
func (f *filler) office(context.Context) error {
	admins, err := f.app.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		return err
	}
	for _, one := range []struct{ role, email string }{
		{"admin (dashboard)", "admin@demo.lingualink.test"}, {"second admin", "admin2@demo.lingualink.test"},
	} {
		admin := core.NewRecord(admins)
		admin.SetEmail(one.email)
		admin.SetPassword(f.login(one.role, one.email))
		if err := f.app.Save(admin); err != nil {
			return err
		}
		f.admins = append(f.admins, admin)
	}
	return nil
}

// persons are six speakers, four validators and a moderator.
func (f *filler) persons(context.Context) error {
	for _, person := range []struct{ username, name, country, role, language string }{
		{"halima", "Halima", "NG", "", "ha"}, {"sani", "Sani", "NG", "", "ha"}, {"wanjiru", "Wanjiru", "KE", "", "sw"},
		{"baraka", "Baraka", "TZ", "", "sw"}, {"ngozi", "Ngozi", "NG", "", "ig"}, {"ifeoma", "Ifeoma", "NG", "", "ig"},
		{"danladi", "Danladi", "NG", "validator", "ha"}, {"zainab", "Zainab", "NG", "validator", "ha"},
		{"juma", "Juma", "KE", "ambassador", "sw"}, {"amani", "Amani", "TZ", "", "sw"},
		{"musa", "Musa", "NG", "moderator", "ha"},
	} {
		if err := f.person(person.username, person.name, person.country, person.role, person.language); err != nil {
			return fmt.Errorf("%s: %w", person.username, err)
		}
	}
	return nil
}

func (f *filler) person(username, name, country, role, language string) error {
	users, err := f.app.FindCollectionByNameOrId("users")
	if err != nil {
		return err
	}
	email := username + "@demo.lingualink.test"
	shown := "speaker of " + language
	if role != "" {
		shown = role
	}
	person := core.NewRecord(users)
	person.SetEmail(email)
	person.SetPassword(f.login(shown, email))
	person.SetVerified(true)
	person.Set("username", username)
	person.Set("name", name)
	person.Set("country", country)
	// Everybody understands the two languages of the demonstration, so that
	// three of them can agree on a clip.
	languages := []string{}
	for _, code := range []string{language, "ha", "sw"} {
		id, err := f.language(code)
		if err != nil {
			return err
		}
		languages = append(languages, id)
	}
	person.Set("languages", languages)
	if role != "" {
		person.Set("roles", []string{role})
	}
	if err := f.app.Save(person); err != nil {
		return err
	}
	f.people[username] = person
	return f.consent(person)
}

func (f *filler) consent(person *core.Record) error {
	text, err := f.app.FindFirstRecordByData("consent_texts", "version", "1")
	if err != nil {
		return err
	}
	consents, err := f.app.FindCollectionByNameOrId("consents")
	if err != nil {
		return err
	}
	consent := core.NewRecord(consents)
	consent.Set("user", person.Id)
	consent.Set("text", text.Id)
	consent.Set("version", text.GetString("version"))
	return f.app.Save(consent)
}

func (f *filler) language(code string) (string, error) {
	language, err := f.app.FindFirstRecordByData("languages", "code", code)
	if err != nil {
		return "", fmt.Errorf("language %s: %w", code, err)
	}
	return language.Id, nil
}

// quickPolicy lets everybody vote at once, with three equal votes for a verdict,
// as among validators who are known. The usual one comes into force at the end.
var quickPolicy = map[string]any{
	"assignment": "open", "cooldown_s": 0, "prior_floor": 0.8, "prior_cap": 0.8,
	"sensitivity_prior": map[string]any{"hits": 900, "misses": 100}, "specificity_prior": map[string]any{"hits": 750, "misses": 250},
}

// money funds a campaign for Swahili that releases at once, and the general one
// with less than its clips will earn, so that some rewards wait for funds.
func (f *filler) money(context.Context) error {
	swahili, err := f.language("sw")
	if err != nil {
		return err
	}
	if err := f.policy(shell.PolicyConsensus, "", quickPolicy); err != nil {
		return err
	}
	if err := f.policy(shell.PolicyRewards, swahili, map[string]any{"hold_hours": 0}); err != nil {
		return err
	}
	campaigns, err := f.app.FindCollectionByNameOrId("campaigns")
	if err != nil {
		return err
	}
	campaign := core.NewRecord(campaigns)
	campaign.Set("name", "Swahili stories")
	campaign.Set("language", swahili)
	campaign.Set("currency", "NGN")
	campaign.Set("status", "open")
	if err := f.app.Save(campaign); err != nil {
		return err
	}
	f.campaign = campaign.Id
	general, err := f.app.FindFirstRecordByFilter("campaigns", "language = '' && status = 'open'")
	if err != nil {
		return err
	}
	return f.app.RunInTransaction(func(tx core.App) error {
		for id, minor := range map[string]int64{campaign.Id: 1_000_000, general.Id: 80_000} {
			if _, err := ledger.Fund(tx, f.deps, id, minor, "demo:"+id, "Demonstration money", shell.System); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *filler) policy(subject, language string, values map[string]any) error {
	policies, err := f.app.FindCollectionByNameOrId("policies")
	if err != nil {
		return err
	}
	row := core.NewRecord(policies)
	row.Set("subject", subject)
	row.Set("language", language)
	row.Set("values", values)
	return f.app.Save(row)
}

// hausa has clips in every state of a vote; the money ends before the last.
func (f *filler) hausa(ctx context.Context) error {
	for i, speaker := range []string{"halima", "sani", "halima", "sani", "halima", "sani"} {
		if _, err := f.decided(ctx, speaker, "ha", i, "aaa"); err != nil {
			return err
		}
	}
	for i, pattern := range []string{"rrr", "rrr", "aararar", "aa", "ra", "a", "", "", ""} {
		if _, err := f.decided(ctx, "halima", "ha", i, pattern); err != nil {
			return err
		}
	}
	return nil
}

// swahili has a remix of an approved clip, by another speaker.
func (f *filler) swahili(ctx context.Context) error {
	var first *core.Record
	for i, speaker := range []string{"wanjiru", "baraka", "wanjiru", "baraka", "wanjiru", "baraka"} {
		clip, err := f.decided(ctx, speaker, "sw", i, "aaa")
		if err != nil {
			return err
		}
		if first == nil {
			first = clip
		}
	}
	remix, err := f.record(ctx, "baraka", "sw", 6, first.Id)
	if err != nil {
		return err
	}
	if err := f.vote(remix, "aaa"); err != nil {
		return err
	}
	for i := range 4 {
		if _, err := f.decided(ctx, "wanjiru", "sw", i, ""); err != nil {
			return err
		}
	}
	return nil
}

// endings withdraws a clip and puts the usual policy back in force.
func (f *filler) endings(ctx context.Context) error {
	clip, err := f.record(ctx, "sani", "ha", 8, "")
	if err != nil {
		return err
	}
	err = f.app.RunInTransaction(func(tx core.App) error {
		_, err := clips.Withdraw(tx, f.deps, clip.Id, f.people["sani"])
		return err
	})
	if err != nil {
		return err
	}
	return f.policy(shell.PolicyConsensus, "", map[string]any{})
}

// decided records a clip and has validators vote by the pattern of a and r.
func (f *filler) decided(ctx context.Context, speaker, language string, prompt int, pattern string) (*core.Record, error) {
	clip, err := f.record(ctx, speaker, language, prompt, "")
	if err != nil {
		return nil, err
	}
	return clip, f.vote(clip, pattern)
}

// record uploads a generated voice reading the n-th prompt of the language.
func (f *filler) record(ctx context.Context, speaker, language string, n int, parent string) (*core.Record, error) {
	id, err := f.language(language)
	if err != nil {
		return nil, err
	}
	prompts, err := f.app.FindRecordsByFilter("prompts", "language = {:language}", "domain,text", 1, n%8, dbx.Params{"language": id})
	if err != nil {
		return nil, err
	}
	collection, err := f.app.FindCachedCollectionByNameOrId("clips")
	if err != nil {
		return nil, err
	}
	f.voices++
	media, err := filesystem.NewFileFromBytes(Voice(f.voices, 2*time.Second+time.Duration(f.voices%5)*400*time.Millisecond), "voice.wav")
	if err != nil {
		return nil, err
	}
	clip := core.NewRecord(collection)
	clip.Set("kind", "voice")
	clip.Set("language", id)
	clip.Set("parent", parent)
	clip.Set("media", media)
	for _, prompt := range prompts {
		clip.Set("prompt", prompt.Id)
	}
	return clip, clips.Create(ctx, f.app, f.deps, f.people[speaker], clip)
}

// vote casts the pattern, one validator per letter, as many as are needed.
func (f *filler) vote(clip *core.Record, pattern string) error {
	validators := []string{"danladi", "zainab", "juma", "amani", "ngozi", "musa", "wanjiru", "baraka", "sani", "halima"}
	for _, letter := range pattern {
		ballot := consensus.Ballot{ID: shell.NewID(), Clip: clip.Id, Choice: engine.Approve}
		if letter == 'r' {
			ballot.Choice, ballot.Reason, ballot.Feedback = engine.Reject, engine.UnclearAudio, "Please record it closer to the microphone."
		}
		for f.people[validators[0]].Id == clip.GetString("owner") {
			validators = validators[1:]
		}
		ballot.Validator, validators = f.people[validators[0]], validators[1:]
		if err := f.cast(clip, ballot); err != nil {
			return err
		}
	}
	return nil
}

func (f *filler) cast(clip *core.Record, ballot consensus.Ballot) error {
	return f.app.RunInTransaction(func(tx core.App) error {
		cast, err := consensus.CastVotes(tx, f.deps, []consensus.Ballot{ballot})
		if err != nil {
			return err
		}
		if cast[0].Refusal != nil {
			return fmt.Errorf("%s voting on %s: %w", ballot.Validator.GetString("username"), clip.Id, cast[0].Refusal)
		}
		return nil
	})
}
