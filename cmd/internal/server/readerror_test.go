package server

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path"
	"testing"

	"github.com/hookwheel/hookwheel/wal/kv"
)

// History that cannot be read is a 500, not an empty list or a 404, and is there
// again when the disk can be read.
func TestUnreadableHistory(t *testing.T) { // G10, G11
	fs := kv.NewCrashFS()
	dir := path.Join(t.TempDir(), "data")
	start := func() *Server {
		s, err := open(t, dir, func(o *Options) { o.Engine.Log.FS, o.Engine.Log.CacheSize = fs.FS, 1<<20 })
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := start()
	key := s.NewAdminKey().Reveal()
	random := rand.NewChaCha8([32]byte{})
	data := make([]byte, 60<<10)
	for range 20 { // more than the cache holds
		random.Read(data)
		if status, _ := newCaller(t, s).call(key, "POST", "/v1/events", fmt.Sprintf(`{"type":"a.b","data":{"x":"%x"}}`, data), ""); status != 202 {
			t.Fatalf("post: got %d", status)
		}
	}
	if err := s.Engine().Store().DB().Flush(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	s = start() // with nothing in memory
	for _, want := range []int{500, 200} {
		hit := func() bool { return true }
		if want == 500 {
			hit = fs.FailReads(0, math.MaxInt32)
		}
		status, _ := newCaller(t, s).call(key, "GET", "/v1/events", "", "")
		if status != want || !hit() {
			t.Errorf("got %d, want %d; a read failed: %v", status, want, hit())
		}
		fs.Inject(nil)
	}
	closeNow(t, s)
}
