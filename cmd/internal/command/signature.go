package command

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/engine/sign"
)

// schemeNames are the signature schemes, in the order of their numbers.
var schemeNames = []string{
	sign.Standard.String(), sign.Stripe.String(), sign.Timestamped.String(), sign.GitHub.String(), sign.Bearer.String(),
}

// signing is what sign, verify and listen share: the scheme and its secrets.
type signing struct {
	scheme  string // "" = whichever headers are there
	prefix  string
	secrets []string
}

// anyScheme stands for whichever schemes a message carries headers of.
const anyScheme = "any"

func (o *signing) flags(f *flagSet, initial string, schemes ...string) {
	f.in("Signature")
	f.words(&o.secrets, "secret", "`SECRETS` of the endpoint, newest first: whsec_…, whsk_… or any other text")
	f.choice(&o.scheme, "scheme", "`SCHEME` of the signature", initial, schemes...)
	f.text(&o.prefix, "header-prefix", "`PREFIX` of the headers that no scheme fixes, as the server has it", sign.DefaultPrefix, sign.ValidatePrefix)
}

func (o *signing) keys() []sign.Key {
	keys := make([]sign.Key, len(o.secrets))
	for i, text := range o.secrets {
		keys[i] = sign.Key{ID: fmt.Sprintf("secret %d", i+1), Value: secret.New(text)}
	}
	return keys
}

// check verifies a message. With any scheme, all that it carries headers of
// must verify, and it must carry one. It returns the names of the schemes.
func (o *signing) check(header http.Header, body []byte, tolerance time.Duration, now time.Time) (string, error) {
	if o.scheme != anyScheme {
		return o.scheme, o.checkOne(o.scheme, header, body, tolerance, now)
	}
	var verified []string
	for _, scheme := range []struct{ name, header string }{
		{"standard", "webhook-signature"},
		{"stripe", "Stripe-Signature"},
		{"timestamped", o.prefix + "-Signature"},
		{"github", "X-Hub-Signature-256"},
		{"bearer", "Authorization"},
	} {
		// An Authorization beside a signature is a header of its own.
		if header.Get(scheme.header) == "" || scheme.name == "bearer" && len(verified) > 0 {
			continue
		}
		if err := o.checkOne(scheme.name, header, body, tolerance, now); err != nil {
			return scheme.name, fmt.Errorf("%s: %w", scheme.name, err)
		}
		verified = append(verified, scheme.name)
	}
	if len(verified) == 0 {
		return "", sign.ErrMissingHeader
	}
	return strings.Join(verified, ", "), nil
}

func (o *signing) checkOne(name string, header http.Header, body []byte, tolerance time.Duration, now time.Time) error {
	scheme, err := sign.ParseScheme(name)
	if err != nil {
		return err
	}
	verifier := sign.Verifier{Scheme: scheme, Prefix: o.prefix, Keys: o.keys(), Tolerance: tolerance}
	_, err = verifier.Verify(header.Get, body, now.UnixMilli())
	return err
}
