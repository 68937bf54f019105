package command

import (
	"bufio"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"
)

// confirmation guards a verb that destroys much that nothing brings back: the
// person at the terminal has to type the id of what is to go. A script has to
// say --yes, so that none does it unawares.
type confirmation struct {
	yes     bool
	answers *bufio.Scanner // what the person types; nil with --yes
}

func (o *confirmation) flags(f *flagSet) *flagSet {
	f.in("Confirmation").toggle(&o.yes, "yes", "do it without asking; needed where nobody can be asked, as in a script")
	return f
}

// begin refuses what is neither confirmed by --yes nor can be asked for.
func (o *confirmation) begin(c *cli.Context) error {
	switch {
	case o.yes:
	case terminal(c.App.Reader) && terminal(c.App.ErrWriter):
		o.answers = bufio.NewScanner(c.App.Reader)
	default:
		return usageError("this cannot be undone, and no terminal is there to ask for confirmation: give --yes to do it without")
	}
	return nil
}

// ask says what is about to be done, and takes no answer but the id for a yes.
func (o *confirmation) ask(c *cli.Context, what, id string) error {
	fmt.Fprintf(c.App.ErrWriter, "%s\nType %s to confirm: ", printable(what), printable(id))
	if !o.answers.Scan() {
		fmt.Fprintln(c.App.ErrWriter)
		if err := o.answers.Err(); err != nil {
			return fmt.Errorf("read confirmation: %w", err)
		}
	}
	if o.answers.Text() != id {
		return errors.New("not confirmed, so nothing was done to it: the answer has to be the id")
	}
	return nil
}
