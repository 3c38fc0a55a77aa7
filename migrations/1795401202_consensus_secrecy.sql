-- Who voted on a control finds it like any other clip.
UPDATE clips SET shown_to = COALESCE((SELECT GROUP_CONCAT(validator, ' ') FROM votes WHERE votes.clip = clips.id), '') WHERE control = 1;

-- Decisions go on by what they rest on now, until the next re-estimate.
UPDATE language_stats SET in_force = json_object(
  'good', CAST(good AS INTEGER), 'settled', CAST(settled AS INTEGER), 'gold_answers', CAST(gold_answers AS INTEGER));

-- null for a value has meant the default, and is refused from now on.
DROP TRIGGER policies_no_update;
UPDATE policies SET [values] = json_patch('{}', [values]) WHERE json_valid([values]) AND json_type([values]) = 'object';
CREATE TRIGGER policies_no_update BEFORE UPDATE ON policies
BEGIN SELECT RAISE(ABORT, 'policies: insert a new version'); END;
