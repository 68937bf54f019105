package proof

import (
	"errors"
	"path/filepath"
	"testing"
	"unsafe"
)

// What was written is read back in the order of time, from all files, and what
// many records have in common is in memory once.
func TestReadLedgers(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, records ...Record) {
		t.Helper()
		l, err := OpenLedger(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			err = errors.Join(err, l.Write(r))
		}
		if err := errors.Join(err, l.Close()); err != nil {
			t.Fatal(err)
		}
	}
	item := Item{Marker: "m", Data: `{"marker":"m"}`}
	write("receiver.jsonl", Record{Receipt: &Receipt{Endpoint: "a", Body: "body"}})
	write("producer.jsonl", Record{Intent: &Intent{Post: "1", Items: []Item{item}}}, Record{Intent: &Intent{Post: "2", Items: []Item{item}}})
	write("receiver.jsonl", Record{Receipt: &Receipt{Endpoint: "b", Body: "body"}}, Record{Receipt: &Receipt{Endpoint: "c", Body: "other"}})

	r, err := ReadLedgers(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(r) != 5 || r[0].Receipt == nil || r[1].Intent == nil || r[2].Intent == nil || r[3].Receipt == nil || r[4].Receipt == nil {
		t.Fatalf("got %+v, want a receipt, two intents and two receipts", r)
	}
	bodies := [3]string{r[0].Receipt.Body, r[3].Receipt.Body, r[4].Receipt.Body}
	if want := [3]string{"body", "body", "other"}; bodies != want {
		t.Errorf("bodies: got %q, want %q", bodies, want)
	}
	if unsafe.StringData(bodies[0]) != unsafe.StringData(bodies[1]) {
		t.Error("two equal bodies: got each in a place of its own, want them in one")
	}
	data := [2]string{r[1].Intent.Items[0].Data, r[2].Intent.Items[0].Data}
	if want := [2]string{item.Data, item.Data}; data != want {
		t.Errorf("data: got %q, want %q", data, want)
	}
	if unsafe.StringData(data[0]) != unsafe.StringData(data[1]) {
		t.Error("data posted twice: got each in a place of its own, want them in one")
	}
}
