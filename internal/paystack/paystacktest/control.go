package paystacktest

import (
	"encoding/json"
	"net/http"
	"time"
)

// control adds the endpoints by which another process commands the server.
// They answer with JSON, and 400 with a reason.
//
//	GET  /_fake/state                         State
//	GET  /_fake/requests                      []Request
//	GET  /_fake/events                        []Delivery
//	POST /_fake/faults        []Fault         adds faults
//	POST /_fake/heal                          takes faults and chaos away
//	POST /_fake/chaos         WebhookChaos
//	POST /_fake/script        {reference, steps}
//	POST /_fake/status        {reference, status}
//	POST /_fake/fund          {currency, amount}
//	POST /_fake/levy          {reference, amount}
//	POST /_fake/block         {recipient_code}
//	POST /_fake/pay           {reference, amount, currency}
//	POST /_fake/fail-payment  {reference}
//	POST /_fake/refund        {reference, amount}
//	POST /_fake/refund-status {reference, status}
//	POST /_fake/dispute       {reference}
//	POST /_fake/resolve       {reference, status}
//	POST /_fake/emit          {event, reference, fields}
//	POST /_fake/pretend       {domain}
//	POST /_fake/late                          lets stuck requests arrive
//	POST /_fake/advance       {seconds}
//	POST /_fake/urls          {webhook, approval}
//	POST /_fake/deliver                       delivers what is due
//	GET  /_fake/checkout/{access_code}        a payer who pays
func (s *Server) control(mux *http.ServeMux) {
	mux.HandleFunc("GET /_fake/state", show(func() any { return s.State() }))
	mux.HandleFunc("GET /_fake/requests", show(func() any { return s.Requests() }))
	mux.HandleFunc("GET /_fake/events", show(func() any { return s.Events() }))
	mux.HandleFunc("POST /_fake/faults", command(func(faults []Fault) error { s.Inject(faults...); return nil }))
	mux.HandleFunc("POST /_fake/heal", command(func(struct{}) error { s.Heal(); return nil }))
	mux.HandleFunc("POST /_fake/chaos", command(func(chaos WebhookChaos) error { s.Chaos(chaos); return nil }))
	mux.HandleFunc("POST /_fake/script", command(func(in order) error { s.Script(in.Reference, in.Steps...); return nil }))
	mux.HandleFunc("POST /_fake/status", command(func(in order) error { return s.SetStatus(in.Reference, in.Status) }))
	mux.HandleFunc("POST /_fake/fund", command(func(in order) error { s.Fund(in.Currency, in.Amount); return nil }))
	mux.HandleFunc("POST /_fake/levy", command(func(in order) error { return s.Levy(in.Reference, in.Amount) }))
	mux.HandleFunc("POST /_fake/block", command(func(in order) error { return s.Block(in.RecipientCode) }))
	mux.HandleFunc("POST /_fake/pay", command(func(in order) error { return s.PayOther(in.Reference, in.Amount, in.Currency) }))
	mux.HandleFunc("POST /_fake/fail-payment", command(func(in order) error { return s.FailPayment(in.Reference) }))
	mux.HandleFunc("POST /_fake/refund", command(func(in order) error { return s.Refund(in.Reference, in.Amount) }))
	mux.HandleFunc("POST /_fake/dispute", command(func(in order) error { return s.Dispute(in.Reference) }))
	mux.HandleFunc("POST /_fake/refund-status", command(func(in order) error { return s.FinishRefund(in.Reference, in.Status) }))
	mux.HandleFunc("POST /_fake/resolve", command(func(in order) error { return s.ResolveDispute(in.Reference, in.Status) }))
	mux.HandleFunc("POST /_fake/emit", command(func(in order) error { return s.Emit(in.Event, in.Reference, in.Fields) }))
	mux.HandleFunc("POST /_fake/pretend", command(func(in order) error { s.Pretend(in.Domain); return nil }))
	mux.HandleFunc("POST /_fake/late", command(func(struct{}) error { s.DeliverLate(); return nil }))
	mux.HandleFunc("POST /_fake/advance", command(func(in order) error {
		s.Advance(time.Duration(in.Seconds) * time.Second)
		return nil
	}))
	mux.HandleFunc("POST /_fake/urls", command(func(in order) error {
		s.SetWebhookURL(in.Webhook)
		s.SetApprovalURL(in.Approval)
		return nil
	}))
	mux.HandleFunc("POST /_fake/deliver", func(w http.ResponseWriter, r *http.Request) {
		write(w, http.StatusOK, map[string]int{"delivered": s.Deliver(r.Context())})
	})
	mux.HandleFunc("GET /_fake/checkout/{access_code}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		t := find(s.transactions, func(t *Transaction) bool { return t.AccessCode == r.PathValue("access_code") })
		s.mu.Unlock()
		if t == nil {
			write(w, http.StatusNotFound, map[string]string{"error": "there is no such payment"})
			return
		}
		outcome(w, s.Pay(t.Reference))
	})
}

// order is the body of a command; each reads the fields that it is said to.
type order struct {
	Reference     string         `json:"reference"`
	Status        string         `json:"status"`
	Steps         []Step         `json:"steps"`
	Currency      string         `json:"currency"`
	Amount        int64          `json:"amount"`
	RecipientCode string         `json:"recipient_code"`
	Seconds       int64          `json:"seconds"`
	Event         string         `json:"event"`
	Domain        string         `json:"domain"`
	Fields        map[string]any `json:"fields"`
	Webhook       string         `json:"webhook"`
	Approval      string         `json:"approval"`
}

func show(what func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, what()) }
}

// command decodes the body, if there is one, and does something with it.
func command[T any](do func(T) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in T
		if r.ContentLength != 0 {
			decoder := json.NewDecoder(r.Body)
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&in); err != nil {
				outcome(w, err)
				return
			}
		}
		outcome(w, do(in))
	}
}

func outcome(w http.ResponseWriter, err error) {
	if err != nil {
		write(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	write(w, http.StatusOK, map[string]bool{"done": true})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client left
}
