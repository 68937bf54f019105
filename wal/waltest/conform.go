package waltest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/hookwheel/hookwheel/wal"
)

// Run checks that a log keeps the contract of wal.Log. open returns an empty log
// of at least two partitions, and closes it with t's cleanup.
func Run(t *testing.T, open func(t *testing.T) wal.Log) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, l wal.Log)
	}{
		{"records come back as written, in order", testOrder},
		{"a submission stays together under concurrency", testAdjacent},
		{"a tail sees neither gap nor repeat, wherever it starts", testTailStart},
		{"a tail ends with its cause", testTailEnd},
		{"data seen by a tail stays valid", testDataStays},
		{"local travels once", testLocal},
		{"get", testGet},
		{"scan", testScan},
		{"an empty submission is answered", testEmpty},
		{"claim fences the owner before", testClaim},
		{"an owner starts from the last record", testFrom},
		{"trim", testTrim},
		{"absorbed", testAbsorbed},
		{"erase", testErase},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

// Append submits and waits.
func Append(l wal.Log, p int, recs ...wal.Rec) error {
	done := make(chan error, 1)
	l.Submit(p, recs, func(err error) { done <- err })
	return <-done
}

// Commit commits and waits.
func Commit(o wal.Owner, recs ...wal.Rec) error {
	done := make(chan error, 1)
	o.Commit(recs, func(err error) { done <- err })
	return <-done
}

func mustAppend(t *testing.T, l wal.Log, p int, recs ...wal.Rec) {
	t.Helper()
	if err := Append(l, p, recs...); err != nil {
		t.Fatalf("append: %v", err)
	}
}

func rec(k wal.Kind, n int) wal.Rec {
	return wal.Rec{Kind: k, ID: [16]byte{byte(n), byte(n >> 8), 1}, Data: fmt.Appendf(nil, "record %d", n)}
}

var errEnough = errors.New("enough")

// Read returns the next n records of a partition, by a tail.
func Read(t testing.TB, l wal.Log, p int, after wal.Pos, n int) []wal.Rec {
	t.Helper()
	var got []wal.Rec
	if n == 0 {
		return nil
	}
	err := l.Tail(t.Context(), p, after, func(recs []wal.Rec) error {
		got = append(got, recs...)
		if len(got) >= n {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatalf("tail of partition %d: got error %v after %d records, want %d records", p, err, len(got), n)
	}
	if len(got) > n {
		t.Fatalf("tail of partition %d: got %d records, want %d", p, len(got), n)
	}
	return got
}

// numbers are the n of records made by rec.
func numbers(recs []wal.Rec) []int {
	ns := make([]int, len(recs))
	for i, r := range recs {
		ns[i] = int(r.ID[0]) | int(r.ID[1])<<8
	}
	return ns
}

func testOrder(t *testing.T, l wal.Log) {
	kinds := []wal.Kind{wal.Event, wal.Config, wal.Event, wal.Command, wal.Outcome, wal.Event, wal.Event}
	var want []wal.Rec
	for n := range 60 {
		var unit []wal.Rec
		for range 1 + n%4 {
			unit = append(unit, rec(kinds[len(want)%len(kinds)], len(want)))
			want = append(want, unit[len(unit)-1])
		}
		mustAppend(t, l, 1, unit...)
		mustAppend(t, l, 0, rec(wal.Event, n)) // the neighbour must not show
	}
	got := Read(t, l, 1, 0, len(want))
	for i, g := range got {
		w := want[i]
		if g.Kind != w.Kind || g.ID != w.ID || string(g.Data) != string(w.Data) {
			t.Fatalf("record %d: got %+v, want %+v", i, g, w)
		}
		if i > 0 && g.Pos <= got[i-1].Pos {
			t.Errorf("record %d: got position %d after %d, want a greater one", i, g.Pos, got[i-1].Pos)
		}
		if i > 0 && g.At < got[i-1].At {
			t.Errorf("record %d: got time %d after %d, want it not to fall", i, g.At, got[i-1].At)
		}
	}
	if got[0].Pos == 0 {
		t.Error("got position 0, want it to stay free: it is before the first record")
	}
	for _, i := range []int{0, 1, len(got) / 2, len(got) - 2} {
		rest := Read(t, l, 1, got[i].Pos, len(want)-i-1)
		if got, want := numbers(rest), numbers(want[i+1:]); !slices.Equal(got, want) {
			t.Errorf("after record %d: got %v, want %v", i, got, want)
		}
	}
}

func testAdjacent(t *testing.T, l wal.Log) {
	const writers, units, size = 8, 25, 3
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for u := range units {
				var recs []wal.Rec
				for i := range size {
					kind := wal.Event
					if i == 1 {
						kind = wal.Config
					}
					recs = append(recs, rec(kind, (w*units+u)*size+i))
				}
				if err := Append(l, 0, recs...); err != nil {
					t.Errorf("append: %v", err)
				}
			}
		})
	}
	wg.Wait()
	got := numbers(Read(t, l, 0, 0, writers*units*size))
	next := map[int]int{} // per writer
	for i := 0; i < len(got); i += size {
		w := got[i] / (units * size)
		for j := range size {
			if want := w*units*size + next[w]; got[i+j] != want {
				t.Fatalf("place %d: got record %d, want %d", i+j, got[i+j], want)
			}
			next[w]++
		}
	}
}

