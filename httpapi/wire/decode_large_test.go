package wire

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// A list or an object that no operation can take costs less memory than its text
// (G8): it is not taken apart to its end.
func TestLargeValuesAreRefused(t *testing.T) {
	var into struct {
		Names []string           `json:"names"`
		Table map[string]*string `json:"table"`
	}
	var members strings.Builder
	for i := range 1 << 20 {
		fmt.Fprintf(&members, `"%x":0,`, i)
	}
	for name, text := range map[string]string{
		"list":    `{"names":[` + strings.Repeat("0,", 4<<20) + `0]}`,
		"table":   `{"table":{` + members.String() + `"z":0}}`,
		"members": `{` + members.String() + `"z":0}`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := DecodeJSON([]byte(text), &into)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: got no error", name)
		}
		if got, want := after.TotalAlloc-before.TotalAlloc, uint64(3*len(text)); got > want {
			t.Errorf("%s: got %d bytes of memory for a text of %d, want at most %d", name, got, len(text), want)
		}
	}
}
