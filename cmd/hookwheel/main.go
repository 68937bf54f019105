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
	// The first signal asks to end in good order, a second one ends at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(command.Main(ctx, version, os.Args, os.Stdin, os.Stdout, os.Stderr))
}