func testTailStart(t *testing.T, l wal.Log) {
	const total = 3000
	var wg sync.WaitGroup
	wg.Go(func() {
		var answered sync.WaitGroup
		for n := range total {
			answered.Add(1)
			kind := wal.Event
			if n%5 == 0 {
				kind = wal.Outcome
			}
			l.Submit(0, []wal.Rec{rec(kind, n)}, func(err error) {
				if err != nil {
					t.Errorf("append: %v", err)
				}
				answered.Done()
			})
			if n%50 == 0 {
				answered.Wait()
			}
		}
		answered.Wait()
	})
	// One tail after the other, each going on where the last one ended.
	var got []int
	after := wal.Pos(0)
	for stretch := 1; len(got) < total; stretch++ {
		left := min(stretch, total-len(got))
		err := l.Tail(t.Context(), 0, after, func(recs []wal.Rec) error {
			if len(recs) == 0 {
				return nil
			}
			recs = recs[:min(left, len(recs))]
			got = append(got, numbers(recs)...)
			after = recs[len(recs)-1].Pos
			if left -= len(recs); left == 0 {
				return errEnough
			}
			return nil
		})
		if !errors.Is(err, errEnough) {
			t.Fatalf("tail: %v", err)
		}
	}
	wg.Wait()
	for i, n := range got {
		if n != i {
			t.Fatalf("place %d: got record %d", i, n)
		}
	}
}

func testTailEnd(t *testing.T, l wal.Log) {
	mustAppend(t, l, 0, rec(wal.Event, 0))
	cause := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	started, ended := make(chan struct{}), make(chan error)
	go func() {
		ended <- l.Tail(ctx, 0, 0, func(recs []wal.Rec) error {
			if len(recs) == 0 {
				close(started)
			}
			return nil
		})
	}()
	<-started
	if err := l.Tail(t.Context(), 0, 0, func([]wal.Rec) error { return errEnough }); err == nil || errors.Is(err, errEnough) {
		t.Errorf("a second tail of the partition: got error %v, want a refusal", err)
	}
	cancel(cause)
	if got := <-ended; !errors.Is(got, cause) {
		t.Errorf("tail: got error %v, want the context's cause", got)
	}
	Read(t, l, 0, 0, 1) // and the partition is free again
}

func testDataStays(t *testing.T, l wal.Log) {
	const total = 500
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := rec(wal.Event, 0)
		for n := range total {
			buf.Data = fmt.Appendf(buf.Data[:0], "record %d", n) // ours again after each answer
			if err := Append(l, 0, buf); err != nil {
				t.Errorf("append: %v", err)
			}
		}
	})
	got := Read(t, l, 0, 0, total)
	wg.Wait()
	for i, r := range got {
		if want := fmt.Sprintf("record %d", i); string(r.Data) != want {
			t.Fatalf("record %d: got %q, want %q", i, r.Data, want)
		}
	}
}

