package demo

import (
	"log/slog"
	"strings"
	"testing"
)

// G1, G2: nothing is missing at the end, over failures and a restart.
func TestRun(t *testing.T) {
	const events = 400
	var told []string
	arrived, all := 0, 0
	report, err := Run(t.Context(), Options{
		Events: events, Logger: slog.New(slog.DiscardHandler),
		Tell:     func(sentence string) { told = append(told, sentence) },
		Progress: func(a, of int) { arrived, all = a, of },
	})
	if err != nil {
		t.Fatal(err)
	}
	if !report.Good() || report.Accepted != events {
		t.Errorf("report: got %+v, want %d events accepted and nothing missing", report, events)
	}
	if all != 5*events || arrived > all {
		t.Errorf("progress: got %d of %d, want as many as %d", arrived, all, 5*events)
	}
	if got := strings.Join(told, "\n"); !strings.Contains(got, "restarted after") || !strings.Contains(got, "is back") {
		t.Errorf("told: got %s, want the restart and the return", got)
	}
	for _, r := range report.Receivers {
		switch {
		case r.Name == "hanging":
			if r.Delivered != 0 || r.Attempts == 0 {
				t.Errorf("hanging: got %+v, want attempts and no delivery", r)
			}
		case r.Delivered != events || r.Verified != r.Delivered+r.Duplicates:
			t.Errorf("%s: got %+v, want all delivered and verified", r.Name, r)
		}
		if fails := r.Name == "flaky" || strings.HasPrefix(r.Name, "down"); fails && r.Retried == 0 {
			t.Errorf("%s: got no retries", r.Name)
		}
	}
}

func TestReportTellsWhatIsMissing(t *testing.T) {
	for _, bad := range []Receiver{{Missing: 1}, {Forged: 1}, {Unrecorded: 1}} {
		r := Report{Receivers: []Receiver{{}, bad}}
		if r.Good() {
			t.Errorf("%+v: got good, want not", bad)
		}
	}
}
