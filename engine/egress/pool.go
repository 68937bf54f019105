package egress

import (
	"errors"
	"strings"
	"sync"
	"time"
)

// maxAge is how long a connection may be reused: after it, the host is resolved and vetted anew.
const maxAge = 5 * time.Minute

var (
	errTooMany = errors.New("all connections are in use")
	errClosed  = errors.New("shutting down")
)

// pool keeps connections between requests, newest first, so that under low load the surplus ages and goes. Limits
// count connections in use, idle, and being made. An origin without connections costs nothing, and the pool owns no
// goroutine: one timer, armed for the oldest idle connection, closes what has been idle too long.
type pool struct {
	maxTotal, maxPerOrigin int
	idleFor                time.Duration

	mu struct {
		sync.Mutex
		origins map[string]*shelf
		idle    line // longest idle first
		live    map[*conn]struct{}
		total   int
		reaper  *time.Timer // nil until a connection became idle
		closed  bool
	}
}

// shelf holds the connections of one origin.
type shelf struct {
	idle  []*conn // most recently used last
	total int
}

func newPool(maxTotal, maxPerOrigin int, idleFor time.Duration) *pool {
	p := &pool{maxTotal: maxTotal, maxPerOrigin: maxPerOrigin, idleFor: idleFor}
	p.mu.origins = make(map[string]*shelf)
	p.mu.live = make(map[*conn]struct{})
	return p
}

// get returns an idle connection, or nil and a place: the caller makes a connection and hands it to add, or gives the
// place back with leave.
func (p *pool) get(origin string) (*conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed {
		return nil, errClosed
	}
	s := p.mu.origins[origin]
	if s != nil && len(s.idle) > 0 {
		return p.unshelve(s, len(s.idle)-1), nil
	}
	if s != nil && s.total >= p.maxPerOrigin {
		return nil, errTooMany
	}
	if p.mu.total >= p.maxTotal {
		if p.mu.idle.first == nil {
			return nil, errTooMany
		}
		p.discardOldest()
	}
	if s == nil {
		s = &shelf{}
		p.mu.origins[strings.Clone(origin)] = s
	}
	s.total++
	p.mu.total++
	return nil, nil
}

// add makes a connection known, so that close finds it.
func (p *pool) add(c *conn) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed {
		return errClosed
	}
	p.mu.live[c] = struct{}{}
	return nil
}

// put takes a connection back that can serve another request.
func (p *pool) put(c *conn) {
	now := time.Now()
	p.mu.Lock()
	if p.mu.closed || now.Sub(c.born) > maxAge {
		p.mu.Unlock()
		p.drop(c)
		return
	}
	defer p.mu.Unlock()
	c.idleSince = now
	p.mu.idle.append(c)
	s := p.mu.origins[c.origin]
	s.idle = append(s.idle, c)
	if p.mu.reaper == nil {
		p.mu.reaper = time.AfterFunc(p.idleFor, p.reap)
	} else if p.mu.idle.n == 1 {
		p.mu.reaper.Reset(p.idleFor)
	}
}

// drop closes a connection that was got or added.
func (p *pool) drop(c *conn) {
	c.close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.mu.live, c)
	p.leaveLocked(c.origin)
}

// leave gives a place back.
func (p *pool) leave(origin string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leaveLocked(origin)
}

func (p *pool) leaveLocked(origin string) {
	s := p.mu.origins[origin]
	s.total--
	p.mu.total--
	if s.total == 0 {
		delete(p.mu.origins, origin)
	}
}

// unshelve takes the i-th idle connection out of the shelf and of the idle list.
func (p *pool) unshelve(s *shelf, i int) *conn {
	c := s.idle[i]
	copy(s.idle[i:], s.idle[i+1:])
	s.idle[len(s.idle)-1] = nil
	s.idle = s.idle[:len(s.idle)-1]
	p.mu.idle.remove(c)
	return c
}

// discardOldest closes the connection that has been idle longest; on its own shelf that is the first.
func (p *pool) discardOldest() {
	c := p.mu.idle.first
	p.unshelve(p.mu.origins[c.origin], 0)
	c.close()
	delete(p.mu.live, c)
	p.leaveLocked(c.origin)
}

func (p *pool) reap() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := p.mu.idle.first; c != nil; c = p.mu.idle.first {
		if left := p.idleFor - time.Since(c.idleSince); left > 0 {
			p.mu.reaper.Reset(left)
			return
		}
		p.discardOldest()
	}
}

// counts returns how many connections there are, those being made included, and how many of them are idle.
func (p *pool) counts() (total, idle int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mu.total, p.mu.idle.n
}

// close closes every connection, in use or not, and refuses new ones. Those in use are dropped by their users.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.closed = true
	if p.mu.reaper != nil {
		p.mu.reaper.Stop()
	}
	for p.mu.idle.first != nil {
		p.discardOldest()
	}
	for c := range p.mu.live {
		c.close()
	}
}

// line is a list of connections in the order in which they became idle. The links are in the connections, so that
// coming and going allocates nothing.
type line struct {
	first, last *conn
	n           int
}

func (l *line) append(c *conn) {
	c.before, c.after = l.last, nil
	if l.last == nil {
		l.first = c
	} else {
		l.last.after = c
	}
	l.last = c
	l.n++
}

func (l *line) remove(c *conn) {
	if c.before == nil {
		l.first = c.after
	} else {
		c.before.after = c.after
	}
	if c.after == nil {
		l.last = c.before
	} else {
		c.after.before = c.before
	}
	c.before, c.after = nil, nil
	l.n--
}
