// Package bench answers two questions about speed: what the engine does for
// its users on this machine, and how the cost of each piece grows.
//
// The first is scenario's, behind `hookwheel bench` and `make bench`: real
// processes, real sockets, a real disk, and a bare client in the same run to
// compare with. It stands on load, which posts, on sink, which receives and
// misbehaves, on payload, and on measure.
//
// The second is the Go benchmarks of this package, `make bench-go`: signing by
// size of the body, matching by number of endpoints, timers by how many wait,
// appends by number of writers, posts by fan-out. Benchmarks of single pieces
// lie beside them: taking in a request, packing records, applying them,
// rendering, sending, deciding about a retry. Nothing here is part of what runs in production.
package bench
