package command

import (
	"fmt"
	"net/http"
	"time"

	"github.com/urfave/cli/v2"
)

// keysPath is where the keys of the organization live that the flags name.
func (o *connection) keysPath() string { return o.ownerPath() + "/api-keys" }

func keyCommand() *cli.Command {
	return &cli.Command{
		Name: "key", Category: groupManage,
		Usage: "create and revoke API keys of an organization",
		Subcommands: []*cli.Command{
			keyCreate(),
			keyList(),
			eachOf("key", "revoke", "make keys invalid at once", http.MethodDelete, (*connection).keysPath, "", "revoked %s"),
		},
	}
}

func keyCreate() *cli.Command {
	var (
		o       connection
		scopes  []string
		expires time.Duration
	)
	f := flagsOf("key create").in("Key")
	f.scopes(&scopes)
	f.duration(&expires, "expires", "valid for `TIME`", 0, time.Minute, 3650*day, "until it is revoked")
	return &cli.Command{
		Name: "create", Usage: "make a key and show it, once", ArgsUsage: "NAME",
		Flags: o.flags(f),
		Action: func(c *cli.Context) error {
			if err := needScopes(scopes); err != nil {
				return err
			}
			body := map[string]any{"name": c.Args().First(), "scopes": scopes}
			if expires > 0 {
				body["expires_at"] = wireTime(time.Now().Add(expires))
			}
			answer, err := o.call(c, http.MethodPost, o.keysPath(), body)
			if err != nil {
				return err
			}
			if !o.json {
				fmt.Fprintln(c.App.ErrWriter, "Keep the key: it is not shown again.")
			}
			return o.printDone(c, answer, "%s", answer.text("plaintext_api_key"))
		},
	}
}

// scopes adds the flag for the rights of a key or client.
func (f *flagSet) scopes(p *[]string) {
	f.words(p, "scopes", "what it may do, `SCOPES` out of events:write, events:read, endpoints:read, endpoints:write, secrets:read, deliveries:read, deliveries:write, keys:read, keys:write, admin")
}

// needScopes refuses to guess what a key or client shall be able to do.
func needScopes(scopes []string) error {
	if len(scopes) == 0 {
		return usageError("--scopes is needed: say what it may do, such as events:write")
	}
	return nil
}

func keyList() *cli.Command {
	var o connection
	return &cli.Command{
		Name: "list", Usage: "show keys, never in full",
		Flags: o.flags(flagsOf("key list")),
		Action: func(c *cli.Context) error {
			answer, err := o.call(c, http.MethodGet, o.keysPath(), nil)
			if err != nil {
				return err
			}
			rows, err := answer.objects("api_keys")
			if err != nil {
				return err
			}
			return o.printRows(c.App.Writer, columns("id", "name", "prefix=key_prefix", "scopes", "active=is_active", "created=created_at", "expires=expires_at", "last used=last_used_at"), rows)
		},
	}
}
