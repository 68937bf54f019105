package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hookwheel/hookwheel/bench/proof"
)

// postRate is how often the producer of a scenario posts in a second: three
// events a post, and some ten deliveries. A machine of two cores has time left.
const postRate = 100

// Types are those of the events that producers post, as often as they stand
// here.
var Types = []string{"order.created", "order.created", "order.created", "order.paid", "order.paid", "user.created", "user.created", "user.gone"}

// population is what every organization has: endpoints that differ in what they
// want and in how their receivers behave.
var population = []struct {
	name     string
	behave   proof.Behaviour
	settings proof.Settings
}{
	{"all", proof.Behaviour{}, proof.Settings{}},
	{"orders", proof.Behaviour{}, proof.Settings{Types: []string{"order.created", "order.paid"}}},
	{"flaky", proof.Behaviour{FailFirst: 2}, proof.Settings{Types: []string{"order.paid"}}},
	{"alternate", proof.Behaviour{Alternate: true, With: 503}, proof.Settings{Types: []string{"user.created"}}},
	{"slow", proof.Behaviour{DelayMS: 100}, proof.Settings{Types: []string{"user.created"}}},
	{"ordered", proof.Behaviour{}, proof.Settings{Types: []string{"user.created"}, Fifo: true}},
	{"ordered-flaky", proof.Behaviour{FailFirst: 1}, proof.Settings{Types: []string{"user.gone"}, Fifo: true, Retry: []int64{20, 20, 100, 1000, 1000}}},
	{"refuses", proof.Behaviour{Always: true}, proof.Settings{Types: []string{"user.gone"}, Retry: []int64{50, 100}}},
	{"busy", proof.Behaviour{FailFirst: 1, With: 429, RetryAfter: 1}, proof.Settings{Types: []string{"user.gone"}}},
}

// organizations is one more than servers of a lab have partitions, so that two
// of them share one: where they share something, walls can have holes.
const organizations = 3

// Populate starts the server and makes organizations with all kinds of
// endpoints.
func (l *lab) Populate(ctx context.Context) error {
	if err := l.Start(ctx); err != nil {
		return err
	}
	if err := l.CreateOrganizations(ctx, organizations); err != nil {
		return err
	}
	for _, org := range l.API.Orgs() {
		for _, p := range population {
			if _, err := l.CreateEndpoint(ctx, org, org+"-"+p.name, p.behave, p.settings); err != nil {
				return err
			}
		}
	}
	var err error
	l.base, err = l.usage(ctx)
	return err
}

// Churn changes endpoints of its own at random, one after the other, and reads
// lists while they grow, until the function that it returns is called. The
// server has to be up then, since the last change is waited for.
func (l *lab) Churn(ctx context.Context) (stop func() error) {
	end, ended := make(chan struct{}), make(chan error, 1)
	random := rand.New(rand.NewPCG(l.Random.Uint64(), 1))
	go func() { ended <- l.churn(ctx, end, random) }()
	return func() error {
		close(end)
		return <-ended
	}
}

const (
	changesEach = 8                     // of one endpoint
	changePause = 20 * time.Millisecond // between two changes
)

func (l *lab) churn(ctx context.Context, end <-chan struct{}, random *rand.Rand) error {
	orgs := l.API.Orgs()
	for n := 0; ; n++ {
		org := orgs[random.IntN(len(orgs))]
		b := proof.Behaviour{FailFirst: random.IntN(2)}
		e, err := l.CreateEndpoint(ctx, org, fmt.Sprintf("%s-changing-%d", org, n), b, proof.Settings{Retry: []int64{50, 100}})
		if err != nil {
			return err
		}
		for range changesEach {
			select {
			case <-end:
				return nil
			case <-time.After(changePause):
			}
			if err := l.changeOnce(ctx, e, random); err != nil {
				return err
			}
		}
		if err := l.Admin.WalkEvents(ctx, org); err != nil {
			return err
		}
		if random.IntN(2) == 0 {
			if err := l.Admin.Delete(ctx, e); err != nil {
				return err
			}
		}
	}
}

func (l *lab) changeOnce(ctx context.Context, e *proof.Endpoint, random *rand.Rand) error {
	switch n := random.IntN(6); n {
	case 0:
		return l.Admin.Rotate(ctx, e, 1+random.IntN(3))
	case 1:
		first := random.IntN(len(Types))
		return l.Admin.Update(ctx, e, Types[first:first+1+random.IntN(len(Types)-first)])
	default:
		return l.Admin.Control(ctx, e, []string{"disable", "enable", "pause", "resume"}[n-2])
	}
}
