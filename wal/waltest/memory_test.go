package waltest

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/hookwheel/hookwheel/wal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newMemory(t *testing.T, o Options) *Memory {
	m := NewMemory(o)
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return m
}

func TestMemoryConforms(t *testing.T) {
	for name, gap := range map[string]uint64{"dense": 0, "gaps": 7} {
		t.Run(name, func(t *testing.T) {
			Run(t, func(t *testing.T) wal.Log { return newMemory(t, Options{Gap: gap}) })
		})
	}
}

func TestMemoryRepeatsAnAppendWhoseAnswerWasLost(t *testing.T) {
	lie := true
	m := newMemory(t, Options{OnSubmit: func(int, []wal.Rec) (bool, error) {
		if lie {
			lie = false
			return true, wal.ErrTimeout
		}
		return true, nil
	}})
	r := rec(wal.Event, 1)
	if err := Append(m, 0, r); !errors.Is(err, wal.ErrTimeout) {
		t.Fatalf("append: got error %v, want ErrTimeout", err)
	}
	mustAppend(t, m, 0, r)
	if got := Read(t, m, 0, 0, 2); got[0].ID != got[1].ID {
		t.Errorf("got ids %x and %x, want the same twice", got[0].ID, got[1].ID)
	}
}

func TestMemoryFence(t *testing.T) {
	m := newMemory(t, Options{})
	o := claim(t, m, 0)
	m.Fence(0)
	if err := Commit(o, rec(wal.Outcome, 1)); !errors.Is(err, wal.ErrFenced) || !lost(o) {
		t.Errorf("commit: got error %v, lost %v, want ErrFenced and true", err, lost(o))
	}
}
