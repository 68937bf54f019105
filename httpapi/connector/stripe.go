package connector

import (
	"bytes"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// lifetime is how long an event of Stripe's is recognised when it comes again.
// Stripe repeats for 3 days by itself, and for 30 when a person asks it to.
const lifetime = 35 * 24 * time.Hour

// original is an event as Stripe writes it, in both of its shapes: a snapshot,
// which carries the object that it is about, and a notification, which only
// names it. Fields that are not listed change nothing.
type original struct {
	ID       string `json:"id"`
	Object   string `json:"object"` // "event", or notification
	Type     string `json:"type"`
	Livemode bool   `json:"livemode"`
	Created  moment `json:"created"`
	Context  string `json:"context"`

	Data json.RawMessage `json:"data"` // of a snapshot: a payload

	// Of snapshots.
	Account    string          `json:"account"`
	APIVersion string          `json:"api_version"`
	Request    json.RawMessage `json:"request"` // {"id","idempotency_key"}; before 2017 the id alone

	// Of notifications.
	Reason        json.RawMessage `json:"reason"`
	RelatedObject json.RawMessage `json:"related_object"`
	Changes       json.RawMessage `json:"changes"`
}

const notification = "v2.core.event"

type payload struct {
	Object             json.RawMessage `json:"object"`
	PreviousAttributes json.RawMessage `json:"previous_attributes"`
}

// read makes an event out of Stripe's. Its data is the object that it is about,
// as Stripe wrote it. A notification has no such object; its data is the
// notification itself, so that an endpoint of any format learns what Stripe had
// to say.
//
// What only one of the shapes has is derived for the other, so that either
// comes out complete at an endpoint that wants snapshots or notifications.
func read(body []byte) (*event.Event, error) {
	if err := wire.CheckJSON(body); err != nil {
		return nil, err
	}
	var o original
	if err := json.Unmarshal(body, &o); err != nil {
		return nil, invalid("", err)
	}
	if o.ID == "" {
		return nil, wire.Invalid(wire.Field{Pointer: "/id", Detail: "is required"})
	}
	ev := &event.Event{
		Type: o.Type, Livemode: o.Livemode, OccurredAt: int64(o.Created), Context: o.Context,
		Source: event.Stripe, SourceID: o.ID,
		Idempotency: event.Idempotency{Key: o.ID, Lifetime: lifetime.Milliseconds()},
	}
	fill := o.fillSnapshot
	if o.Object == notification {
		fill = o.fillNotification
	}
	if err := fill(ev); err != nil {
		return nil, err
	}
	if ev.Data == nil {
		ev.Data = bytes.TrimSpace(body)
	}
	if faults := ev.Validate(); len(faults) > 0 {
		return nil, wire.Invalid(wire.Field{Pointer: "/" + faults[0].Field, Detail: faults[0].Detail})
	}
	return ev, nil
}

func (o *original) fillSnapshot(ev *event.Event) error {
	var p payload
	if given(o.Data) != nil {
		if err := json.Unmarshal(o.Data, &p); err != nil {
			return invalid("/data", err)
		}
	}
	ev.Data, ev.PreviousAttributes = given(p.Object), given(p.PreviousAttributes)
	ev.RelatedObject = related(ev.Data)
	ev.Account, ev.APIVersion = o.Account, o.APIVersion
	if ev.Context == "" {
		ev.Context = o.Account
	}
	ev.Request = given(o.Request)
	if len(ev.Request) > 0 && ev.Request[0] == '"' {
		ev.Request = slices.Concat([]byte(`{"id":`), ev.Request, []byte(`,"idempotency_key":null}`))
	}
	if made(ev.Request) {
		ev.Reason = slices.Concat([]byte(`{"type":"request","request":`), ev.Request, []byte(`}`))
	}
	return nil
}

func (o *original) fillNotification(ev *event.Event) error {
	ev.Data, ev.Reason, ev.RelatedObject, ev.Changes = given(o.Data), given(o.Reason), given(o.RelatedObject), given(o.Changes)
	ev.Account = accountOf(o.Context)
	var reason struct {
		Request json.RawMessage `json:"request"`
	}
	if ev.Reason != nil {
		if err := json.Unmarshal(ev.Reason, &reason); err != nil {
			return invalid("/reason", err)
		}
	}
	ev.Request = given(reason.Request)
	return nil
}

// invalid says which member of the value at a pointer is of the wrong kind.
func invalid(pointer string, err error) error {
	if fault, ok := errors.AsType[*json.Error](err); ok {
		if fault.Field != "" {
			pointer += "/" + fault.Field
		}
		return wire.Invalid(wire.Field{Pointer: pointer, Detail: fault.Problem})
	}
	return err
}

// given is a value that is not null, nil for one that is or that is absent.
func given(value json.RawMessage) []byte {
	if len(value) == 0 || value[0] == 'n' {
		return nil
	}
	return value
}

// made reports whether a request is one that somebody made: events that Stripe
// caused by itself have one without an id.
func made(request []byte) bool {
	var r struct {
		ID *string `json:"id"`
	}
	return len(request) > 0 && json.Unmarshal(request, &r) == nil && r.ID != nil
}

// accountOf is the connected account that the context of a notification names:
// the last part of its path, "acct_1" or "org_1/acct_2".
func accountOf(context string) string {
	last := context[strings.LastIndexByte(context, '/')+1:]
	if !strings.HasPrefix(last, "acct_") {
		return ""
	}
	return last
}

// related names an object as notifications do. Objects without an id, such as
// balances, cannot be named.
func related(object []byte) []byte {
	var named struct {
		ID     string `json:"id"`
		Object string `json:"object"`
	}
	if json.Unmarshal(object, &named) != nil || named.ID == "" || named.Object == "" {
		return nil
	}
	name, err := json.Marshal(event.RelatedObject{ID: named.ID, Type: named.Object, URL: urlOf(named.Object, named.ID)})
	if err != nil {
		return nil // cannot happen: strings only
	}
	return name
}

// addressed are the kinds of objects that Stripe's API has at
// /v1/<kind in the plural>/<id>, with a slash for a dot in the kind.
var addressed = strings.Fields(`
	account application_fee charge coupon credit_note customer dispute file invoice invoice_payment invoiceitem
	payment_intent payment_link payment_method payout plan price product promotion_code quote refund review
	setup_intent source subscription subscription_item subscription_schedule tax_rate topup transfer
	billing.credit_grant billing.meter checkout.session identity.verification_session
	issuing.authorization issuing.card issuing.cardholder issuing.dispute issuing.transaction
	radar.early_fraud_warning reporting.report_run terminal.reader test_helpers.test_clock
	treasury.financial_account treasury.outbound_payment treasury.outbound_transfer treasury.received_credit treasury.received_debit`)

// urlOf is where Stripe's API has an object; "" = not known.
func urlOf(kind, id string) string {
	if !slices.Contains(addressed, kind) {
		return ""
	}
	return "/v1/" + strings.ReplaceAll(kind, ".", "/") + "s/" + url.PathEscape(id)
}

// moment is a time in Unix ms: of Unix seconds in a snapshot, of a text of RFC
// 3339 in a notification. null is 0.
type moment int64

func (m *moment) UnmarshalJSON(text []byte) error {
	if (*wire.Time)(m).UnmarshalJSON(text) == nil {
		return nil
	}
	seconds, err := strconv.ParseUint(string(text), 10, 48) // 48 bits: no overflow, and far beyond what is valid
	if err != nil {
		return &json.Error{Field: "created", Problem: "must be Unix seconds or a time of RFC 3339"}
	}
	*m = moment(seconds * 1000)
	return nil
}
