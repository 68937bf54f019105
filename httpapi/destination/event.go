package destination

import (
	"errors"
	"math"
	"net/url"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// Who an event is about and which account's it is, as Stripe's libraries send
// it along when they fetch one.
const (
	contextHeader = "Stripe-Context"
	accountHeader = "Stripe-Account"
)

// ping sends an event to one destination alone, whatever it subscribes to, and
// answers with the event.
func (a *api) ping(c *wire.Ctx) error {
	if err := c.DecodeOptional(&struct{}{}); err != nil {
		return err
	}
	id := c.Param("id")
	about, err := json.Marshal(event.RelatedObject{ID: id, Type: object, URL: destinationsPath + "/" + id})
	if err != nil {
		return err
	}
	ev := &event.Event{Source: event.Ping, Type: event.TypePing, RelatedObject: about}
	_, err = a.engine.TestEndpoint(c.Context(), c.Organization, id, ev)
	if errors.Is(err, ledger.ErrForbidden) {
		return wire.BadRequest(wire.CodeInvalid, "the event destination is disabled; enable it before you ping it").Because(err)
	}
	if err != nil {
		return wire.Absent(err, "event destination")
	}
	return a.showEvent(c, ev.ID)
}

func (a *api) retrieveEvent(c *wire.Ctx) error {
	id, err := event.ParseID(c.Param("id"))
	if err != nil {
		return errNoEvent.Because(err)
	}
	return a.showEvent(c, id)
}

var errNoEvent = wire.NotFound("event")

func (a *api) showEvent(c *wire.Ctx, id event.ID) error {
	ev, found, err := a.ledger.Event(c.Organization, id)
	if err != nil {
		return err
	}
	if !found || !names(c, contextHeader, ev.Context) || !names(c, accountHeader, ev.Account) {
		return errNoEvent
	}
	return c.Raw(fasthttp.StatusOK, event.AppendFull(nil, ev.Event))
}

// names reports whether a header, if there is one, has a value or names the
// organization that the request acts for.
func names(c *wire.Ctx, header, value string) bool {
	given := c.Header(header)
	return given == "" || given == c.Organization || given == value
}

// listEvents shows the events of an organization, the newest first. Times are
// compared with created as it is shown: when the event happened, which its
// producer can say.
func (a *api) listEvents(c *wire.Ctx) error {
	f := eventFilter{query: url.Values{}, until: math.MaxInt64}
	if err := f.read(c); err != nil {
		return err
	}
	p, err := readPages(c, eventsPath, f.query, nil)
	if err != nil {
		return err
	}
	found, err := a.ledger.Events(c.Organization, f.ledger(), ledger.Page(p.Page))
	if err != nil {
		return err
	}
	answer := page[json.RawMessage]{Data: []json.RawMessage{}}
	for i := range found.Items {
		answer.Data = append(answer.Data, event.AppendFull(nil, found.Items[i].Event))
	}
	answer.Next, answer.Previous = p.urls(c, found.After, found.Before)
	return c.JSON(fasthttp.StatusOK, answer)
}

const (
	maxTypes = 20

	// clockLead is how far ahead of this server's clock those of producers may be.
	// But for that an event happens before it comes in, so that what came in
	// earlier need not be looked at. No range that begins later than that finds an
	// event that says it happens in the far future.
	clockLead = 24 * 60 * 60 * 1000 // ms
)

// eventFilter is what a list of events is restricted to.
type eventFilter struct {
	query       url.Values // the same as a query
	objectID    string     // of the related object; "" = any
	types       []string   // nil = any
	from, until int64      // happened at from or later, and before until; Unix ms
}

func (f *eventFilter) read(c *wire.Ctx) error {
	if id, given := c.Query("object_id"); given {
		f.objectID = id
		f.query.Set("object_id", id)
	}
	if f.types = queryList(c, "types"); len(f.types) > maxTypes {
		return wire.BadParameter("types", "must be at most %d", maxTypes)
	}
	for _, name := range f.types {
		f.query.Add("types", name)
	}
	for key := range c.QueryArgs().All() {
		if bound, ok := strings.CutPrefix(string(key), "created"); ok && (bound == "" || bound[0] == '[') {
			if err := f.readBound(c, string(key), bound); err != nil {
				return err
			}
		}
	}
	return nil
}

// readBound reads one end of the range of times.
func (f *eventFilter) readBound(c *wire.Ctx, parameter, bound string) error {
	at, err := c.QueryTime(parameter)
	if err != nil {
		return err
	}
	switch bound {
	case "[gte]":
		f.from = max(f.from, at)
	case "[gt]":
		f.from = max(f.from, at+1)
	case "[lt]":
		f.until = min(f.until, at)
	case "[lte]":
		f.until = min(f.until, at+1)
	default:
		return wire.BadParameter(parameter, "expected created[gt], created[gte], created[lt] or created[lte]")
	}
	text, _ := c.Query(parameter)
	f.query.Set(parameter, text)
	return nil
}

func (f *eventFilter) ledger() ledger.EventFilter {
	filter := ledger.EventFilter{CreatedAfter: max(0, f.from-clockLead), Where: f.matches}
	if len(f.types) == 1 {
		filter.Type = f.types[0] // there is an index
	}
	return filter
}

func (f *eventFilter) matches(ev *event.Event) bool {
	at := ev.Occurred().UnixMilli()
	if at < f.from || at >= f.until || len(f.types) > 0 && !slices.Contains(f.types, ev.Type) {
		return false
	}
	return f.objectID == "" || f.objectID == ev.RelatedID()
}
