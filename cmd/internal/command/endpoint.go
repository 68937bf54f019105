package command

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

const endpoints = "/v1/endpoints"

func endpointCommand() *cli.Command {
	verb := func(name, usage, done string) *cli.Command {
		return eachVerb("endpoint", name, usage, http.MethodPost, endpoints, "/"+name, done)
	}
	return &cli.Command{
		Name: "endpoint", Category: groupManage,
		Usage: "create and change the receivers of events",
		Subcommands: []*cli.Command{
			endpointCreate(),
			endpointList(),
			getVerb("endpoint", "show an endpoint", endpoints),
			endpointUpdate(),
			verb("enable", "let new events be owed to it again", "enabled %s"),
			verb("disable", "owe it no new events; what it is owed already waits", "disabled %s"),
			verb("pause", "stop sending; new events go on being owed", "paused %s"),
			verb("resume", "go on sending", "resumed %s"),
			endpointRotate(),
			endpointTest(),
			eachVerb("endpoint", "delete", "delete it and cancel what it is owed; the history stays", http.MethodDelete, endpoints, "", "deleted %s"),
		},
	}
}

// pair is a name with a value: a header, an entry of metadata.
type pair struct{ name, value string }

func parsePair(sep, example string) func(string) (pair, error) {
	return func(text string) (pair, error) {
		name, value, found := strings.Cut(text, sep)
		if name = strings.TrimSpace(name); !found || name == "" {
			return pair{}, errors.New("expected " + example)
		}
		return pair{name, strings.TrimSpace(value)}, nil
	}
}

// endpointFields are the fields of an endpoint as flags.
type endpointFields struct {
	target, name, description, format, version, ordering, edition string
	types, eventsFrom, signatures                                 []string
	headers, metadata                                             []pair
	timeout, disableAfter                                         time.Duration
	schedule                                                      []time.Duration
	maxAttempts, maxInFlight, burst                               int
	rate                                                          float64
}

// flags adds them. What is not given is left to the server.
func (o *endpointFields) flags(f *flagSet) {
	f.open = true
	f.in("What it gets")
	f.words(&o.types, "types", "`PATTERNS` of event types: invoice.paid, invoice.* or *; none = all")
	f.words(&o.eventsFrom, "events-from", "`WHOSE` events: @self (events without an account), @accounts (with one)")
	f.choice(&o.format, "format", "`FORMAT` of the body", "envelope", "envelope", "raw", "snapshot", "thin")
	f.text(&o.version, "snapshot-api-version", "`VERSION` that bodies of format snapshot name", "", nil)
	f.words(&o.signatures, "signatures", "`SCHEMES` that sign: standard, stripe, timestamped, github, bearer; none = standard")
	list(f, &o.headers, "header", "static `'NAME: VALUE'` that every delivery carries", "\n", nil,
		parsePair(":", "Name: value"), func(p pair) string { return p.name + ": " + p.value })
	f.in("How it is sent")
	f.duration(&o.timeout, "attempt-timeout", "`TIME` for a whole attempt", 0, 100*time.Millisecond, time.Minute, "as the server says")
	list(f, &o.schedule, "retry-schedule", "`DELAYS` before the second attempt, the third and so on, each 1ms to 30d, at most 64; none = as the server says", ",", nil,
		parseDuration, formatDuration)
	f.integer(&o.maxAttempts, "max-attempts", "give up after `N` attempts", 0, 1, 100, "one more than the schedule is long")
	f.number(&o.rate, "rate-limit", "start at most `N` attempts a second", 0, 0.001, 100_000, "no limit")
	f.integer(&o.burst, "rate-burst", "of these, `N` at once", 1, 1, 100_000, "")
	f.integer(&o.maxInFlight, "max-in-flight", "at most `N` attempts at the same time", 0, 1, 1024, "as the server says")
	f.choice(&o.ordering, "ordering", "`ORDER`: with fifo strictly one after the other, a failure holds up the line", "none", "none", "fifo")
	f.duration(&o.disableAfter, "disable-after", "disable it after `TIME` without a success", 0, time.Second, 365*day, "never")
	f.in("What people call it")
	f.text(&o.name, "name", "`NAME` of the endpoint", "", nil)
	f.text(&o.description, "description", "`TEXT` about it", "", nil)
	f.text(&o.edition, "edition-id", "`LABEL` to find it by", "", nil)
	list(f, &o.metadata, "metadata", "`NAME=VALUE` to keep with it", "\n", nil,
		parsePair("=", "name=value"), func(p pair) string { return p.name + "=" + p.value })
}

