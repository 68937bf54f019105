package command

import (
	"cmp"
	"net/http"
	"net/url"

	"github.com/urfave/cli/v2"
)

const organizations = "/v1/organizations"

// owner is the organization that the flags name.
func (o *connection) owner() string { return cmp.Or(o.organization, "default") }

func (o *connection) ownerPath() string { return organizations + "/" + url.PathEscape(o.owner()) }

func organizationCommand() *cli.Command {
	return &cli.Command{
		Name: "organization", Category: groupManage,
		Usage: "create and delete organizations, with an admin key",
		Subcommands: []*cli.Command{
			organizationCreate(),
			organizationList(),
			getVerb("organization", "show an organization", organizations),
			eachVerb("organization", "delete", "delete organizations with all they own; their keys die at once", http.MethodDelete, organizations, "", "deleted %s"),
		},
	}
}

func organizationCreate() *cli.Command {
	var (
		o    connection
		test bool
	)
	f := flagsOf("organization create").in("Organization")
	f.toggle(&test, "test", "for trying things out: its ids are marked as test ids")
	return &cli.Command{
		Name: "create", Usage: "add an organization", ArgsUsage: "NAME",
		Flags: o.flags(f),
		Action: func(c *cli.Context) error {
			answer, err := o.call(c, http.MethodPost, organizations, map[string]any{"name": c.Args().First(), "livemode": !test})
			if err != nil {
				return err
			}
			return o.printObject(c.App.Writer, answer)
		},
	}
}

func organizationList() *cli.Command {
	var o listing
	return &cli.Command{
		Name: "list", Usage: "show organizations",
		Flags: o.flags(flagsOf("organization list")),
		Action: func(c *cli.Context) error {
			return o.run(c, organizations, nil, columns("id", "name", "livemode", "created=created_at"))
		},
	}
}
