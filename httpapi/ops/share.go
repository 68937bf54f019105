package ops

import (
	"sync"
	"time"
)

// rest is how many times as long as a rendering took no other one begins: all of
// them together take a twentieth of one processor, however many ask.
const rest = 20

// shared renders something costly for all who ask at the same time. Nobody gets
// what was rendered before he asked; who asks too soon after the last rendering
// waits for the next one, with everybody else who does. It is safe for concurrent
// use.
type shared struct {
	render func() []byte

	mu   sync.Mutex
	next *rendering // has not begun; nil = nobody waits for one

	turn  chan struct{} // holds one token while somebody renders, or waits to
	ready time.Time     // no rendering begins before; guarded by turn
}

type rendering struct {
	done chan struct{} // closed when out is there
	out  []byte        // not to be changed
}

func newShared(render func() []byte) *shared {
	return &shared{render: render, turn: make(chan struct{}, 1)}
}

// get returns a rendering that began after the call.
func (s *shared) get() []byte {
	s.mu.Lock()
	r, first := s.next, s.next == nil
	if first {
		r = &rendering{done: make(chan struct{})}
		s.next = r
	}
	s.mu.Unlock()
	if first {
		s.fill(r)
	}
	<-r.done
	return r.out
}

func (s *shared) fill(r *rendering) {
	defer close(r.done) // also if a source panics: the others get nothing
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	time.Sleep(time.Until(s.ready))
	s.mu.Lock()
	s.next = nil
	s.mu.Unlock()
	began := time.Now()
	r.out = s.render()
	s.ready = time.Now().Add(rest * time.Since(began))
}
