package wheel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

const start = int64(1_700_000_000_000)

// fired returns the values of the timers that Advance fires, in order.
func fired[T any](w *Wheel[T], now int64) []T {
	var got []T
	w.Advance(now, func(t *Timer[T]) { got = append(got, t.Value) })
	return got
}

func TestZeroTimer(t *testing.T) {
	w := New[int](start)
	var timer Timer[int]
	if due, ok := timer.Due(); ok || due != 0 {
		t.Errorf("Due of a zero timer: got %d, %v, want 0, false", due, ok)
	}
	w.Stop(&timer)
	if _, ok := w.Next(); ok || w.Len() != 0 {
		t.Errorf("empty wheel: got Next %v, Len %d, want false, 0", ok, w.Len())
	}
	if got := fired(w, math.MaxInt64); got != nil {
		t.Errorf("empty wheel fired %v", got)
	}
}

// TestFiresExactly sets one timer per distance and checks that it fires at its
// millisecond and not one earlier, whatever level it came from.
func TestFiresExactly(t *testing.T) {
	for shift := range 62 {
		for _, d := range []int64{-1, 0, 1} {
			delay := int64(1)<<shift + d
			if delay < 1 {
				continue
			}
			w := New[int64](start)
			timer := Timer[int64]{Value: delay}
			w.Set(&timer, start+delay)
			if due, ok := timer.Due(); !ok || due != start+delay {
				t.Fatalf("delay %d: Due got %d, %v, want %d, true", delay, due, ok, start+delay)
			}
			if got := fired(w, start+delay-1); got != nil {
				t.Fatalf("delay %d: fired %v one millisecond early", delay, got)
			}
			if got, want := fired(w, start+delay), []int64{delay}; !slices.Equal(got, want) {
				t.Fatalf("delay %d: got %v, want %v", delay, got, want)
			}
			if _, ok := timer.Due(); ok || w.Len() != 0 {
				t.Fatalf("delay %d: still set after it fired", delay)
			}
		}
	}
}

func TestLastMoment(t *testing.T) {
	w := New[int](-5)
	timer := Timer[int]{Value: 1}
	w.Set(&timer, math.MaxInt64)
	if due, ok := w.Next(); !ok || due != math.MaxInt64 {
		t.Errorf("Next: got %d, %v, want %d, true", due, ok, int64(math.MaxInt64))
	}
	if got := fired(w, math.MaxInt64-1); got != nil {
		t.Errorf("fired %v early", got)
	}
	if got, want := fired(w, math.MaxInt64), []int{1}; !slices.Equal(got, want) {
		t.Errorf("at the last moment: got %v, want %v", got, want)
	}
}

// TestFewWakeUps follows Next over a day with one timer among many that are
// later: the owner of the wheel must not be woken once per tick.
func TestFewWakeUps(t *testing.T) {
	w := New[int](start)
	timers := make([]Timer[int], 1000)
	for i := range timers {
		timers[i].Value = i
		w.Set(&timers[i], start+24*3_600_000+int64(i))
	}
	var wakes, got int
	for w.Len() > 0 {
		next, _ := w.Next()
		w.Advance(next, func(*Timer[int]) { got++ })
		wakes++
	}
	if got != len(timers) {
		t.Errorf("fired %d timers, want %d", got, len(timers))
	}
	if limit := len(timers) + 64; wakes > limit {
		t.Errorf("woken %d times for %d distinct moments, want at most %d", wakes, len(timers), limit)
	}
}

