package ledger

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// AuditEntry says who did what to which object. Apply writes one for every
// Config and Command record that took effect, in the same batch, so the two
// cannot part. Only what the engine does to keep house (retention, keeping
// answers) has none. An entry has names of fields, never what is in them, so
// no secret comes here; and it stays when its organization is erased, until its
// own retention ends.
type AuditEntry struct {
	At           int64    `json:"-"` // Unix ms, when it was asked for: the time in the record's id
	Audit                 // who, and by which request
	Verb         string   `json:"verb"`
	Kind         string   `json:"kind"`   // of the object
	Object       string   `json:"object"` // its id
	Organization string   `json:"organization_id,omitempty"`
	Changed      []string `json:"changed,omitempty"` // fields, of an update
	Reason       string   `json:"reason,omitempty"`  // of a disabling
}

// Kinds of objects in the audit.
const (
	auditEndpoint     = "endpoint"
	auditDelivery     = "delivery"
	auditOrganization = "organization"
	auditKey          = "api_key"
	auditClient       = "oauth_client"
	auditReplay       = "replay"
	auditBackup       = "backup"
)

// describeChange says what a change is about to do; nil = nothing to note.
func (pt *partition) describeChange(c *Change) *AuditEntry {
	switch {
	case c.Endpoint != nil:
		var now *endpoint.Endpoint
		if m := pt.mu.byID[c.Endpoint.ID]; m != nil {
			now = m.Endpoint
		}
		return describe(c, auditEndpoint, c.Endpoint.ID, c.Endpoint.Organization, now, c.Endpoint)
	case c.Organization != nil:
		entry := describe(c, auditOrganization, c.Organization.ID, c.Organization.ID, pt.tenants.organization(c.Organization.ID), c.Organization)
		if c.Organization.DeletedAt != 0 {
			entry.Verb, entry.Changed = "delete", nil
		}
		return entry
	case c.Key != nil:
		entry := describe(c, auditKey, c.Key.ID, c.Key.Organization, pt.tenants.key(c.Key.ID), c.Key)
		if c.Key.RevokedAt != 0 {
			entry.Verb, entry.Changed = "revoke", nil
		}
		return entry
	case c.Client != nil:
		now, _ := pt.Client(c.Client.ID)
		entry := describe(c, auditClient, c.Client.ID, c.Client.Organization, now, c.Client)
		if c.Client.DeletedAt != 0 {
			entry.Verb, entry.Changed = "delete", nil
		}
		return entry
	}
	return nil
}

func describe[T any](c *Change, kind, id, org string, now, next *T) *AuditEntry {
	entry := &AuditEntry{Audit: c.Audit, Verb: "create", Kind: kind, Object: id, Organization: org}
	if c.Base != 0 && now != nil {
		entry.Verb, entry.Changed = "update", changed(fields(now), fields(next))
	}
	return entry
}

// changed lists the fields that differ, in order.
func changed(now, next map[string]json.RawMessage) []string {
	var names []string
	for name, value := range next {
		if !bytes.Equal(value, now[name]) {
			names = append(names, name)
		}
	}
	for name := range now {
		if _, there := next[name]; !there {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// bookkeeping is what nobody sets: it follows from other fields or from the log.
var bookkeeping = []string{"key", "alias", "version", "created_at", "updated_at", "state_since", "target", "from", "spans", "retired", "last_used_at"}

// fields takes an object apart. Of an endpoint's spans the last one counts.
func fields(object any) map[string]json.RawMessage {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(encode(object), &all); err != nil {
		panic(fmt.Sprintf("BUG: ledger cannot read what it has encoded of %T: %v", object, err))
	}
	if e, ok := object.(*endpoint.Endpoint); ok {
		maps.Copy(all, fields(e.Now()))
	}
	for _, name := range bookkeeping {
		delete(all, name)
	}
	return all
}

// describeCommand is describeChange for a command.
func (pt *partition) describeCommand(c *Command) *AuditEntry {
	entry := &AuditEntry{Audit: c.Audit, Verb: string(c.Verb), Organization: c.Organization, Reason: c.Reason}
	switch c.Verb {
	case Expire, Forget, NoteUses, ContinueReplay, FinishReplay:
		return nil
	case Erase, StartErase: // who deletes an organization has a change of it
		return nil
	case NoteBackup:
		entry.Verb, entry.Kind, entry.Object = "create", auditBackup, c.Backup
	case FinishErase:
		entry.Verb, entry.Kind, entry.Object = string(Erase), auditOrganization, c.Organization
	case Retry, Cancel, Replay:
		id := delivery.ID{Event: c.EventID, Replay: c.Replay}
		if m := pt.mu.members[c.Endpoint]; m != nil {
			id.Endpoint = uint64(m.Alias)
		}
		entry.Kind, entry.Object = auditDelivery, id.String()
	case StartReplay:
		entry.Kind, entry.Object = auditReplay, FormatReplayID(c.Job.ID)
	case CancelReplay:
		entry.Kind, entry.Object = auditReplay, FormatReplayID(c.JobID)
	default:
		entry.Kind = auditEndpoint
		if m := pt.mu.members[c.Endpoint]; m != nil {
			entry.Object = m.ID
		}
	}
	return entry
}

// note keeps an entry about a record that was applied. The ids of records are in
// the order in which they were made, over all partitions.
func (pt *partition) note(b *kv.Batch, r *wal.Rec, entry *AuditEntry) {
	if entry != nil {
		b.Set(pt.key(tableAudit).Raw(r.ID[:]), encode(entry))
	}
}

// forgetAudit drops the entries from before a time.
func (pt *partition) forgetAudit(b *kv.Batch, before int64) error {
	from, _, err := idsOf(timeRange{from: before})
	b.DeleteRange(pt.key(tableAudit), pt.key(tableAudit).Raw(from))
	return err
}
