package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/pocketbase/dbx"
	_ "modernc.org/sqlite" // the driver of datadir.DSN

	"github.com/lingualink/lingualink/e2e/harness"
	"github.com/lingualink/lingualink/internal/datadir"
)

const (
	owners  = 500
	perHand = 10 // clips handed out at once
	// warmUp rounds are not counted. In them every owner comes up once: what a
	// server reads for the first time since its start may have to come from disk.
	warmUp     = owners/perHand + 6
	handRounds = warmUp + 30
)

// The sizes whose costs are to be the same within a factor of two.
var (
	pendingClips = [2]int{10_000, 1_000_000}
	pastVotes    = [2]int{100, 100_000}
)

// costs are the times in ms by size of the queue and by past of the validator.
type costs [2][2][]float64

// benchQueue measures what it costs to hand ten clips out and to vote on each of
// them, one request at a time: with few and many clips waiting, by a validator
// with few and many votes behind them. Half of the clips have a vote already.
// The rows are planted by SQL, so that it does not take days.
func benchQueue(t harness.TB) {
	server := harness.Start(t, harness.Options{Env: []string{"LL_RATE_LIMITS=off"}})
	server.SetPolicy(t, "consensus", map[string]any{"cooldown_s": 0, "daily_cap": 0, "min_listen": 0, "random_share": 1, "active_s": 86_400})
	language := server.Language(t, "ha")
	field := planting{"language": language, "campaign": server.GeneralCampaign(t), "now": time.Now().UTC().Format("2006-01-02 15:04:05.000Z")}
	validators := [2]*harness.Person{server.SignUp(t, "fewvotes", language), server.SignUp(t, "manyvotes", language)}

	var hands, casts costs
	for size, pending := range pendingClips {
		field.plant(t, server, func(run func(sql string, params dbx.Params)) {
			if size == 0 {
				field.past(run, validators)
			}
			run(pendingSQL, dbx.Params{"from": pendingClips[0] * size, "to": pending})
			run(queueSQL, dbx.Params{"from": pendingClips[0] * size, "to": pending})
		})
		for round := range handRounds {
			for turn := range validators {
				who := (round + turn) % 2 // the other votes on what the first voted on
				hand, cast := handOut(t, validators[who])
				if round >= warmUp {
					hands[size][who], casts[size][who] = append(hands[size][who], hand), append(casts[size][who], cast...)
				}
			}
		}
	}
	fmt.Printf("\none request at a time, medians of %d hand-outs and %d votes\n", handRounds-warmUp, (handRounds-warmUp)*perHand)
	hands.print(fmt.Sprintf("%d clips handed out", perHand))
	casts.print("a vote, with its assignment checked")
}

func (c costs) print(what string) {
	fmt.Println(what + ":")
	cheapest, dearest := median(c[0][0]), median(c[0][0])
	for size := range c {
		for past := range c[size] {
			cost := median(c[size][past])
			cheapest, dearest = min(cheapest, cost), max(dearest, cost)
			fmt.Printf("  %9d clips pending, %7d votes behind the validator: %5.2f ms\n", pendingClips[size], pastVotes[past], cost)
		}
	}
	fmt.Printf("  the dearest is %.2f times the cheapest\n", dearest/cheapest)
}

// handOut has the person fetch clips, and then vote on all of them.
func handOut(t harness.TB, person *harness.Person) (hand float64, casts []float64) {
	t.Helper()
	var clips []string
	hand = timed(t, func() (answer harness.Answer, err error) {
		clips, answer, err = takeClips(context.Background(), person)
		return answer, err
	})
	if len(clips) != perHand {
		t.Fatalf("%s got %d clips", person.Username, len(clips))
	}
	for _, clip := range clips {
		casts = append(casts, timed(t, func() (harness.Answer, error) {
			return person.Vote(context.Background(), harness.NewID(), clip, "approve")
		}))
	}
	return hand, casts
}

// takeClips asks for clips to vote on, at most perHand.
func takeClips(ctx context.Context, person *harness.Person) (clips []string, answer harness.Answer, err error) {
	answer, err = person.Do(ctx, http.MethodGet, fmt.Sprintf("/api/lingualink/queue?limit=%d", perHand), nil)
	if err != nil {
		return nil, answer, err
	}
	var body struct {
		Data struct {
			Items []struct {
				Clip string `json:"clip"`
			} `json:"items"`
		} `json:"data"`
	}
	err = json.Unmarshal(answer.Raw, &body)
	for _, item := range body.Data.Items {
		clips = append(clips, item.Clip)
	}
	return clips, answer, err
}

// timed is how long a request takes, in ms; it must succeed.
func timed(t harness.TB, request func() (harness.Answer, error)) float64 {
	t.Helper()
	began := time.Now()
	answer, err := request()
	took := time.Since(began)
	if err := succeeded(answer, err); err != nil {
		t.Fatalf("%v", err)
	}
	return float64(took.Microseconds()) / 1000
}

