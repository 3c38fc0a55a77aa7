package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/payouts"
	"github.com/lingualink/lingualink/hooks/shell"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

// Amounts in kobo.
const (
	naira       int64 = 100
	pledgeMinor       = 1_000_000 * naira
	smallMinor        = 12_000 * naira  // approved by itself
	middleMinor       = 25_000 * naira  // one person approves
	highMinor         = 160_000 * naira // two do
)

// payoutsPolicy is the usual one, switched on. Nobody waits between two requests,
// and what waits for Paystack may wait for as long as the demonstration is kept.
var payoutsPolicy = map[string]any{"enabled": true, "request_hours": 0, "silent_hours": 8760, "pending_hours": 8760}

// payouts makes one in every state that is stored; requested is passed within the
// transaction of the request. Without an imaginary Paystack there are none: no
// demonstration pays with somebody's key.
func (f *filler) payouts(ctx context.Context) error {
	if f.paystack == nil {
		return nil
	}
	if err := f.openRoutes(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		f.allowed, f.sponsored, f.earlierWages, f.settled, f.waiting, f.underWay, f.stuck, f.compared,
	} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("payouts: %w", err)
		}
	}
	return nil
}

// allowed switches payouts on and says which people the admins are.
func (f *filler) allowed(ctx context.Context) error {
	for i, username := range []string{"musa", "ifeoma"} {
		if err := accounts.SetAdminPerson(f.app, f.deps, f.admins[i].Email(), username); err != nil {
			return err
		}
	}
	// The first comparison of an empty database lets it send.
	if _, err := payouts.Reconcile(ctx, f.app, shell.System); err != nil {
		return err
	}
	return f.policy(shell.PolicyPayouts, "", payoutsPolicy)
}

// sponsored is a campaign that somebody paid for at the checkout.
func (f *filler) sponsored(ctx context.Context) error {
	order, err := f.call(f.people["ifeoma"], "/campaigns/"+f.campaign+"/checkout", map[string]any{"amount_minor": pledgeMinor}, keyed())
	if err != nil {
		return err
	}
	if err := f.paystack.Pay(fmt.Sprint(order["reference"])); err != nil {
		return err
	}
	return f.hear(ctx)
}