// body holds the fields whose flags were given, as the API names them.
func (o *endpointFields) body(c *cli.Context) map[string]any {
	metadata := map[string]string{}
	for _, p := range o.metadata {
		metadata[p.name] = p.value
	}
	headers := []map[string]string{}
	for _, p := range o.headers {
		headers = append(headers, map[string]string{"name": p.name, "value": p.value})
	}
	schedule := []int64{}
	for _, delay := range o.schedule {
		schedule = append(schedule, delay.Milliseconds())
	}
	limit := o.rateLimit(c)
	body := map[string]any{}
	for _, field := range []struct {
		flag, name string
		value      any
	}{
		{"target", "url", o.target},
		{"types", "event_types", o.types},
		{"events-from", "events_from", o.eventsFrom},
		{"format", "payload_format", o.format},
		{"snapshot-api-version", "snapshot_api_version", o.version},
		{"signatures", "signatures", o.signatures},
		{"header", "headers", headers},
		{"attempt-timeout", "timeout_ms", orNull(o.timeout.Milliseconds())},
		{"retry-schedule", "retry_schedule", schedule},
		{"max-attempts", "max_attempts", orNull(o.maxAttempts)},
		{"rate-limit", "rate_limit", limit},
		{"rate-burst", "rate_limit", limit},
		{"max-in-flight", "max_in_flight", orNull(o.maxInFlight)},
		{"ordering", "ordering", o.ordering},
		{"disable-after", "disable_after", o.disableAfter.Milliseconds()},
		{"name", "name", o.name},
		{"description", "description", o.description},
		{"edition-id", "edition_id", o.edition},
		{"metadata", "metadata", metadata},
	} {
		if c.IsSet(field.flag) {
			body[field.name] = field.value
		}
	}
	return body
}

// rateLimit holds of the limit what was given: an update leaves the other half as
// it is. 0 alone takes the limit away.
func (o *endpointFields) rateLimit(c *cli.Context) any {
	limit := map[string]any{}
	if c.IsSet("rate-burst") {
		limit["burst"] = o.burst
	}
	if o.rate == 0 && len(limit) == 0 {
		return nil
	}
	if c.IsSet("rate-limit") {
		limit["per_second"] = o.rate
	}
	return limit
}

// orNull is a number, or null where 0 stands for the server's default.
func orNull[T int | int64](n T) any {
	if n == 0 {
		return nil
	}
	return n
}

// endpointPlace is where a new endpoint is: at a URL, or an event bus.
type endpointPlace struct{ kind, account, region string }

const (
	kindWebhook     = "webhook"
	kindEventBridge = "eventbridge"
)

func (o *endpointPlace) flags(f *flagSet) {
	f.in("Where it is")
	f.choice(&o.kind, "kind", "a `KIND` of endpoint: at the URL, or an event bus of Amazon EventBridge", kindWebhook, kindWebhook, kindEventBridge)
	f.text(&o.account, "aws-account", "`ACCOUNT` of the event bus, 12 digits", "", nil)
	f.text(&o.region, "aws-region", "`REGION` of the event bus, such as eu-central-1", "", nil)
}

// put adds the fields that say it.
func (o *endpointPlace) put(body map[string]any, c *cli.Context) error {
	at := c.Args().First()
	switch {
	case o.kind == kindWebhook && at == "":
		return usageError("too few arguments: expected %s URL\nSee: %[1]s --help", c.Command.HelpName)
	case o.kind == kindWebhook && o.account+o.region != "":
		return usageError("--aws-account and --aws-region are for --kind eventbridge")
	case o.kind == kindWebhook:
		body["url"] = at
	case at != "":
		return usageError("unexpected argument %q: an event bus has no URL", at)
	case o.account == "" || o.region == "":
		return usageError("--kind eventbridge needs --aws-account and --aws-region")
	default:
		body["kind"] = kindEventBridge
		body["eventbridge"] = map[string]string{"aws_account_id": o.account, "aws_region": o.region}
	}
	return nil
}

