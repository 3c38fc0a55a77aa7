package push

import (
	"context"
	"errors"
	"io"
	"net/http"
	"syscall"
	"time"
)

const (
	connectTimeout = 5 * time.Second
	// Timeout is how long a request may take from the first byte to the last.
	Timeout = 30 * time.Second
	// maxAnswer is more than any answer of a provider takes.
	maxAnswer = 4 << 20
)

func checked(check func(network, address string) error) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, network, address string, _ syscall.RawConn) error {
		return check(network, address)
	}
}

// Stay makes a redirect an answer like any other: keys and tokens are for one host.
func Stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Answer is a whole response.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Doer is an HTTP client.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

var errLong = errors.New("the answer is too long")

// Do makes the request and reads its answer, once.
func Do(client Doer, request *http.Request) (Answer, error) {
	response, err := client.Do(request)
	if err != nil {
		return Answer{}, err
	}
	return Read(response)
}

// Read reads a response and closes it.
func Read(response *http.Response) (Answer, error) {
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errLong
	}
	// A status without all of its body still says what the status says.
	return Answer{response.StatusCode, response.Header, body}, err
}
