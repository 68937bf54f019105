package command

import (
	"net/http"

	"github.com/urfave/cli/v2"
)

func statsCommand() *cli.Command {
	var o connection
	return &cli.Command{
		Name: "stats", Category: groupManage,
		Usage: "show what is accepted, owed, delivered and waiting",
		Flags: o.flags(flagsOf("stats")),
		Action: func(c *cli.Context) error {
			answer, err := o.call(c, http.MethodGet, "/v1/stats", nil)
			if err != nil {
				return err
			}
			return o.printObject(c.App.Writer, answer)
		},
	}
}
