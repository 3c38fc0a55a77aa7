package ledger

import (
	"fmt"
	"slices"
	"time"

	"github.com/lingualink/lingualink/internal/fault"
	"github.com/lingualink/lingualink/internal/money"
)

// Posted is a transaction as it was recorded, never to change again.
type Posted struct {
	Tx
	ID string
	// Seq counts from 1 without gaps.
	Seq int64
	// RecordedAt has milliseconds and never runs backwards along Seq.
	RecordedAt time.Time
	InputHash  string
	// PrevHash is the Hash of Seq-1, empty for the first; Hash is [Posted.ChainHash].
	PrevHash, Hash string
	// BalancesAfter are the balances the entries left, aligned with Entries.
	BalancesAfter []int64
}

// Head is the end of the chain: what the next transaction is appended to. The
// zero value is the head of an empty ledger.
type Head struct {
	Seq        int64
	Hash       string
	RecordedAt time.Time
}

// Head returns the head of a chain that ends with p.
func (p Posted) Head() Head {
	return Head{Seq: p.Seq, Hash: p.Hash, RecordedAt: p.RecordedAt}
}

// Append returns the transaction as the next one of the chain, ready to be
// stored. The balances are those of the accounts before it, aligned with
// tx.Entries. A clock that was set back does not set back the ledger: the
// record gets the time of its predecessor.
//
// Errors are those of [Tx.Validate] and [Apply].
func (head Head) Append(tx Tx, id string, now time.Time, balances []int64) (Posted, error) {
	if err := tx.Validate(); err != nil {
		return Posted{}, err
	}
	if len(balances) != len(tx.Entries) {
		return Posted{}, fault.Internal.On("entries").
			Because(fmt.Errorf("%d balances given for %d entries", len(balances), len(tx.Entries)))
	}
	if now.Before(head.RecordedAt) {
		now = head.RecordedAt
	}
	posted := Posted{
		Tx: tx, ID: id, Seq: head.Seq + 1, RecordedAt: toMillisecond(now),
		InputHash: tx.InputHash(), PrevHash: head.Hash,
		BalancesAfter: make([]int64, len(balances)),
	}
	posted.Entries = slices.Clone(tx.Entries)
	if tx.EffectiveAt.IsZero() {
		posted.EffectiveAt = posted.RecordedAt
	}
	posted.EffectiveAt = toMillisecond(posted.EffectiveAt)
	for i, entry := range tx.Entries {
		after, err := Apply(balances[i], entry, tx)
		if err != nil {
			return Posted{}, err
		}
		posted.BalancesAfter[i] = after
	}
	posted.Hash = posted.ChainHash()
	return posted, nil
}

// toMillisecond gives the time the precision and zone it is stored with.
func toMillisecond(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// MayOverdraw says whether the transaction may leave the account below its
// minimum. Only money that is gone already may: taken back for fraud, or paid
// by a payout that was believed to have failed, and only from what the user
// could have spent.
func (tx Tx) MayOverdraw(a Account) bool {
	return kinds[tx.Kind].overdraws && a.isAvailable()
}

// Apply returns the balance that the entry leaves. A debit that leaves less
// than the account's minimum is fault.InsufficientFunds, unless
// [Tx.MayOverdraw]; a credit is always welcome, also while the account is still
// below its minimum. A balance beyond ±money.MaxMinor is fault.AmountOverflow.
func Apply(balanceMinor int64, entry Entry, tx Tx) (afterMinor int64, err error) {
	after, err := money.Add(balanceMinor, entry.AmountMinor)
	if err != nil {
		return 0, err
	}
	if overdrawn(after, entry, tx) {
		return 0, fault.InsufficientFunds.On("amount_minor").
			Because(fmt.Errorf("%s holds %d, %d would be left", entry.Account.Key, balanceMinor, after))
	}
	return after, nil
}

func overdrawn(after int64, entry Entry, tx Tx) bool {
	floor := entry.Account.MinMinor
	return entry.AmountMinor < 0 && floor != nil && after < *floor && !tx.MayOverdraw(entry.Account)
}

// Reverse returns the exact mirror of a posted transaction, about the same
// source, under its own key and kind ([RewardReversed] or [Correction]). That
// each transaction is reversed once is for the caller's unique index on
// Reverses to say (fault.AlreadyReversed).
//
// Errors: fault.NotReversible for a reversal or a record of what happened
// outside, else those of [Tx.Validate], fault.InvalidInput for a kind that
// does not reverse among them.
func Reverse(original Posted, key string, kind Kind, actor, memo string, at time.Time) (Tx, error) {
	if !original.reversible() || original.ID == "" {
		return Tx{}, fault.NotReversible.On("reverses")
	}
	tx := Tx{
		Kind: kind, Key: key, EffectiveAt: at, Actor: actor, Memo: memo,
		SourceType: original.SourceType, SourceID: original.SourceID,
		Reverses: original.ID, Entries: mirror(original.Entries),
	}
	if err := tx.Validate(); err != nil {
		return Tx{}, err
	}
	return tx, nil
}

// reversible says whether the transaction may be undone at all.
func (tx Tx) reversible() bool {
	return tx.Reverses == "" && !kinds[tx.Kind].final
}

// mirror returns the entries with every amount negated.
func mirror(entries []Entry) []Entry {
	mirrored := make([]Entry, len(entries))
	for i, entry := range entries {
		mirrored[i] = Entry{entry.Account, -entry.AmountMinor}
	}
	return mirrored
}
