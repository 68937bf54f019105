package webhook

import (
	"cmp"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// endpointView is an endpoint as clients see it.
type endpointView struct {
	ID           string   `json:"id"`
	Organization string   `json:"organization_id"`
	Name         string   `json:"name"`
	URL          string   `json:"url"`
	EditionID    *string  `json:"edition_id"`
	Events       []string `json:"events"` // ["*"] = all
	Created      moment   `json:"created"`
	Modified     moment   `json:"modified"`
	Active       bool     `json:"is_active"`
	Timeout      int64    `json:"timeout_seconds"`
	Secret       string   `json:"secret"` // in full where it was just made, else masked
}

func (a *api) view(e *endpoint.Endpoint) endpointView {
	v := endpointView{
		ID: e.ID, Organization: e.Organization, Name: e.Name, URL: e.URL, EditionID: wire.OrNull(e.EditionID), Events: e.Now().EventTypes,
		Created: moment(e.CreatedAt), Modified: moment(e.UpdatedAt), Active: e.Enabled(), Secret: mask,
		Timeout: int64(cmp.Or(e.Timeout, a.timeout)+999) / 1000, // other dialects know milliseconds
	}
	if len(v.Events) == 0 {
		v.Events = []string{"*"}
	}
	if len(e.Secrets) > 0 {
		v.Secret += e.Secrets[0].Last4
	}
	return v
}

const mask = "****"

func (a *api) show(c *wire.Ctx, status int, e *endpoint.Endpoint, made secret.Secret) error {
	v := a.view(e)
	if !made.IsZero() {
		v.Secret = made.Reveal()
		c.SetHeader("Cache-Control", "no-store")
	}
	return c.JSON(status, v)
}

// list shows the endpoints that the parameters choose.
func (a *api) list(c *wire.Ctx) error {
	p, err := readPage(c)
	if err != nil {
		return err
	}
	chosen, err := readFilter(c)
	if err != nil {
		return err
	}
	all := a.endpoints(c.Organization, chosen)
	sortEndpoints(all, c)
	p = p.lastOf(len(all))
	if p.skip() >= len(all) && p.number > 1 {
		return invalidPage("")
	}
	shown := all[p.skip():min(len(all), p.skip()+p.size)]
	answer := newPageView[endpointView](c, p, len(all), p.skip()+len(shown) < len(all))
	for _, e := range shown {
		answer.Results = append(answer.Results, a.view(e))
	}
	return c.JSON(fasthttp.StatusOK, answer)
}

// endpoints are all that are chosen, the newest first.
func (a *api) endpoints(org string, chosen func(*endpoint.Endpoint) bool) (all []*endpoint.Endpoint) {
	page := ledger.Page{Limit: maxSize}
	for {
		part := a.ledger.Endpoints(org, chosen, page)
		for _, e := range part.Items {
			all = append(all, e.Endpoint)
		}
		if page.After = part.After; page.After == nil {
			return all
		}
	}
}

// hasURL leaves out what this dialect has no words for.
func hasURL(e *endpoint.Endpoint) bool { return e.Kind == endpoint.Webhook }

// readFilter reads which endpoints a list is to have.
func readFilter(c *wire.Ctx) (func(*endpoint.Endpoint) bool, error) {
	if org, given := choice(c, "organization_id"); given {
		if err := checkOrganization(c, org); err != nil {
			return nil, err
		}
	}
	edition, byEdition := choice(c, "edition_id")
	active, byActive, err := readActive(c)
	if err != nil {
		return nil, err
	}
	return func(e *endpoint.Endpoint) bool {
		return hasURL(e) && (!byEdition || e.EditionID == edition) && (!byActive || e.Enabled() == active)
	}, nil
}

// choice reads a parameter that chooses from a list. An empty one chooses
// nothing: forms send all their fields.
func choice(c *wire.Ctx, name string) (text string, given bool) {
	text, _ = c.Query(name)
	return text, text != ""
}

// readActive reads the parameter is_active, also as Python writes it.
func readActive(c *wire.Ctx) (active, given bool, err error) {
	text, given := choice(c, "is_active")
	switch strings.ToLower(text) {
	case "true", "1":
		return true, true, nil
	case "false", "0":
		return false, true, nil
	}
	if given {
		err = wire.BadParameter("is_active", "expected true or false")
	}
	return false, given, err
}

// checkOrganization refuses to act for another organization than the key does,
// in the same words whether there is such a one or not.
func checkOrganization(c *wire.Ctx, id string) error {
	if id != c.Organization {
		return wire.Forbidden("organization_id is not the organization that the API key acts for")
	}
	return nil
}

// orderings of endpoints. What is none of them is the default, without a word.
var orderings = map[string]func(a, b *endpoint.Endpoint) int{
	"created":  func(a, b *endpoint.Endpoint) int { return cmp.Compare(a.Key, b.Key) },
	"modified": func(a, b *endpoint.Endpoint) int { return cmp.Compare(a.Version, b.Version) },
	"name":     func(a, b *endpoint.Endpoint) int { return cmp.Compare(a.Name, b.Name) },
}

// sortEndpoints puts endpoints, the newest first, into the order that is asked
// for.
func sortEndpoints(all []*endpoint.Endpoint, c *wire.Ctx) {
	field, _ := c.Query("ordering")
	descending := len(field) > 0 && field[0] == '-'
	if descending {
		field = field[1:]
	}
	compare := orderings[field]
	if compare == nil {
		return
	}
	slices.SortStableFunc(all, func(a, b *endpoint.Endpoint) int {
		if descending {
			a, b = b, a
		}
		return compare(a, b)
	})
}

// find is the endpoint that the path names.
func (a *api) find(c *wire.Ctx) (*endpoint.Endpoint, error) {
	e, found := a.ledger.FindEndpoint(c.Organization, c.Param("id"))
	if !found || !hasURL(e) {
		return nil, wire.NotFound("webhook endpoint")
	}
	return e, nil
}

func (a *api) retrieve(c *wire.Ctx) error {
	e, err := a.find(c)
	if err != nil {
		return err
	}
	return a.show(c, fasthttp.StatusOK, e, secret.Secret{})
}

func (a *api) create(c *wire.Ctx) error {
	var s settings
	if err := s.read(c, true); err != nil {
		return err
	}
	spec := &endpoint.Endpoint{Origin: "webhook", Livemode: c.Principal.Livemode, Signatures: []string{"timestamped"}, Spans: []endpoint.Span{{Enabled: true}}}
	if err := s.apply(spec); err != nil {
		return err
	}
	made, text, err := a.engine.CreateEndpoint(c.Context(), c.Organization, spec, secret.Secret{}, c.Audit())
	if err != nil {
		return err
	}
	return a.show(c, fasthttp.StatusCreated, made, text)
}

func (a *api) replace(c *wire.Ctx) error { return a.change(c, true) }
func (a *api) update(c *wire.Ctx) error  { return a.change(c, false) }

func (a *api) change(c *wire.Ctx, whole bool) error {
	now, err := a.find(c)
	if err != nil {
		return err
	}
	var s settings
	if err := s.read(c, whole); err != nil {
		return err
	}
	changed, err := a.engine.UpdateEndpoint(c.Context(), c.Organization, now.ID, s.apply, 0, c.Audit())
	if err != nil {
		return err
	}
	return a.show(c, fasthttp.StatusOK, changed, secret.Secret{})
}

// rotate gives the endpoint a new secret. The old one stops at once.
func (a *api) rotate(c *wire.Ctx) error {
	now, err := a.find(c)
	if err != nil {
		return err
	}
	if err := c.DecodeOptional(&struct{}{}); err != nil {
		return err
	}
	rotated, made, err := a.engine.RotateSecret(c.Context(), c.Organization, now.ID, secret.Secret{}, 0, c.Audit())
	if err != nil {
		return err
	}
	return a.show(c, fasthttp.StatusOK, rotated, made)
}
