package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

// PaystackFile is where, in the directory, the imaginary Paystack keeps what it
// was asked to do: a server that starts again must find it unforgotten.
const PaystackFile = ".paystack.json"

// Paystack starts a payment provider on the loopback interface whose money is
// imaginary. A transfer arrives after ten seconds; the caller says where events go
// ([paystacktest.Server.SetWebhookURL]) once that address is served, and which file
// keeps what was done.
func Paystack(secretKey string) (*paystacktest.Server, error) {
	return paystacktest.Start(paystacktest.Options{
		SecretKey: secretKey, AutoDeliver: true, Resolve: holder,
		Now:    time.Now, //nolint:forbidigo // it lives in real time, as Paystack does
		Script: []paystacktest.Step{{AfterSeconds: 0, Status: "pending"}, {AfterSeconds: 10, Status: "success"}},
	})
}

// legalNames are the people of the demonstration that can be paid: whose an
// account is, the last digit of its number says.
var legalNames = [10]struct{ username, name string }{
	{"halima", "Halima Bello"}, {"sani", "Sani Garba"}, {"wanjiru", "Wanjiru Kamau"}, {"baraka", "Baraka Mushi"}, {"ngozi", "Ngozi Okafor"},
	{"danladi", "Danladi Yusuf"}, {"zainab", "Zainab Abubakar"}, {"juma", "Juma Otieno"}, {"amani", "Amani Hassan"}, {"musa", "Musa Ibrahim"},
}

// holder is the name that the bank gives for an account. One that begins with a 9
// was opened under another surname.
func holder(_, number string) (string, bool) {
	if len(number) != 10 || strings.Trim(number, "0123456789") != "" {
		return "", false
	}
	name := strings.ToUpper(legalNames[number[9]-'0'].name)
	if first, _, _ := strings.Cut(name, " "); number[0] == '9' {
		name = first + " LAWAL"
	}
	return name, true
}

// numberOf is an account number of somebody; the first digit tells several apart.
func numberOf(username string, first byte) string {
	for i, who := range legalNames {
		if who.username == username {
			return fmt.Sprintf("%c12345678%d", first, i)
		}
	}
	return ""
}

// hear brings what Paystack has to tell to the webhook, and has the server look
// at it: events first, payments then, transfers last.
func (f *filler) hear(ctx context.Context) error {
	for _, event := range f.paystack.Take() {
		header := http.Header{}
		header.Set(paystack.SignatureHeader, event.Signature)
		if _, err := f.call(nil, "/webhooks/paystack", json.RawMessage(event.Body), header); err != nil {
			return err
		}
	}
	return f.rounds(ctx, "payouts.inbox", "fundings.check", "payouts.work")
}

func (f *filler) rounds(ctx context.Context, ids ...string) error {
	for _, id := range ids {
		if err := f.deps.Outbox.RunRound(ctx, f.app, id); err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
	}
	return nil
}

// become has Paystack change what a transfer is, and the server hear of it.
func (f *filler) become(ctx context.Context, payout *core.Record, status string) error {
	if err := f.paystack.SetStatus(payout.GetString("reference"), status); err != nil {
		return err
	}
	return f.hear(ctx)
}
