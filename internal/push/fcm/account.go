package fcm

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/lingualink/lingualink/internal/push"
)

// account is a service account: who may send for a Firebase project.
type account struct {
	project, email, keyID string
	tokenURL              string
	sign                  func(claims jwt.Claims) (string, error)
}

// scope is all that the token is good for.
const scope = "https://www.googleapis.com/auth/firebase.messaging"

// grantType is that of a signed assertion (RFC 7523, 2.1).
const grantType = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// readAccount reads the JSON file that the Firebase console makes. Its errors never
// repeat what is in it.
func readAccount(file []byte, tokenURL string) (account, error) {
	var in struct {
		Type       string `json:"type"`
		Project    string `json:"project_id"`
		KeyID      string `json:"private_key_id"`
		PrivateKey string `json:"private_key"`
		Email      string `json:"client_email"`
		TokenURI   string `json:"token_uri"`
	}
	if err := json.Unmarshal(file, &in); err != nil {
		return account{}, errors.New("fcm: the service account is not JSON")
	}
	if in.Type != "service_account" || in.Project == "" || in.Email == "" {
		return account{}, errors.New("fcm: this is not the key file of a service account")
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(in.PrivateKey))
	if err != nil {
		return account{}, errors.New("fcm: the private key of the service account cannot be read")
	}
	if tokenURL == "" {
		tokenURL = in.TokenURI
	}
	address, err := url.Parse(tokenURL)
	if err != nil || address.Host == "" || address.Scheme != "https" && !loopback(address.Hostname()) {
		return account{}, errors.New("fcm: the token address of the service account is not a web address with https")
	}
	return account{project: in.Project, email: in.Email, keyID: in.KeyID, tokenURL: tokenURL, sign: signer(key, in.KeyID)}, nil
}

func loopback(host string) bool { return host == "127.0.0.1" || host == "::1" || host == "localhost" }

// signer closes over the key, which fmt would print from a field.
func signer(key *rsa.PrivateKey, id string) func(jwt.Claims) (string, error) {
	return func(claims jwt.Claims) (string, error) {
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
		if id != "" {
			token.Header["kid"] = id
		}
		return token.SignedString(key)
	}
}

// bearer keeps the access token until shortly before it ends. Who comes while it is
// being fetched waits for that one.
type bearer struct {
	account account
	client  push.Doer
	now     func() time.Time

	turn chan struct{} // holds one who fetches
	mu   sync.Mutex    // guards the rest
	text string
	ends time.Time
}

// early is how long before its end a token is no longer used.
const early = 2 * time.Minute

func (b *bearer) kept() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.now().Before(b.ends.Add(-early)) {
		return b.text
	}
	return ""
}

// forget drops a token that was not accepted, unless another has replaced it.
func (b *bearer) forget(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.text == text {
		b.text, b.ends = "", time.Time{}
	}
}

// token returns a token, or the result of all that cannot be sent without one.
func (b *bearer) token(ctx context.Context) (string, *push.Result) {
	if text := b.kept(); text != "" {
		return text, nil
	}
	select {
	case b.turn <- struct{}{}:
		defer func() { <-b.turn }()
	case <-ctx.Done():
		return "", &push.Result{Outcome: push.NotSent, Code: "no_token", Detail: "no access token in time"}
	}
	if text := b.kept(); text != "" {
		return text, nil
	}
	return b.fetch(ctx)
}

func (b *bearer) fetch(ctx context.Context) (string, *push.Result) {
	now := b.now()
	assertion, err := b.account.sign(jwt.MapClaims{
		"iss": b.account.email, "scope": scope, "aud": b.account.tokenURL,
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	})
	if err != nil {
		return "", &push.Result{Outcome: push.Misconfigured, Code: "not_signed", Detail: "the assertion cannot be signed"}
	}
	form := url.Values{"grant_type": {grantType}, "assertion": {assertion}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.account.tokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", &push.Result{Outcome: push.Misconfigured, Code: "not_signed", Detail: "the token address cannot be used"}
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := push.Do(b.client, request)
	if err != nil {
		// A token that is lost on its way has sent nothing to anybody.
		return "", &push.Result{Outcome: push.NotSent, Code: "no_token", Detail: push.Broken(err).Detail}
	}
	var got struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
		Error       string `json:"error"`
	}
	readable := json.Unmarshal(answer.Body, &got) == nil
	if answer.Status != http.StatusOK || !readable || got.AccessToken == "" {
		result := push.Result{Outcome: push.Status(answer.Status), Code: push.Short(got.Error), Detail: "no access token was given",
			RetryAfter: push.RetryAfter(answer.Header, now)}
		switch result.Outcome {
		case push.Sent:
			result.Outcome = push.Failed
		case push.Refused:
			result.Outcome = push.Misconfigured // invalid_grant: the key is gone, or the clock is wrong
		}
		return "", &result
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text, b.ends = got.AccessToken, now.Add(time.Duration(min(max(got.ExpiresIn, 0), 86_400))*time.Second)
	return b.text, nil
}
