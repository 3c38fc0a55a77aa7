package consensus

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"path"
	"slices"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/accounts"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
	"github.com/lingualink/lingualink/internal/consensus/gold"
	"github.com/lingualink/lingualink/internal/fault"
)

// goldChoice is a gold clip that somebody may be shown, as the control that shows
// it: one that is open and has room, or one that is opened for this person.
type goldChoice struct {
	candidate
	Gold     string `db:"gold"`
	Truth    string `db:"truth"`
	Source   string `db:"source"`
	Media    string `db:"media"`    // of the recording
	Campaign string `db:"campaign"` // of the recording

	opened bool // for this person
}

// goldHand is what one request has of gold.
type goldHand struct {
	met   map[crowd.Label]int // gold clips of the language that the person met
	left  []goldChoice        // those that they may meet, in the order in which they come
	shown []goldChoice        // by this request
	known bool                // there were some to begin with
}

const seenQuery = `
	SELECT COUNT(*) FILTER (WHERE g.truth = 'good') AS good, COUNT(*) FILTER (WHERE g.truth = 'bad') AS bad
	FROM gold_exposures e JOIN gold_clips g ON g.id = e.gold
	WHERE e.validator = {:me} AND g.language = {:language}`

// choicesQuery finds the gold clips that the person may meet, each once in a life:
// none on which they may not vote, nor one whose recording or truth they can know,
// and linked people count as one. A language has tens to hundreds of gold clips.
// With each comes the open control that has room, if there is one: one with votes
// before one without, for those are to end.
func choicesQuery() string {
	return `
		SELECT g.id AS gold, g.truth, g.source, s.media, s.campaign, 1 AS control,
			COALESCE(t.clip, '') AS clip, COALESCE(t.started, 0) AS started,
			s.owner, s.kind, s.language, s.dialect, s.prompt, s.phrase, s.duration_ms
		FROM gold_clips g INDEXED BY idx_gold_clips_active
		CROSS JOIN clips s ON s.id = g.source
		LEFT JOIN clip_tallies t ON t.clip = (
			SELECT o.clip FROM clip_tallies o INDEXED BY idx_clip_tallies_gold CROSS JOIN clips c ON c.id = o.clip
			WHERE o.gold = g.id AND o.gold != '' AND o.open = 1 AND o.ready = 1 AND c.hidden = 0
			ORDER BY o.started DESC, o.seq LIMIT 1)
		WHERE g.state = 'active' AND g.language = {:language} AND g.exposures < {:exposures} AND s.hidden = 0 AND NOT ` + accounts.BannedSQL("s.owner") + `
			AND NOT EXISTS (SELECT 1 FROM gold_exposures WHERE gold = g.id AND validator = {:me})
			AND s.owner != {:me} AND NOT ` + relatedTo("s.owner") + ` AND NOT ` + earnsFrom("{:me}", "s.parent") + `
			AND NOT EXISTS (SELECT 1 FROM relations r JOIN gold_exposures e ON e.gold = g.id AND e.validator = r.b WHERE r.a = {:me})
			AND NOT EXISTS (SELECT 1 FROM relations r JOIN gold_exposures e ON e.gold = g.id AND e.validator = r.a WHERE r.b = {:me})
			AND NOT EXISTS (SELECT 1 FROM assignments WHERE clip = g.source AND validator = {:me})
			AND NOT EXISTS (SELECT 1 FROM votes WHERE clip = g.source AND validator = {:me})
			AND NOT EXISTS (SELECT 1 FROM verdicts WHERE clip = g.source AND actor = {:actor})
		ORDER BY g.id`
}

// loadGold reads what the person may be shown of gold. It is read whether or not a
// control is due: who takes the time of an answer learns nothing.
func (a *asking) loadGold() error {
	if a.place.Onboarding == 0 && a.policy.GoldShare == 0 {
		return nil
	}
	params := dbx.Params{
		"me": a.validator, "actor": "user:" + a.validator, "language": a.language, "exposures": a.policy.GoldExposures,
	}
	var good, bad int
	if err := a.tx.DB().NewQuery(seenQuery).Bind(params).Row(&good, &bad); err != nil {
		return err
	}
	a.gold.met = map[crowd.Label]int{crowd.Good: good, crowd.Bad: bad}
	left := []goldChoice{}
	if err := a.tx.DB().NewQuery(choicesQuery()).Bind(params).All(&left); err != nil {
		return err
	}
	a.rng.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
	slices.SortStableFunc(left, func(x, y goldChoice) int {
		switch {
		case x.Started == y.Started:
			return 0
		case x.Started:
			return -1
		default:
			return 1
		}
	})
	a.gold.left, a.gold.known = left, len(left) > 0
	return nil
}

// takeControl takes a control, if there is one for the person.
func (a *asking) takeControl() bool {
	goodNext := gold.GoodNext(a.gold.met[crowd.Good], a.gold.met[crowd.Bad], a.policy.Onboarding)
	for _, truth := range gold.Order(goodNext, a.rng.Float64()) {
		i := slices.IndexFunc(a.gold.left, func(choice goldChoice) bool { return labelOf(choice.Truth) == truth })
		if i < 0 {
			continue
		}
		choice := a.gold.left[i]
		if choice.Clip == "" {
			choice.Clip, choice.opened = shell.NewID(), true
		}
		a.gold.left = slices.Delete(a.gold.left, i, i+1)
		a.gold.met[truth]++
		a.gold.shown = append(a.gold.shown, choice)
		a.take(choice.candidate)
		return true
	}
	return false
}

