package wal

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(broken) != "" {
		os.Exit(m.Run()) // what a failed store leaves behind waits for the end of its process
	}
	goleak.VerifyTestMain(m)
}
