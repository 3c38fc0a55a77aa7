package ambassadors_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/hook"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/apptest"
)

func TestApplying(t *testing.T) {
	o := open(t)
	id := o.apply(ada, "region", "  Kano State ", "user", o.User(ada).Id, "decided_by", "x") // a hidden name has no effect
	stored, err := o.App.FindRecordById("ambassador_applications", id)
	if err != nil {
		t.Fatal(err)
	}
	if stored.GetString("user") != o.User(ada).Id || stored.GetString("state") != "pending" || stored.GetString("region") != "Kano State" ||
		stored.GetString("decided_by") != "" || !stored.GetDateTime("decided_at").IsZero() {
		t.Errorf("stored: %v", stored)
	}
	o.Want(o.Do(ada, "POST", applications, application()), 409, "application_pending")
	for field, value := range map[string]any{
		"state": "approved", "reason": "x", "decided_at": "2031-01-01 00:00:00.000Z", "user": o.User(bola).Id,
	} {
		o.Want(o.Do(chidi, "POST", applications, application(field, value)), 400, "server_field")
		o.Do(ada, "PATCH", applications+"/"+id, map[string]any{field: value})
	}
	for field, value := range map[string]string{
		"country": "Nigeria", "region": " State ", "motivation": "  ", "experience": strings.Repeat("x", 2001),
	} {
		o.Want(o.Do(chidi, "POST", applications, application(field, value)), 400, "")
	}
	for _, long := range []string{"region", "motivation"} {
		o.Want(o.Do(dayo, "POST", applications, application(long, strings.Repeat("x", 2001))), 400, "validation_max_text_constraint")
	}
	if answer := o.Do(guest, "POST", applications, application()); answer.Status != 400 {
		t.Errorf("a guest: %s", answer.Raw)
	}
	o.Want(o.Do(apptest.Admin, "POST", applications, application()), 403, "server_owned")
	o.Want(o.Do(musa, "POST", applications, application()), 200, "")
	if answer := o.Do(ada, "DELETE", applications+"/"+id, nil); answer.Status < 400 {
		t.Errorf("removed: %s", answer.Raw)
	}
	if o.Int("SELECT COUNT(*) FROM ambassador_applications WHERE user = {:id} AND state = 'pending' AND reason = ''", o.id(ada)) != 1 {
		t.Error("Ada changed her application")
	}
	// Others do not read it.
	for who, rows := range map[string]int{ada: 1, bola: 0, musa: 1, guest: 0} {
		if got := len(o.Want(o.Do(who, "GET", applications, nil), 200, "").Items("items")); got != rows {
			t.Errorf("%q lists %d", who, got)
		}
	}
}

func TestWhoMayNotActMayNotApply(t *testing.T) {
	o := open(t)
	o.standing(bola, "suspended")
	o.standing(chidi, "banned")
	o.standing(dayo, "warned")
	o.Want(o.Do(bola, "POST", applications, application()), 403, "account_suspended")
	o.Want(o.Do(chidi, "POST", applications, application()), 403, "account_banned")
	o.Want(o.Do(dayo, "POST", applications, application()), 200, "")
}

func TestAnApplicationMayBeRepeated(t *testing.T) {
	o := open(t)
	id := shell.NewID()
	for range 3 {
		o.Want(o.Do(ada, "POST", applications, application("id", id, "region", " Kano ")), 200, "")
	}
	o.Want(o.Do(ada, "POST", applications, application("id", id, "region", "Kaduna")), 409, "id_conflict")
	o.Want(o.Do(bola, "POST", applications, application("id", id)), 409, "id_conflict")
	if n := o.Int("SELECT COUNT(*) FROM ambassador_applications"); n != 1 {
		t.Errorf("%d rows", n)
	}
	// A repeat takes nothing of the limit, and answers after the decision, too.
	o.Want(o.Do(chief, "POST", decisions+id+"/reject", map[string]any{"reason": "Not now."}), 200, "")
	if answer := o.Want(o.Do(ada, "POST", applications, application("id", id, "region", "Kano")), 200, ""); answer.Text("state") != "rejected" {
		t.Errorf("the repeat: %s", answer.Raw)
	}
	for range 2 {
		again := o.apply(ada)
		o.Want(o.Do(chief, "POST", decisions+again+"/reject", map[string]any{"reason": "Not now."}), 200, "")
	}
	o.Want(o.Do(ada, "POST", applications, application()), 429, "rate_limited")
	o.Advance(25 * time.Hour)
	o.apply(ada)
}

func TestOneApplicationWaitsWhateverTheRace(t *testing.T) {
	o := open(t)
	o.Token(ada)
	answers := make([]apptest.Answer, 8)
	functions := []func(){}
	for i := range answers {
		functions = append(functions, func() { answers[i] = o.Do(ada, "POST", applications, application("id", shell.NewID())) })
	}
	together(functions...)
	codes := []string{}
	for _, answer := range answers {
		codes = append(codes, answer.Code())
	}
	slices.Sort(codes)
	if codes[0] != "" || codes[1] != "application_pending" || codes[7] != "application_pending" {
		t.Errorf("the answers: %q", codes)
	}
	if n := o.Int("SELECT COUNT(*) FROM ambassador_applications"); n != 1 {
		t.Errorf("%d rows", n)
	}
}

