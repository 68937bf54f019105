package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/urfave/cli/v2"

	"github.com/hookwheel/hookwheel/engine/event"
	"github.com/hookwheel/hookwheel/engine/sign"
)

func signCommand() *cli.Command {
	var (
		o                signing
		id, eventType    string
		at               time.Time
		asJSON           bool
		missingSecretErr = "--secret is needed"
	)
	f := flagsOf("sign")
	o.flags(f, schemeNames[0], schemeNames...)
	f.in("Message")
	f.text(&id, "id", "`ID` of the event; without one, a new one", "", checkHeaderValue)
	f.text(&eventType, "type", "`TYPE` of the event", "test", checkHeaderValue)
	f.moment(&at, "at", "`MOMENT` of the attempt; without one, now")
	f.in("Output").toggle(&asJSON, "json", "print the headers as a JSON object")
	return &cli.Command{
		Name: "sign", Category: groupTry,
		Usage:     "print the headers that sign a body",
		ArgsUsage: "FILE",
		Description: `Signs a file, - for standard input, as a delivery of it would be signed:

  hookwheel sign --secret whsec_… body.json`,
		Flags: f.flags,
		Action: func(c *cli.Context) error {
			if len(o.secrets) == 0 {
				return usageError("%s", missingSecretErr)
			}
			body, err := readBody(c)
			if err != nil {
				return err
			}
			if id == "" {
				id = event.FormatID(ulid.Make(), true)
			}
			if at.IsZero() {
				at = time.Now()
			}
			scheme, err := sign.ParseScheme(o.scheme)
			if err != nil {
				return err
			}
			signer, err := sign.New([]sign.Scheme{scheme}, o.prefix, o.keys())
			if err != nil {
				return usageError("--secret: %w", err)
			}
			var headers sign.Headers
			signer.Sign(&headers, &sign.Message{ID: id, EventType: eventType, At: at.UnixMilli(), Body: body})
			return printHeaders(c, &headers, asJSON)
		},
	}
}

func printHeaders(c *cli.Context, headers *sign.Headers, asJSON bool) error {
	values := map[string]string{}
	for i := range headers.Len() {
		name, value := headers.At(i)
		values[name] = string(value)
		if !asJSON {
			fmt.Fprintf(c.App.Writer, "%s: %s\n", name, value)
		}
	}
	if !asJSON {
		return nil
	}
	text, err := json.Marshal(values)
	if err != nil {
		return fmt.Errorf("encode headers: %w", err)
	}
	return printJSON(c.App.Writer, text)
}

// readBody reads the file that the first argument names, - for standard input.
func readBody(c *cli.Context) ([]byte, error) {
	input, _, err := openInput(c, c.Args().First())
	if err != nil {
		return nil, err
	}
	defer input.Close()
	body, err := readAll(input, maxEventBytes)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", c.Args().First(), err)
	}
	return body, nil
}

func checkHeaderValue(text string) error {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return errors.New("only visible ASCII can stand in a header")
		}
	}
	return nil
}
