package ledger

import (
	"strings"
	"testing"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
)

func (f *fixture) change(base uint64, e *endpoint.Endpoint) error {
	_, err := f.Change(f.ctx(), &Change{Base: base, Endpoint: e})
	return err
}

func TestChangeEndpoint(t *testing.T) {
	f := newLedger(t, 4)
	created := f.create("org_a", "ed_1", "a")
	check(t, "created at", created.CreatedAt, int64(startTime))
	check(t, "spans", len(created.Spans), 1)
	check(t, "version", created.Version, uint64(created.Key))

	checkErr(t, "create again", f.change(0, wanted("org_a", "ed_1")), ErrExists)
	checkErr(t, "change an unknown one", f.change(1, wanted("org_a", "ed_2")), ErrNotFound)
	checkErr(t, "change from an old version", f.change(created.Version+1, wanted("org_a", "ed_1")), ErrChanged)
	checkErr(t, "change of another organization", f.change(created.Version, wanted("org_b", "ed_1")), ErrNotFound)

	f.clock.Add(1000)
	renamed := wanted("org_a", "ed_1", "a")
	renamed.Name = "new"
	f.mustDo(f.change(created.Version, renamed))
	got := f.now("org_a", "ed_1")
	check(t, "name", got.Name, "new")
	check(t, "spans after a change of name", len(got.Spans), 1)
	check(t, "key", got.Key, created.Key)
	check(t, "created at", got.CreatedAt, int64(startTime))
	check(t, "updated at", got.UpdatedAt, int64(startTime+1000))
	checkErr(t, "two changes of one version", f.change(created.Version, renamed), ErrChanged)

	f.postType("org_a", "a")
	f.mustDo(f.change(got.Version, wanted("org_a", "ed_1", "b")))
	f.postType("org_a", "a")
	f.postType("org_a", "b")
	check(t, "spans after a change of types", len(f.now("org_a", "ed_1").Spans), 2)
	check(t, "backlog: one of each filter", f.lane(got).Backlog(), uint64(2))
}

func TestVerbsOfAnEndpoint(t *testing.T) {
	f := newLedger(t, 1)
	e := f.create("org_a", "ed_1")
	f.postType("org_a", "a")
	f.clock.Add(1000)

	f.mustDo(f.command(e, Disable))
	disabled := f.now("org_a", "ed_1")
	check(t, "enabled", disabled.Enabled(), false)
	check(t, "reason", disabled.DisabledReason, endpoint.ReasonUser)
	check(t, "since", disabled.StateSince, int64(startTime+1000))
	f.mustDo(f.command(e, Disable))
	check(t, "version after doing it twice", f.now("org_a", "ed_1").Version, disabled.Version)
	f.postType("org_a", "a")
	check(t, "backlog: not what came while disabled", f.lane(e).Backlog(), uint64(1))

	_, err := f.Command(t.Context(), &Command{Verb: Enable, Organization: "org_a", Endpoint: e.Key})
	f.mustDo(err)
	check(t, "enabled", f.now("org_a", "ed_1").Enabled(), true)
	check(t, "reason", f.now("org_a", "ed_1").DisabledReason, "")

	f.mustDo(f.command(e, Pause))
	check(t, "sends while paused", f.now("org_a", "ed_1").Sends(), false)
	f.postType("org_a", "a")
	check(t, "backlog: what came while paused too", f.lane(e).Backlog(), uint64(2))
	f.mustDo(f.command(e, Resume))
	check(t, "sends", f.now("org_a", "ed_1").Sends(), true)

	f.mustDo(f.command(e, Delete))
	check(t, "deleted at", f.now("org_a", "ed_1").DeletedAt, int64(startTime+1000))
	for _, verb := range []Verb{Enable, Disable, Pause, Resume, Delete} {
		checkErr(t, string(verb)+" a deleted one", f.command(e, verb), ErrNotFound)
	}
	f.postType("org_a", "a")
	check(t, "matched after deletion", f.lane(e).Matched, uint64(2))
	checkErr(t, "change a deleted one", f.change(f.now("org_a", "ed_1").Version, wanted("org_a", "ed_1")), ErrNotFound)
	checkErr(t, "create one of its id", f.change(0, wanted("org_a", "ed_1")), ErrExists)
	checkErr(t, "unknown verb", f.command(f.create("org_a", "ed_2"), "dance"), ErrForbidden)
}