func testLocal(t *testing.T, l wal.Log) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := rec(wal.Event, 1)
	mustAppend(t, l, 0, first)
	got, following := make(chan wal.Rec), make(chan struct{})
	ended := make(chan error)
	go func() {
		ended <- l.Tail(ctx, 0, 0, func(recs []wal.Rec) error {
			if len(recs) == 0 {
				close(following) // a second time would panic: it is to be called once
			}
			for _, r := range recs {
				got <- r
			}
			return nil
		})
	}()
	before := <-got
	<-following
	follow := rec(wal.Event, 2)
	follow.Local = "mine"
	answered := make(chan error, 1)
	l.Submit(0, []wal.Rec{follow}, func(err error) { answered <- err })
	if got, want := (<-got).Local, follow.Local; got != want {
		t.Errorf("local of a record submitted after the tail follows: got %v, want %v", got, want)
	}
	if err := <-answered; err != nil {
		t.Fatalf("append: %v", err)
	}
	cancel()
	if got, want := <-ended, context.Canceled; !errors.Is(got, want) {
		t.Errorf("tail after its context: got %v, want %v", got, want)
	}
	again := Read(t, l, 0, before.Pos, 1)
	if again[0].Local != nil {
		t.Errorf("after a new tail: got Local %v, want nil", again[0].Local)
	}
}

func testGet(t *testing.T, l wal.Log) {
	mustAppend(t, l, 0, rec(wal.Event, 0), rec(wal.Config, 1), rec(wal.Event, 2))
	mustAppend(t, l, 1, rec(wal.Event, 3))
	recs := Read(t, l, 0, 0, 3)
	for range 2 { // the second time perhaps from a cache
		for _, i := range []int{0, 2} {
			r, err := l.Get(0, recs[i].Pos)
			if err != nil || string(r.Data) != string(recs[i].Data) || r.ID != recs[i].ID || r.Pos != recs[i].Pos || r.At != recs[i].At {
				t.Fatalf("get %d: got %+v, %v, want %+v", i, r, err, recs[i])
			}
			clear(r.Data) // it is the caller's
		}
	}
	other := Read(t, l, 1, 0, 1)[0]
	for _, c := range []struct {
		what string
		at   wal.Pos
	}{{"a config record", recs[1].Pos}, {"another partition's", other.Pos}, {"position 0", 0}, {"the future", math.MaxUint64}} {
		if _, err := l.Get(0, c.at); !errors.Is(err, wal.ErrNotFound) {
			t.Errorf("get %s: got error %v, want ErrNotFound", c.what, err)
		}
	}
}

func testScan(t *testing.T, l wal.Log) {
	for n := range 20 {
		kind := wal.Event
		if n%4 == 3 {
			kind = wal.Outcome
		}
		mustAppend(t, l, 0, rec(kind, n))
		mustAppend(t, l, 1, rec(wal.Event, 100+n))
	}
	recs := Read(t, l, 0, 0, 20)
	scan := func(after, upTo wal.Pos, limit int) []int {
		var got []wal.Rec
		if err := l.Scan(0, after, upTo, func(r wal.Rec) bool {
			got = append(got, r)
			return len(got) < limit
		}); err != nil {
			t.Fatalf("scan: %v", err)
		}
		return numbers(got)
	}
	for _, c := range []struct {
		after, upTo wal.Pos
		limit       int
		want        []int
	}{
		{0, math.MaxUint64, 4, []int{0, 1, 2, 4}},
		{recs[1].Pos, recs[8].Pos, 99, []int{2, 4, 5, 6, 8}},
		{recs[3].Pos, recs[4].Pos, 99, []int{4}},
		{recs[4].Pos, recs[4].Pos, 99, nil},
		{recs[17].Pos, math.MaxUint64, 99, []int{18}},
		{math.MaxUint64, math.MaxUint64, 99, nil},
	} {
		if got := scan(c.after, c.upTo, c.limit); !slices.Equal(got, c.want) {
			t.Errorf("scan (%d, %d]: got %v, want %v", c.after, c.upTo, got, c.want)
		}
	}
}

