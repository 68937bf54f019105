package proof

// Record is one line of a ledger: a time, and one thing that was about to happen
// or had happened. Exactly one of the pointers is set.
type Record struct {
	Wall int64 `json:"wall"` // Unix nanoseconds
	Mono int64 `json:"mono"` // see Monotonic; comparable between ledgers

	Intent  *Intent  `json:"intent,omitempty"`
	Answer  *Answer  `json:"answer,omitempty"`
	Receipt *Receipt `json:"receipt,omitempty"`
	Change  *Change  `json:"change,omitempty"`
	Fault   *Fault   `json:"fault,omitempty"`
	Walk    *Walk    `json:"walk,omitempty"`
}

// Intent says that a producer is about to post items in one request. A request
// that is made again is another post of the same items.
type Intent struct {
	Post  string `json:"post"` // its name, unique in all ledgers
	Org   string `json:"org"`
	Items []Item `json:"items"` // more than one make a batch
}

// Item is an event as its producer has it.
type Item struct {
	Marker string `json:"marker"` // is found in its data and in no other item's
	Type   string `json:"type"`
	Key    string `json:"key,omitempty"` // idempotency key, unique in its organization; "" = none
	Data   string `json:"data"`          // exactly these bytes
	Bad    bool   `json:"bad,omitempty"` // must be rejected
}

// Answer says what became of a post.
type Answer struct {
	Post    string   `json:"post"`
	Status  int      `json:"status"` // of HTTP; 0 = there was no answer
	Unsent  bool     `json:"unsent,omitempty"`
	Results []Result `json:"results,omitempty"` // of a 2xx, one for each item
	Error   string   `json:"error,omitempty"`
}

// Result is what a post was told about one item.
type Result struct {
	ID        string `json:"id,omitempty"` // "" = rejected
	Duplicate bool   `json:"duplicate,omitempty"`
	Error     string `json:"error,omitempty"`
}

// verdict is what an answer means for an item.
type verdict uint8

const (
	unknown  verdict = iota // it may be accepted, or not
	unsent                  // it never left the producer
	rejected                // the server said no
	accepted
)

// of reads the verdict on the i-th item. Of the server's own errors only "disk
// full" says that nothing was written; after any other the event may turn up.
func (a *Answer) of(i int) verdict {
	switch {
	case a.Unsent:
		return unsent
	case a.Status/100 == 2 && i < len(a.Results) && a.Results[i].ID != "":
		return accepted
	case a.Status/100 == 2 && i < len(a.Results), a.Status/100 == 4, a.Status == 507:
		return rejected
	}
	return unknown
}

// Receipt is a request that a receiver got, and what it will answer.
type Receipt struct {
	Endpoint   string `json:"endpoint"` // its name, the last part of the path
	ID         string `json:"id"`       // the headers webhook-…
	Timestamp  string `json:"timestamp"`
	Signature  string `json:"signature"`
	Body       string `json:"body"`
	Status     int    `json:"status"`                // 0 = it will not answer
	RetryAfter int    `json:"retry_after,omitempty"` // seconds
	Delay      int    `json:"delay_ms,omitempty"`    // before it answers
}

// ok reports whether the receiver took it.
func (r *Receipt) ok() bool { return r.Status/100 == 2 }

// Change is a change of an endpoint. It is written twice: before it is asked
// for, and, with Done, when it was answered.
type Change struct {
	Verb     string   `json:"verb"` // create, update, enable, disable, pause, resume, rotate, delete
	Endpoint string   `json:"endpoint"`
	Org      string   `json:"org"`
	Done     bool     `json:"done,omitempty"`
	Settings Settings `json:"settings,omitzero"` // of create and update

	ID     string `json:"id,omitempty"`           // once it was answered
	Secret string `json:"secret,omitempty"`       // of create and rotate
	Grace  int    `json:"grace_seconds,omitzero"` // of rotate: for how long the secrets before go on to sign
}

// Settings are what an endpoint is created with, or changed to.
type Settings struct {
	Types       []string `json:"event_types,omitempty"` // exactly these; none = all
	Fifo        bool     `json:"fifo,omitempty"`        // deliver in order
	Retry       []int64  `json:"retry_schedule,omitempty"`
	MaxInFlight int      `json:"max_in_flight,omitempty"`
	Timeout     int64    `json:"timeout_ms,omitempty"`
}

// Fault says that something was done to the server.
type Fault struct {
	What  string `json:"what"`            // such as kill
	Crash bool   `json:"crash,omitempty"` // the process ended without warning: what it had not written is lost
	Over  bool   `json:"over,omitempty"`  // the process is gone, or the fault has been taken back
	Step  int64  `json:"step,omitempty"`  // seconds by which its wall clock was set, forward or back: an hour or more
	Down  bool   `json:"down,omitempty"`  // it was set while the process did not run
}

// Walk is a list of the API that was read from page to page while others wrote.
type Walk struct {
	Org   string   `json:"org"`
	Began int64    `json:"began"` // Mono
	IDs   []string `json:"ids"`   // of events, as they came
}
