package command

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/urfave/cli/v2"
)

const stripeConnector = "/connectors/stripe"

func connectorCommand() *cli.Command {
	return &cli.Command{
		Name: "connector", Category: groupManage,
		Usage: "take in Stripe's webhooks as events of an organization",
		Subcommands: []*cli.Command{
			connectorSet(),
			connectorVerb("get", "show it, without its secrets", http.MethodGet, func(o *connection, c *cli.Context, answer object) error {
				return o.printObject(c.App.Writer, answer)
			}),
			connectorVerb("delete", "take nothing in any more and forget the secrets", http.MethodDelete, func(o *connection, c *cli.Context, answer object) error {
				return o.printDone(c, answer, "deleted the connector of %s", o.owner())
			}),
		},
	}
}

func connectorSet() *cli.Command {
	var (
		o       connection
		secrets []string
		disable bool
	)
	f := flagsOf("connector set").in("Connector")
	f.words(&secrets, "signing-secrets", "all `SECRETS` that Stripe shows for its endpoints of this server: whsec_…; none = those that are set already")
	f.toggle(&disable, "disable", "answer Stripe, and drop what it sends; --disable=false takes it in again")
	return &cli.Command{
		Name: "set", Usage: "set it up or replace it",
		Flags: o.flags(f),
		Action: func(c *cli.Context) error {
			body := map[string]any{}
			if c.IsSet("disable") {
				body["enabled"] = !disable
			}
			if len(secrets) > 0 {
				body["signing_secrets"] = secrets
			}
			answer, err := o.call(c, http.MethodPut, o.ownerPath()+stripeConnector, body)
			if err != nil {
				return err
			}
			if !o.json {
				fmt.Fprintf(c.App.ErrWriter, "Stripe's URL is this server's public one with the path /v1/orgs/%s/integrations/stripe\n", url.PathEscape(o.owner()))
			}
			return o.printObject(c.App.Writer, answer)
		},
	}
}

// connectorVerb calls the API with nothing but a method, and shows the answer.
func connectorVerb(name, usage, method string, show func(*connection, *cli.Context, object) error) *cli.Command {
	var o connection
	return &cli.Command{
		Name: name, Usage: usage,
		Flags: o.flags(flagsOf("connector " + name)),
		Action: func(c *cli.Context) error {
			answer, err := o.call(c, method, o.ownerPath()+stripeConnector, nil)
			if err != nil {
				return err
			}
			return show(&o, c, answer)
		},
	}
}
