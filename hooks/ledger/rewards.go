package ledger

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/lingualink/lingualink/collections"
	"github.com/lingualink/lingualink/hooks/shell"
	book "github.com/lingualink/lingualink/internal/ledger"
	"github.com/lingualink/lingualink/internal/money"
	"github.com/lingualink/lingualink/internal/referral"
	"github.com/lingualink/lingualink/internal/rewards"
)

const (
	jobSettle    = "rewards.settle"
	settleBatch  = 200
	releaseBatch = 200
	// maxReleases bounds one sweep, so that jobs get their turn; the next is a
	// second later.
	maxReleases = 25
)

// Earning is what a verdict brings, ready to be written.
type Earning struct {
	Clip, Verdict string
	Language      string // of the clip, in which validators are measured
	Campaign      Campaign
	Rewards       []rewards.Reward
	PolicyVersion int64
	Hold          time.Duration
}

// Earn records the rewards of verdicts and posts those that the campaigns can pay.
// The rest is unfunded and paid in order when funds come; while anything of a
// campaign waits, nothing newer overtakes it. What accrues is only recorded, until
// [SettleAccrued]. However many the verdicts are, they take few statements.
func Earn(tx core.App, deps *shell.Deps, earnings ...Earning) error {
	due, now := []owed{}, deps.Clock.Now()
	for _, earning := range earnings {
		for _, reward := range earning.Rewards {
			due = append(due, earning.owed(reward, now))
		}
	}
	return owe(tx, deps, due)
}

// owed is a reward about to be recorded.
type owed struct {
	rewardRow
	accruing, cut bool // neither is paid: the one not yet, the other never
	row           dbx.Params
}

// owe records rewards, in order, and posts those that their campaigns can pay now.
func owe(tx core.App, deps *shell.Deps, due []owed) error {
	var seq int64
	if err := tx.DB().NewQuery("SELECT COALESCE(MAX(seq), 0) FROM rewards").Row(&seq); err != nil {
		return err
	}
	now := deps.Clock.Now()
	rows, paid, postings := make([]dbx.Params, len(due)), []dbx.Params{}, []book.Tx{}
	budgets, unpaid := budgets{}, wallets{} // posting announces the others
	for i, reward := range due {
		seq++
		row := reward.row
		row["id"], row["seq"], row["created"] = shell.RowID(now), seq, shell.Stamp(now)
		rows[i] = row
		funded := false
		if !reward.accruing && !reward.cut {
			var err error
			if funded, err = budgets.take(tx, reward.campaign(), reward.Amount); err != nil {
				return err
			}
		}
		if !funded {
			unpaid.add(reward.User, reward.Currency)
			continue
		}
		row["state"] = collections.RewardPending
		paid = append(paid, row)
		postings = append(postings, reward.earned())
	}
	posted, err := Post(tx, deps, postings...)
	if err != nil {
		return err
	}
	for i, p := range posted {
		paid[i]["tx"] = p.ID
	}
	unpaid.announce(tx, deps)
	return shell.InsertAll(tx, "rewards", rows)
}

// owed is a reward of the verdict as it is stored before it is paid.
func (earning Earning) owed(reward rewards.Reward, now time.Time) owed {
	state := collections.RewardUnfunded
	if reward.Accruing {
		state = collections.RewardAccruing
	}
	return owed{
		rewardRow: rewardRow{
			Key: reward.Key, Rule: reward.Rule, User: reward.User, Verdict: earning.Verdict,
			Campaign: earning.Campaign.ID, Currency: earning.Campaign.Currency, Amount: reward.AmountMinor,
		},
		accruing: reward.Accruing,
		row: dbx.Params{
			"key": reward.Key, "user": reward.User, "rule": string(reward.Rule),
			"clip": earning.Clip, "verdict": earning.Verdict, "language": earning.Language, "referral": "", "subject": "", "cut": "",
			"campaign": earning.Campaign.ID, "currency": string(earning.Campaign.Currency),
			"amount_minor": reward.AmountMinor, "base_minor": reward.BaseMinor, "factor_bps": reward.FactorBps, "multiplier_bps": reward.MultiplierBps,
			"rate_version": reward.RateVersion, "policy_version": earning.PolicyVersion,
			"consensus_version": reward.ConsensusVersion, "skill_seq": reward.SkillSeq,
			"state": state, "tx": "", "available_at": shell.Stamp(now.Add(earning.Hold)),
		},
	}
}

