package httpapi_test

import (
	"flag"
	"net/http"
	"testing"

	"github.com/hookwheel/hookwheel/httpapi"
	"github.com/hookwheel/hookwheel/httpapi/apitest"
)

var update = flag.Bool("update", false, "rewrite the answers in the scripts")

const maxEventSize = 2000

// Every field and status of the native API stands in some script.
func TestNativeScripts(t *testing.T) {
	apitest.Run(t, "../testdata/api/native/*.txt", *update, connect)
}

// connect starts an engine and a server for one test.
func connect(t *testing.T) *http.Client {
	e := apitest.Open(t)
	return apitest.Serve(t, e.Ledger(), httpapi.Dialects(e, maxEventSize)...)
}
