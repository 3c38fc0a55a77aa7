package payouts_test

import (
	"testing"

	"github.com/lingualink/lingualink/internal/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m) }
