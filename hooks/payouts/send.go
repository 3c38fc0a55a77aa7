package payouts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/risk"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout"
	"github.com/lingualink/lingualink/internal/paystack"
)

// transferReason is what the recipient may read on the statement.
const transferReason = "Lingualink earnings"

// sendOrder is one send that is committed: it may leave, once.
type sendOrder struct {
	id      string
	attempt int64
	mark    mark
	body    paystack.TransferOrder
}

// waiting are the approved payouts that may go, in the order of the requests.
// While Paystack asks for silence none may, or a later one would overtake; whoever
// waits for the cool-off of an account was not ordered yet and holds nobody up.
const waiting = `
	p.state = 'approved'
	AND (p.account_at = '' OR p.account_at <= {:cooled})
	AND (a.id IS NULL OR a.usable_from = '' OR a.usable_from <= {:now})
	AND p.not_before <= {:now}
	AND NOT EXISTS (SELECT 1 FROM payouts q WHERE q.state = 'approved' AND q.attempt > 0 AND q.not_before > {:now})`

// sendDue sends what is approved while nothing speaks against it.
func (w *worker) sendDue(ctx context.Context, app core.App) error {
	if closed, err := w.closed(app, collections.PauseEverything); closed != "" || err != nil {
		return err
	}
	policy, _, err := w.policy(app)
	if err != nil {
		return err
	}
	now := w.now()
	ids, resting := []string{}, ""
	if resting, err = asJSON(w.resting()); err != nil {
		return err
	}
	err = app.DB().NewQuery(`
		SELECT p.id FROM payouts p LEFT JOIN payout_accounts a ON a.id = p.account
		WHERE ` + waiting + ` AND p.currency NOT IN (SELECT scope FROM payout_pauses WHERE lifted_at = '') AND p.id NOT IN (SELECT value FROM json_each({:resting}))
		ORDER BY p.requested_at, p.id LIMIT {:most}`).
		Bind(dbx.Params{"now": shell.Stamp(now), "cooled": shell.Stamp(now.Add(-policy.CoolOff())), "most": 5 * sendsPerSecond, "resting": resting}).Column(&ids)
	if err != nil {
		return err
	}
	var problems []error
	for ; len(ids) > 0 && w.inPace() && ctx.Err() == nil; ids = ids[1:] {
		claimed, err := w.claim(app, ids[0])
		if problem := w.after(ctx, app, ids[0], err); problem != nil {
			problems = append(problems, problem)
			continue
		}
		if claimed == nil {
			continue
		}
		// Whoever comes next must not overtake one that Paystack had no time for.
		if class, err := w.post(ctx, app, claimed); err != nil || class == payout.RateLimited {
			return errors.Join(append(problems, err)...)
		}
	}
	return errors.Join(problems...)
}

// claim takes one payout to send it: state, attempt, lease and the mark in one
// commit, before the first byte leaves. Nil is one that may not go now.
func (w *worker) claim(app core.App, id string) (*sendOrder, error) {
	var claimed *sendOrder
	err := app.RunInTransaction(func(tx core.App) error {
		claimed = nil
		record, err := tx.FindRecordById("payouts", id)
		if err != nil {
			return err
		}
		by := cause{Actor: shell.System}
		if closed, err := w.closed(tx, money.Currency(record.GetString("currency"))); closed != "" || err != nil {
			return err
		}
		doubt, err := w.doubt(tx, record)
		if err != nil {
			return err
		}
		if doubt != "" {
			by.Data = map[string]string{"doubt": doubt}
			_, err := w.applyTo(tx, record, by, payout.Flagged{})
			return err
		}
		if reached, err := w.ceiling(tx, record); reached || err != nil {
			return err
		}
		if _, err := w.applyTo(tx, record, by, payout.Claim{}); err != nil {
			return err
		}
		claimed, err = w.order(tx, record)
		return err
	})
	var conflict *payout.Conflict
	if errors.As(err, &conflict) || errors.Is(err, errLost) {
		return nil, nil // somebody was faster, or it is too early
	}
	return claimed, err
}

