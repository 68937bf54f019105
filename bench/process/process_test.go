package process

import (
	"bytes"
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
