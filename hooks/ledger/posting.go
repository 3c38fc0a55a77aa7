package ledger

import (
	"database/sql"
	"errors"
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
// However many the requests are, they take few statements.
func Post(tx core.App, deps *shell.Deps, requests ...book.Tx) ([]book.Posted, error) {
	if !tx.IsTransactional() {
		return nil, errOutsideTransaction
	}
	if len(requests) == 0 {
		return nil, nil
	}
	batch, err := openBatch(tx, requests, deps.Clock.Now())
	if err != nil {
		return nil, err
	}
	results := make([]book.Posted, len(requests))
	touched := wallets{}
	for i, request := range requests {
		if results[i], err = batch.add(request); err != nil {
			return nil, err
		}
		touched.addEntries(request.Entries)
	}
	if err := batch.store(tx); err != nil {
		return nil, err
	}
	touched.announce(tx, deps)
	return results, nil
}

// batch is what several postings share: the end of the chain, the keys that were
// used and the balances as they go.
type batch struct {
	now      time.Time
	head     book.Head
	posted   map[string]book.Posted // by idempotency key
	accounts map[string]*openAccount
	opened   []dbx.Params // rows of accounts that are new
	txs      []dbx.Params
	entries  []dbx.Params
	reverses bool
}

type openAccount struct {
	ID      string `db:"id"`
	Key     string `db:"key"`
	Balance int64  `db:"balance_minor"`
}

// openBatch reads everything that the requests need to know.
func openBatch(tx core.App, requests []book.Tx, now time.Time) (*batch, error) {
	b := &batch{now: now, posted: map[string]book.Posted{}, accounts: map[string]*openAccount{}}
	keys, accounts := []string{}, []string{}
	for _, request := range requests {
		if err := request.Validate(); err != nil {
			return nil, err
		}
		keys = append(keys, request.Key)
		for _, entry := range request.Entries {
			accounts = append(accounts, entry.Account.Key)
		}
	}
	var err error
	if b.head, err = chainHead(tx); err != nil {
		return nil, err
	}
	earlier := []txRow{}
	if err := tx.DB().Select(strings.Split(txColumns, ", ")...).From("ledger_txs").Where(shell.In("idem_key", keys)).All(&earlier); err != nil {
		return nil, err
	}
	for _, row := range earlier {
		if b.posted[row.Key], err = row.posted(); err != nil {
			return nil, err
		}
	}
	rows := []*openAccount{}
	if err := tx.DB().Select("id", "key", "balance_minor").From("ledger_accounts").Where(shell.In("key", accounts)).All(&rows); err != nil {
		return nil, err
	}
	for _, row := range rows {
		b.accounts[row.Key] = row
	}
	return b, nil
}

// add lets internal/ledger decide on one request and keeps what it decided.
func (b *batch) add(request book.Tx) (book.Posted, error) {
	if earlier, used := b.posted[request.Key]; used {
		if earlier.InputHash != request.InputHash() {
			return book.Posted{}, fault.KeyConflict.On("idempotency_key")
		}
		return earlier, nil
	}
	accounts := make([]*openAccount, len(request.Entries))
	balances := make([]int64, len(request.Entries))
	for i, entry := range request.Entries {
		accounts[i] = b.account(entry.Account)
		balances[i] = accounts[i].Balance
	}
	posted, err := b.head.Append(request, shell.RowID(b.now), b.now, balances)
	if err != nil {
		return book.Posted{}, err
	}
	b.head, b.posted[request.Key] = posted.Head(), posted
	b.reverses = b.reverses || posted.Reverses != ""
	b.txs = append(b.txs, dbx.Params{
		"id": posted.ID, "seq": posted.Seq, "kind": string(posted.Kind), "idem_key": posted.Key, "input_hash": posted.InputHash,
		"effective_at": shell.Stamp(posted.EffectiveAt), "recorded_at": shell.Stamp(posted.RecordedAt),
		"actor": posted.Actor, "source_type": posted.SourceType, "source_id": posted.SourceID,
		"reverses": posted.Reverses, "memo": posted.Memo, "prev_hash": posted.PrevHash, "hash": posted.Hash,
	})
	for i, entry := range posted.Entries {
		accounts[i].Balance = posted.BalancesAfter[i]
		b.entries = append(b.entries, dbx.Params{
			"id": shell.RowID(b.now), "tx": posted.ID, "account": accounts[i].ID, "seq": posted.Seq, "line": i,
			"amount_minor": entry.AmountMinor, "currency": string(entry.Account.Currency), "balance_after_minor": posted.BalancesAfter[i],
		})
	}
	return posted, nil
}

// account finds an account by its key or makes it.
func (b *batch) account(account book.Account) *openAccount {
	if known := b.accounts[account.Key]; known != nil {
		return known
	}
	minimum := int64(collections.NoMinimum)
	if account.MinMinor != nil {
		minimum = *account.MinMinor
	}
	opened := &openAccount{ID: shell.NewID(), Key: account.Key}
	b.accounts[account.Key] = opened
	b.opened = append(b.opened, dbx.Params{
		"id": opened.ID, "key": account.Key, "type": string(account.Type), "user": account.Owner, "campaign": campaignOf(account),
		"currency": string(account.Currency), "balance_minor": 0, "min_balance_minor": minimum, "closed": false, "created": shell.Stamp(b.now),
	})
	return opened
}

// store writes the rows. Triggers carry the balances forward entry by entry and
// refuse anything that does not follow.
func (b *batch) store(tx core.App) error {
	for _, rows := range []struct {
		table string
		rows  []dbx.Params
	}{{"ledger_accounts", b.opened}, {"ledger_txs", b.txs}, {"ledger_entries", b.entries}} {
		err := shell.InsertAll(tx, rows.table, rows.rows)
		if b.reverses && rows.table == "ledger_txs" && shell.IsUniqueViolation(err) {
			return fault.AlreadyReversed.On("id").Because(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
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
