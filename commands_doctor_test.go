package main

import (
	"testing"
)

func TestDoctorOnPoliciesAndExperts(t *testing.T) {
	app := migratedApp(t)
	checks := examined(t, app.DataDir())
	want(t, checks, "policies", stateOK, "valid")
	want(t, checks, "experts", stateOK, "0 clips")

	plantRows(t, app,
		`INSERT INTO policies (id, subject, language, version, [values], effective_from, created)
		 VALUES ('policy000000001', 'consensus', '', 1, '{"min_votes":0}', '2026-01-01 00:00:00.000Z', '2026-01-01 00:00:00.000Z'),
		        ('policy000000002', 'consensus', '', 2, '{}', '2026-01-02 00:00:00.000Z', '2026-01-02 00:00:00.000Z')`)
	want(t, examined(t, app.DataDir()), "policies", stateOK, "valid") // the bad one is no longer in force
	plantRows(t, app,
		`INSERT INTO policies (id, subject, language, version, [values], effective_from, created)
		 VALUES ('policy000000003', 'consensus', 'language0000001', 3, '{"accept_at":0.6}', '2026-01-03 00:00:00.000Z', '2026-01-03 00:00:00.000Z')`,
		`INSERT INTO escalations (id, clip, language, owner, cause, state, created, updated)
		 VALUES ('escalation00001', 'clip00000000001', 'language0000001', 'owner0000000001', 'timeout', 'open', '2026-01-03 00:00:00.000Z', '2026-01-03 00:00:00.000Z')`)
	checks = examined(t, app.DataDir())
	want(t, checks, "policies", stateFailed, "consensus version 3")
	want(t, checks, "experts", stateWarning, "1 of them for more than a week")
}
