package httpapi

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/time/rate"

	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// RateLimit bounds how often one caller may ask. It counts requests, whatever
// they cost: a batch of ten thousand events is one.
type RateLimit struct {
	PerSecond int // 0 = no limit at all
	Burst     int // how many may come at once after a pause; 0 = as many as in one second
}

// limits holds a token bucket for each caller. A caller is an API key; whoever
// has shown no valid one is its address, of which a network of IPv6 that one
// customer usually has (/64) is one. So keys can be neither guessed at speed
// nor can one who tries take from those who have one.
//
// The tables are bounded, and separate, so that a flood of addresses does not
// make keys forgotten. A forgotten caller has a full bucket.
type limits struct {
	RateLimit
	policy    [2]string // RateLimit-Policy, by kind of caller
	keys      buckets[string]
	addresses buckets[netip.Prefix]
}

// Kinds of callers.
const (
	byKey = iota
	byAddress
)

var callerKinds = [...]string{byKey: "key", byAddress: "address"}

const ipv6Customer = 64 // bits of an address

// newLimits returns nil if there is no limit.
func newLimits(l RateLimit) *limits {
	if l.PerSecond == 0 {
		return nil
	}
	if l.Burst == 0 {
		l.Burst = l.PerSecond
	}
	s := &limits{RateLimit: l}
	window := (l.Burst + l.PerSecond - 1) / l.PerSecond
	for i, kind := range callerKinds {
		s.policy[i] = fmt.Sprintf("%q;q=%d;w=%d", kind, l.Burst, window)
	}
	return s
}

// take counts a request and says how its caller stands in the headers of
// draft-ietf-httpapi-ratelimit-headers. It returns the refusal of one that comes
// too early, and the kind of the caller.
func (s *limits) take(c *wire.Ctx, now time.Time) (kind int, refusal error) {
	var bucket *rate.Limiter
	if kind = byKey; c.Principal.KeyID != "" {
		bucket = s.keys.get(c.Principal.KeyID, s.newBucket)
	} else {
		kind, bucket = byAddress, s.addresses.get(customer(c.Source), s.newBucket)
	}
	allowed := bucket.AllowN(now, 1)
	tokens := bucket.TokensAt(now)
	c.SetHeader("RateLimit-Policy", s.policy[kind])
	var room [64]byte
	value := append(room[:0], '"')
	value = append(append(value, callerKinds[kind]...), `";r=`...)
	value = strconv.AppendInt(value, max(0, int64(tokens)), 10)
	value = append(value, ";t="...)
	value = strconv.AppendInt(value, s.seconds(float64(s.Burst)-tokens), 10)
	c.Response.Header.SetBytesV("RateLimit", value)
	if allowed {
		return kind, nil
	}
	return kind, &wire.Error{
		Status: fasthttp.StatusTooManyRequests, Code: wire.CodeRateLimited,
		Detail:     fmt.Sprintf("more than %d requests per second", s.PerSecond),
		RetryAfter: time.Duration(s.seconds(1-tokens)) * time.Second,
	}
}

// seconds is how long it takes until so many tokens have come, rounded up.
func (s *limits) seconds(tokens float64) int64 {
	return int64(math.Ceil(max(0, tokens) / float64(s.PerSecond)))
}

func (s *limits) newBucket() *rate.Limiter {
	return rate.NewLimiter(rate.Limit(s.PerSecond), s.Burst)
}

// customer is the network that an address counts for.
func customer(addr netip.Addr) netip.Prefix {
	bits := addr.BitLen()
	if addr.Is6() {
		bits = ipv6Customer
	}
	network, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address: a connection that is none of TCP
	}
	return network
}

// maxBuckets bounds each half of a table; a bucket takes some 200 bytes.
const maxBuckets = 16 << 10

// buckets is a table of those that were used lately: when the newer half is
// full it becomes the older one, and what nobody has used since is dropped.
type buckets[K comparable] struct {
	mu struct {
		sync.Mutex
		newer, older map[K]*rate.Limiter
	}
}

func (t *buckets[K]) get(caller K, fresh func() *rate.Limiter) *rate.Limiter {
	t.mu.Lock()
	defer t.mu.Unlock()
	if bucket := t.mu.newer[caller]; bucket != nil {
		return bucket
	}
	bucket := t.mu.older[caller]
	if bucket == nil {
		bucket = fresh()
	}
	if len(t.mu.newer) == maxBuckets || t.mu.newer == nil {
		t.mu.newer, t.mu.older = make(map[K]*rate.Limiter), t.mu.newer
	}
	t.mu.newer[caller] = bucket
	return bucket
}
