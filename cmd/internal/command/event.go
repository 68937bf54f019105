package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/urfave/cli/v2"
)

const events = "/v1/events"

func eventCommand() *cli.Command {
	return &cli.Command{
		Name: "event", Category: groupManage,
		Usage: "look at what was accepted, and why it went where",
		Subcommands: []*cli.Command{
			eventList(),
			getVerb("event", "show an event", events),
			eventExplain(),
			eventReplay(),
		},
	}
}

func eventList() *cli.Command {
	var (
		o                           listing
		eventType, source, endpoint string
		since, until                time.Time
	)
	f := flagsOf("event list").in("Selection")
	f.text(&eventType, "type", "only of this `TYPE`", "", nil)
	f.choice(&source, "source", "only from this `SOURCE`", "", "api", "stripe", "ping", "test")
	f.text(&endpoint, "endpoint", "only what the endpoint `ID` is owed", "", nil)
	f.moment(&since, "since", "only accepted after `MOMENT`")
	f.moment(&until, "until", "only accepted before `MOMENT`")
	return &cli.Command{
		Name: "list", Usage: "show events, newest first",
		Flags: o.flags(f),
		Action: func(c *cli.Context) error {
			query := url.Values{}
			filter(query, "type", eventType)
			filter(query, "source", source)
			filter(query, "endpoint_id", endpoint)
			filterTime(query, "created_after", since)
			filterTime(query, "created_before", until)
			return o.run(c, events, query, columns("id", "type", "created=created_at", "source", "matched"))
		},
	}
}

func eventExplain() *cli.Command {
	var (
		o        connection
		endpoint string
	)
	f := flagsOf("event explain").in("Selection")
	f.text(&endpoint, "endpoint", "only for the endpoint `ID`; without one, for all", "", nil)
	return &cli.Command{
		Name: "explain", Usage: "say for each endpoint whether it is owed the event, and why not", ArgsUsage: "ID",
		Flags: o.flags(f),
		Action: func(c *cli.Context) error {
			api, err := o.client()
			if err != nil {
				return err
			}
			query := url.Values{}
			filter(query, "endpoint_id", endpoint)
			text, err := api.get(c.Context, events+"/"+url.PathEscape(c.Args().First())+"/explain", query)
			if err != nil {
				return err
			}
			answer, err := parseObject(text)
			if err != nil {
				return err
			}
			rows, err := answer.objects("data")
			if err != nil {
				return err
			}
			return o.printRows(c.App.Writer, columns("endpoint=endpoint_id", "owed", "reason"), rows)
		},
	}
}

func eventReplay() *cli.Command {
	var (
		o         connection
		endpoints []string
	)
	f := flagsOf("event replay").in("Selection")
	f.words(&endpoints, "endpoints", "only to these endpoint `IDS`, at most 1000; none = all that were owed it")
	return &cli.Command{
		Name: "replay", Usage: "deliver an event once more", ArgsUsage: "ID",
		Flags: o.flags(f),
		Action: func(c *cli.Context) error {
			body := map[string]any{}
			if len(endpoints) > 0 {
				body["endpoint_ids"] = endpoints
			}
			answer, err := o.call(c, http.MethodPost, events+"/"+url.PathEscape(c.Args().First())+"/replay", body)
			if err != nil {
				return err
			}
			if o.json {
				return printJSON(c.App.Writer, answer.raw)
			}
			made, err := answer.objects("deliveries")
			if err != nil {
				return err
			}
			waiting, err := answer.objects("waiting")
			if err != nil {
				return err
			}
			for _, d := range waiting {
				fmt.Fprintln(c.App.ErrWriter, printable(d.text("endpoint_id")+" gets no new one: "+d.text("id")+" is on its way"))
			}
			return o.printRows(c.App.Writer, columns("delivery=id", "endpoint=endpoint_id", "state"), made)
		},
	}
}

func checkJSON(text string) error {
	if !json.Valid([]byte(text)) {
		return errors.New("not valid JSON")
	}
	return nil
}

// testBody is an event without the fields that were not given.
func testBody(eventType, data string) map[string]any {
	body := map[string]any{}
	if eventType != "" {
		body["type"] = eventType
	}
	if data != "" {
		body["data"] = json.RawMessage(data)
	}
	return body
}
