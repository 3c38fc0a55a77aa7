package main

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
)

func TestItPrintsWhereItAnswers(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"-balance", "NGN=500", "-key", "sk_test_other"}, writer) }()
	line, err := bufio.NewReader(reader).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url, key, _ := strings.Cut(strings.TrimSpace(line), " ")
	if key != "sk_test_other" {
		t.Errorf("printed %q", line)
	}
	response, err := http.Get(url + "/_fake/state")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != 200 {
		t.Error(response.Status)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, args := range [][]string{{"-balance", "NGN"}, {"-addr", "0.0.0.0:0"}} {
		if err := run(t.Context(), args, writer); err == nil {
			t.Errorf("%v is accepted", args)
		}
	}
}
