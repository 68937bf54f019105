package sign

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stripe/stripe-go/v85/webhook"

	"github.com/hookwheel/hookwheel/engine/secret"
)

const (
	at     = int64(1_614_265_330_999) // Unix ms; the headers carry whole seconds, cut off
	spec   = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	minute = int64(60_000)
)

func key(id, text string) Key { return Key{ID: id, Value: secret.New(text)} }

func newSigner(t testing.TB, schemes []Scheme, keys ...Key) *Signer {
	t.Helper()
	s, err := New(schemes, "", keys)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func message(body string) *Message {
	return &Message{ID: "evt_1", EventType: "invoice.paid", DeliveryID: "dlv_9", At: at, Body: []byte(body)}
}

// all returns the headers as http.Header would hold them, and fails on a name
// that comes twice.
func all(t testing.TB, h *Headers) http.Header {
	t.Helper()
	headers := http.Header{}
	for i := range h.Len() {
		name, value := h.At(i)
		if headers.Get(name) != "" {
			t.Errorf("header %s comes twice", name)
		}
		headers.Set(name, string(value))
	}
	return headers
}

func signed(t testing.TB, s *Signer, m *Message) http.Header {
	t.Helper()
	var h Headers
	s.Sign(&h, m)
	return all(t, &h)
}

func TestVectors(t *testing.T) {
	data, err := os.ReadFile("../../testdata/sign/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name      string
		Schemes   []string
		Secrets   []string
		ID        string
		Timestamp int64
		Body      string
		Headers   map[string]string
	}
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			var schemes []Scheme
			for _, name := range v.Schemes {
				scheme, err := ParseScheme(name)
				if err != nil {
					t.Fatal(err)
				}
				schemes = append(schemes, scheme)
			}
			var keys []Key
			for i, text := range v.Secrets {
				keys = append(keys, key(fmt.Sprint(i), text))
			}
			var h Headers
			newSigner(t, schemes, keys...).Sign(&h, &Message{ID: v.ID, At: v.Timestamp*1000 + 999, Body: []byte(v.Body)})
			got := map[string]string{}
			for i := range h.Len() {
				name, value := h.At(i)
				got[name] = string(value)
			}
			if fmt.Sprint(got) != fmt.Sprint(v.Headers) {
				t.Errorf("got  %v\nwant %v", got, v.Headers)
			}
			for _, scheme := range schemes {
				verifier := Verifier{Scheme: scheme, Keys: keys}
				if id, err := verifier.Verify(all(t, &h).Get, []byte(v.Body), v.Timestamp*1000); id != keys[0].ID || err != nil {
					t.Errorf("Verify %s: got %q, %v, want %q", scheme, id, err, keys[0].ID)
				}
			}
		})
	}
}

