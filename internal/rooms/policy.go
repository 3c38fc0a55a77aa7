package rooms

import "github.com/lingualink/lingualink/internal/policy"

// Policy holds the values of the subject "live".
type Policy struct {
	TokenSeconds     int64 `json:"token_seconds"`      // life of a token; the media server adds a minute
	HostGraceSeconds int64 `json:"host_grace_seconds"` // how long a stream waits for its host
	BackstageMinutes int64 `json:"backstage_minutes"`  // after which a stream that never went live ends
	NoShowMinutes    int64 `json:"no_show_minutes"`    // after its time, a scheduled stream that did not begin ends
	ScheduleDays     int64 `json:"schedule_days"`      // how far ahead a stream may be scheduled
	StreamMinutes    int64 `json:"stream_minutes"`     // longest stream, from going live
	MostInside       int64 `json:"most_inside"`        // people in one stream besides host and co-hosts
	MostSpeakers     int64 `json:"most_speakers"`      // speakers and co-hosts
	SpeakerCamera    bool  `json:"speaker_camera"`     // speakers may show themselves

	MessageRunes    int64 `json:"message_runes"`     // longest chat message
	SlowSeconds     int64 `json:"slow_seconds"`      // slow mode of a new stream; 0 is off
	SlowSecondsMost int64 `json:"slow_seconds_most"` // what a host may set

	RingSeconds       int64 `json:"ring_seconds"`        // after which a call is missed
	CallPeople        int64 `json:"call_people"`         // most people in one call
	CallJoinSeconds   int64 `json:"call_join_seconds"`   // from accepting to being in the room
	CallRejoinSeconds int64 `json:"call_rejoin_seconds"` // how long a place is kept for somebody whose line broke
	CallMinutes       int64 `json:"call_minutes"`        // longest call
}

// DefaultPolicy waits a minute for a host and rings for 40 seconds.
func DefaultPolicy() Policy {
	return Policy{
		TokenSeconds: 90, HostGraceSeconds: 60, BackstageMinutes: 60, NoShowMinutes: 60, ScheduleDays: 90, StreamMinutes: 8 * 60,
		MostInside: 1_000, MostSpeakers: 8, SpeakerCamera: true,
		MessageRunes: 500, SlowSeconds: 0, SlowSecondsMost: 120,
		RingSeconds: 40, CallPeople: 8, CallJoinSeconds: 30, CallRejoinSeconds: 20, CallMinutes: 4 * 60,
	}
}

// ParsePolicy lays a stored JSON object over the defaults. What does not fit is
// fault.PolicyInvalid.
func ParsePolicy(values []byte) (Policy, error) {
	return policy.Merge(DefaultPolicy(), values)
}

// Validate returns fault.PolicyInvalid on the first value out of range.
func (p Policy) Validate() error {
	return policy.InRanges(
		policy.Range{Name: "token_seconds", Value: p.TokenSeconds, Least: 60, Most: 120},
		policy.Range{Name: "host_grace_seconds", Value: p.HostGraceSeconds, Least: 10, Most: 15 * 60},
		policy.Range{Name: "backstage_minutes", Value: p.BackstageMinutes, Least: 5, Most: 24 * 60},
		policy.Range{Name: "no_show_minutes", Value: p.NoShowMinutes, Least: 5, Most: 24 * 60},
		policy.Range{Name: "schedule_days", Value: p.ScheduleDays, Least: 1, Most: 366},
		policy.Range{Name: "stream_minutes", Value: p.StreamMinutes, Least: 10, Most: 48 * 60},
		policy.Range{Name: "most_inside", Value: p.MostInside, Least: 1, Most: 100_000},
		policy.Range{Name: "most_speakers", Value: p.MostSpeakers, Least: 1, Most: 50},
		policy.Range{Name: "message_runes", Value: p.MessageRunes, Least: 1, Most: 5_000},
		policy.Range{Name: "slow_seconds", Value: p.SlowSeconds, Least: 0, Most: p.SlowSecondsMost},
		policy.Range{Name: "slow_seconds_most", Value: p.SlowSecondsMost, Least: 1, Most: 3_600},
		policy.Range{Name: "ring_seconds", Value: p.RingSeconds, Least: 5, Most: 180},
		policy.Range{Name: "call_people", Value: p.CallPeople, Least: 2, Most: 50},
		policy.Range{Name: "call_join_seconds", Value: p.CallJoinSeconds, Least: 5, Most: 300},
		policy.Range{Name: "call_rejoin_seconds", Value: p.CallRejoinSeconds, Least: 5, Most: 300},
		policy.Range{Name: "call_minutes", Value: p.CallMinutes, Least: 5, Most: 48 * 60},
	)
}
