package sign

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/hookwheel/hookwheel/engine/secret"
)

// TestVerifyEveryScheme signs with each scheme and verifies: accepted as sent,
// refused with another body, another key, or a key that has run out.
func TestVerifyEveryScheme(t *testing.T) {
	keys := []Key{key("new", spec), {ID: "old", Value: secret.New("another"), NotAfter: at + minute}}
	for scheme := Standard; scheme <= Bearer; scheme++ {
		m := message(`{"a":1}`)
		headers := signed(t, newSigner(t, []Scheme{scheme}, keys...), m)
		verifier := Verifier{Scheme: scheme, Keys: keys}
		if id, err := verifier.Verify(headers.Get, m.Body, at); id != "new" || err != nil {
			t.Errorf("%s: got %q, %v, want new", scheme, id, err)
		}
		if scheme != GitHub && scheme != Bearer { // those carry the newest key's alone
			verifier.Keys = keys[1:]
			if id, err := verifier.Verify(headers.Get, m.Body, at); id != "old" || err != nil {
				t.Errorf("%s by the old key: got %q, %v, want old", scheme, id, err)
			}
		}
		if scheme != Bearer { // it does not protect the body
			verifier.Keys = keys
			if _, err := verifier.Verify(headers.Get, []byte(`{"a":2}`), at); !errors.Is(err, ErrNoMatch) {
				t.Errorf("%s, another body: got %v, want ErrNoMatch", scheme, err)
			}
		}
		for name, k := range map[string]Key{
			"another key": key("other", "whsec_b3RoZXI="),
			"run out":     {ID: "new", Value: secret.New(spec), NotAfter: at},
		} {
			verifier.Keys = []Key{k}
			if _, err := verifier.Verify(headers.Get, m.Body, at); !errors.Is(err, ErrNoMatch) {
				t.Errorf("%s, %s: got %v, want ErrNoMatch", scheme, name, err)
			}
		}
		if _, err := verifier.Verify(http.Header{}.Get, m.Body, at); !errors.Is(err, ErrMissingHeader) {
			t.Errorf("%s, no header: got %v, want ErrMissingHeader", scheme, err)
		}
	}
	if _, err := (Verifier{}).Verify(http.Header{}.Get, nil, at); err == nil {
		t.Error("no scheme: got nil, want an error")
	}
}

func TestVerifyPrefix(t *testing.T) {
	s, err := New([]Scheme{Timestamped}, "X-Acme", []Key{key("k", spec)})
	if err != nil {
		t.Fatal(err)
	}
	headers := signed(t, s, message("{}"))
	verifier := Verifier{Scheme: Timestamped, Prefix: "X-Acme", Keys: []Key{key("k", spec)}}
	if _, err := verifier.Verify(headers.Get, []byte("{}"), at); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	verifier.Prefix = ""
	if _, err := verifier.Verify(headers.Get, []byte("{}"), at); !errors.Is(err, ErrMissingHeader) {
		t.Errorf("another prefix: got %v, want ErrMissingHeader", err)
	}
}

func TestVerifyTolerance(t *testing.T) {
	const seconds = at / 1000 * 1000
	tests := []struct {
		tolerance time.Duration
		now       int64
		want      error
	}{
		{0, seconds + 300_000, nil},
		{0, seconds + 300_001, ErrTimestamp},
		{0, seconds - 300_000, nil},
		{0, seconds - 300_001, ErrTimestamp},
		{time.Second, seconds + 1000, nil},
		{time.Second, seconds + 1001, ErrTimestamp},
		{-1, seconds + 1e12, nil},
	}
	for _, scheme := range []Scheme{Standard, Stripe, Timestamped} {
		headers := signed(t, newSigner(t, []Scheme{scheme}, key("k", spec)), message("{}"))
		for _, tt := range tests {
			verifier := Verifier{Scheme: scheme, Keys: []Key{key("k", spec)}, Tolerance: tt.tolerance}
			if _, err := verifier.Verify(headers.Get, []byte("{}"), tt.now); !errors.Is(err, tt.want) {
				t.Errorf("%s, tolerance %v, %d ms apart: got %v, want %v", scheme, tt.tolerance, tt.now-seconds, err, tt.want)
			}
		}
	}
}

