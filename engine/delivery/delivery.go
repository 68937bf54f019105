// Package delivery is one event on its way to one endpoint: its id, its
// states and which may follow which, the outcome of an attempt as the log
// keeps it, and the row that the ledger keeps.
package delivery

import (
	"encoding/base32"
	"encoding/binary"
	"errors"
	"strings"

	"github.com/hookwheel/hookwheel/engine/event"
)

// State is where a delivery stands.
type State uint8

// A delivery that is owed and has no row yet is Pending. In flight is not
// stored: it is Pending or Retrying with an attempt under way.
//
//	Pending, Retrying ─▶ Retrying | Succeeded | Failed | Exhausted   by an outcome
//	Pending, Retrying ─▶ Canceled                                    by a person or a deletion
//	Retrying, Failed, Exhausted, Canceled ─▶ Pending                 by a retry by hand
//	Failed, Exhausted, Canceled ─▶ Succeeded                         by a late outcome
const (
	Pending   State = 1 // not tried yet, or put back in line by hand
	Retrying  State = 2 // at least one failure; the next attempt is scheduled
	Succeeded State = 3 // the endpoint answered 2xx
	Failed    State = 4 // given up at once: the answer rules out another attempt
	Exhausted State = 5 // given up: the schedule is used up
	Canceled  State = 6 // the endpoint was deleted, or an operator canceled it

	States = 7 // array size for counts by state
)

var stateNames = [States]string{"", "pending", "retrying", "succeeded", "failed", "exhausted", "canceled"}

func (s State) String() string {
	if s.valid() {
		return stateNames[s]
	}
	return "unknown"
}

// ParseState is the inverse of String.
func ParseState(name string) (State, bool) {
	for s := Pending; s < States; s++ {
		if stateNames[s] == name {
			return s, true
		}
	}
	return 0, false
}

// StateSet is a set of states.
type StateSet uint8

// SetOf makes a set.
func SetOf(states ...State) StateSet {
	var set StateSet
	for _, s := range states {
		set |= 1 << s
	}
	return set
}

// Has reports whether a state is in the set.
func (set StateSet) Has(s State) bool { return set&(1<<s) != 0 }

// Terminal reports whether nothing more happens to the delivery by itself.
func (s State) Terminal() bool { return s >= Succeeded && s.valid() }

// Retriable reports whether a retry by hand is possible: not for what stands in
// line anyway, and not after a success. One that waits for its next attempt
// gets it now.
func (s State) Retriable() bool {
	return s != Pending && s != Succeeded && s.valid()
}

// After is the state after an outcome, or a cancel, that leads to next. What
// has ended stays as it is, except that a success counts whenever it comes in:
// it is what the endpoint really has seen.
func (s State) After(next State) State {
	if s.Terminal() && next != Succeeded {
		return s
	}
	return next
}

func (s State) valid() bool { return s >= Pending && s < States }

// ID names a delivery. It is a pure function of event, endpoint and replay, so
// it can be told to a producer before anything about the delivery exists.
type ID struct {
	Event    event.ID
	Endpoint uint64 // endpoint.Alias
	Replay   uint32 // 0 = the original
}

const idPrefix = "dlv_"

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// String is how people see a delivery's id.
func (id ID) String() string { return string(id.AppendText(nil)) }

// AppendText appends the id as people see it.
func (id ID) AppendText(dst []byte) []byte {
	var raw [28]byte
	copy(raw[:16], id.Event[:])
	binary.BigEndian.PutUint64(raw[16:24], id.Endpoint)
	n := 24
	if id.Replay != 0 {
		binary.BigEndian.PutUint32(raw[24:28], id.Replay)
		n = 28
	}
	dst = append(dst, idPrefix...)
	return idEncoding.AppendEncode(dst, raw[:n])
}

// ErrBadID says that a text is no delivery id.
var ErrBadID = errors.New("not a delivery id: expected dlv_ and 39 or 45 characters")

// ParseID is the inverse of String.
func ParseID(text string) (ID, error) {
	rest, ok := strings.CutPrefix(text, idPrefix)
	if !ok {
		return ID{}, ErrBadID
	}
	raw, err := idEncoding.DecodeString(rest)
	if err != nil || len(raw) != 24 && len(raw) != 28 {
		return ID{}, ErrBadID
	}
	id := ID{Endpoint: binary.BigEndian.Uint64(raw[16:24])}
	copy(id.Event[:], raw[:16])
	if len(raw) == 28 {
		id.Replay = binary.BigEndian.Uint32(raw[24:28])
	}
	if id.String() != text {
		return ID{}, ErrBadID
	}
	return id, nil
}
