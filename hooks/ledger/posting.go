package ledger

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
)

var errOutsideTransaction = errors.New("ledger: a posting belongs into a transaction")

// Post appends the requests to the ledger, in order, and is the only writer of
// its tables. It must run in the transaction of the decision that moves the
// money. A key that was posted before with the same input gives the first
// result again and moves nothing; with another input it is
// fault.KeyConflict. After the commit the wallets it touched are announced.
func Post(tx core.App, deps *shell.Deps, requests ...book.Tx) ([]book.Posted, error) {
	if !tx.IsTransactional() {
		return nil, errOutsideTransaction
	}
	head, err := chainHead(tx)
	if err != nil {
		return nil, err
	}
	now := deps.Clock.Now()
	results := make([]book.Posted, 0, len(requests))
	touched := wallets{}
	for _, request := range requests {
		if err := request.Validate(); err != nil {
			return nil, err
		}
		earlier, found, err := findByKey(tx, request.Key)
		switch {
		case err != nil:
			return nil, err
		case found && earlier.InputHash != request.InputHash():
			return nil, fault.KeyConflict.On("idempotency_key")
		case found:
			results = append(results, earlier)
			continue
		}
		posted, err := appendTx(tx, head, request, now)
		if err != nil {
			return nil, err
		}
		head = posted.Head()
		touched.addEntries(request.Entries)
		results = append(results, posted)
	}
	touched.announce(tx, deps)
	return results, nil
}

// appendTx loads the balances, lets internal/ledger decide, and stores the rows.
// Triggers carry the balances forward and refuse anything that does not follow.
func appendTx(tx core.App, head book.Head, request book.Tx, now time.Time) (book.Posted, error) {
	ids := make([]string, len(request.Entries))
	balances := make([]int64, len(request.Entries))
	for i, entry := range request.Entries {
		id, balance, err := openAccount(tx, entry.Account, now)
		if err != nil {
			return book.Posted{}, err
		}
		ids[i], balances[i] = id, balance
	}
	posted, err := head.Append(request, shell.NewID(), now, balances)
	if err != nil {
		return book.Posted{}, err
	}
	err = shell.Insert(tx, "ledger_txs", dbx.Params{
		"id": posted.ID, "seq": posted.Seq, "kind": string(posted.Kind), "idem_key": posted.Key, "input_hash": posted.InputHash,
		"effective_at": shell.Stamp(posted.EffectiveAt), "recorded_at": shell.Stamp(posted.RecordedAt),
		"actor": posted.Actor, "source_type": posted.SourceType, "source_id": posted.SourceID,
		"reverses": posted.Reverses, "memo": posted.Memo, "prev_hash": posted.PrevHash, "hash": posted.Hash,
	})
	if shell.IsUniqueViolation(err) && posted.Reverses != "" {
		return book.Posted{}, fault.AlreadyReversed.On("id").Because(err)
	}
	if err != nil {
		return book.Posted{}, err
	}
	values := make([]string, len(posted.Entries))
	params := dbx.Params{"tx": posted.ID, "seq": posted.Seq}
	for i, entry := range posted.Entries {
		values[i] = fmt.Sprintf("({:id%[1]d}, {:tx}, {:account%[1]d}, {:seq}, %[1]d, {:amount%[1]d}, {:currency%[1]d}, {:after%[1]d})", i)
		for name, value := range map[string]any{
			"id": shell.NewID(), "account": ids[i], "amount": entry.AmountMinor,
			"currency": string(entry.Account.Currency), "after": posted.BalancesAfter[i],
		} {
			params[fmt.Sprintf("%s%d", name, i)] = value
		}
	}
	_, err = shell.Exec(tx,
		"INSERT INTO ledger_entries (id, tx, account, seq, line, amount_minor, currency, balance_after_minor) VALUES "+strings.Join(values, ", "),
		params)
	return posted, err
}

// openAccount finds an account by its key or makes it.
func openAccount(tx core.App, account book.Account, now time.Time) (id string, balance int64, err error) {
	var row struct {
		ID      string `db:"id"`
		Balance int64  `db:"balance_minor"`
	}
	err = tx.DB().NewQuery("SELECT id, balance_minor FROM ledger_accounts WHERE [[key]] = {:key}").
		Bind(dbx.Params{"key": account.Key}).One(&row)
	if err == nil {
		return row.ID, row.Balance, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return "", 0, err
	}
	minimum := int64(collections.NoMinimum)
	if account.MinMinor != nil {
		minimum = *account.MinMinor
	}
	id = shell.NewID()
	return id, 0, shell.Insert(tx, "ledger_accounts", dbx.Params{
		"id": id, "key": account.Key, "type": string(account.Type), "user": account.Owner, "campaign": campaignOf(account),
		"currency": string(account.Currency), "balance_minor": 0, "min_balance_minor": minimum, "closed": false, "created": shell.Stamp(now),
	})
}

// campaignOf is the campaign in the account's key, for the relation column.
func campaignOf(account book.Account) string {
	parts := strings.Split(account.Key, ":")
	if len(parts) > 1 && parts[0] == "campaign" {
		return parts[1]
	}
	return ""
}

