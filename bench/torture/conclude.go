package torture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hookwheel/hookwheel/bench/proof"
)

// conclude ends a round: nobody posts any more, every endpoint may be delivered
// to and takes what it gets, everything drains, and the ledgers are compared.
func (l *lab) conclude(ctx context.Context) (*proof.Verdict, error) {
	if err := l.EndProducers(); err != nil {
		return nil, err
	}
	if err := l.heal(ctx); err != nil {
		return nil, err
	}
	open, err := l.drain(ctx)
	if err != nil {
		return nil, err
	}
	records, err := proof.ReadLedgers(l.ledgers())
	if err != nil {
		return nil, err
	}
	if err := l.scan(); err != nil {
		return nil, err
	}
	state, err := l.API.Observe(ctx, l.Endpoints, proof.Told(records))
	if err != nil {
		return nil, err
	}
	state.Open = open
	if state.Retained, err = l.release(ctx); err != nil {
		return nil, err
	}
	if l.Expires {
		kept, err := l.expire(ctx)
		if err != nil {
			return nil, err
		}
		state.Retained = append(state.Retained, kept...)
	}
	if err := l.stalls.end(); err != nil {
		return nil, err
	}
	l.Rules.Slack += l.stalls.longest()
	verdict := proof.Check(records, state, l.Rules)
	if verdict.Accepted == 0 || verdict.Owed == 0 {
		return verdict, errors.New("nothing was accepted and owed, so nothing is proved")
	}
	return verdict, nil
}

// heal lets every endpoint work.
func (l *lab) heal(ctx context.Context) error {
	for _, e := range l.Endpoints {
		if e.Deleted() {
			continue
		}
		if err := l.Behave(ctx, e.Name, proof.Behaviour{}); err != nil {
			return err
		}
		for _, verb := range []string{"enable", "resume"} {
			if err := l.Admin.Control(ctx, e, verb); err != nil {
				return err
			}
		}
	}
	return nil
}

// drain waits until no delivery is open, or for as long as that may take, and
// returns how many are.
func (l *lab) drain(ctx context.Context) (open uint64, err error) {
	deadline := time.Now().Add(l.DrainTimeout)
	for {
		total, err := l.API.Totals(ctx)
		if err != nil {
			return 0, fmt.Errorf("drain: %w", err)
		}
		if total.Open() == 0 || time.Now().After(deadline) {
			return total.Open(), nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// scan looks for secrets in what the server wrote: its log, its output, where
// the first start shows the admin key, and its data, where files of keys lie.
func (l *lab) scan() error {
	log, err := os.ReadFile(filepath.Join(l.Dir, "server.log"))
	if err != nil {
		return err
	}
	l.API.Scan("the log", log)
	return l.API.ScanFiles(l.Server.Data, "admin.key", "master.key")
}
