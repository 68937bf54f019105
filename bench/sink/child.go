package sink

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
)

// Ready is the one line that a sink process prints.
type Ready struct {
	URL string `json:"url"` // without a path
}

// Child is a sink process: it listens on a free port of 127.0.0.1, writes a
// Ready in JSON to out and serves until in ends. Since in is a pipe from the
// process that started it, it ends with that one, however that one ends.
func Child(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("start sink: %w", err)
	}
	if err := json.NewEncoder(out).Encode(Ready{URL: "http://" + listener.Addr().String()}); err != nil {
		listener.Close()
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, in) // an error means that the parent is gone, too
		cancel()
	}()
	return Serve(ctx, listener)
}
