package process

import (
	"bytes"
	"io"
	"runtime"
	"testing"
)

func TestTailKeepsTheEnd(t *testing.T) {
	var said tail
	for _, text := range [][]byte{bytes.Repeat([]byte("a"), tailSize), []byte("the end")} {
		if _, err := said.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	got := said.String()
	if len(got) != tailSize || got[len(got)-7:] != "the end" {
		t.Errorf("got %d bytes ending in %q, want %d ending in the end", len(got), got[len(got)-7:], tailSize)
	}
}

// A frozen process does nothing more, and can be killed.
func TestFreeze(t *testing.T) {
	out, pipe := io.Pipe()
	p, err := Start(t.Context(), Command{Name: "yes", Path: "yes", Out: pipe})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil { // it is at work
		t.Fatal(err)
	}
	go io.Copy(io.Discard, out)
	if err := p.Freeze(); err != nil {
		t.Fatal(err)
	}
	before, err := p.Usage()
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		runtime.Gosched()
	}
	if after, err := p.Usage(); err != nil || after.CPU != before.CPU {
		t.Errorf("CPU while frozen: got %v after %v, error %v, want no more", after.CPU, before.CPU, err)
	}
	p.Kill()
}
