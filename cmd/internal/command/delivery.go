package command

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/urfave/cli/v2"
)

const deliveries = "/v1/deliveries"

func deliveryCommand() *cli.Command {
	return &cli.Command{
		Name: "delivery", Category: groupManage,
		Usage: "look at deliveries, retry and cancel them",
		Subcommands: []*cli.Command{
			deliveryList(),
			deliveryGet(),
			eachVerb("delivery", "retry", "put it back in line", http.MethodPost, deliveries, "/retry", "put back in line %s"),
			eachVerb("delivery", "cancel", "give it up", http.MethodPost, deliveries, "/cancel", "canceled %s"),
		},
	}
}

func deliveryList() *cli.Command {
	var (
		o                                 listing
		endpoint, event, state, eventType string
		since, until                      time.Time
	)
	f := flagsOf("delivery list").in("Selection")
	f.text(&endpoint, "endpoint", "only to the endpoint `ID`", "", nil)
	f.text(&event, "event", "only of the event `ID`", "", nil)
	f.choice(&state, "state", "only in this `STATE`", "", "pending", "retrying", "succeeded", "failed", "exhausted", "canceled")
	f.text(&eventType, "type", "only of events of this `TYPE`", "", nil)
	f.moment(&since, "since", "only of events accepted after `MOMENT`")
	f.moment(&until, "until", "only of events accepted before `MOMENT`")
	return &cli.Command{
		Name: "list", Usage: "show deliveries, newest first",
		Flags: o.flags(f),
		Action: func(c *cli.Context) error {
			query := url.Values{}
			filter(query, "endpoint_id", endpoint)
			filter(query, "event_id", event)
			filter(query, "state", state)
			filter(query, "type", eventType)
			filterTime(query, "from", since)
			filterTime(query, "to", until)
			return o.run(c, deliveries, query, columns("id", "event_type", "endpoint=endpoint_id", "state", "attempts", "status=response_status", "next=next_attempt_at", "error=last_error"))
		},
	}
}

// deliveryGet shows a delivery and, to people, its attempts below it.
func deliveryGet() *cli.Command {
	var o connection
	return &cli.Command{
		Name: "get", Usage: "show a delivery and its attempts", ArgsUsage: "ID",
		Flags: o.flags(flagsOf("delivery get")),
		Action: func(c *cli.Context) error {
			api, err := o.client()
			if err != nil {
				return err
			}
			path := deliveries + "/" + url.PathEscape(c.Args().First())
			answer, err := api.object(c, http.MethodGet, path, nil)
			if err != nil {
				return err
			}
			if err := o.printObject(c.App.Writer, answer); err != nil || o.json {
				return err
			}
			attempts, err := api.object(c, http.MethodGet, path+"/attempts", nil)
			if err != nil {
				return err
			}
			rows, err := attempts.objects("data")
			if err != nil {
				return err
			}
			fmt.Fprintln(c.App.Writer)
			return o.printRows(c.App.Writer, columns("attempt=n", "at", "ms=duration_ms", "status", "error=error_class", "answer=response_snippet"), rows)
		},
	}
}
