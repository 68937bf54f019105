package delivery

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/hookwheel/hookwheel/engine/event"
)

var (
	someAttempt = Attempt{N: 3, At: 1764086400123, Duration: 15_000, Status: 503, Class: 4, Secret: "sec_1", Schemes: 6, Snippet: "try later"}
	someOutcome = Outcome{
		Endpoint: 1 << 40, Event: 1<<40 + 7, Replay: 2, Render: 0x11,
		Attempt: someAttempt, State: Retrying, Next: 1764086405123,
		HoldUntil: 1764086460000, ProbeAt: 1764086410000, Probes: 4, Down: 3_600_000, Position: 1 << 39, Repeated: true, Blameless: true,
	}
	someRow = Row{
		State: Exhausted, Render: 0x11, Attempts: 8, MaxAttempts: 9, Next: 1764086405123,
		Updated: 1764086405124, Queue: 1 << 41, Created: 1764086405122, First: someAttempt,
	}
)

// No field is forgotten: the values above have all of them set, and come back.
func TestRoundTrip(t *testing.T) {
	for _, v := range []any{someAttempt, someOutcome, someRow} {
		value := reflect.ValueOf(v)
		for i := range value.NumField() {
			if value.Field(i).IsZero() {
				t.Errorf("%T.%s is not set, so this test does not cover it", v, value.Type().Field(i).Name)
			}
		}
	}
	var attempt Attempt
	if err := attempt.Decode(someAttempt.Append(nil)); err != nil || attempt != someAttempt {
		t.Errorf("attempt: got %+v, %v, want %+v", attempt, err, someAttempt)
	}
	var outcome Outcome
	if err := outcome.Decode(someOutcome.Append(nil)); err != nil || outcome != someOutcome {
		t.Errorf("outcome: got %+v, %v, want %+v", outcome, err, someOutcome)
	}
	var row Row
	if err := row.Decode(someRow.Append(nil)); err != nil || row != someRow {
		t.Errorf("row: got %+v, %v, want %+v", row, err, someRow)
	}
	untried := Row{State: Pending, Next: 1, Queue: 2}
	if err := row.Decode(untried.Append(nil)); err != nil || row != untried {
		t.Errorf("row without an attempt: got %+v, %v, want %+v", row, err, untried)
	}
}

// Whatever is cut off or added, decoding says so instead of guessing.
func TestDecodeDamaged(t *testing.T) {
	for _, v := range []struct {
		name   string
		data   []byte
		decode func([]byte) error
	}{
		{"attempt", someAttempt.Append(nil), new(Attempt).Decode},
		{"outcome", someOutcome.Append(nil), new(Outcome).Decode},
		{"row", someRow.Append(nil), new(Row).Decode},
	} {
		for n := range v.data {
			if err := v.decode(v.data[:n]); err == nil {
				t.Errorf("%s cut to %d of %d bytes: got no error, want one", v.name, n, len(v.data))
			}
		}
		if err := v.decode(append(bytes.Clone(v.data), 0)); err == nil {
			t.Errorf("%s with a byte too many: got no error, want one", v.name)
		}
	}
	for i, b := range map[int]byte{0: codecVersion + 1, 1: byte(States)} {
		outcome, row := someOutcome.Append(nil), someRow.Append(nil)
		outcome[i], row[i] = b, b
		if err := new(Outcome).Decode(outcome); err == nil {
			t.Errorf("outcome with byte %d set to %d: got no error, want one", i, b)
		}
		if err := new(Row).Decode(row); err == nil {
			t.Errorf("row with byte %d set to %d: got no error, want one", i, b)
		}
	}
	unknownFlag := someOutcome.Append(nil)
	unknownFlag[2] |= 0x80
	if err := new(Outcome).Decode(unknownFlag); err == nil {
		t.Errorf("outcome with an unknown flag: got no error, want one")
	}
}

// FuzzDecode: no bytes make a decoder panic, and what one accepts means the
// same after it was written again.
func FuzzDecode(f *testing.F) {
	f.Add(someAttempt.Append(nil))
	f.Add(someOutcome.Append(nil))
	f.Add(someRow.Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		var attempt, attempt2 Attempt
		if attempt.Decode(data) == nil {
			if err := attempt2.Decode(attempt.Append(nil)); err != nil || attempt != attempt2 {
				t.Errorf("attempt: got %+v, %v, want %+v", attempt2, err, attempt)
			}
		}
		var outcome, outcome2 Outcome
		if outcome.Decode(data) == nil {
			if err := outcome2.Decode(outcome.Append(nil)); err != nil || outcome != outcome2 {
				t.Errorf("outcome: got %+v, %v, want %+v", outcome2, err, outcome)
			}
		}
		var row, row2 Row
		if row.Decode(data) == nil {
			if err := row2.Decode(row.Append(nil)); err != nil || row != row2 {
				t.Errorf("row: got %+v, %v, want %+v", row2, err, row)
			}
		}
	})
}

// FuzzOutcome goes the other way: every outcome that can be is written and
// read back the same.
func FuzzOutcome(f *testing.F) {
	f.Add(uint64(1), uint64(2), uint32(0), byte(1), byte(2), int64(4), int64(0), int64(0), uint16(3), uint64(1), true, "sec_1", "no such host")
	f.Fuzz(func(t *testing.T, endpoint, ev uint64, replay uint32, render, state byte, next, hold, probe int64, probes uint16, position uint64, repeated bool, secret, snippet string) {
		want := Outcome{
			Endpoint: endpoint, Event: ev, Replay: replay, Render: event.Rendering(render),
			Attempt: Attempt{N: int(probes), At: hold, Duration: next, Status: int(replay >> 16), Class: render, Schemes: render, Secret: secret, Snippet: snippet},
			State:   Pending + State(state)%(States-Pending), Next: next,
			HoldUntil: hold, ProbeAt: probe, Probes: int(probes), Down: next, Position: position, Repeated: repeated, Blameless: replay%2 == 1,
		}
		var got Outcome
		if err := got.Decode(want.Append(nil)); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	})
}

func BenchmarkOutcome(b *testing.B) {
	o := Outcome{Endpoint: 1 << 40, Event: 1<<40 + 7, Attempt: Attempt{N: 1, At: 1764086400123, Duration: 12, Status: 200, Class: 1, Secret: "sec_1"}, State: Succeeded}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = o.Append(dst[:0])
		if err := o.Decode(dst); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(dst)), "bytes")
}
