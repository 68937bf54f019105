package event

import (
	"errors"
	"strconv"
	"time"
)

// ErrRendering says that a delivery was rendered by a newer build than this.
var ErrRendering = errors.New("event: unknown rendering; it was made by a newer version")

// AppendBody appends to dst the body of e as an endpoint receives it.
//
// It is a pure function of its arguments, and of nothing that may differ
// between two attempts: matched is the number of endpoints that the event was
// owed to at its own position, apiVersion is the one that the endpoint asks for
// in snapshots. JSON that the producer gave is copied, never
// rewritten. It allocates nothing if dst has room.
func AppendBody(dst []byte, e *Event, how Rendering, matched int, apiVersion string) ([]byte, error) {
	switch how {
	case envelope1:
		return appendEnvelope(dst, e), nil
	case raw1:
		return append(dst, e.Data...), nil
	case snapshot1:
		return appendSnapshot(dst, e, matched, apiVersion), nil
	case thin1:
		return append(appendNotification(dst, e), '}'), nil
	}
	return dst, ErrRendering
}

func appendEnvelope(dst []byte, e *Event) []byte {
	dst = append(dst, `{"id":"`...)
	dst = AppendID(dst, e.ID, e.Livemode)
	dst = append(dst, `","type":"`...)
	dst = append(dst, e.Type...) // ValidType leaves nothing to escape
	dst = append(dst, `","created_at":"`...)
	dst = appendTime(dst, e.Occurred())
	dst = append(dst, `","data":`...)
	dst = append(dst, e.Data[:len(e.Data)-1]...)
	return append(dst, ' ', '}', '}')
}

// appendTime writes a time in UTC with milliseconds. AppendFormat has a fast
// way for RFC 3339 without a fraction, four times as fast as a layout with one.
func appendTime(dst []byte, t time.Time) []byte {
	dst = t.AppendFormat(dst, time.RFC3339)
	ms := t.Nanosecond() / 1e6
	return append(dst[:len(dst)-1], '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
}

// appendSnapshot writes Stripe's v1 event. Its api_version says what the data
// looks like, and receivers refuse one that they were not built for: for an
// event that came from Stripe it is the event's, for others the endpoint's.
func appendSnapshot(dst []byte, e *Event, matched int, apiVersion string) []byte {
	if e.APIVersion != "" && (e.Source == Stripe || apiVersion == "") {
		apiVersion = e.APIVersion
	}
	dst = append(dst, `{"id":"`...)
	dst = AppendID(dst, e.ID, e.Livemode)
	dst = append(dst, `","object":"event","api_version":`...)
	dst = appendString(dst, apiVersion)
	if e.Account != "" {
		dst = append(dst, `,"account":`...)
		dst = appendString(dst, e.Account)
	}
	dst = append(dst, `,"created":`...)
	dst = strconv.AppendInt(dst, e.Occurred().Unix(), 10)
	dst = append(dst, `,"data":{"object":`...)
	dst = append(dst, e.Data...)
	if len(e.PreviousAttributes) != 0 {
		dst = append(dst, `,"previous_attributes":`...)
		dst = append(dst, e.PreviousAttributes...)
	}
	dst = append(dst, `},"livemode":`...)
	dst = strconv.AppendBool(dst, e.Livemode)
	dst = append(dst, `,"pending_webhooks":`...)
	dst = strconv.AppendInt(dst, int64(matched), 10)
	dst = append(dst, `,"request":`...)
	if len(e.Request) != 0 {
		dst = append(dst, e.Request...)
	} else {
		dst = append(dst, `{"id":null,"idempotency_key":null}`...)
	}
	dst = append(dst, `,"type":"`...)
	dst = append(dst, e.Type...)
	return append(dst, `"}`...)
}

// AppendFull appends e as Stripe's events API shows it: the notification, and
// the data that the notification leaves out.
func AppendFull(dst []byte, e *Event) []byte {
	dst = appendNotification(dst, e)
	dst = append(dst, `,"data":`...)
	dst = append(dst, e.Data...)
	return append(dst, '}')
}

// appendNotification writes Stripe's v2 event notification without the closing
// brace.
func appendNotification(dst []byte, e *Event) []byte {
	dst = append(dst, `{"id":"`...)
	dst = AppendID(dst, e.ID, e.Livemode)
	dst = append(dst, `","object":"v2.core.event","type":"`...)
	dst = append(dst, e.Type...)
	dst = append(dst, `","livemode":`...)
	dst = strconv.AppendBool(dst, e.Livemode)
	dst = append(dst, `,"created":"`...)
	dst = appendTime(dst, e.Occurred())
	dst = append(dst, `","context":`...)
	dst = appendString(dst, e.Context)
	dst = append(dst, `,"reason":`...)
	dst = appendValue(dst, e.Reason)
	dst = append(dst, `,"related_object":`...)
	dst = appendValue(dst, e.RelatedObject)
	if len(e.Changes) != 0 {
		dst = append(dst, `,"changes":`...)
		dst = append(dst, e.Changes...)
	}
	return dst
}

func appendValue(dst, value []byte) []byte {
	if len(value) == 0 {
		return append(dst, "null"...)
	}
	return append(dst, value...)
}

// appendString appends text as a JSON string, or null if it is empty. Validate
// keeps out what is no UTF-8 and control characters, so only two characters
// need an escape.
func appendString(dst []byte, text string) []byte {
	if text == "" {
		return append(dst, "null"...)
	}
	dst = append(dst, '"')
	for i := range len(text) {
		if text[i] == '"' || text[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, text[i])
	}
	return append(dst, '"')
}
