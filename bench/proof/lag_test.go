package proof

import (
	"testing"
	"time"
)

func TestLag(t *testing.T) {
	ms := func(n int) int64 { return int64(n) * int64(time.Millisecond) }
	answer := func(at int, post, id string, status int) Record {
		return Record{Mono: ms(at), Answer: &Answer{Post: post, Status: status, Results: []Result{{ID: id}}}}
	}
	receipt := func(at int, endpoint, id string) Record {
		return Record{Mono: ms(at), Receipt: &Receipt{Endpoint: endpoint, ID: id}}
	}
	records := []Record{
		{Mono: ms(1), Intent: &Intent{Post: "p.1"}},
		{Mono: ms(2), Intent: &Intent{Post: "p.2"}},
		{Mono: ms(2), Intent: &Intent{Post: "q.1"}},
		answer(400, "q.1", "", 202),
		receipt(5, "e", "one"), // before the answer
		answer(7, "p.1", "one", 202),
		answer(12, "p.2", "two", 202),
		receipt(22, "e", "two"),
		receipt(500, "e", "two"), // again
		receipt(600, "other", "one"),
		{Mono: ms(700), Intent: &Intent{Post: "p.3"}},
		answer(703, "p.3", "", 503),
	}
	if got, want := LagOf(records, "e"), (Lag{Of: 2, P50: 10 * time.Millisecond, P99: 10 * time.Millisecond, Most: 10 * time.Millisecond}); got != want {
		t.Errorf("of an endpoint: got %v, want %v", got, want)
	}
	if got := LagOf(records, "nobody"); got != (Lag{}) {
		t.Errorf("of nobody: got %v, want zeros", got)
	}
	got, refused := LagOfPosts(records, "p")
	if want := (Lag{Of: 3, P50: 6 * time.Millisecond, P99: 10 * time.Millisecond, Most: 10 * time.Millisecond}); got != want || refused != 1 {
		t.Errorf("of posts: got %v, %d refused, want %v, 1", got, refused, want)
	}
}
