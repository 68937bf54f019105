package delivery

import (
	"testing"

	"github.com/hookwheel/hookwheel/engine/event"
)

// transitions is the diagram above State, for outcomes and cancels: from each
// state, those that it can change to. Every other attempt to change it leaves
// it as it is.
var transitions = map[State][]State{
	Pending:   {Retrying, Succeeded, Failed, Exhausted, Canceled},
	Retrying:  {Retrying, Succeeded, Failed, Exhausted, Canceled},
	Succeeded: {},
	Failed:    {Succeeded},
	Exhausted: {Succeeded},
	Canceled:  {Succeeded},
}

func TestTransitions(t *testing.T) {
	for from, all := range transitions {
		want := map[State]State{}
		for next := Retrying; next < States; next++ {
			want[next] = from
		}
		for _, next := range all {
			want[next] = next
		}
		for next, want := range want {
			if got := from.After(next); got != want {
				t.Errorf("%v after an outcome that leads to %v: got %v, want %v", from, next, got, want)
			}
		}
	}
}

func TestState(t *testing.T) {
	for _, test := range []struct {
		state               State
		name                string
		terminal, retriable bool
	}{
		{Pending, "pending", false, false},
		{Retrying, "retrying", false, true},
		{Succeeded, "succeeded", true, false},
		{Failed, "failed", true, true},
		{Exhausted, "exhausted", true, true},
		{Canceled, "canceled", true, true},
		{0, "unknown", false, false},
		{States, "unknown", false, false},
	} {
		if got := test.state.String(); got != test.name {
			t.Errorf("state %d: got name %q, want %q", test.state, got, test.name)
		}
		if got := test.state.Terminal(); got != test.terminal {
			t.Errorf("%v terminal: got %t, want %t", test.state, got, test.terminal)
		}
		if got := test.state.Retriable(); got != test.retriable {
			t.Errorf("%v retriable: got %t, want %t", test.state, got, test.retriable)
		}
		got, ok := ParseState(test.name)
		if want := test.name != "unknown"; ok != want || ok && got != test.state {
			t.Errorf("parse %q: got %v, %t, want %v, %t", test.name, got, ok, test.state, want)
		}
	}
	if got, ok := ParseState(""); ok {
		t.Errorf(`parse "": got %v, want none`, got)
	}
}

// Ids stand in logs and other people's databases: they never change.
func TestIDGolden(t *testing.T) {
	id := ID{Endpoint: 0x1122334455667788}
	for i := range id.Event {
		id.Event[i] = byte(i)
	}
	if got, want := id.String(), "dlv_000g40r40m30e209185gr38e1w8j4ct4ank7f20"; got != want {
		t.Errorf("original: got %q, want %q", got, want)
	}
	id.Replay = 1
	if got, want := id.String(), "dlv_000g40r40m30e209185gr38e1w8j4ct4ank7f20000002"; got != want {
		t.Errorf("replay: got %q, want %q", got, want)
	}
}

// FuzzID: an id survives being written and read, and what is read is written
// the same, so that no two texts name one delivery.
func FuzzID(f *testing.F) {
	f.Add("0123456789abcdef", uint64(42), uint32(0), "dlv_")
	f.Add("", uint64(0), uint32(7), "dlv_00000000000000000000000000000000000000z")
	f.Fuzz(func(t *testing.T, ev string, endpoint uint64, replay uint32, text string) {
		id := ID{Endpoint: endpoint, Replay: replay}
		copy(id.Event[:], ev)
		if got, err := ParseID(id.String()); err != nil || got != id {
			t.Errorf("parse %q: got %v, %v, want %v", id.String(), got, err, id)
		}
		if id, err := ParseID(text); err == nil && id.String() != text {
			t.Errorf("parse %q: is written as %q", text, id)
		}
	})
}

func TestParseIDRefuses(t *testing.T) {
	good := ID{Event: event.ID{1}, Endpoint: 2}.String()
	for _, text := range []string{"", "dlv_", good[4:], "evt_" + good[4:], good + "0", good[:len(good)-1], good[:len(good)-1] + "1", "dlv_\n" + good[4:], "DLV_" + good[4:]} {
		if id, err := ParseID(text); err == nil {
			t.Errorf("parse %q: got %v, want an error", text, id)
		}
	}
}

func BenchmarkAppendID(b *testing.B) {
	id := ID{Event: event.ID{1, 2, 3}, Endpoint: 4}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = id.AppendText(dst[:0])
	}
}
