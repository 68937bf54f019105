package command

import (
	"net/http"
	"time"

	"github.com/urfave/cli/v2"
)

const replays = "/v1/replays"

func replayCommand() *cli.Command {
	return &cli.Command{
		Name: "replay", Category: groupManage,
		Usage: "deliver past events once more",
		Subcommands: []*cli.Command{
			replayCreate(),
			replayList(),
			getVerb("replay", "show a replay and how far it is", replays),
			eachVerb("replay", "cancel", "end it; what it has made stays", http.MethodPost, replays, "/cancel", "canceled %s"),
		},
	}
}

func replayCreate() *cli.Command {
	var (
		o                        connection
		endpoints, states, types []string
		since, until             time.Time
		rate                     float64
		dry                      bool
	)
	f := flagsOf("replay create").in("Selection")
	f.words(&endpoints, "endpoints", "only to these endpoint `IDS`, at most 1000; none = all")
	f.words(&states, "states", "only what ended in these `STATES`: succeeded, failed, exhausted, canceled; none = failed and exhausted")
	f.words(&types, "types", "only events whose type matches these `PATTERNS`: invoice.paid, invoice.* or *; none = all")
	f.moment(&since, "since", "only events accepted after `MOMENT`")
	f.moment(&until, "until", "only events accepted before `MOMENT`")
	f.in("How it is done")
	f.number(&rate, "rate", "make at most `N` deliveries a second", 0, 0.001, 100_000, "as fast as the endpoints take them")
	f.toggle(&dry, "dry-run", "only count")
	return &cli.Command{
		Name: "create", Usage: "choose past events by what became of them, and deliver them once more",
		Flags: o.flags(f),
		Action: func(c *cli.Context) error {
			body := map[string]any{}
			for name, words := range map[string][]string{"endpoint_ids": endpoints, "states": states, "types": types} {
				if len(words) > 0 {
					body[name] = words
				}
			}
			for name, at := range map[string]time.Time{"from": since, "to": until} {
				if !at.IsZero() {
					body[name] = wireTime(at)
				}
			}
			if rate > 0 {
				body["rate_per_second"] = rate
			}
			if dry {
				body["dry_run"] = true
			}
			answer, err := o.call(c, http.MethodPost, replays, body)
			if err != nil {
				return err
			}
			return o.printObject(c.App.Writer, answer)
		},
	}
}

func replayList() *cli.Command {
	var o listing
	return &cli.Command{
		Name: "list", Usage: "show replays, newest first",
		Flags: o.flags(flagsOf("replay list")),
		Action: func(c *cli.Context) error {
			return o.run(c, replays, nil, columns("id", "state", "matched", "replayed", "skipped", "created=created_at", "updated=updated_at"))
		},
	}
}
