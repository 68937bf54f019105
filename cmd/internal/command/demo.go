package command

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"

	"github.com/hookwheel/hookwheel/cmd/internal/demo"
	"github.com/hookwheel/hookwheel/httpapi/ops"
)

func demoCommand(version string) *cli.Command {
	var events int
	f := flagsOf("demo").in("Show")
	f.integer(&events, "events", "post `N` events", 20_000, 1, 10_000_000, "")
	return &cli.Command{
		Name: "demo", Category: groupTry,
		Usage: "see it work: failing receivers, a restart, nothing missing",
		Description: `Starts a server in a temporary directory and receivers on this machine: three
that are healthy, one that fails now and then, one that is down and comes back,
one that never answers. Each verifies every signature. Then it posts events,
restarts the server in the middle, and counts what arrived where. Exit code 1
if anything is missing.`,
		Flags: f.flags,
		Action: func(c *cli.Context) error {
			bar := newCountBar(c.App.ErrWriter)
			report, err := demo.Run(c.Context, demo.Options{
				Events: events,
				Build:  ops.Build{Version: version, Revision: buildRevision(), Go: runtime.Version()},
				Logger: newLogger(c.App.ErrWriter, formatHuman, "error"),
				Tell: func(sentence string) {
					bar.clear()
					fmt.Fprintln(c.App.Writer, sentence)
				},
				Progress: bar.set,
			})
			bar.clear()
			if err != nil {
				return err
			}
			printDemo(c.App.Writer, report)
			if !report.Good() {
				return errors.New("something is missing, see the table")
			}
			return nil
		},
	}
}

// printDemo shows what came of a demo.
func printDemo(w io.Writer, r *demo.Report) {
	fmt.Fprintln(w)
	t := newTable(w)
	printCells(t, []string{"RECEIVER", "DELIVERED", "VERIFIED", "ATTEMPTS", "RETRIED", "DUPLICATES", "MISSING", "P50", "P99"})
	for _, row := range append(r.Receivers, r.Total()) {
		missing, p50, p99 := strconv.Itoa(row.Missing), "-", "-"
		if row.Latency.Count > 0 {
			p50, p99 = shortTime(row.Latency.P50), shortTime(row.Latency.P99)
		}
		if !row.Counts {
			missing = "(owed)"
		}
		printCells(t, []string{
			row.Name, strconv.Itoa(row.Delivered), strconv.Itoa(row.Verified), strconv.Itoa(row.Attempts), strconv.Itoa(row.Retried),
			strconv.Itoa(row.Duplicates), missing, p50, p99,
		})
	}
	t.Flush()
	total := r.Total()
	fmt.Fprintf(w, "\n%d events accepted, %.0f a second, each on disk before it was answered (p50 %s, p99 %s); posts repeated: %d\n",
		r.Accepted, float64(r.Accepted)/r.Posting.Seconds(), shortTime(r.Accept.P50), shortTime(r.Accept.P99), r.Repeated)
	fmt.Fprintf(w, "%d deliveries in %s, %.0f a second, with a restart of %s in the middle\n",
		total.Delivered, shortTime(r.Took), float64(total.Delivered)/r.Took.Seconds(), shortTime(r.Stopping+r.Starting))
	verdict, color := "missing: 0", green
	if !r.Good() {
		verdict, color = fmt.Sprintf("missing: %d, with bad signatures: %d, not recorded: %d", total.Missing, total.Forged, total.Unrecorded), red
	}
	fmt.Fprintln(w, colored(w, color, verdict))
}

// shortTime is a duration to three digits.
func shortTime(d time.Duration) string {
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if d >= unit {
			return d.Round(unit / 100).String()
		}
	}
	return d.String()
}

// countBar is a bar of things on a terminal, and nothing anywhere else.
type countBar struct{ bar *progressbar.ProgressBar }

func newCountBar(w io.Writer) *countBar {
	if !terminal(w) {
		return &countBar{}
	}
	return &countBar{progressbar.NewOptions(1,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription("deliveries"),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionClearOnFinish(),
	)}
}

// set shows how many of all are done. Safe for concurrent use.
func (b *countBar) set(done, all int) {
	if b.bar != nil {
		b.bar.ChangeMax(all)
		_ = b.bar.Set(done) // fails only beyond the end
	}
}

// clear takes the bar off its line, for a line of text; the next set shows it
// again.
func (b *countBar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}
