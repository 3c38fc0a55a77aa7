package ledger_test

import (
	"cmp"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
)

// forge gives a history right hashes and balances, as somebody would who may
// write to the database and knows the format, so that only the promise under
// test is broken.
func forge(posted []ledger.Posted) ([]ledger.Posted, []ledger.AccountRow) {
	b := newBook()
	prev := ""
	for i := range posted {
		p := &posted[i]
		p.Seq, p.PrevHash, p.InputHash = int64(i+1), prev, p.Tx.InputHash()
		p.BalancesAfter = nil
		for _, entry := range p.Entries {
			b.balances[entry.Account.Key] += entry.AmountMinor
			p.BalancesAfter = append(p.BalancesAfter, b.balances[entry.Account.Key])
		}
		p.Hash = p.ChainHash()
		prev = p.Hash
	}
	var rows []ledger.AccountRow
	for key, balance := range b.balances {
		account, _ := ledger.ParseKey(key)
		rows = append(rows, ledger.AccountRow{Account: account, BalanceMinor: balance})
	}
	return posted, rows
}

// history is a short life: funded 1,000, earned 100 and released, earned 40 and
// reversed.
func history(t *testing.T) []ledger.Posted {
	t.Helper()
	b := newBook()
	b.must(t, act(ledger.CampaignFunded, "fund", ledger.Move(funding, campaign, 1000)...))
	b.must(t, act(ledger.RewardEarned, "reward:1", ledger.Move(campaign, pending, 100)...))
	b.must(t, act(ledger.RewardReleased, "release:1", ledger.Move(pending, available, 100)...))
	second := b.must(t, act(ledger.RewardEarned, "reward:2", ledger.Move(campaign, pending, 40)...))
	undo, err := ledger.Reverse(second, "undo:2", ledger.RewardReversed, "admin1", "", noon)
	if err != nil {
		t.Fatal(err)
	}
	b.must(t, undo)
	return b.posted
}

func TestTheAuditFindsEveryBrokenPromise(t *testing.T) {
	const most = money.MaxMinor
	type broken struct{ promise, row string }
	add := func(kind ledger.Kind, reverses string, at time.Duration, entries ...ledger.Entry) func([]ledger.Posted) []ledger.Posted {
		return func(h []ledger.Posted) []ledger.Posted {
			tx := act(kind, "added", entries...)
			tx.Reverses = reverses
			return append(h, ledger.Posted{Tx: tx, ID: "forged", RecordedAt: h[len(h)-1].RecordedAt.Add(at)})
		}
	}
	for _, test := range []struct {
		name   string
		change func([]ledger.Posted) []ledger.Posted
		want   []broken
	}{
		{"nothing", func(h []ledger.Posted) []ledger.Posted { return h }, nil},
		{"a debt by clawback", add(ledger.Clawback, "", 0, ledger.Move(available, campaign, 101)...), nil},
		{"money from nowhere", add(ledger.RewardEarned, "", 0, ledger.Entry{Account: campaign, AmountMinor: -5}, ledger.Entry{Account: pending, AmountMinor: 6}), []broken{{"L1", "forged"}, {"L11", "NGN"}}},
		{"one-sided", add(ledger.RewardEarned, "", 0, ledger.Entry{Account: pending, AmountMinor: 6}), []broken{{"L1", "forged"}, {"L11", "NGN"}}},
		{"an unknown kind", add("gift", "", 0, ledger.Move(campaign, pending, 5)...), []broken{{"L1", "forged"}}},
		{"an overdraft", add(ledger.RewardEarned, "", 0, ledger.Move(campaign, pending, 901)...), []broken{{"L3", "forged/campaign:c1:budget:NGN"}}},
		{"a clawback from pending", add(ledger.Clawback, "", 0, ledger.Move(pending, campaign, 1)...), []broken{{"L3", "forged/user:u1:pending:NGN"}}},
		{"an empty entry", add(ledger.RewardEarned, "", 0, ledger.Move(campaign, pending, 0)...), []broken{{"L7", "forged"}}},
		{"an amount out of range", add(ledger.CampaignFunded, "", 0, ledger.Move(funding, paystack, most+1)...), []broken{{"L7", "forged"}, {"L9", "forged/platform:funding:NGN"}, {"L2", "paystack:NGN"}, {"L11", "NGN"}}},
		{"a balance out of range", add(ledger.CampaignFunded, "", 0, ledger.Move(funding, campaign, most)...), []broken{{"L7", "forged/platform:funding:NGN"}, {"L9", "forged/platform:funding:NGN"}, {"L2", "campaign:c1:budget:NGN"}, {"L11", "NGN"}}},
		{"time runs back", add(ledger.RewardEarned, "", -time.Millisecond, ledger.Move(campaign, pending, 5)...), []broken{{"L9", "forged"}}},
		{"a second reversal", add(ledger.Correction, "tx0004", 0, ledger.Move(campaign, pending, 40)...), []broken{{"L6", "forged"}}},
		{"a reversal of a reversal", add(ledger.Correction, "tx0005", 0, ledger.Move(campaign, pending, 40)...), []broken{{"L6", "forged"}}},
		{"half a reversal", add(ledger.Correction, "tx0003", 0, ledger.Move(available, pending, 50)...), []broken{{"L6", "forged"}}},
		{"a whole reversal", add(ledger.Correction, "tx0003", 0, ledger.Move(available, pending, 100)...), nil},
		{"a reversal of nothing", add(ledger.Correction, "tx9999", 0, ledger.Move(available, pending, 100)...), []broken{{"L6", "forged"}}},
		{"a reversal of itself", add(ledger.Correction, "forged", 0, ledger.Move(available, pending, 100)...), []broken{{"L6", "forged"}}},
		{"a reversal before its original", func(h []ledger.Posted) []ledger.Posted {
			h[2].Kind, h[2].Reverses = ledger.Correction, "forged"
			return add(ledger.RewardReleased, "", 0, ledger.Move(available, pending, 100)...)(h)
		}, []broken{{"L6", "tx0003"}}},
		{"a key used twice", func(h []ledger.Posted) []ledger.Posted { h[3].Key = h[1].Key; return h }, []broken{{"L5", "tx0004"}}},
	} {
		posted, rows := forge(test.change(history(t)))
		slices.SortFunc(rows, func(a, b ledger.AccountRow) int { return cmp.Compare(a.Key, b.Key) })
		var got []broken
		for _, finding := range audit(posted, rows).Findings {
			got = append(got, broken{finding.Promise, finding.Row})
		}
		if !sameSet(got, test.want) {
			t.Errorf("%s: found %v, want %v", test.name, got, test.want)
		}
	}
}

