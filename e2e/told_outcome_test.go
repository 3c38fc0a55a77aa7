package e2e_test

import (
	"fmt"
	"net/http"
	netmail "net/mail"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/e2e/harness"
)

// deliveryRow is a delivery as superusers read it.
type deliveryRow struct {
	ID      string `json:"id"`
	User    string `json:"user"`
	Channel string `json:"channel"`
	Device  string `json:"device"`
	Data    struct {
		Announcement string `json:"announcement"`
	} `json:"data"`
	Notification string `json:"notification"`
	State        string `json:"state"`
	Attempts     int    `json:"attempts"`
	LastError    string `json:"last_error"`
}

// channelRow is a channel in the status for admins.
type channelRow struct {
	Name    string `json:"name"`
	On      bool   `json:"on"`
	Waiting int    `json:"waiting"`
	Dead    int    `json:"dead"`
	Unknown int    `json:"unknown"`
}

// status is what the admin sees of a channel.
func (n *newsroom) status(t *testing.T, channel string) channelRow {
	t.Helper()
	var answer struct {
		Data struct {
			Channels []channelRow `json:"channels"`
			DeadJobs int          `json:"dead_jobs"`
		} `json:"data"`
	}
	n.admin.Must(t, http.MethodGet, "/api/lingualink/notifications/status", nil, &answer)
	if answer.Data.DeadJobs != 0 {
		t.Fatalf("%d jobs were given up", answer.Data.DeadJobs)
	}
	for _, row := range answer.Data.Channels {
		if row.Name == channel {
			return row
		}
	}
	t.Fatalf("there is no channel %s", channel)
	return channelRow{}
}

// checkDoubt proves that the kill hit mails in the middle, and that the admin sees
// them: those that were held back, and at most as many as there are dialogues.
func (n *newsroom) checkDoubt(t *testing.T, round int) {
	t.Helper()
	hold, before := n.rounds[round], n.unknown
	harness.Eventually(t, "mails in doubt are shown to the admin", func() (bool, error) {
		n.unknown = n.status(t, "mail").Unknown
		return n.unknown >= before+hold.mails, nil
	})
	if n.unknown > before+mailsTogether {
		t.Errorf("round %d: %d mails are in doubt after one kill, and %d dialogues run at once", round, n.unknown-before, mailsTogether)
	}
}

// settle waits until everybody was told and nothing is on its way.
func (n *newsroom) settle(t *testing.T) {
	t.Helper()
	harness.Eventually(t, "all announcements are through", func() (bool, error) {
		type row struct {
			ID string `json:"id"`
		}
		return len(harness.List[row](t, n.admin, "announcements", `state != "done"`)) == 0, nil
	})
	harness.Eventually(t, "nothing waits to be sent", func() (bool, error) {
		return len(harness.List[deliveryRow](t, n.admin, "deliveries", `state = "queued" || state = "sending"`)) == 0, nil
	})
}

// told is one announcement to one person.
type told struct{ person, news string }

// check compares what is stored with what came out at both other sides.
func (n *newsroom) check(t *testing.T) {
	t.Helper()
	inbox := n.checkInbox(t)
	pushes, mails := map[told]int{}, map[told]deliveryRow{}
	interrupted := 0
	for _, row := range harness.List[deliveryRow](t, n.admin, "deliveries", "") {
		one := told{row.User, row.Data.Announcement}
		if row.Notification == "" || row.Notification != inbox[one] {
			t.Errorf("delivery %+v does not belong to the row %q of the inbox", row, inbox[one])
		}
		switch {
		case row.Channel == "expo" && row.State == "ticket":
			pushes[one]++
			interrupted += row.Attempts - 1
		case row.Channel == "mail" && (row.State == "sent" || row.State == "unknown") && row.Attempts == 1:
			if _, twice := mails[one]; twice {
				t.Errorf("two mails are due for one cause: %+v", row)
			}
			mails[one] = row
		default:
			t.Errorf("this is not how a delivery ends: %+v", row)
		}
	}
	for one := range inbox {
		if _, there := mails[one]; pushes[one] != phones || !there {
			t.Errorf("%+v has %d pushes and a mail: %v", one, pushes[one], there)
		}
	}
	if interrupted < tellRounds {
		t.Errorf("%d pushes were interrupted by %d kills", interrupted, tellRounds)
	}
	n.checkPushes(t, inbox)
	n.checkMails(t, mails)
}

