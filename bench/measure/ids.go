package measure

import (
	"bytes"
	"hash/maphash"
	"sync"

	"github.com/oklog/ulid/v2"
)

const shards = 64 // so that the connections of a sink seldom meet at one lock

// IDs is an exact set of (endpoint, event id) pairs: what was received, told
// apart from what was received again. An id of the form evt_<ULID> or
// evt_test_<ULID> costs about 30 bytes, without a pointer for the garbage
// collector to follow; any other string is kept as it is. The zero value is
// empty and ready. It is safe for concurrent use.
type IDs struct {
	shards [shards]idShard
}

type idShard struct {
	mu    sync.Mutex
	ulids map[idKey]struct{}
	other map[otherKey]struct{}
}

type idKey struct {
	id       [16]byte
	endpoint uint32
	test     bool
}

type otherKey struct {
	id       string
	endpoint uint32
}

var idSeed = maphash.MakeSeed()

// Add puts the pair into the set and reports whether it was not there before.
// id is borrowed during the call.
func (s *IDs) Add(endpoint uint32, id []byte) bool {
	shard := &s.shards[maphash.Bytes(idSeed, id)%shards]
	key, ok := parseID(endpoint, id)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if !ok {
		return insert(&shard.other, otherKey{string(id), endpoint})
	}
	return insert(&shard.ulids, key)
}

// Len returns how many pairs the set holds.
func (s *IDs) Len() (n int) {
	for i := range s.shards {
		shard := &s.shards[i]
		shard.mu.Lock()
		n += len(shard.ulids) + len(shard.other)
		shard.mu.Unlock()
	}
	return n
}

func insert[K comparable](set *map[K]struct{}, key K) bool {
	if *set == nil {
		*set = make(map[K]struct{})
	}
	before := len(*set)
	(*set)[key] = struct{}{}
	return len(*set) > before
}

// parseID recognizes only the canonical spelling, so that two different
// strings never become one key.
func parseID(endpoint uint32, id []byte) (key idKey, ok bool) {
	rest, ok := bytes.CutPrefix(id, []byte("evt_"))
	if !ok {
		return key, false
	}
	rest, test := bytes.CutPrefix(rest, []byte("test_"))
	parsed, err := ulid.ParseStrict(string(rest))
	if err != nil {
		return key, false
	}
	var canonical [ulid.EncodedSize]byte
	if err := parsed.MarshalTextTo(canonical[:]); err != nil || !bytes.Equal(canonical[:], rest) {
		return key, false
	}
	return idKey{id: parsed, endpoint: endpoint, test: test}, true
}
