package ledger

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/wal"
)

// What Verify asks of a row of each table: v.at is its key.

var errDamagedValue = errors.New("its value is damaged")

func (v *verifier) meta(value []byte) error {
	applied, err := v.decodeMeta(value)
	if err == nil {
		v.end = applied
	}
	return err
}

// inLog refuses a position that apply has not come to yet.
func (v *verifier) inLog(at wal.Pos) error {
	if at > v.end {
		return fmt.Errorf("it speaks of position %d, but the ledger ends at %d", at, v.end)
	}
	return nil
}

func (v *verifier) event(value []byte) error {
	if p := wal.PartitionOf(v.at.org, v.partitions); p != v.p {
		return fmt.Errorf("its organization belongs to partition %d", p)
	}
	var row eventRow
	return cmp.Or(row.decode(value), v.inLog(row.pos))
}

// byType: the row of the event goes later than its entry by type, see idSlack.
func (v *verifier) byType(value []byte) error {
	if len(value) != len(event.ID{}) {
		return errDamagedValue
	}
	row, found, err := v.eventRow(v.at.org, event.ID(value))
	if err == nil && (!found || row.pos != wal.Pos(v.at.pos)) {
		err = fmt.Errorf("there is no event %s at this place", event.ID(value))
	}
	return err
}

func (v *verifier) time(value []byte) error {
	at, err := numberOf(value)
	if err == nil && at <= v.last {
		err = fmt.Errorf("it begins at %d, not after the one before it, which begins at %d", at, v.last)
	}
	v.last = max(v.last, at)
	return cmp.Or(err, v.inLog(at))
}

func (v *verifier) duplicate(value []byte) error {
	return cmp.Or(v.empty(value), v.inLog(wal.Pos(v.at.pos)))
}

func (v *verifier) lane(value []byte) error {
	var lane Lane
	if err := lane.decode(value); err != nil {
		return err
	}
	v.waiting[endpoint.Key(v.at.endpoint)] += int64(lane.Waiting())
	return v.knownEndpoint()
}

func (v *verifier) knownEndpoint() error {
	if _, known := v.endpoints[endpoint.Key(v.at.endpoint)]; !known {
		return errors.New("there is no such endpoint")
	}
	return nil
}

// delivery: what waits and what ended without success is in an index. The
// deletion of an endpoint empties that of the retries and leaves the rows.
func (v *verifier) delivery(value []byte) error {
	var row delivery.Row
	if err := row.Decode(value); err != nil {
		return err
	}
	key, index := v.terminalKey(v.at.ref(), row.State), "of its state"
	switch {
	case !row.State.Terminal() && v.deleted[endpoint.Key(v.at.endpoint)]:
		return nil
	case !row.State.Terminal():
		key, index = v.retryKey(v.at.ref(), row.Next), "of retries"
	case !indexed(row.State):
		return v.knownEndpoint()
	}
	found, err := v.db.Has(key)
	if err == nil && !found {
		err = fmt.Errorf("it is %s, but missing in the index %s", row.State, index)
	}
	return errors.Join(err, v.knownEndpoint())
}

func (v *verifier) attempt(value []byte) error {
	var a delivery.Attempt
	if err := a.Decode(value); err != nil {
		return err
	}
	if ref := v.at.ref(); v.attempted.Ref != ref {
		row, _, err := v.row(ref)
		if err != nil {
			return fmt.Errorf("the row of its delivery: %w", err)
		}
		v.attempted.Ref, v.attempted.attempts = ref, row.Attempts
	}
	if a.N != int(v.at.n) || a.N > v.attempted.attempts {
		return fmt.Errorf("it says that it is attempt %d, of a delivery with %d", a.N, v.attempted.attempts)
	}
	return nil
}

// indexedRow is the row that an entry of an index points to.
func (v *verifier) indexedRow() (row delivery.Row, err error) {
	row, found, err := v.row(v.at.ref())
	if err == nil && !found {
		err = errors.New("it points to a delivery that has no row")
	}
	return row, err
}

func (v *verifier) retry(value []byte) error {
	v.waiting[endpoint.Key(v.at.endpoint)]--
	queue, err := numberOf(value)
	if err != nil {
		return err
	}
	row, err := v.indexedRow()
	if err == nil && (row.State.Terminal() || row.Next != int64(v.at.due) || row.Queue != uint64(queue)) {
		err = fmt.Errorf("it points to a delivery that is %s, next attempt at %d, in line at %d", row.State, row.Next, row.Queue)
	}
	return err
}

func (v *verifier) terminal(value []byte) error {
	row, err := v.indexedRow()
	if err == nil && row.State != delivery.State(v.at.state) {
		err = fmt.Errorf("it points to a delivery that is %s", row.State)
	}
	return errors.Join(err, v.empty(value))
}

func (v *verifier) idempotency(value []byte) error {
	expires, err := keyExpiry(value)
	if err != nil {
		return err
	}
	if event.Source(v.at.scope) != answerScope {
		err = new(idempotencyRow).decode(value)
	}
	if err != nil {
		return err
	}
	tail := v.key(tableKeyExpiry).U32(expiryHour(expires)).U8(v.at.scope)
	found, err := v.db.Has(text(tail, v.at.org).Raw(v.at.hash[:]))
	if err == nil && !found {
		err = errors.New("nothing says when it expires")
	}
	return err
}

func (v *verifier) empty(value []byte) error {
	if len(value) > 0 {
		return errDamagedValue
	}
	return nil
}

// object: the tenants are in one partition, an endpoint in that of its own.
func (v *verifier) object(value []byte) error {
	object, err := decodeObject(v.at.kind, value)
	if err != nil {
		return err
	}
	id, p := "", TenantsPartition
	switch o := object.(type) {
	case *endpoint.Endpoint:
		id, p = o.ID, wal.PartitionOf(o.Organization, v.partitions)
		v.endpoints[o.Key], v.deleted[o.Key] = o.ID, o.DeletedAt != 0
		if len(o.Spans) == 0 {
			return errDamagedValue
		}
	case *Organization:
		id = o.ID
	case *Key:
		id = o.ID
	case *Client:
		id = o.ID
	}
	if id != v.at.object || p != v.p {
		err = fmt.Errorf("it says that its id is %q, of partition %d", id, p)
	}
	return err
}

func (v *verifier) replayJob(value []byte) error {
	var job ReplayJob
	if err := json.Unmarshal(value, &job); err != nil {
		return err
	}
	if job.ID != event.ID(v.at.id) || job.Organization != v.at.org {
		return fmt.Errorf("it says that it is %s of %q", FormatReplayID(job.ID), job.Organization)
	}
	running, err := v.db.Has(v.runningKey(job.Organization, job.ID))
	if err == nil && running != (job.State == ReplayRunning) {
		err = fmt.Errorf("it is %s, which the index of running jobs contradicts", job.State)
	}
	return err
}

func (v *verifier) running(value []byte) error {
	return errors.Join(v.ofJob(), v.empty(value))
}

func (v *verifier) replayLine(value []byte) error {
	next, err := numberOf(value)
	return errors.Join(err, v.inLog(max(next, 1)-1), v.ofJob())
}

// ofJob: the job that a row is about exists. That it is running is the job's to
// say, and is compared there.
func (v *verifier) ofJob() error {
	found, err := v.db.Has(v.replayKey(v.at.org, event.ID(v.at.id)))
	if err == nil && !found {
		err = errors.New("there is no such replay job")
	}
	return err
}

func (v *verifier) audit(value []byte) error { return json.Unmarshal(value, new(AuditEntry)) }
