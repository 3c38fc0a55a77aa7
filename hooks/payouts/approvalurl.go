package payouts

import (
	"crypto/sha256"
	"crypto/subtle"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/paystack"
)

const (
	approvalPath = webhookPath + "/approve/"
	// hidePriority is inside the log of requests, which reads the address after
	// everything else ran, and outside all that might print it.
	hidePriority = apis.DefaultActivityLoggerMiddlewarePriority + 1
)

// registerApprovals answers Paystack's question before it sends. With it the
// secret key alone moves no money: only what this server is sending passes.
func (d *desk) registerApprovals(app core.App) {
	app.OnServe().Bind(&hook.Handler[*core.ServeEvent]{
		Id: "ll.payouts.approvals",
		Func: func(e *core.ServeEvent) error {
			e.Router.Bind(&hook.Handler[*core.RequestEvent]{
				Id: "ll.request.secret", Priority: hidePriority,
				Func: func(e *core.RequestEvent) error {
					hideSecret(e.Request, string(d.deps.Config.Paystack.ApprovalSecret))
					return e.Next()
				},
			})
			return e.Next()
		},
	})
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: approvalPath + "{secret}", Who: shell.Anyone,
		What:   "For Paystack alone: may this transfer be sent? 200 is yes, 400 no.",
		Upload: "application/json", Media: "text/plain",
		Faults: []*fault.Code{fault.NotConfigured, fault.TransferRefused},
		Handle: d.approveTransfer,
	})
}

// hideSecret takes the secret out of the address of a request; the router has
// read it by then. It may stand elsewhere than it should: whoever enters the
// address at Paystack may misspell the rest.
func hideSecret(r *http.Request, secret string) {
	const prefix = shell.APIPrefix + approvalPath
	shown := "/hidden"
	if at := strings.Index(strings.ToLower(r.URL.Path), prefix); at >= 0 {
		shown = r.URL.Path[:at+len(prefix)] + "hidden"
	} else if secret == "" || !strings.Contains(r.URL.Path+"?"+r.URL.RawQuery, secret) {
		return
	}
	r.URL = &url.URL{Path: shown}
	r.RequestURI = shown
}

// approveTransfer says yes to a payout that is being sent, and no to all else. It
// reads one row and writes nothing: it is asked while the order to send waits
// for its answer.
func (d *desk) approveTransfer(e *core.RequestEvent) error {
	expected := string(d.deps.Config.Paystack.ApprovalSecret)
	if d.provider == nil || expected == "" {
		return fault.NotConfigured.On("paystack").Saying("This server approves no transfers. The operator sets LL_PAYSTACK_APPROVAL_SECRET; see docs/operate.md#approval-of-transfers.")
	}
	// Of digests, so that not even the length shows in the time.
	want, got := sha256.Sum256([]byte(expected)), sha256.Sum256([]byte(e.Request.PathValue("secret")))
	if subtle.ConstantTimeCompare(want[:], got[:]) != 1 {
		return fault.TransferRefused.On("transfer")
	}
	body, err := io.ReadAll(e.Request.Body)
	if err != nil {
		return d.refuseTransfer(e.App, paystack.Approval{}, "its body cannot be read")
	}
	asked, err := paystack.ParseApproval(body)
	if err != nil {
		return d.refuseTransfer(e.App, asked, "its body is not a transfer")
	}
	var ordered bool
	err = e.App.DB().NewQuery(`
		SELECT EXISTS (SELECT 1 FROM payouts WHERE reference = {:reference} AND state IN ('sending', 'in_flight')
			AND amount_minor = {:amount} AND currency = {:currency} AND recipient_code = {:recipient})`).
		Bind(dbx.Params{"reference": asked.Reference, "amount": asked.AmountMinor, "currency": string(asked.Currency), "recipient": asked.RecipientCode}).
		Row(&ordered)
	if err != nil {
		return err
	}
	if !ordered {
		return d.refuseTransfer(e.App, asked, "it is not a payout that is being sent")
	}
	return e.String(http.StatusOK, "approved")
}

// refuseTransfer says no and lets admins know. It is one alert however often it
// happens, so that nobody can fill the table.
func (d *desk) refuseTransfer(app core.App, asked paystack.Approval, why string) error {
	err := app.RunInTransaction(func(tx core.App) error {
		return d.alert(tx, notice{Kind: "transfer_refused", Severity: "critical", SubjectType: "paystack",
			Text: "Paystack asked about a transfer that this server has not ordered, and was told no. Is the key used elsewhere? The data shows the latest.",
			Data: map[string]any{"why": why, "reference": cut(asked.Reference, 100), "amount_minor": asked.AmountMinor, "currency": cut(string(asked.Currency), 10), "recipient": cut(asked.RecipientCode, 60)}})
	})
	if err != nil {
		app.Logger().Error("a refused transfer raised no alert", "error", err)
	}
	return fault.TransferRefused.On("transfer")
}