func TestFireMaySetAndStop(t *testing.T) {
	w := New[string](start)
	a, b, c := Timer[string]{Value: "a"}, Timer[string]{Value: "b"}, Timer[string]{Value: "c"}
	w.Set(&a, start+10)
	w.Set(&b, start+10)
	w.Set(&c, start+5000)
	var got []string
	again := true
	w.Advance(start+100, func(x *Timer[string]) {
		got = append(got, x.Value)
		if !again {
			return
		}
		again = false
		// The first of the two stops its neighbour in the same slot, pulls the
		// distant one near, and sets itself to a time within this call.
		for _, other := range []*Timer[string]{&a, &b} {
			if other != x {
				w.Stop(other)
			}
		}
		w.Set(&c, start+50)
		w.Set(x, start+60)
	})
	if want := []string{"a", "c", "a"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if w.Len() != 0 {
		t.Errorf("Len: got %d, want 0", w.Len())
	}
}

// TestPastCannotTrap proves that a callback which always sets its timer to now
// fires once per Advance, and that Next asks for that Advance.
func TestPastCannotTrap(t *testing.T) {
	w := New[int](start)
	timer := Timer[int]{}
	w.Set(&timer, start-1000)
	if due, _ := timer.Due(); due != start {
		t.Errorf("Due of a timer set to the past: got %d, want %d", due, start)
	}
	for round := range 3 {
		if next, ok := w.Next(); !ok || next > start {
			t.Fatalf("round %d: Next got %d, %v, want at most %d, true", round, next, ok, start)
		}
		calls := 0
		w.Advance(start, func(x *Timer[int]) { calls++; w.Set(x, start) })
		if calls != 1 {
			t.Fatalf("round %d: fired %d times, want 1", round, calls)
		}
	}
}

// model is what a wheel must behave like: a list of due times.
type model struct {
	now  int64
	due  map[int]int64
	late map[int]bool // set to the past while firing: not in this Advance
}

func (m *model) set(id int, due int64, firing bool) {
	delete(m.late, id)
	if due <= m.now && firing {
		m.late[id] = true
	}
	m.due[id] = max(due, m.now)
}

func (m *model) stop(id int) {
	delete(m.due, id)
	delete(m.late, id)
}

// earliest returns the least due time of those that may fire in this Advance.
func (m *model) earliest() (due int64, ok bool) {
	due = math.MaxInt64
	for id, d := range m.due {
		if !m.late[id] {
			due, ok = min(due, d), true
		}
	}
	return due, ok
}

// delays reaches every level, most often the low ones.
func delays() *rapid.Generator[int64] {
	return rapid.Custom(func(t *rapid.T) int64 {
		bits := rapid.IntRange(0, 40).Draw(t, "bits")
		return rapid.Int64Range(-2, int64(1)<<bits).Draw(t, "delay")
	})
}

// checkWheel runs random operations, also from within callbacks, on a wheel
// and on the model. Within one millisecond the wheel chooses the order, so the
// model only checks that each timer is among the earliest.
func checkWheel(t *rapid.T) {
	const n = 12
	w := New[int](start)
	m := &model{now: start, due: map[int]int64{}, late: map[int]bool{}}
	var timers [n]Timer[int]
	for i := range timers {
		timers[i].Value = i
	}
	change := func(firing bool) {
		id := rapid.IntRange(0, n-1).Draw(t, "timer")
		if rapid.IntRange(0, 4).Draw(t, "stop") == 0 {
			w.Stop(&timers[id])
			m.stop(id)
			return
		}
		due := m.now + delays().Draw(t, "due")
		w.Set(&timers[id], due)
		m.set(id, due, firing)
	}
	advance := func() {
		target := m.now + delays().Draw(t, "step")
		if rapid.Bool().Draw(t, "to next") {
			target, _ = w.Next()
		}
		w.Advance(target, func(x *Timer[int]) {
			earliest, ok := m.earliest()
			due, set := m.due[x.Value]
			if !ok || !set || m.late[x.Value] || due != earliest || due > max(target, m.now) {
				t.Fatalf("fired %d (due %d, set %v) at %d, want one due at %d (%v)", x.Value, due, set, target, earliest, ok)
			}
			m.now = max(m.now, due)
			m.stop(x.Value)
			if rapid.Bool().Draw(t, "change while firing") {
				change(true)
			}
		})
		m.now = max(m.now, target)
		if due, ok := m.earliest(); ok && due <= m.now {
			t.Fatalf("Advance(%d) left a timer due at %d", target, due)
		}
		clear(m.late)
	}
	for range rapid.IntRange(1, 60).Draw(t, "operations") {
		if rapid.IntRange(0, 2).Draw(t, "advance") == 0 {
			advance()
		} else {
			change(false)
		}
		checkState(t, w, m, timers[:])
	}
}

func checkState(t *rapid.T, w *Wheel[int], m *model, timers []Timer[int]) {
	if got, want := w.Len(), len(m.due); got != want {
		t.Fatalf("Len: got %d, want %d", got, want)
	}
	for i := range timers {
		got, gotOK := timers[i].Due()
		want, wantOK := m.due[i]
		if got != want || gotOK != wantOK {
			t.Fatalf("Due of %d: got %d, %v, want %d, %v", i, got, gotOK, want, wantOK)
		}
	}
	next, ok := w.Next()
	want, wantOK := m.earliest()
	if ok != wantOK || ok && next > want {
		t.Fatalf("Next: got %d, %v, want at most %d, %v", next, ok, want, wantOK)
	}
	if ok && want>>slotBits == m.now>>slotBits && next != want {
		t.Fatalf("Next within the lowest level: got %d, want exactly %d", next, want)
	}
}

func TestWheelAgainstModel(t *testing.T) { rapid.Check(t, checkWheel) }

func FuzzWheel(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkWheel)) }

func TestNothingAllocates(t *testing.T) {
	w := New[int](start)
	var timers [100]Timer[int]
	now := start
	fire := func(x *Timer[int]) { w.Set(x, now+50) }
	got := testing.AllocsPerRun(100, func() {
		for i := range timers {
			w.Set(&timers[i], now+int64(i*i*i))
		}
		now += 1000
		w.Advance(now, fire)
		w.Next()
	})
	if got != 0 {
		t.Errorf("allocations per run: got %v, want 0", got)
	}
}

// million returns a wheel with a million timers due within the given time.
func million(within int64) (*Wheel[int], []Timer[int], *rand.Rand) {
	const n = 1_000_000
	random := rand.New(rand.NewPCG(1, 2))
	w := New[int](start)
	timers := make([]Timer[int], n)
	for i := range timers {
		w.Set(&timers[i], start+1+random.Int64N(within))
	}
	return w, timers, random
}

const quarterHour = int64(15 * 60 * 1000)

func BenchmarkSet1M(b *testing.B) {
	w, timers, random := million(quarterHour)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		t := &timers[i%len(timers)]
		w.Stop(t)
		w.Set(t, start+1+random.Int64N(quarterHour))
	}
}

func BenchmarkMove1M(b *testing.B) {
	w, timers, _ := million(quarterHour)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		t := &timers[i%1000]
		w.Set(t, start+1+int64(i)%quarterHour)
	}
}

// BenchmarkFire1M measures a timer's whole way through a wheel of a million:
// all cascades, firing and being set again.
func BenchmarkFire1M(b *testing.B) {
	w, _, random := million(quarterHour)
	b.ReportAllocs()
	now, left := start, 0
	fire := func(t *Timer[int]) { left--; w.Set(t, now+random.Int64N(quarterHour)) }
	for b.Loop() {
		left++
		for left > 0 {
			now++
			w.Advance(now, fire)
		}
	}
}
