package command

import (
	"cmp"
	"fmt"
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
			organizationDelete(),
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

func organizationDelete() *cli.Command {
	var (
		o    connection
		sure confirmation
	)
	return &cli.Command{
		Name: "delete", Usage: "erase organizations with all they own; their keys die at once", ArgsUsage: "ID...",
		Description: `Erases the organization, its endpoints, keys and clients, its events with what
became of them, and what it was still owed. Nothing brings any of it back but a
backup, and the id cannot be used again. So it asks first, on a terminal, for the
id of each; elsewhere it needs --yes.`,
		Flags: o.flags(sure.flags(flagsOf("organization delete"))),
		Action: func(c *cli.Context) error {
			if err := sure.begin(c); err != nil {
				return err
			}
			api, err := o.client()
			if err != nil {
				return err
			}
			for _, id := range c.Args().Slice() {
				if err := o.deleteOrganization(c, api, &sure, id); err != nil {
					return fmt.Errorf("%s: %w", id, err)
				}
			}
			return nil
		},
	}
}

// deleteOrganization deletes one, once it is clear that it is the one meant.
func (o *connection) deleteOrganization(c *cli.Context, api *client, sure *confirmation, id string) error {
	if !sure.yes {
		what, err := api.organizationContent(c, id)
		if err != nil {
			return err
		}
		if err := sure.ask(c, what, id); err != nil {
			return err
		}
	}
	answer, err := api.object(c, http.MethodDelete, organizations+"/"+url.PathEscape(id), nil)
	if err != nil {
		return err
	}
	return o.printDone(c, answer, "deleted %s", id)
}

// organizationContent says what goes when an organization is deleted.
func (c *client) organizationContent(ctx *cli.Context, id string) (string, error) {
	organization, err := c.object(ctx, http.MethodGet, organizations+"/"+url.PathEscape(id), nil)
	if err != nil {
		return "", err
	}
	of := *c
	of.organization = id
	stats, err := of.object(ctx, http.MethodGet, "/v1/stats", nil)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("This erases for ever the organization %s, named %q: its endpoints (%s), keys and clients, and its events with their deliveries (%s succeeded, %s pending, %s retrying).",
		id, organization.text("name"), stats.text("endpoints"), stats.text("succeeded"), stats.text("pending"), stats.text("retrying")), nil
}
