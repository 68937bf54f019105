package command

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// The help is written here and handed to the library as a finished text: its
// own templates sort the categories of flags by name, which puts what matters
// least first, and give each flag one line of any length.
const (
	helpWidth  = 80
	helpIndent = "        "
)

// appHelp is the help of the program.
func appHelp(app *cli.App) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s - %s\n\nUsage: %[1]s command [flags] [arguments]\n", app.Name, app.Usage)
	category := ""
	for _, cmd := range shown(app.Commands) {
		if cmd.Category != category {
			category = cmd.Category
			fmt.Fprintf(&b, "\n%s:\n", category)
		}
		fmt.Fprintf(&b, "  %-14s%s\n", cmd.Name, cmd.Usage)
	}
	fmt.Fprintf(&b, "\n%s\n", app.Description)
	return b.String()
}

// commandHelp is the help of a command, whose full name is path.
func commandHelp(path string, cmd *cli.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s - %s\n\nUsage: %[1]s", path, cmd.Usage)
	inner := shown(cmd.Subcommands)
	if len(inner) > 0 {
		b.WriteString(" command")
	}
	b.WriteString(strings.TrimRight(" [flags] "+cmd.ArgsUsage, " ") + "\n")
	if cmd.Description != "" {
		b.WriteString("\n" + cmd.Description + "\n")
	}
	if len(inner) > 0 {
		b.WriteString("\nCommands:\n")
	}
	for _, sub := range inner {
		fmt.Fprintf(&b, "  %-14s%s\n", sub.Name, sub.Usage)
	}
	category := ""
	for _, f := range cmd.Flags {
		if c, ok := f.(cli.CategorizableFlag); ok && c.GetCategory() != category {
			category = c.GetCategory()
			fmt.Fprintf(&b, "\n%s:\n", category)
		}
		b.WriteString(flagHelp(f))
	}
	return b.String()
}

// flagHelp is a flag in the help: its name and what it takes, and below it
// what it means, its default and its variable.
func flagHelp(f cli.Flag) string {
	doc, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return ""
	}
	placeholder, usage := cutPlaceholder(doc.GetUsage())
	if placeholder != "" {
		placeholder = " " + placeholder
	}
	if text := doc.GetDefaultText(); doc.TakesValue() && text != "" {
		usage += " (default: " + text + ")"
	}
	for _, name := range doc.GetEnvVars() {
		usage += " [$" + name + "]"
	}
	return fmt.Sprintf("  --%s%s\n%s\n", f.Names()[0], placeholder, wrap(usage, helpIndent, helpWidth))
}

// cutPlaceholder finds the word in backquotes in a flag's usage text, which
// names what the flag takes, and takes the quotes away.
func cutPlaceholder(usage string) (placeholder, plain string) {
	before, quoted, _ := strings.Cut(usage, "`")
	placeholder, after, _ := strings.Cut(quoted, "`")
	return placeholder, before + placeholder + after
}

// wrap breaks text into lines of at most width bytes, each indented. A word
// that is longer gets a line of its own.
func wrap(text, indent string, width int) string {
	var b strings.Builder
	column := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case column == 0:
			b.WriteString(indent)
			column = len(indent)
		case column+1+len(word) > width:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// nearest is the candidate that name was perhaps meant to be, "" if none is
// near.
func nearest(name string, candidates []string) string {
	best, least := "", 3
	for _, candidate := range candidates {
		if d := editDistance(name, candidate); d < least && d < len(candidate) {
			best, least = candidate, d
		}
	}
	return best
}

// editDistance is how many bytes must be put in, left out or changed to make
// b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
