package ledger

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// The index of types. Pebble writes the keys at which its tables begin and end
// into files that live long, so no key holds what clients write. Of a type there
// is a path of hashes:
//
//	for each part that ends with a dot   1 · xxhash64 of it
//	for the rest                         0 · xxhash64 of it
//
// So all types that begin with some parts are one range. Types that share hashes
// share their rows; whoever reads looks at the event.
const maxParts = 8 // what comes behind so many dots counts as the rest

// byTypeStem begins the keys of all events whose type begins with so many whole
// parts. It returns what is left of the text.
func (pt *partition) byTypeStem(org, parts string) (stem kv.Key, rest string) {
	stem = text(pt.key(tableByType), org)
	for range maxParts {
		dot := strings.IndexByte(parts, '.') + 1
		if dot == 0 {
			break
		}
		stem = stem.U8(1).U64(xxhash.Sum64String(parts[:dot]))
		parts = parts[dot:]
	}
	return stem, parts
}

// byTypePrefix begins the keys of the events of a type.
func (pt *partition) byTypePrefix(org, eventType string) kv.Key {
	stem, rest := pt.byTypeStem(org, eventType)
	return stem.U8(0).U64(xxhash.Sum64String(rest))
}

func (pt *partition) byTypeKey(org, eventType string, at wal.Pos) kv.Key {
	return pt.byTypePrefix(org, eventType).U64(uint64(at))
}

// targeted stands for the type of the events that have a target, whatever type
// they have: that endpoint is owed them, whatever types it wants.
const targeted = ""

// Bounds of one call of EventsFor.
const (
	maxTypes   = 100 // that the endpoint can be owed: each costs two seeks
	maxFetched = 256 // events that are read: each costs a pack
)

// EventsFor is EventsAfter for an endpoint that is owed few of the events: it
// finds them in the index of types and reads nothing else. It visits all that
// the endpoint is owed, and may visit others: Owes decides. The event is the
// visitor's.
//
// It reads some and returns the position up to which none was left out. That is
// after itself if the endpoint can be owed so many types that the index would
// be no help.
func (l *Ledger) EventsFor(p int, e *endpoint.Endpoint, after, upTo wal.Pos, visit func(wal.Pos, *event.Event) (more bool)) (through wal.Pos, err error) {
	pt := l.parts[p]
	found, through, err := pt.seekByType(e, after, upTo)
	if err != nil {
		return after, err
	}
	for _, at := range found {
		ev, err := l.EventAt(p, at)
		if errors.Is(err, wal.ErrNotFound) {
			continue // retention has taken it
		}
		if err != nil || !visit(at, ev) {
			return at, err
		}
	}
	return through, nil
}

// seekByType finds the next events of the types that an endpoint can be owed.
func (pt *partition) seekByType(e *endpoint.Endpoint, after, upTo wal.Pos) (found []wal.Pos, through wal.Pos, err error) {
	all := text(pt.key(tableByType), e.Organization)
	it, err := pt.db.Iter(all, kv.PrefixEnd(all))
	if err != nil {
		return nil, after, err
	}
	defer it.Close()
	types := pt.typesOf(it, e.Organization, e.PatternsWithin(uint64(after), uint64(upTo)))
	if err := it.Err(); err != nil || len(types) > maxTypes {
		return nil, after, err
	}
	through = upTo
	for _, prefix := range slices.Sorted(maps.Keys(types)) {
		for ok := it.SeekGE(kv.Key(prefix).U64(uint64(after) + 1)); ok && bytes.HasPrefix(it.Key(), []byte(prefix)); ok = it.Next() {
			at := wal.Pos(keyU64(it.Key(), len(prefix)))
			if at > through {
				break
			}
			if found = append(found, at); len(found) == 2*maxFetched {
				found, through = earliest(found, through)
			}
		}
		if err := it.Err(); err != nil {
			return nil, after, err
		}
	}
	found, through = earliest(found, through)
	return found, through, nil
}

// earliest keeps as many of what was found as are to be read, in order, and
// says up to where that is all.
func earliest(found []wal.Pos, through wal.Pos) ([]wal.Pos, wal.Pos) {
	slices.Sort(found)
	found = slices.Compact(found) // what has a target is found twice
	if len(found) <= maxFetched {
		return found, through
	}
	return found[:maxFetched], found[maxFetched-1]
}

// typesOf are the types of an organization that some patterns select, as the
// beginnings of their keys; one more than maxTypes at most. Those that are named
// outright are there whether or not there are such events; the others are found
// by stepping through the index from one to the next.
func (pt *partition) typesOf(it *kv.Iter, org string, patterns []endpoint.Pattern) map[string]bool {
	types := map[string]bool{string(pt.byTypePrefix(org, targeted)): true}
	for _, p := range patterns {
		text, exact := p.Stem()
		if exact {
			types[string(pt.byTypePrefix(org, text))] = true
		} else {
			stem, _ := pt.byTypeStem(org, text)
			for ok := it.SeekGE(stem); ok && bytes.HasPrefix(it.Key(), stem) && len(types) <= maxTypes; {
				prefix := it.Key()[:len(it.Key())-8]
				types[string(prefix)] = true
				ok = it.SeekGE(kv.PrefixEnd(prefix))
			}
		}
		if len(types) > maxTypes || it.Err() != nil {
			break
		}
	}
	return types
}
