package paystacktest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Request is one that came in.
type Request struct {
	Op        string              `json:"op"` // as in "transfer.initiate"; empty for an unknown path
	Method    string              `json:"method"`
	Path      string              `json:"path"`
	Query     map[string][]string `json:"query"`
	Header    http.Header         `json:"header"` // without Authorization
	Body      json.RawMessage     `json:"body"`   // null unless it is JSON
	Reference string              `json:"reference"`
	At        time.Time           `json:"at"`
	KeyFits   bool                `json:"key_fits"`
	Fault     string              `json:"fault"`  // the kind of fault that it met
	Status    int                 `json:"status"` // 0 where there was no answer

	fields map[string]json.RawMessage
}

// operation is one call that the server knows.
type operation struct {
	name, pattern string
	// reference tells what a fault can match on.
	reference func(r *http.Request, q *Request) string
	act       func(s *Server, q *Request, r *http.Request) reply
}

func fromTransaction(_ *http.Request, q *Request) string { return q.text("transaction") }
func fromPath(r *http.Request, _ *Request) string        { return r.PathValue("reference") }
func fromBody(_ *http.Request, q *Request) string        { return q.text("reference") }
func none(*http.Request, *Request) string                { return "" }

var operations = []operation{
	{"bank.list", "GET /bank", none, (*Server).listBanks},
	{"bank.resolve", "GET /bank/resolve", none, (*Server).resolve},
	{"recipient.create", "POST /transferrecipient", none, (*Server).createRecipient},
	{"transfer.initiate", "POST /transfer", fromBody, (*Server).initiate},
	{"transfer.list", "GET /transfer", none, (*Server).listTransfers},
	{"transfer.verify", "GET /transfer/verify/{reference}", fromPath, (*Server).verifyTransfer},
	{"transfer.fetch", "GET /transfer/{code}", none, (*Server).fetchTransfer},
	{"balance.fetch", "GET /balance", none, (*Server).fetchBalance},
	{"balance.ledger", "GET /balance/ledger", none, (*Server).balanceLedger},
	{"transaction.initialize", "POST /transaction/initialize", fromBody, (*Server).initialize},
	{"transaction.verify", "GET /transaction/verify/{reference}", fromPath, (*Server).verifyTransaction},
	{"charge.create", "POST /charge", fromBody, (*Server).charge},
	{"refund.create", "POST /refund", fromTransaction, (*Server).createRefund},
	{"refund.fetch", "GET /refund/{id}", none, (*Server).fetchRefund},
	{"refund.list", "GET /refund", none, (*Server).listRefunds},
	{"dispute.fetch", "GET /dispute/{id}", none, (*Server).fetchDispute},
}

// Operations names every call that a fault can be set on.
func Operations() []string {
	names := []string{}
	for _, o := range operations {
		names = append(names, o.name)
	}
	return names
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, o := range operations {
		mux.HandleFunc(o.pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, o) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, operation{reference: none, act: func(*Server, *Request, *http.Request) reply {
			return no(404, "Not Found", "", "", "")
		}})
	})
	s.control(mux)
	return mux
}

// serve answers one call, or does to it what a fault says.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, o operation) {
	// All of the body is read, or a client that leaves would not be noticed.
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	q := &Request{Op: o.name, Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Header: r.Header.Clone()}
	q.KeyFits = r.Header.Get("Authorization") == "Bearer "+s.options.SecretKey
	q.Header.Del("Authorization")
	if json.Valid(body) {
		q.Body = slices.Clone(body)
		// What is no object has no fields, and is refused for it.
		_ = json.Unmarshal(body, &q.fields)
	}
	q.Reference = o.reference(r, q)

	s.mu.Lock()
	q.At = s.now()
	s.follow()
	fault := s.meet(q)
	s.mu.Unlock()

	var answer reply
	act := func() reply {
		if !q.KeyFits {
			return no(401, "Invalid key", "invalid_Key", "validation_error", "Ensure that you provide the correct authorization key for the request")
		}
		return o.act(s, q, r)
	}
	switch {
	case fault == nil:
		answer = act()
	case fault.Act == ActAfter || fault.Kind == Overwrite:
		answer = act()
	case fault.Act == ActLate:
		s.mu.Lock()
		s.late = append(s.late, func() { act() })
		s.mu.Unlock()
	}
	answer = fault.bend(answer)
	q.Status = answer.status
	if fault.silent() {
		q.Status = 0
	}
	s.mu.Lock()
	s.requests = append(s.requests, *q)
	err = s.save()
	s.mu.Unlock()
	s.nudge()
	if err != nil { // what is not kept was not done
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.answer(w, r, q, fault, answer)
}

// Requests are all that came in, in the order in which they were answered.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Count is how many requests for an operation came in.
func (s *Server) Count(op string) int {
	n := 0
	for _, q := range s.Requests() {
		if q.Op == op {
			n++
		}
	}
	return n
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, q *Request, fault *Fault, answer reply) {
	body, err := json.Marshal(answer.body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if fault != nil {
		s.spoil(w, r, q, fault, answer.status, body)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(answer.status)
	_, _ = w.Write(body) // the client left
}

// text is a field of the body, empty if it is no text.
func (q *Request) text(name string) string {
	var value string
	if err := json.Unmarshal(q.fields[name], &value); err != nil {
		return ""
	}
	return strings.TrimSpace(value)
}

// amount is a whole number above zero, as a number or in quotes.
func (q *Request) amount() (int64, bool) {
	var value int64
	err := json.Unmarshal(bytes.Trim(q.fields["amount"], `"`), &value)
	return value, err == nil && value > 0
}

func (q *Request) param(name string) string {
	if values := q.Query[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}
