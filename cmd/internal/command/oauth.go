package command

import (
	"fmt"
	"net/http"

	"github.com/urfave/cli/v2"
)

// clientsPath is where the OAuth clients of the organization live that the
// flags name.
func (o *connection) clientsPath() string { return o.ownerPath() + "/oauth-clients" }

func clientCommand() *cli.Command {
	return &cli.Command{
		Name: "client", Category: groupManage,
		Usage: "create and delete OAuth clients of an organization, which get access tokens at /oauth/token",
		Subcommands: []*cli.Command{
			clientCreate(),
			clientList(),
			eachOf("client", "delete", "delete OAuth clients; their tokens end at once", http.MethodDelete, (*connection).clientsPath, "", "deleted %s"),
		},
	}
}

func clientCreate() *cli.Command {
	var (
		o      connection
		scopes []string
	)
	f := flagsOf("client create").in("Client")
	f.scopes(&scopes)
	return &cli.Command{
		Name: "create", Usage: "make a client and show its secret, once", ArgsUsage: "NAME",
		Flags: o.flags(f),
		Action: func(c *cli.Context) error {
			if err := needScopes(scopes); err != nil {
				return err
			}
			answer, err := o.call(c, http.MethodPost, o.clientsPath(), map[string]any{"name": c.Args().First(), "scopes": scopes})
			if err != nil {
				return err
			}
			if !o.json {
				fmt.Fprintln(c.App.ErrWriter, "Keep the secret: it is not shown again.")
			}
			return o.printObject(c.App.Writer, answer)
		},
	}
}

func clientList() *cli.Command {
	var o listing
	return &cli.Command{
		Name: "list", Usage: "show OAuth clients, without their secrets",
		Flags: o.flags(flagsOf("client list")),
		Action: func(c *cli.Context) error {
			return o.run(c, o.clientsPath(), nil, columns("id=client_id", "name", "scopes", "created=created_at"))
		},
	}
}
