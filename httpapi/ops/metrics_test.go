package ops

import (
	"bytes"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metrics"
)

func TestSeries(t *testing.T) {
	for _, test := range []struct {
		labels []string
		want   string
	}{
		{nil, `m`},
		{[]string{"a", "b"}, `m{a="b"}`},
		{[]string{"a", "b", "c", ""}, `m{a="b",c=""}`},
		{[]string{"a", `q"b\n`}, `m{a="q\"b\\n"}`},
		{[]string{"a", "x\ny"}, `m{a="x\ny"}`},
		{[]string{"a", "x\ty\x00\x1b[31mz\x7f"}, `m{a="xy[31mz"}`},
		{[]string{"a", "\xff\xfeü"}, `m{a="�ü"}`},
	} {
		if got := Series("m", test.labels...); got != test.want {
			t.Errorf("Series(%q): got %s, want %s", test.labels, got, test.want)
		}
	}
}

func sample() Source {
	set := metrics.NewSet()
	set.NewCounter(Series("hookwheel_sample_total", "kind", "tab\tquote\"line\nend\\")).Inc()
	set.NewCounter(Series("hookwheel_sample_total", "kind", "b")).Inc()
	set.NewPrometheusHistogramExt("hookwheel_sample_seconds", []float64{.1, 1}).Update(.5)
	set.NewGauge("hookwheel_sample_depth", func() float64 { return 7 })
	return Source{Write: set.WritePrometheus, Help: map[string]string{
		"hookwheel_sample_total":   "Samples seen.",
		"hookwheel_sample_seconds": "Time a sample took.",
		"hookwheel_sample_depth":   "Samples waiting.",
	}}
}

func TestExposition(t *testing.T) {
	hidden := Source{Write: func(w io.Writer) {
		io.WriteString(w, "# HELP shown\n# TYPE shown gauge\nshown 1\n# HELP hidden\n# TYPE hidden gauge\nhidden 2\n# HELP shown_too\n# TYPE shown_too gauge\nshown_too 3\n")
	}, Help: map[string]string{"shown": "First.", "shown_too": "Third."}}
	got := string(Exposition(hidden))
	want := "# HELP shown First.\n# TYPE shown gauge\nshown 1\n# HELP shown_too Third.\n# TYPE shown_too gauge\nshown_too 3\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got := Undocumented(hidden); len(got) != 1 || got[0] != "hidden" {
		t.Errorf("Undocumented: got %q, want [hidden]", got)
	}
	if got := Undocumented(sample()); len(got) != 0 {
		t.Errorf("Undocumented of the sample: got %q, want none", got)
	}
}

// Every family that Process explains exists on the platform this is built for,
// so that no text outlives its metric.
func TestProcessHelp(t *testing.T) {
	shown := string(Exposition(Process()))
	for name := range processHelp {
		if strings.HasPrefix(name, "process_pressure_") {
			continue // only where the kernel has them
		}
		if !strings.Contains(shown, "# TYPE "+name+" ") {
			t.Errorf("family %s is explained but not written", name)
		}
	}
}

func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed (Debian: prometheus)")
	}
	check := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	check.Stdin = bytes.NewReader(Exposition(Process(), sample()))
	if out, err := check.CombinedOutput(); err != nil || len(out) != 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
