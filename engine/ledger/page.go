package ledger

import (
	"bytes"
	"slices"

	"github.com/hookwheel/hookwheel/wal/kv"
)

// Page says which part of a list is wanted. Lists are newest first.
type Page struct {
	Limit int // most items, at least 1

	// After and Before are cursors that a List of the same kind, organization
	// and filter gave: the part that follows one, or the part that leads up to
	// one. At most one is set; neither is the beginning. They stay good while
	// events come in and go, whatever they once pointed at.
	After, Before []byte
}

// List is a part of a list. A list can be long and what is looked for rare, so
// one call examines at most maxExamined rows: a part with few items, or none,
// is not the end unless After says so.
type List[T any] struct {
	Items []T

	// Before and After are cursors for what comes before and behind this part;
	// nil = nothing does. An empty part has only the one in the direction of
	// reading.
	Before, After []byte

	// First and Last are cursors of both ends of this part, whether or not
	// anything comes beyond yet: what is newer will come before First. nil = it
	// is empty, and nothing comes beyond in the direction of reading.
	First, Last []byte
}

// maxExamined bounds the work of one call.
const maxExamined = 10_000

// reader collects one part of a list. Everything that could be an item has a
// cursor, and the list is in falling order of those.
type reader[T any] struct {
	Page
	list      List[T]
	backwards bool   // towards the newer
	from      []byte // what has been read already: begin behind it
	first     []byte // cursor of the item that was read first
	done      []byte // cursor of what was examined last
	examined  int
	more      bool // it ended before the list did
}

func newReader[T any](page Page) *reader[T] {
	r := &reader[T]{Page: page, from: page.After}
	if page.Before != nil {
		r.backwards, r.from = true, page.Before
	}
	r.Limit = max(r.Limit, 1)
	return r
}

// passed reports whether the cursor's place was part of what came before.
func (r *reader[T]) passed(cursor []byte) bool {
	if r.from == nil {
		return false
	}
	if r.backwards {
		return bytes.Compare(cursor, r.from) <= 0
	}
	return bytes.Compare(cursor, r.from) >= 0
}

// offer examines what is at a cursor: get returns it, or nil if it does not
// belong to the list. False means that this part is complete.
func (r *reader[T]) offer(cursor []byte, get func() (*T, error)) (more bool, err error) {
	if r.passed(cursor) {
		return true, nil
	}
	if r.examined == maxExamined {
		r.more = true
		return false, nil
	}
	r.examined++
	item, err := get()
	if err != nil {
		return false, err
	}
	if item != nil {
		if len(r.list.Items) == r.Limit {
			r.more = true
			return false, nil
		}
		r.list.Items = append(r.list.Items, *item)
		if r.first == nil {
			r.first = slices.Clone(cursor)
		}
	}
	r.done = append(r.done[:0], cursor...)
	return true, nil
}

// result is the part that was read, in the order of the list.
func (r *reader[T]) result() *List[T] {
	var next, end []byte
	if r.more {
		next = r.done
	}
	if r.more || r.first != nil {
		end = r.done
	}
	switch {
	case r.backwards:
		slices.Reverse(r.list.Items)
		r.list.Before, r.list.After = next, r.first
		r.list.First, r.list.Last = end, r.first
	case r.from != nil:
		r.list.Before, r.list.After = r.first, next
		r.list.First, r.list.Last = r.first, end
	default:
		r.list.After = next
		r.list.First, r.list.Last = r.first, end
	}
	return &r.list
}

// rows walks what the table has under a prefix, in the direction of reading,
// from where the reading begins: the cursors of the list begin with what their
// keys have behind the prefix, size bytes long. lower and upper bound that
// part; nil is no bound.
func (r *reader[T]) rows(l *Ledger, prefix, lower, upper []byte, size int, visit func(part, value []byte) (more bool, err error)) error {
	low, high := append(slices.Clip(prefix), lower...), kv.PrefixEnd(prefix)
	if upper != nil {
		high = append(slices.Clip(prefix), upper...)
	}
	if bytes.Compare(low, high) >= 0 {
		return nil
	}
	it, err := l.db.Iter(low, high)
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := r.seek(it, prefix, size); ok; ok = r.step(it) {
		more, err := visit(it.Key()[len(prefix):], it.Value())
		if err != nil || !more {
			return err
		}
	}
	return it.Err()
}

// seek goes to the first row that the reading has not passed completely.
func (r *reader[T]) seek(it *kv.Iter, prefix []byte, size int) bool {
	switch {
	case r.from == nil:
		return it.Last()
	case len(r.from) < size:
		return false // not a cursor of this list
	}
	key := append(slices.Clip(prefix), r.from[:size]...)
	if r.backwards {
		return it.SeekGE(key)
	}
	return it.SeekLT(append(key, 0))
}

func (r *reader[T]) step(it *kv.Iter) bool {
	if r.backwards {
		return it.Next()
	}
	return it.Prev()
}