// checkInbox proves that the inbox of everybody has every announcement once, and
// returns its rows.
func (n *newsroom) checkInbox(t *testing.T) map[told]string {
	t.Helper()
	type row struct {
		ID       string `json:"id"`
		User     string `json:"user"`
		Collapse string `json:"collapse"`
		Data     struct {
			Announcement string `json:"announcement"`
		} `json:"data"`
	}
	inbox := map[told]string{}
	for _, row := range harness.List[row](t, n.admin, "notifications", `kind = "announcement"`) {
		one := told{row.User, row.Data.Announcement}
		if inbox[one] != "" {
			t.Errorf("%+v is in the inbox twice", one)
		}
		inbox[one] = row.ID
	}
	for _, person := range n.people {
		for _, news := range n.news {
			if inbox[told{person.ID, news.id}] == "" {
				t.Errorf("%s was not told %q", person.Username, news.title)
			}
		}
	}
	if want := len(n.people) * len(n.news); len(inbox) != want || len(n.news) != tellRounds*newsPerRound {
		t.Errorf("%d rows are in the inboxes, want %d", len(inbox), want)
	}
	return inbox
}

// checkPushes proves that every phone got everything, and that what came again can
// be told from what is new.
func (n *newsroom) checkPushes(t *testing.T, inbox map[told]string) {
	t.Helper()
	type shown struct{ token, collapse string }
	screens := map[shown]int{}
	for _, message := range n.expo.Accepted() {
		n.seen.pushes++
		one := told{n.phones[message.To], message.Data["announcement"]}
		if message.Data["collapse"] != "announcement:"+one.news || message.Data["notification"] != inbox[one] || inbox[one] == "" {
			t.Errorf("a push to %s would not replace its like: %v", message.To, message.Data)
		}
		if screens[shown{message.To, message.Data["collapse"]}]++; screens[shown{message.To, message.Data["collapse"]}] > 1 {
			n.seen.pushRepeats++
		}
	}
	for token := range n.phones {
		for _, news := range n.news {
			if screens[shown{token, "announcement:" + news.id}] == 0 {
				t.Errorf("phone %s never heard %q", token, news.title)
			}
		}
	}
	acted := 0
	for _, hold := range n.rounds {
		if hold.expoActed {
			acted++
		}
	}
	if n.seen.pushRepeats < acted {
		t.Errorf("%d pushes came again, although %d kills came after Expo had them", n.seen.pushRepeats, acted)
	}
}

// checkMails proves that no mailbox got anything twice, and that only what is in
// doubt can be missing.
func (n *newsroom) checkMails(t *testing.T, due map[told]deliveryRow) {
	t.Helper()
	people, titles := map[string]string{}, map[string]string{}
	for _, person := range n.people {
		people[person.Email] = person.ID
	}
	for _, news := range n.news {
		titles[news.title] = news.id
	}
	came := map[told]int{}
	for _, mail := range n.smtp.Received() {
		n.seen.mails++
		read, err := netmail.ReadMessage(strings.NewReader(mail.Data))
		if err != nil {
			t.Fatal(err)
		}
		one := told{people[mail.To], titles[read.Header.Get("Subject")]}
		if came[one]++; came[one] > 1 || due[one].ID == "" {
			t.Errorf("%s got %q %d times", mail.To, read.Header.Get("Subject"), came[one])
		}
	}
	arrived, lost := 0, 0 // at least, of what was held back
	for _, hold := range n.rounds {
		if hold.mailActed {
			arrived += hold.mails
		} else {
			lost += hold.mails
		}
	}
	for one, row := range due {
		switch {
		case row.State == "sent" && came[one] != 1:
			t.Errorf("a mail that was written down as sent came %d times: %+v", came[one], row)
		case row.State == "unknown" && !strings.Contains(row.LastError, "the server stopped"):
			t.Errorf("the admin does not read why: %+v", row)
		case row.State == "unknown":
			n.seen.inDoubt++
			n.seen.inDoubtArrived += came[one]
		}
	}
	status := n.status(t, "mail")
	if status.Unknown != n.seen.inDoubt || status.Unknown != n.unknown || status.Dead != 0 || status.Waiting != 0 {
		t.Errorf("the admin sees %+v; %d are in doubt, and %d were after the last kill", status, n.seen.inDoubt, n.unknown)
	}
	if n.seen.inDoubtArrived < arrived || n.seen.inDoubt-n.seen.inDoubtArrived < lost {
		t.Errorf("of %d mails in doubt %d arrived; held back were %d that did and %d that did not", n.seen.inDoubt, n.seen.inDoubtArrived, arrived, lost)
	}
}

// summary is what a run came to.
func (n *newsroom) summary() string {
	return fmt.Sprintf("%d announcements to %d people: %d pushes, %d of them again; %d mails, %d in doubt, of which %d arrived",
		len(n.news), len(n.people), n.seen.pushes, n.seen.pushRepeats, n.seen.mails, n.seen.inDoubt, n.seen.inDoubtArrived)
}
