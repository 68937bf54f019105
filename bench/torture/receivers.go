package torture

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hookwheel/hookwheel/bench/proof"
)

// receivers has an endpoint for each way in which a receiver can be hostile,
// and honest ones beside them, which must not be hurt.
var receivers = scenario{
	name: "receivers", about: "receivers that hang, drip, flood, lie, vanish, redirect and present wrong certificates, beside honest ones",
	longRounds: 3,
	run: func(ctx context.Context, l *lab) error {
		l.Server.Flags = append(l.Server.Flags, "--retry-after-max", fmt.Sprintf("%ds", proof.RetryAfterMost))
		shams, err := newShams(l.Dir, l.URL)
		if err != nil {
			return err
		}
		defer shams.close()
		l.Server.Env = append(l.Server.Env, "SSL_CERT_FILE="+filepath.Join(l.Dir, authorityFile))
		crowd, honest, err := l.crowd(ctx, shams)
		if err != nil {
			return err
		}
		if err := l.Produce(ctx, crowdRate); err != nil {
			return err
		}
		duration := 6 * time.Second
		if l.Long {
			duration = 2 * time.Minute
		}
		if err := l.Sleep(ctx, duration, duration); err != nil {
			return err
		}
		if err := l.EndProducers(); err != nil {
			return err
		}
		return errors.Join(l.judge(ctx, crowd), l.unhurt(honest), shams.fooled())
	},
}

// crowdRate is how often the producer posts in a second. Each event that the
// crowd wants makes some forty deliveries, of three attempts most of them.
const crowdRate = 30

// Of the crowd's endpoints. One that hangs has ended after some three seconds, so that
// the end need not be waited for.
var hostileSettings = proof.Settings{Types: []string{"user.gone"}, Retry: []int64{50, 100}, Timeout: 1000}

// hostile is an endpoint that misbehaves, and what the server may call that.
type hostile struct {
	*proof.Endpoint
	classes []string
}

// crowd starts the server and makes all endpoints.
func (l *lab) crowd(ctx context.Context, s *shams) (crowd []hostile, honest []*proof.Endpoint, err error) {
	if err := l.Start(ctx); err != nil {
		return nil, nil, err
	}
	if err := l.CreateOrganizations(ctx, 2); err != nil {
		return nil, nil, err
	}
	orgs := l.API.Orgs()
	spoiling := 0
	for i, act := range proof.Acts {
		at := l.URL
		if act.Spoils {
			at = strings.Replace(l.URL, "127.0.0.1", proof.Host(spoiling), 1)
			spoiling++
		}
		if err := l.Behave(ctx, act.Name, proof.Behaviour{Act: act.Name}); err != nil {
			return nil, nil, err
		}
		e, err := l.createAt(ctx, orgs[i%2], at, act.Name, hostileSettings)
		if err != nil {
			return nil, nil, err
		}
		crowd = append(crowd, hostile{e, act.Classes})
	}
	for i, sham := range s.all {
		e, err := l.createAt(ctx, orgs[i%2], sham.url, sham.name, hostileSettings)
		if err != nil {
			return nil, nil, err
		}
		crowd = append(crowd, hostile{e, []string{sham.class}})
	}
	for _, org := range orgs {
		for name, at := range map[string]string{"honest": l.URL, "honest-tls": s.honest} {
			e, err := l.createAt(ctx, org, at, org+"-"+name, proof.Settings{})
			if err != nil {
				return nil, nil, err
			}
			honest = append(honest, e)
		}
		if _, err := l.CreateEndpoint(ctx, org, org+"-flaps", proof.Behaviour{FlapMS: 1000, With: 503}, proof.Settings{Types: hostileSettings.Types}); err != nil {
			return nil, nil, err
		}
	}
	l.base, err = l.usage(ctx)
	return crowd, honest, err
}

// createAt makes an endpoint of a receiver that is not the lab's.
func (l *lab) createAt(ctx context.Context, org, url, name string, s proof.Settings) (*proof.Endpoint, error) {
	e, err := l.Admin.Create(ctx, org, url, name, s)
	if err == nil {
		l.Endpoints = append(l.Endpoints, e)
	}
	return e, err
}

// judge compares what the server made of each hostile endpoint.
func (l *lab) judge(ctx context.Context, crowd []hostile) error {
	var faults []error
	for _, h := range crowd {
		classes, err := l.API.Classes(ctx, h.Endpoint)
		if err != nil {
			return err
		}
		if len(classes) == 0 {
			faults = append(faults, fmt.Errorf("%s was never attempted", h.Name))
		}
		for class, n := range classes {
			if !slices.Contains(h.classes, class) {
				faults = append(faults, fmt.Errorf("%d attempts at %s are called %q, want one of %q", n, h.Name, class, h.classes))
			}
		}
		l.tries++
	}
	return errors.Join(faults...)
}

// hurtBy is more than honest receivers wait, besides what a machine that does much
// else keeps every process waiting.
const hurtBy = 2 * time.Second

// unhurt is that honest endpoints got all events at once.
func (l *lab) unhurt(honest []*proof.Endpoint) error {
	records, err := proof.ReadLedgers(l.ledgers())
	if err != nil {
		return err
	}
	bound := hurtBy + l.stalls.longest()
	var faults []error
	for _, e := range honest {
		lag := proof.LagOf(records, e.Name)
		l.Progress(fmt.Sprintf("  %s got events after the answer to their post: %v", e.Name, lag))
		if lag.Of == 0 || lag.P99 > bound {
			faults = append(faults, fmt.Errorf("%s, which is honest, got events after %v, want 99%% within %v", e.Name, lag, bound))
		}
	}
	return errors.Join(faults...)
}
