package egress

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

const (
	resolveFor     = 10 * time.Second // one lookup, however many wait for it
	rememberAnswer = 30 * time.Second // short enough that a host can be moved, long enough that retries cost no lookup
	rememberError  = time.Second      // a dead name costs one lookup a second, whoever asks
	maxRemembered  = 8192             // hosts
)

// Resolver looks names up. *net.Resolver is one; tests bring their own.
type Resolver interface {
	// LookupNetIP returns the addresses of host for network "ip", in the order in which they should be tried.
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// resolve returns the addresses of host, which may be a literal.
func resolve(ctx context.Context, r Resolver, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	return r.LookupNetIP(ctx, "ip", host)
}

// lookups remembers answers for a short time and lets concurrent askers share one question. Answers are remembered as
// they came, not as they were judged: whoever uses one vets it. It owns one goroutine per question that is under way;
// they end with ctx, and wait returns when they have.
type lookups struct {
	resolver Resolver
	ctx      context.Context
	running  sync.WaitGroup

	mu struct {
		sync.Mutex
		hosts map[string]*answer
	}
}

// answer is written once, before done is closed; expires is guarded by the mutex.
type answer struct {
	done    chan struct{}
	addrs   []netip.Addr
	err     error
	expires time.Time // zero while the question is under way
}

func newLookups(ctx context.Context, r Resolver) *lookups {
	l := &lookups{resolver: r, ctx: ctx}
	l.mu.hosts = make(map[string]*answer)
	return l
}

// LookupNetIP answers from memory or asks. The caller must not change the addresses.
func (l *lookups) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	l.mu.Lock()
	if err := l.ctx.Err(); err != nil {
		l.mu.Unlock()
		return nil, err
	}
	a := l.mu.hosts[host]
	if a == nil || a.expired(time.Now()) {
		l.forget()
		a = &answer{done: make(chan struct{})}
		l.mu.hosts[host] = a
		l.running.Go(func() { l.ask(a, network, host) })
	}
	l.mu.Unlock()
	select {
	case <-a.done:
		return a.addrs, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *lookups) ask(a *answer, network, host string) {
	ctx, cancel := context.WithTimeout(l.ctx, resolveFor)
	defer cancel()
	a.addrs, a.err = l.resolver.LookupNetIP(ctx, network, host)
	keep := rememberAnswer
	if a.err != nil {
		keep = rememberError
	}
	l.mu.Lock()
	a.expires = time.Now().Add(keep)
	l.mu.Unlock()
	close(a.done)
}

// forget makes room when the memory is full: what has expired goes, then whatever comes first, until an eighth is free.
func (l *lookups) forget() {
	if len(l.mu.hosts) < maxRemembered {
		return
	}
	now := time.Now()
	for host, a := range l.mu.hosts {
		if a.expired(now) {
			delete(l.mu.hosts, host)
		}
	}
	for host, a := range l.mu.hosts {
		if len(l.mu.hosts) <= maxRemembered*7/8 {
			return
		}
		if !a.expires.IsZero() {
			delete(l.mu.hosts, host)
		}
	}
}

func (a *answer) expired(now time.Time) bool { return !a.expires.IsZero() && now.After(a.expires) }

// wait returns when no question is under way. The context has been canceled before, so none is asked any more.
func (l *lookups) wait() {
	l.mu.Lock() // whoever has not seen the cancellation has counted its question before this
	clear(l.mu.hosts)
	l.mu.Unlock()
	l.running.Wait()
}
