package server

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"os"
	"strconv"
	"syscall"

	"github.com/hookwheel/hookwheel/httpapi"
)

// machine is what this process may use. 0 = not known.
type machine struct {
	files  int64 // descriptors
	memory int64 // bytes, of the machine or of the container
}

// What the parts of a server take of it.
const (
	fewestFiles = 512 // fewer leave nothing to work with
	ownFiles    = 128 // logs being written and compacted, lookups of names, standard streams
	mostTables  = 1000

	// A connection or an attempt: a goroutine, the buffers of reader and writer,
	// the parsed request. An idle connection was measured at 17 KB; this leaves as
	// much again for what is on it. Payloads are counted elsewhere.
	perConnection = 32 << 10

	ownMemory       = 128 << 20 // the program, its indexes, garbage not yet collected
	memtables       = 4         // that can exist at once
	fewestConnected = 256       // connections and attempts together, however little memory there is
)

// fit lowers the numbers of connections and attempts to what the machine has
// room for. Running out of descriptors is worse than refusing a connection: the
// store needs some to write at all.
func (o *Options) fit(m machine) error {
	conns := int64(cmp.Or(o.HTTP.MaxConnections, 10_000))
	attempts := int64(cmp.Or(o.Engine.MaxInFlight, 16_384))
	room := int64(math.MaxInt64)
	if m.files > 0 {
		if m.files < fewestFiles {
			return fmt.Errorf("this process may open only %d files, it needs %d at least: raise the limit (ulimit -n, LimitNOFILE)", m.files, fewestFiles)
		}
		o.Engine.Log.MaxOpenFiles = int(min(mostTables, m.files/4))
		room = m.files - ownFiles - int64(o.Engine.Log.MaxOpenFiles)
		if o.AdminListen != "" {
			room -= httpapi.AdminConnections
		}
	}
	if m.memory > 0 {
		room = min(room, max(fewestConnected, (m.memory/4*3-o.fixedMemory())/perConnection))
	}
	if wanted := conns + attempts; wanted > room {
		conns = max(1, int64(float64(room)*float64(conns)/float64(wanted)))
		attempts = max(1, room-conns)
		o.Logger.Info("connections and attempts are bounded by what this machine allows",
			"max_connections", conns, "max_in_flight", attempts, "open_files", m.files, "memory_bytes", m.memory)
	}
	o.HTTP.MaxConnections, o.Engine.MaxInFlight = int(conns), int(attempts)
	// Attempts are bounded by endpoint and as a whole. A bound by host would let one
	// endpoint use up what another on the same host needs.
	o.Egress.MaxConns, o.Egress.MaxConnsPerOrigin = int(attempts), int(attempts)
	return nil
}

// fixedMemory is what the store and the queues may grow to, whoever connects.
func (o *Options) fixedMemory() int64 {
	log := &o.Engine.Log
	return ownMemory + cmp.Or(log.CacheSize, 128<<20) + memtables*cmp.Or(log.MemTableSize, 64<<20) +
		cmp.Or(o.Engine.LiveMemory, 64<<20) + cmp.Or(log.PendingBytes, 64<<20)
}

// thisMachine looks at the limits of this process. The Go runtime has raised
// the soft limit of descriptors to the hard one already.
func thisMachine() machine {
	var m machine
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err == nil {
		m.files = int64(min(files.Cur, math.MaxInt32))
	}
	for _, source := range []struct{ file, field string }{
		{"/proc/meminfo", "MemTotal:"},
		{"/sys/fs/cgroup/memory.max", ""},
	} {
		text, err := os.ReadFile(source.file)
		if err != nil {
			continue // another system, or no container
		}
		if bytes := memoryField(text, source.field); bytes > 0 && (m.memory == 0 || bytes < m.memory) {
			m.memory = bytes
		}
	}
	return m
}

// memoryField finds a size in a file of the kernel: in kB behind its name, or in
// bytes where it stands alone. 0 = there is none.
func memoryField(text []byte, name string) int64 {
	for line := range bytes.Lines(text) {
		words := bytes.Fields(line)
		switch {
		case name == "" && len(words) == 1:
			n, _ := strconv.ParseInt(string(words[0]), 10, 64) // "max" is no number
			return n
		case len(words) == 3 && string(words[0]) == name:
			n, _ := strconv.ParseInt(string(words[1]), 10, 64)
			return n << 10
		}
	}
	return 0
}
