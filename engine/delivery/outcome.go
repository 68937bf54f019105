package delivery

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/hookwheel/hookwheel/engine/codec"
	"github.com/hookwheel/hookwheel/engine/event"
)

// Attempt is what one try to deliver came to.
type Attempt struct {
	N        int    // 1, 2, …
	At       int64  // start, Unix ms
	Duration int64  // ms
	Status   int    // HTTP status; 0 = none was received
	Class    uint8  // egress.Class, opaque here
	Secret   string // id of the newest secret that signed, "" = none
	Schemes  uint8  // sign.Set of how it was signed, opaque here
	Snippet  string // the first bytes of the answer or the text of the error; "" after a success
}

// Outcome is the record that a finished attempt leaves in the log. The shard
// loop decides everything in it that needs a clock or chance, so that applying
// it is a pure step.
type Outcome struct {
	Endpoint uint64 // endpoint key
	Event    uint64 // position of the event
	Replay   uint32
	Render   event.Rendering // how the body was rendered

	Attempt Attempt
	State   State // what the attempt leads to, before a cancel is considered
	Next    int64 // due time of the next attempt, Unix ms; only with Retrying

	// What the lane remembers over a restart, after this outcome.
	HoldUntil int64 // Unix ms until which a Retry-After holds the lane; 0 = not held
	ProbeAt   int64 // Unix ms of the next breaker probe; 0 = breaker closed
	Probes    int   // failed probes since the breaker opened
	Down      int64 // ms since the first of the failures in a row in which the server did not run

	// Position: with this outcome, every event up to here that the endpoint is
	// owed has had an outcome. Where the lane goes on after a restart.
	Position uint64

	// Repeated: an earlier append of the same outcome may have succeeded.
	Repeated bool

	// Blameless: the attempt failed for a reason that says nothing about the
	// endpoint.
	Blameless bool
}

// Row is what the ledger keeps of a delivery from its first outcome on.
type Row struct {
	State       State
	Render      event.Rendering
	Attempts    int     // made so far; later ones than the first have rows of their own
	MaxAttempts int     // 0 = as the endpoint says; raised by a retry by hand
	Next        int64   // due time of the next attempt, Unix ms; 0 = none is scheduled
	Updated     int64   // Unix ms
	Queue       uint64  // position of the command that put it in line; 0 = its event's
	Created     int64   // Unix ms; only of a replay, 0 = when its event came in
	First       Attempt // valid when Attempts > 0
}

// An outcome in the log:
//
//	version 1 | state 1 | flags 1 | render 1 | endpoint, event, replay uvarint |
//	next, hold until, probe at, probes, position uvarint | down uvarint, if flagged | attempt
//
// An attempt, also alone as a row of the ledger:
//
//	n, at, duration, status uvarint | class, schemes 1 | secret, snippet: uvarint length + bytes
//
// A row of the ledger:
//
//	version 1 | state 1 | render 1 | attempts, max, next, updated, queue, created uvarint | attempt, if any
const (
	codecVersion  = 1
	flagRepeated  = 1
	flagBlameless = 2
	flagDown      = 4
)

// ErrDamaged says that bytes are no encoding of a version that this build knows.
var ErrDamaged = errors.New("delivery: damaged or of a newer version")

// Append appends the encoding of o to dst.
func (o *Outcome) Append(dst []byte) []byte {
	var flags byte
	if o.Repeated {
		flags |= flagRepeated
	}
	if o.Blameless {
		flags |= flagBlameless
	}
	if o.Down != 0 {
		flags |= flagDown
	}
	dst = append(dst, codecVersion, byte(o.State), flags, byte(o.Render))
	for _, v := range [...]uint64{o.Endpoint, o.Event, uint64(o.Replay), uint64(o.Next), uint64(o.HoldUntil), uint64(o.ProbeAt), uint64(o.Probes), o.Position} {
		dst = binary.AppendUvarint(dst, v)
	}
	if o.Down != 0 {
		dst = binary.AppendUvarint(dst, uint64(o.Down))
	}
	return o.Attempt.Append(dst)
}

// Decode is the inverse of Append. It copies what it keeps; after an error o is
// undefined.
func (o *Outcome) Decode(data []byte) error {
	r := codec.NewReader(data)
	if r.Byte() != codecVersion {
		return ErrDamaged
	}
	*o = Outcome{State: State(r.Byte())}
	flags := r.Byte()
	o.Render = event.Rendering(r.Byte())
	o.Repeated, o.Blameless = flags&flagRepeated != 0, flags&flagBlameless != 0
	o.Endpoint = r.Uvarint()
	o.Event = r.Uvarint()
	o.Replay = r.Uint32()
	o.Next = r.Int64()
	o.HoldUntil = r.Int64()
	o.ProbeAt = r.Int64()
	o.Probes = r.Count()
	o.Position = r.Uvarint()
	if flags&flagDown != 0 {
		o.Down = r.Int64()
	}
	o.Attempt = readAttempt(&r)
	if !r.Done() || flags&^(flagRepeated|flagBlameless|flagDown) != 0 || !o.State.valid() {
		return ErrDamaged
	}
	return nil
}

// Append appends the encoding of a to dst.
func (a *Attempt) Append(dst []byte) []byte {
	for _, v := range [...]uint64{uint64(a.N), uint64(a.At), uint64(a.Duration), uint64(a.Status)} {
		dst = binary.AppendUvarint(dst, v)
	}
	dst = append(dst, a.Class, a.Schemes)
	dst = codec.AppendText(dst, a.Secret)
	return codec.AppendText(dst, a.Snippet)
}

// Decode is the inverse of Append. It copies what it keeps.
func (a *Attempt) Decode(data []byte) error {
	r := codec.NewReader(data)
	*a = readAttempt(&r)
	if !r.Done() {
		return ErrDamaged
	}
	return nil
}

// Append appends the encoding of w to dst.
func (w *Row) Append(dst []byte) []byte {
	dst = append(dst, codecVersion, byte(w.State), byte(w.Render))
	for _, v := range [...]uint64{uint64(w.Attempts), uint64(w.MaxAttempts), uint64(w.Next), uint64(w.Updated), w.Queue, uint64(w.Created)} {
		dst = binary.AppendUvarint(dst, v)
	}
	if w.Attempts > 0 {
		dst = w.First.Append(dst)
	}
	return dst
}

// Decode is the inverse of Append. It copies what it keeps.
func (w *Row) Decode(data []byte) error {
	r := codec.NewReader(data)
	if r.Byte() != codecVersion {
		return ErrDamaged
	}
	*w = Row{State: State(r.Byte()), Render: event.Rendering(r.Byte())}
	w.Attempts = r.Count()
	w.MaxAttempts = r.Count()
	w.Next = r.Int64()
	w.Updated = r.Int64()
	w.Queue = r.Uvarint()
	w.Created = r.Int64()
	if w.Attempts > 0 {
		w.First = readAttempt(&r)
	}
	if !r.Done() || !w.State.valid() {
		return ErrDamaged
	}
	return nil
}

// End is when the attempt was over.
func (a *Attempt) End() time.Time { return time.UnixMilli(a.At + a.Duration).UTC() }

func readAttempt(r *codec.Reader) (a Attempt) {
	a.N = r.Count()
	a.At = r.Int64()
	a.Duration = r.Int64()
	a.Status = r.Count()
	a.Class = r.Byte()
	a.Schemes = r.Byte()
	a.Secret = r.Text()
	a.Snippet = r.Text()
	return a
}
