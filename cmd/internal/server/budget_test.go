package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func TestFit(t *testing.T) {
	for _, test := range []struct {
		name                  string
		machine               machine
		conns, attempts       int // wanted; 0 = the default
		gotConns, gotAttempts int
		tables                int
		told                  bool
	}{
		{"nothing known", machine{}, 0, 0, 10_000, 16_384, 0, false},
		{"plenty", machine{1 << 20, 64 << 30}, 0, 0, 10_000, 16_384, 1000, false},
		{"few descriptors", machine{4096, 64 << 30}, 0, 0, 1124, 1844, 1000, true},
		{"few descriptors, little wanted", machine{4096, 64 << 30}, 100, 200, 100, 200, 1000, false},
		{"the fewest", machine{512, 64 << 30}, 0, 0, 97, 159, 128, true},
		{"little memory", machine{1 << 20, 1 << 30}, 0, 0, 1552, 2544, 1000, true},
		{"less than it takes", machine{1 << 20, 1 << 28}, 0, 0, 97, 159, 1000, true},
	} {
		var log bytes.Buffer
		o := Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}
		o.HTTP.MaxConnections, o.Engine.MaxInFlight = test.conns, test.attempts
		if err := o.fit(test.machine); err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if o.HTTP.MaxConnections != test.gotConns || o.Engine.MaxInFlight != test.gotAttempts || o.Egress.MaxConns != test.gotAttempts || o.Engine.Log.MaxOpenFiles != test.tables {
			t.Errorf("%s: got %d connections, %d attempts over %d, %d tables, want %d, %d, %d", test.name,
				o.HTTP.MaxConnections, o.Engine.MaxInFlight, o.Egress.MaxConns, o.Engine.Log.MaxOpenFiles, test.gotConns, test.gotAttempts, test.tables)
		}
		if got := strings.Contains(log.String(), "bounded by what this machine allows"); got != test.told {
			t.Errorf("%s: told: got %v, want %v", test.name, got, test.told)
		}
	}
	if err := new(Options).fit(machine{files: 511}); err == nil || !strings.Contains(err.Error(), "ulimit -n") {
		t.Errorf("511 files: got %v, want an error that says what to do", err)
	}
}

func TestMemoryField(t *testing.T) {
	for _, test := range []struct {
		text, field string
		want        int64
	}{
		{"MemTotal:       24684904 kB\nMemFree: 1 kB\n", "MemTotal:", 24684904 << 10},
		{"MemFree: 1 kB\n", "MemTotal:", 0},
		{"max\n", "", 0},
		{"536870912\n", "", 512 << 20},
		{"", "", 0},
	} {
		if got := memoryField([]byte(test.text), test.field); got != test.want {
			t.Errorf("memoryField(%q, %q): got %d, want %d", test.text, test.field, got, test.want)
		}
	}
}
