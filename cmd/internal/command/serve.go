package command

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/hookwheel/hookwheel/cmd/internal/server"
)

func serveCommand(version string) *cli.Command {
	o := serving{version: version}
	f := flagsOf("")
	o.allFlags(f)
	return &cli.Command{
		Name: "serve", Category: groupServer,
		Usage: "run the server",
		Description: `The first start makes the data directory, an admin key, which is printed once and
kept in the file admin.key for the local command line, and the key that signing
secrets are encrypted with, in the file master.key. Keep a copy of that one:
backups do not contain it, and without it the secrets are lost.

SIGTERM or SIGINT ends it in good order: requests are answered, attempts under
way are finished, nothing is sent twice. A second one ends it at once, which
loses nothing, but what was under way is sent again at the next start. Exit code
1 when it cannot start, the storage fails, or attempts had to be broken off at
the end; 2 when a setting is wrong.`,
		Flags:  f.flags,
		Action: o.run,
	}
}

// run serves until a signal or a failure ends it.
func (o *serving) run(c *cli.Context) error {
	options, err := o.options(c)
	if err != nil {
		return err
	}
	if names := strayVariables(c.App.Commands, os.Environ()); len(names) > 0 {
		options.Logger.Warn("no setting is given by these variables: are they spelled right?", "variables", strings.Join(names, " "))
	}
	if os.Getenv("GOGC") == "" {
		server.PaceCollector()
	}
	s, err := server.Open(c.Context, options)
	if err != nil {
		return err
	}
	if key := s.NewAdminKey(); !key.IsZero() {
		fmt.Fprintf(c.App.Writer, "admin key: %s\nIt is shown only now, and kept for the local command line in %s.\n", key.Reveal(), s.AdminKeyFile())
	}
	options.Logger.Info("ready", "url", s.URL(), "admin_url", s.AdminURL(), "data_dir", o.dataDir)
	if err := s.Wait(c.Context); err != nil {
		return err
	}
	options.Logger.Info("shutting down", "timeout", o.shutdownTimeout)
	grace, cancel := context.WithTimeout(context.WithoutCancel(c.Context), o.shutdownTimeout)
	defer cancel()
	started := time.Now()
	if err := s.Close(grace); err != nil {
		return fmt.Errorf("shut down: %w", err)
	}
	options.Logger.Info("ended in good order", "took", time.Since(started).Round(time.Millisecond))
	return nil
}

// strayVariables are the names in environ that are like those of flags, but
// belong to none of the commands: a setting that is misspelled in a file has no
// effect, and nobody would tell. They are no error, because others may choose
// such names too: Kubernetes does for a service that is called hookwheel.
func strayVariables(commands []*cli.Command, environ []string) (names []string) {
	known := variables(commands)
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, variablePrefix) && !slices.Contains(known, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// variables are those of all flags of the commands and what is below them.
func variables(commands []*cli.Command) (names []string) {
	for _, cmd := range commands {
		for _, f := range cmd.Flags {
			if doc, ok := f.(cli.DocGenerationFlag); ok {
				names = append(names, doc.GetEnvVars()...)
			}
		}
		names = append(names, variables(cmd.Subcommands)...)
	}
	return names
}
