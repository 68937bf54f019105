package ledger

import (
	"fmt"
	"testing"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/wal"
)

var givenUp = delivery.SetOf(delivery.Failed, delivery.Exhausted)

// startJob starts a replay job of org_a.
func (f *fixture) startJob(job *ReplayJob) *ReplayJob {
	f.t.Helper()
	job.ID, job.Organization = NewID(), "org_a"
	_, err := f.Command(f.ctx(), &Command{Verb: StartReplay, Organization: "org_a", Job: job, Limit: 2})
	f.mustDo(err)
	return f.job(job.ID)
}

// job is a job as the ledger has it.
func (f *fixture) job(id event.ID) *ReplayJob {
	f.t.Helper()
	job, found, err := f.ReplayJob("org_a", id)
	if err != nil || !found {
		f.t.Fatalf("job %v: found %t, error %v", id, found, err)
	}
	return job
}

func (f *fixture) onJob(verb Verb, job *ReplayJob, e *endpoint.Endpoint, events ...wal.Pos) (int, error) {
	c := &Command{Verb: verb, Organization: "org_a", JobID: job.ID, Events: events}
	if e != nil {
		c.Endpoint = e.Key
	}
	v, err := f.Command(f.ctx(), c)
	return v.Count, err
}

// chosen is what a job finds for an endpoint, reading a few at a time.
func (f *fixture) chosen(job *ReplayJob, e *endpoint.Endpoint, limit int) (all []wal.Pos) {
	f.t.Helper()
	for from := wal.Pos(0); ; {
		c, err := f.ChooseReplays(job, e.Key, from, limit)
		f.mustDo(err)
		if len(c.Events) > limit || c.Next != 0 && c.Next <= from {
			f.t.Fatalf("from %d: got %d events, next %d, want at most %d, and a next that is further", from, len(c.Events), c.Next, limit)
		}
		all = append(all, c.Events...)
		if from = c.Next; from == 0 {
			return all
		}
	}
}

// A job makes each delivery once, however often its commands are repeated and
// wherever it is interrupted, and says how far it has come (G2, G3).
func TestReplayJob(t *testing.T) {
	f := newLedger(t, 1)
	e := f.create("org_a", "ed_1")
	var at []wal.Pos
	for i, state := range []delivery.State{delivery.Exhausted, delivery.Succeeded, delivery.Failed, delivery.Retrying, delivery.Exhausted} {
		at = append(at, f.postType("org_a", "a"))
		f.settle(e, at[i], 1, state)
	}
	job := f.startJob(&ReplayJob{States: givenUp})
	check(t, "chosen", fmt.Sprint(f.chosen(job, e, 2)), fmt.Sprint([]wal.Pos{at[0], at[2], at[4]}))

	made, err := f.onJob(ContinueReplay, job, e, at[0], at[2])
	check(t, "first command", made, 2)
	checkErr(t, "first command", err, nil)
	_, err = f.onJob(ContinueReplay, job, e, at[0], at[2])
	checkErr(t, "the same again", err, ErrChanged)
	f.restart(true)
	_, err = f.onJob(ContinueReplay, job, e, at[2], at[4])
	checkErr(t, "one that overlaps, after a crash", err, ErrChanged)
	f.mustDo(f.onDelivery(e, at[4], Retry)) // somebody was faster
	made, err = f.onJob(ContinueReplay, job, e, at[4])
	check(t, "last command", made, 0)
	checkErr(t, "last command", err, nil)

	now := f.job(job.ID)
	check(t, "replayed", now.Replayed, 2)
	check(t, "skipped", now.Skipped, 1)
	_, err = f.onJob(FinishReplay, job, nil)
	checkErr(t, "finish", err, nil)
	_, err = f.onJob(CancelReplay, job, nil)
	checkErr(t, "cancel what is done", err, ErrForbidden)
	_, err = f.onJob(ContinueReplay, job, e, at[4])
	checkErr(t, "continue what is done", err, ErrForbidden)
	now = f.job(job.ID)
	check(t, "state", now.State, ReplayDone)
	check(t, "matched in the end", now.Matched, 3)

	waiting := f.waiting(e)
	check(t, "waiting", len(waiting), 4)
	rows := 0
	for _, w := range waiting {
		if w.Replay == 1 {
			rows++
			row, _, err := f.Row(0, w.Ref)
			f.mustDo(err)
			check(t, "state of a replay", row.State, delivery.Pending)
			check(t, "rendering of a replay", row.Render, f.row(e, w.Pos).Render)
			check(t, "creation of a replay", row.Created, f.clock.Load())
		}
	}
	check(t, "replays that wait", rows, 2)
	check(t, "tally", f.lane(e).Replays, uint64(2))
	check(t, "state after a replay of the log", replay(t, f, 3), f.hash(0))
}

