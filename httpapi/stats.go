package httpapi

import (
	"io"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/hookwheel/hookwheel/httpapi/ops"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// durationBounds are those of request durations, in seconds: from a read out
// of memory to the longest that a timeout allows.
var durationBounds = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15}

var statsHelp = map[string]string{
	"hookwheel_http_requests_total":           "Requests answered, by route and class of the status.",
	"hookwheel_http_request_duration_seconds": "Time from a request read completely to its answer, by route.",
	connectionsFamily:                         "Connections that are open, by listener.",
	connectionsFamily + "_limit":              "Bound of the connections that are open, by listener.",
	connectionsFamily + "_refused_total":      "Connections that were answered with 503, or cut, because as many were open as may be; by listener.",
	"hookwheel_http_rate_limited_total":       "Requests refused because their caller sent too many, by what the caller was known by.",
}

// stats counts requests. Everything is labelled with the pattern of the route,
// never with a path, so that no caller can make new series.
type stats struct {
	set      *metrics.Set
	routes   map[*wire.Route]*routeStats // doors share them
	unrouted [6]*metrics.Counter         // by class: 404, 405, and what could not be read
	limited  [len(callerKinds)]*metrics.Counter
}

// routeStats are the metrics of one route, found once, when it is declared.
type routeStats struct {
	answers  [6]*metrics.Counter // by status / 100
	duration *metrics.PrometheusHistogram
}

func newStats() *stats {
	s := &stats{set: metrics.NewSet(), routes: map[*wire.Route]*routeStats{}}
	for class := 4; class <= 5; class++ {
		s.unrouted[class] = s.set.NewCounter(ops.Series("hookwheel_http_requests_total", "method", "", "route", "", "code", className(class)))
	}
	for kind, name := range callerKinds {
		s.limited[kind] = s.set.NewCounter(ops.Series("hookwheel_http_rate_limited_total", "by", name))
	}
	return s
}

func (s *stats) route(r *wire.Route) *routeStats {
	if of := s.routes[r]; of != nil {
		return of
	}
	of := &routeStats{}
	s.routes[r] = of
	for class := 2; class <= 5; class++ {
		of.answers[class] = s.set.NewCounter(ops.Series("hookwheel_http_requests_total", "method", r.Method, "route", r.Pattern, "code", className(class)))
	}
	of.duration = s.set.NewPrometheusHistogramExt(ops.Series("hookwheel_http_request_duration_seconds", "method", r.Method, "route", r.Pattern), durationBounds)
	return of
}

func className(class int) string { return string(rune('0'+class)) + "xx" }

func (s *stats) count(e *entry, status int, elapsed time.Duration) {
	if e == nil {
		s.unrouted[status/100].Inc()
		return
	}
	e.stats.answers[status/100].Inc()
	e.stats.duration.Update(elapsed.Seconds())
}

// Metrics are the server's own metrics, for ops.Handler.
func (s *Server) Metrics() ops.Source {
	return ops.Source{Help: statsHelp, Write: func(w io.Writer) {
		s.stats.set.WritePrometheus(w)
		s.connections(w)
	}}
}
