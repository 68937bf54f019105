package wal

import "time"

// keepInterval is how often the keeper looks, while there is reason to.
const keepInterval = time.Second

// keeper looks after what must not hold up the committer: it moves the
// high-water mark and watches disk space. It runs when something was written or
// synced, at most once per interval, so an idle log costs nothing.
type keeper struct {
	s       *Store
	wake    chan struct{}
	stop    chan struct{}
	stopped chan struct{}
}

func newKeeper(s *Store) *keeper {
	return &keeper{s: s, wake: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{})}
}

// kick makes the keeper look, now or when the interval is over.
func (k *keeper) kick() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *keeper) run() {
	defer close(k.stopped)
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
		case <-k.stop:
			return
		}
		select {
		case <-k.wake:
		case <-k.stop:
			return
		}
		if k.look() {
			k.kick()
		}
		pause.Reset(keepInterval)
	}
}

// look does the rounds once, and says whether to come again unasked.
func (k *keeper) look() (again bool) {
	again, err := k.s.space.look()
	if err != nil {
		k.s.log.Warn("disk space is not known", "error", err)
	}
	if err := k.s.highwater.write(Pos(k.s.synced.Load())); err != nil {
		// What it guards against is that the store loses records; the store
		// itself is fine, and reports its own failures.
		k.s.log.Warn("high-water mark was not written", "error", err)
		again = true
	}
	return again
}

func (k *keeper) close() {
	close(k.stop)
	<-k.stopped
}
