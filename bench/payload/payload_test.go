package payload

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"testing"
	"time"
)

func TestAppend(t *testing.T) {
	now := time.Now().UnixNano()
	pool := NewPool(1)
	for _, size := range []int{MinSize, MinSize + 1, 100, 1024, 1025, 1026, 1027, 256 << 10, MaxSize} {
		got := pool.Source(size, 2).Append([]byte("x"), now)[1:]
		if len(got) != size {
			t.Errorf("size %d: got %d bytes", size, len(got))
		}
		var parsed struct {
			SentAt int64 `json:"sent_at"`
		}
		if err := json.Unmarshal(got, &parsed); err != nil || parsed.SentAt != now {
			t.Errorf("size %d: parsed sent_at %d, %v, want %d", size, parsed.SentAt, err, now)
		}
	}
}

func TestSameSeedSameText(t *testing.T) {
	first := NewPool(7).Source(1024, 1).Append(nil, 1)
	if got := NewPool(7).Source(1024, 1).Append(nil, 1); !bytes.Equal(got, first) {
		t.Error("the same seed and stream gave another text")
	}
	if got := NewPool(7).Source(1024, 2).Append(nil, 1); bytes.Equal(got, first) {
		t.Error("another stream gave the same text")
	}
	if got := NewPool(8).Source(1024, 1).Append(nil, 1); bytes.Equal(got, first) {
		t.Error("another seed gave the same text")
	}
	source := NewPool(7).Source(1024, 1)
	source.Append(nil, 1)
	if got := source.Append(nil, 1); bytes.Equal(got, first) {
		t.Error("two payloads of one source are the same")
	}
}

// Base64 carries 6 bits in 8, so three quarters is the best that a compressor
// can do.
func TestIncompressible(t *testing.T) {
	source := NewPool(1).Source(1024, 1)
	var events []byte
	for range 1000 {
		events = source.Append(events, time.Now().UnixNano())
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(events); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, least := packed.Len(), len(events)*7/10; got < least {
		t.Errorf("%d bytes compress to %d, want at least %d", len(events), got, least)
	}
}

func TestSentAt(t *testing.T) {
	tests := []struct {
		body string
		want int64
		ok   bool
	}{
		{`{"id":"evt_1","data":{"sent_at":1700000000000000000,"text":"x"}}`, 1700000000000000000, true},
		{`{"sent_at":5}`, 5, true},
		{`{"sent_at":`, 0, false},
		{`{"sent_at":"5"}`, 0, false},
		{`{"sent_at":99999999999999999999}`, 0, false},
		{`{}`, 0, false},
		{``, 0, false},
	}
	for _, tt := range tests {
		got, ok := SentAt([]byte(tt.body))
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("SentAt(%s) = %d, %v, want %d, %v", tt.body, got, ok, tt.want, tt.ok)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	source := NewPool(1).Source(1024, 1)
	var buf []byte
	b.ReportAllocs()
	b.SetBytes(1024)
	for b.Loop() {
		buf = source.Append(buf[:0], 1700000000000000000)
	}
}
