package moderation_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/internal/apptest"
)

// money is what ada has and what the campaign has left.
func (d *desk) money() string {
	d.t.Helper()
	b := d.Balance(ada)
	left := d.Int("SELECT balance_minor FROM ledger_accounts WHERE campaign = {:campaign}", dbx.Params{"campaign": d.GeneralCampaign()})
	return fmt.Sprintf("pending %d available %d left %d", b["pending"], b["available"], left)
}

func (d *desk) wantsMoney(what, want string) {
	d.t.Helper()
	d.sound()
	if got := d.money(); got != want {
		d.t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// appealed has ada appeal against the decision of a case, and somebody else of the
// staff claim and decide it.
func (d *desk) appealed(id, who, outcome string) {
	d.t.Helper()
	appeal := d.Want(d.appeal(ada, id), 200, "").Text("id")
	d.claim(who, id)
	d.Want(d.decideAppeal(who, appeal, outcome), 200, "")
}

// TestRejectedAndPaidAgain is the way of money: three votes pay, a rejection
// reverses what is pending, an appeal that is granted pays it again.
func TestRejectedAndPaidAgain(t *testing.T) {
	d := openDesk(t)
	clip := d.approved() // 15000 to ada, 1500 to each of three
	d.wantsMoney("approved", "pending 15000 available 0 left 980500")
	id := d.reported(clip, "hate", bola, chidi, dayo)
	answers := d.together(
		func() apptest.Answer { return d.do(musa, id, "claim", nil) }, func() apptest.Answer { return d.do(fatima, id, "claim", nil) })
	if got := fmt.Sprint(statuses(answers)); got != "[200 409]" {
		t.Fatalf("the claims: %s", got)
	}
	holder, other := musa, fatima
	if answers[0].Status != 200 {
		holder, other = fatima, musa
	}
	skills := d.skills()
	d.Want(d.do(holder, id, "resolve", decision("reject_clip", "found", "hate")), 200, "")
	d.wantsMoney("rejected", "pending 0 available 0 left 995500")
	if d.skills() == skills {
		t.Error("the voters learned nothing")
	}
	verdict, err := d.App.FindFirstRecordByFilter("verdicts", "clip = {:clip} && revision = 2", dbx.Params{"clip": clip})
	if err != nil || verdict.GetString("outcome") != "rejected" || verdict.GetString("reason") != "offensive" || verdict.GetString("actor") != "user:"+d.User(holder).Id {
		t.Errorf("the verdict is %v, %v", verdict, err)
	}
	d.Want(d.Vote(emeka, clip, "approve"), 409, "clip_decided")

	appeal := d.Want(d.appeal(ada, id), 200, "").Text("id")
	d.Want(d.appeal(ada, id), 409, "already_appealed")
	d.refused(d.do(holder, id, "claim", nil), 403, "case_not_yours", "first_decider")
	d.claim(other, id)
	view := d.Want(d.Do(other, "GET", casesPath+"/"+id, nil), 200, "").Data()
	if said := view["decision"].(map[string]any); said["action"] != "reject_clip" || said["by"] != d.User(holder).Id {
		t.Errorf("whoever decides the appeal sees %v", said)
	}
	if a := view["appealed"].(map[string]any); a["appeal"] != appeal || a["text"] != "I disagree." {
		t.Errorf("whoever decides the appeal reads %v", a)
	}
	d.refused(d.do(other, id, "resolve", decision("dismiss")), 409, "case_conflict", "under_appeal")
	d.Want(d.decideAppeal(other, appeal, "overturned"), 200, "")
	d.wantsMoney("overturned", "pending 15000 available 0 left 980500")
	if d.field("clips", clip, "status") != "approved" || d.Text("SELECT state FROM decisions", nil) != "undone" || d.standing(ada) != "good" {
		t.Errorf("the clip is %s, she is %s", d.field("clips", clip, "status"), d.standing(ada))
	}
	d.Advance(1_000 * time.Hour)
	if err := ledger.ReleaseDue(d.App, d.Deps); err != nil {
		t.Fatal(err)
	}
	d.wantsMoney("released", "pending 0 available 15000 left 980500")
	d.wantsTold(ada, "decision_made", "appeal_decided")
	for who, n := range map[string]int64{bola: 1, chidi: 1, dayo: 1} {
		if wrong := d.Int("SELECT wrong * 10 + right FROM reporters WHERE user = {:user}", dbx.Params{"user": d.User(who).Id}); wrong != n*10 {
			t.Errorf("%s counts as %d after the appeal", who, wrong)
		}
	}
}

// skills are what is known about the voters, as a text.
func (d *desk) skills() string {
	d.t.Helper()
	return d.Text("SELECT COALESCE(group_concat(validator || source || cause), '') FROM skill_events", nil)
}

// TestUpheldStays: an appeal that is not granted changes nothing and is the last.
func TestUpheldStays(t *testing.T) {
	d := openDesk(t)
	clip := d.approved()
	id := d.reported(clip, "hate", bola)
	d.Want(d.resolve(musa, id, "reject_clip", "found", "hate"), 200, "")
	d.appealed(id, fatima, "upheld")
	d.wantsMoney("upheld", "pending 0 available 0 left 995500")
	if d.field("clips", clip, "status") != "rejected" || d.field("cases", id, "appeal") != "upheld" || d.Text("SELECT state FROM decisions", nil) != "in_force" {
		t.Error("the decision does not stand")
	}
	d.Want(d.appeal(ada, id), 409, "already_appealed")
	d.refused(d.do(admin, id, "claim", nil), 409, "case_conflict", "closed")
	d.wantsTold(ada, "decision_made", "appeal_decided")
	d.wantsTold(musa, "appeal_outcome")
}

// TestStrippedAndGivenBack: released, pending and unfunded rewards of a clip and of
// its remix are taken back for fraud, and an appeal gives exactly those again.
func TestStrippedAndGivenBack(t *testing.T) {
	d := openDesk(t)
	clip := d.approved()
	d.Advance(1_000 * time.Hour)
	if err := ledger.ReleaseDue(d.App, d.Deps); err != nil {
		t.Fatal(err)
	}
	d.Consent(emeka)
	remix := d.Clip(emeka, "parent", clip)
	d.Decide(remix, "approve", bola, chidi, dayo)
	before := d.money() // 15000 released, a share of the remix pending
	if d.Balance(ada)["pending"] != 4_500 || d.Balance(ada)["available"] != 15_000 {
		t.Fatalf("before: %s", before)
	}
	others := d.Balance(emeka)["pending"] + d.Balance(bola)["available"] + d.Balance(bola)["pending"]
	id := d.reported(clip, "spam", dayo)
	d.exec("UPDATE _superusers SET person = {:who}", dbx.Params{"who": d.User(fatima).Id}) // emeka has remixed it
	d.Want(d.resolve(admin, id, "strip_rewards", "found", "spam", "note", "A machine spoke."), 200, "")
	if b := d.Balance(ada); b["pending"] != 0 || b["available"] != 0 {
		t.Errorf("she has %v", b)
	}
	if now := d.Balance(emeka)["pending"] + d.Balance(bola)["available"] + d.Balance(bola)["pending"]; now != others {
		t.Error("others lost something")
	}
	d.sound()
	_, _, data := d.audited("case.resolve strip_rewards")
	if got := fmt.Sprint(data["money"]); got != "map[clawed_minor:15000 kept_minor:0 reversed_minor:4500 unfunded_minor:0]" {
		t.Errorf("the audit row says %s", got)
	}
	// Only an admin could do it, so only another admin decides the appeal.
	second := d.secondAdmin(musa)
	d.appealed(id, second, "overturned")
	if err := ledger.ReleaseDue(d.App, d.Deps); err != nil {
		t.Fatal(err)
	}
	d.wantsMoney("given back", before)
	if n := d.Int("SELECT COUNT(*) FROM taken_rewards WHERE restored = 1 AND [[case]] = {:case}", dbx.Params{"case": id}); n != 2 {
		t.Errorf("%d were restored", n)
	}
	if d.standing(ada) != "good" {
		t.Errorf("she is %s", d.standing(ada))
	}
}

// TestEverythingOfAPersonIsStripped: what votes brought, and referrals, too.
func TestEverythingOfAPersonIsStripped(t *testing.T) {
	d := openDesk(t)
	d.approved()
	other := d.approvedBy(bola)
	d.Decide(other, "approve", ada, chidi, dayo)
	before := d.money()
	id := d.about(admin, ada, "spam")
	d.Want(d.do(admin, id, "resolve", decision("strip_rewards", "found", "spam", "note", "All of it is made up.")), 200, "")
	if b := d.Balance(ada); b["pending"] != 0 || b["available"] != 0 || b["earned"] != 0 {
		t.Errorf("she has %v", b)
	}
	if d.Balance(bola)["pending"] == 0 {
		t.Error("bola lost hers")
	}
	d.sound()
	d.exec("UPDATE _superusers SET person = {:who} WHERE email = {:admin}", dbx.Params{"who": d.User(fatima).Id, "admin": admin})
	d.appealed(id, admin, "overturned")
	d.wantsMoney("given back", before)
}
