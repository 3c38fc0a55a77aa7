package paystacktest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

// TestKeepSurvivesAKill: whatever was answered is in the file by then, and a server
// that begins with a copy of it goes on where the other was.
func TestKeepSurvivesAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "paystack.json")
	begin := func(path string) (*paystacktest.Server, *paystack.Client) {
		t.Helper()
		server, err := paystacktest.Start(paystacktest.Options{Balances: map[string]int64{"NGN": 10_000_00}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		if err := server.Keep(path); err != nil {
			t.Fatal(err)
		}
		client, err := paystack.New(paystacktest.Key, paystack.Options{BaseURL: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		return server, client
	}
	send := func(client *paystack.Client, recipient string, n int) {
		t.Helper()
		_, err := client.InitiateTransfer(t.Context(), paystack.TransferOrder{
			Reference: fmt.Sprintf("ll-test-kept%08d", n), AmountMinor: 100_00, Currency: money.NGN, RecipientCode: recipient, Reason: "wages",
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	server, client := begin(path)
	recipient, err := client.CreateRecipient(t.Context(), paystack.RecipientOrder{
		Type: "nuban", Name: "Ada", AccountNumber: "0000001000", BankCode: "058", Currency: money.NGN,
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Script("", paystacktest.Step{Status: "pending"}, paystacktest.Step{AfterSeconds: 60, Status: "failed"})
	server.Inject(paystacktest.Fault{Op: "transfer.verify", Times: 2, Skip: 1, Kind: paystacktest.Answer, Status: 503})
	send(client, recipient.Code, 1)
	status := func(client *paystack.Client) string {
		transfer, err := client.VerifyTransfer(context.Background(), "ll-test-kept00000001")
		if err != nil {
			return "silent"
		}
		return string(transfer.Status)
	}
	if seen := status(client) + " " + status(client); seen != "pending silent" {
		t.Fatal(seen)
	}

	content, err := os.ReadFile(path) // the first is killed now
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "paystack.json")
	if err := os.WriteFile(copied, content, 0o600); err != nil {
		t.Fatal(err)
	}
	second, other := begin(copied)
	was, is := server.State(), second.State()
	is.Requests, is.Undelivered = was.Requests, was.Undelivered
	if !reflect.DeepEqual(was, is) {
		t.Errorf("it was\n%+v\nand is\n%+v", was, is)
	}
	if seen := status(other) + " " + status(other); seen != "silent pending" {
		t.Errorf("one fault and a pending transfer were left: %s", seen)
	}
	second.Advance(time.Minute)
	if seen, balance := status(other), second.Balance("NGN"); seen != "failed" || balance != 10_000_00 {
		t.Errorf("a minute later it is %s, the balance %d", seen, balance)
	}
	send(other, recipient.Code, 2)
	transfers := second.State().Transfers
	if len(transfers) != 2 || transfers[0].ID >= transfers[1].ID || len(transfers[1].History) != 1 {
		t.Errorf("the transfers: %+v", transfers)
	}
}

func TestKeepRefusesAFileThatIsNoState(t *testing.T) {
	server, err := paystacktest.Start(paystacktest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	path := filepath.Join(t.TempDir(), "paystack.json")
	if err := os.WriteFile(path, []byte("wages"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := server.Keep(path); err == nil {
		t.Error("it began anew over what it cannot read")
	}
	if err := server.Keep(filepath.Join(path, "below")); err == nil {
		t.Error("it keeps nothing and says nothing")
	}
}
