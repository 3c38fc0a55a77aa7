// Package payouts decides how wages reach bank accounts: where people are paid
// to, what they ask for, who approves it, what is sent to Paystack and what its
// answers are believed to mean; and how campaigns are funded through it. It
// refuses to send twice, to give back a hold on silence, to keep an account
// number, and to believe a webhook: those are hints, verify is the authority.
// What follows from what is internal/payout; the client is internal/paystack.
package payouts

import (
	"context"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/payout"
	"github.com/lingualink/lingualink/internal/paystack"
)

// Provider is what is asked of Paystack; *paystack.Client is one.
type Provider interface {
	Domain() string
	Banks(ctx context.Context, country string, currency money.Currency) ([]paystack.Bank, error)
	ResolveAccount(ctx context.Context, accountNumber, bankCode string) (string, error)
	CreateRecipient(ctx context.Context, order paystack.RecipientOrder) (paystack.Recipient, error)
	InitiateTransfer(ctx context.Context, order paystack.TransferOrder) (paystack.Transfer, error)
	VerifyTransfer(ctx context.Context, reference string) (paystack.Transfer, error)
	ListTransfers(ctx context.Context, status paystack.Status, from, to time.Time) iter.Seq2[paystack.Transfer, error]
	Balances(ctx context.Context) (map[money.Currency]int64, error)
	BalanceLedger(ctx context.Context, from, to time.Time) iter.Seq2[paystack.BalanceRow, error]
	InitializeTransaction(ctx context.Context, order paystack.PaymentOrder) (paystack.Checkout, error)
	VerifyTransaction(ctx context.Context, reference string) (paystack.Transaction, error)
	CreateRefund(ctx context.Context, order paystack.RefundOrder) (paystack.Refund, error)
	FetchRefund(ctx context.Context, id uint64) (paystack.Refund, error)
	ListRefunds(ctx context.Context, from, to time.Time) iter.Seq2[paystack.Refund, error]
	FetchDispute(ctx context.Context, id uint64) (paystack.Dispute, error)
}

// desk is what the handlers of this area share.
type desk struct {
	deps     *shell.Deps
	provider Provider // nil without a key
	banks    bankCache

	// reconciling lets one comparison with Paystack run at a time.
	reconciling sync.Mutex

	marking sync.Mutex
	marked  mark // the last of this process's sends; guarded by marking
}

// Register binds the area. Without a provider its routes answer not_configured
// and nothing is sent.
func Register(app core.App, deps *shell.Deps, provider Provider) {
	d := &desk{deps: deps, provider: provider}
	d.registerBanks(app)
	d.registerAccounts(app)
	d.registerFlags(app)
	d.registerMark(app)
	d.registerWorker(app)
	d.registerSweep(app)
	d.registerMoney(app)
	d.registerBooks(app)
	d.registerReconcile(app)
	d.registerRequest(app)
	d.registerCancel(app)
	d.registerApproval(app)
	d.registerReview(app)
	d.registerClose(app)
	d.registerPauses(app)
	d.registerAlerts(app)
	d.registerExplain(app)
	d.registerStanding(app)
	d.registerWebhook(app)
	d.registerInbox(app)
	d.registerApprovals(app)
	d.registerFunding(app)
	d.registerRefunds(app)
}

// now is the time of decisions.
func (d *desk) now() time.Time { return d.deps.Clock.Now() }

// policy is the payouts policy in force.
func (d *desk) policy(app core.App) (payout.Policy, int64, error) {
	return shell.Policy(app, d.now(), shell.PolicyPayouts, "", payout.ParsePolicy)
}

// referenced is how the references of this server's transfers begin.
func (d *desk) referenced() string { return "ll-" + d.provider.Domain() + "-" }

// ours tells whether a reference is of the mode of the key: with the key of the
// other one Paystack knows nothing of it, which proves nothing.
func (d *desk) ours(reference string) bool { return strings.HasPrefix(reference, d.referenced()) }

// configured refuses what needs Paystack where there is no key.
func (d *desk) configured() error {
	if d.provider == nil {
		return fault.NotConfigured.On("paystack").Saying("Payouts are not set up on this server. The operator sets PAYSTACK_SECRET_KEY; see docs/operate.md#paystack.")
	}
	return nil
}
