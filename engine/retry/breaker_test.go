package retry

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const (
	zero   = int64(1_700_000_000_000)
	second = int64(1000)
)

// failing returns a breaker after n failures, one every interval ms from zero
// on, and the time of the last.
func failing(c BreakerConfig, n int, interval int64) (b Breaker, opened int, now int64) {
	for i := range n {
		now = zero + int64(i)*interval
		var changed bool
		if b, changed = b.OnFailure(c, now, 0.5); changed {
			opened++
		}
	}
	return b, opened, now
}

func TestBreakerOpens(t *testing.T) {
	c := DefaultBreaker()
	never := c
	never.Failures = 0
	tests := []struct {
		name     string
		config   BreakerConfig
		failures int
		interval int64
		want     bool
	}{
		{"too few", c, 9, 60 * second, false},
		{"too short", c, 10, 3 * second, false}, // 27 s
		{"a burst", c, 1000, 1, false},
		{"enough", c, 10, 4 * second, true},
		{"exactly long enough", c, 11, 3 * second, true},
		{"turned off", never, 1000, 60 * second, false},
	}
	for _, tt := range tests {
		b, opened, _ := failing(tt.config, tt.failures, tt.interval)
		if b.Open != tt.want || (opened == 1) != tt.want || opened > 1 {
			t.Errorf("%s: got open %v, opened %d times, want %v", tt.name, b.Open, opened, tt.want)
		}
		if b.Failures != tt.failures || b.Since != zero {
			t.Errorf("%s: got %d failures since %d, want %d since %d", tt.name, b.Failures, b.Since, tt.failures, zero)
		}
	}
}

func TestBreakerSuccessForgets(t *testing.T) {
	b, _, now := failing(DefaultBreaker(), 9, 60*second)
	b, changed := b.OnSuccess()
	if changed || b != (Breaker{}) {
		t.Errorf("closed: got %+v, changed %v, want nothing left, false", b, changed)
	}
	if b, _ = b.OnFailure(DefaultBreaker(), now+1, 0.5); b.Open || b.Failures != 1 || b.Since != now+1 {
		t.Errorf("got %+v, want one failure since %d", b, now+1)
	}
}

// TestBreakerProbes follows an endpoint that is dead for hours and then
// recovers.
func TestBreakerProbes(t *testing.T) {
	c := DefaultBreaker()
	b, _, now := failing(c, 11, 3*second)
	if got, want := b.Limit(64), 1; got != want {
		t.Errorf("Limit while open: got %d, want %d", got, want)
	}
	for i, want := range []int64{5, 10, 20, 40, 80, 160, 300, 300, 300} {
		ok, at := b.Allows(now)
		if ok || at != now+want*second {
			t.Fatalf("probe %d: got %v, after %d ms, want false, after %d s", i+1, ok, at-now, want)
		}
		if ok, _ := b.Allows(at - 1); ok {
			t.Fatalf("probe %d: allowed 1 ms early", i+1)
		}
		if ok, got := b.Allows(at); !ok || got != at {
			t.Fatalf("probe %d: got %v, %d, want true, %d", i+1, ok, got, at)
		}
		now = at + 15*second // the probe times out
		var changed bool
		if b, changed = b.OnFailure(c, now, 0.5); changed || !b.Open {
			t.Fatalf("probe %d: got %+v, changed %v, want still open", i+1, b, changed)
		}
	}
	b, changed := b.OnSuccess()
	if !changed || b != (Breaker{}) {
		t.Errorf("after a success: got %+v, changed %v, want closed", b, changed)
	}
	if got, want := b.Limit(64), 64; got != want {
		t.Errorf("Limit while closed: got %d, want %d", got, want)
	}
}

// TestBreakerStragglers lets 64 attempts end that ran when the breaker opened:
// together they are worth one probe at most.
func TestBreakerStragglers(t *testing.T) {
	c := DefaultBreaker()
	for _, late := range []int64{1 * second, 20 * second} {
		b, _, now := failing(c, 11, 3*second)
		opened := b
		for range 64 {
			b, _ = b.OnFailure(c, now+late, 0.5)
		}
		wantProbes := 0
		if now+late >= opened.NextProbe {
			wantProbes = 1
		}
		if b.Probes != wantProbes || b.Failures != opened.Failures+64 {
			t.Errorf("%d ms late: got %d probes, %d failures, want %d, %d", late, b.Probes, b.Failures, wantProbes, opened.Failures+64)
		}
	}
}

