package native

import (
	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// countsView counts deliveries: those that wait now, and those that ever ended.
type countsView struct {
	Pending   uint64 `json:"pending"`   // not tried yet, or put back in line
	Retrying  uint64 `json:"retrying"`  // failed, and waiting for the next attempt
	Succeeded uint64 `json:"succeeded"` //
	Failed    uint64 `json:"failed"`    //
	Exhausted uint64 `json:"exhausted"` //
	Canceled  uint64 `json:"canceled"`  //
	Expired   uint64 `json:"expired"`   // taken by retention while they were owed
	Attempts  uint64 `json:"attempts"`
}

func viewCounts(c ledger.Counts, attempts uint64) countsView {
	return countsView{
		Pending: c.Pending, Retrying: c.Retrying, Succeeded: c.Succeeded, Failed: c.Failed,
		Exhausted: c.Exhausted, Canceled: c.Canceled, Expired: c.Expired, Attempts: attempts,
	}
}

// endpointStatsView is how deliveries to one endpoint stand.
type endpointStatsView struct {
	countsView
	Matched      uint64     `json:"matched"`    // events that were ever owed to it
	Replayed     uint64     `json:"replayed"`   // deliveries that replays made
	OwedSince    wire.Time  `json:"owed_since"` // when the first of the events that were not tried yet came in
	FirstExpired wire.Time  `json:"first_expired_at"`
	LastExpired  wire.Time  `json:"last_expired_at"`
	Health       healthView `json:"health"`
}

func (a *api) endpointStats(c *wire.Ctx) error {
	e, found := a.ledger.Endpoint(c.Organization, c.Param("id"))
	if !found {
		return wire.NotFound("endpoint")
	}
	since, err := a.ledger.OwedSince(c.Organization, e.Key)
	if err != nil {
		return err
	}
	return c.JSON(fasthttp.StatusOK, endpointStatsView{
		countsView: viewCounts(e.Counts, e.Lane.Attempts), Matched: e.Lane.Matched, Replayed: e.Lane.Replays, OwedSince: wire.Time(since),
		FirstExpired: wire.Time(e.Lane.FirstExpired), LastExpired: wire.Time(e.Lane.LastExpired), Health: health(&e),
	})
}

// statsView is how deliveries of an organization stand.
type statsView struct {
	countsView
	Endpoints int `json:"endpoints"` // that exist
}

func (a *api) stats(c *wire.Ctx) error {
	t := a.ledger.Stats(c.Organization)
	return c.JSON(fasthttp.StatusOK, statsView{countsView: viewCounts(t.Counts, t.Attempts), Endpoints: t.Endpoints})
}
