package wal

import (
	"slices"
	"sync"
)

// packCache keeps the packs that Get read last, decoded: a lane that falls back
// to the disk asks for neighbouring events, and a pack costs 20 µs to read. It
// is so small that looking through it beats a map.
type packCache struct {
	mu      sync.Mutex
	packs   []cachedPack // the one used last at the end
	version uint64       // of what is on disk: grows with every drop
}

type cachedPack struct {
	p    int
	recs []Rec // never empty, never changed
}

// cachedPacks bounds the cache, with maxPack, to 2 MiB. Packs of one larger
// record are not kept.
const cachedPacks = 32

// find returns the pack that covers the position, or nil and the version that
// add wants.
func (c *packCache) find(p int, at Pos) ([]Rec, uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.packs, func(k cachedPack) bool { return k.covers(p, at) })
	if i < 0 {
		return nil, c.version
	}
	k := c.packs[i]
	c.packs = append(slices.Delete(c.packs, i, i+1), k)
	return k.recs, c.version
}

func (k cachedPack) covers(p int, at Pos) bool {
	return k.p == p && k.recs[0].Pos <= at && at <= k.recs[len(k.recs)-1].Pos
}

// add keeps a pack that was read after find had returned the version. If packs
// were rewritten since, it may be the old one, and is not kept.
func (c *packCache) add(p int, recs []Rec, version uint64) {
	if len(recs) == 0 || sizeOf(recs) > maxPack {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if version != c.version {
		return
	}
	if len(c.packs) >= cachedPacks {
		c.packs = slices.Delete(c.packs, 0, 1)
	}
	c.packs = append(c.packs, cachedPack{p: p, recs: recs})
}

// drop forgets everything, because packs were rewritten.
func (c *packCache) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.packs)
	c.packs = c.packs[:0]
	c.version++
}
