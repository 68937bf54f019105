package command

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/hookwheel/hookwheel/bench/proof"
	"github.com/hookwheel/hookwheel/bench/torture"
)

func tortureCommand() *cli.Command {
	var o torture.Options
	var asJSON bool
	var seed int
	f := flagsOf("torture").in("Torture")
	f.choices(&o.Only, "scenario", "run these `SCENARIOS`, of "+strings.Join(torture.Names(), ", ")+"; none = all", torture.Names())
	f.toggle(&o.Long, "long", "run them as often and as long as a release deserves, which takes an hour or more")
	f.integer(&seed, "seed", "take what is random from `N`, to repeat a run; 0 = any", 0, 0, 1<<31, "")
	f.text(&o.Dir, "dir", "make directories in `DIR`, on the disk that is to be tried; none = the system's for temporary files", "", nil)
	f.text(&o.Source, "source", "take the source of the server from `DIR`, for the scenario that breaks it on purpose", ".", nil)
	list(f, &o.ServeFlags, "serve-flag", "add a `FLAG` of serve, such as --shards=1", "\n", nil, benchServeFlag, verbatim)
	f.in("Output")
	f.toggle(&asJSON, "json", "print the report as JSON instead of a table")
	return &cli.Command{
		Name: "torture", Category: groupTry,
		Usage: "do to a server on this machine what happens to servers, and count what is lost",
		Description: `Starts servers, producers and receivers as processes of their own, kills them, fills
their disks and so on, and compares what was accepted with what was received.
Exit code 1 if anything is lost, made up, sent twice without a reason, or wrong
in another way. A failure keeps its directory, and says how to repeat it.`,
		Flags: f.flags,
		Action: func(c *cli.Context) error {
			o.Seed, o.Version = uint64(seed), c.App.Version+", commit "+buildRevision()
			o.Progress = func(line string) { fmt.Fprintln(c.App.ErrWriter, line) }
			report, err := torture.Run(c.Context, o)
			if err != nil {
				return err
			}
			if asJSON {
				err = report.WriteJSON(c.App.Writer)
			} else {
				err = report.WriteText(c.App.Writer)
			}
			if err == nil && report.Failed() {
				err = errors.New("not everything is as it must be")
			}
			return err
		},
		// The processes of a proof; they read what to do from standard input.
		Subcommands: []*cli.Command{
			{Name: "producer", Usage: "be a producer", Hidden: true, Action: func(c *cli.Context) error {
				return proof.RunProducer(c.Context, c.App.Reader)
			}},
			{Name: "receiver", Usage: "be a receiver", Hidden: true, Action: func(c *cli.Context) error {
				return proof.RunReceiver(c.Context, c.App.Reader, c.App.Writer)
			}},
		},
	}
}
