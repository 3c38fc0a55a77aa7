package live

import (
	"net/http"
	"strconv"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/rooms"
)

const (
	historyPage = 30
	historyMost = 100
)

type historyData struct {
	Calls  []historyItem `json:"calls" help:"Newest first."`
	Missed int64         `json:"missed" help:"Missed calls that the person has not looked at: the badge."`
}

type historyItem struct {
	Call      callData       `json:"call"`
	Direction string         `json:"direction" help:"outgoing or incoming."`
	Result    string         `json:"result" help:"open, talked, alone, missed, declined, busy, no_answer, cancelled or broken."`
	Seconds   int64          `json:"seconds" help:"Together with somebody else in the room."`
	Missed    bool           `json:"missed"`
	Seen      bool           `json:"seen"`
	StartedAt types.DateTime `json:"started_at" help:"When it rang for this person; send the last one as before for the next page."`
}

type seenData struct {
	Seen int64 `json:"seen" help:"How many missed calls were marked."`
}

func (d *callDesk) registerCallHistory() {
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/calls", Who: shell.Person, Data: historyData{},
		What: "Own calls, newest first, with direction and duration, and how many missed ones are new.",
		Params: []shell.Param{
			shell.Query("limit", "At most this many, 1 to 100; 30 if left out."),
			shell.Query("before", "Only those that began before this time (RFC 3339)."),
		},
		Faults: []*fault.Code{fault.InvalidInput}, Handle: d.handleHistory,
	})
	d.deps.Routes.Add(shell.Route{
		Method: http.MethodPost, Path: "/calls/seen", Who: shell.Person, Data: seenData{},
		What: "Mark all missed calls as looked at.", Handle: d.handleSeen,
	})
}

func (d *callDesk) handleHistory(e *core.RequestEvent) error {
	limit, before, err := page(e.Request)
	if err != nil {
		return err
	}
	if before.IsZero() {
		before = d.now().Add(time.Second)
	}
	data, err := d.history(e.App, e.Auth.Id, before, limit)
	if err != nil {
		return err
	}
	return shell.OK(e, data, "")
}

func page(r *http.Request) (limit int, before time.Time, err error) {
	limit = historyPage
	if text := r.URL.Query().Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > historyMost {
			return 0, before, fault.InvalidInput.On("limit").Saying("The limit is a number from 1 to 100.")
		}
	}
	if text := r.URL.Query().Get("before"); text != "" {
		// PocketBase writes dates with a blank, others with a T.
		date, err := types.ParseDateTime(text)
		if err != nil || date.IsZero() {
			return 0, before, fault.InvalidInput.On("before").Saying("Send a time such as 2027-02-01T12:00:00Z.")
		}
		before = date.Time()
	}
	return limit, before, nil
}

func (d *callDesk) history(app core.App, person string, before time.Time, limit int) (historyData, error) {
	rows := []struct {
		Call    string `db:"call"`
		State   string `db:"state"`
		Started string `db:"started_at"`
		Seen    bool   `db:"seen"`
		Result  string `db:"result"`
		Seconds int64  `db:"seconds"`
	}{}
	err := app.DB().NewQuery(`
		SELECT p.call, c.state, p.started_at, p.seen, p.result, p.seconds FROM call_parties p JOIN calls c ON c.id = p.call
		WHERE p.person = {:person} AND p.started_at < {:before} ORDER BY p.started_at DESC LIMIT {:limit}`).
		Bind(dbx.Params{"person": person, "before": shell.Stamp(before), "limit": limit}).All(&rows)
	if err != nil {
		return historyData{}, err
	}
	data := historyData{Calls: []historyItem{}}
	for _, row := range rows {
		call, err := callOf([]byte(row.State))
		if err != nil {
			return historyData{}, err
		}
		stays, err := callStays(app, row.Call, call)
		if err != nil {
			return historyData{}, err
		}
		started, err := types.ParseDateTime(row.Started)
		if err != nil {
			return historyData{}, err
		}
		entry, told := rooms.History(call, stays, person, d.now())
		if !told {
			continue
		}
		if len(stays) == 0 { // none yet, or long forgotten
			entry.Result, entry.Seconds = rooms.Result(row.Result), row.Seconds
		}
		data.Calls = append(data.Calls, historyItem{
			Call: callDataOf(row.Call, call), Direction: string(entry.Direction), Result: string(entry.Result), Seconds: entry.Seconds,
			Missed: entry.Result == rooms.ResultMissed, Seen: row.Seen, StartedAt: started,
		})
	}
	err = app.DB().NewQuery("SELECT COUNT(*) FROM call_parties WHERE person = {:person} AND missed = 1 AND seen = 0").
		Bind(dbx.Params{"person": person}).Row(&data.Missed)
	return data, err
}

// handleSeen saves row by row: the person's other devices watch them.
func (d *callDesk) handleSeen(e *core.RequestEvent) error {
	var data seenData
	err := e.App.RunInTransaction(func(tx core.App) error {
		rows, err := tx.FindAllRecords("call_parties", dbx.HashExp{"person": e.Auth.Id, "missed": true, "seen": false})
		if err != nil {
			return err
		}
		for _, row := range rows {
			row.Set("seen", true)
			if err := tx.Save(row); err != nil {
				return err
			}
		}
		data.Seen = int64(len(rows))
		return nil
	})
	if err != nil {
		return err
	}
	return shell.OK(e, data, "")
}
