package command

import (
	"net/url"
	"time"

	"github.com/urfave/cli/v2"
)

func auditCommand() *cli.Command {
	var (
		o             listing
		actor, object string
		since, until  time.Time
	)
	f := flagsOf("audit").in("Selection")
	f.text(&actor, "actor", "only what the API key `ID` was used for, or hookwheel for what the server did by itself", "", nil)
	f.text(&object, "object", "only what was done to the object `ID`", "", nil)
	f.moment(&since, "since", "only from `MOMENT` on")
	f.moment(&until, "until", "only before `MOMENT`")
	return &cli.Command{
		Name: "audit", Category: groupManage,
		Usage: "show who changed what, newest first; without --organization, in all organizations",
		Flags: o.flags(f),
		Action: func(c *cli.Context) error {
			query := url.Values{}
			filter(query, "organization_id", o.organization)
			filter(query, "actor", actor)
			filter(query, "object", object)
			filterTime(query, "from", since)
			filterTime(query, "to", until)
			return o.run(c, "/v1/audit", query, columns("at", "actor", "verb", "object_type", "object", "organization=organization_id", "changed", "source", "request=request_id"))
		},
	}
}
