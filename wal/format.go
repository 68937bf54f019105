package wal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/hookwheel/hookwheel/wal/kv"
)

const (
	formatVersion     = 1
	hashName          = "xxhash64" // see PartitionOf
	defaultPartitions = 16
	maxPartitions     = 1024 // so that the first byte of a ledger key stays below 0x04
)

// format is the content of the file of that name: what must be known before
// anything else in the directory is touched. It is JSON so that a person can
// read it. Open writes it before the rest, Checkpoint after it: a store without
// it is an unfinished copy.
type format struct {
	Version    int    `json:"format"`
	Partitions int    `json:"partitions"`
	Hash       string `json:"hash"`
}

var (
	// ErrInUse is returned by Open when another process has the directory open.
	ErrInUse = errors.New("data directory is in use by another process: stop that one first, or use its API")

	// ErrFormat is returned by Open for a directory that this version cannot
	// read, or that does not fit the options.
	ErrFormat = errors.New("data directory does not fit")
)

// openDir makes the directory if need be, locks it and reads its format.
func (s *Store) openDir() (format, error) {
	if err := s.fs.MkdirAll(s.opts.Dir); err != nil {
		return format{}, err
	}
	var err error
	if s.lock, err = s.fs.Lock(s.path("lock")); err != nil {
		if errors.Is(err, kv.ErrLocked) {
			return format{}, fmt.Errorf("%w (%w)", ErrInUse, err)
		}
		return format{}, err
	}
	data, err := s.fs.ReadFile(s.path("format"))
	if errors.Is(err, os.ErrNotExist) {
		return s.newDir()
	}
	if err != nil {
		return format{}, err
	}
	return s.checkFormat(data)
}

// newDir writes the format of a new directory.
func (s *Store) newDir() (format, error) {
	old, err := s.fs.Exists(s.path("db"))
	if err != nil {
		return format{}, err
	}
	if old {
		return format{}, fmt.Errorf("%w: it has no format file, so it is what an interrupted backup left: use another backup", ErrFormat)
	}
	f := format{Version: formatVersion, Partitions: s.opts.Partitions, Hash: hashName}
	if f.Partitions == 0 {
		f.Partitions = defaultPartitions
	}
	return f, s.fs.WriteFile(s.path("format"), f.encode())
}

func (s *Store) checkFormat(data []byte) (format, error) {
	f, err := parseFormat(data)
	if err != nil {
		return format{}, err
	}
	if want := s.opts.Partitions; want != 0 && want != f.Partitions {
		return format{}, fmt.Errorf("%w: it was made with %d partitions, which cannot be changed (wanted: %d): "+
			"leave the setting out, or start with a new directory", ErrFormat, f.Partitions, want)
	}
	return f, nil
}

func (f format) encode() []byte {
	b, err := json.Marshal(f)
	if err != nil {
		panic("BUG: log: " + err.Error()) // two integers and a constant
	}
	return append(b, '\n')
}

// parseFormat looks at the version first: a newer one may have fields that this
// one does not know.
func parseFormat(data []byte) (f format, err error) {
	if err := json.Unmarshal(data, &f); err != nil {
		return f, fmt.Errorf("%w: the format file is damaged: %w: take it, or everything, from a backup", ErrFormat, err)
	}
	if f.Version > formatVersion {
		return f, fmt.Errorf("%w: it has format %d, written by a newer version (this one knows up to %d): use that version",
			ErrFormat, f.Version, formatVersion)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return f, fmt.Errorf("%w: the format file is damaged: %w: take it, or everything, from a backup", ErrFormat, err)
	}
	if f.Version < 1 || f.Partitions < 1 || f.Partitions > maxPartitions || f.Hash != hashName {
		return f, fmt.Errorf("%w: the format file is damaged: version %d, %d partitions, hash %q: take it, or everything, from a backup",
			ErrFormat, f.Version, f.Partitions, f.Hash)
	}
	return f, nil
}
