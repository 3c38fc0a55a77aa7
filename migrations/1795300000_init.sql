-- Second fence behind the hooks: rows of record are never changed or removed,
-- whoever asks. The first word of each message is the table.

CREATE TRIGGER ledger_txs_no_update BEFORE UPDATE ON ledger_txs
BEGIN SELECT RAISE(ABORT, 'ledger_txs: posted transactions are never changed'); END;
CREATE TRIGGER ledger_txs_no_delete BEFORE DELETE ON ledger_txs
BEGIN SELECT RAISE(ABORT, 'ledger_txs: posted transactions are never removed'); END;

CREATE TRIGGER ledger_entries_no_update BEFORE UPDATE ON ledger_entries
BEGIN SELECT RAISE(ABORT, 'ledger_entries: posted entries are never changed'); END;
CREATE TRIGGER ledger_entries_no_delete BEFORE DELETE ON ledger_entries
BEGIN SELECT RAISE(ABORT, 'ledger_entries: posted entries are never removed'); END;

-- An entry must follow its account's balance and belong to the last transaction
-- that has entries or to a later one; posting it carries the balance forward.
-- Nothing else can.
CREATE TRIGGER ledger_entries_follow BEFORE INSERT ON ledger_entries
BEGIN
  SELECT RAISE(ABORT, 'ledger_entries: the balance does not follow, or the account is closed or of another currency')
  WHERE NEW.balance_after_minor IS NOT (
    SELECT balance_minor + NEW.amount_minor FROM ledger_accounts
    WHERE id = NEW.account AND currency = NEW.currency AND closed = 0);
  SELECT RAISE(ABORT, 'ledger_entries: entries are posted with their transaction only')
  WHERE NEW.seq IS NOT (SELECT seq FROM ledger_txs WHERE id = NEW.tx)
     OR NEW.seq < (SELECT seq FROM ledger_entries ORDER BY rowid DESC LIMIT 1);
END;
CREATE TRIGGER ledger_entries_carry AFTER INSERT ON ledger_entries
BEGIN
  UPDATE ledger_accounts SET balance_minor = NEW.balance_after_minor WHERE id = NEW.account;
END;

CREATE TRIGGER ledger_accounts_start BEFORE INSERT ON ledger_accounts WHEN NEW.balance_minor IS NOT 0
BEGIN SELECT RAISE(ABORT, 'ledger_accounts: an account starts empty'); END;
CREATE TRIGGER ledger_accounts_fixed BEFORE UPDATE ON ledger_accounts
WHEN NEW.id IS NOT OLD.id OR NEW.[key] IS NOT OLD.[key] OR NEW.type IS NOT OLD.type OR NEW.user IS NOT OLD.user
  OR NEW.campaign IS NOT OLD.campaign OR NEW.currency IS NOT OLD.currency
  OR NEW.min_balance_minor IS NOT OLD.min_balance_minor OR NEW.created IS NOT OLD.created
BEGIN SELECT RAISE(ABORT, 'ledger_accounts: only the balance moves, by posting'); END;
CREATE TRIGGER ledger_accounts_balance BEFORE UPDATE OF balance_minor ON ledger_accounts
WHEN NEW.balance_minor IS NOT OLD.balance_minor
BEGIN
  SELECT RAISE(ABORT, 'ledger_accounts: the balance is the sum of the entries')
  WHERE NEW.balance_minor IS NOT (
    SELECT balance_after_minor FROM ledger_entries WHERE account = NEW.id ORDER BY seq DESC LIMIT 1);
END;
CREATE TRIGGER ledger_accounts_no_delete BEFORE DELETE ON ledger_accounts
BEGIN SELECT RAISE(ABORT, 'ledger_accounts: accounts are never removed'); END;

CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit_log: what was done stays written'); END;
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'audit_log: what was done stays written'); END;

CREATE TRIGGER votes_no_update BEFORE UPDATE ON votes
BEGIN SELECT RAISE(ABORT, 'votes: a vote is final'); END;
CREATE TRIGGER votes_no_delete BEFORE DELETE ON votes
BEGIN SELECT RAISE(ABORT, 'votes: a vote is final'); END;

CREATE TRIGGER verdicts_no_update BEFORE UPDATE ON verdicts
BEGIN SELECT RAISE(ABORT, 'verdicts: a new verdict is a new row'); END;
CREATE TRIGGER verdicts_no_delete BEFORE DELETE ON verdicts
BEGIN SELECT RAISE(ABORT, 'verdicts: a new verdict is a new row'); END;

CREATE TRIGGER policies_no_update BEFORE UPDATE ON policies
BEGIN SELECT RAISE(ABORT, 'policies: insert a new version'); END;
CREATE TRIGGER policies_no_delete BEFORE DELETE ON policies
BEGIN SELECT RAISE(ABORT, 'policies: insert a new version'); END;

CREATE TRIGGER reward_rates_no_update BEFORE UPDATE ON reward_rates
BEGIN SELECT RAISE(ABORT, 'reward_rates: insert a new version'); END;
CREATE TRIGGER reward_rates_no_delete BEFORE DELETE ON reward_rates
BEGIN SELECT RAISE(ABORT, 'reward_rates: insert a new version'); END;

CREATE TRIGGER consent_texts_no_update BEFORE UPDATE ON consent_texts
BEGIN SELECT RAISE(ABORT, 'consent_texts: insert a new version'); END;
CREATE TRIGGER consent_texts_no_delete BEFORE DELETE ON consent_texts
BEGIN SELECT RAISE(ABORT, 'consent_texts: insert a new version'); END;
