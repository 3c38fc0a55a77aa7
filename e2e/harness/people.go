package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
)

// Password is everybody's.
const Password = "correct horse battery"

// Person is somebody with an account, signed in.
type Person struct {
	*Client
	ID       string
	Username string
	Email    string
}

// Balance is one currency of a wallet, in minor units.
type Balance struct {
	Currency       string `json:"currency"`
	PendingMinor   int64  `json:"pending_minor"`
	AvailableMinor int64  `json:"available_minor"`
	HeldMinor      int64  `json:"held_minor"`
	EarnedMinor    int64  `json:"earned_minor"`
	PaidMinor      int64  `json:"paid_minor"`
	UnfundedMinor  int64  `json:"unfunded_minor"`
}

// Language is the id of a seeded language by its code.
func (s *Server) Language(t TB, code string) string {
	t.Helper()
	type row struct {
		ID string `json:"id"`
	}
	found := List[row](t, s.Guest(), "languages", fmt.Sprintf("code = %q", code))
	if len(found) != 1 {
		t.Fatalf("%d languages have the code %s", len(found), code)
	}
	return found[0].ID
}

// GeneralCampaign is the id of the seeded campaign that every clip without a
// campaign of its language is bound to. It starts empty.
func (s *Server) GeneralCampaign(t TB) string {
	t.Helper()
	type row struct {
		ID string `json:"id"`
	}
	found := List[row](t, s.Admin(t), "campaigns", `status = "open" && language = ""`)
	if len(found) != 1 {
		t.Fatalf("%d campaigns are open for all languages", len(found))
	}
	return found[0].ID
}

// SetPolicy puts values of a policy in force for all languages.
func (s *Server) SetPolicy(t TB, subject string, values map[string]any) {
	t.Helper()
	s.Admin(t).Create(t, "policies", map[string]any{"subject": subject, "values": values}, nil)
}

// SignUp makes an account that speaks the languages (record ids), and signs in.
func (s *Server) SignUp(t TB, username string, languages ...string) *Person {
	t.Helper()
	person, err := s.signUp(context.Background(), username, languages)
	if err != nil {
		t.Fatalf("signing %s up: %v", username, err)
	}
	return person
}

// SignUpMany makes n accounts, username0 and so on. Passwords are hashed slowly
// on purpose, and signing in takes its time, so it makes several at once.
func (s *Server) SignUpMany(t TB, username string, n int, languages ...string) []*Person {
	t.Helper()
	people := make([]*Person, n)
	err := Each(context.Background(), 8, n, func(ctx context.Context, i int) (err error) {
		people[i], err = s.signUp(ctx, fmt.Sprint(username, i), languages)
		return err
	})
	if err != nil {
		t.Fatalf("signing %d people up: %v", n, err)
	}
	return people
}

func (s *Server) signUp(ctx context.Context, username string, languages []string) (*Person, error) {
	email := username + "@lingualink.test"
	answer, err := s.Guest().Do(ctx, http.MethodPost, "/api/collections/users/records", map[string]any{
		"username": username, "email": email, "languages": languages,
		"password": Password, "passwordConfirm": Password,
	})
	if err != nil {
		return nil, err
	}
	if answer.Status != http.StatusOK {
		return nil, fmt.Errorf("%s", answer)
	}
	client, id, err := s.signIn(ctx, "users", email, Password)
	return &Person{Client: client, ID: id, Username: username, Email: email}, err
}

// Consent agrees to the recording terms in force, which uploads need.
func (p *Person) Consent(t TB) {
	t.Helper()
	type row struct {
		ID string `json:"id"`
	}
	texts := List[row](t, p.Client, "consent_texts", `locale = "en"`)
	if len(texts) != 1 {
		t.Fatalf("%d consent texts in English", len(texts))
	}
	p.Create(t, "consents", map[string]any{"text": texts[0].ID}, nil)
}

// Wallet is the person's balance in a currency.
func (p *Person) Wallet(t TB, currency string) Balance {
	t.Helper()
	var answer struct {
		Data struct {
			Balances []Balance `json:"balances"`
		} `json:"data"`
	}
	p.Must(t, http.MethodGet, "/api/lingualink/wallet", nil, &answer)
	for _, balance := range answer.Data.Balances {
		if balance.Currency == currency {
			return balance
		}
	}
	t.Fatalf("the wallet of %s has no %s", p.Username, currency)
	return Balance{}
}

func (s *Server) signIn(ctx context.Context, collection, identity, password string) (*Client, string, error) {
	answer, err := s.Guest().Do(ctx, http.MethodPost, "/api/collections/"+collection+"/auth-with-password",
		map[string]string{"identity": identity, "password": password})
	if err != nil {
		return nil, "", err
	}
	var session struct {
		Token  string `json:"token"`
		Record struct {
			ID string `json:"id"`
		} `json:"record"`
	}
	if err := json.Unmarshal(answer.Raw, &session); err != nil || answer.Status != http.StatusOK {
		return nil, "", fmt.Errorf("signing in as %s: %s", identity, answer)
	}
	return &Client{server: s, token: session.Token}, session.Record.ID, nil
}

// Each runs fn for 0 to n-1 on a number of workers and returns the first error,
// after all have ended. After an error no further calls begin.
func Each(ctx context.Context, workers, n int, fn func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	turns := make(chan int)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := range turns {
				if err := fn(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		turns <- i
	}
	close(turns)
	group.Wait()
	return context.Cause(ctx)
}
