package ledger

import (
	"bytes"
	"net/http"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
)

// maxStatementLines bounds one statement; a longer period is asked for in parts.
const maxStatementLines = 100_000

// wallets are the people and currencies that postings touched.
type wallets map[[2]string]struct{}

func (w wallets) add(person string, currency money.Currency) {
	w[[2]string{person, string(currency)}] = struct{}{}
}

// addEntries adds everybody whose accounts the entries change.
func (w wallets) addEntries(entries []book.Entry) {
	for _, entry := range entries {
		if entry.Account.Owner != "" {
			w.add(entry.Account.Owner, entry.Account.Currency)
		}
	}
}

// announce tells each person's app, after the commit, that a wallet changed.
// The message carries no amount: the app reads the wallet again.
func (w wallets) announce(tx core.App, deps *shell.Deps) {
	if len(w) == 0 {
		return
	}
	shell.AfterCommit(tx, func() {
		for wallet := range w {
			deps.Topics.Publish(tx, "lingualink/wallet/"+wallet[0], map[string]string{"currency": wallet[1]})
		}
	})
}

type balanceData struct {
	Currency       string `json:"currency"`
	PendingMinor   int64  `json:"pending_minor" help:"Earned, still in its hold time."`
	AvailableMinor int64  `json:"available_minor" help:"Free to be paid out."`
	HeldMinor      int64  `json:"held_minor" help:"Set aside for a payout under way."`
	EarnedMinor    int64  `json:"earned_minor" help:"Everything earned so far: pending, available, held and paid."`
	PaidMinor      int64  `json:"paid_minor" help:"Paid out so far."`
	UnfundedMinor  int64  `json:"unfunded_minor" help:"Earned, but waiting for the campaign's funds; not part of earned_minor."`
	AccruingMinor  int64  `json:"accruing_minor" help:"Up to this much more, as soon as it is known how much the person's answers tell; not part of earned_minor."`
}

type walletData struct {
	Balances []balanceData `json:"balances"`
}

type lineData struct {
	Seq            int64     `json:"seq"`
	At             time.Time `json:"at"`
	Kind           string    `json:"kind"`
	Memo           string    `json:"memo"`
	SourceType     string    `json:"source_type"`
	SourceID       string    `json:"source_id"`
	PendingMinor   int64     `json:"pending_minor"`
	AvailableMinor int64     `json:"available_minor"`
	HeldMinor      int64     `json:"held_minor"`
	AmountMinor    int64     `json:"amount_minor" help:"Change of the whole wallet; 0 for a move between its parts."`
	BalanceMinor   int64     `json:"balance_minor" help:"The whole wallet after this line."`
}

type statementData struct {
	Currency     string     `json:"currency"`
	From         time.Time  `json:"from"`
	To           time.Time  `json:"to"`
	OpeningMinor int64      `json:"opening_minor"`
	ClosingMinor int64      `json:"closing_minor" help:"Opening plus the amounts of all lines."`
	Lines        []lineData `json:"lines"`
}

func registerWallet(deps *shell.Deps) {
	deps.Topics.Allow("wallet", func(auth *core.Record, owner string) bool {
		return !auth.IsSuperuser() && auth.Id == owner
	})
	deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/wallet", Who: shell.Person, Data: walletData{},
		What: "Your balances per currency. Subscribe to lingualink/wallet/<your id> to hear of changes.",
		Handle: func(e *core.RequestEvent) error {
			balances, err := Balances(e.App, e.Auth.Id)
			if err != nil {
				return err
			}
			return shell.OK(e, walletData{Balances: balances}, "")
		},
	})
	deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/wallet/statement", Who: shell.Person, Data: statementData{},
		What: "Every change of your wallet in a period: opening plus lines is closing. With format=csv the answer is text/csv outside the envelope.",
		Params: []shell.Param{
			{Name: "currency", In: "query", Help: "ISO 4217 code.", Required: true},
			shell.Query("from", "RFC 3339 time or date, included; default: the beginning."),
			shell.Query("to", "RFC 3339 time or date, excluded; default: now."),
			shell.Query("format", "json (default) or csv."),
		},
		Faults: []*fault.Code{fault.CurrencyUnknown, fault.StatementPeriod, fault.InvalidInput},
		Handle: func(e *core.RequestEvent) error { return statement(e, deps) },
	})
}

