package live

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/livekit"
	"github.com/lingualink/lingualink/internal/rooms"
)

// Limits per person, where limits are on.
const (
	streamsPerHour  = 20
	tokensPerMinute = 30
	actsPerMinute   = 120
	titleRunes      = 120
)

// limited counts one use against a person's limit.
func (s *studio) limited(app core.App, what, person string, most int64, window time.Duration) error {
	if !s.deps.Config.RateLimits {
		return nil
	}
	return shell.TakeQuota(app, s.now(), "live:"+what+":"+person, most, window)
}

type openBody struct {
	ID          string `json:"id" help:"15 characters made by the client, so that a retry is recognised."`
	Title       string `json:"title" help:"What it is about, up to 120 characters."`
	Language    string `json:"language" help:"Id of the language spoken."`
	StartsAt    string `json:"starts_at" help:"RFC 3339; announces the stream. Left out, its backstage opens now."`
	SlowSeconds *int64 `json:"slow_seconds" help:"Slow mode of the chat; left out, the server's default."`
}

type editBody struct {
	Title       *string `json:"title" help:"A new title."`
	StartsAt    *string `json:"starts_at" help:"A new time, RFC 3339, of a stream that is scheduled."`
	SlowSeconds *int64  `json:"slow_seconds" help:"Slow mode of the chat in seconds; 0 is off."`
}

func (t *streams) registerOpening() {
	add := func(route shell.Route, handle func(e *core.RequestEvent) (*core.Record, string, error)) {
		route.Method, route.Data = http.MethodPost, map[string]any{}
		route.Faults = append(route.Faults, fault.NotConfigured, fault.NotFound, fault.NotAllowed, fault.StreamState)
		route.Handle = t.needsServer(func(e *core.RequestEvent) error {
			record, message, err := handle(e)
			if err != nil {
				return err
			}
			return answer(e, record, message)
		})
		t.deps.Routes.Add(route)
	}
	add(shell.Route{
		Path: "/streams", Who: shell.Person, Body: openBody{},
		What:   "Announce a stream, or open its backstage, where you and your speakers meet before it goes live. One open stream per person.",
		Faults: []*fault.Code{fault.InvalidInput, fault.LanguageUnknown, fault.StreamOpen, fault.IDConflict, fault.RateLimited, fault.MediaUnavailable},
	}, t.open)
	add(shell.Route{
		Path: "/streams/{id}/edit", Who: shell.Person, Body: editBody{},
		What:   "Change the title, the time or the slow mode of your stream.",
		Faults: []*fault.Code{fault.InvalidInput},
	}, t.edit)
	add(shell.Route{
		Path: "/streams/{id}/backstage", Who: shell.Person,
		What:   "Open the backstage of your scheduled stream.",
		Faults: []*fault.Code{fault.StreamOpen, fault.MediaUnavailable},
	}, t.backstage)
	add(shell.Route{
		Path: "/streams/{id}/live", Who: shell.Person,
		What:   "Go live: everybody can come in, and who follows you is told. You are in the room with a microphone or camera by then.",
		Faults: []*fault.Code{fault.HostAbsent, fault.MediaUnavailable},
	}, t.goLive)
	add(shell.Route{
		Path: "/streams/{id}/end", Who: shell.Person,
		What: "End your stream; moderators may end any. Everybody is out at once.",
	}, t.end)
	add(shell.Route{
		Path: "/streams/{id}/rotate", Who: shell.Superuser,
		What: "Move a stream to a room of another name. Everybody has to ask for a new token, whatever they kept.",
	}, t.rotate)
}

// answer is the stream as the person may see it.
func answer(e *core.RequestEvent, record *core.Record, message string) error {
	// The body is spent; PocketBase would parse it again to look at the query.
	e.Request.Body, e.Request.ContentLength = http.NoBody, 0
	if err := apis.EnrichRecord(e, record); err != nil {
		return err
	}
	return shell.OK(e, record, message)
}

