package wal

import (
	"errors"
	"fmt"
	"io/fs"
)

// Checkpoint makes a copy of the log, and of everything else in its store, in
// dir, while it goes on working. All that was acknowledged before is in it. dir
// must not exist, else the error is fs.ErrExist, and must be on the same
// filesystem: tables are hard-linked, so it is done in milliseconds and takes
// space only as the original changes. Of several at once one is made at a time.
//
// To restore is to Open it. What lies in the data directory beside the log, the
// master key above all, is not part of it. When everything is copied, seal has
// the last word. One that fails is removed again; one that a crash interrupted
// lacks its format file, and Open refuses it.
func (s *Store) Checkpoint(dir string, seal func() error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	s.checkpoints.Lock()
	defer s.checkpoints.Unlock()
	if err := s.checkpoint(dir, seal); err != nil {
		return fmt.Errorf("checkpoint to %s: %w", dir, err)
	}
	return nil
}

func (s *Store) checkpoint(dir string, seal func() error) error {
	if exists, err := s.fs.Exists(dir); err != nil {
		return err
	} else if exists {
		return fs.ErrExist
	}
	if err := s.fs.MkdirAll(dir); err != nil {
		return err
	}
	if err := s.copyTo(dir, seal); err != nil {
		// What is left would keep tables on disk that the log drops.
		return errors.Join(err, s.fs.RemoveAll(dir))
	}
	return nil
}

// copyTo fills an empty directory.
func (s *Store) copyTo(dir string, seal func() error) error {
	end := Pos(s.published.Load()) // the copy has at least this
	if err := s.db.Checkpoint(s.fs.Join(dir, "db")); err != nil {
		return err
	}
	h, err := openHighwater(s.fs, s.fs.Join(dir, "highwater"))
	if err != nil {
		return err
	}
	if err := h.start(s.highwater.first, end); err != nil {
		return errors.Join(err, h.close())
	}
	if err := h.close(); err != nil {
		return err
	}
	if err := seal(); err != nil {
		return err
	}
	f := format{Version: formatVersion, Partitions: s.Partitions(), Hash: hashName}
	return s.fs.WriteFile(s.fs.Join(dir, "format"), f.encode())
}
