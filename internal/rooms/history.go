package rooms

import "time"

// Direction is which way a call went for one person.
type Direction string

// The directions.
const (
	Outgoing Direction = "outgoing"
	Incoming Direction = "incoming"
)

// Result is what a call was for one person.
type Result string

// The results.
const (
	ResultOpen      Result = "open"      // not over
	ResultTalked    Result = "talked"    // there was somebody else
	ResultAlone     Result = "alone"     // was inside, nobody else was
	ResultMissed    Result = "missed"    // rang, or was busy; the badge counts these
	ResultDeclined  Result = "declined"  // by oneself, or by all who were called
	ResultBusy      Result = "busy"      // all who were called were
	ResultNoAnswer  Result = "no_answer" // nobody came
	ResultCancelled Result = "cancelled"
	ResultBroken    Result = "broken"
)

// Entry is one line of a person's list of calls.
type Entry struct {
	Direction Direction
	Result    Result
	Seconds   int64 // with somebody else inside
}

// History makes the entry of one person from the call and all the stays in its
// room; false for somebody who is not in the call or was not told of it. What counts is who was
// together in the room, not who pressed what.
func History(call Call, stays []Stay, person string, now time.Time) (Entry, bool) {
	party, in := call.party(person)
	if !in || party.Silent {
		return Entry{}, false
	}
	together := Together(stays, person, now)
	entry := Entry{Direction: Incoming, Seconds: int64(together / time.Second)}
	if person == call.Caller {
		entry.Direction = Outgoing
	}
	entry.Result = result(call, party, together)
	return entry, true
}

func result(call Call, party Party, together time.Duration) Result {
	switch {
	case together > 0:
		return ResultTalked
	case party.State == Missed, party.State == Busy:
		return ResultMissed
	case party.State == Refused:
		return ResultDeclined
	case call.State != CallEnded:
		return ResultOpen
	}
	switch call.Outcome {
	case AllDeclined:
		return ResultDeclined
	case NoAnswer:
		return ResultNoAnswer
	case AllBusy:
		return ResultBusy
	case Cancelled:
		return ResultCancelled
	case Completed:
		return ResultAlone
	default:
		return ResultBroken
	}
}
