package badges

import (
	"database/sql"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/leaderboard"
)

const (
	defaultRows = 20
	mostRows    = 100
	// mostAhead is how many people are counted for a rank that is not on the page.
	mostAhead = 1000
)

type boardData struct {
	Board    leaderboard.Board  `json:"board"`
	Window   leaderboard.Window `json:"window"`
	Bucket   string             `json:"bucket" help:"The period, for example 2027-W05, 2027-02 or all."`
	From     *string            `json:"from" help:"Start of the period, RFC 3339; null for all time."`
	Until    *string            `json:"until" help:"Its end, which is not in it."`
	Language string             `json:"language" help:"Id of the language; empty counts all."`
	Rows     []boardRow         `json:"rows"`
	Me       boardMe            `json:"me"`
}

type boardRow struct {
	Rank  int64  `json:"rank" help:"Equal scores share a rank."`
	Score int64  `json:"score"`
	User  person `json:"user"`
}

// person is somebody's public card.
type person struct {
	ID       string `json:"id"`
	Username string `json:"username"`
	Name     string `json:"name"`
	Avatar   string `json:"avatar" help:"Name of the file in users; empty without one."`
	Country  string `json:"country"`
}

type boardMe struct {
	Score int64  `json:"score" help:"Your own, whether you are shown or not."`
	Rank  *int64 `json:"rank" help:"null without a score, when you are not shown, and behind 1,000 people."`
	Shown bool   `json:"shown" help:"false: you chose to be on no board."`
}

func registerBoards(deps *shell.Deps) {
	deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/leaderboards/{board}", Who: shell.Person, Data: boardData{},
		What: "Who did most: referrals, clips or validations. Weeks (from Monday) and months are those of UTC.",
		Params: []shell.Param{
			shell.Query("window", "week, month or all; week without it."),
			shell.Query("language", "Id or code: only in this language. Referrals have none."),
			shell.Query("previous", "1: the week or month before this one."),
			shell.Query("limit", "How many rows, 1 to 100; 20 without it."),
		},
		Faults: []*fault.Code{fault.NotFound, fault.InvalidInput, fault.LanguageUnknown},
		Handle: func(e *core.RequestEvent) error {
			asked, err := readBoard(e, deps.Clock.Now())
			if err != nil {
				return err
			}
			data, err := boardOf(e.App, asked, e.Auth.Id)
			if err != nil {
				return err
			}
			return shell.OK(e, data, "")
		},
	})
}

// asked is one board in one period.
type asked struct {
	board            leaderboard.Board
	window           leaderboard.Window
	bucket, language string
	limit            int
}

func (a asked) params() dbx.Params {
	return dbx.Params{"board": string(a.board), "bucket": a.bucket, "language": a.language}
}

func readBoard(e *core.RequestEvent, now time.Time) (asked, error) {
	query := e.Request.URL.Query()
	a := asked{board: leaderboard.Board(e.Request.PathValue("board")), window: leaderboard.Week, limit: defaultRows}
	if !slices.Contains(leaderboard.Boards(), a.board) {
		return a, fault.NotFound.On("board")
	}
	if window := query.Get("window"); window != "" {
		a.window = leaderboard.Window(window)
	}
	if !slices.Contains(leaderboard.Windows(), a.window) {
		return a, fault.InvalidInput.On("window").Saying("The window is week, month or all.")
	}
	if limit := query.Get("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 || n > mostRows {
			return a, fault.InvalidInput.On("limit").Saying("The limit is 1 to 100.")
		}
		a.limit = n
	}
	switch previous := query.Get("previous"); {
	case previous == "" || previous == "0":
		a.bucket = leaderboard.Key(a.window, now, time.UTC)
	case previous == "1" && a.window != leaderboard.AllTime:
		a.bucket = leaderboard.Previous(a.window, now, time.UTC)
	default:
		return a, fault.InvalidInput.On("previous").Saying("Ask for 1, the week or month before this one. Before all time there is nothing.")
	}
	var err error
	a.language, err = languageOf(e.App, query.Get("language"))
	if err == nil && a.language != "" && a.board == leaderboard.Referrals {
		return a, fault.InvalidInput.On("language").Saying("Referrals are counted for all languages together.")
	}
	return a, err
}

