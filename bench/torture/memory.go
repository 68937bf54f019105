package torture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hookwheel/hookwheel/bench/proof"
)

// memoryLimit gives the server little memory and a backlog that is much larger:
// what waits is on disk, and goes out from there (G8).
var memoryLimit = scenario{
	name: "memory-limit", about: "GOMEMLIMIT is far below the size of the backlog, which waits on disk and drains",
	run: func(ctx context.Context, l *lab) error {
		l.Server.Env = append(l.Server.Env, "GOMEMLIMIT=64MiB")
		l.Server.Flags = append(l.Server.Flags, "--cache-size", "8MiB", "--memtable-size", "4MiB", "--live-memory", "2MiB", "--max-body-size", "1MiB", "--pending-bytes", "16MiB")
		l.DrainTimeout = 10 * time.Minute
		l.Expires = true
		if err := l.Populate(ctx); err != nil {
			return err
		}
		for _, e := range l.Endpoints {
			if err := l.Admin.Control(ctx, e, "pause"); err != nil {
				return err
			}
		}
		posts := 40 // of each worker, some six events each
		if l.Long {
			posts = 300
		}
		l.Tried()
		if err := l.ProduceAs(ctx, proof.ProducerConfig{Workers: 16, Posts: posts, Batches: 0.5, Keyed: 0.3, Padding: 8 << 10}); err != nil {
			return err
		}
		if err := errors.Join(l.AwaitProducers(), l.heal(ctx)); err != nil {
			return err
		}
		open, err := l.drain(ctx)
		if err != nil || open > 0 {
			return errors.Join(err, fmt.Errorf("%d deliveries are still open after %v", open, l.DrainTimeout))
		}
		return l.heldLittle()
	},
}

// mostMemory is what a server with 64 MiB may have held in all: the program
// itself, stacks, and what the runtime does not count come on top.
const mostMemory = 192 << 20

func (l *lab) heldLittle() error {
	used, err := l.Server.Usage()
	if err != nil {
		return err
	}
	l.Progress(fmt.Sprintf("memory-limit: at most %d MiB of memory", used.PeakRSS>>20))
	if used.PeakRSS > mostMemory {
		return fmt.Errorf("the server held %d MiB of memory, want at most %d", used.PeakRSS>>20, mostMemory>>20)
	}
	return nil
}