// G9: a command of one organization does not reach an endpoint of another,
// also if both live in one partition.
func TestCommandsStayInTheirOrganization(t *testing.T) {
	f := newLedger(t, 1)
	e := f.create("org_a", "ed_1")
	at := f.postType("org_a", "a")
	f.settle(e, at, 1, delivery.Failed)
	foreign := *e
	foreign.Organization = "org_b"
	for _, verb := range []Verb{Enable, Disable, Pause, Resume, Delete} {
		checkErr(t, string(verb), f.command(&foreign, verb), ErrNotFound)
	}
	for _, verb := range []Verb{Retry, Cancel} {
		checkErr(t, string(verb), f.onDelivery(&foreign, at, verb), ErrNotFound)
	}
	check(t, "version", f.now("org_a", "ed_1").Version, e.Version)
	check(t, "state", f.row(e, at).State, delivery.Failed)
}

// Enabling is a fresh start, by its verb and as part of a change.
func TestEnableIsAFreshStart(t *testing.T) {
	byChange := func(f *fixture, e *endpoint.Endpoint, verb Verb) error {
		now := f.now("org_a", "ed_1")
		next := *now
		next.Spans = []endpoint.Span{{Enabled: now.Now().Enabled}}
		next.SetEnabled(verb == Enable)
		return f.change(now.Version, &next)
	}
	for name, do := range map[string]func(*fixture, *endpoint.Endpoint, Verb) error{"verb": (*fixture).command, "change": byChange} {
		t.Run(name, func(t *testing.T) {
			f := newLedger(t, 1)
			e := f.create("org_a", "ed_1")
			at := f.postType("org_a", "a")
			o := f.outcome(e, at, 1, delivery.Retrying)
			o.HoldUntil, o.ProbeAt, o.Probes = 5, 6, 7
			f.write(0, 2, o.Append(nil))
			lane := f.lane(e)
			check(t, "failures", lane.Failures, uint64(1))
			check(t, "failing from", lane.FailingFrom, int64(startTime))
			check(t, "probe at", lane.ProbeAt, int64(6))
			f.clock.Add(1000)
			f.mustDo(do(f, e, Disable))
			f.mustDo(do(f, e, Disable))
			check(t, "failures while disabled", f.lane(e).Failures, uint64(1))
			check(t, "reason", f.now("org_a", "ed_1").DisabledReason, endpoint.ReasonUser)
			check(t, "since", f.now("org_a", "ed_1").StateSince, int64(startTime+1000))
			f.clock.Add(1000)
			f.mustDo(do(f, e, Enable))
			for _, crash := range []bool{false, true} {
				check(t, "since", f.now("org_a", "ed_1").StateSince, int64(startTime+2000))
				lane = f.lane(e)
				check(t, "failures", lane.Failures, uint64(0))
				check(t, "failing from", lane.FailingFrom, int64(0))
				check(t, "hold, probe at, probes", [3]int64{lane.HoldUntil, lane.ProbeAt, int64(lane.Probes)}, [3]int64{})
				check(t, "retries that were parked", len(f.waiting(e)), 1)
				f.restart(crash)
			}
		})
	}
}