// TestVerifyAsymmetric proves that a receiver needs only the public key, and
// that this key, known to everyone, cannot be used to sign with v1.
func TestVerifyAsymmetric(t *testing.T) {
	private := secret.NewAsymmetric()
	public, err := private.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	m := message("{}")
	headers := signed(t, newSigner(t, []Scheme{Standard}, Key{ID: "k", Value: private}), m)
	for _, text := range []string{public, private.Reveal()} {
		verifier := Verifier{Scheme: Standard, Keys: []Key{key("k", text)}}
		if id, err := verifier.Verify(headers.Get, m.Body, at); id != "k" || err != nil {
			t.Errorf("got %q, %v, want k", id, err)
		}
	}

	headers.Set(headerStandard, strings.Replace(headers.Get(headerStandard), "v1a,", "v1,", 1))
	verifier := Verifier{Scheme: Standard, Keys: []Key{key("k", public)}}
	if _, err := verifier.Verify(headers.Get, m.Body, at); !errors.Is(err, ErrNoMatch) {
		t.Errorf("ed25519 under the name of v1: got %v, want ErrNoMatch", err)
	}

	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(public, secret.PublicPrefix))
	if err != nil {
		t.Fatal(err)
	}
	// New refuses the public key as it stands, so the forger signs by hand.
	for _, guess := range []string{public, string(raw)} {
		mac := hmac.New(sha256.New, []byte(guess))
		mac.Write([]byte("evt_1.1614265330.{}"))
		headers.Set(headerStandard, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		if _, err := verifier.Verify(headers.Get, m.Body, at); !errors.Is(err, ErrNoMatch) {
			t.Errorf("forged with the public key: got %v, want ErrNoMatch", err)
		}
	}
}

// TestVerifyHeaderForms goes through what senders, good and bad, put into the
// header.
func TestVerifyHeaderForms(t *testing.T) {
	const text = "some secret"
	body := []byte("{}")
	good := signed(t, newSigner(t, []Scheme{Stripe, Standard, GitHub}, key("k", text)), message("{}"))
	v1 := good.Get("Stripe-Signature")[len("t=1614265330,v1="):]
	standard := good.Get("webhook-signature")
	zeros := strings.Repeat("0", 64)
	tests := []struct {
		scheme Scheme
		value  string
		want   error
	}{
		{Stripe, "t=1614265330,v1=" + v1, nil},
		{Stripe, "v1=" + v1 + ",t=1614265330", nil},
		{Stripe, "t=1614265330,v1=" + zeros + ",v1=" + v1 + ",v0=" + zeros, nil},
		{Stripe, "t=1614265330,v1=nothex,v1=" + v1, nil},
		{Stripe, "t=1614265330,v1=" + strings.ToUpper(v1), nil},
		{Stripe, "t=1614265330,v0=" + v1, ErrNoMatch},
		{Stripe, "t=1614265330,v2=" + v1, ErrNoMatch},
		{Stripe, "t=1614265330,v1=" + v1[:62], ErrNoMatch},
		{Stripe, "t=1614265330,v1=", ErrNoMatch},
		{Stripe, "t=1614265330", ErrNoMatch},
		{Stripe, "t=1614265331,v1=" + v1, ErrNoMatch},
		{Stripe, "t=1614265330, v1=" + v1, ErrNoMatch},
		{Stripe, "v1=" + v1, ErrMalformed},
		{Stripe, "t=,v1=" + v1, ErrMalformed},
		{Stripe, "t=x,v1=" + v1, ErrMalformed},
		{Stripe, "t=-1,v1=" + v1, ErrMalformed},
		{Stripe, "t=9223372036854775807,v1=" + v1, ErrMalformed},
		{Stripe, "t=1614265330,v1", ErrMalformed},
		{Stripe, "t=1614265330,v1=" + v1 + ",v0=a=", ErrMalformed},
		{Stripe, "hello", ErrMalformed},
		{Stripe, "", ErrMissingHeader},
		{Standard, standard, nil},
		{Standard, "v1,AAAA " + standard, nil},
		{Standard, "v2,AAAA junk  " + standard, nil},
		{Standard, "v1a," + standard[3:], ErrNoMatch},
		{Standard, "v2," + standard[3:], ErrNoMatch},
		{Standard, standard[3:], ErrNoMatch},
		{GitHub, good.Get("X-Hub-Signature-256"), nil},
		{GitHub, "sha256=" + zeros, ErrNoMatch},
		{GitHub, "sha1=" + zeros, ErrMalformed},
		{GitHub, "sha256=xyz", ErrMalformed},
		{Bearer, "bearer " + text, nil},
		{Bearer, "Bearer another", ErrNoMatch},
		{Bearer, "Bearer", ErrMalformed},
		{Bearer, "Basic abc", ErrMalformed},
	}
	names := map[Scheme]string{Stripe: headerStripe, Standard: headerStandard, GitHub: headerGitHub, Bearer: headerBearer}
	for _, tt := range tests {
		headers := good.Clone()
		headers.Set(names[tt.scheme], tt.value)
		verifier := Verifier{Scheme: tt.scheme, Keys: []Key{key("k", text)}}
		if _, err := verifier.Verify(headers.Get, body, at); !errors.Is(err, tt.want) {
			t.Errorf("%s %q: got %v, want %v", tt.scheme, tt.value, err, tt.want)
		}
	}
}

