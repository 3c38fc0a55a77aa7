package pushtest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// FCMMessage is what the fake of FCM was sent.
type FCMMessage struct {
	Token        string            `json:"token"`
	Notification map[string]string `json:"notification"`
	Data         map[string]string `json:"data"`
	Android      struct {
		Priority     string            `json:"priority"`
		TTL          string            `json:"ttl"`
		CollapseKey  string            `json:"collapse_key"`
		Notification map[string]string `json:"notification"`
	} `json:"android"`
	APNS struct {
		Headers map[string]string `json:"headers"`
		Payload json.RawMessage   `json:"payload"`
	} `json:"apns"`
}

// FCM is a fake of Firebase Cloud Messaging and of the server that gives tokens.
type FCM struct {
	plan
	key      *rsa.PrivateKey
	now      func() time.Time
	accepted []FCMMessage
	refusals map[string]refusal
	bearers  map[string]time.Time // token -> its end
	given    int
	lasts    time.Duration
}

type refusal struct {
	status int
	body   any
}

const (
	fcmProject = "lingualink-test"
	fcmEmail   = "push@lingualink-test.iam.gserviceaccount.com"
)

// StartFCM starts one; Close ends it. now may be nil for the system's clock.
func StartFCM(now func() time.Time) (*FCM, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	if now == nil {
		now = time.Now
	}
	f := &FCM{key: key, now: now, refusals: map[string]refusal{}, bearers: map[string]time.Time{}, lasts: time.Hour}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", f.serve("token", f.token))
	mux.HandleFunc("POST /v1/projects/{project}/messages:send", f.serve("send", f.send))
	f.start(mux)
	return f, nil
}

// ServiceAccount is a key file, as the Firebase console makes it.
func (f *FCM) ServiceAccount() []byte {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(f.key)
	if err != nil {
		return nil
	}
	file, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": fcmProject, "private_key_id": "key1", "client_email": fcmEmail,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})), "token_uri": f.URL + "/token",
	})
	if err != nil {
		return nil
	}
	return file
}

// TokensLast sets how long the access tokens to come are good.
func (f *FCM) TokensLast(d time.Duration) { f.locked(func() { f.lasts = d }) }

// Revoke takes all access tokens back.
func (f *FCM) Revoke() { f.locked(func() { clear(f.bearers) }) }

// Kill makes a token that of an app that is gone.
func (f *FCM) Kill(token string) {
	f.Refuse(token, http.StatusNotFound, "NOT_FOUND", "Requested entity was not found.", "UNREGISTERED", "")
}

// Refuse makes FCM refuse messages to a token. field is what a violation is about, if
// there is one.
func (f *FCM) Refuse(token string, status int, code, message, errorCode, field string) {
	details := []any{}
	if errorCode != "" {
		details = append(details, map[string]string{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": errorCode})
	}
	if field != "" {
		details = append(details, map[string]any{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": []any{map[string]string{"field": field, "description": message}}})
	}
	body := map[string]any{"error": map[string]any{"code": status, "message": message, "status": code, "details": details}}
	f.locked(func() { f.refusals[token] = refusal{status, body} })
}

// Accepted are the messages that were taken over.
func (f *FCM) Accepted() (messages []FCMMessage) {
	f.locked(func() { messages = append(messages, f.accepted...) })
	return messages
}

// token gives an access token for a signed assertion (RFC 7523).
func (f *FCM) token(w http.ResponseWriter, r *http.Request) {
	deny := func(why string) {
		write(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": why})
	}
	if err := r.ParseForm(); err != nil || r.Form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		deny("grant_type")
		return
	}
	claims := jwt.MapClaims{}
	_, err := jwt.ParseWithClaims(r.Form.Get("assertion"), claims, func(t *jwt.Token) (any, error) {
		if t.Header["kid"] != "key1" {
			return nil, fmt.Errorf("kid is %v", t.Header["kid"])
		}
		return &f.key.PublicKey, nil
	}, jwt.WithValidMethods([]string{"RS256"}), jwt.WithAudience(f.URL+"/token"), jwt.WithIssuer(fcmEmail),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithTimeFunc(f.now))
	if err != nil || claims["scope"] != "https://www.googleapis.com/auth/firebase.messaging" {
		deny(fmt.Sprint("assertion: ", err))
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.given++
	bearer := fmt.Sprintf("ya29.%d", f.given)
	f.bearers[bearer] = f.now().Add(f.lasts)
	write(w, http.StatusOK, map[string]any{"access_token": bearer, "token_type": "Bearer", "expires_in": int(f.lasts / time.Second)})
}

func (f *FCM) send(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ends, ok := f.bearers[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !ok || !f.now().Before(ends) {
		write(w, http.StatusUnauthorized, map[string]any{"error": map[string]any{"code": 401, "status": "UNAUTHENTICATED", "message": "Request had invalid authentication credentials."}})
		return
	}
	var in struct {
		Message FCMMessage `json:"message"`
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil || r.PathValue("project") != fcmProject {
		write(w, http.StatusBadRequest, map[string]any{"error": map[string]any{"code": 400, "status": "INVALID_ARGUMENT", "message": fmt.Sprint("Invalid JSON payload received. ", err)}})
		return
	}
	if no, there := f.refusals[in.Message.Token]; there {
		write(w, no.status, no.body)
		return
	}
	f.accepted = append(f.accepted, in.Message)
	write(w, http.StatusOK, map[string]string{"name": fmt.Sprintf("projects/%s/messages/%d", fcmProject, len(f.accepted))})
}
