package command

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/urfave/cli/v2"
)

func verifyCommand() *cli.Command {
	var (
		o         signing
		headers   []pair
		tolerance time.Duration
		at        time.Time
		asJSON    bool
	)
	f := flagsOf("verify")
	o.flags(f, anyScheme, append([]string{anyScheme}, schemeNames...)...)
	f.in("Message")
	list(f, &headers, "header", "`'NAME: VALUE'` that came with the body", "\n", nil,
		parsePair(":", "Name: value"), func(p pair) string { return p.name + ": " + p.value })
	f.duration(&tolerance, "tolerance", "how far its timestamp may be from now, `TIME`", 5*time.Minute, time.Second, 3650*day, "any")
	f.moment(&at, "at", "take `MOMENT` for now")
	f.in("Output").toggle(&asJSON, "json", "print the verdict as a JSON object")
	return &cli.Command{
		Name: "verify", Category: groupTry,
		Usage:     "check the signature of a body",
		ArgsUsage: "FILE",
		Description: `Checks a file, - for standard input, with the headers that came with it:

  hookwheel verify --secret whsec_… --header 'webhook-id: evt_…' \
    --header 'webhook-timestamp: 1614265330' \
    --header 'webhook-signature: v1,…' body.json

The exit code is 1 if it does not verify.`,
		Flags: f.flags,
		Action: func(c *cli.Context) error {
			if len(o.secrets) == 0 || len(headers) == 0 {
				return usageError("--secret and --header are needed")
			}
			body, err := readBody(c)
			if err != nil {
				return err
			}
			if at.IsZero() {
				at = time.Now()
			}
			if tolerance == 0 {
				tolerance = -1 // any
			}
			header := http.Header{}
			for _, h := range headers {
				header.Set(h.name, h.value)
			}
			scheme, err := o.check(header, body, tolerance, at)
			return printVerdict(c, scheme, err, asJSON)
		},
	}
}

// printVerdict says whether a message verified; if not, the command fails.
func printVerdict(c *cli.Context, scheme string, fault error, asJSON bool) error {
	if !asJSON {
		if fault == nil {
			fmt.Fprintf(c.App.Writer, "verified: %s\n", scheme)
			return nil
		}
		return fmt.Errorf("not verified: %w", fault)
	}
	verdict := map[string]any{"verified": fault == nil, "scheme": scheme}
	if fault != nil {
		verdict["reason"] = fault.Error()
	}
	text, err := json.Marshal(verdict)
	if err != nil {
		return fmt.Errorf("encode verdict: %w", err)
	}
	if err := printJSON(c.App.Writer, text); err != nil || fault == nil {
		return err
	}
	return fmt.Errorf("not verified: %w", fault)
}