func endpointCreate() *cli.Command {
	var (
		o      connection
		place  endpointPlace
		fields endpointFields
	)
	f := flagsOf("endpoint create")
	place.flags(f)
	fields.flags(f)
	return &cli.Command{
		Name: "create", Usage: "add an endpoint and show its signing secret, once", ArgsUsage: "[URL]",
		Flags: o.flags(f),
		Action: func(c *cli.Context) error {
			body := fields.body(c)
			if err := place.put(body, c); err != nil {
				return err
			}
			maps.DeleteFunc(body, func(_ string, value any) bool { return value == nil })
			answer, err := o.call(c, http.MethodPost, endpoints, body)
			if err != nil {
				return err
			}
			if err := o.printObject(c.App.Writer, answer); err != nil || o.json || answer.text("secret") == "" {
				return err
			}
			fmt.Fprintln(c.App.ErrWriter, "\nKeep the secret: it is not shown again.")
			return nil
		},
	}
}

func endpointList() *cli.Command {
	var o listing
	return &cli.Command{
		Name: "list", Usage: "show endpoints",
		Flags: o.flags(flagsOf("endpoint list")),
		Action: func(c *cli.Context) error {
			return o.run(c, endpoints, nil, columns("id", "name", "state", "health=health.state", "types=event_types", "url"))
		},
	}
}

func endpointUpdate() *cli.Command {
	var (
		o      connection
		fields endpointFields
		unset  []string
	)
	f := flagsOf("endpoint update").in("Where it is")
	f.text(&fields.target, "target", "`URL` of the receiver", "", nil)
	fields.flags(f)
	f.in("Back to the default").words(&unset, "unset", "`FIELDS` to reset, as the API names them: description, timeout_ms")
	return &cli.Command{
		Name: "update", Usage: "change the fields whose flags are given", ArgsUsage: "ID",
		Flags: o.flags(f),
		Action: func(c *cli.Context) error {
			body := fields.body(c)
			for _, field := range unset {
				if _, both := body[field]; both {
					return usageError("--unset %s: it is set by another flag as well", field)
				}
				body[field] = nil
			}
			if len(body) == 0 {
				return usageError("nothing to change: give at least one flag\nSee: %s --help", c.Command.HelpName)
			}
			answer, err := o.call(c, http.MethodPatch, endpoints+"/"+url.PathEscape(c.Args().First()), body)
			if err != nil {
				return err
			}
			return o.printObject(c.App.Writer, answer)
		},
	}
}

func endpointRotate() *cli.Command {
	var (
		o      connection
		grace  time.Duration
		secret string
	)
	f := flagsOf("endpoint rotate").in("Rotation")
	f.duration(&grace, "grace", "`TIME` for which the old secret signs as well", day, 0, 30*day, "")
	f.text(&secret, "secret", "the new `SECRET`; without one, the server makes it", "", checkGiven)
	return &cli.Command{
		Name: "rotate", Usage: "give it a new signing secret and show that, once", ArgsUsage: "ID",
		Flags: o.flags(f),
		Action: func(c *cli.Context) error {
			body := map[string]any{"grace_seconds": int64(grace / time.Second)}
			if secret != "" {
				body["secret"] = secret
			}
			answer, err := o.call(c, http.MethodPost, endpoints+"/"+url.PathEscape(c.Args().First())+"/rotate-secret", body)
			if err != nil {
				return err
			}
			return o.printDone(c, answer, "%s", answer.text("secret"))
		},
	}
}

func endpointTest() *cli.Command {
	var (
		o               connection
		eventType, data string
	)
	f := flagsOf("endpoint test").in("Event")
	f.text(&eventType, "type", "`TYPE` of the test event; without one, the server's", "", nil)
	f.text(&data, "data", "`JSON` of the test event", "", checkJSON)
	return &cli.Command{
		Name: "test", Usage: "send an event to this endpoint only", ArgsUsage: "ID",
		Flags: o.flags(f),
		Action: func(c *cli.Context) error {
			answer, err := o.call(c, http.MethodPost, endpoints+"/"+url.PathEscape(c.Args().First())+"/test", testBody(eventType, data))
			if err != nil {
				return err
			}
			return o.printDone(c, answer, "event %s is on its way; see: hookwheel delivery get %s", answer.text("event_id"), answer.text("delivery_id"))
		},
	}
}
