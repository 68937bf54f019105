package demo

import (
	"time"

	"github.com/hookwheel/hookwheel/bench/measure"
	"github.com/hookwheel/hookwheel/engine"
	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/ledger"
)

// Report is what was seen.
type Report struct {
	Accepted int // events
	Repeated int // posts that were made again, because the server was away
	Accept   measure.Latency

	Stopping, Starting time.Duration // of the restart
	Posting            time.Duration // until the last event was accepted
	Took               time.Duration // until the last delivery arrived

	Receivers []Receiver
}

// Receiver is what one receiver counted, and what the ledger says of it.
type Receiver struct {
	Name       string
	Counts     bool // it must have had every event
	Delivered  int  // distinct events
	Verified   int  // receipts whose signature was good
	Forged     int  // requests whose signature was not
	Attempts   int  // as the ledger has them
	Retried    int  // attempts that were not the first of their delivery
	Duplicates int
	Missing    int
	Unrecorded int             // deliveries that the ledger does not know as succeeded
	Latency    measure.Latency // from the post to the receipt
}

// fill takes the figures of a show that is over.
func (r *Report) fill(d *demo, l *ledger.Ledger) {
	r.Accepted = int(d.producer.accepted.Load())
	r.Repeated = int(d.producer.repeated.Load())
	r.Accept = d.producer.latency.Latency()
	for _, rcv := range d.receivers {
		_, lane, _ := l.Lookup(l.PartitionOf(engine.DefaultOrganization), rcv.endpoint)
		row := Receiver{
			Name:       rcv.name,
			Counts:     rcv.counts,
			Delivered:  int(rcv.distinct.Load()),
			Verified:   int(rcv.verified.Load()),
			Forged:     int(rcv.forged.Load()),
			Attempts:   int(lane.Attempts),
			Retried:    int(lane.Attempts - min(lane.Attempts, lane.Started)),
			Duplicates: rcv.duplicates(),
			Latency:    rcv.latency.Latency(),
		}
		if row.Counts {
			row.Missing = r.Accepted - row.Delivered
			row.Unrecorded = row.Delivered - int(lane.Rows[delivery.Succeeded])
		}
		r.Receivers = append(r.Receivers, row)
	}
}

// Total adds up the receivers.
func (r *Report) Total() Receiver {
	total := Receiver{Name: "all", Counts: true}
	for _, row := range r.Receivers {
		total.Delivered += row.Delivered
		total.Verified += row.Verified
		total.Forged += row.Forged
		total.Attempts += row.Attempts
		total.Retried += row.Retried
		total.Duplicates += row.Duplicates
		total.Missing += row.Missing
		total.Unrecorded += row.Unrecorded
	}
	return total
}

// Good reports whether everything is as promised.
func (r *Report) Good() bool {
	total := r.Total()
	return total.Missing == 0 && total.Forged == 0 && total.Unrecorded == 0
}
