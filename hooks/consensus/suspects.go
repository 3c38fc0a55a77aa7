package consensus

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/hooks/shell"
	"github.com/lingualink/lingualink/internal/consensus/collusion"
	"github.com/lingualink/lingualink/internal/consensus/crowd"
	"github.com/lingualink/lingualink/internal/fault"
)

const (
	defaultSuspects = 50
	maxSuspects     = 200
)

// Reasons for which a validator is put before a moderator.
const (
	suspectExcluded  = "excluded"
	suspectOneAnswer = "one_answer"
)

type suspectPair struct {
	A          string  `json:"a" help:"One validator."`
	B          string  `json:"b" help:"The other."`
	Language   string  `json:"language"`
	Z          float64 `json:"z" help:"Standard deviations of both_wrong above expected."`
	Clips      int64   `json:"clips" help:"Clips of both on which several voters, but not all, were wrong."`
	BothWrong  int64   `json:"both_wrong" help:"Of these, clips on which both were."`
	Expected   float64 `json:"expected" help:"Clips on which both were to be expected to be wrong."`
	Together   int64   `json:"together" help:"Clips that both voted on."`
	Bursts     int64   `json:"bursts" help:"Of these, clips with votes within two minutes of each other."`
	Owner      string  `json:"owner" help:"The speaker of whom both decided most clips; empty if there is none."`
	OwnerClips int64   `json:"owner_clips" help:"Clips of that speaker whose verdict both votes supported."`
	OwnerShare float64 `json:"owner_share" help:"Of the speaker's decided clips, when it was last reckoned."`
	What       string  `json:"what" help:"The same in plain words."`
}

type suspectAffinity struct {
	Validator string  `json:"validator"`
	Owner     string  `json:"owner" help:"The speaker."`
	Language  string  `json:"language"`
	Z         float64 `json:"z" help:"Standard deviations of approvals above expected."`
	Clips     int64   `json:"clips" help:"Decided clips of the speaker that the validator voted on."`
	Approvals int64   `json:"approvals"`
	Expected  float64 `json:"expected"`
	What      string  `json:"what" help:"The same in plain words."`
}

type suspectValidator struct {
	Validator string `json:"validator"`
	Language  string `json:"language"`
	Reason    string `json:"reason" help:"excluded: known to tell nothing, as of the last assessment; one_answer: nearly always the same answer."`
	What      string `json:"what" help:"The same in plain words."`
}

type suspectsData struct {
	Pairs      []suspectPair      `json:"pairs" help:"Pairs that are wrong together more often than chance explains, the most conspicuous first."`
	Owners     []suspectAffinity  `json:"owners" help:"Validators who approve a speaker more often than the clips deserve, the most conspicuous first."`
	Validators []suspectValidator `json:"validators" help:"Validators to look at by themselves."`
}

func registerSignals(deps *shell.Deps) {
	deps.Outbox.Sweep("consensus.signals", watchEvery, func(app core.App) error { return watch(app, deps) })
	deps.Routes.Add(shell.Route{
		Method: http.MethodGet, Path: "/signals", Who: shell.Moderator, Data: suspectsData{},
		What: "Validators whose votes look arranged or empty, by thresholds that are proposals. Nothing follows from them by itself.",
		Params: []shell.Param{
			shell.Query("language", "Id or code; default: all languages."),
			shell.Query("limit", "1 or more of each list, default 50; at most 200 are given."),
		},
		Faults: []*fault.Code{fault.InvalidInput, fault.LanguageUnknown},
		Handle: suspects,
	})
}

// suspects answers with what is above the thresholds. It writes nothing.
func suspects(e *core.RequestEvent) error {
	limit, err := suspectLimit(e.Request.URL.Query().Get("limit"))
	if err != nil {
		return err
	}
	language, err := languageID(e.App, e.Request.URL.Query().Get("language"))
	if err != nil {
		return err
	}
	params := dbx.Params{"language": language, "limit": limit, "me": e.Auth.Id}
	var data suspectsData
	if data.Pairs, err = suspectPairs(e.App, params); err != nil {
		return err
	}
	if data.Owners, err = suspectAffinities(e.App, params); err != nil {
		return err
	}
	if data.Validators, err = suspectValidators(e.App, params, limit); err != nil {
		return err
	}
	return shell.OK(e, data, "")
}

