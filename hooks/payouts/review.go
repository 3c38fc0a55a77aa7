package payouts

import (
	"net/http"
	"strconv"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/payout"
)

const (
	shownReviews = 20
	mostReviews  = 100
)

// What makes an approver look twice.
const (
	newAccountAge = 7 * day
	newPersonAge  = 30 * day
	manyRequests  = 3 // in the day before
)

type reviewsData struct {
	Total   int64        `json:"total" help:"How many wait."`
	Payouts []reviewData `json:"payouts" help:"The oldest first."`
}

type reviewData struct {
	Payout        payoutData  `json:"payout"`
	State         string      `json:"state" help:"review, or manual."`
	FirstApprover string      `json:"first_approver" help:"Id of the first person of two who approve; empty if none."`
	Closer        string      `json:"closer" help:"Id of the first person of two who close it by hand; empty if none."`
	Needs         int64       `json:"needs" help:"Approvals that are still missing; 0 for one that must be rechecked or closed."`
	You           string      `json:"you" help:"Code of why you cannot decide on it; empty if you can."`
	Person        personCard  `json:"person"`
	Account       accountCard `json:"account"`
	Flags         []flagCard  `json:"flags" help:"Open flags of the person."`
	History       []eventCard `json:"history" help:"The latest 50 events, the newest first."`
	Hints         []string    `json:"hints" help:"first_payout, new_person, new_account, shared_account, name_differs, name_unknown, account_gone, account_changed, many_requests, large."`
}

type personCard struct {
	ID         string    `json:"id" db:"id"`
	Username   string    `json:"username" db:"username"`
	LegalName  string    `json:"legal_name" db:"legal_name"`
	Country    string    `json:"country" db:"country"`
	Standing   string    `json:"standing" db:"standing"`
	Verified   bool      `json:"verified" db:"verified" help:"The e-mail address is confirmed."`
	Since      time.Time `json:"since" help:"When they signed up."`
	Created    string    `json:"-" db:"created"`
	PaidMinor  int64     `json:"paid_minor" db:"paid_minor" help:"Paid out before, in the payout's currency."`
	PaidCount  int64     `json:"paid_count" db:"paid_count"`
	AskedToday int64     `json:"asked_today" db:"asked" help:"Requests in the 24 hours before this one, with it."`
}

type accountCard struct {
	Status     string     `json:"status" help:"active, replaced or unusable."`
	NameMatch  string     `json:"name_match" help:"How the bank's name compares with the legal name: match, review or unverified."`
	Since      time.Time  `json:"since" help:"When it was entered."`
	UsableFrom *time.Time `json:"usable_from" help:"Nothing is sent to it before."`
	SharedWith []string   `json:"shared_with" help:"Ids of other people who gave the same bank account."`
}

type flagCard struct {
	ID     string `json:"id" db:"id"`
	Kind   string `json:"kind" db:"kind"`
	Detail string `json:"detail" db:"detail"`
	Other  string `json:"other" db:"other" help:"Id of the other person in it, if any."`
	Score  int64  `json:"score" db:"score"`
}

type eventCard struct {
	Seq    int64  `json:"seq" db:"seq"`
	At     string `json:"at" db:"at"`
	Event  string `json:"event" db:"event"`
	From   string `json:"from" db:"from_state"`
	To     string `json:"to" db:"to_state"`
	Actor  string `json:"actor" db:"actor"`
	Reason string `json:"reason" db:"reason"`
}

func (d *desk) registerReview(core.App) {
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/payouts/review", Who: shell.Superuser, Data: reviewsData{},
		What:   "Payouts that wait for people: to approve or refuse, to check again or to close, with what is needed to decide.",
		Params: []shell.Param{shell.Query("limit", "1 to 100, default 20.")},
		Faults: []*fault.Code{fault.InvalidInput},
		Handle: d.review,
	})
}

func (d *desk) review(e *core.RequestEvent) error {
	limit := shownReviews
	if text := e.Request.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostReviews {
			return fault.InvalidInput.On("limit").Saying("The limit is 1 to 100.")
		}
		limit = n
	}
	const waits = "state IN ('requested', 'review', 'manual')"
	data := reviewsData{Payouts: []reviewData{}}
	if err := e.App.DB().NewQuery("SELECT COUNT(*) FROM payouts WHERE " + waits).Row(&data.Total); err != nil {
		return err
	}
	records := []*core.Record{}
	err := e.App.RecordQuery("payouts").AndWhere(dbx.NewExp(waits)).OrderBy("requested_at", "id").Limit(int64(limit)).All(&records)
	if err != nil {
		return err
	}
	policy, _, err := d.policy(e.App)
	if err != nil {
		return err
	}
	for _, record := range records {
		item, err := d.inReview(e.App, e.Auth, record, policy)
		if err != nil {
			return err
		}
		data.Payouts = append(data.Payouts, item)
	}
	return shell.OK(e, data, "")
}

