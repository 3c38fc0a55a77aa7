-- Second fence behind the hooks: what a payout is about never changes, a hold
-- is settled once, and history stays written. The first word of each message is
-- the table.

CREATE TRIGGER payouts_fixed BEFORE UPDATE ON payouts
WHEN NEW.id IS NOT OLD.id OR NEW.user IS NOT OLD.user OR NEW.currency IS NOT OLD.currency
  OR NEW.amount_minor IS NOT OLD.amount_minor OR NEW.account IS NOT OLD.account
  OR NEW.recipient_code IS NOT OLD.recipient_code OR NEW.reference IS NOT OLD.reference
  OR NEW.idem_key IS NOT OLD.idem_key OR NEW.input_hash IS NOT OLD.input_hash
BEGIN SELECT RAISE(ABORT, 'payouts: what was asked for never changes'); END;
CREATE TRIGGER payouts_settled_once BEFORE UPDATE ON payouts
WHEN OLD.settled != '' AND NEW.settled IS NOT OLD.settled
BEGIN SELECT RAISE(ABORT, 'payouts: a hold is settled once'); END;
CREATE TRIGGER payouts_no_delete BEFORE DELETE ON payouts
BEGIN SELECT RAISE(ABORT, 'payouts: payouts are never removed'); END;

CREATE TRIGGER payout_events_no_update BEFORE UPDATE ON payout_events
BEGIN SELECT RAISE(ABORT, 'payout_events: what happened stays written'); END;
CREATE TRIGGER payout_events_no_delete BEFORE DELETE ON payout_events
BEGIN SELECT RAISE(ABORT, 'payout_events: what happened stays written'); END;

CREATE TRIGGER payout_settlements_no_update BEFORE UPDATE ON payout_settlements
BEGIN SELECT RAISE(ABORT, 'payout_settlements: a hold is settled once'); END;
CREATE TRIGGER payout_settlements_no_delete BEFORE DELETE ON payout_settlements
BEGIN SELECT RAISE(ABORT, 'payout_settlements: a hold is settled once'); END;

CREATE TRIGGER fundings_fixed BEFORE UPDATE ON fundings
WHEN NEW.id IS NOT OLD.id OR NEW.campaign IS NOT OLD.campaign OR NEW.currency IS NOT OLD.currency
  OR NEW.amount_minor IS NOT OLD.amount_minor OR NEW.reference IS NOT OLD.reference
  OR NEW.idem_key IS NOT OLD.idem_key OR NEW.input_hash IS NOT OLD.input_hash
BEGIN SELECT RAISE(ABORT, 'fundings: what was ordered never changes'); END;
CREATE TRIGGER fundings_no_delete BEFORE DELETE ON fundings
BEGIN SELECT RAISE(ABORT, 'fundings: orders are never removed'); END;