// earlierWages is what people earned before the clips of the demonstration, which
// alone come to too little to be paid out.
func (f *filler) earlierWages(context.Context) error {
	wages := []struct {
		username string
		minor    int64
	}{
		{"danladi", 60_000}, {"zainab", 220_000}, {"juma", 60_000}, {"halima", 60_000}, {"sani", 60_000},
		{"baraka", 20_000}, {"ngozi", 30_000}, {"wanjiru", 30_000}, {"amani", 45_000},
	}
	return f.app.RunInTransaction(func(tx core.App) error {
		for _, wage := range wages {
			id, minor := f.people[wage.username].Id, wage.minor*naira
			pending := book.UserAccount(id, book.Pending, money.NGN)
			_, err := ledger.Post(tx, f.deps,
				book.Tx{
					Kind: book.RewardEarned, Key: "reward:demo:" + id, Actor: shell.System, Memo: "Wages of earlier months",
					Entries: book.Move(book.CampaignAccount(f.campaign, money.NGN), pending, minor),
				},
				book.Tx{
					Kind: book.RewardReleased, Key: "release:demo:" + id, Actor: shell.System, Memo: "Wages of earlier months",
					Entries: book.Move(pending, book.UserAccount(id, book.Available, money.NGN), minor),
				})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// account enters a bank account of somebody under their legal name.
func (f *filler) account(username, bank string, first byte) error {
	who := f.people[username]
	profile, err := f.app.FindFirstRecordByData("private_profiles", "user", who.Id)
	if err != nil {
		return err
	}
	for _, known := range legalNames {
		if known.username == username && profile.GetString("legal_name") == "" {
			profile.Set("legal_name", known.name)
			if err := f.app.Save(profile); err != nil {
				return err
			}
		}
	}
	header, err := f.confirmed(who, "payout_account")
	if err != nil {
		return err
	}
	_, err = f.call(who, "/payout-accounts", map[string]any{
		"country": "NG", "currency": "NGN", "bank_code": bank, "account_number": numberOf(username, first),
	}, header)
	return err
}

// request has somebody ask for money, to the account that they have or now enter.
func (f *filler) request(username string, minor int64) (*core.Record, error) {
	account, err := f.activeAccount(username)
	if account == nil && err == nil {
		if err = f.account(username, "058", '0'); err == nil {
			account, err = f.activeAccount(username)
		}
	}
	if err != nil {
		return nil, err
	}
	data, err := f.call(f.people[username], "/payouts", map[string]any{"amount_minor": minor, "currency": "NGN", "account": account.Id}, keyed())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", username, err)
	}
	return f.app.FindRecordById("payouts", fmt.Sprint(data["id"]))
}

func (f *filler) activeAccount(username string) (*core.Record, error) {
	found, err := f.app.FindRecordsByFilter("payout_accounts", "user = {:user} && status = 'active'", "", 1, 0, dbx.Params{"user": f.people[username].Id})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// sent is a payout that is on its way.
func (f *filler) sent(ctx context.Context, username string) (*core.Record, error) {
	payout, err := f.request(username, smallMinor)
	if err != nil {
		return nil, err
	}
	// As the script of all others has it, it would arrive by itself.
	f.paystack.Script(payout.GetString("reference"), paystacktest.Step{Status: "pending"})
	return payout, f.rounds(ctx, "payouts.work")
}

// settled are payouts that came to an end: paid, reversed, failed, paid late,
// rejected and cancelled.
func (f *filler) settled(ctx context.Context) error {
	for _, ending := range []struct {
		username string
		statuses []string
	}{
		{"danladi", []string{"success"}}, {"sani", []string{"success", "reversed"}}, {"zainab", []string{"failed"}}, {"baraka", []string{"failed", "success"}},
	} {
		payout, err := f.sent(ctx, ending.username)
		for _, status := range ending.statuses {
			if err == nil {
				err = f.become(ctx, payout, status)
			}
		}
		if err != nil {
			return err
		}
	}
	rejected, err := f.request("juma", middleMinor)
	if err != nil {
		return err
	}
	if _, err := f.call(f.admins[0], "/payouts/"+rejected.Id+"/reject", map[string]any{"reason": "Ask again when your last clips have been checked."}, nil); err != nil {
		return err
	}
	cancelled, err := f.request("halima", smallMinor)
	if err != nil {
		return err
	}
	_, err = f.call(f.people["halima"], "/payouts/"+cancelled.Id+"/cancel", map[string]any{}, nil)
	return err
}

// waiting are payouts that wait: for an approver, for the second of two, for
// somebody to look at a name, and for the cool-off of a new bank account.
func (f *filler) waiting(context.Context) error {
	if _, err := f.request("danladi", middleMinor); err != nil {
		return err
	}
	high, err := f.request("zainab", highMinor)
	if err != nil {
		return err
	}
	header, err := f.confirmed(f.admins[0], "payout_approve")
	if err != nil {
		return err
	}
	if _, err := f.call(f.admins[0], "/payouts/"+high.Id+"/approve", map[string]any{}, header); err != nil {
		return err
	}
	if err := f.account("ngozi", "058", '9'); err != nil {
		return err
	}
	if _, err := f.request("ngozi", smallMinor); err != nil {
		return err
	}
	if err := f.account("halima", "044", '1'); err != nil {
		return err
	}
	_, err = f.request("halima", smallMinor)
	return err
}

// underWay are payouts that are with Paystack: one that it has, and one whose
// answer was lost while Paystack says nothing about it.
func (f *filler) underWay(ctx context.Context) error {
	if _, err := f.sent(ctx, "wanjiru"); err != nil {
		return err
	}
	lost, err := f.request("sani", smallMinor)
	if err != nil {
		return err
	}
	reference := lost.GetString("reference")
	f.paystack.Inject(
		paystacktest.Fault{Op: "transfer.initiate", Reference: reference, Kind: paystacktest.Cut},
		paystacktest.Fault{Op: "transfer.verify", Reference: reference, Times: -1, Kind: paystacktest.Answer, Status: http.StatusServiceUnavailable},
	)
	return f.rounds(ctx, "payouts.work")
}

// stuck is a payout that Paystack refused for a reason that is ours, so that
// people must look and all sending is paused. An admin has lifted the pause; what
// became of the payout is for the visitor to find out.
func (f *filler) stuck(ctx context.Context) error {
	refused, err := f.request("juma", smallMinor)
	if err != nil {
		return err
	}
	fault := paystacktest.Refusal("transfer.initiate", http.StatusBadRequest, "invalid_transfer_reference", "Transfer reference contains illegal characters")
	fault.Reference = refused.GetString("reference")
	f.paystack.Inject(fault)
	if err := f.rounds(ctx, "payouts.work"); err != nil {
		return err
	}
	pauses, err := f.app.FindRecordsByFilter("payout_pauses", "lifted_at = ''", "", 0, 0)
	if err != nil {
		return err
	}
	if len(pauses) == 0 {
		return errors.New("a refusal that is our fault did not pause sending")
	}
	for _, pause := range pauses {
		header, err := f.confirmed(f.admins[1], "payout_pause")
		if err != nil {
			return err
		}
		if _, err := f.call(f.admins[1], "/payouts/pauses/"+pause.Id+"/lift", map[string]any{"reason": "It is one payout, and it waits for people."}, header); err != nil {
			return err
		}
	}
	return nil
}

// compared is the comparison with Paystack and the proof of the books, as they are
// done every day.
func (f *filler) compared(ctx context.Context) error {
	if _, err := payouts.Reconcile(ctx, f.app, shell.System); err != nil {
		return err
	}
	return f.rounds(ctx, "payouts.books")
}