// closed tells why nothing of the currency may be sent now, or nothing.
func (d *desk) closed(app core.App, currency money.Currency) (string, error) {
	if d.provider == nil || !d.deps.Config.Paystack.Payouts {
		return "LL_PAYOUTS is off", nil
	}
	policy, _, err := d.policy(app)
	if err != nil || !policy.Enabled {
		return "the policy is off", err
	}
	if sound, detail, err := Soundness(app); err != nil || !sound {
		return "the mark: " + detail, err
	}
	return d.paused(app, currency)
}

// doubt tells what speaks, since the approval, against sending: then people
// decide anew. What an approver had before them is theirs.
func (w *worker) doubt(tx core.App, record *core.Record) (string, error) {
	person, err := tx.FindRecordById("users", record.GetString("user"))
	if err != nil {
		return "", err
	}
	if accounts.MayNotAct(person) {
		return "the person is " + person.GetString("standing"), nil
	}
	if frozen, err := risk.Frozen(tx, person.Id); err != nil || frozen {
		return "the person's money waits for a decision", err
	}
	if !w.ours(record.GetString("reference")) {
		return "it was asked for with a key of the other mode", nil
	}
	approved := record.GetString("approved_at")
	if by := record.GetString("approved_by"); by == "" || by == shell.System {
		approved = ""
	}
	var kind string
	err = tx.DB().NewQuery(`
		SELECT COALESCE((SELECT kind FROM risk_flags WHERE user = {:user} AND state = 'open'
			AND (created > {:approved} OR kind = 'paid_late') LIMIT 1), '')`).
		Bind(dbx.Params{"user": person.Id, "approved": approved}).Row(&kind)
	if kind != "" || err != nil {
		return "a risk flag: " + kind, err
	}
	if usable, err := w.accountUsable(tx, record); err != nil || !usable {
		return "the bank account", err
	}
	return w.holdMissing(tx, record)
}

// holdMissing tells that the ledger does not hold what is to be sent. That is a
// wrong book, so everything stops.
func (w *worker) holdMissing(tx core.App, record *core.Record) (string, error) {
	p := read(record)
	var minor int64
	err := tx.DB().NewQuery("SELECT COALESCE((SELECT balance_minor FROM ledger_accounts WHERE [[key]] = {:key}), 0)").
		Bind(dbx.Params{"key": held(p).Key}).Row(&minor)
	if err != nil || minor >= p.AmountMinor && p.Settled == payout.Unsettled {
		return "", err
	}
	err = errors.Join(
		w.pause(tx, collections.PauseEverything, "books", "The ledger does not hold the money of payout "+record.Id+".", false),
		w.alert(tx, notice{Kind: "books", Severity: "critical", SubjectType: "payouts", SubjectID: record.Id,
			Text: "The ledger does not hold the money of an approved payout. Everything is paused: run lingualink payouts verify."}))
	return "the hold is missing", err
}

// order counts the send in the mark and describes it, in the transaction that
// decides on it.
func (w *worker) order(tx core.App, record *core.Record) (*sendOrder, error) {
	next, err := w.countSend(tx)
	if err != nil {
		return nil, err
	}
	p := read(record)
	return &sendOrder{
		id: record.Id, attempt: p.Attempt, mark: next,
		body: paystack.TransferOrder{
			Reference: p.Reference, AmountMinor: p.AmountMinor, Currency: p.Currency, RecipientCode: p.Recipient, Reason: transferReason,
		},
	}, nil
}

