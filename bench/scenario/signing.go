package scenario

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"runtime"
	"slices"
	"time"
)

// Signing is measured in this process: a block of raw HMACs and a block of
// signatures by turns, so that both see the same clock speed and neighbours.
const (
	signingBlock  = 2000
	signingBlocks = 101 // of each kind; their median counts
)

var signing = scenario{
	name:  "signing",
	about: "signing 1 KB by the standard scheme, against raw HMAC-SHA256 with a reused hash",
	once: func(ctx context.Context, l *lab) (run, error) {
		body := slices.Repeat([]byte{'x'}, 1024)
		mac := hmac.New(sha256.New, body[:32])
		sum := make([]byte, 0, sha256.Size)
		at := time.Now()
		raw := func() {
			mac.Reset()
			mac.Write(body)
			sum = mac.Sum(sum[:0])
		}
		sign := func() { l.Sign("evt_01J00000000000000000000000", at, body) }

		var raws, signs []float64
		for range signingBlocks {
			raws = append(raws, perSecond(raw))
			signs = append(signs, perSecond(sign))
			if err := ctx.Err(); err != nil {
				return run{}, err
			}
		}
		return run{figures: []Figure{
			{
				Name: "signing 1 KB, standard scheme", Unit: "signatures/s",
				Value: median(signs), Reference: median(raws), Goal: Goal{Must: 0.85, Aim: 0.95},
			},
			{
				Name: "signing 1 KB, allocations", Unit: "per signature",
				Value: allocationsOf(sign), Goal: Goal{AtMost: true},
			},
		}}, nil
	},
}

func perSecond(f func()) float64 {
	began := time.Now()
	for range signingBlock {
		f()
	}
	return signingBlock / time.Since(began).Seconds()
}

// allocationsOf returns how many f makes, rounded down, so that what the rest of
// the process allocates meanwhile does not count.
func allocationsOf(f func()) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range signingBlock {
		f()
	}
	runtime.ReadMemStats(&after)
	return float64((after.Mallocs - before.Mallocs) / signingBlock)
}
