package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"maps"
	"slices"

	"github.com/hookwheel/hookwheel/wal/kv"
)

// StateHash sums up everything that partition p knows. Two ledgers that have
// applied the same records have the same, in whatever groups they did it, and
// however often they were stopped in between: what apply does follows from the
// records alone, and this is how a test, or an operator who compares two copies
// of a store, can see it. It reads every row, and nothing is applied meanwhile.
//
// How far the count of a lane's row has come is left out: it says which events
// have to be counted again at start, and depends on when rows were written.
// What it leads to, the tallies in memory, is in.
func (l *Ledger) StateHash(p int) (sum [sha256.Size]byte, err error) {
	pt := l.parts[p]
	pt.mu.RLock()
	defer pt.mu.RUnlock()
	h := sha256.New()
	all := pt.key(0)[:headLen-1]
	err = pt.walk(all, kv.PrefixEnd(all), func(k, v []byte) error {
		if table := k[headLen-1]; table != tableMeta && table != tableLane {
			hashParts(h, k, v)
		}
		return nil
	})
	if err != nil {
		return sum, fmt.Errorf("read state of partition %d: %w", p, err)
	}
	for _, ep := range slices.Sorted(maps.Keys(pt.mu.members)) {
		lane := pt.mu.members[ep].Lane
		lane.Counted = 0
		hashParts(h, pt.endpointKey(tableLane, ep), lane.append(nil))
	}
	hashParts(h, kv.Key(nil).U64(uint64(pt.expired)).U32(pt.lastMinute.Load()))
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// hashParts adds byte strings to a hash so that where one ends counts too.
func hashParts(h hash.Hash, parts ...[]byte) {
	for _, part := range parts {
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write(part)
	}
}
