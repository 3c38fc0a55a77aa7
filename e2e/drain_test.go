package e2e_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/lingualink/lingualink/e2e/harness"
)

// TestARunningRequestFinishes stops the server while a slow phone is still
// sending its recording.
func TestARunningRequestFinishes(t *testing.T) {
	server := harness.Start(t, harness.Options{})
	ada := server.SignUp(t, "ada", server.Language(t, "ha"))
	ada.Consent(t)
	recording := harness.Voice(7)
	body, phone := io.Pipe()
	type outcome struct {
		answer harness.Answer
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		answer, err := ada.Send(context.Background(), "POST", "/api/lingualink/clips?kind=voice&language=ha", body, "Content-Type: audio/wav")
		done <- outcome{answer, err}
	}()
	// The pipe hands over nothing before the connection takes it.
	if _, err := phone.Write(recording[:len(recording)/2]); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		server.Stop(t)
	}()
	harness.Eventually(t, "the server takes nothing new", func() (bool, error) {
		connection, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
		if err != nil {
			return true, nil
		}
		return false, connection.Close()
	})
	if _, err := phone.Write(recording[len(recording)/2:]); err != nil {
		t.Fatal(err)
	}
	if err := phone.Close(); err != nil {
		t.Fatal(err)
	}
	result := <-done
	if result.err != nil || result.answer.Status != 200 {
		t.Fatalf("the upload was cut off: %v %v", result.answer, result.err)
	}
	var sent struct {
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal(result.answer.Raw, &sent); err != nil {
		t.Fatal(err)
	}
	<-stopped
	server.Launch(t)
	if stored := harness.List[clipRow](t, server.Admin(t), "clips", ""); len(stored) != 1 || stored[0].ID != sent.Data.ID {
		t.Errorf("after the restart there is %v, want %s", stored, sent.Data.ID)
	}
}
