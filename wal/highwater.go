package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/hookwheel/hookwheel/wal/kv"
)

// highwater is a small file beside the store that says how far the log was
// synced. Pebble cannot tell a WAL that lost its end (a truncated file, a copy
// of a directory in use) from one that a crash cut there, and would open it as
// if nothing had been after it.
//
// The file is two slots, written in turn and in place, so that one is always
// whole; the valid one with the greater count holds. It is a lower bound: up to
// a second of records may be durable that it does not know.
//
//	slot i at 512·i:
//	 0  magic     8 bytes  "hwmark\0\1", the last being the version
//	 8  count     u64 le   of writes
//	16  first     u64 le   the first position that this run could give
//	24  end       u64 le   everything up to here is synced
//	32  time      u64 le   Unix ms
//	40  checksum  u32 le   CRC-32C of what is before
type highwater struct {
	file  kv.File
	count uint64
	first Pos
	end   Pos
	at    time.Time
}

const (
	slotSize  = 44
	slotEvery = 512
	slotMagic = "hwmark\x00\x01"
)

// DataLossError is returned by Open when the log ends before what is known to
// have been synced.
type DataLossError struct {
	Missing uint64    // at most so many records
	Synced  time.Time // when the last of them was known to be synced
}

func (e *DataLossError) Error() string {
	return fmt.Sprintf("the end of the log is missing: up to %d records that were synced before %s. "+
		"Its newest files are damaged or were not copied. Restore a backup, "+
		"or accept the loss explicitly (--accept-data-loss) to go on without them",
		e.Missing, e.Synced.UTC().Format(time.RFC3339))
}

// checkEnd compares the end of the log that was found with the mark.
func (s *Store) checkEnd(end Pos) error {
	h := s.highwater
	if end >= h.end {
		return nil
	}
	// Between the end of one run and the beginning of the next there may be a
	// gap, which is no loss.
	loss := &DataLossError{Missing: uint64(h.end - max(end, h.first-1)), Synced: h.at}
	if !s.opts.AcceptDataLoss {
		return loss
	}
	s.log.Warn("the end of the log is missing and its loss was accepted", "records_at_most", loss.Missing, "synced", loss.Synced)
	return nil
}

func openHighwater(fs kv.FS, name string) (*highwater, error) {
	file, err := fs.OpenFile(name)
	if err != nil {
		return nil, err
	}
	if err := fs.SyncDir(fs.Join(name, "..")); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	h := &highwater{file: file, first: 1}
	for i := range int64(2) {
		var slot [slotSize]byte
		if _, err := file.ReadAt(slot[:], i*slotEvery); err != nil && !errors.Is(err, io.EOF) {
			return nil, errors.Join(fmt.Errorf("read high-water mark: %w", err), file.Close())
		}
		h.take(slot[:])
	}
	return h, nil
}

// take reads a slot, if it is valid and newer.
func (h *highwater) take(b []byte) {
	u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	if string(b[:8]) != slotMagic || u64(8) <= h.count ||
		binary.LittleEndian.Uint32(b[40:]) != crc32.Checksum(b[:40], castagnoli) {
		return
	}
	h.count, h.first, h.end, h.at = u64(8), Pos(u64(16)), Pos(u64(24)), time.UnixMilli(int64(u64(32)))
}

// start begins a run whose first position is given.
func (h *highwater) start(first, end Pos) error {
	h.first = first
	return h.write(end)
}

// write records that everything up to end is synced. Not safe for concurrent
// use: Open calls it, then the keeper, then Close.
func (h *highwater) write(end Pos) error {
	h.count++
	h.end = end
	b := make([]byte, 0, slotSize)
	b = append(b, slotMagic...)
	for _, v := range []uint64{h.count, uint64(h.first), uint64(end), uint64(time.Now().UnixMilli())} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	if _, err := h.file.WriteAt(b, int64(h.count%2)*slotEvery); err != nil {
		return fmt.Errorf("write high-water mark: %w", err)
	}
	if err := h.file.SyncData(); err != nil {
		return fmt.Errorf("sync high-water mark: %w", err)
	}
	return nil
}

func (h *highwater) close() error { return h.file.Close() }
