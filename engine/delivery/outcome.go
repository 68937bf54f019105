package delivery

import (
	"encoding/binary"
	"errors"
	"time"
)

// Attempt is what one try to deliver came to.
type Attempt struct {
	N        int    // 1, 2, …
	At       int64  // start, Unix ms
	Duration int64  // ms
	Status   int    // HTTP status; 0 = none was received
	Class    uint8  // egress.Class, opaque here
	Secret   string // id of the secret that signed, "" = none
	Snippet  string // the first bytes of the answer or the text of the error; "" after a success
}

// Outcome is the record that a finished attempt leaves in the log. The shard
// loop decides everything in it that needs a clock or chance, so that applying
// it is a pure step.
type Outcome struct {
	Endpoint uint64 // endpoint key
	Event    uint64 // position of the event
	Replay   uint32
	Render   uint8 // how the body was rendered, see event.Rendering

	Attempt Attempt
	State   State // what the attempt leads to, before a cancel is considered
	Next    int64 // due time of the next attempt, Unix ms; only with Retrying
	Started bool  // the attempt is still under way: Next is its deadline, Attempt holds only N and At

	// What the lane remembers over a restart, after this outcome.
	HoldUntil int64 // Unix ms until which a Retry-After holds the lane; 0 = not held
	ProbeAt   int64 // Unix ms of the next breaker probe; 0 = breaker closed
	Probes    int   // failed probes since the breaker opened
}

// Row is what the ledger keeps of a delivery from its first outcome on.
type Row struct {
	State       State
	Render      uint8
	Attempts    int // made so far; later ones than the first have rows of their own
	MaxAttempts int // 0 = as the endpoint says; raised by a retry by hand
	Next        int64
	Updated     int64   // Unix ms
	Queue       uint64  // position of the command that put it in line; 0 = its event's
	First       Attempt // valid when Attempts > 0
}

// An outcome in the log:
//
//	version 1 | state 1 | flags 1 | render 1 | endpoint, event, replay uvarint |
//	next, hold until, probe at, probes uvarint | attempt
//
// An attempt, also alone as a row of the ledger:
//
//	n, at, duration, status uvarint | class 1 | secret, snippet: uvarint length + bytes
//
// A row of the ledger:
//
//	version 1 | state 1 | render 1 | attempts, max, next, updated, queue uvarint | attempt, if any
const (
	codecVersion = 1
	flagStarted  = 1
)

// ErrDamaged says that bytes are no encoding of a version that this build knows.
var ErrDamaged = errors.New("delivery: damaged or of a newer version")

// Append appends the encoding of o to dst.
func (o *Outcome) Append(dst []byte) []byte {
	var flags byte
	if o.Started {
		flags = flagStarted
	}
	dst = append(dst, codecVersion, byte(o.State), flags, o.Render)
	for _, v := range [...]uint64{o.Endpoint, o.Event, uint64(o.Replay), uint64(o.Next), uint64(o.HoldUntil), uint64(o.ProbeAt), uint64(o.Probes)} {
		dst = binary.AppendUvarint(dst, v)
	}
	return o.Attempt.Append(dst)
}

// Decode is the inverse of Append. It copies what it keeps.
func (o *Outcome) Decode(data []byte) error {
	r := reader{rest: data}
	if r.byte() != codecVersion {
		return ErrDamaged
	}
	*o = Outcome{State: State(r.byte())}
	flags := r.byte()
	o.Render = r.byte()
	o.Started = flags&flagStarted != 0
	o.Endpoint = r.uvarint()
	o.Event = r.uvarint()
	o.Replay = uint32(r.uvarint())
	o.Next = int64(r.uvarint())
	o.HoldUntil = int64(r.uvarint())
	o.ProbeAt = int64(r.uvarint())
	o.Probes = int(r.uvarint())
	o.Attempt = r.attempt()
	if r.failed || len(r.rest) != 0 || flags&^flagStarted != 0 || o.State == 0 || o.State >= States {
		return ErrDamaged
	}
	return nil
}

// Append appends the encoding of a to dst.
func (a *Attempt) Append(dst []byte) []byte {
	for _, v := range [...]uint64{uint64(a.N), uint64(a.At), uint64(a.Duration), uint64(a.Status)} {
		dst = binary.AppendUvarint(dst, v)
	}
	dst = append(dst, a.Class)
	dst = binary.AppendUvarint(dst, uint64(len(a.Secret)))
	dst = append(dst, a.Secret...)
	dst = binary.AppendUvarint(dst, uint64(len(a.Snippet)))
	return append(dst, a.Snippet...)
}

// Decode is the inverse of Append. It copies what it keeps.
func (a *Attempt) Decode(data []byte) error {
	r := reader{rest: data}
	*a = r.attempt()
	if r.failed || len(r.rest) != 0 {
		return ErrDamaged
	}
	return nil
}

// Append appends the encoding of w to dst.
func (w *Row) Append(dst []byte) []byte {
	dst = append(dst, codecVersion, byte(w.State), w.Render)
	for _, v := range [...]uint64{uint64(w.Attempts), uint64(w.MaxAttempts), uint64(w.Next), uint64(w.Updated), w.Queue} {
		dst = binary.AppendUvarint(dst, v)
	}
	if w.Attempts > 0 {
		dst = w.First.Append(dst)
	}
	return dst
}

// Decode is the inverse of Append. It copies what it keeps.
func (w *Row) Decode(data []byte) error {
	r := reader{rest: data}
	if r.byte() != codecVersion {
		return ErrDamaged
	}
	*w = Row{State: State(r.byte()), Render: r.byte()}
	w.Attempts = int(r.uvarint())
	w.MaxAttempts = int(r.uvarint())
	w.Next = int64(r.uvarint())
	w.Updated = int64(r.uvarint())
	w.Queue = r.uvarint()
	if w.Attempts > 0 {
		w.First = r.attempt()
	}
	if r.failed || len(r.rest) != 0 || w.State == 0 || w.State >= States {
		return ErrDamaged
	}
	return nil
}

// End is when the attempt was over.
func (a *Attempt) End() time.Time { return time.UnixMilli(a.At + a.Duration).UTC() }

// reader takes an encoding apart. After the first fault it yields zeros and
// failed stays set, so callers check once, at the end.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) attempt() (a Attempt) {
	a.N = int(r.uvarint())
	a.At = int64(r.uvarint())
	a.Duration = int64(r.uvarint())
	a.Status = int(r.uvarint())
	a.Class = r.byte()
	a.Secret = r.text()
	a.Snippet = r.text()
	return a
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.failed = true
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return ""
	}
	text := string(r.rest[:n])
	r.rest = r.rest[n:]
	return text
}
