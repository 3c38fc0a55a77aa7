// Package pushtest is the other side of every channel, on the loopback interface:
// Expo, FCM, a push service of browsers, and a mail server. They answer over real
// connections in the documented shapes, check what they are sent, decrypt what is
// encrypted, and misbehave on demand.
//
// It decides nothing at random and never waits. It refuses to stand in for what it
// cannot prove: that the providers themselves answer so.
package pushtest

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
)

// FaultKind is what goes wrong with a request.
type FaultKind string

// The kinds of faults.
const (
	Answer FaultKind = "answer" // Status and Body instead of the answer
	Hang   FaultKind = "hang"   // no answer for as long as the client waits
	Cut    FaultKind = "cut"    // the connection is reset instead of an answer
	HTML   FaultKind = "html"   // a web page with Status
)

// Fault is something that happens to requests.
type Fault struct {
	Op    string // send, receipts, token; any if empty
	Skip  int    // how many requests it lets pass first
	Times int    // how many it meets; 0 is one, -1 all
	Kind  FaultKind
	// Acted says that the request is acted upon all the same, and only the answer is
	// lost.
	Acted      bool
	Status     int
	RetryAfter string // the header
	Body       string

	used int
}

// TooMany is 429 with a pause.
func TooMany(op string, times, seconds int) Fault {
	return Fault{Op: op, Times: times, Kind: Answer, Status: http.StatusTooManyRequests, RetryAfter: strconv.Itoa(seconds), Body: "{}"}
}

// Down is 503.
func Down(op string, times int) Fault {
	return Fault{Op: op, Times: times, Kind: HTML, Status: http.StatusServiceUnavailable}
}

// plan is the faults of a server and what came in; it is part of each of them.
type plan struct {
	URL string // without a slash at the end

	server   *httptest.Server
	closing  chan struct{}
	hung     chan string
	mu       sync.Mutex // guards what is below, and the state of the server
	faults   []*Fault
	requests map[string]int
}

func (p *plan) start(handler http.Handler) {
	p.closing, p.hung, p.requests = make(chan struct{}), make(chan string, 1024), map[string]int{}
	p.server = httptest.NewServer(handler)
	p.URL = p.server.URL
}

// Close ends the server, and with it all requests that hang.
func (p *plan) Close() {
	close(p.closing)
	p.server.CloseClientConnections()
	p.server.Close()
}

// Inject adds faults. A request meets the first that fits it.
func (p *plan) Inject(faults ...Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range faults {
		if f.Times == 0 {
			f.Times = 1
		}
		p.faults = append(p.faults, &f)
	}
}

// Heal takes all faults away.
func (p *plan) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = nil
}

// Requests is how often an operation was asked for.
func (p *plan) Requests(op string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests[op]
}

// Hung tells of every request that hangs, once it does: a test ends the client's
// patience then, instead of waiting for it.
func (p *plan) Hung() <-chan string { return p.hung }

func (p *plan) meet(op string) *Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests[op]++
	for _, f := range p.faults {
		if f.Op != "" && f.Op != op || f.Times >= 0 && f.used >= f.Skip+f.Times {
			continue
		}
		if f.used++; f.used <= f.Skip {
			continue
		}
		return f
	}
	return nil
}

// serve runs an operation, unless a fault stands in its way.
func (p *plan) serve(op string, do http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		fault := p.meet(op)
		if fault == nil {
			do(w, r)
			return
		}
		if fault.Acted {
			do(httptest.NewRecorder(), r)
		}
		p.spoil(w, r, op, fault)
	}
}

func (p *plan) spoil(w http.ResponseWriter, r *http.Request, op string, f *Fault) {
	switch f.Kind {
	case Hang:
		p.hung <- op
		select {
		case <-r.Context().Done():
		case <-p.closing:
		}
		reset(w)
	case Cut:
		reset(w)
	case HTML:
		w.Header().Set("Content-Type", "text/html")
		head(w, f)
		fmt.Fprint(w, "<!DOCTYPE html><html><body><h1>Bad gateway</h1></body></html>")
	case Answer:
		w.Header().Set("Content-Type", "application/json")
		head(w, f)
		fmt.Fprint(w, f.Body)
	}
}

func head(w http.ResponseWriter, f *Fault) {
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	w.WriteHeader(max(f.Status, http.StatusOK))
}

// reset ends the connection without an answer.
func reset(w http.ResponseWriter) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	connection, _, err := hijacker.Hijack()
	if err != nil {
		return
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a reset, not an end
	}
	_ = connection.Close()
}
