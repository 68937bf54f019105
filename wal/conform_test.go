package wal_test

import (
	"testing"

	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
	"github.com/hookwheel/hookwheel/wal/waltest"
)

func TestStoreConforms(t *testing.T) {
	for name, sync := range map[string]wal.Sync{"always": wal.Always, "never": wal.Never} {
		t.Run(name, func(t *testing.T) {
			waltest.Run(t, func(t *testing.T) wal.Log {
				s, err := wal.Open(wal.Options{Dir: "/data", FS: kv.MemFS(), Sync: sync})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := s.Close(); err != nil {
						t.Errorf("close: %v", err)
					}
				})
				return s
			})
		})
	}
}
