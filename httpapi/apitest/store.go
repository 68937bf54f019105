// Package apitest runs a dialect the way its clients meet it: over HTTP, on a
// real store, by scripts of requests and the answers they shall get.
//
// It is for tests only.
package apitest

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/hookwheel/hookwheel/engine"
	"github.com/hookwheel/hookwheel/engine/bridge"
	"github.com/hookwheel/hookwheel/engine/delivery"
	"github.com/hookwheel/hookwheel/engine/egress"
	"github.com/hookwheel/hookwheel/engine/endpoint"
	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/ledger"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/httpapi"
	"github.com/hookwheel/hookwheel/httpapi/auth"
	"github.com/hookwheel/hookwheel/httpapi/wire"
	"github.com/hookwheel/hookwheel/wal"
	"github.com/hookwheel/hookwheel/wal/kv"
)

// Open returns an engine on a filesystem in memory that lives as long as the
// test. It has the organizations default, org_acme and org_other, and Keys.
// What it sends goes to receivers that answer with the status that the path of
// their URL ends in: /hooks/503 with 503, and 200 for any other path. Event
// buses do so with the status that is the number of their account, zeros left
// out, and 200 for any other account.
func Open(t testing.TB) *engine.Engine {
	t.Helper()
	box, err := secret.NewBox(secret.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(context.Background(), engine.Options{
		Log:     wal.Options{Dir: "data", FS: kv.MemFS(), Partitions: 4, DiskReserve: -1, MemTableSize: 4 << 20, CacheSize: 4 << 20},
		Sender:  receivers{},
		Bus:     receivers{},
		Box:     box,
		Version: "test",
		Logger:  slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := e.Close(ctx, func() {}); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	for _, o := range []ledger.Organization{
		{ID: auth.DefaultOrganization, Name: "Default"},
		{ID: "org_acme", Name: "Acme", Livemode: true},
		{ID: "org_other", Name: "Other"},
	} {
		if _, err := e.CreateOrganization(context.Background(), &o, ledger.Audit{}); err != nil {
			t.Fatalf("create organization: %v", err)
		}
	}
	addKeys(t, e.Ledger())
	return e
}

// receivers answer at once.
type receivers struct{}

func (receivers) Send(request *egress.Request, response *egress.Response) {
	_, last, _ := strings.Cut(request.URL, "/hooks/")
	answer(last, response)
}

func (receivers) Put(entry *bridge.Entry, response *egress.Response) {
	arn := strings.Split(entry.Bus, ":")
	answer(arn[4], response)
	if response.Status == http.StatusNotFound {
		*response = egress.Response{Status: response.Status, Class: egress.NoBus, Err: errors.New("no such bus")}
	}
}

// answer is with the status of that number, or with 200 if it is none.
func answer(number string, response *egress.Response) {
	status, err := strconv.Atoi(number)
	if err != nil || status > 599 {
		status = http.StatusOK
	}
	*response = egress.Response{Status: status, Class: egress.Success}
	switch {
	case status >= 500:
		response.Class, response.Snippet = egress.ServerError, []byte("out of order")
	case status >= 400:
		response.Class, response.Snippet = egress.ClientError, []byte("no")
	case status >= 300:
		response.Class = egress.Redirect
	}
}

// Settle returns when nothing is left to be attempted at once: what is owed to
// endpoints that send has been attempted, those that have to be disabled by that
// are, and every replay is done or waits for its rate.
func Settle(t testing.TB, l *ledger.Ledger) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		owed := uint64(0)
		for p := range l.Partitions() {
			owed += unmade(t, l, p)
			l.Lanes(p, func(e *endpoint.Endpoint, lane *ledger.Lane) {
				if !e.Sends() {
					return
				}
				owed += lane.Backlog() + lane.Rows[delivery.Pending]
				if lane.HoldUntil != 0 { // no receiver here asks to wait: it is about to be disabled
					owed++
				}
			})
		}
		if owed == 0 {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%d deliveries were not attempted", owed)
		case <-time.After(time.Millisecond):
		}
	}
}

// unmade is how many deliveries the replays of a partition are to make soon.
func unmade(t testing.TB, l *ledger.Ledger, p int) (n uint64) {
	t.Helper()
	err := l.RunningReplays(p, func(org string, id event.ID) {
		job, found, err := l.ReplayJob(org, id)
		if err != nil {
			t.Fatal(err)
		}
		if found && (job.Rate == 0 || job.Replayed == 0) {
			n++
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Keys are the API keys that an engine of Open has. The text of a key is its
// name.
var Keys = map[string]ledger.Key{
	"acme":    {Organization: "org_acme", Scopes: (auth.Ordinary | auth.SecretsRead).Names(), Livemode: true},
	"reader":  {Organization: "org_acme", Scopes: (auth.EventsRead | auth.EndpointsRead | auth.DeliveriesRead).Names(), Livemode: true},
	"manager": {Organization: "org_acme", Scopes: []string{"organizations:read", "organizations:write"}, Livemode: true},
	"poster":  {Organization: "org_acme", Scopes: auth.EventsWrite.Names()},
	"bare":    {Organization: "org_acme"},
	"other":   {Organization: "org_other", Scopes: (auth.Ordinary | auth.SecretsRead).Names()},
	"boss":    {Organization: "org_other", Scopes: auth.Admin.Names()},
	"root":    {Scopes: auth.Admin.Names()},
	"expired": {Organization: "org_acme", Scopes: auth.Ordinary.Names(), ExpiresAt: 1},
	"revoked": {Organization: "org_acme", Scopes: auth.Ordinary.Names(), RevokedAt: 1},
}

func addKeys(t testing.TB, l *ledger.Ledger) {
	t.Helper()
	for name, k := range Keys {
		k.ID, k.Name, k.Prefix, k.Hash = "key_"+name, name, name, secret.Hash(name)
		if _, err := l.Change(context.Background(), &ledger.Change{Key: &k}); err != nil {
			t.Fatal(err)
		}
	}
}

// Serve serves dialects on an engine until the test ends and returns a client
// whose every request goes there.
func Serve(t testing.TB, e *engine.Engine, dialects ...*wire.Dialect) *http.Client {
	t.Helper()
	server, err := httpapi.New(httpapi.Options{
		Dialects: dialects, Tenants: httpapi.Tenants(e.Ledger()), Answers: e, KeyUsed: e.KeyUsed, CursorKey: make([]byte, 32), TokenKey: make([]byte, 32),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ln := fasthttputil.NewInmemoryListener()
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return ln.Dial() }}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := server.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return &http.Client{Transport: transport}
}
