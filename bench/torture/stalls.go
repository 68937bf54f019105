package torture

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

const stallPoll = 20 * time.Millisecond

// stalls measures for how long this machine lets a process wait that wants to
// write a byte to the disk. While others keep it busy, the server's outcomes
// wait as long to be written: the check is told.
type stalls struct {
	most atomic.Int64 // nanoseconds

	file  *os.File
	stop  chan struct{}
	done  chan error
	ended func() error
}

func watchStalls(dir string) (*stalls, error) {
	file, err := os.Create(filepath.Join(dir, "stalls"))
	if err != nil {
		return nil, err
	}
	s := &stalls{file: file, stop: make(chan struct{}), done: make(chan error, 1)}
	s.ended = sync.OnceValue(func() error {
		close(s.stop)
		return <-s.done
	})
	go func() { s.done <- s.watch() }()
	return s, nil
}

// longest is the longest of them so far.
func (s *stalls) longest() time.Duration { return time.Duration(s.most.Load()) }

// end ends the watch. It may be called again.
func (s *stalls) end() error { return s.ended() }

func (s *stalls) watch() error {
	defer s.file.Close()
	for {
		began := time.Now()
		select {
		case <-s.stop:
			return nil
		case <-time.After(stallPoll):
		}
		if _, err := s.file.WriteAt([]byte{0}, 0); err != nil {
			return err
		}
		if err := s.file.Sync(); err != nil {
			return err
		}
		s.most.Store(max(s.most.Load(), int64(time.Since(began)-stallPoll)))
	}
}