// open makes a stream of the person.
func (t *streams) open(e *core.RequestEvent) (*core.Record, string, error) {
	body, err := shell.Bind[openBody](e)
	if err != nil {
		return nil, "", err
	}
	policy, err := t.policy(e.App)
	if err != nil {
		return nil, "", err
	}
	record, err := newStream(e.App, e.Auth.Id, body, policy)
	if err != nil {
		return nil, "", err
	}
	if stored, err := shell.StoredTwin(e.App, record, "host", sameStream); err != nil || stored != nil {
		return stored, "The stream is there already.", err
	}
	if err := t.limited(e.App, "streams", e.Auth.Id, streamsPerHour, time.Hour); err != nil {
		return nil, "", err
	}
	if body.StartsAt != "" {
		at, err := time.Parse(time.RFC3339, body.StartsAt)
		if err != nil {
			return nil, "", fault.InvalidInput.On("starts_at").Saying("Send a time such as 2027-01-31T18:00:00Z.")
		}
		err = t.begin(e, record, rooms.Schedule{By: e.Auth.Id, At: at.UTC().Truncate(time.Millisecond)})
		return record, "The stream is announced.", err
	}
	room, err := t.prepareRoom(e)
	if err != nil {
		return nil, "", err
	}
	return record, "The backstage is open.", t.begin(e, record, rooms.OpenBackstage{By: e.Auth.Id, Room: room})
}

// newStream is the row before its first decision.
func newStream(app core.App, host string, body openBody, policy rooms.Policy) (*core.Record, error) {
	title, err := titleOf(body.Title)
	if err != nil {
		return nil, err
	}
	if body.ID != "" && !shell.IsID(body.ID) {
		return nil, fault.InvalidInput.On("id").Saying("An id has 15 characters a-z 0-9.")
	}
	var spoken bool
	err = app.DB().NewQuery("SELECT EXISTS (SELECT 1 FROM languages WHERE id = {:id} AND enabled = 1)").Bind(dbx.Params{"id": body.Language}).Row(&spoken)
	if err != nil {
		return nil, err
	}
	if !spoken {
		return nil, fault.LanguageUnknown.On("language")
	}
	slow := policy.SlowSeconds
	if body.SlowSeconds != nil {
		slow = *body.SlowSeconds
	}
	if err := rooms.CheckSlow(slow, policy); err != nil {
		return nil, err
	}
	collection, err := app.FindCachedCollectionByNameOrId("streams")
	if err != nil {
		return nil, err
	}
	record := core.NewRecord(collection)
	record.Set("id", body.ID)
	record.Set("host", host)
	record.Set("title", title)
	record.Set("language", body.Language)
	record.Set("slow_seconds", slow)
	return record, nil
}

func sameStream(stored, sent *core.Record) bool {
	return stored.GetString("title") == sent.GetString("title") && stored.GetString("language") == sent.GetString("language")
}

// titleOf refuses what is no line of text. Words are screened elsewhere.
func titleOf(title string) (string, error) {
	title = strings.Join(strings.Fields(title), " ")
	if title == "" || !utf8.ValidString(title) || utf8.RuneCountInString(title) > titleRunes {
		return "", fault.InvalidInput.On("title").With("most", titleRunes).Saying("A title has 1 to 120 characters.")
	}
	return title, nil
}

// prepareRoom has the media server make a room before a stream is promised one:
// while it is away, streams fail to begin and nothing is left behind.
func (t *streams) prepareRoom(e *core.RequestEvent) (string, error) {
	room, most, err := newRoom(), int64(0), error(nil)
	if most, err = t.most(e.App); err != nil {
		return "", err
	}
	ctx := e.Request.Context()
	err = t.ask(ctx, func() error {
		return t.rooms.CreateRoom(ctx, livekit.Room{Name: room, EmptyFor: roomEmptyFor, LeftFor: roomLeftFor, MostInside: most})
	})
	return room, unavailable(err)
}

