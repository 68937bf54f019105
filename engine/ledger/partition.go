package ledger

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// partition is the state of one partition. The apply goroutine is the only
// writer: it reads without the lock and takes it to change what mu guards.
// Everybody else reads under the lock.
type partition struct {
	*Ledger
	p         int
	applied   atomic.Uint64 // position
	following chan struct{} // closed when what was in the log at start is applied

	// The newest minute in which an event came in, Unix time: the last in the
	// index of times.
	lastMinute atomic.Uint32

	mu struct {
		sync.RWMutex
		members map[endpoint.Key]*member // deleted endpoints included, until their history is gone
		byID    map[string]*member
		byAlias map[endpoint.Alias]*member
		byOrg   map[string][]*member // in the order of creation
	}

	// Only apply touches what follows.
	matcher    endpoint.Matcher
	expired    wal.Pos   // retention has taken everything before
	counted    wal.Pos   // every lane row counts at least up to here
	sinceFlush int       // records
	flushedAt  int64     // time of the record at which counted was moved
	dirty      []*member // lanes that an outcome or a command changed in this group
	matched    []*member // lanes that counted events since their row was written
	scratch    scratch
}

// member is an endpoint and its lane.
type member struct {
	*endpoint.Endpoint
	Lane
	withheld atomic.Bool // its events are not handed over, see Ledger.Withhold
	dirty    bool        // listed in partition.dirty
	counting bool        // listed in partition.matched
	gone     bool        // forgotten: its rows must not come back
}

// scratch is memory that one group after the other reuses.
type scratch struct {
	value     []byte
	audiences map[endpoint.Topic]*audience
	untallied []*audience // those that have counted events since the last tally
	spare     []*audience
	applied   Applied
	answers   []answer
	newKeys   map[string]idempotencyRow // written, but not committed yet
	newRows   map[Ref]delivery.Row      // the same
}

func newPartition(l *Ledger, p int) *partition {
	pt := &partition{Ledger: l, p: p, following: make(chan struct{})}
	pt.mu.members = make(map[endpoint.Key]*member)
	pt.mu.byID = make(map[string]*member)
	pt.mu.byAlias = make(map[endpoint.Alias]*member)
	pt.mu.byOrg = make(map[string][]*member)
	pt.scratch.audiences = make(map[endpoint.Topic]*audience)
	pt.scratch.newKeys = make(map[string]idempotencyRow)
	pt.scratch.newRows = make(map[Ref]delivery.Row)
	return pt
}

// Kinds of objects, part of their keys.
const (
	objectEndpoint byte = iota + 1
	objectOrganization
	objectKey
	objectClient
)

// decodeObject is the inverse of encode for an object of that kind.
func decodeObject(kind byte, data []byte) (object any, err error) {
	switch kind {
	case objectEndpoint:
		object = new(endpoint.Endpoint)
	case objectOrganization:
		object = new(Organization)
	case objectKey:
		object = new(Key)
	case objectClient:
		object = new(Client)
	default:
		return nil, fmt.Errorf("unknown kind %d; it was written by a newer version", kind)
	}
	return object, json.Unmarshal(data, object)
}

func (pt *partition) objectKey(kind byte, id string) kv.Key {
	return pt.key(tableObject).U8(kind).Raw([]byte(id))
}

// The meta row: version 1 | applied, counted, expired u64 | last minute u32.
const (
	metaVersion = 1
	metaLen     = 1 + 3*8 + 4
)

func (pt *partition) metaKey() kv.Key { return pt.key(tableMeta) }

func (pt *partition) appendMeta(dst []byte, applied wal.Pos) []byte {
	dst = append(dst, metaVersion)
	dst = binary.BigEndian.AppendUint64(dst, uint64(applied))
	dst = binary.BigEndian.AppendUint64(dst, uint64(pt.counted))
	dst = binary.BigEndian.AppendUint64(dst, uint64(pt.expired))
	return binary.BigEndian.AppendUint32(dst, pt.lastMinute.Load())
}

var errDamagedMeta = errors.New("ledger: the state row is damaged or of a newer version")

func (pt *partition) decodeMeta(meta []byte) (applied wal.Pos, err error) {
	if len(meta) != metaLen || meta[0] != metaVersion {
		return 0, errDamagedMeta
	}
	pt.counted = wal.Pos(binary.BigEndian.Uint64(meta[9:]))
	pt.expired = wal.Pos(binary.BigEndian.Uint64(meta[17:]))
	pt.lastMinute.Store(binary.BigEndian.Uint32(meta[25:]))
	return wal.Pos(binary.BigEndian.Uint64(meta[1:])), nil
}

// load fills the memory from the rows.
func (pt *partition) load() error {
	meta, found, err := pt.db.Get(nil, pt.metaKey())
	if err != nil {
		return err
	}
	if !found {
		return nil
	}
	applied, err := pt.decodeMeta(meta)
	if err != nil {
		return err
	}
	if err := pt.loadObjects(); err != nil {
		return err
	}
	if err := pt.loadLanes(); err != nil {
		return err
	}
	if err := pt.recount(applied); err != nil {
		return err
	}
	pt.applied.Store(uint64(applied))
	return nil
}

