// Package proof keeps books about a server from outside and finds what does not
// add up: events that were accepted and have no fate, receipts of what was never
// sent, attempts that started after they were told to stop.
//
//	Producer  writes what it is about to post, and after it the answer
//	Receiver  writes what it received and what it will answer, and then answers
//	Admin     writes every change of an endpoint before and after it is made
//	the runner of a fault writes when it struck
//
// Each has a ledger file of its own, to which lines are only ever appended, with
// the time of the wall clock and of a clock that nobody sets. When everything is
// over, Observe reads what the server says through its API, as each of its
// tenants, and Check compares: the ledgers with each other, and the server's
// word with the ledgers. What must hold is the list of Invariants; each has a
// name, under which a violation is reported.
//
// Nothing here is taken from the server: not a type, not a codec, not the check
// of a signature. A fault that both sides share would not be found, so a test
// refuses such an import. Producer and Receiver are processes of their own, so
// that no fault of the server's, and no load, is theirs as well.
package proof
