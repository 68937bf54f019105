package engine

import (
	flags "flag"
	"fmt"
	"testing"
	"testing/synctest"
)

var moreSeeds = flags.Int("seeds", 0, "how many seeds each random test tries, instead of its own number")

// seeded runs a test in virtual time once for each of n seeds. What the test
// chooses by its seed is the same every time; which goroutine is faster, and the
// jitter of retries, is not.
func seeded(t *testing.T, n int, run func(t *testing.T, seed uint64)) {
	if testing.Short() {
		n = (n + 1) / 2
	}
	if *moreSeeds > 0 {
		n = *moreSeeds
	}
	test := t.Name()
	for seed := range uint64(n) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			t.Parallel()
			defer func() {
				if t.Failed() {
					t.Logf("again: go test ./engine -run '^%s$/^seed=%d$' -seeds %d", test, seed, seed+1)
				}
			}()
			synctest.Test(t, func(t *testing.T) { run(t, seed) })
		})
	}
}