func (pt *partition) loadObjects() error {
	prefix := pt.key(tableObject)
	return pt.walk(prefix, kv.PrefixEnd(prefix), func(k, v []byte) error {
		object, err := decodeObject(k[headLen], v)
		if err != nil {
			return fmt.Errorf("read object %q: %w", k[headLen+1:], err)
		}
		switch o := object.(type) {
		case *endpoint.Endpoint:
			o.Compact()
			pt.register(o)
		case *Organization:
			pt.tenants.putOrganization(o)
		case *Key:
			pt.tenants.putKey(o)
		case *Client:
			pt.tenants.putClient(o)
		}
		return nil
	})
}

func (pt *partition) loadLanes() error {
	prefix := pt.key(tableLane)
	err := pt.walk(prefix, kv.PrefixEnd(prefix), func(k, v []byte) error {
		m := pt.mu.members[endpoint.Key(keyU64(k, headLen))]
		if m == nil {
			return fmt.Errorf("lane of an unknown endpoint %d", keyU64(k, headLen))
		}
		return m.Lane.decode(v)
	})
	// What retention moves is not written to every lane's row.
	for _, m := range pt.mu.members {
		m.Position = max(m.Position, wal.Pos(m.Key), pt.passed())
	}
	return err
}

// passed is the position up to which retention has taken everything.
func (pt *partition) passed() wal.Pos { return max(pt.expired, 1) - 1 }

// recount adds the events that matched after a lane's row was last written.
func (pt *partition) recount(applied wal.Pos) error {
	// Endpoints that changed since may have matched under an earlier span, of
	// which the matcher knows nothing; these few are asked one by one.
	var changed []*member
	var matched []*endpoint.Endpoint
	for _, m := range pt.mu.members {
		if wal.Pos(m.Version) > pt.counted {
			changed = append(changed, m)
		}
	}
	slices.SortFunc(changed, byKey)
	count := func(m *member, at wal.Pos, ev *event.Event) {
		if at > m.Counted && m.Owes(uint64(at), ev) == endpoint.Owed {
			pt.countMatches(m, 1, at, ev.ReceivedAt)
		}
	}
	return pt.accepted(pt.counted, applied, func(at wal.Pos, ev *event.Event) (bool, error) {
		matched = pt.matcher.Match(ev, matched[:0])
		for _, e := range matched {
			if m := pt.mu.members[e.Key]; wal.Pos(m.Version) <= pt.counted {
				count(m, at, ev)
			}
		}
		for _, m := range changed {
			if m.Organization == ev.Organization {
				count(m, at, ev)
			}
		}
		return true, nil
	})
}

// register makes an endpoint known, new or changed.
func (pt *partition) register(e *endpoint.Endpoint) *member {
	e.Alias = cmp.Or(e.Alias, endpoint.Alias(e.Key))
	m := pt.mu.members[e.Key]
	if m == nil {
		m = &member{Lane: Lane{Position: wal.Pos(e.Key)}}
		pt.mu.members[e.Key] = m
		pt.mu.byID[e.ID] = m
		pt.mu.byAlias[e.Alias] = m
		list := pt.mu.byOrg[e.Organization]
		at, _ := slices.BinarySearchFunc(list, e.Key, func(m *member, k endpoint.Key) int { return cmp.Compare(m.Key, k) })
		m.Endpoint = e
		pt.mu.byOrg[e.Organization] = slices.Insert(list, at, m)
	}
	m.Endpoint = e
	pt.matcher.Replace(e)
	return m
}

// unregister makes an endpoint unknown.
func (pt *partition) unregister(m *member) {
	pt.matcher.Remove(m.Key)
	delete(pt.mu.members, m.Key)
	delete(pt.mu.byID, m.ID)
	delete(pt.mu.byAlias, m.Alias)
	list := slices.DeleteFunc(slices.Clone(pt.mu.byOrg[m.Organization]), func(o *member) bool { return o == m })
	if len(list) == 0 {
		delete(pt.mu.byOrg, m.Organization)
	} else {
		pt.mu.byOrg[m.Organization] = list
	}
	m.gone = true
}

func byKey(a, b *member) int { return cmp.Compare(a.Key, b.Key) }

// countMatches notes that an endpoint is owed n events more, of which the first
// came in at a time and has a position.
func (pt *partition) countMatches(m *member, n uint64, first wal.Pos, received int64) {
	if m.Backlog() == 0 {
		m.Oldest, m.OldestAt = first, received
	}
	m.Matched += n
	if !m.counting {
		m.counting = true
		pt.matched = append(pt.matched, m)
	}
}

// walk visits the rows of a range in order. Values are borrowed.
func (l *Ledger) walk(lower, upper []byte, visit func(k, v []byte) error) error {
	it, err := l.db.Iter(lower, upper)
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		if err := visit(it.Key(), it.Value()); err != nil {
			return err
		}
	}
	return it.Err()
}

func (pt *partition) appliedTo() wal.Pos { return wal.Pos(pt.applied.Load()) }
