// Package command is the command line of Hookwheel: one file per verb, and a
// few that all verbs share.
//
//	flag.go, quantity.go   flags that know their range, default and variable
//	connection.go          where the server is and which key to show it
//	client.go, problem.go  one call of the native API; what it says went wrong
//	object.go, output.go   answers, as tables for people or JSON for programs
//
// Most verbs are clients: they speak to a running server over HTTP and know
// nothing of the engine. The rules are the same for every verb. Flags come
// before arguments. Whatever is not understood is refused with the reason,
// nothing is ignored. Results go to standard output, everything else to
// standard error. Text that came from somewhere else cannot steer the
// terminal it is shown on.
package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// Exit codes, the same for every verb.
const (
	exitDone        = 0
	exitFailed      = 1   // refused, missing, or does not verify
	exitUsage       = 2   // a flag, an argument or a variable is wrong
	exitUnavailable = 3   // the server cannot be reached, or asks to try again later
	exitInterrupted = 130 // stopped by a signal before it was done
)

const exitCodes = `Exit codes: 0 done; 1 failed: refused, missing, or does not verify;
2 wrong flag, argument or variable; 3 server not reachable, or it asks to try
again later; 130 interrupted.

Every flag can also be given by the environment variable shown with it; the
flag wins. Flags come before arguments.`

// Main runs the command line args, the program's name first, and returns the
// exit code. It ends soon after ctx is canceled.
func Main(ctx context.Context, version string, args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	if len(args) > 0 && args[len(args)-1] == completionFlag {
		// The library panics on completing a line while a variable is wrong.
		// A shell that asks for completions needs none then, and no trace.
		defer func() { _ = recover() }()
	}
	app := newApp(version)
	out := &output{to: stdout}
	app.Reader, app.Writer, app.ErrWriter = &input{ctx: ctx, from: stdin}, out, stderr
	err := cmp.Or(app.RunContext(ctx, args), out.err())
	if err == nil {
		return exitDone
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(stderr, "hookwheel: interrupted")
		return exitInterrupted
	}
	fmt.Fprintln(stderr, "hookwheel: "+printableLines(err.Error()))
	var coded cli.ExitCoder
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return exitFailed
}

// newApp is the tree of commands. Flags are bound to variables of the tree, so
// each run has its own.
func newApp(version string) *cli.App {
	app := &cli.App{
		Name:                 "hookwheel",
		Usage:                "accept events over HTTP, keep them, deliver them signed to every webhook that wants them",
		Description:          exitCodes,
		Version:              version,
		EnableBashCompletion: true,
		HideHelpCommand:      true,
		// Main prints errors and chooses the code.
		ExitErrHandler: func(*cli.Context, error) {},
		Commands: []*cli.Command{
			serveCommand(version),
			checkCommand(),
			backupCommand(),
			restoreCommand(),
			demoCommand(version),
			benchCommand(),
			tortureCommand(),
			sendCommand(),
			listenCommand(),
			signCommand(),
			verifyCommand(),
			endpointCommand(),
			eventCommand(),
			deliveryCommand(),
			replayCommand(),
			statsCommand(),
			keyCommand(),
			clientCommand(),
			organizationCommand(),
			connectorCommand(),
			auditCommand(),
			completionCommand(),
			versionCommand(version),
		},
	}
	app.OnUsageError = refuseFlag
	app.Action = groupAction
	app.CustomAppHelpTemplate = appHelp(app)
	for _, cmd := range app.Commands {
		strict(app.Name, cmd)
	}
	return app
}

// Groups of verbs in the help.
const (
	groupServer = "Server"
	groupManage = "Manage"
	groupTry    = "Post and receive"
	groupOther  = "Other"
)

// strict gives a command, found below path, and all below it the rules of the
// package comment, and their help.
func strict(path string, cmd *cli.Command) {
	path += " " + cmd.Name
	cmd.OnUsageError = refuseFlag
	cmd.HideHelpCommand = true
	cmd.CustomHelpTemplate = commandHelp(path, cmd)
	for _, sub := range cmd.Subcommands {
		strict(path, sub)
	}
	if len(shown(cmd.Subcommands)) > 0 {
		cmd.Action = groupAction
		return
	}
	run := cmd.Action
	cmd.Action = func(c *cli.Context) error {
		if err := checkArguments(path, cmd.ArgsUsage, c.Args().Slice()); err != nil {
			return err
		}
		return run(c)
	}
}

