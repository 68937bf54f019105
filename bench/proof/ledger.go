package proof

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Ledger is a file of records. It is opened for appending, and a record is one
// write of one line, so that what was written before a crash of its writer stays
// readable and several writers can share it. Safe for concurrent use.
type Ledger struct {
	mu   sync.Mutex
	file *os.File
	line bytes.Buffer
}

// OpenLedger opens a ledger, and makes it if there is none.
func OpenLedger(path string) (*Ledger, error) {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	return &Ledger{file: file}, nil
}

// Write stamps a record with the time and appends it. When it returns, the
// record outlives the process; it does not outlive the machine.
func (l *Ledger) Write(r Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.Wall, r.Mono = time.Now().UnixNano(), Monotonic()
	l.line.Reset()
	if err := json.NewEncoder(&l.line).Encode(r); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	if _, err := l.file.Write(l.line.Bytes()); err != nil {
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}

// Close closes the file.
func (l *Ledger) Close() error { return l.file.Close() }

// Monotonic is the time in nanoseconds since some moment before all processes of
// this machine started. Nobody can set that clock.
func Monotonic() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic("BUG: " + err.Error()) // the clock exists wherever Go runs
	}
	return t.Nano()
}

// maxLine is more than any record takes: a batch, or a body of the largest size.
const maxLine = 64 << 20

// ReadLedgers reads all ledgers of a directory, files whose names end in .jsonl,
// in the order of time. Bodies and data that are equal are held once: an event
// is received by many endpoints, and more than once.
func ReadLedgers(dir string) ([]Record, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("read ledgers: there are none in %s", dir)
	}
	var all []Record
	var faults []error
	texts := map[string]string{}
	for _, path := range paths {
		records, err := readLedger(path, texts)
		all, faults = append(all, records...), append(faults, err)
	}
	slices.SortStableFunc(all, func(a, b Record) int { return cmp.Compare(a.Mono, b.Mono) })
	return all, errors.Join(faults...)
}

func readLedger(path string, texts map[string]string) (records []Record, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		var r Record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return records, fmt.Errorf("read ledger: %s:%d: %w", path, n, err)
		}
		r.share(texts)
		records = append(records, r)
	}
	return records, lines.Err()
}

// share replaces the long texts of a record by equal ones that are there already.
func (r *Record) share(texts map[string]string) {
	once := func(text *string) {
		if known, found := texts[*text]; found {
			*text = known
		} else {
			texts[*text] = *text
		}
	}
	switch {
	case r.Receipt != nil:
		once(&r.Receipt.Body)
	case r.Intent != nil:
		for i := range r.Intent.Items {
			once(&r.Intent.Items[i].Data)
		}
	}
}