// Balances are a person's wallet per currency: those they ever had money in,
// and those that open campaigns pay in.
func Balances(app core.App, user string) ([]balanceData, error) {
	var list []balanceData
	rows := []struct {
		Currency string `db:"currency"`
		Bucket   string `db:"bucket"`
		Minor    int64  `db:"minor"`
	}{}
	// What was paid is what left the person's accounts for a bank and did not come back.
	err := app.DB().NewQuery(`
		SELECT currency, substr([[key]], length('user:' || user || ':') + 1, instr(substr([[key]], length('user:' || user || ':') + 1), ':') - 1) AS bucket, balance_minor AS minor
		FROM ledger_accounts WHERE user = {:user}
		UNION ALL
		SELECT e.currency, 'paid', SUM(-e.amount_minor) FROM ledger_entries e
		JOIN ledger_accounts a ON a.id = e.account AND a.user = {:user}
		JOIN ledger_entries o ON o.tx = e.tx JOIN ledger_accounts b ON b.id = o.account AND b.type = 'asset'
		GROUP BY e.currency
		UNION ALL
		SELECT currency, state, SUM(amount_minor) FROM rewards WHERE user = {:user} AND state IN ('unfunded', 'accruing') GROUP BY currency, state
		UNION ALL
		SELECT DISTINCT currency, '', 0 FROM campaigns WHERE status = 'open'`).
		Bind(dbx.Params{"user": user}).All(&rows)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		at := slices.IndexFunc(list, func(b balanceData) bool { return b.Currency == row.Currency })
		if at < 0 {
			list = append(list, balanceData{Currency: row.Currency})
			at = len(list) - 1
		}
		switch row.Bucket {
		case string(book.Pending):
			list[at].PendingMinor = row.Minor
		case string(book.Available):
			list[at].AvailableMinor = row.Minor
		case string(book.Held):
			list[at].HeldMinor = row.Minor
		case "paid":
			list[at].PaidMinor = row.Minor
		case collections.RewardUnfunded:
			list[at].UnfundedMinor = row.Minor
		case collections.RewardAccruing:
			list[at].AccruingMinor = row.Minor
		}
	}
	for i := range list {
		b := &list[i]
		b.EarnedMinor = b.PendingMinor + b.AvailableMinor + b.HeldMinor + b.PaidMinor
	}
	slices.SortFunc(list, func(a, b balanceData) int { return slices.Compare([]byte(a.Currency), []byte(b.Currency)) })
	return list, nil
}

func statement(e *core.RequestEvent, deps *shell.Deps) error {
	query := e.Request.URL.Query()
	currency, err := money.ParseCurrency(query.Get("currency"))
	if err != nil {
		return err
	}
	from, err := parsePeriod("from", query.Get("from"), time.Unix(0, 0).UTC())
	if err != nil {
		return err
	}
	// The next millisecond: what was recorded in this one belongs to "now".
	to, err := parsePeriod("to", query.Get("to"), deps.Clock.Now().Add(time.Millisecond))
	if err != nil {
		return err
	}
	format := query.Get("format")
	if format != "" && format != "json" && format != "csv" {
		return fault.InvalidInput.On("format").Saying("The format is json or csv.")
	}
	s, err := Statement(e.App, e.Auth.Id, currency, from, to)
	if err != nil {
		return err
	}
	if format == "csv" {
		var sheet bytes.Buffer
		if err := s.WriteCSV(&sheet); err != nil {
			return err
		}
		e.Response.Header().Set("Content-Disposition", `attachment; filename="wallet-`+string(currency)+`.csv"`)
		return e.Blob(http.StatusOK, "text/csv; charset=utf-8", sheet.Bytes())
	}
	return shell.OK(e, describe(s), "")
}