// balanceOf reads one account; one that was never used is empty.
func balanceOf(app core.App, account book.Account) (int64, error) {
	var balance int64
	err := app.DB().NewQuery("SELECT balance_minor FROM ledger_accounts WHERE [[key]] = {:key}").
		Bind(dbx.Params{"key": account.Key}).Row(&balance)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return balance, err
}

// txRow is a row of ledger_txs.
type txRow struct {
	ID          string `db:"id"`
	Seq         int64  `db:"seq"`
	Kind        string `db:"kind"`
	Key         string `db:"idem_key"`
	InputHash   string `db:"input_hash"`
	EffectiveAt string `db:"effective_at"`
	RecordedAt  string `db:"recorded_at"`
	Actor       string `db:"actor"`
	SourceType  string `db:"source_type"`
	SourceID    string `db:"source_id"`
	Reverses    string `db:"reverses"`
	Memo        string `db:"memo"`
	PrevHash    string `db:"prev_hash"`
	Hash        string `db:"hash"`
}

const txColumns = "id, seq, kind, idem_key, input_hash, effective_at, recorded_at, actor, source_type, source_id, reverses, memo, prev_hash, hash"

// posted turns the row into the value of internal/ledger, without its entries.
func (r txRow) posted() (book.Posted, error) {
	effective, err := shell.ParseStamp(r.EffectiveAt)
	if err != nil {
		return book.Posted{}, err
	}
	recorded, err := shell.ParseStamp(r.RecordedAt)
	if err != nil {
		return book.Posted{}, err
	}
	return book.Posted{
		Tx: book.Tx{
			Kind: book.Kind(r.Kind), Key: r.Key, EffectiveAt: effective, Actor: r.Actor,
			SourceType: r.SourceType, SourceID: r.SourceID, Reverses: r.Reverses, Memo: r.Memo,
		},
		ID: r.ID, Seq: r.Seq, RecordedAt: recorded, InputHash: r.InputHash, PrevHash: r.PrevHash, Hash: r.Hash,
	}, nil
}

func chainHead(tx core.App) (book.Head, error) {
	var row txRow
	err := tx.DB().NewQuery("SELECT seq, hash, recorded_at FROM ledger_txs ORDER BY seq DESC LIMIT 1").One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return book.Head{}, nil
	}
	if err != nil {
		return book.Head{}, err
	}
	recorded, err := shell.ParseStamp(row.RecordedAt)
	return book.Head{Seq: row.Seq, Hash: row.Hash, RecordedAt: recorded}, err
}

func findByKey(tx core.App, key string) (book.Posted, bool, error) {
	return findTx(tx, "idem_key = {:value}", key)
}

// findTx loads one transaction without its entries.
func findTx(app core.App, condition, value string) (book.Posted, bool, error) {
	var row txRow
	err := app.DB().NewQuery("SELECT " + txColumns + " FROM ledger_txs WHERE " + condition).
		Bind(dbx.Params{"value": value}).One(&row)
	if errors.Is(err, sql.ErrNoRows) {
		return book.Posted{}, false, nil
	}
	if err != nil {
		return book.Posted{}, false, err
	}
	posted, err := row.posted()
	return posted, err == nil, err
}

// entryRow is a row of ledger_entries with its account's key.
type entryRow struct {
	Tx     string `db:"tx"`
	Key    string `db:"key"`
	Amount int64  `db:"amount_minor"`
	After  int64  `db:"balance_after_minor"`
}

// addTo appends the entry to the transaction it belongs to.
func (r entryRow) addTo(posted *book.Posted) error {
	account, err := book.ParseKey(r.Key)
	if err != nil {
		return err
	}
	posted.Entries = append(posted.Entries, book.Entry{Account: account, AmountMinor: r.Amount})
	posted.BalancesAfter = append(posted.BalancesAfter, r.After)
	return nil
}

// loadTx loads one transaction with its entries.
func loadTx(app core.App, id string) (book.Posted, error) {
	posted, found, err := findTx(app, "id = {:value}", id)
	if err != nil {
		return book.Posted{}, err
	}
	if !found {
		return book.Posted{}, fault.NotFound.On("id")
	}
	rows := []entryRow{}
	err = app.DB().NewQuery(`
		SELECT e.tx, a.[[key]], e.amount_minor, e.balance_after_minor
		FROM ledger_entries e JOIN ledger_accounts a ON a.id = e.account
		WHERE e.tx = {:tx} ORDER BY e.line`).Bind(dbx.Params{"tx": id}).All(&rows)
	if err != nil {
		return book.Posted{}, err
	}
	for _, row := range rows {
		if err := row.addTo(&posted); err != nil {
			return book.Posted{}, err
		}
	}
	return posted, nil
}

// accountRow is a row of ledger_accounts.
type accountRow struct {
	Key      string `db:"key"`
	Type     string `db:"type"`
	User     string `db:"user"`
	Currency string `db:"currency"`
	Balance  int64  `db:"balance_minor"`
	Minimum  int64  `db:"min_balance_minor"`
}

// stored is the account as the table has it, right or wrong.
func (r accountRow) stored() book.AccountRow {
	account := book.Account{Key: r.Key, Type: book.AccountType(r.Type), Owner: r.User, Currency: money.Currency(r.Currency)}
	if r.Minimum != collections.NoMinimum {
		account.MinMinor = &r.Minimum
	}
	return book.AccountRow{Account: account, BalanceMinor: r.Balance}
}
