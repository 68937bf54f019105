package endpoint

import (
	"slices"
	"testing"

	"github.com/hookwheel/hookwheel/engine/event"
)

// history is an endpoint created at 10, edited at 20, disabled at 30, enabled
// again at 40 and deleted at 50.
func history() *Endpoint {
	e := &Endpoint{Key: 10}
	e = e.WithSpan(10, []string{"invoice.*"}, nil, true)
	e = e.WithSpan(20, []string{"charge.*"}, []string{FromAccounts}, true)
	e = e.WithSpan(30, []string{"charge.*"}, []string{FromAccounts}, false)
	e = e.WithSpan(40, []string{"charge.*"}, []string{FromAccounts}, true)
	return e.WithDeletion(50, 1)
}

func TestOwes(t *testing.T) {
	invoice := event.Event{Type: "invoice.paid"}
	charge := event.Event{Type: "charge.failed", Account: "acct_1"}
	ping := event.Event{Type: "ping", Target: 10}
	for _, test := range []struct {
		name string
		pos  uint64
		ev   event.Event
		want Reason
	}{
		{"older than the endpoint", 9, invoice, CreatedLater},
		{"at its creation", 10, invoice, Owed},
		{"before the edit", 19, invoice, Owed},
		{"before the edit, new filter", 19, charge, OtherAccount},
		{"from the edit on", 20, invoice, OtherAccount},
		{"from the edit on, new filter", 20, charge, Owed},
		{"account fits, type does not", 20, event.Event{Type: "invoice.paid", Account: "acct_1"}, OtherType},
		{"while disabled", 30, charge, Disabled},
		{"disabled comes before account", 39, invoice, Disabled},
		{"enabled again", 40, charge, Owed},
		{"before the deletion", 49, charge, Owed},
		{"from the deletion on", 50, charge, Deleted},
		{"long after the deletion", 1 << 60, charge, Deleted},
		{"ping, whatever the filter", 10, ping, Owed},
		{"ping while disabled", 30, ping, Disabled},
		{"ping of another", 10, event.Event{Type: "invoice.paid", Target: 11}, NotTarget},
	} {
		if got := history().Owes(test.pos, &test.ev); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

func TestEventsFrom(t *testing.T) {
	for _, test := range []struct {
		from             []string
		own, ofConnected Reason
	}{
		{nil, Owed, OtherAccount},
		{[]string{"self"}, Owed, OtherAccount},
		{[]string{"@self"}, Owed, OtherAccount},
		{[]string{"other_accounts"}, OtherAccount, Owed},
		{[]string{"@accounts"}, OtherAccount, Owed},
		{[]string{"@accounts", "self"}, Owed, Owed},
	} {
		e := (&Endpoint{Key: 1}).WithSpan(1, nil, test.from, true)
		if got := e.Owes(1, &event.Event{Type: "a"}); got != test.own {
			t.Errorf("%v, own event: got %v, want %v", test.from, got, test.own)
		}
		if got := e.Owes(1, &event.Event{Type: "a", Account: "acct_1"}); got != test.ofConnected {
			t.Errorf("%v, connected account: got %v, want %v", test.from, got, test.ofConnected)
		}
	}
}

// What an event was answered with stays true whatever happens to the endpoint
// later, and earlier versions are not touched by a change.
func TestOwesIsFixedByPosition(t *testing.T) {
	charge := &event.Event{Type: "charge.failed", Account: "acct_1"}
	e := history()
	before := make([]Reason, 60)
	for pos := range before {
		before[pos] = e.Owes(uint64(pos), charge)
	}
	spans := slices.Clone(e.Spans)
	e.WithSpan(60, []string{"*"}, nil, true)
	e.WithDeletion(50, 2) // the position of the last span: the copy replaces it
	for i, s := range spans {
		if got, want := e.Spans[i].From, s.From; got != want {
			t.Errorf("span %d after making copies: starts at %d, want %d", i, got, want)
		}
	}
	for drop := range uint64(60) {
		pruned := e.PruneSpans(drop)
		for pos := drop; pos < 60; pos++ {
			if got, want := pruned.Owes(pos, charge), before[pos]; got != want {
				t.Errorf("position %d, spans before %d dropped: got %v, want %v", pos, drop, got, want)
			}
		}
	}
	for before, want := range map[uint64]int{19: 5, 20: 4, 45: 2, 50: 1, 99: 1} {
		if got := len(e.PruneSpans(before).Spans); got != want {
			t.Errorf("spans after dropping those before %d: got %d, want %d", before, got, want)
		}
	}
	if got := e.PruneSpans(19); got != e {
		t.Errorf("nothing to drop: got a copy, want the endpoint itself")
	}
}

func TestWithSpan(t *testing.T) {
	e := (&Endpoint{Key: 1, Name: "a"}).WithSpan(1, []string{"a"}, nil, true)
	same := e.WithSpan(2, []string{"a"}, []string{}, true)
	if got, want := len(same.Spans), 1; got != want || same == e {
		t.Errorf("unchanged rules: got %d spans, same endpoint %t, want %d in a copy", got, same == e, want)
	}
	for name, changed := range map[string]*Endpoint{
		"types":    e.WithSpan(2, []string{"b"}, nil, true),
		"accounts": e.WithSpan(2, []string{"a"}, []string{FromAccounts}, true),
		"enabled":  e.WithSpan(2, []string{"a"}, nil, false),
	} {
		if got, want := len(changed.Spans), 2; got != want {
			t.Errorf("other %s: got %d spans, want %d", name, got, want)
		}
	}
	if got, want := len(e.WithSpan(1, []string{"b"}, nil, true).Spans), 1; got != want {
		t.Errorf("two changes at one position: got %d spans, want %d", got, want)
	}
	if got, want := e.Now().EventTypes[0], "a"; got != want {
		t.Errorf("the earlier version: got pattern %q, want %q", got, want)
	}
	if got := e.WithSpan(2, nil, nil, false).WithDeletion(3, 4); got.Enabled() || got.Owes(2, &event.Event{}) != Disabled {
		t.Errorf("deleted while disabled: got %+v, want disabled at 2 and deleted from 3 on", got)
	}
}
