package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/secret"
)

// What was answered outlives the process, is encrypted, expires, and belongs to
// one organization (G9).
func TestAnswers(t *testing.T) {
	virtual(t, func(t *testing.T, o *office) {
		const key, text = "POST /v1/endpoints k", `{"secret":"whsec_planted"}`
		want := func(when, org, want string) {
			t.Helper()
			got, found, err := o.Answer(org, key)
			if err != nil || found != (want != "") || got.Reveal() != want {
				t.Errorf("%s: got %q, %v, %v, want %q", when, got.Reveal(), found, err, want)
			}
		}
		want("before", acme, "")
		if err := o.KeepAnswer(t.Context(), acme, key, secret.New(text), time.Hour); err != nil {
			t.Fatal(err)
		}
		want("kept", acme, text)
		want("another organization", rival, "")
		kept, _, err := o.ledger.Answer(acme, key)
		if err != nil || strings.Contains(string(kept.Sealed), "planted") {
			t.Errorf("what is stored: got %q, %v, want it encrypted", kept.Sealed, err)
		}
		o.stop()
		o.open()
		want("after a restart", acme, text)
		settle(time.Hour)
		want("an hour later", acme, "")
	})
}
