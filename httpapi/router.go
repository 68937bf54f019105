package httpapi

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// maxSegments bounds the work that a path can cause.
const maxSegments = 16

// router finds the route of a request.
//
// It works on the path as it was sent: split at slashes first, each segment
// unescaped after. So %2F is part of a name and never divides a path, and
// nothing is normalised away ("//" and ".." are segments that no pattern has).
// Routers for fasthttp match the decoded path, which cannot tell the two apart;
// hence this one, which is a tree with one level per segment.
//
// A literal segment wins over a parameter. Where the literal leads nowhere, the
// parameter is tried too.
//
// A router is immutable once it is built.
type router struct {
	root     node
	dialects []*wire.Dialect
	native   *wire.Dialect // renders what no dialect owns
}

type node struct {
	literal map[string]*node
	any     *node // a parameter
	routes  []entry
}

// entry is a route in its place. The names of parameters belong to the route,
// not to the node: two dialects may call the same segment differently.
type entry struct {
	route   *wire.Route
	dialect *wire.Dialect
	params  []string
	stats   *routeStats
}

// newRouter builds the tree of the routes that has says yes to. Two routes of the same method and shape, or a
// pattern that cannot be matched, are mistakes in the program and reported.
func newRouter(dialects []*wire.Dialect, has func(*wire.Route) bool, stats func(*wire.Route) *routeStats) (*router, error) {
	r := &router{dialects: dialects, native: &wire.Dialect{Name: "none", Render: wire.Problem}}
	for _, d := range dialects {
		for i := range d.Routes {
			if !has(&d.Routes[i]) {
				continue
			}
			if err := r.add(d, &d.Routes[i], stats); err != nil {
				return nil, fmt.Errorf("route %s %s of %s: %w", d.Routes[i].Method, d.Routes[i].Pattern, d.Name, err)
			}
		}
	}
	return r, nil
}

func (r *router) add(d *wire.Dialect, route *wire.Route, stats func(*wire.Route) *routeStats) error {
	rest, ok := strings.CutPrefix(route.Pattern, "/")
	if !ok {
		return fmt.Errorf("pattern does not begin with a slash")
	}
	at, params := &r.root, []string(nil)
	segments := strings.Split(rest, "/")
	if len(segments) > maxSegments {
		return fmt.Errorf("more than %d segments", maxSegments)
	}
	for _, segment := range segments {
		if name, ok := parameter(segment); ok {
			params = append(params, name)
			if at.any == nil {
				at.any = &node{}
			}
			at = at.any
			continue
		}
		if at.literal == nil {
			at.literal = map[string]*node{}
		}
		if at.literal[segment] == nil {
			at.literal[segment] = &node{}
		}
		at = at.literal[segment]
	}
	if len(params) > wire.MaxParams {
		return fmt.Errorf("more than %d parameters", wire.MaxParams)
	}
	if route.Tenant != "" && !slices.Contains(params, route.Tenant) {
		return fmt.Errorf("no parameter %s to name the organization", route.Tenant)
	}
	if at.find(route.Method) != nil {
		return fmt.Errorf("already taken")
	}
	at.routes = append(at.routes, entry{route: route, dialect: d, params: params, stats: stats(route)})
	return nil
}

func parameter(segment string) (name string, ok bool) {
	if strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}") {
		return segment[1 : len(segment)-1], true
	}
	return "", false
}

func (n *node) find(method string) *entry {
	for i := range n.routes {
		if n.routes[i].route.Method == method {
			return &n.routes[i]
		}
	}
	return nil
}

// dialectOf says in whose shape errors about a path are rendered.
func (r *router) dialectOf(path string) *wire.Dialect {
	best, longest := r.native, -1
	for _, d := range r.dialects {
		if n := d.Owns(path); n > longest {
			best, longest = d, n
		}
	}
	return best
}

// route finds the route for a method and a path as sent. The error is 404, or
// 405 with the methods that the path has. Parameters are appended to params and
// returned in the order of the pattern.
func (r *router) route(method, path string, params []string) (*entry, []string, *wire.Error) {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok || strings.Count(rest, "/") > maxSegments {
		return nil, nil, wire.NotFound("route")
	}
	rest, slash := strings.CutSuffix(rest, "/")
	found, params := r.root.walk(rest, params)
	if found == nil || slash && !found.routes[0].dialect.Slash {
		return nil, nil, wire.NotFound("route")
	}
	e := found.find(method)
	if e == nil && method == fasthttp.MethodHead {
		e = found.find(fasthttp.MethodGet)
	}
	if e == nil {
		return nil, nil, noMethod(method, found)
	}
	return e, params, nil
}

// walk finds the node of a path below n. Only a node with routes counts.
func (n *node) walk(path string, params []string) (*node, []string) {
	segment, rest, more := strings.Cut(path, "/")
	segment, ok := unescape(segment)
	if !ok || segment == "" {
		return nil, nil
	}
	if next := n.literal[segment]; next != nil {
		if found, params := next.below(rest, more, params); found != nil {
			return found, params
		}
	}
	if n.any == nil {
		return nil, nil
	}
	return n.any.below(rest, more, append(params, segment))
}

func (n *node) below(path string, more bool, params []string) (*node, []string) {
	if more {
		return n.walk(path, params)
	}
	if len(n.routes) == 0 {
		return nil, nil
	}
	return n, params
}

func unescape(segment string) (string, bool) {
	if strings.IndexByte(segment, '%') < 0 {
		return segment, true
	}
	text, err := url.PathUnescape(segment)
	return text, err == nil
}

func noMethod(method string, n *node) *wire.Error {
	var allowed []string
	for _, e := range n.routes {
		allowed = append(allowed, e.route.Method)
		if e.route.Method == fasthttp.MethodGet {
			allowed = append(allowed, fasthttp.MethodHead)
		}
	}
	slices.Sort(allowed)
	list := strings.Join(slices.Compact(allowed), ", ")
	return &wire.Error{
		Status: fasthttp.StatusMethodNotAllowed, Code: wire.CodeNoMethod,
		Detail:  "the path has no operation " + method + ", only " + list,
		Headers: []wire.Header{{Name: "Allow", Value: list}},
	}
}
