package shell

import (
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
)

// Act is one deed for the audit log.
type Act struct {
	Actor       string // ActorOf or System
	Action      string // verb and noun, for example "campaign.fund"
	SubjectType string // collection
	SubjectID   string
	Reason      string
	Data        any // what changed; never a secret
}

// System is the actor of what no person asked for.
const System = "system"

// ActorOf names who is signed in, for the audit log and the ledger.
func ActorOf(auth *core.Record) string {
	switch {
	case auth == nil:
		return "guest"
	case auth.IsSuperuser():
		return "superuser:" + auth.Id
	default:
		return "user:" + auth.Id
	}
}

// auditRow is a row of audit_log in the order of the hash.
type auditRow struct {
	Seq         int64  `db:"seq" json:"seq"`
	At          string `db:"at" json:"at"`
	Actor       string `db:"actor" json:"actor"`
	Action      string `db:"action" json:"action"`
	SubjectType string `db:"subject_type" json:"subject_type"`
	SubjectID   string `db:"subject_id" json:"subject_id"`
	Reason      string `db:"reason" json:"reason"`
	Data        string `db:"data" json:"data"`
	PrevHash    string `db:"prev_hash" json:"prev_hash"`
	Hash        string `db:"hash" json:"-"`
}

// chainHash is SHA-256 over the JSON of the row, whose fields have a fixed
// order and whose prev_hash carries all rows before it.
func (r auditRow) chainHash() (string, error) {
	content, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:]), nil
}

// Audit appends the deed to the hash-chained log, in the transaction of the
// deed itself: if it cannot be recorded, it is not done.
func Audit(tx core.App, now time.Time, act Act) error {
	if err := mustBeInTransaction(tx); err != nil {
		return err
	}
	data, err := json.Marshal(act.Data)
	if err != nil {
		return fmt.Errorf("audit %s: %w", act.Action, err)
	}
	row := auditRow{
		Seq: 1, At: Stamp(now), Actor: act.Actor, Action: act.Action,
		SubjectType: act.SubjectType, SubjectID: act.SubjectID, Reason: act.Reason, Data: string(data),
	}
	var last auditRow
	err = tx.DB().NewQuery("SELECT seq, hash FROM audit_log ORDER BY seq DESC LIMIT 1").One(&last)
	switch {
	case err == nil:
		row.Seq, row.PrevHash = last.Seq+1, last.Hash
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	if row.Hash, err = row.chainHash(); err != nil {
		return err
	}
	return Insert(tx, "audit_log", dbx.Params{
		"id": NewID(), "seq": row.Seq, "at": row.At, "actor": row.Actor, "action": row.Action,
		"subject_type": row.SubjectType, "subject_id": row.SubjectID, "reason": row.Reason, "data": row.Data,
		"prev_hash": row.PrevHash, "hash": row.Hash,
	})
}

// AuditReport is what [VerifyAudit] saw.
type AuditReport struct {
	Rows     int64  `json:"rows"`
	Head     string `json:"head"`
	FirstBad int64  `json:"first_bad_seq,omitempty"`
	Problem  string `json:"problem,omitempty"`
}

// VerifyAudit walks the log in order and stops at the first row that was
// edited, removed, inserted or reordered.
func VerifyAudit(db dbx.Builder) (AuditReport, error) {
	report := AuditReport{}
	rows, err := db.NewQuery("SELECT seq, at, actor, action, subject_type, subject_id, reason, data, prev_hash, hash FROM audit_log ORDER BY seq").Rows()
	if err != nil {
		return report, err
	}
	defer rows.Close()
	for rows.Next() {
		var row auditRow
		if err := rows.ScanStruct(&row); err != nil {
			return report, err
		}
		hash, err := row.chainHash()
		if err != nil {
			return report, err
		}
		report.Rows++
		switch {
		case row.Seq != report.Rows:
			report.Problem = fmt.Sprintf("row %d is missing", report.Rows)
		case row.PrevHash != report.Head:
			report.Problem = "the row does not follow the one before it"
		case row.Hash != hash:
			report.Problem = "the content of the row does not match its hash"
		}
		if report.Problem != "" {
			report.FirstBad = row.Seq
			return report, nil
		}
		report.Head = row.Hash
	}
	return report, rows.Err()
}
