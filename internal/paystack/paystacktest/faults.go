package paystacktest

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"strconv"
)

// Kind is what goes wrong.
type Kind string

// The kinds of faults.
const (
	Hang      Kind = "hang"       // no answer for as long as the client waits
	Cut       Kind = "cut"        // the connection is reset instead of an answer
	CutMidway Kind = "cut_midway" // reset after half of the answer
	Answer    Kind = "answer"     // Status and Body instead of the answer
	HTML      Kind = "html"       // a web page with Status, 200 if none
	Truncated Kind = "truncated"  // 200 and half of the JSON
	Denied    Kind = "denied"     // 200 with status false
	Limited   Kind = "limited"    // 429, for ResetSeconds
	Duplicate Kind = "duplicate"  // the reference is in use, says Status (400 or 404)
	Redirect  Kind = "redirect"   // 302 to another address of the server
	Overwrite Kind = "overwrite"  // the real answer, with Fields of its data changed
)

// Act is whether the request is acted upon all the same.
type Act string

// When a request that meets a fault is acted upon.
const (
	ActNever Act = ""      // it never arrived
	ActAfter Act = "after" // it was, and only the answer is lost
	ActLate  Act = "late"  // it will be, by DeliverLate: it was stuck on its way
)

// Fault is something that happens to requests.
type Fault struct {
	Op        string `json:"op"`        // an operation, or any
	Reference string `json:"reference"` // of the transfer or payment, or any
	Skip      int    `json:"skip"`      // how many requests it lets pass first
	Times     int    `json:"times"`     // how many it meets; 0 is one, -1 all
	PerMille  int    `json:"per_mille"` // how often, by the seed; 0 is always

	Kind         Kind           `json:"kind"`
	Act          Act            `json:"act"`
	Status       int            `json:"status"`
	Body         map[string]any `json:"body"`
	ResetSeconds int            `json:"reset_s"`
	Fields       map[string]any `json:"fields"`

	used int
}

// Refusal is an answer in the form of Paystack's errors.
func Refusal(op string, status int, code, message string) Fault {
	body := no(status, message, code, "validation_error", "").body
	return Fault{Op: op, Kind: Answer, Status: status, Body: body}
}

// NotFound is the answer to whoever asks for a transfer too early.
func NotFound(op string, times int) Fault {
	return Fault{Op: op, Times: times, Kind: Answer, Status: 404, Body: no(404, "Transfer not found", "", "", "").body}
}

// Inject adds faults. A request meets the first that fits it.
func (s *Server) Inject(faults ...Fault) {
	_ = s.locked(func() error {
		for _, f := range faults {
			if f.Times == 0 {
				f.Times = 1
			}
			s.faults = append(s.faults, &f)
		}
		return nil
	})
}

// Heal takes all faults and the chaos of the events away.
func (s *Server) Heal() {
	_ = s.locked(func() error {
		s.faults, s.chaos = nil, WebhookChaos{}
		return nil
	})
}

// DeliverLate lets the requests arrive that were stuck on their way, and
// returns how many there were.
func (s *Server) DeliverLate() int {
	s.mu.Lock()
	late := s.late
	s.late = nil
	s.mu.Unlock()
	for _, act := range late {
		act()
	}
	s.Tick()
	return len(late)
}

// Hung tells of every request that hangs, once it does: a test ends the
// client's patience then, instead of waiting for it.
func (s *Server) Hung() <-chan Request { return s.hung }

// meet finds the fault of a request; the lock is held.
func (s *Server) meet(q *Request) *Fault {
	for _, f := range s.faults {
		if f.Op != "" && f.Op != q.Op || f.Reference != "" && f.Reference != q.Reference || q.Op == "" {
			continue
		}
		if f.Times >= 0 && f.used >= f.Skip+f.Times {
			continue
		}
		if f.PerMille > 0 && s.random.IntN(1000) >= f.PerMille {
			continue
		}
		f.used++
		if f.used <= f.Skip {
			continue
		}
		q.Fault = string(f.Kind)
		return f
	}
	return nil
}

// bend is what the answer becomes by a fault.
func (f *Fault) bend(answer reply) reply {
	if f == nil {
		return answer
	}
	status := f.Status
	switch f.Kind {
	case Overwrite:
		if data, ok := answer.body["data"].(map[string]any); ok {
			maps.Copy(data, f.Fields)
		}
		return answer
	case Answer:
		body := f.Body
		if body == nil {
			body = no(status, "An error occurred, please try again", "unknown", "api_error", "").body
		}
		return reply{status, body}
	case Denied:
		return reply{200, no(200, "Something went wrong", "", "", "").body}
	case Limited:
		return no(429, "Rate limit exceeded!", "rate_limited", "api_error", "Wait a few minutes and try the API call again")
	case Duplicate:
		if status == 0 {
			status = 400
		}
		return duplicate(status)
	case Redirect:
		return reply{302, map[string]any{}}
	case HTML, Hang, Cut, CutMidway, Truncated:
	}
	if answer.status == 0 { // not acted upon, and yet something is cut
		answer = yes("Transfer has been queued", map[string]any{"status": "success"})
	}
	if f.Kind == HTML {
		answer.status = status
		if status == 0 {
			answer.status = 200
		}
	}
	return answer
}

// silent says that no answer comes.
func (f *Fault) silent() bool {
	return f != nil && (f.Kind == Hang || f.Kind == Cut || f.Kind == CutMidway)
}

// spoil writes an answer that is wrong in form, or none.
func (s *Server) spoil(w http.ResponseWriter, r *http.Request, q *Request, f *Fault, status int, body []byte) {
	switch f.Kind {
	case Hang:
		select {
		case s.hung <- *q:
		default: // nobody listens
		}
		select {
		case <-r.Context().Done():
		case <-s.closing:
		}
		reset(w, nil)
		return
	case Cut:
		reset(w, nil)
		return
	case CutMidway:
		head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(body))
		reset(w, append([]byte(head), body[:len(body)/2]...))
		return
	case HTML:
		body = []byte("<!DOCTYPE html><html><body><h1>Bad gateway</h1></body></html>")
		w.Header().Set("Content-Type", "text/html")
	case Truncated:
		body = body[:len(body)/2]
	case Limited:
		w.Header().Set("X-Ratelimit-Reset", strconv.Itoa(max(f.ResetSeconds, 1)))
		w.Header().Set("X-Ratelimit-Remaining", "0")
		w.Header().Set("X-Ratelimit-Limit", "900")
	case Redirect:
		w.Header().Set("Location", s.URL+"/elsewhere")
	case Answer, Denied, Duplicate, Overwrite:
	}
	if f.Kind != HTML {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client left
}

// reset ends the connection with a reset, after some bytes.
func reset(w http.ResponseWriter, bytes []byte) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	connection, _, err := hijacker.Hijack()
	if err != nil {
		return
	}
	if len(bytes) > 0 {
		_, _ = connection.Write(bytes)
	} else if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // nothing is sent but the reset
	}
	_ = connection.Close()
}
