package pushtest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// WebMessage is what the fake push service was sent, decrypted.
type WebMessage struct {
	Subscription string
	Payload      []byte
	TTL          int
	Urgency      string
	Topic        string
	Subscriber   string // the claim sub of the VAPID token
}

// Subscription is one of a browser; Endpoint, P256dh and Auth are what an app sends to
// its server.
type Subscription struct {
	Endpoint, P256dh, Auth string

	id        string
	private   *ecdh.PrivateKey
	secret    []byte
	serverKey string // applicationServerKey, base64url
	gone      bool
}

// WebPush is a fake of a push service and of the browsers behind it: it checks the
// VAPID token (RFC 8292) and decrypts the message (RFC 8291).
type WebPush struct {
	plan
	now           func() time.Time
	subscriptions map[string]*Subscription
	accepted      []WebMessage
}

// StartWebPush starts one; Close ends it. now may be nil for the system's clock.
func StartWebPush(now func() time.Time) *WebPush {
	if now == nil {
		now = time.Now
	}
	p := &WebPush{now: now, subscriptions: map[string]*Subscription{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /push/{id}", p.serve("send", p.push))
	p.start(mux)
	return p
}

// Subscribe makes a subscription for a server's public VAPID key.
func (p *WebPush) Subscribe(serverKey string) (*Subscription, error) {
	private, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	secret := make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	id := fmt.Sprintf("sub%d", len(p.subscriptions)+1)
	s := &Subscription{
		Endpoint: p.URL + "/push/" + id, id: id, private: private, secret: secret, serverKey: strings.TrimRight(serverKey, "="),
		P256dh: base64.RawURLEncoding.EncodeToString(private.PublicKey().Bytes()), Auth: base64.RawURLEncoding.EncodeToString(secret),
	}
	p.subscriptions[id] = s
	return s, nil
}

// Unsubscribe ends a subscription: what comes for it is 410.
func (p *WebPush) Unsubscribe(s *Subscription) { p.locked(func() { s.gone = true }) }

// Accepted are the messages that reached a browser.
func (p *WebPush) Accepted() (messages []WebMessage) {
	p.locked(func() { messages = append(messages, p.accepted...) })
	return messages
}

func (p *WebPush) push(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	s, known := p.subscriptions[r.PathValue("id")]
	gone := known && s.gone
	p.mu.Unlock()
	switch {
	case !known:
		http.Error(w, "no such subscription", http.StatusNotFound)
		return
	case gone:
		http.Error(w, "push subscription has unsubscribed or expired.", http.StatusGone)
		return
	}
	subscriber, status, err := p.vapid(r, s)
	if err != nil {
		http.Error(w, err.Error(), status)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4096)) // RFC 8030, 7.2: more may be refused
	if err != nil {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	ttl, err := strconv.Atoi(r.Header.Get("TTL"))
	topic := r.Header.Get("Topic")
	if err != nil || r.Header.Get("Content-Encoding") != "aes128gcm" || len(topic) > 32 ||
		strings.Trim(topic, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		http.Error(w, "a header is missing or malformed", http.StatusBadRequest)
		return
	}
	payload, err := s.decrypt(body)
	if err != nil {
		// A browser would drop it without a word; a test has to hear of it.
		http.Error(w, "cannot be decrypted: "+err.Error(), http.StatusBadRequest)
		return
	}
	p.locked(func() {
		p.accepted = append(p.accepted, WebMessage{s.id, payload, ttl, r.Header.Get("Urgency"), topic, subscriber})
	})
	w.Header().Set("Location", p.URL+"/message/1")
	w.WriteHeader(http.StatusCreated)
}

// vapid checks the header of RFC 8292, section 3: the token is signed by the key that
// the subscription was made with, for this service, for at most a day.
func (p *WebPush) vapid(r *http.Request, s *Subscription) (subscriber string, status int, err error) {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	parts := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		parts[name] = value
	}
	if !strings.EqualFold(scheme, "vapid") || parts["t"] == "" || parts["k"] == "" {
		return "", http.StatusUnauthorized, errors.New("no VAPID token")
	}
	if strings.TrimRight(parts["k"], "=") != s.serverKey {
		return "", http.StatusForbidden, errors.New("the VAPID credentials in the authorization header do not correspond to the credentials used to create the subscriptions.")
	}
	raw, err := base64.RawURLEncoding.DecodeString(s.serverKey)
	if err != nil || len(raw) != 65 {
		return "", http.StatusForbidden, errors.New("the key is none")
	}
	key := &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).SetBytes(raw[1:33]), Y: new(big.Int).SetBytes(raw[33:])}
	claims := jwt.MapClaims{}
	_, err = jwt.ParseWithClaims(parts["t"], claims, func(*jwt.Token) (any, error) { return key, nil },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithAudience(p.URL), jwt.WithExpirationRequired(), jwt.WithTimeFunc(p.now))
	if err != nil {
		return "", http.StatusForbidden, fmt.Errorf("VAPID token: %w", err)
	}
	ends, err := claims.GetExpirationTime()
	if err != nil || ends.Sub(p.now()) > 24*time.Hour {
		return "", http.StatusForbidden, errors.New("VAPID token: it lasts for more than a day")
	}
	subscriber, err = claims.GetSubject()
	if err != nil || !strings.HasPrefix(subscriber, "mailto:") && !strings.HasPrefix(subscriber, "https:") {
		return "", http.StatusForbidden, errors.New("VAPID token: sub is no address")
	}
	return subscriber, 0, nil
}

// decrypt reads one record of aes128gcm (RFC 8188) with keys of RFC 8291, section 3.4.
func (s *Subscription) decrypt(body []byte) ([]byte, error) {
	const fixed = 16 + 4 + 1
	if len(body) < fixed || len(body) < fixed+int(body[20]) {
		return nil, errors.New("no header")
	}
	salt, size, sender := body[:16], binary.BigEndian.Uint32(body[16:20]), body[fixed:fixed+int(body[20])]
	record := body[fixed+int(body[20]):]
	if uint32(len(record)) > size {
		return nil, errors.New("more than one record")
	}
	theirs, err := ecdh.P256().NewPublicKey(sender)
	if err != nil {
		return nil, err
	}
	shared, err := s.private.ECDH(theirs)
	if err != nil {
		return nil, err
	}
	info := append(append([]byte("WebPush: info\x00"), s.private.PublicKey().Bytes()...), sender...)
	ikm, err := hkdf.Key(sha256.New, shared, s.secret, string(info), 32)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	padded, err := gcm.Open(nil, nonce, record, nil)
	if err != nil {
		return nil, err
	}
	end := len(padded)
	for end > 0 && padded[end-1] == 0 {
		end--
	}
	if end == 0 || padded[end-1] != 2 { // the mark of the last record
		return nil, errors.New("no end mark")
	}
	return padded[:end-1], nil
}
