package ledger

import (
	"bytes"
	"encoding/binary"
	"testing"
	"unicode/utf8"

	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/wal"
)

// FuzzRowKey: a key that can be taken apart is made of nothing but its parts,
// whole and in their order; hookwheel check counts on it in a damaged store.
func FuzzRowKey(f *testing.F) {
	for i := range verifiedTables {
		f.Add(uint8(i), []byte("org_a\x00\x000123456789abcdef01234567\x00\x00\x00\x07"))
		f.Add(uint8(i), []byte("\x01org_a\x0001234"))
		f.Add(uint8(i), []byte("0123456701234567\x00\x00\x00\x07"))
		f.Add(uint8(i), []byte("0123456789abcdef"))
	}
	f.Fuzz(func(t *testing.T, table uint8, key []byte) {
		layout := verifiedTables[int(table)%len(verifiedTables)].key
		var k rowKey
		if k.parse(key, layout) != nil {
			return
		}
		var made []byte
		for _, p := range layout {
			switch v := k.part(p).(type) {
			case *string:
				made = append(made, *v...)
				if p != partObject {
					made = append(made, 0)
				}
			case *[]byte:
				made = append(made, *v...)
			case *[16]byte:
				made = append(made, v[:]...)
			case *uint64:
				made = binary.BigEndian.AppendUint64(made, *v)
			case *uint32:
				made = binary.BigEndian.AppendUint32(made, *v)
			case *byte:
				made = append(made, *v)
			}
		}
		if !bytes.Equal(made, key) {
			t.Errorf("key %q of %s is taken for %q", key, verifiedTables[int(table)%len(verifiedTables)].name, made)
		}
		if place := k.place(layout); !utf8.ValidString(place) || len(place) > 40*len(layout)+4*len(key) {
			t.Errorf("key %q: its place is called %q", key, place)
		}
	})
}

// FuzzRecord: records and objects from the disk are decoded or refused, and an
// object that was decoded is the same once more after it was stored.
func FuzzRecord(f *testing.F) {
	for kind := objectEndpoint; kind <= objectClient+1; kind++ {
		f.Add(kind, []byte(`{"id":"ed_1","organization_id":"org_a","spans":[{"from":1}],"secrets":[{"sealed":"AA=="}],"expires_at":-1}`))
	}
	f.Add(byte(wal.Command), []byte(`{"at":-1,"kind":255,"deliveries":[{}]}`))
	f.Fuzz(func(t *testing.T, kind byte, data []byte) {
		_ = VerifyRecord(wal.Rec{Kind: wal.Kind(kind), Data: data}) // must not panic
		object, err := decodeObject(kind, data)
		if err != nil {
			return
		}
		stored := encode(object)
		again, err := decodeObject(kind, stored)
		if err != nil || !bytes.Equal(encode(again), stored) || !json.Valid(stored) {
			t.Errorf("kind %d, %s: stored as %s, then as %s, %v", kind, data, stored, encode(again), err)
		}
	})
}
