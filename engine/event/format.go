package event

import "strings"

// Format is the shape in which an endpoint wants its events.
type Format string

const (
	Envelope Format = "envelope" // {"id","type","created_at","data"}; the default
	Raw      Format = "raw"      // the data alone, byte for byte
	Snapshot Format = "snapshot" // a Stripe v1 event: data in full, with its API version
	Thin     Format = "thin"     // a Stripe v2 event notification: names what changed, carries no data
)

// Valid reports whether f is one of the formats above. The empty format is not.
func (f Format) Valid() bool {
	return f == Envelope || f == Raw || f == Snapshot || f == Thin
}

// Rendering is how one body was made out of an event: a shape and the version
// of the code that wrote it. The first attempt stores it with the delivery, so
// that every later attempt and every display gives the same bytes, also after
// an upgrade that renders new deliveries differently (guarantee G7).
//
// The high four bits are the version, the low four the shape. The zero value
// means that nothing has been rendered yet.
type Rendering uint8

const renderVersion = 1 << 4

const (
	envelope1 Rendering = renderVersion | 1
	raw1      Rendering = renderVersion | 2
	snapshot1 Rendering = renderVersion | 3
	thin1     Rendering = renderVersion | 4
)

// RenderingOf is how this build renders e for an endpoint that wants f. Events
// named v2.* exist only as notifications, so they are thin for snapshot
// endpoints too. An invalid format counts as the default.
func RenderingOf(f Format, e *Event) Rendering {
	switch {
	case f == Raw:
		return raw1
	case f == Thin, f == Snapshot && strings.HasPrefix(e.Type, "v2."):
		return thin1
	case f == Snapshot:
		return snapshot1
	}
	return envelope1
}

// Format is the shape that r has.
func (r Rendering) Format() Format {
	switch r {
	case envelope1:
		return Envelope
	case raw1:
		return Raw
	case snapshot1:
		return Snapshot
	case thin1:
		return Thin
	}
	return ""
}

// ContentType is the media type of a body rendered as r. Stripe's shapes name
// the character set because Stripe does.
func (r Rendering) ContentType() string {
	if r == snapshot1 || r == thin1 {
		return "application/json; charset=utf-8"
	}
	return "application/json"
}
