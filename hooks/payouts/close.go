package payouts

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout"
	"github.com/lingualink/lingualink/internal/paystack"
)

// listBefore is how much older than the request the listed transfers may be: a
// line of the balance ledger is told apart by the transfer it belongs to.
const listBefore = 8 * day

func (d *desk) registerClose(core.App) {
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/payouts/{id}/recheck", Who: shell.Superuser, Body: approveBody{}, Data: decidedData{},
		What:   "Ask Paystack again about a payout that waits for people.",
		Faults: deciderFaults,
		Handle: func(e *core.RequestEvent) error {
			body, err := optionalBody[approveBody](e)
			if err != nil {
				return err
			}
			if body.Reason, err = reason(body.Reason, false); err != nil {
				return err
			}
			err = d.decide(e, act{name: "payout.recheck", reason: body.Reason, quiet: true, event: func(core.App, *core.Record, string) (payout.Event, error) {
				return payout.Recheck{}, nil
			}})
			if err == nil {
				d.deps.Outbox.WakeRound("payouts.work")
			}
			return err
		},
	})
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/payouts/{id}/close", Who: shell.Superuser, Body: reasonBody{}, Data: decidedData{},
		What:   "Close a payout as never paid, which gives its money back: two people, and a proof that the server gathers at Paystack.",
		Params: []shell.Param{shell.Header("X-Confirmation", "From POST /confirm with the purpose "+confirmApproval+".")},
		Faults: append([]*fault.Code{
			fault.NotConfigured, fault.ProviderUnavailable, fault.ConfirmationRequired, fault.SecondPerson, fault.PayoutUnproven,
		}, deciderFaults...),
		Handle: d.close,
	})
}

// look is what Paystack knows of a payout at one moment, asked for by whoever
// closes it. It is kept in the payout's history.
type look struct {
	Known      bool   `json:"known"`       // verify finds it
	Listed     bool   `json:"listed"`      // in the list of transfers of one status
	Unclear    uint64 `json:"unclear"`     // a transfer in the balance ledger that is on no list
	Transfers  int    `json:"transfers"`   // how many were listed
	LedgerRows int    `json:"ledger_rows"` // how many were read
}

// close asks Paystack first, outside the transaction, and believes nobody's word:
// a "not found" of its own, the lists of every status, and the balance ledger,
// every line of which must belong to a listed transfer. The first of the two
// people leaves their name; the second one's close looks again.
func (d *desk) close(e *core.RequestEvent) error {
	body, err := shell.Bind[reasonBody](e)
	if err != nil {
		return err
	}
	if body.Reason, err = reason(body.Reason, true); err != nil {
		return err
	}
	if err := d.configured(); err != nil {
		return err
	}
	record, err := e.App.FindRecordById("payouts", e.Request.PathValue("id"))
	if err != nil {
		return err
	}
	if _, err := decider(e.App, e.Auth, record); err != nil {
		return err
	}
	if p := read(record); p.State != payout.Manual || p.Settled != payout.Unsettled {
		return refusalOf(&payout.Conflict{State: p.State, Event: payout.Name(payout.Close{}), Why: payout.WrongState})
	}
	if !d.ours(record.GetString("reference")) {
		return fault.PayoutUnproven.On("id").With("missing", []string{"key"}).
			Saying("The payout was asked for in the other mode, test or live. With this key Paystack proves nothing about it.")
	}
	seen, err := d.look(e.Request.Context(), record)
	if err != nil {
		return d.providerFault(e, err)
	}
	var refused error
	err = e.App.RunInTransaction(func(tx core.App) (err error) {
		if record, err = tx.FindRecordById("payouts", record.Id); err != nil {
			return err
		}
		refused, err = d.closeAs(tx, e, record, body.Reason, seen)
		return err
	})
	if err == nil {
		err = refused
	}
	if err != nil {
		return refusalOf(err)
	}
	return shell.OK(e, decided(record), closedText(record))
}

func closedText(record *core.Record) string {
	if record.GetString("closer") != "" {
		return "Noted. A second person must close it, too."
	}
	return "The payout is closed. The money is in the wallet again."
}

