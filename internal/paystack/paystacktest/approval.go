package paystacktest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Decision about a transfer that waits for approval.
type Decision string

// The decisions: paystack.com/docs/transfers/managing-transfers says 200 is a
// yes, 400 a no, and silence for a few seconds blocks the transfer.
const (
	Approved Decision = "approved" // 200
	Refused  Decision = "refused"  // 400
	Silent   Decision = "silent"   // anything else, or nothing
)

const patience = 5 * time.Second

// SetApprovalURL says who is asked before a transfer is queued; nobody if it
// is empty.
func (s *Server) SetApprovalURL(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.ApprovalURL = url
}

// ask asks for approval, before the answer to the transfer goes out. The lock
// is not held: who is asked may ask back. What the body looks like is not
// documented; this one is the transfer as verify shows it.
func (s *Server) ask(t *Transfer) Decision {
	s.mu.Lock()
	transfer, url := *t, s.options.ApprovalURL
	body, err := json.Marshal(s.verified(t))
	s.mu.Unlock()
	if s.options.Approve != nil {
		return s.options.Approve(transfer)
	}
	if err != nil {
		return Silent
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return Silent
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return Silent
	}
	_ = response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		return Approved
	case http.StatusBadRequest:
		return Refused
	}
	return Silent
}
