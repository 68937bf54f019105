package ledger

import (
	"fmt"

	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/json"
	"github.com/hookwheel/hookwheel/wal"
)

// Config and Command records are JSON: they are rare, people read them in an
// audit, and fields come and go over the years. Event and Outcome records are
// binary, see packages event and delivery.

// Audit says who wanted a change, from where.
type Audit struct {
	Actor     string `json:"actor,omitempty"`      // key id, or the part of the engine that decided
	RequestID string `json:"request_id,omitempty"` //
	Source    string `json:"source,omitempty"`     // network address
}

// Change is a Config record: one object as it shall be. Base is the version it
// was computed from, 0 for a new object; when the object has changed in between,
// apply refuses with ErrChanged and the writer computes again.
type Change struct {
	Audit        Audit              `json:"audit"`
	Base         uint64             `json:"base,omitempty"`
	Endpoint     *endpoint.Endpoint `json:"endpoint,omitempty"` // its last span says what is wanted from now on
	Organization *Organization      `json:"organization,omitempty"`
	Key          *Key               `json:"key,omitempty"`
	Client       *Client            `json:"client,omitempty"`
	Answer       *Answer            `json:"answer,omitempty"` // Base and Audit do not count
}

// Verb is what a Command does.
type Verb string

const (
	Enable         Verb = "enable"          // endpoint
	Disable        Verb = "disable"         // endpoint, with Reason
	Pause          Verb = "pause"           // endpoint
	Resume         Verb = "resume"          // endpoint
	Delete         Verb = "delete"          // endpoint
	Retry          Verb = "retry"           // delivery: put it back in line, due now
	Cancel         Verb = "cancel"          // delivery
	RetryAll       Verb = "retry_all"       // endpoint: retry what failed or was exhausted of Events; with Limit, as long as fewer wait
	Replay         Verb = "replay"          // event and endpoint: a new delivery, with the number Replay
	StartReplay    Verb = "start_replay"    // Job, if fewer than Limit of the organization run
	ContinueReplay Verb = "continue_replay" // replay job and endpoint: new deliveries of Events
	FinishReplay   Verb = "finish_replay"   // replay job that has nothing left to do
	CancelReplay   Verb = "cancel_replay"   // replay job
	Expire         Verb = "expire"          // everything of events before Before
	Forget         Verb = "forget"          // idempotency keys that expired before BeforeTime, the audit from before AuditBefore
	NoteUses       Verb = "note_uses"       // API keys: when they were used last
	NoteBackup     Verb = "note_backup"     // Backup: nothing changes, it is for the audit
	Erase          Verb = "erase"           // an organization: the rows of all that it has
	StartErase     Verb = "start_erase"     // a deleted organization that has something again
	FinishErase    Verb = "finish_erase"    // a deleted organization of which nothing is left
)

// Command is a Command record: one verb on one object.
type Command struct {
	Audit        Audit            `json:"audit"`
	Verb         Verb             `json:"verb"`
	Organization string           `json:"organization,omitempty"` // owner of the object; another's is ErrNotFound
	Endpoint     endpoint.Key     `json:"endpoint,omitempty"`
	Event        wal.Pos          `json:"event,omitempty"`
	EventID      event.ID         `json:"event_id,omitzero"`
	Replay       uint32           `json:"replay,omitempty"`
	Due          int64            `json:"due,omitempty"` // of a retry, Unix ms; 0 = the record's time
	Reason       string           `json:"reason,omitempty"`
	Before       wal.Pos          `json:"before,omitempty"`
	Limit        int              `json:"limit,omitempty"`
	Job          *ReplayJob       `json:"job,omitempty"`
	JobID        event.ID         `json:"job_id,omitzero"`
	Events       []wal.Pos        `json:"events,omitempty"`       // in log order
	BeforeTime   int64            `json:"before_time,omitempty"`  // Unix ms
	AuditBefore  int64            `json:"audit_before,omitempty"` // Unix ms
	Uses         map[string]int64 `json:"uses,omitempty"`         // by key id; Unix ms
	Backup       string           `json:"backup,omitempty"`       // its path below the directory of backups
}

// Organization is a tenant. Everything but itself, its keys and its clients
// lives in the partition that its id maps to.
type Organization struct {
	ID        string `json:"id"`
	Version   uint64 `json:"version"`
	Name      string `json:"name"`
	Livemode  bool   `json:"livemode"`
	ParentID  string `json:"parent_id,omitempty"`
	CreatedAt int64  `json:"created_at"` // Unix ms
	UpdatedAt int64  `json:"updated_at"`
	DeletedAt int64  `json:"deleted_at,omitempty"`
	ErasedAt  int64  `json:"erased_at,omitempty"` // when no file of the store had anything of it any more

	Connectors Connectors `json:"connectors"`
}

// Connectors are the outside sources that post events straight to an
// organization, in their own form and without an API key.
type Connectors struct {
	Stripe *StripeConnector `json:"stripe,omitempty"` // nil = not set up
}

// StripeConnector takes the webhooks of Stripe. It is replaced as a whole,
// never changed in place.
type StripeConnector struct {
	Enabled bool              `json:"enabled"` // false = what comes in is answered and dropped
	Secrets []endpoint.Secret `json:"secrets"` // at least one; an event is signed with any of them
}

// Key is an API key: of one organization, or an admin key of none.
type Key struct {
	ID           string   `json:"id"`
	Version      uint64   `json:"version"`
	Organization string   `json:"organization_id,omitempty"` // "" = admin
	Name         string   `json:"name"`
	Prefix       string   `json:"prefix"` // the first characters, to recognise it by
	Hash         [32]byte `json:"hash"`   // SHA-256 of the whole key, all that is kept of it
	Scopes       []string `json:"scopes"`
	Livemode     bool     `json:"livemode"`
	CreatedAt    int64    `json:"created_at"` // Unix ms
	ExpiresAt    int64    `json:"expires_at,omitempty"`
	RevokedAt    int64    `json:"revoked_at,omitempty"`
	LastUsedAt   int64    `json:"last_used_at,omitempty"` // to the hour, see engine.KeyUsed; not part of the version
}

// Client is an OAuth 2 client of an organization: a program that gets access
// tokens for its id and secret. It never changes until it is deleted.
type Client struct {
	ID           string   `json:"id"`
	Version      uint64   `json:"version"`
	Organization string   `json:"organization_id"`
	Name         string   `json:"name"`
	Hash         [32]byte `json:"hash"` // SHA-256 of the secret, all that is kept of it
	Scopes       []string `json:"scopes"`
	CreatedAt    int64    `json:"created_at"`           // Unix ms
	DeletedAt    int64    `json:"deleted_at,omitempty"` // set by the change that removes it
}

func encode(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("BUG: ledger cannot encode %T: %v", v, err))
	}
	return data
}
