package payouts_test

import (
	"slices"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/internal/apptest"
)

func (c *counter) waiting(admin string) []map[string]any {
	c.t.Helper()
	return c.Want(c.do(admin, "GET", payoutsPath+"/review", nil), 200, "").Items("payouts")
}

func words(value any) []string {
	list := []string{}
	items, _ := value.([]any)
	for _, item := range items {
		text, _ := item.(string)
		list = append(list, text)
	}
	return list
}

func TestWhatAnApproverSees(t *testing.T) {
	c := openCounter(t)
	if list := c.waiting(chief); len(list) != 0 {
		t.Fatalf("%v waits", list)
	}
	c.exec("UPDATE private_profiles SET legal_name = 'Ada Lovelace' WHERE user = {:id}", dbx.Params{"id": c.User(apptest.Ada).Id})
	c.must(c.raise(apptest.Ada, "shared_payout_account"))
	first := c.asked(apptest.Ada, large)
	c.asked(apptest.Bola, 5_000*naira) // approved: waits for nobody
	list := c.waiting(chief)
	if len(list) != 1 {
		t.Fatalf("%d wait", len(list))
	}
	item := list[0]
	person, _ := item["person"].(map[string]any)
	account, _ := item["account"].(map[string]any)
	shown, _ := item["payout"].(map[string]any)
	if shown["id"] != first || item["state"] != "review" || item["needs"] != 2.0 || item["you"] != "" || item["first_approver"] != "" {
		t.Errorf("the payout: %v", item)
	}
	if person["username"] != "ada" || person["legal_name"] != "Ada Lovelace" || person["standing"] != "good" || person["paid_minor"] != 0.0 || person["asked_today"] != 1.0 {
		t.Errorf("the person: %v", person)
	}
	if account["status"] != "active" || account["name_match"] != "match" || len(words(account["shared_with"])) != 0 {
		t.Errorf("the account: %v", account)
	}
	flags, _ := item["flags"].([]any)
	history, _ := item["history"].([]any)
	if len(flags) != 1 || flags[0].(map[string]any)["kind"] != "shared_payout_account" || len(history) != 2 || history[0].(map[string]any)["to"] != "review" {
		t.Errorf("flags %v, history %v", flags, history)
	}
	if want := []string{"first_payout", "new_person", "new_account", "large"}; !slices.Equal(words(item["hints"]), want) {
		t.Errorf("hints: %v", item["hints"])
	}

	// After the first approval the same admin cannot decide, another can.
	c.Want(c.approve(chief, first), 200, "")
	for admin, you := range map[string]string{chief: "second_person_needed", deputy: "", apptest.Admin: "approver_unknown"} {
		if item := c.waiting(admin)[0]; item["you"] != you || item["needs"] != 1.0 || item["first_approver"] != c.User(apptest.Fatima).Id {
			t.Errorf("%s: %v %v %v", admin, item["you"], item["needs"], item["first_approver"])
		}
	}
}

func TestHintsOfReview(t *testing.T) {
	c := openCounter(t)
	c.exec("UPDATE users SET created = '2020-01-01 00:00:00.000Z'", nil)
	c.exec("UPDATE payout_accounts SET created = '2020-01-01 00:00:00.000Z', fingerprint = 'one', name_match = 'unverified'", nil)
	id := c.asked(apptest.Ada, waiting)
	c.exec("UPDATE payouts SET state = 'paid', settled = 'paid', requested_at = '2020-01-01 00:00:00.000Z' WHERE id = {:id}", dbx.Params{"id": id})
	second := c.asked(apptest.Ada, waiting)
	item := c.waiting(chief)[0]
	if want := []string{"shared_account", "name_unknown"}; !slices.Equal(words(item["hints"]), want) {
		t.Errorf("hints: %v", item["hints"])
	}
	person, _ := item["person"].(map[string]any)
	account, _ := item["account"].(map[string]any)
	if person["paid_minor"] != float64(waiting) || person["paid_count"] != 1.0 || person["asked_today"] != 1.0 {
		t.Errorf("the person: %v", person)
	}
	if !slices.Equal(words(account["shared_with"]), []string{c.User(apptest.Bola).Id}) {
		t.Errorf("shared with %v", account["shared_with"])
	}
	c.exec("UPDATE payout_accounts SET status = 'replaced'", nil)
	if item := c.waiting(chief)[0]; item["you"] != "payout_account_inactive" || !slices.Contains(words(item["hints"]), "account_gone") {
		t.Errorf("an account that is gone: %v %v", item["you"], item["hints"])
	}
	// What waits for a proof is in the list, too.
	c.exec("UPDATE payouts SET state = 'manual', sent_at = requested_at WHERE id = {:id}", dbx.Params{"id": second})
	if item := c.waiting(chief)[0]; item["state"] != "manual" || item["needs"] != 0.0 || item["you"] != "" {
		t.Errorf("manual: %v %v %v", item["state"], item["needs"], item["you"])
	}
}

func TestTheListOfReviewIsBounded(t *testing.T) {
	c := openCounter(t)
	first := c.asked(apptest.Ada, waiting)
	c.Advance(1e9)
	c.asked(apptest.Bola, waiting)
	answer := c.Want(c.do(chief, "GET", payoutsPath+"/review?limit=1", nil), 200, "")
	list := answer.Items("payouts")
	if answer.Data()["total"] != 2.0 || len(list) != 1 || list[0]["payout"].(map[string]any)["id"] != first {
		t.Errorf("the list is %s", answer.Raw)
	}
	for _, bad := range []string{"0", "101", "x", "-1"} {
		c.Want(c.do(chief, "GET", payoutsPath+"/review?limit="+bad, nil), 400, "invalid_input")
	}
}