func TestWhoDecides(t *testing.T) {
	o := open(t)
	id := o.apply(ada)
	for _, verb := range []string{"approve", "reject"} {
		body := o.offer("reason", "Because.")
		if verb == "reject" {
			body = map[string]any{"reason": "Because."}
		}
		o.Want(o.Do(guest, "POST", decisions+id+"/"+verb, body), 401, "sign_in_required")
		for _, who := range []string{ada, bola, musa} {
			o.Want(o.Do(who, "POST", decisions+id+"/"+verb, body), 403, "not_allowed")
		}
	}
	o.Want(o.Do(chief, "POST", decisions+id+"/approve", o.offer()), 403, "confirmation_required")
	o.Want(o.Do(chief, "POST", decisions+id+"/approve", o.offer(), o.confirmed(chief, forTerms)), 403, "confirmation_required")
	o.Want(o.Do(chief, "POST", decisions+id+"/approve", o.offer(), o.confirmed(deputy, forApproval)), 403, "confirmation_required")
	o.Want(o.approve(apptest.Admin, id), 403, "approver_unknown")
	o.Want(o.approve(chief, shell.NewID()), 404, "not_found")

	// Neither by the relation nor by the address is an admin the applicant.
	o.exec("UPDATE _superusers SET person = {:id} WHERE email = {:chief}", o.id(ada), dbx.Params{"chief": chief})
	o.admin("ADA@lingualink.test", bola)
	o.admin("third@lingualink.test", bola) // Bola, whose other admin account has Ada's address
	for _, admin := range []string{chief, "ADA@lingualink.test", "third@lingualink.test"} {
		o.Want(o.approve(admin, id), 403, "own_application")
		o.Want(o.Do(admin, "POST", decisions+id+"/reject", map[string]any{"reason": "Because."}), 403, "own_application")
	}
	if o.Int("SELECT COUNT(*) FROM ambassadors") != 0 || o.roles(ada) != "[]" || o.Int("SELECT COUNT(*) FROM audit_log WHERE action LIKE 'ambassador%'") != 0 {
		t.Error("something was done")
	}
	o.Want(o.approve(deputy, id), 200, "")
}

