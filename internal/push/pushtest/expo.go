package pushtest

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// ExpoMessage is what the fake of Expo was sent.
type ExpoMessage struct {
	To        string            `json:"to"`
	Title     string            `json:"title"`
	Body      string            `json:"body"`
	Data      map[string]string `json:"data"`
	TTL       *int64            `json:"ttl"`
	Priority  string            `json:"priority"`
	Sound     string            `json:"sound"`
	ChannelID string            `json:"channelId"`
}

// Expo is a fake of Expo's push service.
type Expo struct {
	plan
	// AccessToken is asked for if it is set.
	AccessToken string

	accepted []ExpoMessage
	tickets  map[string]string // ticket -> token
	errors   map[string]string // token -> error of its ticket
	later    map[string]string // token -> error of its receipt
	project  map[string]string // token -> project; "@own/app" if none
	late     map[string]int    // ticket -> how often its receipt is not there yet
	lateness int
	missing  int // tickets that the next answer lacks
}

// StartExpo starts one; Close ends it.
func StartExpo() *Expo {
	e := &Expo{tickets: map[string]string{}, errors: map[string]string{}, later: map[string]string{}, project: map[string]string{}, late: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /--/api/v2/push/send", e.serve("send", e.send))
	mux.HandleFunc("POST /--/api/v2/push/getReceipts", e.serve("receipts", e.receipts))
	e.start(mux)
	return e
}

// Kill makes a token dead: at once by its ticket.
func (e *Expo) Kill(token string) { e.Spoil(token, "DeviceNotRegistered") }

// Spoil gives the tickets of a token an error.
func (e *Expo) Spoil(token, code string) { e.locked(func() { e.errors[token] = code }) }

// SpoilReceipt gives the receipts of a token an error.
func (e *Expo) SpoilReceipt(token, code string) { e.locked(func() { e.later[token] = code }) }

// Belongs makes a token one of another project.
func (e *Expo) Belongs(token, project string) { e.locked(func() { e.project[token] = project }) }

// Late makes every receipt of the tickets to come missing so many times.
func (e *Expo) Late(times int) { e.locked(func() { e.lateness = times }) }

// Partial leaves so many tickets out of the next answer.
func (e *Expo) Partial(missing int) { e.locked(func() { e.missing = missing }) }

// Accepted are the messages that were taken over, in their order.
func (e *Expo) Accepted() (messages []ExpoMessage) {
	e.locked(func() { messages = append(messages, e.accepted...) })
	return messages
}

func (p *plan) locked(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
}

func (e *Expo) authorized(w http.ResponseWriter, r *http.Request) bool {
	if e.AccessToken != "" && r.Header.Get("Authorization") != "Bearer "+e.AccessToken {
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "Insufficient permissions", nil)
		return false
	}
	return true
}

func refuse(w http.ResponseWriter, status int, code, message string, details any) {
	failure := map[string]any{"code": code, "message": message, "isTransient": false}
	if details != nil {
		failure["details"] = details
	}
	write(w, status, map[string]any{"errors": []any{failure}})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client left
}

// plain reads a body that may be packed.
func plain(r *http.Request) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(r.Body)
	}
	unpacked, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(unpacked)
}

func (e *Expo) send(w http.ResponseWriter, r *http.Request) {
	if !e.authorized(w, r) {
		return
	}
	raw, err := plain(r)
	var messages []ExpoMessage
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.DisallowUnknownFields() // Expo refuses them, too
	if err != nil || decoder.Decode(&messages) != nil || len(messages) == 0 {
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "the messages cannot be read", nil)
		return
	}
	if len(messages) > 100 {
		refuse(w, http.StatusBadRequest, "PUSH_TOO_MANY_NOTIFICATIONS", "Too many", nil)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	projects := map[string][]string{}
	for _, m := range messages {
		if strings.Contains(m.Title, "\x00") || m.Priority != "default" && m.Priority != "high" {
			refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "a message is malformed", nil)
			return
		}
		project := e.project[m.To]
		if project == "" {
			project = "@own/app"
		}
		projects[project] = append(projects[project], m.To)
	}
	if len(projects) > 1 {
		refuse(w, http.StatusBadRequest, "PUSH_TOO_MANY_EXPERIENCE_IDS", "All push notification messages in the same request must be for the same project", projects)
		return
	}
	tickets := []any{}
	for _, m := range messages {
		tickets = append(tickets, e.ticket(m))
	}
	tickets = tickets[:len(tickets)-min(e.missing, len(tickets))]
	e.missing = 0
	write(w, http.StatusOK, map[string]any{"data": tickets})
}

func (e *Expo) ticket(m ExpoMessage) any {
	if code := e.errors[m.To]; code != "" {
		return failed(code, m.To)
	}
	e.accepted = append(e.accepted, m)
	id := fmt.Sprintf("%08d-0000-4000-8000-000000000000", len(e.accepted))
	e.tickets[id], e.late[id] = m.To, e.lateness
	return map[string]any{"status": "ok", "id": id}
}

func failed(code, token string) any {
	return map[string]any{"status": "error", "message": fmt.Sprintf("%q is not a registered push notification recipient", token), "details": map[string]string{"error": code}}
}

func (e *Expo) receipts(w http.ResponseWriter, r *http.Request) {
	if !e.authorized(w, r) {
		return
	}
	raw, err := plain(r)
	var asked struct {
		IDs []string `json:"ids"`
	}
	if err != nil || json.Unmarshal(raw, &asked) != nil {
		refuse(w, http.StatusBadRequest, "VALIDATION_ERROR", "the ids cannot be read", nil)
		return
	}
	if len(asked.IDs) > 300 {
		refuse(w, http.StatusBadRequest, "PUSH_TOO_MANY_RECEIPTS", "Too many", nil)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	receipts := map[string]any{}
	for _, id := range asked.IDs {
		token, known := e.tickets[id]
		if !known {
			continue
		}
		if e.late[id]--; e.late[id] >= 0 {
			continue
		}
		receipts[id] = map[string]any{"status": "ok"}
		if code := e.later[token]; code != "" {
			receipts[id] = failed(code, token)
		}
	}
	write(w, http.StatusOK, map[string]any{"data": receipts})
}
