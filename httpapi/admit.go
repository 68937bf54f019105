package httpapi

import (
	"cmp"
	"errors"
	"iter"
	"time"

	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// OrganizationHeader is how an admin key says for whom it acts. Dialects may
// have further ones.
const OrganizationHeader = "Hookwheel-Organization"

// admit finds out who makes a request and for which organization, and whether
// they may. It is the only place that decides that, for every dialect:
//
//   - 401 without a valid key;
//   - 403 for a key that does not act for the organization that the request
//     names, in its path or in a header, whether there is such a one or not;
//   - 404 for an admin key that names an organization that does not exist;
//   - 403 for a key without the scope of the route.
//
// An admin key acts for the organization of the path, else for that of the
// headers, which must agree, else for the default one.
func (s *Server) admit(c *wire.Ctx) error {
	if c.Route.Public {
		return nil
	}
	p, err := s.principal(c)
	if c.Route.OptionalKey && err != nil {
		if errors.Is(err, auth.ErrMissing) {
			return nil
		}
		return wire.Unauthorized().Because(err) // in one voice: nobody learns which organizations there are
	}
	switch {
	case errors.Is(err, auth.ErrForeign):
		return wire.Forbidden("the request names an organization that the API key does not act for").Because(err)
	case errors.Is(err, auth.ErrNoOrganization) && (c.Route.Scope&auth.Admin == 0 || c.Route.Tenant != "" && !c.Route.Departed):
		return wire.NotFound("organization").Because(err)
	case err != nil && !errors.Is(err, auth.ErrNoOrganization): // an admin may create what is not there yet
		return wire.Unauthorized().Because(err)
	}
	c.Principal, c.Organization = p, p.Organization
	if s.options.KeyUsed != nil {
		s.options.KeyUsed(p.KeyID)
	}
	if !p.Allows(c.Route.Scope) {
		return wire.Forbidden("the API key lacks the scope %s", c.Route.Scope)
	}
	return nil
}

// principal authenticates the caller for the organization that the request
// names.
func (s *Server) principal(c *wire.Ctx) (auth.Principal, error) {
	credential, err := auth.Credential(c.Request.Header.Peek("Authorization"), c.Request.Header.Peek("X-Api-Key"))
	if err != nil {
		return auth.Principal{}, err
	}
	want := ""
	for name := range organizationsNamed(c) {
		want = cmp.Or(want, name)
	}
	byPath := c.Route.Tenant != ""
	if byPath {
		want = c.Param(c.Route.Tenant)
	}
	p, err := s.auth.Authenticate(credential, want, time.Now())
	if c.Route.Contextual {
		if errors.Is(err, auth.ErrForeign) || errors.Is(err, auth.ErrNoOrganization) {
			p, err = s.auth.Authenticate(credential, c.Header(OrganizationHeader), time.Now())
		}
		return p, err
	}
	if err != nil {
		return p, err
	}
	for name := range organizationsNamed(c) {
		if name != p.Organization && !(p.Admin && byPath) {
			return auth.Principal{}, auth.ErrForeign
		}
	}
	return p, nil
}

// organizationsNamed yields what the headers of a request say about whom it is
// for.
func organizationsNamed(c *wire.Ctx) iter.Seq[string] {
	return func(yield func(string) bool) {
		if name := c.Header(OrganizationHeader); name != "" && !yield(name) {
			return
		}
		for _, header := range c.Dialect.OrganizationHeaders {
			if name := c.Header(header); name != "" && !yield(name) {
				return
			}
		}
	}
}