// most is how many people the media server lets into a room whatever tokens they
// have: those of the policy, the stage, the host, and some whom nobody sees.
func (t *streams) most(app core.App) (int64, error) {
	const unseen = 10
	policy, err := t.policy(app)
	return policy.MostInside + policy.MostSpeakers + 1 + unseen, err
}

// begin stores a new stream and the host's seat. The index decides that a person
// has one open stream, also between two requests at once.
func (t *streams) begin(e *core.RequestEvent, record *core.Record, event rooms.StreamEvent) error {
	host := record.GetString("host")
	err := e.App.RunInTransaction(func(tx core.App) error {
		if err := accounts.RequireGoodStanding(tx, host); err != nil {
			return err
		}
		if err := t.step(tx, record, event); err != nil {
			return err
		}
		_, err := saveSeat(tx, nil, record.Id, rooms.Seat{Person: host, Role: rooms.Host, Since: t.now()})
		return err
	})
	return t.oneOpen(e.App, host, err)
}

// oneOpen names the loss against the index of open streams.
func (t *streams) oneOpen(app core.App, host string, err error) error {
	if err == nil || !shell.IsUniqueViolation(err, "host") {
		return err
	}
	var other string
	if err := app.DB().NewQuery("SELECT id FROM streams WHERE host = {:host} AND status IN ('backstage', 'live', 'host_away')").
		Bind(dbx.Params{"host": host}).Row(&other); err != nil {
		return err
	}
	return fault.StreamOpen.On("stream").With("stream", other).Because(err)
}

// change runs fn on the stream of the path in a transaction, for its host.
func (t *streams) change(e *core.RequestEvent, fn func(tx core.App, record *core.Record) error) (*core.Record, error) {
	var record *core.Record
	err := e.App.RunInTransaction(func(tx core.App) (err error) {
		if record, err = t.readable(tx, e); err != nil {
			return err
		}
		if err := accounts.RequireGoodStanding(tx, e.Auth.Id); err != nil && !e.HasSuperuserAuth() {
			return err
		}
		return fn(tx, record)
	})
	return record, err
}

