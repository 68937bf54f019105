package scenario

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestJudge(t *testing.T) {
	atLeast, atMost := Goal{Must: 0.3, Aim: 0.36}, Goal{Must: 5, Aim: 3.6, AtMost: true}
	tests := []struct {
		goal  Goal
		value float64
		want  Verdict
	}{
		{Goal{}, 1, ""},
		{atLeast, 0.299, Missed}, {atLeast, 0.3, MustMet}, {atLeast, 0.36, AimMet}, {atLeast, 9, AimMet},
		{atMost, 5.1, Missed}, {atMost, 5, MustMet}, {atMost, 3.6, AimMet}, {atMost, 0, AimMet},
		{Goal{AtMost: true}, 0, AimMet}, {Goal{AtMost: true}, 1, Missed},
	}
	for _, tt := range tests {
		if got := tt.goal.judge(tt.value); got != tt.want {
			t.Errorf("%+v judges %v %q, want %q", tt.goal, tt.value, got, tt.want)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{5}, 5},
		{[]float64{9, 1}, 5},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 3, 2}, 2.5},
	} {
		if got := median(tt.values); got != tt.want {
			t.Errorf("median of %v = %v, want %v", tt.values, got, tt.want)
		}
	}
}

func TestNumber(t *testing.T) {
	for value, want := range map[float64]string{
		0: "0", 0.3049: "0.305", 5: "5", 88.25: "88.2", 999.4: "999", 999.6: "1,000", 1234.5: "1,234", 1234567: "1,234,567",
	} {
		if got := number(value); got != want {
			t.Errorf("number(%v) = %q, want %q", value, got, want)
		}
	}
}

// The ratio that counts is the median of the runs' ratios, not the ratio of
// the medians.
func TestReportText(t *testing.T) {
	flow := func(rate, bare float64) run {
		return run{
			figures: []Figure{
				{Name: "end to end", Unit: "deliveries/s", Value: rate, Reference: bare, Goal: Goal{Must: 0.3, Aim: 0.36}},
				{Name: "allocations", Unit: "per event", Value: rate / 1e4, Goal: Goal{Must: 2, Aim: 1, AtMost: true}},
			},
			costs: []Cost{
				{Process: "engine", Events: rate * 5, CPU: 9 * time.Second, PeakRSS: 100 << 20, Written: rate * 1e4, Allocations: rate * 35, Allocated: rate * 9000},
				{Process: "sink", Events: rate * 5, CPU: 3 * time.Second, PeakRSS: 30 << 20},
			},
		}
	}
	report := &Report{CPUs: 2, Platform: "linux/amd64", Go: "go1.26", Fsync: 140 * time.Microsecond, Runs: 3, Duration: 5 * time.Second, Scale: 1}
	report.add(scenario{name: "flow"}, []run{flow(30000, 90000), flow(28000, 100000), flow(33000, 80000)}, 40*time.Second, nil)
	latency := func(p50, p99 Value) Table {
		return Table{Title: "Latency, ms", Case: "rate", Columns: []string{"p50", "p99"}, Rows: []Row{{"100/s", []Value{p50, p99}}, {"1,000/s", []Value{0.4, missing}}}}
	}
	paced := func(p50, p99 Value) run {
		return run{
			figures: []Figure{{Name: "healthy", Unit: "deliveries/s", Value: 95, Reference: 100, Against: "alone", Goal: Goal{Must: 0.9, Aim: 0.97}}},
			tables:  []Table{latency(p50, p99)},
		}
	}
	report.add(scenario{name: "paced"}, []run{paced(0.31, 1.5), paced(0.2, 1.7), paced(0.4, 1.2)}, 20*time.Second, nil)
	partly := Table{Title: "Deliveries to so many", Case: "endpoints", Columns: []string{"per second"}, Rows: []Row{{"1", []Value{12345}}}}
	report.add(scenario{name: "broken"}, []run{{tables: []Table{partly, {Title: "nothing"}}}}, time.Second, errors.New("3 of 4 deliveries arrived"))
	if got := report.Results[0].Figures[0]; got.Ratio != 30000.0/90000 || got.Low != 0.28 || got.High != 33000.0/80000 {
		t.Errorf("got ratio %v, low %v, high %v, want 0.333, 0.28, 0.4125", got.Ratio, got.Low, got.High)
	}
	for golden, write := range map[string]func(io.Writer) error{
		"testdata/report.txt": report.WriteText, "testdata/report.md": report.WriteMarkdown,
	} {
		var got bytes.Buffer
		if err := write(&got); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Bytes(), want) {
			t.Errorf("got\n%s\nwant %s\n%s", got.Bytes(), golden, want)
		}
	}
}

func TestFlagOf(t *testing.T) {
	args := []string{"serve", "--listen", "a:1", "--admin-listen=b:2", "--pprof"}
	for flag, want := range map[string]string{"--listen": "a:1", "--admin-listen": "b:2", "--pprof": "", "--dir": ""} {
		if got := flagOf(args, flag); got != want {
			t.Errorf("%s: got %q, want %q", flag, got, want)
		}
	}
}