// post sends a committed order, once, and applies the answer. Without a mark on
// the disk nothing leaves.
func (w *worker) post(ctx context.Context, app core.App, o *sendOrder) (payout.Class, error) {
	if err := w.markSend(w.markPath(app), o.mark); err != nil {
		w.restUntil = w.now().Add(restAfterNotSent)
		return payout.NotSent, errors.Join(err, w.answer(app, o, payout.Answer{Class: payout.NotSent}, paystack.Transfer{}), w.markLost(app, err))
	}
	w.sent = append(w.sent, w.now())
	transfer, err := w.provider.InitiateTransfer(ctx, o.body)
	answer := classify(err, w.now())
	if answer.Class == payout.NotSent {
		w.restUntil = w.now().Add(restAfterNotSent)
	}
	if err != nil {
		app.Logger().Warn("a transfer was not accepted", "payout", o.id, "class", string(answer.Class), "error", err)
	}
	return answer.Class, w.answer(app, o, answer, transfer)
}

// answer applies what became of a send. It is worth more than whatever happened
// to the payout meanwhile, so a lost race is run again; one that verify outran
// has nothing more to say.
func (w *worker) answer(app core.App, o *sendOrder, answer payout.Answer, transfer paystack.Transfer) error {
	const tries = 5
	answer.Attempt = o.attempt
	soon := false
	if answer.Class == payout.Accepted {
		answer.Observation, soon = accepted(transfer, w.provider.Domain(), o.body.RecipientCode)
	}
	for range tries {
		err := app.RunInTransaction(func(tx core.App) error {
			record, err := tx.FindRecordById("payouts", o.id)
			if err != nil {
				return err
			}
			if soon && record.GetString("state") != string(payout.Sending) {
				return w.askNow(tx, o.id) // verify was faster, and knows more
			}
			record.Set("next_check_at", "")
			record.Set("lease_until", "")
			keep(record, transfer)
			outcome, err := w.applyTo(tx, record, cause{Actor: shell.System, Data: described(transfer)}, answer)
			if err != nil || !soon || outcome.State != payout.InFlight {
				return err
			}
			return w.askNow(tx, o.id)
		})
		var conflict *payout.Conflict
		switch {
		case err == nil || errors.As(err, &conflict):
			return nil
		case !errors.Is(err, errLost):
			return err
		}
	}
	return fmt.Errorf("payout %s: the answer to attempt %d could not be stored", o.id, o.attempt)
}

// ceiling tells that sending the payout would break a ceiling of its currency,
// and pauses that until the window allows it.
func (w *worker) ceiling(tx core.App, record *core.Record) (bool, error) {
	p := read(record)
	limit, err := w.atCeiling(tx, p.Currency, p.AmountMinor)
	if err != nil || limit == payout.WithinLimits {
		return false, err
	}
	return true, errors.Join(
		w.pause(tx, string(p.Currency), "ceiling", "Payout "+record.Id+" would break the "+string(limit)+".", true),
		w.alert(tx, notice{Kind: "ceiling", Severity: "warning", SubjectType: "currencies", SubjectID: string(p.Currency),
			Text: "A ceiling of the payouts policy is reached. Sending goes on when it allows; a payout above the ceiling itself waits until the policy is changed or it is taken back.",
			Data: map[string]any{"limit": string(limit), "payout": record.Id, "amount_minor": p.AmountMinor}}))
}

// atCeiling is the ceiling that an amount would break. What Paystack refused at
// once was not sent and does not count.
func (w *worker) atCeiling(app core.App, currency money.Currency, amountMinor int64) (payout.Limit, error) {
	policy, _, err := w.policy(app)
	if err != nil {
		return "", err
	}
	var spent struct {
		Hour int64 `db:"hour"`
		Day  int64 `db:"day"`
	}
	now := w.now()
	err = app.DB().NewQuery(`
		SELECT COALESCE(SUM(CASE WHEN sent_at > {:hour} THEN amount_minor END), 0) AS hour, COALESCE(SUM(amount_minor), 0) AS day
		FROM payouts WHERE currency = {:currency} AND sent_at > {:day} AND posts > 0`).
		Bind(dbx.Params{"currency": string(currency), "hour": shell.Stamp(now.Add(-time.Hour)), "day": shell.Stamp(now.Add(-24 * time.Hour))}).One(&spent)
	return policy.Ceiling(currency, amountMinor, spent.Hour, spent.Day), err
}
