package load

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// Child is a load process: it reads a Config in JSON from in, runs it, and
// writes the Report in JSON to out. It stops early when in ends, since that is
// a pipe from the process that started it.
func Child(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var config Config
	if err := json.NewDecoder(in).Decode(&config); err != nil {
		return fmt.Errorf("read load config: %w", err)
	}
	go func() {
		_, _ = io.Copy(io.Discard, in) // an error means that the parent is gone, too
		cancel()
	}()
	report, err := Run(ctx, config)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(report)
}
