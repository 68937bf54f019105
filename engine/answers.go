package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
)

// KeepAnswer keeps what a request was answered under a key for so long, durably,
// and encrypted like the secrets that it may hold.
func (e *Engine) KeepAnswer(ctx context.Context, org, key string, answer secret.Secret, lifetime time.Duration) error {
	expires := e.now() + lifetime.Milliseconds()
	sealed := e.box.Seal(answer, answerPlace(org, key))
	_, err := e.ledger.Change(ctx, &ledger.Change{Answer: &ledger.Answer{Organization: org, Key: key, Sealed: sealed, ExpiresAt: expires}})
	return err
}

// Answer returns what was kept last under a key and has not expired.
func (e *Engine) Answer(org, key string) (answer secret.Secret, found bool, err error) {
	kept, found, err := e.ledger.Answer(org, key)
	if err != nil || !found || kept.ExpiresAt <= e.now() {
		return secret.Secret{}, false, err
	}
	if answer, err = e.box.Open(kept.Sealed, answerPlace(org, key)); err != nil {
		return secret.Secret{}, false, fmt.Errorf("open the answer kept for %q: %w", key, err)
	}
	return answer, true, nil
}

func answerPlace(org, key string) string { return secret.AAD(org, "answer", key) }
