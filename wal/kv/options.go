package kv

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
)

// Options configures a DB. The zero value with a Dir is ready for production.
type Options struct {
	// Dir holds the store's files and nothing else.
	Dir string

	// FS is the filesystem below. Default: the operating system's.
	FS FS

	// CacheSize bounds the block cache in bytes. Default 128 MiB, at least 1 MiB.
	CacheSize int64

	// MemTableSize is how much is collected in memory before it is written out
	// as a table, in bytes; up to four of them exist at once. Default 64 MiB,
	// range 256 KiB–1 GiB. A batch over half of it forces a flush.
	MemTableSize int64

	// MaxOpenFiles bounds the tables kept open. Default 1000, at least 100.
	MaxOpenFiles int

	// ReadOnly opens an existing store without changing any data. It takes the
	// lock nevertheless.
	ReadOnly bool

	// OnDiskFull is called when a write fails for lack of space; it may free
	// some and says whether it did. Then the write is tried once more.
	// Default: nothing can be freed.
	OnDiskFull func() (freed bool)

	// Background is told of each flush or compaction that failed, why and what to
	// do, and with nil when they succeed again; also while Open waits for one. It
	// is called by any goroutine and must neither wait nor use the store.
	// Default: nobody is.
	Background func(error)

	// Logger receives state changes and, at debug level, Pebble's chatter.
	// Default slog.Default().
	Logger *slog.Logger

	// Fatal ends the process after a write that failed, and must not return:
	// whoever waits for that write must never learn that it succeeded.
	// Default: log and exit with status 1.
	Fatal func(error)
}

func (o Options) withDefaults() Options {
	if o.CacheSize == 0 {
		o.CacheSize = 128 << 20
	}
	if o.MemTableSize == 0 {
		o.MemTableSize = 64 << 20
	}
	if o.MaxOpenFiles == 0 {
		o.MaxOpenFiles = 1000
	}
	if o.OnDiskFull == nil {
		o.OnDiskFull = func() bool { return false }
	}
	if o.Background == nil {
		o.Background = func(error) {}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Fatal == nil {
		logger := o.Logger
		o.Fatal = func(err error) {
			logger.Error("storage failed, stopping so that nothing unsaved is acknowledged", "error", err)
			os.Exit(1)
		}
	}
	return o
}

func (o Options) validate() error {
	var faults []error
	if o.Dir == "" {
		faults = append(faults, errors.New("directory is not set"))
	}
	if o.CacheSize < 1<<20 {
		faults = append(faults, fmt.Errorf("cache size %d: must be at least 1 MiB", o.CacheSize))
	}
	if o.MemTableSize < 256<<10 || o.MemTableSize > 1<<30 {
		faults = append(faults, fmt.Errorf("memtable size %d: must be within 256 KiB and 1 GiB", o.MemTableSize))
	}
	if o.MaxOpenFiles < 100 {
		faults = append(faults, fmt.Errorf("max open files %d: must be at least 100", o.MaxOpenFiles))
	}
	return errors.Join(faults...)
}
