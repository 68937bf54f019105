package server

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// backups is the part of the native API that makes copies of the store while it
// works: POST /v1/backups. It is here and not with the rest because it concerns
// the directories of this process, of which engine and API know nothing.
func (s *Server) backups() *wire.Dialect {
	return &wire.Dialect{
		Name: "backups", Prefixes: []string{"/v1/backups"}, Render: wire.Problem, StrictQuery: true,
		Routes: []wire.Route{{Method: "POST", Pattern: "/v1/backups", Scope: auth.Admin, Handle: s.backUp, Once: true}},
	}
}

// backUp copies the store into a new directory below the one that the operator
// has allowed. Tables are hard links, so it takes milliseconds.
func (s *Server) backUp(c *wire.Ctx) error {
	var request struct {
		Path string `json:"path"`
	}
	if !c.Principal.Admin {
		return wire.Forbidden("only an admin key can make a backup: it has all organizations")
	}
	if s.options.BackupDir == "" {
		return wire.Conflict(wire.CodeConflict, "this server makes no backups: start it with --backup-dir")
	}
	if err := c.Decode(&request); err != nil {
		return err
	}
	if !backupPath(request.Path) {
		return wire.Invalid(wire.Field{Pointer: "/path", Detail: "must be the path of a new directory below the backup directory, of at most 255 bytes and without control characters"})
	}
	dir := filepath.Join(s.options.BackupDir, request.Path)
	started := time.Now()
	switch err := s.engine.Backup(c.Context(), dir, request.Path, c.Audit()); {
	case errors.Is(err, fs.ErrExist), errors.Is(err, syscall.ENOTDIR): // the second: something on the way to it is a file
		return wire.Conflict(wire.CodeConflict, "there is something at that path already")
	case errors.Is(err, syscall.ENOSPC):
		return noSpace.Because(err)
	case err != nil:
		return err
	}
	s.options.Logger.Info("backup made", "dir", dir, "key_id", c.Principal.KeyID, "took", time.Since(started).Round(time.Millisecond))
	return c.JSON(fasthttp.StatusCreated, struct {
		Path string `json:"path"`
		Dir  string `json:"dir"`
	}{request.Path, dir})
}

var noSpace = &wire.Error{
	Status: fasthttp.StatusInsufficientStorage, Code: wire.CodeStorageFull,
	Detail: "the disk has no space for the backup, of which nothing is kept: make room on it",
}

// maxBackupPath is as long as one name may be on the usual filesystems.
const maxBackupPath = 255

// backupPath reports whether path leads below the directory of backups.
func backupPath(path string) bool {
	return filepath.IsLocal(path) && filepath.Clean(path) != "." && len(path) <= maxBackupPath && !strings.ContainsFunc(path, unicode.IsControl)
}
