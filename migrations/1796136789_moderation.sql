-- What was reported, decided and done stays written.
CREATE TRIGGER reports_fixed BEFORE UPDATE ON reports
WHEN NEW.id IS NOT OLD.id OR NEW.reporter IS NOT OLD.reporter OR NEW.subject_type IS NOT OLD.subject_type OR NEW.subject_id IS NOT OLD.subject_id
  OR NEW.reason IS NOT OLD.reason OR NEW.text IS NOT OLD.text OR NEW.[case] IS NOT OLD.[case]
BEGIN SELECT RAISE(ABORT, 'reports: what was reported stays written'); END;
CREATE TRIGGER reports_no_delete BEFORE DELETE ON reports
BEGIN SELECT RAISE(ABORT, 'reports: what was reported stays written'); END;

CREATE TRIGGER cases_fixed BEFORE UPDATE ON cases
WHEN NEW.id IS NOT OLD.id OR NEW.subject_type IS NOT OLD.subject_type OR NEW.subject_id IS NOT OLD.subject_id
BEGIN SELECT RAISE(ABORT, 'cases: a case stays with its subject'); END;
CREATE TRIGGER cases_decided_once BEFORE UPDATE ON cases
WHEN OLD.decided_by != '' AND (NEW.action IS NOT OLD.action OR NEW.decided_by IS NOT OLD.decided_by OR NEW.decided_at IS NOT OLD.decided_at)
BEGIN SELECT RAISE(ABORT, 'cases: a case is decided once'); END;
CREATE TRIGGER cases_no_delete BEFORE DELETE ON cases
BEGIN SELECT RAISE(ABORT, 'cases: cases are never removed'); END;

CREATE TRIGGER case_events_no_update BEFORE UPDATE ON case_events
BEGIN SELECT RAISE(ABORT, 'case_events: what happened stays written'); END;
CREATE TRIGGER case_events_no_delete BEFORE DELETE ON case_events
BEGIN SELECT RAISE(ABORT, 'case_events: what happened stays written'); END;

CREATE TRIGGER decisions_fixed BEFORE UPDATE ON decisions
WHEN NEW.id IS NOT OLD.id OR NEW.user IS NOT OLD.user OR NEW.[case] IS NOT OLD.[case] OR NEW.action IS NOT OLD.action OR NEW.note IS NOT OLD.note
BEGIN SELECT RAISE(ABORT, 'decisions: only whether it is in force changes'); END;
CREATE TRIGGER decisions_no_delete BEFORE DELETE ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions: decisions are never removed'); END;

CREATE TRIGGER strikes_fixed BEFORE UPDATE ON strikes
WHEN NEW.id IS NOT OLD.id OR NEW.user IS NOT OLD.user OR NEW.[case] IS NOT OLD.[case] OR NEW.points IS NOT OLD.points
  OR NEW.at IS NOT OLD.at OR NEW.expires_at IS NOT OLD.expires_at OR NEW.sanction IS NOT OLD.sanction OR NEW.until IS NOT OLD.until
BEGIN SELECT RAISE(ABORT, 'strikes: a strike is only undone or lifted'); END;
CREATE TRIGGER strikes_no_delete BEFORE DELETE ON strikes
BEGIN SELECT RAISE(ABORT, 'strikes: strikes are never removed'); END;

-- Clips that wait for an expert get their cases.
INSERT INTO jobs (id, kind, effect_key, payload, state, attempts, run_at, lease_until, worker, last_error, finished_at, created)
SELECT substr(lower(hex(randomblob(8))), 1, 15), 'cases.escalation', id, json_object('escalation', id), 'queued', 0, created, '', '', '', '', created
FROM escalations WHERE state = 'open';
