package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"

	"github.com/lingualink/lingualink/e2e/harness"
	"github.com/lingualink/lingualink/internal/push/pushtest"
)

const (
	tellRounds    = 6
	listeners     = 20
	phones        = 2 // of each of them
	newsPerRound  = 6
	mailsTogether = 4 // how many dialogues the server holds at once
	expoRequests  = 3 // at least so many a round: all of its pushes, 100 in each
)

// TestKilledWhileTelling kills the server 6 times while announcements go to phones
// and mailboxes, each time when Expo and the mail server have a message and have not
// answered, and proves what is promised: the inbox says it once, a phone hears it at
// least once and shows it once, a mailbox gets it once or not at all, and what nobody
// knows is in front of the admin.
func TestKilledWhileTelling(t *testing.T) {
	seed := rand.Uint64()
	n := openNewsroom(t, seed)
	harness.KillRounds(t, n.server, harness.Rounds{
		Rounds: tellRounds, Seed: seed, LeastAnswered: 1, MostAnswered: 1,
		Load: n.run,
		Check: func(round int) {
			n.retry(t)
			n.checkDoubt(t, round)
			if round%2 == 1 {
				n.settle(t) // after the others the next kill finds a queue that is longer
			}
			if t.Failed() {
				t.Fatalf("round %d broke a promise", round)
			}
		},
	})
	n.settle(t)
	n.check(t)
	t.Log(n.summary())
}

// held is what both sides hold back in a round, so that the kill comes between what
// was sent and what is written down. Whatever acted has been taken over all the same.
type held struct {
	mails                int
	mailActed, expoActed bool
}

// news is an announcement, and whether its start was acknowledged.
type news struct {
	id, title string
	started   bool
}

// newsroom is a server, its people, and the other sides that they are reached by.
type newsroom struct {
	server *harness.Server
	admin  *harness.Client
	expo   *pushtest.Expo
	smtp   *pushtest.SMTP
	random *rand.Rand

	people []*harness.Person
	phones map[string]string // person by token
	news   []*news
	rounds []held

	unknown int // deliveries that were in doubt when it was last looked
	seen    outcomeOfTelling
}

// outcomeOfTelling is what the test saw, for its summary.
type outcomeOfTelling struct {
	pushes, pushRepeats, mails, inDoubt, inDoubtArrived int
}

// openNewsroom starts all sides and signs people up who want to hear by every way.
func openNewsroom(t *testing.T, seed uint64) *newsroom {
	t.Helper()
	n := &newsroom{expo: pushtest.StartExpo(), random: rand.New(rand.NewPCG(seed, 0x6e657773)), phones: map[string]string{}}
	t.Cleanup(n.expo.Close)
	n.expo.AccessToken = "secret"
	var err error
	if n.smtp, err = pushtest.StartSMTP(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.smtp.Close)
	n.server = harness.Start(t, harness.Options{Env: []string{
		"LL_RATE_LIMITS=off", "LL_EXPO_TOKEN=secret", "LL_EXPO_BASE_URL=" + n.expo.URL,
		"LL_SMTP_HOST=" + n.smtp.Host, fmt.Sprintf("LL_SMTP_PORT=%d", n.smtp.Port), "LL_MAIL_FROM=Lingualink <hello@lingualink.test>",
	}})
	n.admin = n.server.Admin(t)
	// No quiet hours: the test runs at any hour.
	n.server.SetPolicy(t, "notifications", map[string]any{"quiet_from_minute": 0, "quiet_to_minute": 0})
	n.people = n.server.SignUpMany(t, "listener", listeners)
	for i, person := range n.people {
		n.admin.Must(t, http.MethodPatch, "/api/collections/users/records/"+person.ID, map[string]any{"verified": true}, nil)
		person.Create(t, "notification_preferences", map[string]any{"category": "announcements", "push": "on", "mail": "on"}, nil)
		for phone := range phones {
			token := fmt.Sprintf("ExponentPushToken[%020d%02d]", i, phone)
			person.Create(t, "push_devices", map[string]any{"provider": "expo", "token": token}, nil)
			n.phones[token] = person.ID
		}
	}
	return n
}

// run starts announcements, and says that it is time for the kill when both sides
// hold back what they have.
func (n *newsroom) run(ctx context.Context, round int, answered func()) error {
	hold := held{mails: 1 + n.random.IntN(mailsTogether), mailActed: round%2 == 0, expoActed: round%3 != 1}
	n.rounds = append(n.rounds, hold)
	n.expo.Inject(pushtest.Fault{Op: "send", Kind: pushtest.Hang, Acted: hold.expoActed, Skip: n.random.IntN(expoRequests)})
	n.smtp.Inject(pushtest.MailFault{At: "END", Hang: true, Acted: hold.mailActed, Times: hold.mails, Skip: n.random.IntN(listeners)})
	for number := range newsPerRound {
		n.news = append(n.news, &news{id: harness.NewID(), title: fmt.Sprintf("News %d of round %d", number, round)})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var waiting sync.WaitGroup
	defer waiting.Wait()
	waiting.Go(func() {
		for left := hold.mails + 1; left > 0; left-- {
			select {
			case <-n.expo.Hung():
			case <-n.smtp.Hung():
			case <-ctx.Done():
				return
			}
		}
		answered()
	})
	for _, one := range n.news[len(n.news)-newsPerRound:] {
		answer, err := n.announce(ctx, one)
		if err != nil {
			break // it was killed, or nothing comes of this round
		}
		if answer.Status != http.StatusOK {
			cancel()
			return unexpected{answer}
		}
	}
	<-ctx.Done()
	return nil
}

// announce makes an announcement and starts it.
func (n *newsroom) announce(ctx context.Context, one *news) (harness.Answer, error) {
	answer, err := n.admin.Do(ctx, http.MethodPost, "/api/collections/announcements/records", map[string]any{
		"id": one.id, "texts": map[string]any{"en": map[string]string{"title": one.title, "text": "Come and see."}},
	})
	if err != nil || answer.Status != http.StatusOK {
		return answer, err
	}
	return n.start(ctx, one)
}

func (n *newsroom) start(ctx context.Context, one *news) (harness.Answer, error) {
	answer, err := n.admin.Do(ctx, http.MethodPost, "/api/lingualink/announcements/"+one.id+"/start", nil)
	one.started = err == nil && answer.Status == http.StatusOK
	return answer, err
}

// retry does what the kill came before, as the admin does who looks again.
func (n *newsroom) retry(t *testing.T) {
	t.Helper()
	type row struct {
		State string `json:"state"`
	}
	for _, one := range n.news {
		stored := harness.List[row](t, n.admin, "announcements", fmt.Sprintf("id = %q", one.id))
		if len(stored) == 1 && stored[0].State != "draft" {
			continue // it runs, or did
		}
		if one.started {
			t.Errorf("the start of %q was acknowledged and is lost", one.title)
			continue
		}
		again := n.announce
		if len(stored) == 1 {
			again = n.start
		}
		answer, err := again(t.Context(), one)
		if err != nil || answer.Status != http.StatusOK {
			t.Fatalf("announcing %q again: %s %v", one.title, answer, err)
		}
	}
}
