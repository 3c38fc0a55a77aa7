package notifications_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
)

const (
	preferences = "/api/collections/notification_preferences/records"
	mutes       = "/api/collections/notification_mutes/records"
)

func TestPreferencesAreOnesOwn(t *testing.T) {
	k := start(t)
	id := k.Want(k.Do(ada, "POST", preferences, map[string]any{"category": "social", "push": "off"}), 200, "").Text("id")
	k.Want(k.Do(ada, "POST", preferences, map[string]any{"category": "social", "push": "on"}), 400, "validation_not_unique")
	k.Want(k.Do(bola, "POST", preferences, map[string]any{"category": "social", "push": "off"}), 200, "")
	k.Want(k.Do(bola, "POST", preferences, map[string]any{"category": "live", "user": k.User(ada).Id}), 400, "server_field")
	k.Want(k.Do(ada, "POST", preferences, map[string]any{"category": "weather", "push": "off"}), 400, "validation_invalid_value")
	for _, who := range []string{bola, musa} {
		k.Want(k.Do(who, "GET", preferences+"/"+id, nil), 404, "")
		k.Want(k.Do(who, "PATCH", preferences+"/"+id, map[string]any{"push": "on"}), 404, "")
		k.Want(k.Do(who, "DELETE", preferences+"/"+id, nil), 404, "")
	}
	k.Want(k.Do(admin, "PATCH", preferences+"/"+id, map[string]any{"push": "on"}), 403, "server_owned")
	k.Want(k.Do(ada, "PATCH", preferences+"/"+id, map[string]any{"category": "live"}), 400, "server_field")
	k.Want(k.Do(ada, "PATCH", preferences+"/"+id, map[string]any{"in_app": "off"}), 200, "")
	k.device(ada, 1)
	k.tell(ada, "follower", k.follower(bola))
	k.wantInbox(ada, 0)
	k.wantStates("")
	k.Want(k.Do(ada, "DELETE", preferences+"/"+id, nil), 204, "") // as at first
	k.tell(ada, "follower", k.follower(bola))
	k.wantInbox(ada, 1)
	k.wantStates("queued")
}

// TestARequestThatIsRepeated: the phone did not hear the answer.
func TestARequestThatIsRepeated(t *testing.T) {
	k := start(t)
	for path, row := range map[string]map[string]any{
		preferences: {"id": "preference00001", "category": "live", "push": "off"},
		mutes:       {"id": "mutemutemute001", "thread": "s1"},
	} {
		k.Want(k.Do(ada, "POST", path, row), 200, "")
		k.Want(k.Do(ada, "POST", path, row), 200, "")
		k.Want(k.Do(bola, "POST", path, row), 409, "id_conflict")
		row["push"], row["thread"] = "on", "s2"
		k.Want(k.Do(ada, "POST", path, row), 409, "id_conflict")
	}
}

func TestWhatMustCome(t *testing.T) {
	k := start(t)
	for _, row := range []map[string]any{
		{"category": "security", "mail": "off"}, {"category": "security", "in_app": "off"}, {"category": "payouts", "in_app": "off"}, {"category": "moderation", "in_app": "off"},
	} {
		k.Want(k.Do(ada, "POST", preferences, row), 400, "channel_required")
	}
	id := k.Want(k.Do(ada, "POST", preferences, map[string]any{"category": "security", "push": "off"}), 200, "").Text("id")
	k.Want(k.Do(ada, "PATCH", preferences+"/"+id, map[string]any{"mail": "off"}), 400, "channel_required")
	for _, row := range []map[string]any{
		{"category": "general", "push": "off"}, {"category": "live", "quiet_from_minute": 60}, {"category": "general", "quiet_from_minute": 24 * 60}, {"category": "general", "quiet_to_minute": -1},
	} {
		if answer := k.Do(ada, "POST", preferences, row); answer.Status != 400 {
			t.Errorf("%v: %s", row, answer.Raw)
		}
	}
}

// TestSwitchedOffAtNight: what waits for the morning does not come any more.
func TestSwitchedOffAtNight(t *testing.T) {
	k := start(t)
	k.device(ada, 1)
	k.verify(ada)
	k.Want(k.Do(ada, "POST", preferences, map[string]any{"category": "general", "quiet_from_minute": 0, "quiet_to_minute": 1439}), 200, "")
	k.until(3, 0)
	k.tell(ada, "payout_paid", payoutFailed("p1"))
	k.wantStates("queued queued")
	k.Want(k.Do(ada, "POST", preferences, map[string]any{"category": "social", "push": "off"}), 200, "")
	k.wantStates("queued queued")
	k.Want(k.Do(ada, "POST", preferences, map[string]any{"category": "payouts", "push": "off"}), 200, "")
	if got := k.Text("SELECT group_concat(channel || ' ' || state, ', ') FROM (SELECT channel, state FROM deliveries ORDER BY channel)", nil); got != "expo dropped, mail queued" {
		t.Errorf("%s", got)
	}
}

