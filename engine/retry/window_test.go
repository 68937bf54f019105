package retry

import "testing"

func TestWindow(t *testing.T) {
	w := StartWindow
	for range 100 {
		w = w.OnSuccess(64)
	}
	if got, want := w.Limit(64), 64; got != want {
		t.Errorf("after many successes: got %d, want %d", got, want)
	}
	if got, want := w.Limit(10), 10; got != want {
		t.Errorf("with a lower maximum: got %d, want %d", got, want)
	}
	if got, want := w.OnSuccess(10), Window(10); got != want {
		t.Errorf("success with a lower maximum: got %d, want %d", got, want)
	}
	for _, want := range []Window{32, 16, 8, 4, 2, 1, 1} {
		if w = w.OnCongestion(); w != want {
			t.Errorf("after congestion: got %d, want %d", w, want)
		}
	}
	if got, want := RestartWindow.OnSuccess(64), Window(2); got != want {
		t.Errorf("after a restart: got %d, want %d", got, want)
	}
	if got := StartWindow.Limit(1); got != 1 {
		t.Errorf("maximum 1: got %d, want 1", got)
	}
	if got := Window(0).OnSuccess(0); got != 1 {
		t.Errorf("nothing allowed: got %d, want 1", got)
	}
}
