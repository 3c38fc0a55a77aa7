package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newHealthCommand() *cobra.Command {
	var url string
	var timeout time.Duration
	command := &cobra.Command{
		Use:   "health",
		Short: "Ask a running server whether it is healthy",
		Long: `Ask a running server whether it is healthy, over HTTP. The exit code is 0 when
it answers that it is, else 1. Neither the configuration nor the database is
opened, so it can run every few seconds.`,
		Example: "  lingualink health\n  lingualink health --url https://lingualink.example.org --timeout 10s",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := checkHealth(url, timeout); err != nil {
				return fmt.Errorf("the server is not healthy: %w", err)
			}
			fmt.Fprintln(command.OutOrStdout(), "healthy")
			return nil
		},
	}
	command.Flags().StringVar(&url, "url", "http://127.0.0.1:8090", "where the server is")
	command.Flags().DurationVar(&timeout, "timeout", 3*time.Second, "how long to wait for the answer")
	return command
}

func checkHealth(url string, timeout time.Duration) error {
	client := &http.Client{Timeout: timeout}
	response, err := client.Get(strings.TrimRight(url, "/") + "/api/health")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", response.Status)
	}
	var answer struct {
		Code int `json:"code"`
	}
	const most = 64 << 10 // bytes; the answer has about 60
	err = json.NewDecoder(http.MaxBytesReader(nil, response.Body, most)).Decode(&answer)
	if err != nil || answer.Code != http.StatusOK {
		return errors.New("what answers there is not this server")
	}
	return nil
}
