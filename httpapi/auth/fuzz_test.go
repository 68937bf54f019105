package auth

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

// A credential is a part of what a header says, and only one that somebody was
// given lets anybody in, whatever it looks like.
func FuzzAuthenticate(f *testing.F) {
	f.Add("Bearer hw_live_x", "")
	f.Add("Basic "+base64.StdEncoding.EncodeToString([]byte("hw_live_x:")), "")
	f.Add("bearer  eyJhbGciOiJub25lIn0.eyJpc3MiOiJob29rd2hlZWwifQ.", "")
	f.Add("Bearer eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJob29rd2hlZWwiLCJleHAiOjl9.AA", "")
	f.Add("", "\x00")
	f.Add("Digest x", "y")
	a := New(nobody{}, make([]byte, MinTokenKey))
	f.Fuzz(func(t *testing.T, authorization, apiKey string) {
		credential, err := Credential([]byte(authorization), []byte(apiKey))
		if err != nil && credential != "" {
			t.Errorf("Credential(%q, %q): got %q with %v", authorization, apiKey, credential, err)
		}
		if authorization == "" && credential != apiKey {
			t.Errorf("Credential of no header: got %q, want %q", credential, apiKey)
		}
		if strings.HasPrefix(authorization, "Bearer ") && err == nil && !strings.HasSuffix(authorization, credential) {
			t.Errorf("Credential(%q): got %q, which is no part of it", authorization, credential)
		}
		if p, err := a.Authenticate(credential, "", time.Unix(0, 0)); err == nil || p.KeyID != "" {
			t.Errorf("Authenticate(%q): got %+v, want it refused", credential, p)
		}
		BasicCredentials([]byte(authorization))
	})
}

// nobody is a server on which nobody has a key.
type nobody struct{}

func (nobody) KeyByHash([32]byte) (Key, bool)          { return Key{}, false }
func (nobody) Client(string) (Client, bool)            { return Client{}, false }
func (nobody) Livemode(string) (livemode, exists bool) { return false, true }