func TestOrganizationsKeysAndClients(t *testing.T) {
	f := newLedger(t, 4)
	change := func(c *Change) error {
		v, err := f.Change(t.Context(), c)
		if err == nil && v.Pos == 0 {
			t.Errorf("verdict without a position")
		}
		return err
	}
	f.mustDo(change(&Change{Organization: &Organization{ID: "org_b", Name: "B"}}))
	f.mustDo(change(&Change{Organization: &Organization{ID: "org_a", Name: "A"}}))
	checkErr(t, "create again", change(&Change{Organization: &Organization{ID: "org_a"}}), ErrExists)
	checkErr(t, "change an unknown one", change(&Change{Base: 1, Organization: &Organization{ID: "org_c"}}), ErrNotFound)
	a, found := f.Organization("org_a")
	if !found {
		t.Fatal("org_a is not found")
	}
	checkErr(t, "change from another version", change(&Change{Base: a.Version + 1, Organization: &Organization{ID: "org_a"}}), ErrChanged)
	f.mustDo(change(&Change{Base: a.Version, Organization: &Organization{ID: "org_a", Name: "AA"}}))

	key := Key{ID: "key_1", Organization: "org_a", Hash: [32]byte{1}}
	f.mustDo(change(&Change{Key: &key}))
	f.mustDo(change(&Change{Key: &Key{ID: "key_2", Hash: [32]byte{2}}}))
	checkErr(t, "create a key again", change(&Change{Key: &key}), ErrExists)
	checkErr(t, "change an unknown key", change(&Change{Base: 1, Key: &Key{ID: "key_3"}}), ErrNotFound)
	stored, _ := f.KeyByHash([32]byte{1})
	checkErr(t, "change a key from another version", change(&Change{Base: stored.Version + 1, Key: &key}), ErrChanged)
	checkErr(t, "change of nothing", change(&Change{}), ErrNotFound)
	key.RevokedAt = 7
	f.mustDo(change(&Change{Base: stored.Version, Key: &key}))

	client := Client{ID: "client_1", Organization: "org_a", Hash: [32]byte{3}, Scopes: []string{"events:read"}}
	f.mustDo(change(&Change{Client: &client}))
	f.mustDo(change(&Change{Client: &Client{ID: "client_2", Organization: "org_a"}}))
	checkErr(t, "create a client again", change(&Change{Client: &client}), ErrExists)
	checkErr(t, "remove an unknown client", change(&Change{Base: 1, Client: &Client{ID: "client_3", DeletedAt: 7}}), ErrNotFound)
	kept, _ := f.Client("client_2")
	checkErr(t, "change a client", change(&Change{Base: kept.Version, Client: &Client{ID: "client_2"}}), ErrForbidden)
	checkErr(t, "remove another version", change(&Change{Base: kept.Version + 1, Client: &Client{ID: "client_2", DeletedAt: 7}}), ErrChanged)
	f.mustDo(change(&Change{Base: kept.Version, Client: &Client{ID: "client_2", DeletedAt: 7}}))

	for _, restarted := range []bool{false, true} {
		clients := f.Clients("org_a")
		check(t, "clients", strings.Join(names(clients, func(c *Client) string { return c.ID }), " "), "client_1")
		check(t, "client created at", clients[0].CreatedAt, int64(startTime))
		check(t, "clients of another", len(f.Clients("org_b")), 0)
		_, found := f.Client("client_2")
		check(t, "removed client found", found, false)
		list := f.Organizations()
		check(t, "organizations", len(list), 2)
		check(t, "first", list[0].Name, "AA")
		check(t, "created at", list[0].CreatedAt, int64(startTime))
		k, found := f.KeyByHash([32]byte{1})
		check(t, "key found", found, true)
		check(t, "revoked at", k.RevokedAt, int64(7))
		check(t, "keys of org_a", len(f.Keys("org_a")), 1)
		check(t, "admin keys", f.Keys("")[0].ID, "key_2")
		if !restarted {
			f.restart(false)
		}
	}
	a, _ = f.Organization("org_a")
	f.mustDo(change(&Change{Base: a.Version, Organization: &Organization{ID: "org_a", DeletedAt: 9}}))
	_, found = f.Organization("org_a")
	check(t, "found after deletion", found, false)
	checkErr(t, "change a deleted one", change(&Change{Base: a.Version, Organization: &Organization{ID: "org_a"}}), ErrNotFound)
}
