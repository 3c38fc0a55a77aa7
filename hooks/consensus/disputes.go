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
	"github.com/lingualink/lingualink/hooks/screening"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/moderation"
)

const (
	disputeTime     = 30 * 24 * time.Hour
	maxDisputeRunes = 1000
)

type disputeBody struct {
	Text string `json:"text" help:"Why, in your words, up to 1000 characters. Moderators read it."`
}

type disputeData struct {
	Clip string `json:"clip"`
}

func registerDisputes(deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/clips/{id}/dispute", Who: shell.Person, Body: disputeBody{}, Data: disputeData{},
		What:   "Have an expert listen to your own rejected clip again, once per verdict and within 30 days. The answer is final.",
		Faults: []*fault.Code{fault.NotFound, fault.NotDisputable, fault.AlreadyDisputed, fault.TextBlocked, fault.InvalidInput},
		Handle: func(e *core.RequestEvent) error {
			body, err := shell.Bind[disputeBody](e)
			if err != nil {
				return err
			}
			text := strings.TrimSpace(body.Text)
			if n := utf8.RuneCountInString(text); n == 0 || n > maxDisputeRunes {
				return fault.InvalidInput.On("text").Saying("Say why, in at most 1000 characters.")
			}
			clip := e.Request.PathValue("id")
			found, err := screening.OfClip(e.App, "text", text, clip, e.Auth.Id)
			if err != nil {
				return err
			}
			if err := found.RefusalUnseen(); err != nil {
				return err
			}
			err = e.App.RunInTransaction(func(tx core.App) error {
				if err := dispute(tx, deps.Clock.Now(), clip, e.Auth.Id, text); err != nil {
					return err
				}
				return screening.Report(tx, deps, screening.Subject{Type: string(moderation.User), ID: e.Auth.Id, Owner: e.Auth.Id}, found)
			})
			if err != nil {
				return err
			}
			return shell.OK(e, disputeData{Clip: clip}, "An expert will listen to it.")
		},
	})
}

// dispute asks the experts about a rejected clip for its owner. What the owner
// says goes to what they are asked about the clip already, if they are.
func dispute(tx core.App, now time.Time, clip, owner, text string) error {
	var row struct {
		Owner     string         `db:"owner"`
		Status    engine.Outcome `db:"status"`
		DecidedAt string         `db:"decided_at"`
		Control   bool           `db:"control"`
		Disputed  bool           `db:"disputed"`
	}
	// The verdict in force was disputed, or is the answer to a dispute.
	err := tx.DB().NewQuery(`
		SELECT owner, status, decided_at, control, EXISTS (
			SELECT 1 FROM escalations e WHERE e.clip = c.id AND e.text != '' AND (e.state = 'open'
				OR e.verdict = (SELECT id FROM verdicts WHERE clip = c.id ORDER BY revision DESC LIMIT 1))) AS disputed
		FROM clips c WHERE id = {:clip}`).Bind(dbx.Params{"clip": clip}).One(&row)
	if errors.Is(err, sql.ErrNoRows) || (err == nil && (row.Owner != owner || row.Control)) {
		return fault.NotFound.On("id") // does not say whether it exists
	}
	if err != nil {
		return err
	}
	decided, err := shell.ParseStamp(row.DecidedAt)
	switch {
	case err != nil:
		return err
	case row.Disputed:
		return fault.AlreadyDisputed.On("id")
	case row.Status != engine.Rejected, now.After(decided.Add(disputeTime)):
		return fault.NotDisputable.On("id")
	}
	return openEscalation(tx, now, clip, collections.CauseDispute, text)
}
