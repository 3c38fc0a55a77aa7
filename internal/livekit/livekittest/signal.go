package livekittest

import (
	"net/url"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/livekit/protocol/livekit"
	"google.golang.org/protobuf/proto"
)

// Signal is somebody who has opened the signal connection and no media: the
// least that a token is good for.
type Signal struct {
	tb         testing.TB
	connection *websocket.Conn
}

// Knock opens the signal connection with a token.
func Knock(tb testing.TB, s *Server, token string) *Signal {
	tb.Helper()
	connection, answer, err := websocket.DefaultDialer.Dial(s.URL+"/rtc?protocol=15&auto_subscribe=1&sdk=go&access_token="+url.QueryEscape(token), nil)
	if err != nil {
		tb.Fatalf("not let in: %v", err)
	}
	_ = answer.Body.Close()
	tb.Cleanup(func() { _ = connection.Close() })
	return &Signal{tb, connection}
}

// NextToken waits for the token that the server hands out by itself: after a
// join, and after every change of rights.
func (s *Signal) NextToken() string {
	s.tb.Helper()
	deadline := time.Now().Add(10 * time.Second) //nolint:forbidigo // a connection lives in real time
	if err := s.connection.SetReadDeadline(deadline); err != nil {
		s.tb.Fatal(err)
	}
	for {
		_, message, err := s.connection.ReadMessage()
		if err != nil {
			s.tb.Fatalf("no token came: %v", err)
		}
		answer := &livekit.SignalResponse{}
		if err := proto.Unmarshal(message, answer); err != nil {
			s.tb.Fatal(err)
		}
		if token := answer.GetRefreshToken(); token != "" {
			return token
		}
	}
}
