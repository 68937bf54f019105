package httpapi_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/hookwheel/hookwheel/engine"
	"github.com/hookwheel/hookwheel/httpapi"
	"github.com/hookwheel/hookwheel/httpapi/apitest"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

var update = flag.Bool("update", false, "rewrite the answers in the scripts")

const maxEventSize = 2000

// scripts has a directory for each dialect.
const scripts = "../testdata/api"

// Every field and status of every dialect stands in some script, and is as the
// OpenAPI document says. Every operation that changes something leaves an entry in
// the audit.
func TestScripts(t *testing.T) {
	audit := newAuditWatch()
	for _, dialect := range dialectDirs(t) {
		t.Run(dialect, func(t *testing.T) {
			apitest.Run(t, filepath.Join(scripts, dialect), *update, func(t *testing.T) apitest.Side {
				e := apitest.Open(t)
				all := dialects(e)
				client := check(t, apitest.Serve(t, e, all...), description(t, all))
				client.Transport = &watched{audit, client.Transport.(*checked), e.Ledger()}
				return apitest.Side{
					Client: client,
					Settle: func() { apitest.Settle(t, e.Ledger()) },
				}
			})
		})
	}
	audit.check(t)
}

// What a dialect takes over from a document, some script of it shows.
func TestScriptsShowEveryField(t *testing.T) {
	for _, dialect := range dialectDirs(t) {
		if dialect == "native" {
			continue // follows no document but its own: see TestScriptsShowEveryAnswer
		}
		t.Run(dialect, func(t *testing.T) { apitest.CheckFields(t, filepath.Join(scripts, dialect)) })
	}
}

func dialectDirs(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(scripts)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func dialects(e *engine.Engine) []*wire.Dialect {
	return httpapi.Dialects(e, httpapi.Settings{MaxEventSize: maxEventSize, MaxAttempts: 8, AttemptTimeout: engine.DefaultAttemptTimeout})
}