// What was replayed with success is not chosen again, and what is on its way is
// not replayed.
func TestNewestDeliveryDecides(t *testing.T) {
	f := newLedger(t, 1)
	e := f.create("org_a", "ed_1")
	at, untried := f.postType("org_a", "a"), f.postType("org_a", "a")
	again := func(pos wal.Pos, number uint32) error {
		_, err := f.Command(f.ctx(), &Command{Verb: Replay, Organization: "org_a", Endpoint: e.Key, Event: pos, Replay: number})
		return err
	}
	end := func(replay uint32, state delivery.State) {
		o := f.outcome(e, at, 1, state)
		o.Replay = replay
		f.write(0, wal.Outcome, o.Append(nil))
	}
	end(0, delivery.Exhausted)
	job := f.startJob(&ReplayJob{States: givenUp})
	success := f.startJob(&ReplayJob{States: delivery.SetOf(delivery.Succeeded)})
	checkErr(t, "replay", again(at, 1), nil)
	checkErr(t, "replay by two at once", again(at, 1), ErrChanged)
	checkErr(t, "replay of what is on its way", again(at, 2), ErrForbidden)
	checkErr(t, "replay of what was never tried", again(untried, 1), ErrNotFound)
	check(t, "chosen while the replay is on its way", len(f.chosen(job, e, 10)), 0)
	end(1, delivery.Failed)
	check(t, "chosen after it has failed", len(f.chosen(job, e, 10)), 1)
	checkErr(t, "second replay", again(at, 2), nil)
	end(2, delivery.Succeeded)
	check(t, "chosen after it has succeeded", len(f.chosen(job, e, 10)), 0)
	check(t, "chosen by success", len(f.chosen(success, e, 10)), 1)
	_, err := f.Command(f.ctx(), &Command{Verb: StartReplay, Organization: "org_a", Job: &ReplayJob{ID: NewID(), Organization: "org_a"}, Limit: 2})
	checkErr(t, "one job too many", err, ErrBusy)

	list, err := f.Deliveries("org_a", DeliveryFilter{Event: f.eventAt(at).ID}, Page{Limit: 10})
	f.mustDo(err)
	var got []string
	for _, d := range list.Items {
		got = append(got, fmt.Sprintf("%d:%v", d.ID.Replay, d.State))
	}
	check(t, "deliveries of the event", fmt.Sprint(got), "[2:succeeded 1:failed 0:exhausted]")
}

func (f *fixture) eventAt(at wal.Pos) *event.Event {
	f.t.Helper()
	ev, err := f.EventAt(0, at)
	f.mustDo(err)
	return ev
}

// Every part of the filter counts.
func TestReplayFilter(t *testing.T) {
	f := newLedger(t, 1)
	e := f.create("org_a", "ed_1")
	var at []wal.Pos
	for i, eventType := range []string{"invoice.paid", "invoice.due", "customer.made", "invoice.paid"} {
		f.clock.Add(60_000)
		at = append(at, f.postType("org_a", eventType))
		f.settle(e, at[i], 1, []delivery.State{delivery.Exhausted, delivery.Failed}[i%2])
	}
	job := f.startJob(&ReplayJob{States: givenUp})
	late := f.postType("org_a", "invoice.paid")
	f.settle(e, late, 1, delivery.Failed)
	f.mustDo(f.onDelivery(e, f.postType("org_a", "other"), Cancel))
	minute := func(n int64) int64 { return startTime + n*60_000 }
	for _, test := range []struct {
		what string
		job  ReplayJob
		want []int
	}{
		{"all", ReplayJob{States: givenUp}, []int{0, 1, 2, 3}},
		{"failed", ReplayJob{States: delivery.SetOf(delivery.Failed)}, []int{1, 3}},
		{"and more than what is indexed", ReplayJob{States: delivery.SetOf(delivery.Failed, delivery.Canceled)}, []int{1, 3}},
		{"succeeded", ReplayJob{States: delivery.SetOf(delivery.Succeeded)}, nil},
		{"a type", ReplayJob{States: givenUp, Types: []string{"invoice.paid"}}, []int{0, 3}},
		{"a pattern", ReplayJob{States: givenUp, Types: []string{"customer.made", "invoice.*"}}, []int{0, 1, 2, 3}},
		{"from", ReplayJob{States: givenUp, From: minute(3)}, []int{2, 3}},
		{"from, a little later", ReplayJob{States: givenUp, From: minute(3) + 1}, []int{3}},
		{"to", ReplayJob{States: givenUp, To: minute(3)}, []int{0, 1}},
		{"to, a little later", ReplayJob{States: givenUp, To: minute(3) + 1}, []int{0, 1, 2}},
		{"nothing in between", ReplayJob{States: givenUp, From: minute(30), To: minute(40)}, nil},
		{"before the beginning", ReplayJob{States: givenUp, From: 1, To: 2}, nil},
	} {
		test.job.Organization, test.job.UpTo = "org_a", job.UpTo
		var want []wal.Pos
		for _, i := range test.want {
			want = append(want, at[i])
		}
		for _, limit := range []int{1, 2, 100} {
			check(t, fmt.Sprintf("%s, %d at a time", test.what, limit), fmt.Sprint(f.chosen(&test.job, e, limit)), fmt.Sprint(want))
		}
	}
}

