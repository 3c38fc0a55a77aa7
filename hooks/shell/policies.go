package shell

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/internal/audio"
	"github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/moderation"
	"github.com/lingualink/lingualink/internal/notify"
	"github.com/lingualink/lingualink/internal/payout"
	"github.com/lingualink/lingualink/internal/referral"
	"github.com/lingualink/lingualink/internal/rewards"
	"github.com/lingualink/lingualink/internal/risk"
	"github.com/lingualink/lingualink/internal/rooms"
)

// Subjects of policies. Each has its struct and defaults in internal/<subject>.
const (
	PolicyAudio         = "audio"
	PolicyConsensus     = "consensus"
	PolicyLive          = "live"
	PolicyModeration    = "moderation"
	PolicyNotifications = "notifications"
	PolicyPayouts       = "payouts"
	PolicyReferrals     = "referrals"
	PolicyRewards       = "rewards"
	PolicyRisk          = "risk"
)

// forAllLanguages are the subjects that know no language.
var forAllLanguages = []string{PolicyLive, PolicyModeration, PolicyNotifications, PolicyPayouts, PolicyReferrals, PolicyRisk}

// policyChecks parses the stored values of each subject.
var policyChecks = map[string]func(values []byte) error{
	PolicyAudio:         func(values []byte) error { _, err := audio.ParsePolicy(values); return err },
	PolicyConsensus:     func(values []byte) error { _, err := consensus.ParsePolicy(values); return err },
	PolicyLive:          func(values []byte) error { _, err := rooms.ParsePolicy(values); return err },
	PolicyModeration:    func(values []byte) error { _, err := moderation.ParsePolicy(values); return err },
	PolicyNotifications: func(values []byte) error { _, err := notify.ParsePolicy(values); return err },
	PolicyPayouts:       func(values []byte) error { _, err := payout.ParsePolicy(values); return err },
	PolicyReferrals:     func(values []byte) error { _, err := referral.ParsePolicy(values); return err },
	PolicyRisk:          func(values []byte) error { _, err := risk.ParsePolicy(values); return err },
	PolicyRewards:       func(values []byte) error { _, err := rewards.ParsePolicy(values); return err },
}

// Policy reads the policy in force for a subject and language: the row of that
// language that came into force last, else the newest for all, else the defaults in code, which
// are version 0. Decisions store the version.
func Policy[P any](app core.App, now time.Time, subject, language string, parse func([]byte) (P, error)) (P, int64, error) {
	var row struct {
		Version int64  `db:"version"`
		Values  string `db:"values"`
	}
	err := app.DB().NewQuery(`
		SELECT version, [[values]] FROM policies
		WHERE subject = {:subject} AND language IN ('', {:language}) AND effective_from <= {:now}
		ORDER BY language DESC, effective_from DESC, version DESC LIMIT 1`).
		Bind(dbx.Params{"subject": subject, "language": language, "now": Stamp(now)}).One(&row)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		var none P
		return none, 0, err
	}
	values, err := parse([]byte(row.Values))
	return values, row.Version, err
}

// CheckPolicies says which stored policies this program does not take, newest
// first: those in force answer every request of their subject with an error.
func CheckPolicies(db dbx.Builder) ([]string, error) {
	rows := []struct {
		Subject  string `db:"subject"`
		Language string `db:"language"`
		Version  int64  `db:"version"`
		Values   string `db:"values"`
	}{}
	// Of a subject and language only the newest counts, now or soon.
	err := db.NewQuery(`
		SELECT subject, language, version, [[values]] FROM policies p
		WHERE NOT EXISTS (SELECT 1 FROM policies n WHERE n.subject = p.subject AND n.language = p.language AND n.version > p.version)
		ORDER BY version DESC`).All(&rows)
	if err != nil {
		return nil, err
	}
	wrong := []string{}
	for _, row := range rows {
		check, known := policyChecks[row.Subject]
		if !known {
			wrong = append(wrong, fmt.Sprintf("%s version %d: nobody reads this subject", row.Subject, row.Version))
			continue
		}
		if err := check([]byte(row.Values)); err != nil {
			wrong = append(wrong, fmt.Sprintf("%s version %d: %v", row.Subject, row.Version, err))
		}
	}
	return wrong, nil
}

// ConsensusPolicy is [Policy] for the rules of votes and verdicts.
func ConsensusPolicy(app core.App, now time.Time, language string) (consensus.Policy, int64, error) {
	return Policy(app, now, PolicyConsensus, language, consensus.ParsePolicy)
}

// registerPolicies checks and numbers a new policy before it is stored. Rows
// are never changed; the guards see to that.
func registerPolicies(app core.App, deps *Deps) {
	app.OnRecordCreate("policies").Bind(&hook.Handler[*core.RecordEvent]{
		Id: "ll.policies.create",
		Func: func(e *core.RecordEvent) error {
			return InTransaction(&e.App, func(tx core.App) error {
				check, ok := policyChecks[e.Record.GetString("subject")]
				if !ok {
					return fault.PolicyInvalid.On("subject").Saying(
						"The subject is one of " + strings.Join(slices.Sorted(maps.Keys(policyChecks)), ", ") + ".")
				}
				if slices.Contains(forAllLanguages, e.Record.GetString("subject")) && e.Record.GetString("language") != "" {
					// A payout has no language: the row would look in force and rule nothing.
					return fault.PolicyInvalid.On("language").Saying("This subject is for all languages; leave the language out.")
				}
				values, err := json.Marshal(e.Record.Get("values"))
				if err != nil {
					return err
				}
				if string(values) == "null" {
					return fault.PolicyInvalid.On("values").Saying("Send the values; {} puts the defaults back.")
				}
				if err := check(values); err != nil {
					return err
				}
				if err := NumberVersion(tx, e.Record, deps.Clock.Now(), dbx.HashExp{"subject": e.Record.GetString("subject")}); err != nil {
					return err
				}
				return e.Next()
			})
		},
	})
}

// NumberVersion gives an insert-only row the next version among the rows of the
// scope, and makes it count from now on when it names no time of its own. A
// time in the past is moved to now: history is not rewritten.
func NumberVersion(tx core.App, record *core.Record, now time.Time, scope dbx.Expression) error {
	var last int64
	query := tx.DB().Select("COALESCE(MAX(version), 0)").From(record.Collection().Name)
	if scope != nil {
		query = query.Where(scope)
	}
	if err := query.Row(&last); err != nil {
		return err
	}
	record.Set("version", last+1)
	if from := record.GetDateTime("effective_from"); from.IsZero() || from.Time().Before(now) {
		record.Set("effective_from", now)
	}
	return nil
}
