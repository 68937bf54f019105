package engine

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/ledger"
)

// A key that is in use costs one record an hour, and what is known of it is not
// older than that.
func TestKeyUses(t *testing.T) {
	virtual(t, func(t *testing.T, o *office) {
		k, _, err := o.CreateKey(t.Context(), acme, &ledger.Key{Scopes: []string{"admin"}}, someone)
		if err != nil {
			t.Fatal(err)
		}
		used := func() int64 {
			now, _ := o.key(acme, k.ID)
			return now.LastUsedAt
		}
		if got := used(); got != 0 {
			t.Errorf("never used: got %d, want 0", got)
		}
		first := o.now()
		for range 100 {
			o.KeyUsed(k.ID)
			o.KeyUsed("key_of_nobody")
			settle(30 * time.Second)
		}
		if got := used(); got != first {
			t.Errorf("used for 50 minutes: got %d, want %d, the beginning", got, first)
		}
		settle(10 * time.Minute)
		second := o.now()
		o.KeyUsed(k.ID)
		settle(time.Minute)
		if got := used(); got != second {
			t.Errorf("used after an hour: got %d, want %d", got, second)
		}
		o.stop()
		o.open()
		if got := used(); got != second {
			t.Errorf("after a restart: got %d, want %d", got, second)
		}
		// It changes nothing for who changes the key.
		now, _ := o.key(acme, k.ID)
		revoked, err := o.RevokeKey(t.Context(), acme, k.ID, someone)
		if err != nil || now.Version != k.Version || revoked.LastUsedAt != second {
			t.Errorf("revoke: got %+v, %v, want it last used at %d", revoked, err, second)
		}
	})
}

// A use that could not be written is written later, not forgotten for an hour.
func TestKeyUsesThatWereNotWritten(t *testing.T) {
	virtual(t, func(t *testing.T, o *office) {
		k, _, err := o.CreateKey(t.Context(), acme, &ledger.Key{Scopes: []string{"admin"}}, someone)
		if err != nil {
			t.Fatal(err)
		}
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		at := o.now()
		o.KeyUsed(k.ID)
		if err := o.noteUses(canceled); !errors.Is(err, context.Canceled) {
			t.Fatalf("write that is broken off: got %v, want %v", err, context.Canceled)
		}
		if !o.uses.news.Load() {
			t.Error("after a write that failed: nothing is new")
		}
		settle(2 * time.Minute)
		if now, _ := o.key(acme, k.ID); now.LastUsedAt != at {
			t.Errorf("two minutes later: got %d, want %d", now.LastUsedAt, at)
		}
	})
}

func BenchmarkKeyUsed(b *testing.B) {
	o := newOffice(b)
	defer o.stop()
	b.ReportAllocs()
	for b.Loop() {
		o.KeyUsed("key_1")
	}
}