func TestApproval(t *testing.T) {
	o := open(t)
	id := o.apply(musa) // a moderator: the other role stays
	data := o.Want(o.approve(chief, id, "reason", "Welcome.", "region", "Kaduna State"), 200, "").Data()
	row, err := o.App.FindRecordById("ambassadors", data["ambassador"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if row.GetString("user") != o.User(musa).Id || row.GetString("country") != "NG" || row.GetString("region") != "Kaduna State" || row.GetString("region_key") != "NG:kaduna" ||
		row.GetInt("stipend_minor") != stipendMinor || row.GetString("currency") != "NGN" || row.GetString("campaign") != o.GeneralCampaign() || row.GetInt("version") != 1 ||
		row.GetString("next_month") != o.month(1) || row.GetDateTime("since").IsZero() || !row.GetDateTime("ended_at").IsZero() || !strings.HasPrefix(row.GetString("approved_by"), "superuser:") {
		t.Errorf("the row: %v", row)
	}
	if o.roles(musa) != `["moderator","ambassador"]` {
		t.Errorf("roles: %s", o.roles(musa))
	}
	decided, err := o.App.FindRecordById("ambassador_applications", id)
	if err != nil {
		t.Fatal(err)
	}
	if decided.GetString("state") != "approved" || decided.GetString("reason") != "Welcome." || decided.GetDateTime("decided_at").IsZero() {
		t.Errorf("the application: %v", decided)
	}
	if o.Int("SELECT COUNT(*) FROM audit_log WHERE action IN ('ambassador_application.approved', 'user.roles')") != 2 || o.notices(musa, "ambassador_application") != 1 {
		t.Error("an audit row or the notice is missing")
	}
	o.Want(o.approve(chief, id), 409, "application_decided")
	o.Want(o.Do(chief, "POST", decisions+id+"/reject", map[string]any{"reason": "No."}), 409, "application_decided")
	o.Want(o.Do(musa, "POST", applications, application()), 409, "already_ambassador")
	o.books()
}

func TestTwoAdminsApproveAtOnce(t *testing.T) {
	o := open(t)
	id := o.apply(ada)
	admins, answers := []string{chief, deputy, chief, deputy}, make([]apptest.Answer, 4)
	functions := []func(){}
	for i, admin := range admins {
		token := o.confirmed(admin, forApproval)
		functions = append(functions, func() { answers[i] = o.Do(admin, "POST", decisions+id+"/approve", o.offer(), token) })
	}
	together(functions...)
	codes := []string{}
	for _, answer := range answers {
		codes = append(codes, answer.Code())
	}
	slices.Sort(codes)
	if !slices.Equal(codes, []string{"", "application_decided", "application_decided", "application_decided"}) {
		t.Errorf("the answers: %q", codes)
	}
	if o.Int("SELECT COUNT(*) FROM ambassadors") != 1 || o.roles(ada) != `["ambassador"]` || o.notices(ada, "ambassador_application") != 1 {
		t.Error("it was done other than once")
	}
}

func TestWhatCannotBeApproved(t *testing.T) {
	o := open(t)
	id := o.apply(ada)
	closed := o.campaign("NGN", "closed")
	dollars := o.campaign("USD", "open")
	for _, c := range []struct {
		change []any
		status int
		code   string
	}{
		{[]any{"stipend_minor", nil}, 400, "invalid_input"},
		{[]any{"stipend_minor", -1}, 400, "amount_invalid"},
		{[]any{"stipend_minor", 1.5}, 400, "invalid_input"},
		{[]any{"stipend_minor", int64(1) << 53}, 400, "amount_overflow"},
		{[]any{"currency", "EUR"}, 400, "currency_unknown"},
		{[]any{"currency", "USD"}, 400, "invalid_input"},
		{[]any{"campaign", ""}, 400, "invalid_input"},
		{[]any{"campaign", shell.NewID()}, 404, "not_found"},
		{[]any{"campaign", closed}, 409, "campaign_unavailable"},
		{[]any{"campaign", closed, "stipend_minor", 0}, 409, "campaign_unavailable"},
		{[]any{"campaign", dollars}, 400, "invalid_input"},
		{[]any{"country", "ng"}, 400, "invalid_input"},
		{[]any{"region", "State"}, 400, "invalid_input"},
		{[]any{"region", strings.Repeat("x", 81)}, 400, "invalid_input"},
		{[]any{"reason", strings.Repeat("x", 501)}, 400, "invalid_input"},
		{[]any{"user", o.User(bola).Id}, 400, "invalid_input"},
	} {
		answer := o.approve(chief, id, c.change...)
		if answer.Status != c.status || answer.Code() != c.code {
			t.Errorf("%v: %d %s", c.change, answer.Status, answer.Raw)
		}
	}
	o.standing(ada, "suspended")
	o.Want(o.approve(chief, id), 409, "applicant_restricted")
	o.standing(ada, "good")
	if o.Int("SELECT COUNT(*) FROM ambassadors") != 0 || o.roles(ada) != "[]" {
		t.Error("something was done")
	}
	o.Want(o.approve(chief, id, "campaign", dollars, "currency", "USD"), 200, "")
	other := o.apply(bola)
	o.Want(o.approve(chief, other, "campaign", "", "stipend_minor", 0), 200, "")
}

// campaign plants one in a currency and status.
func (o *office) campaign(currency, status string) string {
	id := shell.NewID()
	o.Insert("campaigns", dbx.Params{"id": id, "name": currency, "currency": currency, "status": status, "language": "ha", "created": shell.Stamp(o.now()), "updated": shell.Stamp(o.now())})
	return id
}

func TestRejection(t *testing.T) {
	o := open(t)
	id := o.apply(ada)
	for _, why := range []string{"", "  ", strings.Repeat("x", 501)} {
		o.Want(o.Do(chief, "POST", decisions+id+"/reject", map[string]any{"reason": why}), 400, "invalid_input")
	}
	told := []string{} // by realtime, which sends what these events bring
	o.App.OnRecordAfterUpdateSuccess("ambassador_applications").Bind(&hook.Handler[*core.RecordEvent]{
		Id:   "ll.test.told",
		Func: func(e *core.RecordEvent) error { told = append(told, e.Record.GetString("state")); return e.Next() },
	})
	o.Want(o.Do(chief, "POST", decisions+id+"/reject", map[string]any{"reason": "Tell us more."}), 200, "")
	if !slices.Equal(told, []string{"rejected"}) {
		t.Errorf("told: %q", told)
	}
	o.Want(o.Do(deputy, "POST", decisions+id+"/reject", map[string]any{"reason": "No."}), 409, "application_decided")
	o.Want(o.approve(chief, id), 409, "application_decided")
	if answer := o.Do(ada, "GET", applications+"/"+id, nil); answer.Text("state") != "rejected" || answer.Text("reason") != "Tell us more." || answer.JSON["decided_by"] != nil {
		t.Errorf("what she reads: %s", answer.Raw)
	}
	if o.notices(ada, "ambassador_application") != 1 || o.roles(ada) != "[]" || o.Int("SELECT COUNT(*) FROM audit_log WHERE action = 'ambassador_application.rejected'") != 1 {
		t.Error("a notice, the audit row, or a role too many")
	}
	o.apply(ada)
}
