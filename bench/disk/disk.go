// Package disk makes disks to be filled up and cut off: an ext4 filesystem in a
// file, mounted by the loop device. It is the kernel's own filesystem with its
// own rules of what a sync makes durable, in a few hundred megabytes that nobody
// else writes to. Only root can do it, and only on Linux.
package disk

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"unsafe"
)

// ErrUnsupported says why this machine makes no disks.
var ErrUnsupported = errors.New("no disk can be made here")

// Disk is one, mounted. Not safe for concurrent use.
type Disk struct {
	Path  string // where it is mounted
	image string
}

// Make makes a disk of so many bytes in dir, which must be there, and mounts it.
// Space is taken from below only as it is written to.
func Make(dir string, size int64) (*Disk, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("%w: only root can mount one", ErrUnsupported)
	}
	for _, tool := range []string{"mkfs.ext4", "mount", "umount"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
		}
	}
	d := &Disk{Path: filepath.Join(dir, "disk"), image: filepath.Join(dir, "disk.image")}
	if err := os.Mkdir(d.Path, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(d.image, nil, 0o600); err != nil {
		return nil, err
	}
	if err := os.Truncate(d.image, size); err != nil {
		return nil, err
	}
	if err := run("mkfs.ext4", "-q", "-m", "0", d.image); err != nil {
		return nil, err
	}
	if err := d.mount(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return d, nil
}

func (d *Disk) mount() error { return run("mount", "-o", "loop", d.image, d.Path) }

// Close takes the disk away. What is on it stays in its file.
func (d *Disk) Close() error { return run("umount", d.Path) }

func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// Cut cuts the power off: nothing reaches the disk any more, not even the
// filesystem's own journal, and whoever writes gets an error.
func (d *Disk) Cut() error {
	const (
		shutdown   = 0x8004587d // EXT4_IOC_SHUTDOWN
		noLogFlush = uint32(2)
	)
	dir, err := os.Open(d.Path)
	if err != nil {
		return err
	}
	defer dir.Close()
	how := noLogFlush
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, dir.Fd(), shutdown, uintptr(unsafe.Pointer(&how))); errno != 0 {
		return fmt.Errorf("shut the filesystem down: %w", errno)
	}
	return nil
}

// Restore brings the disk back after a cut, with what had reached it. Nobody
// may have a file of it open. The journal is replayed by the mount alone.
func (d *Disk) Restore() error {
	if err := d.Close(); err != nil {
		return err
	}
	return d.mount()
}

// Free is how many bytes can still be written.
func (d *Disk) Free() (int64, error) {
	var have syscall.Statfs_t
	err := syscall.Statfs(d.Path, &have)
	return int64(have.Bavail) * have.Bsize, err
}

func (d *Disk) filler() string { return filepath.Join(d.Path, "filler") }

// Fill takes up all space but so many bytes.
func (d *Disk) Fill(leave int64) (err error) {
	file, err := os.Create(d.filler())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	for _, piece := range []int64{1 << 20, 4 << 10, 1} { // until not even one more fits
		for {
			free, err := d.Free()
			if err != nil {
				return err
			}
			if leave > 0 && free-piece < leave {
				break
			}
			if _, err := file.Write(make([]byte, piece)); errors.Is(err, syscall.ENOSPC) {
				break
			} else if err != nil {
				return err
			}
		}
	}
	return file.Sync()
}

// Empty gives the space back that Fill has taken.
func (d *Disk) Empty() error { return os.Remove(d.filler()) }