func TestQuietHoursByTheClockOnTheWall(t *testing.T) {
	k := start(t)
	k.device(ada, 1)
	k.exec("UPDATE private_profiles SET time_zone = 'Africa/Lagos' WHERE user = {:id}", dbx.Params{"id": k.User(ada).Id}) // UTC+1, all the year
	k.Want(k.Do(ada, "POST", preferences, map[string]any{"category": "general", "quiet_from_minute": 22 * 60, "quiet_to_minute": 7 * 60}), 200, "")
	k.until(20, 50) // 21:50 in Lagos
	k.tell(ada, "promoted", nil)
	k.send("expo")
	k.wantStates("ticket")
	k.until(21, 30) // 22:30 in Lagos
	k.tell(ada, "demoted", nil)
	k.tell(ada, "payout_failed", payoutFailed("p1")) // urgent
	k.wantInbox(ada, 3)                              // the inbox disturbs nobody
	k.send("expo")
	k.wantStates("ticket queued ticket")
	if at := k.Text("SELECT next_at FROM deliveries WHERE state = 'queued'", nil); !strings.HasSuffix(at, " 06:00:00.000Z") {
		t.Errorf("it leaves at %s", at)
	}
	k.until(5, 59)
	k.send("expo")
	k.wantStates("ticket queued ticket")
	k.until(6, 1)
	k.send("expo")
	k.wantStates("ticket ticket ticket")
}

func TestManyAlikeAreToldAsOne(t *testing.T) {
	k := start(t)
	k.device(ada, 1)
	k.tell(ada, "follower", k.follower(bola))
	k.send("expo")
	for _, name := range []string{chidi, dayo, emeka} {
		k.tell(ada, "follower", k.follower(name))
		k.send("expo")
	}
	k.tell(ada, "promoted", nil) // not alike: at once
	k.send("expo")
	k.wantStates("ticket queued queued queued ticket")
	k.Advance(11 * time.Minute)
	k.send("expo")
	k.wantStates("ticket merged merged ticket ticket")
	got := k.expo.Accepted()
	if len(got) != 3 || got[0].Body != "bola follows you now." || got[2].Body != "3 people follow you now." || got[2].Data["collapse"] == got[0].Data["collapse"] {
		t.Errorf("%+v", got)
	}
	k.wantInbox(ada, 5)
}

// TestADigestIsNotCutByABatch: what is told as one is more than a mail claims at once.
func TestADigestIsNotCutByABatch(t *testing.T) {
	k := start(t)
	k.verify(ada)
	k.Want(k.Do(ada, "POST", preferences, map[string]any{"category": "social", "mail": "on"}), 200, "")
	for _, name := range []string{bola, chidi, dayo} {
		k.queue(ada, "follower", k.follower(name))
	}
	k.Drain()
	k.send("mail")
	k.wantStates("merged merged sent")
	if got := k.smtp.Received(); len(got) != 1 || !strings.Contains(got[0].Data, "3 people follow you now.") {
		t.Errorf("%+v", got)
	}
}

func TestAMutedStream(t *testing.T) {
	k := start(t)
	k.device(ada, 1)
	live := k.follower(bola)
	live["stream"], live["title"] = "s1", "Proverbs"
	id := k.Want(k.Do(ada, "POST", mutes, map[string]any{"thread": "s1"}), 200, "").Text("id")
	k.Want(k.Do(bola, "DELETE", mutes+"/"+id, nil), 404, "")
	k.Want(k.Do(bola, "POST", mutes, map[string]any{"thread": "s1", "user": k.User(ada).Id}), 400, "server_field")
	k.tell(ada, "stream_live", live)
	k.wantStates("")
	if row := k.wantInbox(ada, 1)[0]; row["thread"] != "s1" {
		t.Errorf("%v", row)
	}
	k.Want(k.Do(ada, "DELETE", mutes+"/"+id, nil), 204, "")
	k.tell(ada, "stream_live", live)
	k.wantStates("queued")
}