// TestHeadersOfEveryScheme spells out what is sent when an endpoint has all
// schemes at once, names in the documented case.
func TestHeadersOfEveryScheme(t *testing.T) {
	const text = "whsec_c2VjcmV0" // "secret" in base64
	s := newSigner(t, []Scheme{Standard, Stripe, Timestamped, GitHub, Bearer}, key("k", text))
	var h Headers
	if got := s.Sign(&h, message("{}")); got != "k" {
		t.Errorf("key id: got %q, want k", got)
	}
	mac := func(key, content string) []byte {
		m := hmac.New(sha256.New, []byte(key))
		m.Write([]byte(content))
		return m.Sum(nil)
	}
	stripe := "t=1614265330,v1=" + hex.EncodeToString(mac(text, "1614265330.{}"))
	standard := "v1," + base64.StdEncoding.EncodeToString(mac("secret", "evt_1.1614265330.{}"))
	want := [][2]string{
		{"webhook-id", "evt_1"},
		{"webhook-timestamp", "1614265330"},
		{"webhook-signature", standard},
		{"Stripe-Signature", stripe},
		{"X-Webhook-Signature", stripe},
		{"X-Webhook-Event", "invoice.paid"},
		{"X-Hub-Signature-256", "sha256=" + hex.EncodeToString(mac(text, "{}"))},
		{"Authorization", "Bearer " + text},
		{"X-Webhook-Delivery", "dlv_9"},
	}
	var got [][2]string
	for i := range h.Len() {
		name, value := h.At(i)
		got = append(got, [2]string{name, string(value)})
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestPrefix(t *testing.T) {
	s, err := New([]Scheme{Timestamped}, "X-CapyDB", []Key{key("k", "text")})
	if err != nil {
		t.Fatal(err)
	}
	var h Headers
	s.Sign(&h, message("{}"))
	var got []string
	for i := range h.Len() {
		name, _ := h.At(i)
		got = append(got, name)
	}
	if want := []string{"X-CapyDB-Signature", "X-CapyDB-Event", "X-CapyDB-Delivery"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestStandardWebhooksLibraryAccepts lets the reference library check what is
// sent, with the new and with the old secret of a rotation.
func TestStandardWebhooksLibraryAccepts(t *testing.T) {
	current, previous := secret.NewSigning(), secret.New(spec)
	now := time.Now()
	s := newSigner(t, []Scheme{Standard},
		Key{ID: "new", Value: current}, Key{ID: "asymmetric", Value: secret.NewAsymmetric()},
		Key{ID: "old", Value: previous, NotAfter: now.Add(time.Hour).UnixMilli()})
	for _, size := range []int{0, 1, 55, 56, 63, 64, 65, 1024, 300_000} {
		m := message(strings.Repeat("x", size))
		m.At = now.UnixMilli()
		headers := signed(t, s, m)
		for _, value := range []secret.Secret{current, previous} {
			library, err := standardwebhooks.NewWebhook(value.Reveal())
			if err != nil {
				t.Fatal(err)
			}
			if err := library.Verify(m.Body, headers); err != nil {
				t.Errorf("body of %d bytes: got %v, want nil", size, err)
			}
		}
	}
}

// TestStripeLibraryAccepts does the same with Stripe's, which reads the
// timestamped scheme as well.
func TestStripeLibraryAccepts(t *testing.T) {
	long := strings.Repeat("long secret ", 20) // longer than a SHA-256 block
	now := time.Now()
	s := newSigner(t, []Scheme{Stripe, Timestamped},
		key("new", spec), Key{ID: "old", Value: secret.New(long), NotAfter: now.Add(time.Hour).UnixMilli()})
	m := message(`{"object":"event"}`)
	m.At = now.UnixMilli()
	headers := signed(t, s, m)
	for _, name := range []string{"Stripe-Signature", "X-Webhook-Signature"} {
		for _, text := range []string{spec, long} {
			if err := webhook.ValidatePayload(m.Body, headers.Get(name), text); err != nil {
				t.Errorf("%s: got %v, want nil", name, err)
			}
		}
		if err := webhook.ValidatePayload(m.Body, headers.Get(name), "another"); !errors.Is(err, webhook.ErrNoValidSignature) {
			t.Errorf("%s with another secret: got %v, want ErrNoValidSignature", name, err)
		}
	}
}

func TestRotation(t *testing.T) {
	keys := []Key{key("new", "new"), {ID: "old", Value: secret.New("old"), NotAfter: at + minute}}
	schemes := []Scheme{Standard, Stripe, GitHub, Bearer}
	both := newSigner(t, schemes, keys...)
	alone := newSigner(t, schemes, keys[0])
	m := message("{}")

	during := signed(t, both, m)
	if got := strings.Count(during.Get("webhook-signature"), "v1,"); got != 2 {
		t.Errorf("standard during the overlap: got %d signatures, want 2", got)
	}
	if got := strings.Count(during.Get("Stripe-Signature"), "v1="); got != 2 {
		t.Errorf("stripe during the overlap: got %d signatures, want 2", got)
	}
	newest := signed(t, alone, m)
	for _, name := range []string{"X-Hub-Signature-256", "Authorization"} {
		if got, want := during.Get(name), newest.Get(name); got != want {
			t.Errorf("%s: got %q, want that of the newest key, %q", name, got, want)
		}
	}
	m.At = at + minute // the old key's end is exclusive
	if got, want := signed(t, both, m), signed(t, alone, m); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("after the overlap: got %v, want %v", got, want)
	}
}

// What Recall returns is what was sent, for every scheme, whichever rotation the
// attempt fell before, into or after.
func TestRecall(t *testing.T) {
	asymmetric := Key{ID: "ed", Value: secret.NewAsymmetric()}
	plain := key("plain", "one")
	for _, test := range []struct {
		schemes []Scheme
		then    []Key // at the time of the attempt
		header  string
	}{
		{[]Scheme{Timestamped}, []Key{plain}, "X-Webhook-Signature"},
		{[]Scheme{Bearer, Standard, Timestamped, Stripe}, []Key{plain}, "X-Webhook-Signature"},
		{[]Scheme{Stripe}, []Key{plain, {ID: "old", Value: secret.New("old"), NotAfter: at + 1}}, "Stripe-Signature"},
		{[]Scheme{GitHub, Standard}, []Key{plain}, "webhook-signature"},
		{[]Scheme{GitHub}, []Key{plain, {ID: "old", Value: secret.New("old"), NotAfter: at + 1}}, "X-Hub-Signature-256"},
		{[]Scheme{Standard}, []Key{asymmetric, plain, {ID: "ended", Value: secret.New("ended"), NotAfter: at - minute}}, "webhook-signature"},
		{[]Scheme{Standard, Stripe}, []Key{asymmetric, plain}, "Stripe-Signature"},
	} {
		m := message("{}")
		s := newSigner(t, test.schemes, test.then...)
		var h Headers
		keyID := s.Sign(&h, m)
		want := all(t, &h).Get(test.header)
		for name, end := range map[string]int64{"not rotated": 0, "rotated later": at + minute, "rotated while it was under way": at - 2} {
			keys := slices.Clone(test.then)
			if end != 0 {
				for i := range keys {
					if keys[i].NotAfter == 0 || keys[i].NotAfter > end {
						keys[i].NotAfter = end
					}
				}
				keys = append([]Key{key("new", "new")}, keys...)
			}
			if got := Recall(s.Schemes(), keys, keyID, m); got != want || got == "" {
				t.Errorf("%v, %s: got %q, want %q", test.schemes, name, got, want)
			}
		}
		if got := Recall(s.Schemes(), []Key{key("new", "new")}, keyID, m); got != "" {
			t.Errorf("%v with a key that is gone: got %q, want none", test.schemes, got)
		}
	}
	if got := Recall(newSigner(t, []Scheme{Bearer}, plain).Schemes(), []Key{plain}, "plain", message("{}")); got != "" {
		t.Errorf("bearer: got %q, want the secret not to be shown", got)
	}
	if got := Recall(0, []Key{plain}, "", message("{}")); got != "" {
		t.Errorf("unsigned: got %q, want none", got)
	}
}

func TestNewRefuses(t *testing.T) {
	asymmetric := Key{ID: "a", Value: secret.NewAsymmetric()}
	public, err := asymmetric.Value.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	expiring := Key{ID: "e", Value: secret.New("text"), NotAfter: at}
	tests := []struct {
		name    string
		schemes []Scheme
		prefix  string
		keys    []Key
		want    error
	}{
		{"no scheme", nil, "", []Key{key("k", "text")}, nil},
		{"unknown scheme", []Scheme{9}, "", []Key{key("k", "text")}, nil},
		{"scheme twice", []Scheme{Stripe, Stripe}, "", []Key{key("k", "text")}, nil},
		{"prefix", []Scheme{Stripe}, "a b", []Key{key("k", "text")}, ErrPrefix},
		{"no key", []Scheme{Standard}, "", nil, ErrKey},
		{"empty key", []Scheme{Stripe}, "", []Key{{ID: "k"}}, ErrKey},
		{"none that lasts", []Scheme{Stripe}, "", []Key{expiring}, ErrKey},
		{"only asymmetric for stripe", []Scheme{Standard, Stripe}, "", []Key{asymmetric, expiring}, ErrKey},
		{"public key", []Scheme{Standard}, "", []Key{key("k", public)}, ErrKey},
		{"public key for github", []Scheme{GitHub}, "", []Key{key("k", public)}, ErrKey},
		{"bad base64 for standard", []Scheme{Standard}, "", []Key{key("k", "whsec_?")}, ErrKey},
		{"bearer with a line break", []Scheme{Bearer}, "", []Key{key("k", "a\r\nX-Injected: b")}, ErrKey},
		{"bearer with a space", []Scheme{Bearer}, "", []Key{key("k", "a b")}, ErrKey},
		{"bearer not ASCII", []Scheme{Bearer}, "", []Key{key("k", "ä")}, ErrKey},
	}
	for _, tt := range tests {
		_, err := New(tt.schemes, tt.prefix, tt.keys)
		if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want an error, %v", tt.name, err, tt.want)
		}
	}
	if _, err := New([]Scheme{Stripe}, "", []Key{key("k", "whsec_?")}); err != nil {
		t.Errorf("bad base64 where it is not decoded: got %v, want nil", err)
	}
	if _, err := New([]Scheme{Standard}, "", []Key{asymmetric}); err != nil {
		t.Errorf("only ed25519 for standard: got %v, want nil", err)
	}
}

func TestValidatePrefix(t *testing.T) {
	tests := []struct {
		prefix string
		ok     bool
	}{
		{"X-Webhook", true},
		{"X-CapyDB", true},
		{"acme", true},
		{"A1", true},
		{strings.Repeat("a", 32), true},
		{strings.Repeat("a", 33), false},
		{"", false},
		{"1A", false},
		{"-A", false},
		{"A-", false},
		{"A:B", false},
		{"A B", false},
		{"A\r\nB", false},
		{"Ä", false},
		{"a[", false}, // 0x5b, next to the letters
		{"a@", false},
		{"Stripe", false},
		{"WEBHOOK", false},
	}
	for _, tt := range tests {
		err := ValidatePrefix(tt.prefix)
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrPrefix) {
			t.Errorf("%q: got %v, want ok %v", tt.prefix, err, tt.ok)
		}
	}
}

func TestSchemeNames(t *testing.T) {
	for scheme := Standard; scheme <= Bearer; scheme++ {
		if got, err := ParseScheme(scheme.String()); got != scheme || err != nil {
			t.Errorf("%s: got %v, %v", scheme, got, err)
		}
	}
	for _, name := range []string{"", "Standard", "hmac"} {
		if got, err := ParseScheme(name); err == nil {
			t.Errorf("%q: got %v, want an error", name, got)
		}
	}
	if got, want := Scheme(0).String(), "Scheme(0)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestSignerDoesNotPrint looks for the key, its decoded form and the hash
// states in what fmt makes of a signer.
func TestSignerDoesNotPrint(t *testing.T) {
	s := newSigner(t, []Scheme{Standard, Stripe}, key("k", spec), Key{ID: "a", Value: secret.NewAsymmetric()})
	decoded, err := s.keys[0].Value.SymmetricKey()
	if err != nil {
		t.Fatal(err)
	}
	type holder struct{ s *Signer }
	type copied struct{ s Signer }
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		got := fmt.Sprintf(strings.Repeat(verb, 4), s, *s, holder{s}, copied{*s})
		for _, leak := range [][]byte{decoded, s.keys[0].decoded.inner[:8], s.keys[0].whole.outer[:8], s.keys[1].private[:8]} {
			for _, form := range []string{"%s", "%x", "%X", "%d", "%#v"} {
				text := strings.Trim(fmt.Sprintf(form, leak), "[]byte{}")
				if strings.Contains(got, text) {
					t.Errorf("%s shows %s: %s", verb, text, got)
				}
			}
		}
		if strings.Contains(got, spec[6:]) {
			t.Errorf("%s shows the secret: %s", verb, got)
		}
	}
}

// TestConcurrent lets many goroutines sign with one signer; the race detector
// watches, and all must get the same.
func TestConcurrent(t *testing.T) {
	s := newSigner(t, []Scheme{Standard, Stripe}, key("k", spec), Key{ID: "a", Value: secret.NewAsymmetric()})
	want := fmt.Sprint(signed(t, s, message("{}")))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			var h Headers
			for range 50 {
				h.Reset()
				s.Sign(&h, message("{}"))
				if got := fmt.Sprint(all(t, &h)); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
	}
	group.Wait()
}

func TestNothingAllocates(t *testing.T) {
	keys := []Key{key("new", spec), {ID: "old", Value: secret.New("another"), NotAfter: at + minute}}
	for scheme := Standard; scheme <= Bearer; scheme++ {
		s := newSigner(t, []Scheme{scheme}, keys...)
		m := message(strings.Repeat("x", 1024))
		var h Headers
		got := testing.AllocsPerRun(100, func() {
			h.Reset()
			s.Sign(&h, m)
		})
		if got != 0 {
			t.Errorf("%s: got %v allocations, want 0", scheme, got)
		}
	}
}
