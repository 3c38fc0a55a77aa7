package consensus

import (
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	engine "github.com/lingualink/lingualink/internal/consensus"
	"github.com/lingualink/lingualink/internal/fault"
)

// maxClaims is how many clips one expert has at a time, so that nobody keeps the
// queue from the others.
const maxClaims = 10

type claimData struct {
	Escalation string `json:"escalation"`
	ClaimUntil string `json:"claim_until" help:"You alone decide until this time (RFC 3339); empty after a release."`
	MediaURL   string `json:"media_url"`
}

type decideData struct {
	Escalation string `json:"escalation"`
	Clip       string `json:"clip"`
	State      string `json:"state" help:"decided: it is in force. proposed: another expert has to say the same. contested: another one said otherwise, a moderator decides."`
	Verdict    string `json:"verdict" help:"Id of the expert's verdict; empty unless it is decided."`
	Outcome    string `json:"outcome" help:"What you said: approved or rejected."`
	Reason     string `json:"reason"`
}

func registerClaims(deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/escalations/{id}/claim", Who: shell.Person, Data: claimData{},
		What:   "Have a clip to yourself for a while, to listen and decide. Repeating gives the claim that you have.",
		Faults: []*fault.Code{fault.NotFound, fault.NotExpert, fault.NotEligible, fault.EscalationTaken, fault.EscalationClosed, fault.TooManyClaims},
		Handle: func(e *core.RequestEvent) error { return claim(e, deps) },
	})
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/escalations/{id}/release", Who: shell.Person, Data: claimData{},
		What:   "Give a claimed clip back to the other experts. Repeating does nothing.",
		Faults: []*fault.Code{fault.NotFound, fault.NotExpert, fault.NotEligible, fault.EscalationClosed},
		Handle: func(e *core.RequestEvent) error { return release(e) },
	})
	deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/escalations/{id}/media", Who: shell.Anyone, Media: "application/octet-stream",
		What:   "The recording of a clip that you have claimed, while the claim lasts. Needs a file token, since players send no headers.",
		Params: []shell.Param{{Name: "token", In: "query", Help: "File token (POST /api/files/token).", Required: true}},
		Faults: []*fault.Code{fault.NotFound},
		Handle: func(e *core.RequestEvent) error { return serveTo(e, deps, claimedMedia()) },
	})
	deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/escalations/{id}/decide", Who: shell.Person, Body: wordBody{}, Data: decideData{},
		What: "Say your word on a clip that you have claimed and heard. That of a moderator is final. Of other experts two have to say the same, neither knowing of the other; state of the answer says where it stands. Repeating the same word does nothing.",
		Faults: []*fault.Code{
			fault.NotFound, fault.NotExpert, fault.NotEligible, fault.ClaimRequired, fault.NotHeard, fault.EscalationClosed, fault.ClipHidden, fault.InvalidInput,
		},
		Handle: func(e *core.RequestEvent) error { return decide(e, deps) },
	})
}

// claim gives the clip to the person, if nobody else has it. It reads inside the
// transaction of the write, so that of two at once one finds it taken.
func claim(e *core.RequestEvent, deps *shell.Deps) error {
	var data claimData
	err := e.App.RunInTransaction(func(tx core.App) error {
		now := deps.Clock.Now()
		row, err := loadEscalation(tx, e.Request.PathValue("id"), e.Auth.Id)
		if err != nil {
			return err
		}
		if err := row.mayDecide(tx, e.Auth.Id); err != nil {
			return err
		}
		until, err := row.heldUntil(now)
		if err != nil {
			return err
		}
		switch {
		case until.IsZero():
			if until, err = row.take(tx, e.Auth.Id, now); err != nil {
				return err
			}
		case row.ClaimedBy != e.Auth.Id:
			return fault.EscalationTaken.On("id")
		}
		data = claimData{Escalation: row.ID, ClaimUntil: until.Format(time.RFC3339Nano), MediaURL: row.mediaURL()}
		return nil
	})
	if err != nil {
		return err
	}
	return shell.OK(e, data, "The clip is yours to decide.")
}

