package proof

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Lag is how long things took: the middle, what all but one in a hundred came
// up to, and the longest.
type Lag struct {
	Of             int // things
	P50, P99, Most time.Duration
}

func (l Lag) String() string {
	round := func(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
	return fmt.Sprintf("p50 %v, p99 %v, most %v, of %d", round(l.P50), round(l.P99), round(l.Most), l.Of)
}

func lagOf(took []time.Duration) Lag {
	if len(took) == 0 {
		return Lag{}
	}
	slices.Sort(took)
	return Lag{Of: len(took), P50: took[len(took)/2], P99: took[len(took)*99/100], Most: took[len(took)-1]}
}

// LagOf is how long after the answer to its post each event came to an endpoint
// for the first time; 0 for those that came before the answer.
func LagOf(records []Record, endpoint string) Lag {
	answered := map[string]int64{}
	for i := range records {
		if a := records[i].Answer; a != nil {
			for _, r := range a.Results {
				if r.ID != "" && answered[r.ID] == 0 {
					answered[r.ID] = records[i].Mono
				}
			}
		}
	}
	var took []time.Duration
	for i := range records {
		r := &records[i]
		if r.Receipt == nil || r.Receipt.Endpoint != endpoint {
			continue
		}
		if at, known := answered[r.Receipt.ID]; known {
			took = append(took, time.Duration(max(0, r.Mono-at)))
			delete(answered, r.Receipt.ID)
		}
	}
	return lagOf(took)
}

// LagOfPosts is how long the server took to answer the posts of a producer, and
// how many it did not answer or not accept.
func LagOfPosts(records []Record, producer string) (lag Lag, refused int) {
	began := map[string]int64{}
	var took []time.Duration
	for i := range records {
		switch r := &records[i]; {
		case r.Intent != nil && strings.HasPrefix(r.Intent.Post, producer+"."):
			began[r.Intent.Post] = r.Mono
		case r.Answer != nil && began[r.Answer.Post] != 0:
			took = append(took, time.Duration(r.Mono-began[r.Answer.Post]))
			if r.Answer.Status/100 != 2 {
				refused++
			}
		}
	}
	return lagOf(took), refused
}