// A job is kept until retention has come to where it ended, and goes with its
// organization.
func TestReplayJobsAreForgotten(t *testing.T) {
	f := newLedger(t, 1)
	e := f.create("org_a", "ed_1")
	ended, running := f.startJob(&ReplayJob{States: givenUp}), f.startJob(&ReplayJob{States: givenUp})
	_, err := f.onJob(CancelReplay, ended, nil)
	f.mustDo(err)
	_, err = f.onJob(CancelReplay, ended, nil)
	checkErr(t, "cancel again", err, nil)
	at := f.postType("org_a", "a")
	f.settle(e, at, 1, delivery.Failed)
	_, err = f.onJob(ContinueReplay, running, e, at)
	f.mustDo(err)
	jobs := func() int {
		t.Helper()
		list, err := f.ReplayJobs("org_a", Page{Limit: 10})
		f.mustDo(err)
		return len(list.Items)
	}
	count := func() (n int) {
		t.Helper()
		f.mustDo(f.RunningReplays(0, func(org string, id event.ID) {
			if org != "org_a" || id != running.ID {
				t.Errorf("running: got %s of %s, want %s of org_a", id, org, running.ID)
			}
			n++
		}))
		return n
	}
	check(t, "jobs", jobs(), 2)
	check(t, "running", count(), 1)
	_, err = f.Command(f.ctx(), &Command{Verb: Expire, Organization: "org_a", Before: at})
	f.mustDo(err)
	check(t, "jobs after retention", jobs(), 1)
	_, err = f.Command(f.ctx(), &Command{Verb: Erase, Organization: "org_a"})
	f.mustDo(err)
	check(t, "jobs after the organization", jobs(), 0)
	check(t, "running after the organization", count(), 0)
	if left, err := f.partition("org_a").hasAnything("org_a"); left || err != nil {
		t.Errorf("after the organization: got something %v, %v, want nothing", left, err)
	}
}

// However many jobs are started, an organization keeps a bounded number (G8):
// those that began last, and all that run.
func TestOldReplayJobsMakeRoom(t *testing.T) {
	f := newLedger(t, 1)
	running := f.startJob(&ReplayJob{States: givenUp})
	var ended []*ReplayJob
	for range MaxReplays + 2 {
		job := f.startJob(&ReplayJob{States: givenUp})
		_, err := f.onJob(FinishReplay, job, nil)
		f.mustDo(err)
		ended = append(ended, job)
	}
	check(t, "jobs kept", f.count(tableReplay), MaxReplays)
	check(t, "the one that runs", f.job(running.ID).State, ReplayRunning)
	for i, want := range map[int]bool{0: false, 2: false, 3: true, len(ended) - 1: true} {
		_, found, err := f.ReplayJob("org_a", ended[i].ID)
		f.mustDo(err)
		check(t, fmt.Sprintf("job %d kept", i), found, want)
	}
}

func TestReplayID(t *testing.T) {
	id := NewID()
	if got, err := ParseReplayID(FormatReplayID(id)); got != id || err != nil {
		t.Errorf("parse %q: got %v, %v, want %v", FormatReplayID(id), got, err, id)
	}
	for _, text := range []string{"", "rpl_", id.String(), "rpl_" + id.String() + "0", "evt_" + id.String(), "rpl_!" + id.String()[1:]} {
		if got, err := ParseReplayID(text); err == nil {
			t.Errorf("parse %q: got %v, want an error", text, got)
		}
	}
}