// Here the last row itself was recorded wrong, and hashed as it is.
func TestTheAuditFindsWrongColumnsUnderARightHash(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*ledger.Posted)
		want   []ledger.Finding
	}{
		{"nothing", func(*ledger.Posted) {}, nil},
		{"a seq was left out", func(p *ledger.Posted) { p.Seq++ }, []ledger.Finding{{Promise: "L8", Table: "ledger_txs", Row: "tx0005"}}},
		{"a seq was used twice", func(p *ledger.Posted) { p.Seq-- }, []ledger.Finding{{Promise: "L8", Table: "ledger_txs", Row: "tx0005"}}},
		{"another predecessor", func(p *ledger.Posted) { p.PrevHash = "" }, []ledger.Finding{{Promise: "L8", Table: "ledger_txs", Row: "tx0005"}}},
		{"another input hash", func(p *ledger.Posted) { p.InputHash = "" }, []ledger.Finding{{Promise: "L5", Table: "ledger_txs", Row: "tx0005"}}},
		{"another balance after", func(p *ledger.Posted) { p.BalancesAfter[0]++ }, []ledger.Finding{
			{Promise: "L9", Table: "ledger_entries", Row: "tx0005/campaign:c1:budget:NGN"},
			{Promise: "L2", Table: "ledger_accounts", Row: "campaign:c1:budget:NGN"},
		}},
	} {
		posted, rows := forge(history(t))
		last := &posted[len(posted)-1]
		test.change(last)
		last.Hash = last.ChainHash()
		got := audit(posted, rows).Findings
		for i := range got {
			got[i].What = ""
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: found %+v, want %+v", test.name, got, test.want)
		}
	}
}

func TestTheAuditOfAnEmptyLedger(t *testing.T) {
	if report := audit(nil, nil); !reflect.DeepEqual(report, ledger.Report{}) {
		t.Errorf("nothing gives %+v", report)
	}
}

func TestTheAuditorMustBeToldWhatIsReversed(t *testing.T) {
	auditor := ledger.NewAuditor(nil)
	for _, p := range history(t) {
		auditor.Transaction(p)
	}
	if findings := auditor.Finish().Findings; len(findings) == 0 || findings[0].Promise != "L6" || findings[0].Row != "tx0005" {
		t.Errorf("a reversal of an unknown transaction passed: %+v", findings)
	}
}

func sameSet[T comparable](a, b []T) bool {
	if len(a) != len(b) {
		return false
	}
	for _, v := range a {
		if !slices.Contains(b, v) {
			return false
		}
	}
	return true
}