// take writes the claim. It is not prolonged while it lasts: the time to listen
// counts from its start.
func (row escalationRow) take(tx core.App, me string, now time.Time) (time.Time, error) {
	var held int
	err := tx.DB().NewQuery("SELECT COUNT(*) FROM escalations WHERE claimed_by = {:me} AND state = 'open' AND claim_until > {:now}").
		Bind(dbx.Params{"me": me, "now": shell.Stamp(now)}).Row(&held)
	if err != nil {
		return now, err
	}
	if held >= maxClaims {
		return now, fault.TooManyClaims.On("id").With("most", maxClaims)
	}
	policy, _, err := shell.ConsensusPolicy(tx, now, row.Language)
	if err != nil {
		return now, err
	}
	until := now.Truncate(time.Millisecond).Add(time.Duration(policy.ClaimS) * time.Second) // as it is stored
	return until, setClaim(tx, row.ID, me, until)
}

// setClaim writes who has the clip; moderators see it by realtime.
func setClaim(tx core.App, escalation, claimedBy string, until time.Time) error {
	record, err := tx.FindRecordById("escalations", escalation)
	if err != nil {
		return err
	}
	record.Set("claimed_by", claimedBy)
	record.Set("claim_until", until)
	record.IgnoreUnchangedFields(true)
	return tx.SaveNoValidate(record)
}

func release(e *core.RequestEvent) error {
	id := e.Request.PathValue("id")
	err := e.App.RunInTransaction(func(tx core.App) error {
		row, err := loadEscalation(tx, id, e.Auth.Id)
		if err != nil {
			return err
		}
		if row.ClaimedBy == e.Auth.Id && row.State == collections.EscalationOpen {
			return setClaim(tx, id, "", time.Time{})
		}
		return row.mayDecide(tx, e.Auth.Id)
	})
	if err != nil {
		return err
	}
	return shell.OK(e, claimData{Escalation: id}, "Another expert can take the clip.")
}

// claimedMedia finds the recording that :me has claimed.
func claimedMedia() string {
	return `
		SELECT c.id AS clip, c.media, c.id AS source, c.media AS file FROM escalations e JOIN clips c ON c.id = e.clip AND c.hidden = 0 AND c.status != 'withdrawn'
		WHERE e.id = {:id} AND e.state = 'open' AND e.claimed_by = {:me} AND e.claim_until > {:now} AND NOT ` + relatedTo("c.owner") + ` AND NOT ` + accounts.BannedSQL("c.owner")
}

// heard refuses a decision before the clip can have been listened to.
func (row escalationRow) heard(policy engine.Policy, until, now time.Time) error {
	facts := engine.VoteFacts{
		AssignedAt: until.Add(-time.Duration(policy.ClaimS) * time.Second), Duration: time.Duration(row.DurationMS) * time.Millisecond,
	}
	if wait := engine.Heard(policy, facts).Sub(now); wait > 0 {
		return fault.NotHeard.On("id").With("retry_after", int64((wait+time.Second-1)/time.Second))
	}
	return nil
}

func decide(e *core.RequestEvent, deps *shell.Deps) error {
	word, err := readWord(e)
	if err != nil {
		return err
	}
	var data decideData
	err = e.App.RunInTransaction(func(tx core.App) error {
		row, err := loadEscalation(tx, e.Request.PathValue("id"), e.Auth.Id)
		if err != nil {
			return err
		}
		if data, err = row.said(tx, e.Auth.Id, word); err != nil || data.State != "" {
			return err
		}
		now := deps.Clock.Now()
		if err := row.readyFor(tx, e.Auth.Id, now); err != nil {
			return err
		}
		data, err = row.hear(tx, deps, now, e.Auth, word)
		return err
	})
	if err != nil {
		return err
	}
	return shell.OK(e, data, decideMessages[data.State])
}

// readyFor refuses who may not decide, does not have the clip, or cannot have
// heard it yet.
func (row escalationRow) readyFor(tx core.App, me string, now time.Time) error {
	if err := row.mayDecide(tx, me); err != nil {
		return err
	}
	until, err := row.heldUntil(now)
	if err != nil {
		return err
	}
	if row.ClaimedBy != me || until.IsZero() {
		return fault.ClaimRequired.On("id")
	}
	policy, _, err := shell.ConsensusPolicy(tx, now, row.Language)
	if err != nil {
		return err
	}
	return row.heard(policy, until, now)
}
