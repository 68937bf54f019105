package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/valyala/fasthttp"
)

// The control routes, each used by one method of Client:
//
//	PUT /control/groups         [Group…]   forget everything, start with these groups
//	PUT /control/groups/<name>  Behaviour  change what a group does; its counts go on
//	GET /control/stats                     {"<name>": Stats…}
const (
	groupsPath = "/control/groups"
	statsPath  = "/control/stats"
)

func (s *Sink) control(ctx *fasthttp.RequestCtx) {
	path, method := string(ctx.Path()), string(ctx.Method())
	var err error
	switch {
	case method == http.MethodGet && path == statsPath:
		err = s.writeStats(ctx)
	case method == http.MethodPut && path == groupsPath:
		var groups []Group
		if err = json.Unmarshal(ctx.PostBody(), &groups); err == nil {
			err = s.setGroups(groups)
		}
	case method == http.MethodPut && len(path) > len(groupsPath):
		var behaviour Behaviour
		if err = json.Unmarshal(ctx.PostBody(), &behaviour); err == nil {
			err = s.change(path[len(groupsPath)+1:], behaviour)
		}
	default:
		ctx.SetStatusCode(fasthttp.StatusNotFound)
	}
	if err != nil {
		ctx.Error(err.Error(), fasthttp.StatusBadRequest)
	}
}

func (s *Sink) writeStats(ctx *fasthttp.RequestCtx) error {
	all := make(map[string]Stats)
	for _, g := range *s.groups.Load() {
		all[g.Name] = g.stats()
	}
	body, err := json.Marshal(all)
	if err != nil {
		return err
	}
	ctx.SetBody(body)
	return nil
}

func (s *Sink) change(name string, behaviour Behaviour) error {
	if err := behaviour.validate(); err != nil {
		return err
	}
	for _, g := range *s.groups.Load() {
		if g.Name == name {
			g.behaviour.Store(&behaviour)
			return nil
		}
	}
	return fmt.Errorf("there is no group %q", name)
}

// Client is the scenario's side of a running sink.
type Client struct {
	base string // http://host:port
	http http.Client
}

// NewClient returns a client of the sink at a URL without a path.
func NewClient(base string) *Client {
	return &Client{base: base, http: http.Client{Timeout: 10 * time.Second}}
}

// Endpoint returns the URL of endpoint n.
func (c *Client) Endpoint(n int) string { return fmt.Sprintf("%s/e/%d", c.base, n) }

// Reset makes the sink forget everything and start with these groups.
func (c *Client) Reset(ctx context.Context, groups ...Group) error {
	return c.do(ctx, http.MethodPut, groupsPath, groups, nil)
}

// Change gives a group another behaviour and leaves its counts alone.
func (c *Client) Change(ctx context.Context, name string, behaviour Behaviour) error {
	return c.do(ctx, http.MethodPut, groupsPath+"/"+name, behaviour, nil)
}

// Stats returns what one group has seen.
func (c *Client) Stats(ctx context.Context, name string) (Stats, error) {
	var all map[string]Stats
	if err := c.do(ctx, http.MethodGet, statsPath, nil, &all); err != nil {
		return Stats{}, err
	}
	stats, ok := all[name]
	if !ok {
		return stats, fmt.Errorf("the sink has no group %q", name)
	}
	return stats, nil
}

func (c *Client) do(ctx context.Context, method, path string, body, answer any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("ask sink: %w", err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("ask sink: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ask sink: %s %s: %s", method, path, content)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(content, answer)
}