func describe(s book.Statement) statementData {
	data := statementData{Currency: string(s.Currency), From: s.From, To: s.To, Lines: make([]lineData, len(s.Lines))}
	// The totals were computed without overflow while the statement was built.
	data.OpeningMinor, _ = s.Opening.Total()
	data.ClosingMinor, _ = s.Closing.Total()
	for i, line := range s.Lines {
		data.Lines[i] = lineData{
			Seq: line.Seq, At: line.At, Kind: string(line.Kind), Memo: line.Memo, SourceType: line.SourceType, SourceID: line.SourceID,
			PendingMinor: line.PendingMinor, AvailableMinor: line.AvailableMinor, HeldMinor: line.HeldMinor,
			AmountMinor: line.AmountMinor, BalanceMinor: line.BalanceMinor,
		}
	}
	return data
}

func parsePeriod(field, text string, otherwise time.Time) (time.Time, error) {
	if text == "" {
		return otherwise, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly, "2006-01-02 15:04:05.000Z"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC().Truncate(time.Millisecond), nil
		}
	}
	return time.Time{}, fault.StatementPeriod.On(field)
}

// Statement reads a person's wallet from the ledger: opening balances as they
// stood before the period, then one line per transaction.
func Statement(app core.App, user string, currency money.Currency, from, to time.Time) (book.Statement, error) {
	var opening book.Balances
	rows := []struct {
		Seq        int64  `db:"seq"`
		At         string `db:"recorded_at"`
		Kind       string `db:"kind"`
		Memo       string `db:"memo"`
		SourceType string `db:"source_type"`
		SourceID   string `db:"source_id"`
		Pending    int64  `db:"pending"`
		Available  int64  `db:"available"`
		Held       int64  `db:"held"`
	}{}
	params := dbx.Params{
		"pending":   book.UserAccount(user, book.Pending, currency).Key,
		"available": book.UserAccount(user, book.Available, currency).Key,
		"held":      book.UserAccount(user, book.Held, currency).Key,
		"from":      shell.Stamp(from), "to": shell.Stamp(to), "limit": maxStatementLines + 1,
	}
	for name, minor := range map[string]*int64{"pending": &opening.PendingMinor, "available": &opening.AvailableMinor, "held": &opening.HeldMinor} {
		err := app.DB().NewQuery(`
			SELECT COALESCE((
				SELECT e.balance_after_minor FROM ledger_entries e JOIN ledger_txs t ON t.id = e.tx
				WHERE e.account = (SELECT id FROM ledger_accounts WHERE [[key]] = {:key}) AND t.recorded_at < {:from}
				ORDER BY e.seq DESC LIMIT 1), 0)`).
			Bind(dbx.Params{"key": params[name], "from": params["from"]}).Row(minor)
		if err != nil {
			return book.Statement{}, err
		}
	}
	err := app.DB().NewQuery(`
		SELECT t.seq, t.recorded_at, t.kind, t.memo, t.source_type, t.source_id,
			SUM(CASE WHEN a.[[key]] = {:pending} THEN e.amount_minor ELSE 0 END) AS pending,
			SUM(CASE WHEN a.[[key]] = {:available} THEN e.amount_minor ELSE 0 END) AS available,
			SUM(CASE WHEN a.[[key]] = {:held} THEN e.amount_minor ELSE 0 END) AS held
		FROM ledger_accounts a JOIN ledger_entries e ON e.account = a.id JOIN ledger_txs t ON t.id = e.tx
		WHERE a.[[key]] IN ({:pending}, {:available}, {:held}) AND t.recorded_at >= {:from} AND t.recorded_at < {:to}
		GROUP BY t.seq ORDER BY t.seq LIMIT {:limit}`).Bind(params).All(&rows)
	if err != nil {
		return book.Statement{}, err
	}
	if len(rows) > maxStatementLines {
		return book.Statement{}, fault.StatementPeriod.On("to").Saying("The period has too many lines; ask for a shorter one.")
	}
	lines := make([]book.Line, len(rows))
	for i, row := range rows {
		at, err := shell.ParseStamp(row.At)
		if err != nil {
			return book.Statement{}, err
		}
		lines[i] = book.Line{
			Seq: row.Seq, At: at, Kind: book.Kind(row.Kind), Memo: row.Memo, SourceType: row.SourceType, SourceID: row.SourceID,
			PendingMinor: row.Pending, AvailableMinor: row.Available, HeldMinor: row.Held,
		}
	}
	return book.BuildStatement(currency, from, to, opening, lines)
}