// AlreadyPaid are the rewards of each clip that nobody took back, whatever their
// state: what a verdict that supersedes another must not pay again.
func AlreadyPaid(app core.App, clips ...string) (map[string][]rewards.Paid, error) {
	rows := []struct {
		Clip string       `db:"clip"`
		Rule rewards.Rule `db:"rule"`
		User string       `db:"user"`
	}{}
	err := app.DB().Select("clip", "rule", "user").From("rewards").
		Where(shell.In("clip", clips)).
		AndWhere(dbx.Not(dbx.HashExp{"state": collections.RewardReversed})).OrderBy("seq").All(&rows)
	if err != nil {
		return nil, err
	}
	paid := map[string][]rewards.Paid{}
	for _, row := range rows {
		paid[row.Clip] = append(paid[row.Clip], rewards.Paid{Rule: row.Rule, User: row.User})
	}
	return paid, nil
}

// budgets are what campaigns can give away in this transaction.
type budgets map[Campaign]*budget

type budget struct {
	Minor   int64 `db:"minor"`
	Waiting bool  `db:"waiting"` // somebody has a right to the rest
}

// take says whether the campaign can pay the amount now. Once one cannot be paid,
// those that come after it wait behind it, however small they are.
func (b budgets) take(tx core.App, campaign Campaign, minor int64) (bool, error) {
	left := b[campaign]
	if left == nil {
		left = &budget{}
		err := tx.DB().NewQuery(`
			SELECT COALESCE((SELECT balance_minor FROM ledger_accounts WHERE [[key]] = {:account}), 0) AS minor,
			       EXISTS (SELECT 1 FROM rewards WHERE campaign = {:campaign} AND state = 'unfunded') AS waiting`).
			Bind(dbx.Params{"account": book.CampaignAccount(campaign.ID, campaign.Currency).Key, "campaign": campaign.ID}).One(left)
		if err != nil {
			return false, err
		}
		b[campaign] = left
	}
	if left.Waiting || minor > left.Minor {
		left.Waiting = true
		return false, nil
	}
	left.Minor -= minor
	return true, nil
}

// rewardRow is what paying, releasing and taking back need of a reward.
type rewardRow struct {
	ID         string         `db:"id"`
	Key        string         `db:"key"`
	Seq        int64          `db:"seq"`
	Rule       rewards.Rule   `db:"rule"`
	User       string         `db:"user"`
	Language   string         `db:"language"`
	Verdict    string         `db:"verdict"`
	Referral   string         `db:"referral"`
	Subject    string         `db:"subject"`
	Version    int64          `db:"policy_version"`
	Campaign   string         `db:"campaign"`
	Currency   money.Currency `db:"currency"`
	Amount     int64          `db:"amount_minor"`
	Base       int64          `db:"base_minor"`
	Multiplier int64          `db:"multiplier_bps"`
	State      string         `db:"state"`
	Tx         string         `db:"tx"`
}

const rewardColumns = "id, [[key]], seq, rule, user, language, verdict, referral, subject, policy_version, campaign, currency, amount_minor, base_minor, multiplier_bps, state, tx"

func (r rewardRow) campaign() Campaign { return Campaign{ID: r.Campaign, Currency: r.Currency} }

// earned is the posting that pays the reward. All of it follows from the row, so
// that it is the same whether the campaign can pay at once or much later.
func (r rewardRow) earned() book.Tx {
	posting := book.Tx{
		Kind: book.RewardEarned, Key: r.Key, Actor: shell.System,
		Entries: book.Move(book.CampaignAccount(r.Campaign, r.Currency), book.UserAccount(r.User, book.Pending, r.Currency), r.Amount),
	}
	switch r.Rule {
	case referral.Bonus, referral.Commission:
		posting.SourceType, posting.SourceID = "referrals", r.Referral
		posting.Memo = fmt.Sprintf("%s, rules version %d", map[rewards.Rule]string{referral.Bonus: "Referral bonus", referral.Commission: "Referral commission"}[r.Rule], r.Version)
	case referral.Stipend:
		posting.SourceType, posting.SourceID = "ambassadors", r.Subject
		posting.Memo = fmt.Sprintf("Stipend for %s, terms version %d", r.Subject, r.Version)
	default:
		posting.SourceType, posting.SourceID = "verdicts", r.Verdict
	}
	return posting
}

type settlePayload struct {
	Campaign string `json:"campaign"`
}