// shown leaves out the commands that are not for people.
func shown(commands []*cli.Command) []*cli.Command {
	return slices.DeleteFunc(slices.Clone(commands), func(cmd *cli.Command) bool { return cmd.Hidden })
}

// usageError is a mistake in the command line itself.
func usageError(format string, args ...any) error {
	return cli.Exit(fmt.Errorf(format, args...), exitUsage)
}

// dashes gives the flags in the words of the flag package the dashes that they
// have everywhere else.
var dashes = strings.NewReplacer(`" for flag -`, `" for flag --`, `" for -`, `" for --`, "needs an argument: -", "needs an argument: --")

// notBoolean is what the flag package says of a toggle with a value that is
// none, on the command line and in the environment.
var notBoolean = regexp.MustCompile(`(invalid boolean value .*|as bool value from .*): (parse error|strconv\.ParseBool: .*)`)

// wrongSecret is what the flag package says of a list of secrets, which it shows.
var wrongSecret = regexp.MustCompile(`(invalid value|could not parse) ".*" (for flag --(signing-)?secrets?:|from environment variable "\w*SECRETS?")`)

// refuseFlag words what the flag package found wrong.
func refuseFlag(c *cli.Context, err error, _ bool) error {
	text := dashes.Replace(err.Error())
	text = wrongSecret.ReplaceAllString(text, "$1, not shown here, $2")
	text = notBoolean.ReplaceAllString(text, "$1: expected true or false")
	hint := ""
	if name, unknown := strings.CutPrefix(text, "flag provided but not defined: -"); unknown {
		name = strings.TrimPrefix(name, "-")
		text = "there is no flag --" + name
		var names []string
		for _, f := range c.Command.Flags {
			names = append(names, f.Names()...)
		}
		if near := nearest(name, names); near != "" {
			hint = "; did you mean --" + near + "?"
		}
	}
	return usageError("%s%s\nSee: %s --help", text, hint, c.Command.HelpName)
}

// groupAction is what a command does that only groups others: it shows them,
// or refuses what is none of them.
func groupAction(c *cli.Context) error {
	if !c.Args().Present() {
		return cli.ShowSubcommandHelp(c)
	}
	name := c.Args().First()
	var names []string
	for _, sub := range c.Command.Subcommands {
		names = append(names, sub.Name)
	}
	hint := ""
	if near := nearest(name, names); near != "" {
		hint = "; did you mean " + near + "?"
	}
	return usageError("there is no command %q%s\nSee: %s --help", name, hint, c.Command.HelpName)
}

// checkArguments holds the arguments against the usage that the help shows:
// "ID" is one, "[FILE]" may be left out, "ID..." is one or more. The flag
// package stops at the first argument and takes a flag behind it for an
// argument too, which must not pass. Nor must an empty one, which is mostly a
// variable of the shell that nobody has set.
func checkArguments(command, usage string, args []string) error {
	least, most := arity(usage)
	for i, arg := range args {
		if i > 0 && len(arg) > 1 && strings.HasPrefix(arg, "-") {
			return usageError("%s stands behind an argument: flags come before arguments, as in %s %s %s", arg, command, arg, usage)
		}
		if arg == "" {
			return usageError("an argument is empty: expected %s %s", command, usage)
		}
	}
	switch {
	case len(args) < least:
		return usageError("too few arguments: expected %s %s\nSee: %[1]s --help", command, usage)
	case len(args) > most && most == 0:
		return usageError("unexpected argument %q: %s takes none", args[0], command)
	case len(args) > most:
		return usageError("unexpected argument %q: expected %s %s", args[most], command, usage)
	}
	return nil
}

// arity reads how many arguments a usage text asks for.
func arity(usage string) (least, most int) {
	for word := range strings.FieldsSeq(usage) {
		if !strings.HasPrefix(word, "[") {
			least++
		}
		most++
		if strings.HasSuffix(strings.TrimSuffix(word, "]"), "...") {
			most = maxArguments
		}
	}
	return least, most
}

// maxArguments bounds what "..." stands for; an operating system allows about
// as many.
const maxArguments = 1 << 20