func testEmpty(t *testing.T, l wal.Log) {
	mustAppend(t, l, 0)
	mustAppend(t, l, 0, rec(wal.Event, 1))
	Read(t, l, 0, 0, 1)
}

func claim(t *testing.T, l wal.Log, p int) wal.Owner {
	t.Helper()
	o, err := l.Claim(t.Context(), p)
	if err != nil {
		t.Fatalf("claim: %v", err)
	}
	return o
}

func lost(o wal.Owner) bool {
	select {
	case <-o.Lost():
		return true
	default:
		return false
	}
}

func testClaim(t *testing.T, l wal.Log) {
	first := claim(t, l, 0)
	other := claim(t, l, 1)
	if err := Commit(first, rec(wal.Outcome, 1)); err != nil {
		t.Errorf("commit by the owner: got error %v", err)
	}
	second := claim(t, l, 0)
	if !lost(first) || lost(second) || lost(other) {
		t.Errorf("lost: got %v, %v, other partition %v, want only the first owner's", lost(first), lost(second), lost(other))
	}
	if err := Commit(first, rec(wal.Outcome, 2)); !errors.Is(err, wal.ErrFenced) {
		t.Errorf("commit by the owner before: got error %v, want ErrFenced", err)
	}
	if err := first.Trim(t.Context(), 1); !errors.Is(err, wal.ErrFenced) {
		t.Errorf("trim by the owner before: got error %v, want ErrFenced", err)
	}
	first.Release() // changes nothing any more
	if err := Commit(second, rec(wal.Outcome, 3)); err != nil {
		t.Errorf("commit by the new owner: got error %v", err)
	}
	second.Release()
	if err := Commit(second, rec(wal.Outcome, 4)); !errors.Is(err, wal.ErrFenced) || !lost(second) {
		t.Errorf("commit after release: got error %v, lost %v, want ErrFenced and true", err, lost(second))
	}
	if got, want := numbers(Read(t, l, 0, 0, 2)), []int{1, 3}; !slices.Equal(got, want) {
		t.Errorf("written: got %v, want %v", got, want)
	}
}

func testFrom(t *testing.T, l wal.Log) {
	if got := claim(t, l, 0).From(); got != 0 {
		t.Errorf("from of an empty partition: got %d, want 0", got)
	}
	mustAppend(t, l, 0, rec(wal.Event, 1), rec(wal.Config, 2))
	mustAppend(t, l, 1, rec(wal.Event, 3))
	recs := Read(t, l, 0, 0, 2)
	if got, want := claim(t, l, 0).From(), recs[1].Pos; got != want {
		t.Errorf("from: got %d, want the last record's %d", got, want)
	}
}

