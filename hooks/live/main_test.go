package live_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"

	"github.com/lingualink/lingualink/internal/apptest"
)

const (
	ada, bola, chidi, dayo, emeka, musa, guest, admin = apptest.Ada, apptest.Bola, apptest.Chidi, apptest.Dayo, apptest.Emeka, apptest.Musa, apptest.Guest, apptest.Admin
)

// phoneOf names the variable by which this binary is somebody's phone instead of
// a test: a process that can be killed, as phones are. It holds address and token.
const phoneOf = "LIVE_TEST_PHONE"

func TestMain(m *testing.M) {
	if call := os.Getenv(phoneOf); call != "" {
		bePhone(call)
		return
	}
	apptest.Main(m)
}

// bePhone joins with a track, says so, and stays until its input ends.
func bePhone(call string) {
	address, token, _ := strings.Cut(call, " ")
	err := func() error {
		room, err := lksdk.ConnectToRoomWithToken(address, token, lksdk.NewRoomCallback(), lksdk.WithConnectTimeout(10*time.Second))
		if err != nil {
			return err
		}
		track, err := lksdk.NewLocalTrack(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2})
		if err != nil {
			return err
		}
		_, err = room.LocalParticipant.PublishTrack(track, &lksdk.TrackPublicationOptions{Source: livekit.TrackSource_MICROPHONE})
		return err
	}()
	if err != nil {
		fmt.Println("failed:", err)
		return
	}
	fmt.Println("inside")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends, whatever way
}

// phone starts a process that joins with a token. The returned function kills it.
func phone(t *testing.T, address, token string) (kill func()) {
	t.Helper()
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), phoneOf+"="+address+" "+token)
	if _, err := process.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	said, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	kill = func() {
		_ = process.Process.Kill() // it may have ended
		<-over
		over <- nil
	}
	heard := make(chan string, 1)
	go func() {
		all, line := []byte{}, make([]byte, 4096)
		for {
			n, err := said.Read(line)
			all = append(all, line[:n]...)
			if text := string(all); strings.Contains(text, "inside\n") || strings.Contains(text, "failed:") || err != nil {
				heard <- text
				break
			}
		}
		_, _ = io.Copy(io.Discard, said)
		over <- process.Wait()
	}()
	t.Cleanup(kill)
	if text := <-heard; !strings.Contains(text, "inside\n") {
		t.Fatalf("the phone: %s", text)
	}
	return kill
}
