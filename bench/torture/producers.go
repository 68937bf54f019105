package torture

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hookwheel/hookwheel/bench/proof"
)

// producers lets hostile clients loose on the server, beside one that behaves,
// whose posts must all be accepted, and soon.
var producers = scenario{
	name: "producers", about: "clients that dawdle, lie about lengths, never end, leave, do not read, and come by thousands, beside one that behaves",
	longRounds: 2,
	run: func(ctx context.Context, l *lab) error {
		duration, crowd := 6*time.Second, 1000
		if l.Long {
			duration, crowd = time.Minute, 10_000
		}
		l.Server.Flags = append(l.Server.Flags, "--read-timeout", readTimeout.String())
		if err := l.admits(crowd); err != nil {
			return err
		}
		if err := l.Populate(ctx); err != nil {
			return err
		}
		if err := l.behaves(ctx, "alone", duration/3); err != nil {
			return err
		}
		r, err := l.newRabble(crowd)
		if err != nil {
			return err
		}
		stop := r.start(ctx)
		err = l.behaves(ctx, "polite", duration)
		return errors.Join(err, stop(), r.held(), l.served())
	},
}

const (
	// readTimeout is what the server gives a client to send a request.
	readTimeout = 2 * time.Second

	// What the server may have besides the crowd's connections: those of the
	// others, some of which it has not yet noticed to be gone, attempts, and files
	// that it opens for itself. The crowd alone is more than the default allows.
	others   = 1000
	inFlight = 1000
	ownFiles = 1200
)

// admits gives the server room for a crowd, which the defaults do not on a
// machine where a process may open few files: they share them with attempts.
func (l *lab) admits(crowd int) error {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return err
	}
	if want := uint64(crowd + others + inFlight + ownFiles); files.Cur < want {
		return fmt.Errorf("%w: it needs %d open files, this machine allows %d (ulimit -n)", errSkip, want, files.Cur)
	}
	l.Server.Flags = append(l.Server.Flags, "--max-connections", strconv.Itoa(crowd+others), "--max-in-flight", strconv.Itoa(inFlight))
	return nil
}

// behaves runs a producer that behaves for a time, which keeps its connections and has
// all kinds of posts, also batches with a line that is wrong.
func (l *lab) behaves(ctx context.Context, name string, duration time.Duration) error {
	polite := proof.ProducerConfig{Name: name, Workers: 8, Rate: postRate / 2, Batches: 0.2, Keyed: 0.5}
	if err := l.ProduceAs(ctx, polite); err != nil {
		return err
	}
	if err := l.ProduceAs(ctx, proof.ProducerConfig{Name: name + "-sloppy", Workers: 2, Rate: 10, Batches: 0.8, Keyed: 0.5, Bad: 0.5, Repeats: 0.2}); err != nil {
		return err
	}
	return errors.Join(l.Sleep(ctx, duration, duration), l.EndProducers())
}

// served is that everything of the polite producer was accepted, and soon, held
// against what it took while the producer was alone, and for how long this
// machine kept processes waiting meanwhile.
func (l *lab) served() error {
	records, err := proof.ReadLedgers(l.ledgers())
	if err != nil {
		return err
	}
	alone, _ := proof.LagOfPosts(records, "alone")
	lag, refused := proof.LagOfPosts(records, "polite")
	l.Progress(fmt.Sprintf("  alone, the polite producer was answered after %v", alone))
	l.Progress(fmt.Sprintf("  beside the others, it was answered after %v", lag))
	if bound := hurtBy + 10*alone.P99 + l.stalls.longest(); lag.Of == 0 || refused > 0 || lag.P99 > bound {
		return fmt.Errorf("the producer that behaves had %d posts refused, and was answered after %v, want none, and 99%% within %v", refused, lag, bound)
	}
	return nil
}