func suspectLimit(text string) (int, error) {
	if text == "" {
		return defaultSuspects, nil
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 {
		return 0, fault.InvalidInput.On("limit").Saying(fmt.Sprintf("The limit is a number from 1; at most %d are given.", maxSuspects))
	}
	return min(limit, maxSuspects), nil
}

// languageID finds a language by id or code; no name is all languages.
func languageID(app core.App, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	ids := []string{}
	err := app.DB().NewQuery("SELECT id FROM languages WHERE id = {:name} OR code = {:name}").Bind(dbx.Params{"name": name}).Column(&ids)
	if err != nil {
		return "", err
	}
	if len(ids) == 0 {
		return "", fault.LanguageUnknown.On("language")
	}
	return ids[0], nil
}

const pairsQuery = "SELECT " + pairColumns + " FROM pair_signals WHERE z >= {:z} AND ({:language} = '' OR language = {:language}) ORDER BY z DESC, id LIMIT {:limit}"

// favouriteQuery finds the speaker of whom two validators decided most clips.
const favouriteQuery = "SELECT owner, clips, share FROM pair_owners WHERE a = {:a} AND b = {:b} ORDER BY clips DESC, owner LIMIT 1"

func suspectPairs(app core.App, params dbx.Params) ([]suspectPair, error) {
	rows := []pairRow{}
	if err := app.DB().NewQuery(pairsQuery).Bind(params).Bind(dbx.Params{"z": collusion.PairZ}).All(&rows); err != nil {
		return nil, err
	}
	pairs := make([]suspectPair, len(rows))
	for i, row := range rows {
		sum := row.sum()
		pairs[i] = suspectPair{
			A: row.A, B: row.B, Language: row.Language, Z: sum.Wrong.Z(), Clips: row.Clips, BothWrong: row.Hits,
			Expected: row.Expected, Together: row.Together, Bursts: row.Bursts, What: sum.Says(),
		}
		favourite := []pairOwnerRow{}
		if err := app.DB().NewQuery(favouriteQuery).Bind(dbx.Params{"a": row.A, "b": row.B}).All(&favourite); err != nil {
			return nil, err
		}
		for _, f := range favourite {
			pairs[i].Owner, pairs[i].OwnerClips, pairs[i].OwnerShare = f.Owner, f.Clips, f.Share
		}
	}
	return pairs, nil
}

const affinitiesQuery = "SELECT " + affinityColumns + " FROM owner_signals WHERE z >= {:z} AND ({:language} = '' OR language = {:language}) ORDER BY z DESC, id LIMIT {:limit}"

func suspectAffinities(app core.App, params dbx.Params) ([]suspectAffinity, error) {
	rows := []affinityRow{}
	if err := app.DB().NewQuery(affinitiesQuery).Bind(params).Bind(dbx.Params{"z": collusion.AffinityZ}).All(&rows); err != nil {
		return nil, err
	}
	owners := make([]suspectAffinity, len(rows))
	for i, row := range rows {
		tally := row.tally()
		owners[i] = suspectAffinity{
			Validator: row.Validator, Owner: row.Owner, Language: row.Language, Z: tally.Z(), Clips: row.Clips,
			Approvals: row.Hits, Expected: row.Expected, What: collusion.AffinitySays(tally),
		}
	}
	return owners, nil
}

const (
	excludedQuery = `
		SELECT validator, language, answers FROM trust
		WHERE state = 'excluded' AND ({:language} = '' OR language = {:language}) AND validator != {:me}
		ORDER BY assessed_at DESC, id LIMIT {:limit}`
	oneAnswerQuery = "SELECT " + skillColumns + ` FROM skills
		WHERE ({:language} = '' OR language = {:language}) AND gold_tn + gold_fp >= {:bad} AND validator != {:me}
		ORDER BY validator, language`
)

// suspectValidators are those whom gold has excluded, and those who give one
// answer only. It says nothing about whoever asks, and no number of answers on
// clips of known truth: figures that move with every such answer would tell
// which clip was gold.
func suspectValidators(app core.App, params dbx.Params, limit int) ([]suspectValidator, error) {
	excluded := []struct {
		Validator string `db:"validator"`
		Language  string `db:"language"`
		Answers   int64  `db:"answers"`
	}{}
	if err := app.DB().NewQuery(excludedQuery).Bind(params).All(&excluded); err != nil {
		return nil, err
	}
	list, listed := make([]suspectValidator, 0, len(excluded)), map[skillKey]bool{}
	for _, row := range excluded {
		listed[skillKey{row.Validator, row.Language}] = true
		list = append(list, suspectValidator{
			Validator: row.Validator, Language: row.Language, Reason: suspectExcluded,
			What: fmt.Sprintf("The answers tell nothing about the clips, as of the last assessment, after %d answers.", row.Answers),
		})
	}
	rows, err := app.DB().NewQuery(oneAnswerQuery).Bind(params).
		Bind(dbx.Params{"bad": int64(collusion.OneAnswerBad * crowd.Answer)}).Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for len(list) < limit && rows.Next() {
		var row skillRow
		if err := rows.ScanStruct(&row); err != nil {
			return nil, err
		}
		approvals, only := collusion.OneAnswer(row.skill())
		if !only || listed[skillKey{row.Validator, row.Language}] {
			continue
		}
		list = append(list, suspectValidator{
			Validator: row.Validator, Language: row.Language, Reason: suspectOneAnswer, What: collusion.OneAnswerSays(approvals),
		})
	}
	return list, rows.Err()
}
