package referrals

import (
	"database/sql"
	"encoding/json"
	"errors"
	"reflect"
	"slices"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/badges"
	"github.com/lingualink/lingualink/hooks/consensus"
	"github.com/lingualink/lingualink/hooks/risk"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/referral"
)

// registerActivity binds what may make somebody active, or active no more.
func registerActivity(app core.App, deps *shell.Deps) {
	badges.OnContributions(app).Bind(&hook.Handler[*badges.ContributionsEvent]{
		Id: "ll.referrals.contributions",
		Func: func(e *badges.ContributionsEvent) error {
			if err := contributed(e, deps); err != nil {
				return err
			}
			return e.Next()
		},
	})
	app.OnRecordUpdateExecute("users").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.users.update.verified", Priority: aroundWrite,
		Func: func(e *core.RecordEvent) error {
			if !e.Record.GetBool("verified") || e.Record.Original().GetBool("verified") {
				return e.Next()
			}
			return shell.InTransaction(&e.App, func(tx core.App) error {
				if err := e.Next(); err != nil {
					return err
				}
				return happenTo(tx, deps, e.Record.Id, referral.Verified{})
			})
		},
	})
	accounts.OnStandingChange(app).Bind(&hook.Handler[*accounts.StandingEvent]{
		Id: "ll.referrals.standing",
		Func: func(e *accounts.StandingEvent) error {
			if err := trustChanged(e.App, deps, e.User.Id); err != nil {
				return err
			}
			return e.Next()
		},
	})
	consensus.OnTrustChange(app).Bind(&hook.Handler[*consensus.TrustEvent]{
		Id: "ll.referrals.trust",
		Func: func(e *consensus.TrustEvent) error {
			if err := trustChanged(e.App, deps, e.Validator); err != nil {
				return err
			}
			return e.Next()
		},
	})
}

// trustChanged looks at all that a person's trust depends on: who is excluded in
// two languages is not whole again when one of them is.
func trustChanged(tx core.App, deps *shell.Deps, person string) error {
	trust, err := trustOf(tx, person, deps.Clock.Now())
	if err != nil {
		return err
	}
	return happenTo(tx, deps, person, trust)
}

// happenTo applies events to somebody who may have been brought.
func happenTo(tx core.App, deps *shell.Deps, person string, events ...referral.Event) error {
	row, err := tx.FindFirstRecordByData("referrals", "referred", person)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return happen(tx, deps, row, "", events...)
}

// happen applies events to a referral, writes what they come to, and carries out
// what follows. The row was read in this transaction, and there is one writer: a
// repeat changes nothing, and of two at once the second sees what the first did.
// The campaign is that of an act among them: it pays, if the act counts.
func happen(tx core.App, deps *shell.Deps, row *core.Record, campaign string, events ...referral.Event) error {
	activation, err := parseActivation(row.GetString("activation"))
	if err != nil {
		return err
	}
	before, counted := activation, activation.Progress()
	type turned struct {
		referral.Turn
		at referral.Activation
	}
	turns, now := []turned{}, deps.Clock.Now()
	for _, event := range events {
		var turn referral.Turn
		if activation, turn = activation.Apply(event, now); turn != referral.Unchanged {
			turns = append(turns, turned{turn, activation})
		}
	}
	if reflect.DeepEqual(before, activation) {
		return nil
	}
	if now := activation.Progress(); campaign != "" && now.Clips+now.Votes > counted.Clips+counted.Votes {
		row.Set("campaign", campaign)
	}
	if err := fill(row, activation); err != nil {
		return err
	}
	if err := tx.SaveNoValidate(row); err != nil {
		return err
	}
	for _, turn := range turns {
		follow := becameActive
		if turn.Turn == referral.Withdrawn {
			follow = activeNoMore
		}
		if err := follow(tx, deps, row, turn.at); err != nil {
			return err
		}
	}
	return nil
}

func parseActivation(stored string) (referral.Activation, error) {
	var activation referral.Activation
	err := json.Unmarshal([]byte(stored), &activation)
	return activation, err
}

