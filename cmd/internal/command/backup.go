package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/hookwheel/hookwheel/cmd/internal/archive"
)

func backupCommand() *cli.Command {
	var o connection
	var offline bool
	f := flagsOf("backup").in("Backup")
	f.toggle(&offline, "offline", "copy the closed store in --data-dir instead of asking a server")
	return &cli.Command{
		Name: "backup", Category: groupServer,
		Usage:     "copy a store, of a running server or of a closed one",
		ArgsUsage: "PATH",
		Description: `A running server makes the copy itself, in a moment and without pausing, as the
new directory PATH below its --backup-dir; it needs the admin key. Tables are
linked, not copied: take the directory elsewhere to be safe from the loss of the
disk. With --offline, PATH is a directory on this machine and a full copy.

The key that signing secrets are encrypted with is never part of it: keep the
file master.key of the data directory apart from the backups.`,
		Flags: o.flags(f),
		Action: func(c *cli.Context) error {
			path := c.Args().First()
			if offline {
				return o.copyOffline(c, path)
			}
			answer, err := o.call(c, http.MethodPost, "/v1/backups", map[string]any{"path": path})
			if err != nil {
				return err
			}
			return o.printDone(c, answer, "backup made in %s, on the machine of the server", answer.text("dir"))
		},
	}
}

func (o *connection) copyOffline(c *cli.Context, path string) error {
	if err := archive.Copy(o.dataDir, path); err != nil {
		return fmt.Errorf("back up: %w", whoMay(err))
	}
	text, err := json.Marshal(map[string]string{"dir": path}) // as a server answers
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	return o.printDone(c, object{raw: text}, "backup made in %s", path)
}

// whoMay adds to an error about files that this user may not use who may.
func whoMay(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: run this as the user of the server", err)
	}
	return err
}

func restoreCommand() *cli.Command {
	var dataDir string
	f := flagsOf("").in("Restore")
	f.text(&dataDir, "data-dir", dataDirUsage, defaultDataDir, notEmpty)
	return &cli.Command{
		Name: "restore", Category: groupServer,
		Usage:     "make a data directory out of a backup",
		ArgsUsage: "BACKUP",
		Description: `Copies the backup into the data directory, which must not have a store yet, and
checks the copy. A server that is to use it needs the master key that was in use
when the backup was made.

What was delivered since the backup was made is delivered again.`,
		Flags: f.flags,
		Action: func(c *cli.Context) error {
			if err := archive.Restore(c.Context, c.Args().First(), dataDir); err != nil {
				return fmt.Errorf("restore: %w", whoMay(err))
			}
			hint := ""
			if _, err := os.Stat(filepath.Join(dataDir, "master.key")); err != nil {
				hint = "Put the file master.key of the original there before the first start, or name it with --master-key-file.\n" +
					"The admin key is that of the original; if it is lost, set another one with HOOKWHEEL_ADMIN_KEY.\n"
			}
			_, err := fmt.Fprintf(c.App.Writer, "restored into %s and checked\n%s", dataDir, hint)
			return err
		},
	}
}
