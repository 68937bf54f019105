package engine

import "sync/atomic"

// memory bounds the payloads that wait in memory. It is shared by all lanes, and
// there is no telling beforehand which of them will move: one whose receiver
// hangs fills its queue like any other. So when it runs short, those that stand
// still let go of what they have not started, which is in the log anyway (G4).
type memory struct {
	limit int64
	used  atomic.Int64
	short func() // called whenever it has just run short
}

func (m *memory) has() bool { return m.used.Load() < m.limit }

func (m *memory) take(n int64) {
	if used := m.used.Add(n); used >= m.limit && used-n < m.limit {
		m.short()
	}
}

func (m *memory) give(n int64) { m.used.Add(-n) }

const (
	stillAfter   = 500 // ms without the end of an attempt, while there is something to do
	reclaimEvery = 100 // ms, while memory is short
)

// reclaim makes the lanes that stand still give their memory back, if it is
// short. It says when to call it again; 0 = when it has run short.
func (sh *shard) reclaim(now int64) (again int64) {
	if sh.engine.memory.has() {
		return 0
	}
	if now < sh.reclaimAt {
		return sh.reclaimAt
	}
	for _, l := range sh.lanes {
		if len(l.open)+len(l.queue) > 0 && now-l.moved >= stillAfter {
			l.still = true
			l.takeBack()
			l.fallBehind()
		}
	}
	sh.reclaimAt = now + reclaimEvery
	return sh.reclaimAt
}
