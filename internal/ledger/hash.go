package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Both hashes are SHA-256, in lower-case hex, over fields in a fixed order: a
// text is its length in bytes as a number, then its bytes; a number is 8 bytes,
// big-endian, two's complement; a time is its Unix milliseconds; a list is its
// length, then its items. Reading from the left, every byte has one meaning,
// so different contents never encode alike. The first text names the content
// and its version.
const (
	inputFormat = "lingualink ledger input 1"
	chainFormat = "lingualink ledger chain 1"
)

// InputHash identifies what the caller asked for under the transaction's key:
// kind, key, actor, source, reverses, memo and the amount of every account, in
// whatever order. EffectiveAt is left out, because a retry a second later is
// the same request; the chain hash covers it.
func (tx Tx) InputHash() string { return tx.appendInput(newEncoding(inputFormat)).sum() }

// ChainHash is the hash of everything recorded, the hash of the previous
// transaction included, so that no row before it can change unnoticed. It is
// recomputable from the stored rows: entries go by account key, not by the
// order they were given in.
func (p Posted) ChainHash() string { return p.appendChain(newEncoding(chainFormat)).sum() }

func (tx Tx) appendInput(e encoding) encoding {
	e = tx.appendHeader(e).number(int64(len(tx.Entries)))
	for _, i := range byAccount(tx.Entries) {
		e = e.text(tx.Entries[i].Account.Key).number(tx.Entries[i].AmountMinor)
	}
	return e
}

func (p Posted) appendChain(e encoding) encoding {
	e = e.text(p.PrevHash).number(p.Seq).text(p.ID).
		number(p.RecordedAt.UnixMilli()).number(p.EffectiveAt.UnixMilli()).text(p.InputHash)
	e = p.appendHeader(e).number(int64(len(p.Entries)))
	for _, i := range byAccount(p.Entries) {
		e = e.text(p.Entries[i].Account.Key).number(p.Entries[i].AmountMinor)
		if i < len(p.BalancesAfter) { // always, for rows that were not tampered with
			e = e.number(p.BalancesAfter[i])
		}
	}
	return e
}

func (tx Tx) appendHeader(e encoding) encoding {
	return e.text(string(tx.Kind)).text(tx.Key).text(tx.Actor).
		text(tx.SourceType).text(tx.SourceID).text(tx.Reverses).text(tx.Memo)
}

// encoding is canonical content under construction.
type encoding []byte

func newEncoding(format string) encoding {
	return make(encoding, 0, 1024).text(format)
}

func (e encoding) number(v int64) encoding {
	return binary.BigEndian.AppendUint64(e, uint64(v))
}

func (e encoding) text(s string) encoding {
	return append(e.number(int64(len(s))), s...)
}

func (e encoding) sum() string {
	digest := sha256.Sum256(e)
	return hex.EncodeToString(digest[:])
}
