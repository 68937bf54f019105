package endpoint

// Health sums up in one word how deliveries to an endpoint are going.
type Health string

const (
	Healthy  Health = "healthy"
	Degraded Health = "degraded" // the latest attempt failed
	Failing  Health = "failing"  // several in a row did, or a delivery was given up
	Off      Health = "disabled" // the endpoint is disabled
)

// failingAfter is how many failed attempts in a row make an endpoint failing.
const failingAfter = 5

// Facts is what health follows from.
type Facts struct {
	Enabled     bool
	Failures    uint64 // failed attempts since the last success
	BreakerOpen bool   // only probes are sent
	GaveUp      bool   // the delivery that ended last did not succeed
}

// Health is the worst that the facts allow to say.
func (f Facts) Health() Health {
	switch {
	case !f.Enabled:
		return Off
	case f.BreakerOpen || f.GaveUp || f.Failures >= failingAfter:
		return Failing
	case f.Failures > 0:
		return Degraded
	}
	return Healthy
}