// languageOf is the id of a language that is given by id or code.
func languageOf(app core.App, named string) (string, error) {
	if named == "" {
		return "", nil
	}
	var id string
	err := app.DB().NewQuery("SELECT id FROM languages WHERE id = {:named} OR code = {:named}").Bind(dbx.Params{"named": named}).Row(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fault.LanguageUnknown.On("language").Saying("There is no such language.")
	}
	return id, err
}

// shown is true of people who may and want to be seen on boards.
const shown = `u.standing NOT IN ('suspended', 'banned') AND COALESCE(p.off_leaderboards, 0) = 0`

// visible are the scores of a board that are shown. The joins are CROSS so that
// they follow the index of the scores, from the top; what a board costs depends on
// the rows it shows and on the people who are hidden among them, not on how many
// there are.
const visible = `
	FROM leaderboard_scores s CROSS JOIN users u ON u.id = s.user LEFT JOIN private_profiles p ON p.user = s.user
	WHERE s.board = {:board} AND s.bucket = {:bucket} AND s.language = {:language} AND ` + shown

const topQuery = `SELECT s.score, u.id, u.username, u.name, u.avatar, u.country` + visible + `
	AND s.score > 0 ORDER BY s.score DESC, s.user LIMIT {:limit}`

// aheadQuery counts people with a greater score, up to a limit.
const aheadQuery = `SELECT COUNT(*) FROM (SELECT 1` + visible + ` AND s.score > {:score} LIMIT {:limit})`

const mineQuery = `
	SELECT COALESCE((SELECT score FROM leaderboard_scores
		WHERE board = {:board} AND bucket = {:bucket} AND language = {:language} AND user = {:me}), 0) AS score, ` + shown + ` AS shown
	FROM users u LEFT JOIN private_profiles p ON p.user = u.id WHERE u.id = {:me}`

func boardOf(app core.App, a asked, me string) (boardData, error) {
	data := boardData{Board: a.board, Window: a.window, Bucket: a.bucket, Language: a.language, Rows: []boardRow{}}
	if span, ok := leaderboard.Parse(a.bucket, time.UTC); ok && a.window != leaderboard.AllTime {
		from, until := span.From.Format(time.RFC3339), span.Until.Format(time.RFC3339)
		data.From, data.Until = &from, &until
	}
	rows := []struct {
		Score    int64  `db:"score"`
		ID       string `db:"id"`
		Username string `db:"username"`
		Name     string `db:"name"`
		Avatar   string `db:"avatar"`
		Country  string `db:"country"`
	}{}
	params := a.params()
	params["limit"] = a.limit
	if err := app.DB().NewQuery(topQuery).Bind(params).All(&rows); err != nil {
		return data, err
	}
	for i, row := range rows {
		rank := int64(i + 1)
		if i > 0 && rows[i-1].Score == row.Score {
			rank = data.Rows[i-1].Rank
		}
		data.Rows = append(data.Rows, boardRow{rank, row.Score, person{row.ID, row.Username, row.Name, row.Avatar, row.Country}})
	}
	var err error
	data.Me, err = meOn(app, a, me)
	return data, err
}

// meOn is the own score and rank. It may be below 0 for the moment between two
// jobs that run in the other order; nobody is shown that.
func meOn(app core.App, a asked, me string) (boardMe, error) {
	params := a.params()
	params["me"] = me
	var row struct {
		Score int64 `db:"score"`
		Shown bool  `db:"shown"`
	}
	if err := app.DB().NewQuery(mineQuery).Bind(params).One(&row); err != nil {
		return boardMe{}, err
	}
	mine := boardMe{Score: max(0, row.Score), Shown: row.Shown}
	if mine.Score == 0 || !mine.Shown {
		return mine, nil
	}
	params = a.params()
	params["score"], params["limit"] = mine.Score, mostAhead
	var ahead int64
	if err := app.DB().NewQuery(aheadQuery).Bind(params).Row(&ahead); err != nil {
		return mine, err
	}
	if rank := ahead + 1; ahead < mostAhead {
		mine.Rank = &rank
	}
	return mine, nil
}