// showGold opens the controls that are to be opened, and remembers who met which
// gold clip. Where there is gold that the person could be shown it is done by the
// same statements whether any is shown or none: their number must not tell.
func (a *asking) showGold() error {
	if !a.gold.known || len(a.taken) == 0 {
		return nil
	}
	opened := []goldChoice{}
	for _, choice := range a.gold.shown {
		if choice.opened {
			opened = append(opened, choice)
		}
	}
	arrived, err := a.arrivals()
	if err != nil {
		return err
	}
	if err := openControls(a.tx, a.now, a.language, opened, func() time.Time { return arrived.draw(a.rng) }); err != nil {
		return err
	}
	return expose(a.tx, a.now, a.validator, a.gold.shown)
}

// openControls shows recordings of gold clips to validators once more, each as a
// clip of its own that has no file, no remix, no place among the speaker's clips,
// and is made by SQL, so that nobody hears of it. It is as old as a clip that waits.
func openControls(tx core.App, now time.Time, language string, choices []goldChoice, arrived func() time.Time) error {
	campaign, err := ledger.CampaignFor(tx, language)
	if err != nil && !errors.Is(err, fault.CampaignUnavailable.On("")) {
		return err
	}
	rows := make([][]any, len(choices))
	for i, choice := range choices {
		pays := campaign.ID
		if pays == "" {
			pays = choice.Campaign // still pays for the clips that it has
		}
		// Every clip has a file name and a hash of its own.
		rows[i] = []any{
			choice.Clip, choice.Source, shell.NewID() + path.Ext(choice.Media), "control:" + choice.Clip, pays, shell.Stamp(arrived()),
			shell.NewID(), choice.Gold,
		}
	}
	packed, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	params := dbx.Params{"rows": string(packed), "language": language, "now": shell.Stamp(now)}
	for _, statement := range openStatements {
		if _, err := shell.Exec(tx, statement, params); err != nil {
			return err
		}
	}
	return nil
}

var openStatements = []string{
	`INSERT INTO clips (id, owner, kind, media, language, dialect, prompt, phrase, parent, root, depth, status, hidden, reserved, control, shown_to, campaign,
		duration_ms, size_bytes, container, codec, sample_rate_hz, channels, quality, loudness_lufs, media_sha256, decided_at, withdrawn_at, created, updated)
	SELECT value->>0, owner, kind, value->>2, language, dialect, prompt, phrase, '', '', 0, 'pending', 0, 0, 1, '', value->>4,
		duration_ms, size_bytes, container, codec, sample_rate_hz, channels, quality, loudness_lufs, value->>3, '', '', value->>5, value->>5
	FROM json_each({:rows}) CROSS JOIN clips s ON s.id = value->>1`,
	`INSERT INTO clip_tallies (id, clip, language, owner, gold, seq, turn, turned_at, owner_seq, open, ready, started, passed, anybody, watched,
		leases, votes, approvals, rejections, log_odds)
	SELECT value->>6, value->>0, {:language}, s.owner, value->>7,
		(SELECT COALESCE(MAX(seq), 0) + 1 FROM clip_tallies) + key, (SELECT COALESCE(MAX(turn), 0) + 1 FROM clip_tallies) + key, {:now},
		0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0
	FROM json_each({:rows}) CROSS JOIN clips s ON s.id = value->>1`,
}

// expose remembers that the validator met gold clips.
func expose(tx core.App, now time.Time, validator string, shown []goldChoice) error {
	rows := make([][3]string, len(shown))
	for i, choice := range shown {
		rows[i] = [3]string{shell.NewID(), choice.Gold, choice.Clip}
	}
	packed, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	params := dbx.Params{"rows": string(packed), "me": validator, "now": shell.Stamp(now)}
	for _, statement := range []string{
		`INSERT INTO gold_exposures (id, gold, validator, clip, handed_at, vote, missed)
		SELECT value->>0, value->>1, {:me}, value->>2, {:now}, '', 0 FROM json_each({:rows})`,
		"UPDATE gold_clips SET exposures = exposures + 1 WHERE id IN (SELECT value->>1 FROM json_each({:rows}))",
	} {
		if _, err := shell.Exec(tx, statement, params); err != nil {
			return err
		}
	}
	return nil
}

// arrivals are when the clips arrived that the person could be handed next.
type arrivals struct {
	times []time.Time
	now   time.Time
}

const arrivalsQuery = `SELECT c.created
	FROM clip_tallies t INDEXED BY idx_clip_tallies_ready
	CROSS JOIN clips c ON c.id = t.clip
	WHERE t.language = {:language} AND t.started = 0 AND t.ready = 1 AND t.gold = '' AND t.turn > {:turn}
	ORDER BY t.turn LIMIT {:batch}`

func (a *asking) arrivals() (arrivals, error) {
	stamps := []string{}
	err := a.tx.DB().NewQuery(arrivalsQuery).
		Bind(dbx.Params{"language": a.language, "turn": a.before.Seq, "batch": lookBatch}).Column(&stamps)
	if err != nil {
		return arrivals{}, err
	}
	found := arrivals{now: a.now}
	for _, stamp := range stamps {
		at, err := shell.ParseStamp(stamp)
		if err != nil {
			return found, err
		}
		found.times = append(found.times, at)
	}
	return found, nil
}

// draw is when a control says that it arrived. After its verdict people read that:
// one that arrived when it was handed out, or long before the clips around it, would
// be known for what it is.
func (a arrivals) draw(rng *rand.Rand) time.Time {
	const unknown = time.Hour // where nothing waits
	from, to := a.now.Add(-unknown), a.now
	switch n := len(a.times); {
	case n == 1:
		from = a.times[0]
	case n > 1:
		i := rng.IntN(n - 1)
		from, to = a.times[i], a.times[i+1]
	}
	if to.Before(from) {
		from, to = to, from
	}
	return from.Add(time.Duration(rng.Int64N(int64(to.Sub(from)) + 1)))
}
