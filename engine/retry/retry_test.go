package retry

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const almostOne = 1 - 1.0/(1<<53)

func TestDefaultPolicy(t *testing.T) {
	p := Default()
	if err := p.Validate(); err != nil {
		t.Fatal(err)
	}
	if got, want := p.Attempts(), 8; got != want {
		t.Errorf("Attempts: got %d, want %d", got, want)
	}
	var total time.Duration
	for attempts := 1; ; attempts++ {
		delay, ok := p.Next(attempts, 0, 0.5)
		if !ok {
			break
		}
		total += delay
	}
	if want := 27*time.Hour + 35*time.Minute + 5*time.Second; total != want {
		t.Errorf("without jitter: got %s, want %s", total, want)
	}
	if got, want := p.Span(), total+total/5; got != want {
		t.Errorf("Span: got %s, want %s", got, want)
	}
	if got, want := p.Longest(), 12*time.Hour; got != want {
		t.Errorf("Longest: got %s, want %s", got, want)
	}
}

func TestNext(t *testing.T) {
	three := Policy{Delays: []time.Duration{time.Second, 10 * time.Second, 100 * time.Second}, Jitter: 0.2, RetryAfterMax: time.Minute}
	with := func(change func(*Policy)) Policy {
		p := three
		change(&p)
		return p
	}
	cut := with(func(p *Policy) { p.MaxAttempts = 2 })
	once := with(func(p *Policy) { p.MaxAttempts = 1 })
	repeat := with(func(p *Policy) { p.MaxAttempts = 6 })
	deaf := with(func(p *Policy) { p.RetryAfterMax = 0 })
	tests := []struct {
		name       string
		policy     Policy
		attempts   int
		retryAfter time.Duration
		random     float64
		want       time.Duration
		ok         bool
	}{
		{"first", three, 1, 0, 0.5, time.Second, true},
		{"least jitter", three, 1, 0, 0, 800 * time.Millisecond, true},
		{"most jitter", three, 3, 0, 1, 120 * time.Second, true},
		{"last", three, 3, 0, 0.5, 100 * time.Second, true},
		{"exhausted", three, 4, 0, 0.5, 0, false},
		{"long exhausted", three, 400, 0, 0.5, 0, false},
		{"cut", cut, 1, 0, 0.5, time.Second, true},
		{"cut short", cut, 2, 0, 0.5, 0, false},
		{"a single attempt", once, 1, time.Minute, 0.5, 0, false},
		{"the last delay repeats", repeat, 5, 0, 0.5, 100 * time.Second, true},
		{"repeated enough", repeat, 6, 0, 0.5, 0, false},
		{"asked for longer", three, 1, 30 * time.Second, 0, 30 * time.Second, true},
		{"asked for sooner", three, 2, 3 * time.Second, 0.5, 10 * time.Second, true},
		{"asked for too long", three, 1, time.Hour, 0.5, time.Minute, true},
		{"the cap does not cut the schedule", three, 3, time.Hour, 0.5, 100 * time.Second, true},
		{"asked for the past", three, 1, -time.Hour, 0.5, time.Second, true},
		{"not listening", deaf, 1, time.Hour, 0.5, time.Second, true},
	}
	for _, tt := range tests {
		got, ok := tt.policy.Next(tt.attempts, tt.retryAfter, tt.random)
		if got != tt.want || ok != tt.ok {
			t.Errorf("%s: got %s, %v, want %s, %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

func TestPolicyValidate(t *testing.T) {
	valid := func(change func(*Policy)) Policy {
		p := Default()
		change(&p)
		return p
	}
	tests := []struct {
		name   string
		policy Policy
		want   string // part of the error, "" for none
	}{
		{"the default", Default(), ""},
		{"the limits", Policy{Delays: []time.Duration{MinDelay, MaxDelay}, MaxAttempts: 1000, Jitter: MaxJitter, RetryAfterMax: MaxRetryAfterMax}, ""},
		{"no jitter, no Retry-After", Policy{Delays: []time.Duration{time.Second}}, ""},
		{"zero", Policy{}, "0 delays"},
		{"too many delays", valid(func(p *Policy) { p.Delays = make([]time.Duration, 65) }), "65 delays"},
		{"no delay", valid(func(p *Policy) { p.Delays = []time.Duration{time.Second, 0} }), "delay 2 is 0s"},
		{"long delay", valid(func(p *Policy) { p.Delays = []time.Duration{MaxDelay + 1} }), "want 1ms to 30d"},
		{"negative attempts", valid(func(p *Policy) { p.MaxAttempts = -1 }), "attempts is -1"},
		{"many attempts", valid(func(p *Policy) { p.MaxAttempts = 1001 }), "attempts is 1001"},
		{"much jitter", valid(func(p *Policy) { p.Jitter = 0.51 }), "jitter is 0.51"},
		{"negative jitter", valid(func(p *Policy) { p.Jitter = -0.1 }), "jitter is -0.1"},
		{"no number", valid(func(p *Policy) { p.Jitter = math.NaN() }), "jitter is NaN"},
		{"long cap", valid(func(p *Policy) { p.RetryAfterMax = 25 * time.Hour }), "cap of Retry-After is 1d1h"},
		{"negative cap", valid(func(p *Policy) { p.RetryAfterMax = -1 }), "cap of Retry-After"},
	}
	for _, tt := range tests {
		err := tt.policy.Validate()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
	all := Policy{Jitter: 2, MaxAttempts: -1, RetryAfterMax: -1}.Validate()
	if got, want := strings.Count(all.Error(), "\n")+1, 4; got != want {
		t.Errorf("faults reported at once: got %d, want %d: %v", got, want, all)
	}
}

func policies() *rapid.Generator[Policy] {
	return rapid.Custom(func(t *rapid.T) Policy {
		delay := rapid.Int64Range(int64(MinDelay), int64(MaxDelay))
		p := Policy{
			MaxAttempts:   rapid.IntRange(0, 100).Draw(t, "attempts"),
			Jitter:        rapid.Float64Range(0, MaxJitter).Draw(t, "jitter"),
			RetryAfterMax: time.Duration(rapid.Int64Range(0, int64(MaxRetryAfterMax)).Draw(t, "cap")),
		}
		for range rapid.IntRange(1, MaxDelays).Draw(t, "delays") {
			p.Delays = append(p.Delays, time.Duration(delay.Draw(t, "delay")))
		}
		return p
	})
}

// TestNextWithinBounds runs random schedules to their end.
func TestNextWithinBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := policies().Draw(t, "policy")
		if err := p.Validate(); err != nil {
			t.Fatal(err)
		}
		var span time.Duration
		attempts := 1
		for ; ; attempts++ {
			random := rapid.Float64Range(0, almostOne).Draw(t, "random")
			asked := time.Duration(rapid.Int64().Draw(t, "retry after"))
			scheduled, ok := p.Next(attempts, 0, random)
			if !ok {
				break
			}
			span += scheduled
			delay, _ := p.Next(attempts, asked, random)
			if delay < scheduled || delay <= 0 || delay > p.Longest() {
				t.Fatalf("attempt %d: got %s, want %s to %s", attempts, delay, scheduled, p.Longest())
			}
			if delay > scheduled && delay > p.RetryAfterMax {
				t.Fatalf("attempt %d: got %s, over the cap of Retry-After %s", attempts, delay, p.RetryAfterMax)
			}
		}
		if attempts != p.Attempts() {
			t.Fatalf("attempts: got %d, want %d", attempts, p.Attempts())
		}
		if span > p.Span() {
			t.Fatalf("span: got %s, want at most %s", span, p.Span())
		}
	})
}

// BenchmarkDecide is what is decided about an attempt that failed: when to try
// again, and what breaker and window make of it.
func BenchmarkDecide(b *testing.B) {
	policy, config := Default(), BreakerConfig{Failures: 10, After: 30 * time.Second, Probe: 5 * time.Second, ProbeMax: 5 * time.Minute}
	var breaker Breaker
	window := Window(64)
	now := int64(1_700_000_000_000)
	b.ReportAllocs()
	for b.Loop() {
		delay, more := policy.Next(3, time.Second, 0.5)
		if !more || delay <= 0 {
			b.Fatalf("got %v, %v, want a delay", delay, more)
		}
		breaker, _ = breaker.OnFailure(config, now, 0.5)
		window = window.OnCongestion()
		now += delay.Milliseconds()
	}
}
