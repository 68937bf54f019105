package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/hookwheel/hookwheel/bench/load"
	"github.com/hookwheel/hookwheel/bench/scenario"
	"github.com/hookwheel/hookwheel/bench/sink"
	"github.com/hookwheel/hookwheel/engine/secret"
	"github.com/hookwheel/hookwheel/engine/sign"
)

func benchCommand() *cli.Command {
	var o scenario.Options
	var asJSON, asMarkdown bool
	f := flagsOf("bench").in("Benchmark")
	f.choices(&o.Only, "only", "run these `SCENARIOS`, of "+strings.Join(scenario.Names(), ", ")+"; none = all that take seconds", scenario.Names())
	f.toggle(&o.Long, "long", "run also the scenarios that take minutes, and show how costs grow")
	f.number(&o.Scale, "scale", "make endpoints, backlogs and the like so many times as large, for a quick look with a `FACTOR` below 1", 1, 0.0001, 1, "")
	f.integer(&o.Runs, "runs", "take the median of `N` runs of each", 3, 1, 99, "")
	f.duration(&o.Duration, "duration", "post for `TIME` to each side of a run", 5*time.Second, 100*time.Millisecond, 10*time.Minute, "")
	f.text(&o.Dir, "dir", "make the data directories in `DIR`, whose disk is part of what is measured; none = the system's for temporary files", "", nil)
	list(f, &o.ServeFlags, "serve-flag", "add a `FLAG` of serve, such as --sync=100ms, to try it out", "\n", nil, benchServeFlag, verbatim)
	f.in("Output")
	f.toggle(&asJSON, "json", "print the report as JSON instead of tables")
	f.toggle(&asMarkdown, "markdown", "print the tables in Markdown")
	return &cli.Command{
		Name: "bench", Category: groupTry,
		Usage: "measure it on this machine, against a bare HTTP client",
		Description: `Starts servers, a producer and a receiver as processes of their own. Every figure
is compared with a client that posts the same straight to the same receiver, in
the same run and on the same cores. Exit code 1 if a figure misses what it must
reach, or if anything that was accepted has not arrived.`,
		Flags: f.flags,
		Action: func(c *cli.Context) error {
			o.Sign = signStandard()
			o.Progress = func(line string) { fmt.Fprintln(c.App.ErrWriter, line) }
			if asJSON && asMarkdown {
				return errors.New("--json and --markdown exclude each other")
			}
			report, err := scenario.Run(c.Context, o)
			if report == nil {
				return err
			}
			write := report.WriteText
			switch {
			case asJSON:
				write = func(w io.Writer) error { return json.NewEncoder(w).Encode(report) }
			case asMarkdown:
				write = report.WriteMarkdown
			}
			err = errors.Join(err, write(c.App.Writer))
			if err == nil && len(report.Faults()) > 0 {
				err = errors.New("not every figure is what it must be")
			}
			return err
		},
		// The processes of a benchmark; they read what to do from standard input.
		Subcommands: []*cli.Command{
			{Name: "load", Usage: "be the producer", Hidden: true, Action: func(c *cli.Context) error {
				return load.Child(c.Context, c.App.Reader, c.App.Writer)
			}},
			{Name: "sink", Usage: "be the receiver", Hidden: true, Action: func(c *cli.Context) error {
				return sink.Child(c.Context, c.App.Reader, c.App.Writer)
			}},
		},
	}
}

func benchServeFlag(text string) (string, error) {
	if !strings.HasPrefix(text, "--") || len(text) == len("--") {
		return "", errors.New("expected a flag, such as --sync=100ms")
	}
	return text, nil
}

// signStandard returns a function that signs as a delivery is signed.
func signStandard() func(id string, at time.Time, body []byte) {
	signer, err := sign.New([]sign.Scheme{sign.Standard}, "", []sign.Key{{ID: "bench", Value: secret.NewSigning()}})
	if err != nil {
		panic("BUG: " + err.Error()) // nothing of it comes from outside
	}
	var h sign.Headers
	return func(id string, at time.Time, body []byte) {
		h.Reset()
		signer.Sign(&h, &sign.Message{ID: id, At: at.UnixMilli(), Body: body})
	}
}
