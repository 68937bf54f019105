// Hookwheel is a webhook delivery engine in one binary: the server, and the
// command line that talks to it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/hookwheel/hookwheel/cmd/internal/command"
)

// version is set by the build: -ldflags "-X main.version=v1.2.3".
var version = "dev"

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go obey(signals, cancel)
	os.Exit(command.Main(ctx, version, os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// obey asks to end in good order at the first signal, and ends at once at the
// second, with the exit code that shells give a process that a signal ended.
func obey(signals <-chan os.Signal, end func()) {
	<-signals
	end()
	if second, ok := (<-signals).(syscall.Signal); ok {
		os.Exit(128 + int(second))
	}
}