func TestBreakerTurnedOffWhileOpen(t *testing.T) {
	c := DefaultBreaker()
	b, _, now := failing(c, 11, 3*second)
	c.Failures = 0
	b, changed := b.OnFailure(c, now+1, 0.5)
	if b.Open || !changed || b.NextProbe != 0 {
		t.Errorf("got %+v, changed %v, want closed, true", b, changed)
	}
}

// TestBreakerWaits checks jitter and bounds for any settings and any number of
// probes.
func TestBreakerWaits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		longest := rapid.Int64Range(int64(time.Millisecond), int64(24*time.Hour)).Draw(t, "max")
		c := BreakerConfig{
			Failures: 1,
			Probe:    time.Duration(rapid.Int64Range(int64(time.Millisecond), longest).Draw(t, "probe")),
			ProbeMax: time.Duration(longest),
			Jitter:   rapid.Float64Range(0, MaxJitter).Draw(t, "jitter"),
		}
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		probes := rapid.IntRange(0, math.MaxInt).Draw(t, "probes")
		random := rapid.Float64Range(0, almostOne).Draw(t, "random")
		got := c.wait(probes, random)
		want := float64(c.ProbeMax)
		if probes < 62 {
			want = min(want, float64(c.Probe)*math.Exp2(float64(probes)))
		}
		if low, high := want*(1-c.Jitter)-1, want*(1+c.Jitter)+1; float64(got) < low || float64(got) > high || got > c.Longest() {
			t.Fatalf("after %d probes: got %s, want %.0f to %.0f ns, at most %s", probes, got, low, high, c.Longest())
		}
	})
}

func TestBreakerValidate(t *testing.T) {
	valid := func(change func(*BreakerConfig)) BreakerConfig {
		c := DefaultBreaker()
		change(&c)
		return c
	}
	tests := []struct {
		name   string
		config BreakerConfig
		want   string // part of the error, "" for none
	}{
		{"the default", DefaultBreaker(), ""},
		{"turned off", valid(func(c *BreakerConfig) { c.Failures = 0 }), ""},
		{"negative", valid(func(c *BreakerConfig) { c.Failures = -1 }), "-1 failures"},
		{"long after", valid(func(c *BreakerConfig) { c.After = 25 * time.Hour }), "after 1d1h"},
		{"negative after", valid(func(c *BreakerConfig) { c.After = -1 }), "opens after"},
		{"no probe", valid(func(c *BreakerConfig) { c.Probe = 0 }), "probes every 0s"},
		{"crossed", valid(func(c *BreakerConfig) { c.Probe = time.Hour }), "probes every 1h to 5m"},
		{"long probe", valid(func(c *BreakerConfig) { c.ProbeMax = 25 * time.Hour }), "to 1d1h"},
		{"jitter", valid(func(c *BreakerConfig) { c.Jitter = math.NaN() }), "jitter"},
	}
	for _, tt := range tests {
		err := tt.config.Validate()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

// Before a breaker opens, failures in a row slow an endpoint down to one attempt
// at a time and one a second.
func TestBreakerSlowsDown(t *testing.T) {
	b, now := Breaker{}, int64(1000)
	var pauses []int64
	for range 12 {
		b, _ = b.OnFailure(DefaultBreaker(), now, 0.5)
		_, next := b.Allows(now)
		pauses = append(pauses, next-now)
		if want := len(pauses) > slowAfter; b.Alone() != want || b.Open {
			t.Errorf("after %d failures: got alone %v, open %v, want %v, false", len(pauses), b.Alone(), b.Open, want)
		}
		now = next
	}
	if want := []int64{0, 0, 0, 10, 20, 40, 80, 160, 320, 640, 1000, 1000}; !slices.Equal(pauses, want) {
		t.Errorf("pauses in ms: got %v, want %v", pauses, want)
	}
	if b, _ = b.OnSuccess(); b.Alone() || b.Limit(64) != 64 {
		t.Errorf("after a success: got alone %v, limit %d, want false, 64", b.Alone(), b.Limit(64))
	}
	off := DefaultBreaker()
	off.Failures = 0
	for range 12 {
		b, _ = b.OnFailure(off, now, 0.5)
	}
	if b.Alone() {
		t.Error("a breaker that is turned off slows down")
	}
}
