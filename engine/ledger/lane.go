package ledger

import (
	"encoding/binary"
	"errors"

	"github.com/hookwheel/hookwheel/engine/codec"
	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/wal"
)

// Lane is what the ledger knows of an endpoint's deliveries as a whole. Apply
// keeps it in memory and writes the row when an outcome or a command changes it.
type Lane struct {
	// Matched counts the events that were owed, up to the position Counted.
	// Accepting an event writes no lane row, so the row may be behind; what it
	// misses is counted again at start, see partition.recount.
	Matched uint64
	Counted wal.Pos

	// Started counts the deliveries (of events, not of replays) that got a row,
	// Skipped those that retention took before they had one. Expired counts
	// all that retention took while they were owed.
	Started uint64
	Skipped uint64
	Expired uint64

	// Replays counts the deliveries that were made once more.
	Replays uint64

	// Oldest is where the first event of the backlog is or, when some of it has
	// been attempted since, was, and when it came in (Unix ms). Known in memory
	// only; 0 = not known.
	Oldest   wal.Pos
	OldestAt int64

	// Position: every owed event up to here has a row. Where a lane goes on
	// reading after a restart, skipping what has a row beyond it.
	Position wal.Pos

	// Rows counts by state: what waits now, and what ever ended in the others.
	Rows     [delivery.States]uint64
	Attempts uint64

	Failures    uint64 // failed attempts in a row
	FailingFrom int64  // Unix ms of the first of them; 0 = the last attempt succeeded
	Down        int64  // ms since then in which the server did not run
	LastSuccess int64  // Unix ms; 0 = never
	LastAttempt int64  // Unix ms
	GaveUp      bool   // the delivery that ended last was exhausted or failed

	HoldUntil int64 // a Retry-After holds the lane until then, Unix ms
	ProbeAt   int64 // the breaker is open and probes then, Unix ms; 0 = closed
	Probes    uint64

	FirstExpired, LastExpired int64 // Unix ms
}

// Backlog is how many owed events were never attempted.
func (n *Lane) Backlog() uint64 { return n.Matched - n.Started - n.Skipped }

// Waiting is how many deliveries wait for a retry or were put back in line.
func (n *Lane) Waiting() uint64 { return n.Rows[delivery.Retrying] + n.Rows[delivery.Pending] }

// A lane row: version 1 | flags 1 | numbers as uvarints, in the order of
// counters and times | rows by state as uvarints | down as uvarint, if flagged.
const (
	laneVersion = 1
	laneGaveUp  = 1 // flag
	laneDown    = 2 // flag
)

var errDamagedLane = errors.New("lane row is damaged or of a newer version")

func (n *Lane) counters() [10]*uint64 {
	return [...]*uint64{&n.Matched, (*uint64)(&n.Counted), &n.Started, &n.Skipped, &n.Expired, (*uint64)(&n.Position), &n.Attempts, &n.Failures, &n.Probes, &n.Replays}
}

func (n *Lane) times() [7]*int64 {
	return [...]*int64{&n.FailingFrom, &n.LastSuccess, &n.LastAttempt, &n.HoldUntil, &n.ProbeAt, &n.FirstExpired, &n.LastExpired}
}

func (n *Lane) append(dst []byte) []byte {
	var flags byte
	if n.GaveUp {
		flags |= laneGaveUp
	}
	if n.Down != 0 {
		flags |= laneDown
	}
	dst = append(dst, laneVersion, flags)
	for _, v := range n.counters() {
		dst = binary.AppendUvarint(dst, *v)
	}
	for _, v := range n.times() {
		dst = binary.AppendUvarint(dst, uint64(*v))
	}
	for _, v := range n.Rows {
		dst = binary.AppendUvarint(dst, v)
	}
	if n.Down != 0 {
		dst = binary.AppendUvarint(dst, uint64(n.Down))
	}
	return dst
}

func (n *Lane) decode(data []byte) error {
	r := codec.NewReader(data)
	version, flags := r.Byte(), r.Byte()
	if version != laneVersion || flags&^(laneGaveUp|laneDown) != 0 {
		return errDamagedLane
	}
	*n = Lane{GaveUp: flags&laneGaveUp != 0}
	for _, v := range n.counters() {
		*v = r.Uvarint()
	}
	for _, v := range n.times() {
		*v = r.Int64()
	}
	for i := range n.Rows {
		n.Rows[i] = r.Uvarint()
	}
	if flags&laneDown != 0 {
		n.Down = r.Int64()
	}
	if !r.Done() {
		return errDamagedLane
	}
	return nil
}
