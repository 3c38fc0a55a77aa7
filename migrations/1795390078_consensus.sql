CREATE TRIGGER skill_events_no_update BEFORE UPDATE ON skill_events
BEGIN SELECT RAISE(ABORT, 'skill_events: what was learned stays written'); END;
CREATE TRIGGER skill_events_no_delete BEFORE DELETE ON skill_events
BEGIN SELECT RAISE(ABORT, 'skill_events: what was learned stays written'); END;
CREATE TRIGGER skill_events_in_order BEFORE INSERT ON skill_events
BEGIN
  SELECT RAISE(ABORT, 'skill_events: the history has no gaps')
  WHERE NEW.seq IS NOT (SELECT COALESCE(MAX(seq), 0) + 1 FROM skill_events);
END;

-- The engine that learns needs no rates of its own in a policy.
DROP TRIGGER policies_no_update;
UPDATE policies SET [values] = json_remove([values], '$.sensitivity', '$.specificity', '$.prior')
WHERE subject = 'consensus' AND json_valid([values]);
CREATE TRIGGER policies_no_update BEFORE UPDATE ON policies
BEGIN SELECT RAISE(ABORT, 'policies: insert a new version'); END;

DROP TRIGGER verdicts_no_update;
UPDATE verdicts SET [by] = 'crowd';
CREATE TRIGGER verdicts_no_update BEFORE UPDATE ON verdicts
BEGIN SELECT RAISE(ABORT, 'verdicts: a new verdict is a new row'); END;

UPDATE clip_tallies SET
  started = votes > 0,
  ready = open,
  turn = seq,
  turned_at = strftime('%Y-%m-%d %H:%M:%fZ', 'now'),
  owner_seq = (SELECT COUNT(*) FROM clip_tallies o WHERE o.owner = clip_tallies.owner AND o.seq <= clip_tallies.seq);
-- Nobody holds a lease any more: the queue hands everything out anew.
UPDATE assignments SET
  state = CASE state WHEN 'live' THEN 'expired' ELSE state END,
  owner = (SELECT owner FROM clip_tallies t WHERE t.clip = assignments.clip),
  owner_seq = (SELECT owner_seq FROM clip_tallies t WHERE t.clip = assignments.clip);
UPDATE queue_cursors SET seq = 0;

INSERT INTO validators (id, person, votes, last_vote_at, heard_until, day, rewarded_today, active_days, hour_start, votes_in_hour)
SELECT lower(hex(randomblob(7))) || 'v', validator, COUNT(*), MAX(created), '', substr(MAX(created), 1, 10),
       SUM(rewarded AND substr(created, 1, 10) = (SELECT substr(MAX(created), 1, 10) FROM votes o WHERE o.validator = votes.validator)),
       COUNT(DISTINCT substr(created, 1, 10)), '', 0
FROM votes GROUP BY validator;

-- Clips that wait for an expert since before there were experts.
INSERT INTO escalations (id, clip, language, owner, cause, state, text, claimed_by, claim_until, verdict, decided_at, created, updated)
SELECT lower(hex(randomblob(7))) || 'e', id, language, owner, 'max_votes', 'open', '', '', '', '', '',
       strftime('%Y-%m-%d %H:%M:%fZ', 'now'), strftime('%Y-%m-%d %H:%M:%fZ', 'now')
FROM clips WHERE status = 'escalated';
