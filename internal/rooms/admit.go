package rooms

import "github.com/lingualink/lingualink/internal/fault"

// Visit is somebody who asks for a token of a stream. All of it is looked up
// again for every token.
type Visit struct {
	State    State
	Seat     Seat
	Standing Standing
	Blocked  bool  // the host has blocked the person, or the other way round
	Already  bool  // the person is inside, and comes in from another device or again
	Inside   int64 // people inside, besides host and co-hosts
}

// Admit says what the token grants, or why there is none: fault.StreamState,
// StreamFull, StreamRemoved, AccountSuspended, AccountBanned, NotFound. The host
// and those who look after the stream always fit in.
func Admit(v Visit, policy Policy) (Grants, error) {
	switch {
	case v.Standing == Banned:
		return Grants{}, fault.AccountBanned.On("")
	case !v.Standing.may():
		return Grants{}, fault.AccountSuspended.On("")
	case v.Blocked && v.Seat.Role != Moderator:
		// As if there were no such stream: a block is nobody's business.
		return Grants{}, fault.NotFound.On("stream")
	case v.Seat.Removed != NotRemoved:
		return Grants{}, fault.StreamRemoved.On("stream")
	}
	grants := Grant(v.Seat, v.State, v.Standing, policy)
	if !grants.Join {
		return Grants{}, fault.StreamState.On("status").With("status", string(v.State))
	}
	counted := v.Seat.Role == Viewer || v.Seat.Role == Speaker
	if counted && !v.Already && v.Inside >= policy.MostInside {
		return Grants{}, fault.StreamFull.On("stream").With("most", policy.MostInside)
	}
	return grants, nil
}

// AdmitCall is Admit for a call: fault.AccountSuspended, AccountBanned,
// CallState. Who is not in the call learns nothing of it: fault.NotFound.
func AdmitCall(call Call, person string, standing Standing) (Grants, error) {
	party, in := call.party(person)
	switch {
	case standing == Banned:
		return Grants{}, fault.AccountBanned.On("")
	case !standing.may():
		return Grants{}, fault.AccountSuspended.On("")
	case !in || party.Silent:
		return Grants{}, fault.NotFound.On("call")
	}
	grants := GrantCall(call, person, standing)
	if !grants.Join {
		return Grants{}, fault.CallState.On("status").With("status", string(call.State))
	}
	return grants, nil
}
