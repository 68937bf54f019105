package torture

import (
	"context"
	"fmt"
	"time"

	"github.com/hookwheel/hookwheel/bench/proof"
)

const twins = 100 // posts of one key at once

// idempotency posts the same event with the same key a hundred times at once:
// against a server that works, and against one that is killed meanwhile.
var idempotency = scenario{
	name: "idempotency", about: "the same idempotency key 100 times at once, also across kill -9: one event",
	longRounds: 5,
	run: func(ctx context.Context, l *lab) error {
		if err := l.Populate(ctx); err != nil {
			return err
		}
		keys := 20
		if l.Long {
			keys = 200
		}
		for _, crashes := range []int{0, 3} {
			err := l.ProduceAs(ctx, proof.ProducerConfig{
				Name: fmt.Sprintf("twins-%d", crashes), Workers: twins, Rate: twins * 10, Posts: keys, Keyed: 1, Twins: true,
			})
			if err != nil {
				return err
			}
			l.Tried()
			if err := l.endedAgain(ctx, crashes, 100*time.Millisecond, (*server).Crash); err != nil {
				return err
			}
			if err := l.AwaitProducers(); err != nil {
				return err
			}
		}
		return nil
	},
}
