package ledger

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
)

var somebody = Audit{Actor: "key_1", RequestID: "req_1", Source: "192.0.2.1"}

// audit lists the entries that are wanted, newest first, as "verb object fields".
func (f *fixture) audit(filter AuditFilter) []string {
	f.t.Helper()
	var all []string
	page := Page{Limit: 2}
	for {
		list, err := f.AuditLog(filter, page)
		f.mustDo(err)
		for _, a := range list.Items {
			all = append(all, strings.TrimSpace(fmt.Sprint(a.Verb, " ", a.Object, " ", strings.Join(a.Changed, " "), a.Reason)))
		}
		if page.After = list.After; page.After == nil {
			return all
		}
	}
}

func TestAudit(t *testing.T) {
	f := newLedger(t, 8)
	began := time.Now().UnixMilli()
	change := func(c Change) {
		t.Helper()
		c.Audit = somebody
		_, err := f.Change(f.ctx(), &c)
		f.mustDo(err)
	}
	command := func(c Command) {
		t.Helper()
		c.Audit, c.Organization = somebody, "org_a"
		_, err := f.Command(f.ctx(), &c)
		f.mustDo(err)
	}
	change(Change{Organization: &Organization{ID: "org_a"}})
	change(Change{Key: &Key{ID: "key_2", Organization: "org_a"}})
	k := f.Keys("org_a")[0]
	change(Change{Base: k.Version, Key: &Key{ID: "key_2", Organization: "org_a", Hash: k.Hash, RevokedAt: 1}})
	change(Change{Client: &Client{ID: "client_1", Organization: "org_a"}})
	change(Change{Base: f.Clients("org_a")[0].Version, Client: &Client{ID: "client_1", Organization: "org_a", DeletedAt: 1}})
	change(Change{Endpoint: wanted("org_a", "ed_1", "a")})
	e := f.now("org_a", "ed_1")
	next := wanted("org_a", "ed_1", "b")
	next.Name, next.Secrets = "planted", []endpoint.Secret{{ID: "s", Last4: "planted"}}
	change(Change{Base: e.Version, Endpoint: next})
	command(Command{Verb: Disable, Endpoint: e.Key, Reason: "user"})
	command(Command{Verb: Enable, Endpoint: e.Key})
	ev := f.newEvent("org_a", "b")
	at := f.post(ev).Pos
	command(Command{Verb: Cancel, Endpoint: e.Key, Event: at, EventID: ev.ID})
	checkErr(t, "refused command", f.onDelivery(e, at, Cancel), ErrForbidden)
	change(Change{Endpoint: wanted("org_b", "ed_2")})
	o, _ := f.Organization("org_a")
	change(Change{Base: o.Version, Organization: &Organization{ID: "org_a", DeletedAt: 1}})
	command(Command{Verb: Erase})

	dlv := delivery.ID{Event: ev.ID, Endpoint: uint64(e.Alias)}.String()
	ofA := []string{
		"delete org_a", "cancel " + dlv, "enable ed_1", "disable ed_1 user", "update ed_1 event_types name secrets", "create ed_1",
		"delete client_1", "create client_1", "revoke key_2", "create key_2", "create org_a",
	}
	all := slices.Insert(slices.Clone(ofA), 1, "create ed_2")
	for _, crash := range []bool{false, true} {
		for _, test := range []struct {
			filter AuditFilter
			want   []string
		}{
			{AuditFilter{}, all},
			{AuditFilter{Organization: "org_a"}, ofA},
			{AuditFilter{Organization: "org_b"}, all[1:2]},
			{AuditFilter{Organization: "org_c"}, nil},
			{AuditFilter{Object: "ed_1"}, ofA[2:6]},
			{AuditFilter{Actor: "key_1", Object: "key_2"}, ofA[8:10]},
			{AuditFilter{Actor: "key_2"}, nil},
			{AuditFilter{From: began}, all},
			{AuditFilter{To: began}, nil},
			{AuditFilter{From: began + 1e9}, nil},
			{AuditFilter{From: began + 2, To: began + 1}, nil},
		} {
			if got := f.audit(test.filter); !slices.Equal(got, test.want) {
				t.Errorf("%+v: got %q, want %q", test.filter, got, test.want)
			}
		}
		f.restart(crash)
	}
	list, err := f.AuditLog(AuditFilter{}, Page{Limit: 1})
	f.mustDo(err)
	check(t, "who", list.Items[0].Audit, somebody)
	if at := list.Items[0].At; at < began || at > time.Now().UnixMilli() {
		t.Errorf("at: got %d, want the time of the test, %d", at, began)
	}

	// Back from the end, the other way round.
	list, err = f.AuditLog(AuditFilter{}, Page{Limit: 8})
	f.mustDo(err)
	last, err := f.AuditLog(AuditFilter{}, Page{Limit: 8, After: list.After})
	f.mustDo(err)
	back, err := f.AuditLog(AuditFilter{}, Page{Limit: 8, Before: last.Before})
	f.mustDo(err)
	if len(last.Items) != 4 || !reflect.DeepEqual(back.Items, list.Items) {
		t.Errorf("page before the last: got %+v, want %+v", back.Items, list.Items)
	}

	for p := range f.Partitions() {
		_, err := f.CommandAt(f.ctx(), p, &Command{Verb: Forget, AuditBefore: time.Now().UnixMilli() + 1})
		f.mustDo(err)
	}
	check(t, "entries after their retention", len(f.audit(AuditFilter{})), 0)
}

// Whatever a record can change, the audit knows what to say of it: a new member
// of Change, or a new verb, cannot be forgotten here.
func TestAuditKnowsEveryRecord(t *testing.T) {
	f := newLedger(t, 1)
	e := f.create("org_a", "ed_1")
	pt := f.parts[0]
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Change]()) {
		if field.Type.Kind() != reflect.Pointer || field.Name == "Answer" {
			continue
		}
		c := &Change{Audit: somebody}
		object := reflect.New(field.Type.Elem())
		reflect.ValueOf(c).Elem().FieldByIndex(field.Index).Set(object)
		if id := object.Elem().FieldByName("ID"); id.IsValid() {
			id.SetString("id_1")
		}
		if got := pt.describeChange(c); got == nil || got.Object == "" || got.Kind == "" || got.Actor != somebody.Actor {
			t.Errorf("change of %s: got %+v, want an entry", field.Name, got)
		}
	}
	for _, verb := range []Verb{Enable, Disable, Pause, Resume, Delete, Retry, Cancel, RetryAll, Replay, StartReplay, CancelReplay, "new"} {
		c := &Command{Verb: verb, Organization: "org_a", Endpoint: e.Key, Job: &ReplayJob{ID: event.ID{1}}, JobID: event.ID{1}}
		if got := pt.describeCommand(c); got == nil || got.Object == "" || got.Kind == "" {
			t.Errorf("command %s: got %+v, want an entry", verb, got)
		}
	}
}
