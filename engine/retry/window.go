package retry

// Window is how many attempts to one endpoint may run at once. It finds out
// what the endpoint can take: it grows by one with every success and halves
// when the endpoint does not answer, so a dead one soon holds a single slot.
// Answers that say no are answers and leave it alone.
//
// Whoever wants to know how many may run calls Limit; the maximum is given
// with each call and can change at any time.
type Window int

const (
	StartWindow   Window = 4 // of an endpoint nothing is known about
	RestartWindow Window = 1 // after the breaker has closed
)

// OnSuccess returns the window after an attempt that succeeded.
func (w Window) OnSuccess(maximum int) Window { return max(1, min(w+1, Window(maximum))) }

// OnCongestion returns the window after a timeout, an error to connect, or the
// opening of the breaker.
func (w Window) OnCongestion() Window { return max(1, w/2) }

// Limit returns how many attempts may run at once, at least 1.
func (w Window) Limit(maximum int) int { return max(1, min(int(w), maximum)) }