// readable is the stream of the path if the person may see that it exists.
func (t *streams) readable(app core.App, e *core.RequestEvent) (*core.Record, error) {
	record, err := findStream(app, e.Request.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if e.HasSuperuserAuth() || record.GetString("host") == e.Auth.Id || isStaff(e.Auth) {
		return record, nil
	}
	blocked, err := accounts.Blocked(app, e.Auth.Id, record.GetString("host"))
	if err != nil {
		return nil, err
	}
	row, err := seatRow(app, record.Id, e.Auth.Id)
	if err != nil {
		return nil, err
	}
	// Who was asked on the stage may come backstage.
	if blocked || record.GetBool("hidden") || record.GetString("status") == string(rooms.Backstage) && row == nil {
		return nil, fault.NotFound.On("stream")
	}
	return record, nil
}

// isStaff tells whether the account moderates the platform.
func isStaff(auth *core.Record) bool {
	return auth.IsSuperuser() || slices.Contains(auth.GetStringSlice("roles"), "moderator")
}

func (t *streams) edit(e *core.RequestEvent) (*core.Record, string, error) {
	body, err := shell.Bind[editBody](e)
	if err != nil {
		return nil, "", err
	}
	record, err := t.change(e, func(tx core.App, record *core.Record) error {
		if record.GetString("host") != e.Auth.Id {
			return fault.NotAllowed.On("host")
		}
		if status := rooms.State(record.GetString("status")); status != rooms.Scheduled && !status.Open() {
			return fault.StreamState.On("status").With("status", string(status))
		}
		policy, err := t.policy(tx)
		if err != nil {
			return err
		}
		if body.Title != nil {
			title, err := titleOf(*body.Title)
			if err != nil {
				return err
			}
			record.Set("title", title)
		}
		if body.SlowSeconds != nil {
			if err := rooms.CheckSlow(*body.SlowSeconds, policy); err != nil {
				return err
			}
			record.Set("slow_seconds", *body.SlowSeconds)
		}
		if body.StartsAt == nil {
			return tx.Save(record)
		}
		at, err := time.Parse(time.RFC3339, *body.StartsAt)
		if err != nil {
			return fault.InvalidInput.On("starts_at").Saying("Send a time such as 2027-01-31T18:00:00Z.")
		}
		return t.step(tx, record, rooms.Schedule{By: e.Auth.Id, At: at.UTC().Truncate(time.Millisecond)})
	})
	return record, "The stream is changed.", err
}

func (t *streams) backstage(e *core.RequestEvent) (*core.Record, string, error) {
	// Whether the person may is looked at again with the room in hand.
	if record, err := t.readable(e.App, e); err != nil {
		return nil, "", err
	} else if record.GetString("host") != e.Auth.Id {
		return nil, "", fault.NotAllowed.On("host")
	}
	room, err := t.prepareRoom(e)
	if err != nil {
		return nil, "", err
	}
	record, err := t.change(e, func(tx core.App, record *core.Record) error {
		return t.step(tx, record, rooms.OpenBackstage{By: e.Auth.Id, Room: room})
	})
	return record, "The backstage is open.", t.oneOpen(e.App, e.Auth.Id, err)
}

// goLive asks the media server whether the host is there, before the transaction.
func (t *streams) goLive(e *core.RequestEvent) (*core.Record, string, error) {
	before, err := t.readable(e.App, e)
	if err != nil {
		return nil, "", err
	}
	room, publishing := before.GetString("room"), false
	if room != "" && before.GetString("host") == e.Auth.Id {
		if publishing, err = t.publishing(e.Request.Context(), room, e.Auth.Id); err != nil {
			return nil, "", unavailable(err)
		}
	}
	record, err := t.change(e, func(tx core.App, record *core.Record) error {
		return t.step(tx, record, rooms.GoLive{By: e.Auth.Id, Publishing: publishing && record.GetString("room") == room})
	})
	return record, "You are live.", err
}

// mediaWait is how long the track of somebody who is inside is waited for: apps
// go live as soon as it is announced, and the media server lists it when it flows.
const mediaWait = 2 * time.Second

// publishing tells whether the person is in the room with a track that flows.
func (t *streams) publishing(ctx context.Context, room, person string) (bool, error) {
	tick, late := time.NewTicker(mediaWait/20), time.After(mediaWait)
	defer tick.Stop()
	for {
		var people []rooms.Seen
		err := t.ask(ctx, func() (err error) {
			people, err = t.rooms.People(ctx, room)
			return err
		})
		if err != nil {
			return false, err
		}
		i := slices.IndexFunc(people, func(one rooms.Seen) bool { return one.Person == person })
		if i < 0 || people[i].Connected && people[i].Publishing != rooms.NoSources {
			return i >= 0, nil
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-late:
			return false, nil
		case <-tick.C:
		}
	}
}

func (t *streams) end(e *core.RequestEvent) (*core.Record, string, error) {
	record, err := t.change(e, func(tx core.App, record *core.Record) error {
		moderating := record.GetString("host") != e.Auth.Id && isStaff(e.Auth)
		if err := t.step(tx, record, rooms.End{By: e.Auth.Id, Moderator: moderating}); err != nil || !moderating {
			return err
		}
		return shell.Audit(tx, t.now(), shell.Act{Actor: shell.ActorOf(e.Auth), Action: "stream.end", SubjectType: "streams", SubjectID: record.Id})
	})
	return record, "The stream is over.", err
}

func (t *streams) rotate(e *core.RequestEvent) (*core.Record, string, error) {
	record, err := t.change(e, func(tx core.App, record *core.Record) error {
		if err := t.step(tx, record, rooms.Rotate{Room: newRoom()}); err != nil {
			return err
		}
		return shell.Audit(tx, t.now(), shell.Act{Actor: shell.ActorOf(e.Auth), Action: "stream.rotate", SubjectType: "streams", SubjectID: record.Id})
	})
	return record, "The stream has another room.", err
}
