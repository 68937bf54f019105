package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
)

// keyPart is one part of a key behind its partition and table. What the keys of
// each table are made of is said in table.go, and for Verify in verifiedTables.
type keyPart byte

const (
	partOrg    keyPart = iota
	partType           // its hash
	partObject         // the rest of the key
	partID             // of an event, a replay job or a record
	partHash
	partEndpoint
	partPos
	partDue
	partReplay
	partN
	partMinute
	partKind
	partScope
	partState
)

var partNames = [...]string{"organization", "type", "id", "id", "hash", "endpoint", "event at", "due", "replay", "attempt", "time", "kind", "scope", "state"}

// rowKey is a key taken apart. Those parts are set that its table has.
type rowKey struct {
	org, object        string
	eventType          []byte // borrowed
	id, hash           [16]byte
	endpoint, pos, due uint64
	replay, n, minute  uint32
	kind, scope, state byte
}

func (k *rowKey) part(p keyPart) any {
	return [...]any{
		&k.org, &k.eventType, &k.object, &k.id, &k.hash, &k.endpoint, &k.pos, &k.due,
		&k.replay, &k.n, &k.minute, &k.kind, &k.scope, &k.state,
	}[p]
}

func (k *rowKey) ref() Ref {
	return Ref{Endpoint: endpoint.Key(k.endpoint), Pos: wal.Pos(k.pos), Replay: k.replay}
}

var errBadKey = errors.New("its key is damaged")

// parse takes what stands behind partition and table in a key apart.
func (k *rowKey) parse(key []byte, layout []keyPart) error {
	*k = rowKey{}
	for _, p := range layout {
		n := -1 // of the bytes that it takes
		switch v := k.part(p).(type) {
		case *string:
			end := len(key)
			if n = end; p != partObject {
				end = bytes.IndexByte(key, 0)
				n = end + 1
			}
			*v = string(key[:max(end, 0)])
		case *[]byte:
			n = pathLen(key)
			*v = key[:min(n, len(key))]
		case *[16]byte:
			n = len(v)
			copy(v[:], key)
		case *uint64:
			if n = 8; len(key) >= n {
				*v = binary.BigEndian.Uint64(key)
			}
		case *uint32:
			if n = 4; len(key) >= n {
				*v = binary.BigEndian.Uint32(key)
			}
		case *byte:
			if n = 1; len(key) >= n {
				*v = key[0]
			}
		}
		if n == 0 || n > len(key) {
			return errBadKey
		}
		key = key[n:]
	}
	if len(key) > 0 {
		return errBadKey
	}
	return nil
}

// pathLen is how long the path of a type at the front of a key is: hashes, the
// last one behind a zero, the others behind a one.
func pathLen(key []byte) int {
	n := 9
	for len(key) >= n && key[n-9] == 1 {
		n += 9
	}
	return n
}

// place says in words which row it is.
func (k *rowKey) place(layout []keyPart) string {
	var b strings.Builder
	for _, p := range layout {
		fmt.Fprintf(&b, ", %s ", partNames[p])
		switch v := k.part(p).(type) {
		case *string:
			fmt.Fprintf(&b, "%q", *v)
		case *[]byte:
			fmt.Fprintf(&b, "%x", *v)
		case *[16]byte:
			if p == partID {
				b.WriteString(event.ID(*v).String())
			} else {
				fmt.Fprintf(&b, "%x", *v)
			}
		case *uint64:
			fmt.Fprint(&b, *v)
		case *uint32:
			fmt.Fprint(&b, *v)
		case *byte:
			fmt.Fprint(&b, *v)
		}
	}
	return b.String()
}
