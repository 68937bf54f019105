package proof

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// State is what the server says of itself, read through its API after all has
// come to rest, by each tenant with its own key.
type State struct {
	Events     []Event
	Deliveries []Delivery
	Attempts   map[string][]Attempt // by delivery; of those that Observe found worth asking for
	Stats      map[string]Counts    // by endpoint id
	Data       map[string]string    // of events that no answer to a post named, by id
	Metrics    map[string]float64   // by name with labels

	Repeated []string // what a list showed twice
	Foreign  []string // what a tenant saw of another
	Leaks    []string // where a planted secret was found

	// What did not come to rest when it should have; the runner fills it in.
	Open     uint64   // deliveries that had not ended when the time to drain was over
	Retained []string // what the server had not let go of
}

// Event is an event in a list.
type Event struct {
	ID   string
	Org  string `json:"organization_id"`
	Type string
	Key  string `json:"idempotency_key"`
}

// Delivery is an event's way to one endpoint.
type Delivery struct {
	ID       string
	Event    string `json:"event_id"`
	Endpoint string `json:"endpoint_id"`
	Org      string `json:"organization_id"`
	State    string
	Attempts int
	Status   int `json:"response_status"` // of the latest attempt; 0 = it got no answer
}

// Terminal reports whether it has ended without success.
func (d *Delivery) Terminal() bool {
	return d.State == "exhausted" || d.State == "failed" || d.State == "canceled"
}

// Attempt is one attempt of a delivery.
type Attempt struct {
	At       time.Time // when it started, to the millisecond
	Duration int64     `json:"duration_ms"`
	Status   int       // 0 = it got no answer
	Class    string    `json:"error_class"`
}

// Counts are the deliveries of an endpoint by state.
type Counts struct {
	Pending, Retrying, Succeeded, Failed, Exhausted, Canceled, Expired, Matched uint64
}

// Open is how many have not ended.
func (c *Counts) Open() uint64 { return c.Pending + c.Retrying }

// allAttempts is how many deliveries there may be for Observe to ask for the
// attempts of each one. Of more, it asks for those that were tried twice, and
// for one in sampled of the others.
const (
	allAttempts = 5000
	sampled     = 20
	pageLimit   = 500
)

// Observe reads the state of the endpoints. known are the ids of events that
// posts were told.
func (a *API) Observe(ctx context.Context, endpoints []*Endpoint, known map[string]bool) (*State, error) {
	s := &State{Attempts: map[string][]Attempt{}, Stats: map[string]Counts{}, Data: map[string]string{}}
	for _, org := range a.Orgs() {
		if err := a.observeEvents(ctx, s, org, known); err != nil {
			return nil, fmt.Errorf("observe: %w", err)
		}
		if err := a.observeDeliveries(ctx, s, org); err != nil {
			return nil, fmt.Errorf("observe: %w", err)
		}
	}
	for _, e := range endpoints {
		if err := a.observeStats(ctx, s, e); err != nil {
			return nil, fmt.Errorf("observe: %w", err)
		}
	}
	if err := a.observeAttempts(ctx, s); err != nil {
		return nil, fmt.Errorf("observe: %w", err)
	}
	if err := a.trespass(ctx, s, endpoints); err != nil {
		return nil, fmt.Errorf("observe: %w", err)
	}
	text, err := a.get(ctx, a.Admin, "/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("observe: %w", err)
	}
	s.Metrics = parseMetrics(string(text))
	a.mu.Lock()
	defer a.mu.Unlock()
	s.Leaks = slices.Clone(a.leaks)
	return s, nil
}

