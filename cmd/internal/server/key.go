package server

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"

	"github.com/hookwheel/hookwheel/engine/secret"
)

// ensureDir makes the data directory if there is none and sees whether files can
// be made in it.
func ensureDir(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		var probe *os.File
		if probe, err = os.CreateTemp(dir, ".probe-*"); err == nil {
			err = errors.Join(probe.Close(), os.Remove(probe.Name()))
		}
	}
	if err == nil || errors.Is(err, syscall.ENOSPC) { // a full disk is the store's affair, which has put some by
		return nil
	}
	return fmt.Errorf("data directory: %w: it must be a directory that the user who runs this can write to; see --data-dir", err)
}

// masterKey reads the master key of the store in dir from the file at path, and
// makes it if both are new. A store whose key is missing gets no other one: it
// could not be read with it.
func masterKey(dir, path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(dir, "format")); err == nil {
			return nil, fmt.Errorf("the store in %s has a master key, but %s does not exist: "+
				"put the key file that was in use there, or name it with --master-key-file (a backup never contains it)", dir, path)
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, fmt.Errorf("make master key: %w; see --master-key-file", err)
		}
		if err := createPrivate(path, secret.FormatKey(secret.GenerateKey())); err != nil {
			return nil, fmt.Errorf("make master key: %w", err)
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read master key: %w", err)
	}
	key, err := secret.ParseKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w: put the key file back that was in use (a backup never contains it)", path, err)
	}
	return key, nil
}

// warnIfReadable tells the operator that everybody on the machine can read the
// key file. It is no reason not to start: whoever mounts a secret into a
// container cannot always choose how.
func warnIfReadable(path string, log *slog.Logger) {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o004 != 0 {
		log.Warn("every user of this machine can read the master key: chmod 600", "file", path)
	}
}

// What keys are derived for.
const (
	listCursors  = "hookwheel list cursors"
	accessTokens = "hookwheel access tokens"
)

// derivedKey is a key for a purpose: it lasts as long as the master key that it
// is derived from, and tells nothing of it.
func derivedKey(master []byte, purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, master, nil, purpose, 32)
}

// createPrivate makes a file that only its owner can read, durably and as a
// whole. One that exists already stays, whoever made it.
func createPrivate(path, text string) error {
	return writePrivate(path, text, func(made string) error {
		if err := os.Link(made, path); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		return os.Remove(made)
	})
}

// replacePrivate is createPrivate for a file that may exist and is then
// replaced.
func replacePrivate(path, text string) error {
	return writePrivate(path, text, func(made string) error { return os.Rename(made, path) })
}

// writePrivate writes a temporary file, which place puts in its place.
func writePrivate(path, text string, place func(made string) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name()) // it may be in its place already
		}
	}()
	_, err = file.WriteString(text)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := place(file.Name()); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
