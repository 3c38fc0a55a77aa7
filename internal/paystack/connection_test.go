package paystack_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/lingualink/lingualink/internal/paystack"
	"github.com/lingualink/lingualink/internal/paystack/paystacktest"
)

// treacherous answers the first request of a connection, keeps it open, and
// cuts it when a second one arrives: what a busy server does to connections
// that it closed a moment ago. net/http repeats a request then, if it may.
func treacherous(t *testing.T) (url string, connections, posts, gets *atomic.Int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	connections, posts, gets = new(atomic.Int64), new(atomic.Int64), new(atomic.Int64)
	serve := func(connection net.Conn) {
		defer connection.Close()
		reader := bufio.NewReader(connection)
		for n := 0; ; n++ {
			request, err := http.ReadRequest(reader)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, request.Body)
			if request.Method == http.MethodPost {
				posts.Add(1)
			} else {
				gets.Add(1)
			}
			if n > 0 {
				return
			}
			const body = `{"status":true,"message":"","data":[]}`
			_, _ = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 38\r\n\r\n"+body)
		}
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			go serve(connection)
		}
	}()
	return "http://" + listener.Addr().String(), connections, posts, gets
}

func TestAPostIsSentOnceOnAConnectionOfItsOwn(t *testing.T) {
	url, connections, posts, gets := treacherous(t)
	c := clientOf(t, url)
	// Two reads share a connection; the second dies on it and is repeated.
	for range 2 {
		if _, err := c.Balances(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if connections.Load() != 2 || gets.Load() != 3 {
		t.Fatalf("%d reads on %d connections: the server is not what the test needs", gets.Load(), connections.Load())
	}
	for i := range 3 {
		before := connections.Load()
		_, err := c.InitiateTransfer(t.Context(), order("RCP_1234"))
		wantKind(t, err, paystack.ErrAmbiguous) // a list is no transfer
		if posts.Load() != int64(i+1) || connections.Load() != before+1 {
			t.Errorf("after %d transfers %d posts on %d connections", i+1, posts.Load(), connections.Load())
		}
	}
}

func TestWhatEveryRequestCarries(t *testing.T) {
	server := fake(t)
	c, err := paystack.New(paystacktest.Key, paystack.Options{BaseURL: server.URL + "/", UserAgent: "lingualink/9"})
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range calls("RCP_1234") {
		_ = call.do(t.Context(), c) // some are refused, all are sent
	}
	requests := server.Requests()
	if len(requests) != len(calls("")) {
		t.Fatalf("%d requests", len(requests))
	}
	for i, q := range requests {
		if q.Op != calls("")[i].op || !q.KeyFits || q.Header.Get("User-Agent") != "lingualink/9" {
			t.Errorf("%s: %+v", calls("")[i].op, q)
		}
		for _, name := range []string{"Idempotency-Key", "X-Idempotency-Key"} {
			if _, ok := q.Header[name]; ok {
				t.Errorf("%s carries %s: net/http would repeat it", q.Op, name)
			}
		}
		if writes(q.Op) && q.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s is sent as %q", q.Op, q.Header.Get("Content-Type"))
		}
	}
}