func TestVerifyOwnFaults(t *testing.T) {
	headers := signed(t, newSigner(t, []Scheme{Standard, Stripe}, key("k", spec)), message("{}"))
	tests := []struct {
		scheme Scheme
		key    Key
	}{
		{Standard, Key{ID: "empty"}},
		{Stripe, Key{ID: "empty"}},
		{Standard, key("bad base64", "whsec_?")},
		{Standard, key("bad private", "whsk_?")},
		{Standard, key("bad public", "whpk_?")},
	}
	for _, tt := range tests {
		verifier := Verifier{Scheme: tt.scheme, Keys: []Key{tt.key}}
		if _, err := verifier.Verify(headers.Get, []byte("{}"), at); !errors.Is(err, ErrKey) {
			t.Errorf("%s, %s: got %v, want ErrKey", tt.scheme, tt.key.ID, err)
		}
	}
}

// FuzzVerifyStripe compares with Stripe's library on headers of any form.
// Where it accepts and this does not, the reason must be one of those in
// which this is stricter on purpose.
func FuzzVerifyStripe(f *testing.F) {
	now := time.Now()
	s := newSigner(f, []Scheme{Stripe}, key("k", spec))
	m := message("{}")
	m.At = now.UnixMilli()
	var h Headers
	s.Sign(&h, m)
	_, value := h.At(0)
	f.Add(string(value))
	f.Add(string(value) + ",v0=abc,t=" + strconv.FormatInt(now.Unix()+1, 10))
	f.Add("t=1,v1=ab")
	f.Add("t==,v1")
	verifier := Verifier{Scheme: Stripe, Keys: []Key{key("k", spec)}, Tolerance: -1}
	f.Fuzz(func(t *testing.T, header string) {
		_, err := verifier.Verify(func(string) string { return header }, []byte("{}"), m.At)
		theirs := webhook.ValidatePayloadIgnoringTolerance([]byte("{}"), header, spec)
		if err == nil && theirs != nil && strings.Count(header, "t=") < 2 {
			t.Errorf("%q: accepted here, theirs says %v", header, theirs)
		}
		if err != nil && theirs == nil && strings.Count(header, "t=") < 2 {
			t.Errorf("%q: got %v, theirs accepts", header, err)
		}
	})
}

// FuzzSignVerify signs anything and expects that it is accepted, and that a
// changed body is not.
func FuzzSignVerify(f *testing.F) {
	f.Add("whsec_c2VjcmV0", "evt_1", []byte("{}"), at)
	f.Add(strings.Repeat("k", 100), "", []byte{}, int64(0))
	f.Fuzz(func(t *testing.T, text, id string, body []byte, at int64) {
		keys := []Key{key("k", text)}
		s, err := New([]Scheme{Standard, Stripe, GitHub}, "", keys)
		if err != nil || id == "" || at < 0 || at/1000 > maxTimestamp {
			t.Skip()
		}
		headers := map[string]string{}
		var h Headers
		s.Sign(&h, &Message{ID: id, At: at, Body: body})
		for i := range h.Len() {
			name, value := h.At(i)
			headers[name] = string(value)
		}
		get := func(name string) string { return headers[name] }
		changed := append(bytes.Clone(body), 'x')
		for _, scheme := range []Scheme{Standard, Stripe, GitHub} {
			verifier := Verifier{Scheme: scheme, Keys: keys}
			if _, err := verifier.Verify(get, body, at); err != nil {
				t.Errorf("%s: got %v, want nil", scheme, err)
			}
			if _, err := verifier.Verify(get, changed, at); !errors.Is(err, ErrNoMatch) {
				t.Errorf("%s, changed body: got %v, want ErrNoMatch", scheme, err)
			}
		}
	})
}
