-- Who brought whom never changes, and neither does whose a code or a badge is.
CREATE TRIGGER referral_codes_fixed BEFORE UPDATE ON referral_codes
WHEN NEW.id IS NOT OLD.id OR NEW.user IS NOT OLD.user OR NEW.code IS NOT OLD.code OR NEW.[key] IS NOT OLD.[key] OR NEW.created IS NOT OLD.created
BEGIN SELECT RAISE(ABORT, 'referral_codes: a code stays bound to its person'); END;
CREATE TRIGGER referral_codes_no_delete BEFORE DELETE ON referral_codes
BEGIN SELECT RAISE(ABORT, 'referral_codes: a code stays bound to its person'); END;

CREATE TRIGGER referral_claims_no_update BEFORE UPDATE ON referral_claims
BEGIN SELECT RAISE(ABORT, 'referral_claims: what was tried stays written'); END;
CREATE TRIGGER referral_claims_no_delete BEFORE DELETE ON referral_claims
BEGIN SELECT RAISE(ABORT, 'referral_claims: what was tried stays written'); END;

CREATE TRIGGER referrals_fixed BEFORE UPDATE ON referrals
WHEN NEW.id IS NOT OLD.id OR NEW.referred IS NOT OLD.referred OR NEW.referrer IS NOT OLD.referrer OR NEW.code IS NOT OLD.code
BEGIN SELECT RAISE(ABORT, 'referrals: who brought whom never changes'); END;
CREATE TRIGGER referrals_no_delete BEFORE DELETE ON referrals
BEGIN SELECT RAISE(ABORT, 'referrals: who brought whom never changes'); END;

CREATE TRIGGER user_badges_fixed BEFORE UPDATE ON user_badges
WHEN NEW.id IS NOT OLD.id OR NEW.user IS NOT OLD.user OR NEW.badge IS NOT OLD.badge OR NEW.code IS NOT OLD.code OR NEW.earned_at IS NOT OLD.earned_at
BEGIN SELECT RAISE(ABORT, 'user_badges: a certificate stays what it is'); END;
CREATE TRIGGER user_badges_no_delete BEFORE DELETE ON user_badges
BEGIN SELECT RAISE(ABORT, 'user_badges: a certificate stays what it is'); END;

CREATE TRIGGER badges_fixed BEFORE UPDATE ON badges
WHEN NEW.id IS NOT OLD.id OR NEW.slug IS NOT OLD.slug OR NEW.measure IS NOT OLD.measure OR NEW.threshold IS NOT OLD.threshold OR NEW.level IS NOT OLD.level
BEGIN SELECT RAISE(ABORT, 'badges: what a badge is for never changes; make another one'); END;
CREATE TRIGGER badges_no_delete BEFORE DELETE ON badges
BEGIN SELECT RAISE(ABORT, 'badges: people have it; badges are never removed'); END;

INSERT INTO badges (id, slug, name, description, measure, level, threshold, created, updated) VALUES
  ('bbe876dc93666b2', 'first-steps', 'First Steps', 'Your first clip is approved.', 'clips_approved', 'bronze', 1, '2026-12-01 00:00:00.000Z', '2026-12-01 00:00:00.000Z'),
  ('44c12a69699a363', 'content-creator-bronze', 'Content Creator Bronze', '10 of your clips are approved.', 'clips_approved', 'bronze', 10, '2026-12-01 00:00:00.000Z', '2026-12-01 00:00:00.000Z'),
  ('6da7b181b41f5f0', 'content-creator-silver', 'Content Creator Silver', '50 of your clips are approved.', 'clips_approved', 'silver', 50, '2026-12-01 00:00:00.000Z', '2026-12-01 00:00:00.000Z'),
  ('17c0a2096a1cb6e', 'content-creator-gold', 'Content Creator Gold', '100 of your clips are approved.', 'clips_approved', 'gold', 100, '2026-12-01 00:00:00.000Z', '2026-12-01 00:00:00.000Z'),
  ('faece242e208bb2', 'validator-scout', 'Validator Scout', '10 of your votes agree with the verdict.', 'validations', 'bronze', 10, '2026-12-01 00:00:00.000Z', '2026-12-01 00:00:00.000Z'),
  ('b26b44e717d815f', 'validator-bronze', 'Validator Bronze', '100 of your votes agree with the verdict.', 'validations', 'bronze', 100, '2026-12-01 00:00:00.000Z', '2026-12-01 00:00:00.000Z'),
  ('0a5e027ed05b943', 'validator-silver', 'Validator Silver', '500 of your votes agree with the verdict.', 'validations', 'silver', 500, '2026-12-01 00:00:00.000Z', '2026-12-01 00:00:00.000Z'),
  ('c8fa42dc6aed539', 'validator-gold', 'Validator Gold', '1,000 of your votes agree with the verdict.', 'validations', 'gold', 1000, '2026-12-01 00:00:00.000Z', '2026-12-01 00:00:00.000Z'),
  ('3e6216371ee38e2', 'week-warrior', 'Week Warrior', 'You contributed on 7 days in a row.', 'streak_days', 'bronze', 7, '2026-12-01 00:00:00.000Z', '2026-12-01 00:00:00.000Z'),
  ('93113d12f4956ee', 'month-master', 'Month Master', 'You contributed on 30 days in a row.', 'streak_days', 'silver', 30, '2026-12-01 00:00:00.000Z', '2026-12-01 00:00:00.000Z'),
  ('61e83ef3733084e', 'dedication-champion', 'Dedication Champion', 'You contributed on 100 days in a row.', 'streak_days', 'gold', 100, '2026-12-01 00:00:00.000Z', '2026-12-01 00:00:00.000Z'),
  ('e282aa93677fddc', 'community-starter', 'Community Starter', 'Somebody whom you invited is active.', 'referrals', 'bronze', 1, '2026-12-01 00:00:00.000Z', '2026-12-01 00:00:00.000Z'),
  ('c14f0091ee4318d', 'cultural-connector', 'Cultural Connector', '10 people whom you invited are active.', 'referrals', 'silver', 10, '2026-12-01 00:00:00.000Z', '2026-12-01 00:00:00.000Z'),
  ('b0ccc97c88df959', 'language-leader', 'Language Leader', '50 people whom you invited are active.', 'referrals', 'gold', 50, '2026-12-01 00:00:00.000Z', '2026-12-01 00:00:00.000Z');

-- A server that is older than codes and counts catches up by the very jobs that
-- follow every sign-up and verdict.
INSERT INTO jobs (id, kind, effect_key, payload, state, attempts, run_at, lease_until, worker, last_error, finished_at, created)
SELECT substr(lower(hex(randomblob(8))), 1, 15), 'referrals.code', id, json_object('user', id), 'queued', 0, created, '', '', '', '', created
FROM users;
INSERT INTO jobs (id, kind, effect_key, payload, state, attempts, run_at, lease_until, worker, last_error, finished_at, created)
SELECT substr(lower(hex(randomblob(8))), 1, 15), 'badges.verdict', id, json_object('verdict', id), 'queued', 0, created, '', '', '', '', created
FROM verdicts WHERE outcome IN ('approved', 'rejected');