// inReview gathers what somebody needs to decide on one payout.
func (d *desk) inReview(app core.App, admin, record *core.Record, policy payout.Policy) (reviewData, error) {
	item := reviewData{
		Payout: viewOf(record), State: record.GetString("state"), FirstApprover: record.GetString("first_approver"), Closer: record.GetString("closer"),
		Flags: []flagCard{}, History: []eventCard{}, Hints: []string{},
	}
	var err error
	if item.Person, err = personFor(app, record); err != nil {
		return item, err
	}
	account, err := app.FindRecordById("payout_accounts", record.GetString("account"))
	if err != nil {
		return item, err
	}
	if item.Account, err = accountCardOf(app, account); err != nil {
		return item, err
	}
	user := dbx.Params{"user": record.GetString("user"), "payout": record.Id}
	if err := app.DB().NewQuery("SELECT id, kind, detail, other, score FROM risk_flags WHERE user = {:user} AND state = 'open' ORDER BY score DESC, created").
		Bind(user).All(&item.Flags); err != nil {
		return item, err
	}
	if err := app.DB().NewQuery("SELECT seq, at, event, from_state, to_state, actor, reason FROM payout_events WHERE payout = {:payout} ORDER BY seq DESC LIMIT 50").
		Bind(user).All(&item.History); err != nil {
		return item, err
	}
	large := false
	if limits, known := policy.Limits(read(record).Currency); known {
		large = minorOf(record, "amount_minor") > limits.HighLimitMinor
	}
	item.Needs = needs(record, large)
	if item.You, err = d.barred(app, admin, record, policy); err != nil {
		return item, err
	}
	item.Hints = hints(record, item, large)
	return item, nil
}

func needs(record *core.Record, large bool) int64 {
	switch {
	case record.GetString("state") == string(payout.Manual):
		return 0
	case large && record.GetString("first_approver") == "":
		return 2
	}
	return 1
}

// barred is the code of what keeps the admin from deciding on the payout.
func (d *desk) barred(app core.App, admin, record *core.Record, policy payout.Policy) (string, error) {
	event := payout.Event(payout.Recheck{})
	person, err := decider(app, admin, record)
	if err == nil && record.GetString("state") == string(payout.Review) {
		event, err = d.approval(app, record, person)
	}
	if err == nil {
		_, err = payout.Step(read(record), event, policy, d.now())
	}
	return codeOf(refusalOf(err))
}

func personFor(app core.App, record *core.Record) (personCard, error) {
	card := personCard{}
	requested := record.GetDateTime("requested_at").Time()
	err := app.DB().NewQuery(`
		SELECT u.id, u.username, u.country, u.standing, u.verified, u.created, COALESCE(pp.legal_name, '') AS legal_name,
			COALESCE(SUM(CASE WHEN p.state = 'paid' THEN p.amount_minor END), 0) AS paid_minor,
			COUNT(CASE WHEN p.state = 'paid' THEN 1 END) AS paid_count,
			COUNT(CASE WHEN p.requested_at > {:since} AND p.requested_at <= {:at} THEN 1 END) AS asked
		FROM users u
		LEFT JOIN private_profiles pp ON pp.user = u.id
		LEFT JOIN payouts p ON p.user = u.id AND p.currency = {:currency}
		WHERE u.id = {:user}`).
		Bind(dbx.Params{
			"user": record.GetString("user"), "currency": record.GetString("currency"),
			"at": shell.Stamp(requested), "since": shell.Stamp(requested.Add(-day)),
		}).One(&card)
	if err != nil {
		return card, err
	}
	card.Since, err = shell.ParseStamp(card.Created)
	return card, err
}

func accountCardOf(app core.App, account *core.Record) (accountCard, error) {
	card := accountCard{
		Status: account.GetString("status"), NameMatch: account.GetString("name_match"), Since: account.GetDateTime("created").Time(), SharedWith: []string{},
	}
	if from := account.GetDateTime("usable_from").Time(); !from.IsZero() {
		card.UsableFrom = &from
	}
	err := app.DB().NewQuery("SELECT DISTINCT user FROM payout_accounts WHERE fingerprint = {:print} AND user != {:user} ORDER BY user LIMIT 20").
		Bind(dbx.Params{"print": account.GetString("fingerprint"), "user": account.GetString("user")}).Column(&card.SharedWith)
	return card, err
}

func hints(record *core.Record, item reviewData, large bool) []string {
	asked := record.GetDateTime("requested_at").Time()
	list := []string{}
	for _, hint := range []struct {
		name  string
		holds bool
	}{
		{"first_payout", item.Person.PaidCount == 0},
		{"new_person", asked.Sub(item.Person.Since) < newPersonAge},
		{"new_account", asked.Sub(item.Account.Since) < newAccountAge},
		{"shared_account", len(item.Account.SharedWith) > 0},
		{"name_differs", item.Account.NameMatch == collections.NameReview},
		{"name_unknown", item.Account.NameMatch == collections.NameUnverified},
		{"account_gone", item.Account.Status != collections.AccountActive},
		{"account_changed", !record.GetDateTime("account_at").IsZero()},
		{"many_requests", item.Person.AskedToday >= manyRequests},
		{"large", large},
	} {
		if hint.holds {
			list = append(list, hint.name)
		}
	}
	return list
}
