package demo_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lingualink/lingualink/demo"
	"github.com/lingualink/lingualink/hooks/hookstest"
	"github.com/lingualink/lingualink/hooks/ledger"
	"github.com/lingualink/lingualink/internal/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m) }

func TestFillMakesEveryStateAndBalances(t *testing.T) {
	s := hookstest.Start(t)
	// The template's people would be in the way of the demonstration's.
	for _, name := range []string{apptest.Musa} {
		if _, err := s.App.NonconcurrentDB().NewQuery("UPDATE users SET username = 'other', username_key = 'other' WHERE username = '" + name + "'").Execute(); err != nil {
			t.Fatal(err)
		}
	}
	logins, err := demo.Fill(t.Context(), s.App, s.Deps)
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int64{
		"SELECT COUNT(DISTINCT status) FROM clips":                       5,
		"SELECT COUNT(*) FROM clips WHERE parent != ''":                  1,
		"SELECT COUNT(DISTINCT state) FROM rewards":                      4,
		"SELECT COUNT(*) FROM jobs WHERE state != 'done'":                0,
		"SELECT COUNT(*) > 5 FROM notifications":                         1,
		"SELECT COUNT(*) > 2 FROM clip_tallies WHERE open = 1 AND votes": 1,
		"SELECT COUNT(*) FROM policies WHERE subject = 'consensus'":      2,
		"SELECT COUNT(*) >= 2 FROM clips WHERE status = 'rejected'":      1,
	} {
		if got := s.Int(query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	report, err := ledger.Verify(s.App.DB())
	if err != nil || len(report.Findings) > 0 {
		t.Errorf("the ledger: %v %v", report.Findings, err)
	}
	again, err := demo.Logins(s.App.DataDir())
	if err != nil || len(again) != len(logins) || len(logins) < 10 {
		t.Errorf("%d logins were made, %d are remembered (%v)", len(logins), len(again), err)
	}
}

func TestOtherDirectoriesAreRefused(t *testing.T) {
	dir := t.TempDir()
	if logins, err := demo.Logins(dir); err != nil || len(logins) != 0 {
		t.Errorf("an empty directory: %v %v", logins, err)
	}
	if logins, err := demo.Logins(filepath.Join(dir, "missing")); err != nil || len(logins) != 0 {
		t.Errorf("a missing directory: %v %v", logins, err)
	}
	precious := filepath.Join(dir, "data.db")
	if err := os.WriteFile(precious, []byte("other people's wages"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := demo.Logins(dir); !errors.Is(err, demo.ErrNotDemo) {
		t.Errorf("a real directory: %v", err)
	}
	if err := demo.Reset(dir); !errors.Is(err, demo.ErrNotDemo) {
		t.Errorf("resetting a real directory: %v", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Errorf("the data is gone: %v", err)
	}
}

func TestVoicesDiffer(t *testing.T) {
	one, same, other := demo.Voice(1, time.Second), demo.Voice(1, time.Second), demo.Voice(2, time.Second)
	if string(one) != string(same) || string(one) == string(other) || len(one) != 44+2*16000 {
		t.Errorf("voices of %d, %d and %d bytes", len(one), len(same), len(other))
	}
}