// fill brings an activation into its row.
func fill(row *core.Record, activation referral.Activation) error {
	text, err := json.Marshal(activation)
	if err != nil {
		return err
	}
	row.Set("activation", string(text))
	row.Set("state", stateOf(activation))
	row.Set("round", activation.Round)
	if !activation.ActivatedAt.IsZero() {
		row.Set("activated_at", shell.DateTime(activation.ActivatedAt))
	}
	return nil
}

func stateOf(activation referral.Activation) string {
	switch {
	case activation.Fraud:
		return collections.ReferralBarred
	case activation.Active:
		return collections.ReferralActive
	case activation.Round > 0:
		return collections.ReferralWithdrawn
	default:
		return collections.ReferralInvited
	}
}

// contributed tells the referrals of everybody whose work a verdict is about.
func contributed(e *badges.ContributionsEvent, deps *shell.Deps) error {
	people := []string{e.Owner}
	for _, vote := range e.Votes {
		people = append(people, vote.Validator)
	}
	ids := []string{}
	if err := e.App.DB().Select("id").From("referrals").Where(shell.In("referred", people)).OrderBy("created", "id").Column(&ids); err != nil || len(ids) == 0 {
		return err
	}
	rows, err := e.App.FindRecordsByIds("referrals", ids)
	if err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b *core.Record) int { return slices.Index(ids, a.Id) - slices.Index(ids, b.Id) })
	near, err := circles(e.App, rows, people)
	if err != nil {
		return err
	}
	for _, row := range rows {
		acts := actsOf(e, row.GetString("referred"), near[row.GetString("referrer")])
		if err := happen(e.App, deps, row, e.Campaign, acts...); err != nil {
			return err
		}
	}
	return nil
}

// actsOf are what a verdict says about a person who was brought. Near are the
// people who do not count as judges of them.
func actsOf(e *badges.ContributionsEvent, person string, near map[string]bool) []referral.Event {
	acts, outside := []referral.Event{}, int64(0)
	for _, vote := range e.Votes {
		if vote.Agrees && vote.Validator != person && !near[vote.Validator] {
			outside++
		}
	}
	if person == e.Owner && !e.Control {
		acts = append(acts, referral.Act{
			Kind: referral.Clip, ID: e.Clip, Verdict: e.Revision, At: e.ClipSentAt, Stands: e.Outcome == engine.Approved, Outside: outside,
		})
	}
	for _, vote := range e.Votes {
		if vote.Validator == person {
			acts = append(acts, referral.Act{
				Kind: referral.Vote, ID: vote.ID, Verdict: e.Revision, At: vote.At, Stands: vote.Agrees, Outside: outside,
			})
		}
	}
	return acts
}

// circles are, for every referrer of the rows, those of the people who stand near
// them: themselves, whom they brought, who brought them, and who is linked to them.
func circles(tx core.App, rows []*core.Record, people []string) (map[string]map[string]bool, error) {
	near, referrers := map[string]map[string]bool{}, []string{}
	for _, row := range rows {
		referrer := row.GetString("referrer")
		if near[referrer] == nil {
			near[referrer], referrers = map[string]bool{referrer: true}, append(referrers, referrer)
		}
	}
	pairs := []struct {
		Referrer string `db:"referrer"`
		Referred string `db:"referred"`
	}{}
	err := tx.DB().NewQuery(`
		SELECT referrer, referred FROM referrals
		WHERE (referred IN ` + shell.Among("people") + ` AND referrer IN ` + shell.Among("referrers") + `) OR referred IN ` + shell.Among("referrers")).
		Bind(dbx.Params{"people": shell.List(people), "referrers": shell.List(referrers)}).All(&pairs)
	if err != nil {
		return nil, err
	}
	for _, pair := range pairs {
		if near[pair.Referrer] != nil {
			near[pair.Referrer][pair.Referred] = true
		}
		if near[pair.Referred] != nil {
			near[pair.Referred][pair.Referrer] = true
		}
	}
	for _, referrer := range referrers {
		linked, err := risk.Circle(tx, referrer)
		if err != nil {
			return nil, err
		}
		for _, person := range linked {
			near[referrer][person] = true
		}
	}
	return near, nil
}