func testTrim(t *testing.T, l wal.Log) {
	for n := range 10 {
		kind := wal.Event
		if n == 2 {
			kind = wal.Config
		}
		mustAppend(t, l, 0, rec(kind, n))
		mustAppend(t, l, 1, rec(wal.Event, n))
	}
	recs, others := Read(t, l, 0, 0, 10), Read(t, l, 1, 0, 10)
	for range 2 { // again changes nothing
		if err := claim(t, l, 0).Trim(t.Context(), recs[5].Pos); err != nil {
			t.Fatalf("trim: %v", err)
		}
	}
	if _, err := l.Get(0, recs[4].Pos); !errors.Is(err, wal.ErrNotFound) {
		t.Errorf("get before the trim: got error %v, want ErrNotFound", err)
	}
	if _, err := l.Get(0, recs[5].Pos); err != nil {
		t.Errorf("get at the trim: got error %v", err)
	}
	if got, want := numbers(Read(t, l, 0, 0, 6)), []int{2, 5, 6, 7, 8, 9}; !slices.Equal(got, want) {
		t.Errorf("tail: got %v, want %v", got, want)
	}
	if err := claim(t, l, 1).Trim(t.Context(), others[8].Pos); err != nil {
		t.Fatalf("trim: %v", err)
	}
	if got, want := numbers(Read(t, l, 1, 0, 2)), []int{8, 9}; !slices.Equal(got, want) {
		t.Errorf("tail of the other partition: got %v, want %v", got, want)
	}
	if got, want := numbers(Read(t, l, 0, 0, 6)), []int{2, 5, 6, 7, 8, 9}; !slices.Equal(got, want) {
		t.Errorf("tail after the other's trim: got %v, want %v", got, want)
	}
	if err := claim(t, l, 0).Trim(t.Context(), recs[9].Pos+1); err != nil {
		t.Fatalf("trim everything: %v", err)
	}
	mustAppend(t, l, 0, rec(wal.Event, 10))
	if got, want := numbers(Read(t, l, 0, 0, 2)), []int{2, 10}; !slices.Equal(got, want) {
		t.Errorf("tail after everything was trimmed: got %v, want %v", got, want)
	}
}

func testAbsorbed(t *testing.T, l wal.Log) {
	for n := range 10 {
		kind := wal.Outcome
		if n%2 == 0 {
			kind = wal.Event
		}
		mustAppend(t, l, 0, rec(kind, n))
		mustAppend(t, l, 1, rec(wal.Config, n))
	}
	recs, others := Read(t, l, 0, 0, 10), Read(t, l, 1, 0, 10)
	if err := claim(t, l, 0).Absorbed(t.Context(), recs[5].Pos); err != nil {
		t.Fatalf("absorbed: %v", err)
	}
	if got, want := numbers(Read(t, l, 0, 0, 7)), []int{0, 2, 4, 6, 7, 8, 9}; !slices.Equal(got, want) {
		t.Errorf("tail: got %v, want %v", got, want)
	}
	if err := claim(t, l, 1).Absorbed(t.Context(), others[9].Pos); err != nil {
		t.Fatalf("absorbed: %v", err)
	}
	mustAppend(t, l, 1, rec(wal.Config, 10))
	if got, want := numbers(Read(t, l, 1, 0, 1)), []int{10}; !slices.Equal(got, want) {
		t.Errorf("tail of the other partition: got %v, want %v", got, want)
	}
	if got, want := numbers(Read(t, l, 0, 0, 7)), []int{0, 2, 4, 6, 7, 8, 9}; !slices.Equal(got, want) {
		t.Errorf("tail after the other's absorption: got %v, want %v", got, want)
	}
}

func testErase(t *testing.T, l wal.Log) {
	mustAppend(t, l, 0, rec(wal.Event, 0), rec(wal.Event, 1), rec(wal.Event, 2))
	mustAppend(t, l, 0, rec(wal.Event, 3))
	recs := Read(t, l, 0, 0, 4)
	if _, err := l.Get(0, recs[1].Pos); err != nil { // into a cache, if there is one
		t.Fatalf("get: %v", err)
	}
	o := claim(t, l, 0)
	if err := o.Erase(t.Context(), recs[3].Pos, recs[1].Pos, recs[3].Pos+1000); err != nil {
		t.Fatalf("erase: %v", err)
	}
	for i, want := range []string{"record 0", "", "record 2", ""} {
		r, err := l.Get(0, recs[i].Pos)
		if err != nil || string(r.Data) != want || r.ID != recs[i].ID || r.At != recs[i].At || r.Kind != wal.Event {
			t.Errorf("get %d: got %+v, %v, want data %q and the rest unchanged", i, r, err, want)
		}
	}
	if got, want := numbers(Read(t, l, 0, 0, 4)), []int{0, 1, 2, 3}; !slices.Equal(got, want) {
		t.Errorf("tail: got %v, want %v", got, want)
	}
}