// settleSoon has a campaign pay what waits for funds, after this transaction. The
// cause is asked for once.
func settleSoon(tx core.App, deps *shell.Deps, cause, campaign string) error {
	return deps.Outbox.Enqueue(tx, shell.Job{Kind: jobSettle, Key: cause, Payload: settlePayload{Campaign: campaign}})
}

// settleUnfunded pays the waiting rewards of a campaign, oldest first, until
// the money ends. More than a batch continues in a job of its own.
func settleUnfunded(tx core.App, deps *shell.Deps, job shell.Job) error {
	var payload settlePayload
	if err := json.Unmarshal(job.Raw, &payload); err != nil {
		return err
	}
	rows := []rewardRow{}
	err := tx.DB().NewQuery("SELECT " + rewardColumns + " FROM rewards WHERE campaign = {:campaign} AND state = 'unfunded' ORDER BY seq LIMIT {:batch}").
		Bind(dbx.Params{"campaign": payload.Campaign, "batch": settleBatch}).All(&rows)
	if err != nil || len(rows) == 0 {
		return err
	}
	budget, err := balanceOf(tx, book.CampaignAccount(payload.Campaign, rows[0].Currency))
	if err != nil {
		return err
	}
	postings := []book.Tx{}
	for _, row := range rows {
		if row.Amount > budget {
			break
		}
		budget -= row.Amount
		postings = append(postings, row.earned())
	}
	posted, err := Post(tx, deps, postings...)
	if err != nil {
		return err
	}
	for i, p := range posted {
		if err := moveReward(tx, rows[i].ID, collections.RewardUnfunded, collections.RewardPending, p.ID); err != nil {
			return err
		}
	}
	if len(posted) == settleBatch {
		return settleSoon(tx, deps, fmt.Sprintf("%s:%d", payload.Campaign, rows[settleBatch-1].Seq), payload.Campaign)
	}
	return nil
}

// ReleaseDue makes rewards available whose hold time is over, a batch per
// transaction so that the writer is never held for long. What belongs to
// somebody whose money is frozen, or was earned by bringing them, stays where it
// is until that is decided.
func ReleaseDue(app core.App, deps *shell.Deps) error {
	for range maxReleases {
		due := dbx.Params{"now": shell.Stamp(deps.Clock.Now()), "batch": releaseBatch}
		const query = "SELECT " + rewardColumns + ` FROM rewards
			WHERE state = 'pending' AND available_at <= {:now}
				AND NOT EXISTS (SELECT 1 FROM freezes f WHERE f.user = rewards.user AND f.state = 'frozen')
				AND NOT EXISTS (SELECT 1 FROM referrals b JOIN freezes f ON f.user = b.referred AND f.state = 'frozen' WHERE b.id = rewards.referral)
			ORDER BY available_at, seq LIMIT {:batch}`
		rows := []rewardRow{}
		// Look without the writer first: mostly nothing is due.
		if err := app.ConcurrentDB().NewQuery(query).Bind(due).All(&rows); err != nil || len(rows) == 0 {
			return err
		}
		err := app.RunInTransaction(func(tx core.App) error {
			rows = rows[:0]
			if err := tx.DB().NewQuery(query).Bind(due).All(&rows); err != nil {
				return err
			}
			postings := make([]book.Tx, len(rows))
			for i, row := range rows {
				if err := moveReward(tx, row.ID, collections.RewardPending, collections.RewardReleased, ""); err != nil {
					return err
				}
				postings[i] = book.Tx{
					Kind: book.RewardReleased, Key: "release:" + row.Key, Actor: shell.System, SourceType: "rewards", SourceID: row.ID,
					Entries: book.Move(book.UserAccount(row.User, book.Pending, row.Currency), book.UserAccount(row.User, book.Available, row.Currency), row.Amount),
				}
			}
			if _, err := Post(tx, deps, postings...); err != nil {
				return err
			}
			return released(tx, deps.Clock.Now(), rows)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// moveReward changes the state of a reward that is still in the state expected,
// and records the posting that paid it, if one did.
func moveReward(tx core.App, id, from, to, paidBy string) error {
	changed, err := shell.Exec(tx,
		"UPDATE rewards SET state = {:to}, tx = CASE WHEN {:tx} = '' THEN tx ELSE {:tx} END WHERE id = {:id} AND state = {:from}",
		dbx.Params{"id": id, "from": from, "to": to, "tx": paidBy})
	if err == nil && changed != 1 {
		return fmt.Errorf("reward %s is no longer %s", id, from)
	}
	return err
}
