package badges

import "github.com/lingualink/lingualink/hooks/shell"

// For the tests of this area's plans and of what it remembers.
const (
	TopQuery   = topQuery
	AheadQuery = aheadQuery
	MineQuery  = mineQuery
)

// Books are remembered blocks.
type Books = dayBook

// Enter is what votes and uploads call.
var Enter = (*dayBook).enter

// VerdictJob is the job of a verdict.
func VerdictJob(verdict string) shell.Job {
	return shell.Job{Kind: jobVerdict, Key: verdict, Payload: verdictJob{Verdict: verdict}}
}

// Achievement says what a badge is for.
var Achievement = achievement