// planting are the values that the planted rows have in common.
type planting dbx.Params

const (
	numbers = "WITH RECURSIVE n(i) AS (SELECT {:from} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {:to}) "

	clipColumns  = "(id, owner, language, campaign, kind, status, phrase, media, media_sha256, duration_ms, created)"
	tallyColumns = "(id, clip, language, owner, gold, seq, turn, turned_at, owner_seq, open, ready, watched, votes)"

	pendingSQL = "INSERT INTO clips " + clipColumns + numbers + `
		SELECT printf('pending%08d', i), printf('owner%010d', i % {:owners}), {:language}, {:campaign}, 'voice', 'pending', 'Ina kwana?', 'voice.wav', 'pending' || i, 4000, {:now} FROM n`
	queueSQL = "INSERT INTO clip_tallies " + tallyColumns + numbers + `
		SELECT printf('pending%08d', i), printf('pending%08d', i), {:language}, printf('owner%010d', i % {:owners}), '', {:past} + i, {:past} + i, {:now}, 6 + i / {:owners}, 1, 1, 0, 0 FROM n`

	// Every owner has five decided clips besides, that the validator with many
	// votes voted on.
	decidedSQL = "INSERT INTO clips " + clipColumns + numbers + `
		SELECT printf('decided%08d', i), printf('owner%010d', i % 20000), {:language}, {:campaign}, 'voice', 'approved', 'Ina kwana?', 'voice.wav', 'decided' || i, 4000, {:now} FROM n`
	closedSQL = "INSERT INTO clip_tallies " + tallyColumns + numbers + `
		SELECT printf('decided%08d', i), printf('decided%08d', i), {:language}, printf('owner%010d', i % 20000), '', i, i, {:now}, 1 + i / 20000, 0, 0, 1, 2 FROM n`
	votesSQL = "INSERT INTO votes (id, clip, validator, verdict, rewarded, created)" + numbers + `
		SELECT printf('vote%d%010d', {:who}, i), printf('decided%08d', i), {:me}, 'approve', 1, {:now} FROM n`
	assignmentsSQL = "INSERT INTO assignments (id, clip, validator, language, owner, owner_seq, state, leased_at, lease_until)" + numbers + `
		SELECT printf('lease%d%09d', {:who}, i), printf('decided%08d', i), {:me}, {:language}, printf('owner%010d', i % 20000), 1 + i / 20000, 'voted', {:now}, {:now} FROM n`
	othersSQL = "INSERT INTO queue_cursors (id, validator, language, seen_at)" + numbers + `
		SELECT printf('other%010d', i), printf('other%010d', i), {:language}, {:now} FROM n`
	knownSQL = "INSERT INTO skills (id, validator, language, gold_tp)" + numbers + `
		SELECT printf('other%010d', i), printf('other%010d', i), {:language}, 1000000000 FROM n`
)

// past plants what was before: decided clips, the validators' votes on them, and
// others who asked for clips lately.
func (p planting) past(run func(sql string, params dbx.Params), validators [2]*harness.Person) {
	run(decidedSQL, dbx.Params{"from": 0, "to": pastVotes[1]})
	run(closedSQL, dbx.Params{"from": 0, "to": pastVotes[1]})
	for i, validator := range validators {
		run(votesSQL, dbx.Params{"from": 0, "to": pastVotes[i], "who": i, "me": validator.ID})
		run(assignmentsSQL, dbx.Params{"from": 0, "to": pastVotes[i], "who": i, "me": validator.ID})
	}
	run(othersSQL, dbx.Params{"from": 0, "to": 100})
	run(knownSQL, dbx.Params{"from": 0, "to": 100})
}

// plant writes into the data of the server while it is stopped. The statistics
// of the planner are brought up to date, as PocketBase does every night.
func (p planting) plant(t harness.TB, server *harness.Server, fill func(run func(sql string, params dbx.Params))) {
	t.Helper()
	server.Stop(t)
	db, err := dbx.Open("sqlite", datadir.DSN(filepath.Join(server.Dir, datadir.Data)))
	if err != nil {
		t.Fatalf("%v", err)
	}
	err = db.Transactional(func(tx *dbx.Tx) error {
		fill(func(sql string, params dbx.Params) {
			for name, value := range p {
				params[name] = value
			}
			params["owners"], params["past"] = owners, pastVotes[1]
			used := dbx.Params{}
			for name, value := range params {
				if strings.Contains(sql, "{:"+name+"}") {
					used[name] = value
				}
			}
			if _, err := tx.NewQuery(sql).Bind(used).Execute(); err != nil {
				t.Fatalf("planting: %v\n%s", err, sql)
			}
		})
		return nil
	})
	if err == nil {
		_, err = db.NewQuery("ANALYZE").Execute()
	}
	if err != nil {
		t.Fatalf("planting: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatalf("%v", err)
	}
	server.Launch(t)
}