func (a *API) observeEvents(ctx context.Context, s *State, org string, known map[string]bool) error {
	key := a.Tenant(org).Key
	seen := map[string]bool{}
	var strange []string
	err := pages(ctx, a, key, "/v1/events", pageLimit, func(page []Event, text []byte) bool {
		s.foreign(a.Orgs(), org, "its list of events", text)
		for _, e := range page {
			if seen[e.ID] {
				s.Repeated = append(s.Repeated, "event "+e.ID)
			}
			seen[e.ID] = true
			s.Events = append(s.Events, e)
			if !known[e.ID] {
				strange = append(strange, e.ID)
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	for _, id := range strange {
		var e struct{ Data json.RawMessage }
		text, err := a.get(ctx, key, "/v1/events/"+id, &e)
		if err != nil {
			return err
		}
		s.foreign(a.Orgs(), org, "event "+id, text)
		s.Data[id] = string(e.Data)
	}
	return nil
}

func (a *API) observeDeliveries(ctx context.Context, s *State, org string) error {
	seen := map[string]bool{}
	return pages(ctx, a, a.Tenant(org).Key, "/v1/deliveries", pageLimit, func(page []Delivery, text []byte) bool {
		s.foreign(a.Orgs(), org, "its list of deliveries", text)
		for _, d := range page {
			if seen[d.ID] {
				s.Repeated = append(s.Repeated, "delivery "+d.ID)
			}
			seen[d.ID] = true
			s.Deliveries = append(s.Deliveries, d)
		}
		return true
	})
}

func (a *API) observeStats(ctx context.Context, s *State, e *Endpoint) error {
	if e.Deleted() {
		return nil // its deliveries stay, its stats do not
	}
	var counts Counts
	_, err := a.get(ctx, a.Tenant(e.Org).Key, "/v1/endpoints/"+e.ID+"/stats", &counts)
	s.Stats[e.ID] = counts
	return err
}

func (a *API) observeAttempts(ctx context.Context, s *State) error {
	for i, d := range s.Deliveries {
		if d.Attempts == 0 || d.Attempts == 1 && len(s.Deliveries) > allAttempts && i%sampled != 0 {
			continue
		}
		var list struct{ Data []Attempt }
		text, err := a.get(ctx, a.Tenant(d.Org).Key, "/v1/deliveries/"+d.ID+"/attempts", &list)
		if err != nil {
			return err
		}
		s.foreign(a.Orgs(), d.Org, "the attempts of "+d.ID, text)
		s.Attempts[d.ID] = list.Data
	}
	return nil
}

// trespassed is how many of its endpoints, events and deliveries others try to
// see of each tenant.
const trespassed = 5

// trespass asks, as each tenant, for things of the others by their ids. None
// may be found.
func (a *API) trespass(ctx context.Context, s *State, endpoints []*Endpoint) error {
	paths := map[string][]string{} // by the organization whose they are
	count := map[string]int{}
	add := func(org, kind string, more ...string) {
		if count[org+kind]++; count[org+kind] <= trespassed {
			paths[org] = append(paths[org], more...)
		}
	}
	for _, e := range endpoints {
		if !e.Deleted() {
			add(e.Org, "endpoint", "/v1/endpoints/"+e.ID, "/v1/endpoints/"+e.ID+"/stats")
		}
	}
	for _, e := range s.Events {
		add(e.Org, "event", "/v1/events/"+e.ID, "/v1/events/"+e.ID+"/deliveries")
	}
	for _, d := range s.Deliveries {
		add(d.Org, "delivery", "/v1/deliveries/"+d.ID, "/v1/deliveries/"+d.ID+"/attempts")
	}
	for _, intruder := range a.Orgs() {
		for org, list := range paths {
			for _, path := range list {
				if org == intruder {
					continue
				}
				_, err := a.get(ctx, a.Tenant(intruder).Key, path, nil)
				if err == nil {
					s.Foreign = append(s.Foreign, fmt.Sprintf("%s can GET %s, which is of %s", intruder, path, org))
				} else if said(err) != http.StatusNotFound {
					return err
				}
			}
		}
	}
	return nil
}

// foreign looks for other organizations in what one of them was shown.
func (s *State) foreign(orgs []string, org, where string, text []byte) {
	for _, other := range orgs {
		if other != org && (strings.Contains(string(text), tag(other)) || strings.Contains(string(text), `"`+other+`"`)) {
			s.Foreign = append(s.Foreign, fmt.Sprintf("%s finds %s in %s", org, other, where))
		}
	}
}

// Totals adds up the deliveries of all organizations.
func (a *API) Totals(ctx context.Context) (total Counts, err error) {
	for _, org := range a.Orgs() {
		var c Counts
		if _, err := a.get(ctx, a.Tenant(org).Key, "/v1/stats", &c); err != nil {
			return total, err
		}
		total.Pending += c.Pending
		total.Retrying += c.Retrying
		total.Succeeded += c.Succeeded
	}
	return total, nil
}

// Metrics reads the metrics of the server.
func (a *API) Metrics(ctx context.Context) (map[string]float64, error) {
	text, err := a.get(ctx, a.Admin, "/metrics", nil)
	return parseMetrics(string(text)), err
}

func parseMetrics(text string) map[string]float64 {
	metrics := map[string]float64{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if number, err := strconv.ParseFloat(value, 64); ok && err == nil && name[0] != '#' {
			metrics[name] = number
		}
	}
	return metrics
}

// ScanFiles looks for planted secrets in all files below a directory, except
// those that are made to hold one. A store that merges its files takes some away
// meanwhile: what was in them is in others, so that all are read again.
func (a *API) ScanFiles(dir string, except ...string) (err error) {
	for range scans {
		if err = a.scanFiles(dir, except); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// scans is how often files may be taken away.
const scans = 10

func (a *API) scanFiles(dir string, except []string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || slices.Contains(except, entry.Name()) {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil {
			a.Scan(path, content)
		}
		return err
	})
}
