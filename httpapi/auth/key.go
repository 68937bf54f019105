package auth

import (
	"crypto/sha256"

	"github.com/hookwheel/hookwheel/engine/secret"
)

// Hash is what is stored of a key, and what finds it.
func Hash(text string) [sha256.Size]byte { return secret.Hash(text) }
