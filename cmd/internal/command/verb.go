package command

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/urfave/cli/v2"
)

// Verbs that differ only in what they call.

// getVerb shows one object of the API.
func getVerb(family, usage, collection string) *cli.Command {
	var o connection
	return &cli.Command{
		Name: "get", Usage: usage, ArgsUsage: "ID",
		Flags: o.flags(flagsOf(family + " get")),
		Action: func(c *cli.Context) error {
			answer, err := o.call(c, http.MethodGet, collection+"/"+url.PathEscape(c.Args().First()), nil)
			if err != nil {
				return err
			}
			return o.printObject(c.App.Writer, answer)
		},
	}
}

// eachVerb does the same to one or more objects of the API, one after the
// other, and stops at the first that fails. done is what it says about each,
// with %s for the id.
func eachVerb(family, name, usage, method, collection, suffix, done string) *cli.Command {
	return eachOf(family, name, usage, method, func(*connection) string { return collection }, suffix, done)
}

// eachOf is eachVerb for a collection that depends on the flags.
func eachOf(family, name, usage, method string, collection func(*connection) string, suffix, done string) *cli.Command {
	var o connection
	return &cli.Command{
		Name: name, Usage: usage, ArgsUsage: "ID...",
		Flags: o.flags(flagsOf(family + " " + name)),
		Action: func(c *cli.Context) error {
			api, err := o.client()
			if err != nil {
				return err
			}
			for _, id := range c.Args().Slice() {
				answer, err := api.object(c, method, collection(&o)+"/"+url.PathEscape(id)+suffix, nil)
				if err != nil {
					return fmt.Errorf("%s: %w", id, err)
				}
				if err := o.printDone(c, answer, done, id); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// call makes the one call of a verb that needs no more, and reads the answer as
// an object.
func (o *connection) call(c *cli.Context, method, path string, body any) (object, error) {
	api, err := o.client()
	if err != nil {
		return object{}, err
	}
	return api.object(c, method, path, body)
}

// object makes a call and reads the answer as an object.
func (c *client) object(ctx *cli.Context, method, path string, body any) (object, error) {
	text, err := c.send(ctx.Context, method, path, body)
	if err != nil {
		return object{}, err
	}
	return parseObject(text)
}

// printDone says in a sentence that something was done, or shows programs the
// answer.
func (o *connection) printDone(c *cli.Context, answer object, format string, args ...any) error {
	if o.json {
		return printJSON(c.App.Writer, answer.raw)
	}
	_, err := fmt.Fprintln(c.App.Writer, printable(fmt.Sprintf(format, args...)))
	return err
}