// closeAs closes the payout by what was seen. What is refused for want of a proof
// is no error, so that the look itself is kept: it may be the first of the two
// that a proof needs.
func (d *desk) closeAs(tx core.App, e *core.RequestEvent, record *core.Record, why string, seen look) (refused, err error) {
	person, err := decider(tx, e.Auth, record)
	if err != nil {
		return nil, err
	}
	if err := notAlso(tx, person, record.GetString("closer"), fault.SecondPerson); err != nil {
		return nil, err
	}
	if seen.Known {
		// Verify says what it is; the worker applies it.
		record.Set("next_check_at", shell.DateTime(d.now()))
		return fault.PayoutUnproven.On("id").With("missing", []string{"not_found"}), tx.SaveNoValidate(record)
	}
	by := cause{Actor: shell.ActorOf(e.Auth), Reason: why, Quiet: true, Data: seen}
	if _, err := d.applyTo(tx, record, by, payout.Observation{Status: payout.NotFound, Reference: record.GetString("reference")}); err != nil {
		return nil, err
	}
	proof, err := proofOf(tx, record, seen)
	if err != nil {
		return nil, err
	}
	err = d.audited(tx, e.Auth, record, "payout.close", by, payout.Close{By: person, Proof: proof})
	var conflict *payout.Conflict
	if errors.As(err, &conflict) && conflict.Why == payout.NoProof {
		return fault.PayoutUnproven.On("id").With("missing", d.missing(record, proof)), nil
	}
	if err != nil {
		return nil, err
	}
	return nil, accounts.UseConfirmation(tx, d.now(), e.Auth, confirmApproval, e.Request.Header.Get("X-Confirmation"))
}

// proofOf is what the history of the payout and a look prove.
func proofOf(tx core.App, record *core.Record, seen look) (payout.Proof, error) {
	p := read(record)
	since := p.SentAt
	if p.SeenAt.After(since) {
		since = p.SeenAt
	}
	var row struct {
		First string `db:"first"`
		Last  string `db:"last"`
	}
	err := tx.DB().NewQuery(`
		SELECT COALESCE(MIN(at), '') AS first, COALESCE(MAX(at), '') AS last FROM payout_events
		WHERE payout = {:id} AND event = {:event} AND at > {:since}`).
		Bind(dbx.Params{"id": record.Id, "event": payout.Name(payout.Observation{Status: payout.NotFound}), "since": shell.Stamp(since)}).One(&row)
	if err != nil {
		return payout.Proof{}, err
	}
	proof := payout.Proof{AbsentFromLists: !seen.Listed, AbsentFromLedger: seen.Unclear == 0}
	if row.First == "" {
		return proof, nil
	}
	if proof.NotFoundFirst, err = shell.ParseStamp(row.First); err != nil {
		return proof, err
	}
	proof.NotFoundLast, err = shell.ParseStamp(row.Last)
	return proof, err
}

// missing names what the proof lacks, for whoever wants to close.
func (d *desk) missing(record *core.Record, proof payout.Proof) []string {
	list := []string{}
	if !proof.AbsentFromLists {
		list = append(list, "lists")
	}
	if !proof.AbsentFromLedger {
		list = append(list, "ledger")
	}
	if d.now().Sub(record.GetDateTime("sent_at").Time()) < day {
		list = append(list, "a_day_since_sent")
	}
	if proof.NotFoundLast.Sub(proof.NotFoundFirst) < time.Hour {
		list = append(list, "not_found_twice_an_hour_apart")
	}
	return list
}

// look asks Paystack everything that a proof needs.
func (d *desk) look(ctx context.Context, record *core.Record) (look, error) {
	reference, requested := record.GetString("reference"), record.GetDateTime("requested_at").Time()
	var seen look
	_, err := d.provider.VerifyTransfer(ctx, reference)
	if err != nil && !errors.Is(err, paystack.ErrNotFound) {
		return seen, err
	}
	if seen.Known = err == nil; seen.Known {
		return seen, nil
	}
	listed := map[uint64]bool{}
	for _, status := range paystack.Statuses() {
		for transfer, err := range d.provider.ListTransfers(ctx, status, requested.Add(-listBefore), time.Time{}) {
			if err != nil {
				return seen, err
			}
			listed[transfer.ID] = true
			seen.Transfers++
			seen.Listed = seen.Listed || transfer.Reference == reference
		}
	}
	for row, err := range d.provider.BalanceLedger(ctx, requested, time.Time{}) {
		if err != nil {
			return seen, err
		}
		seen.LedgerRows++
		out := row.DifferenceMinor < 0 && strings.EqualFold(row.Model, "transfer") && row.Currency == money.Currency(record.GetString("currency"))
		if out && !listed[row.ModelRow] && seen.Unclear == 0 {
			seen.Unclear = max(row.ModelRow, 1)
		}
	}
	return seen, nil
}
