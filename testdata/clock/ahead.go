// A file that go build -overlay adds to package time of the standard library,
// whose Now then says what ahead says in addition. So a server is built, with not
// a line of its own changed, of which the wall clock can be set without setting
// the machine's: all of the process sees it jump, and time elapses as ever.

package time

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

// aheadFile is the environment variable that names the file in which the number
// of seconds lies, eight bytes in the order of the machine.
const aheadFile = "WALL_CLOCK_AHEAD"

var aheadBy = mapAhead()

func mapAhead() *atomic.Int64 {
	path, ok := syscall.Getenv(aheadFile)
	if !ok {
		return new(atomic.Int64)
	}
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		panic("open " + path + ": " + err.Error())
	}
	defer syscall.Close(fd)
	bytes, err := syscall.Mmap(fd, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic("map " + path + ": " + err.Error())
	}
	return (*atomic.Int64)(unsafe.Pointer(&bytes[0]))
}

// ahead is how many seconds the wall clock is ahead of the machine's.
func ahead() int64 {
	if aheadBy == nil {
		return 0 // this package is still being initialized
	}
	return aheadBy.Load()
}
