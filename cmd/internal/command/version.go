package command

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

func versionCommand(version string) *cli.Command {
	var asJSON bool
	f := flagsOf("version").in("Output")
	f.toggle(&asJSON, "json", "print a JSON object")
	return &cli.Command{
		Name: "version", Category: groupOther,
		Usage: "show which version this is, and what it was built with",
		Flags: f.flags,
		Action: func(c *cli.Context) error {
			revision := buildRevision()
			if !asJSON {
				_, err := fmt.Fprintf(c.App.Writer, "hookwheel %s %s %s %s/%s\n", version, revision, runtime.Version(), runtime.GOOS, runtime.GOARCH)
				return err
			}
			text, err := json.Marshal(map[string]string{
				"version": version, "revision": revision, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
			})
			if err != nil {
				return fmt.Errorf("encode version: %w", err)
			}
			return printJSON(c.App.Writer, text)
		},
	}
}

// buildRevision is the commit that the binary was built from, if the build
// knew it.
func buildRevision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, suffix := "unknown", ""
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			revision = setting.Value
		case "vcs.modified":
			if setting.Value == "true" {
				suffix = "-modified"
			}
		}
	}
	return revision + suffix
}
