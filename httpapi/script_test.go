package httpapi_test

import (
	"flag"
	"testing"

	"github.com/hookwheel/hookwheel/engine"
	"github.com/hookwheel/hookwheel/httpapi"
	"github.com/hookwheel/hookwheel/httpapi/apitest"
	"github.com/hookwheel/hookwheel/httpapi/wire"
)

var update = flag.Bool("update", false, "rewrite the answers in the scripts")

const maxEventSize = 2000

// Every field and status of the native API stands in some script.
func TestNativeScripts(t *testing.T) {
	apitest.Run(t, "../testdata/api/native/*.txt", *update, func(t *testing.T) apitest.Side {
		e := apitest.Open(t)
		return apitest.Side{
			Client: apitest.Serve(t, e.Ledger(), dialects(e)...),
			Settle: func() { apitest.Settle(t, e.Ledger()) },
		}
	})
}

func dialects(e *engine.Engine) []*wire.Dialect {
	return httpapi.Dialects(e, httpapi.Settings{MaxEventSize: maxEventSize, MaxAttempts: 8})
}
