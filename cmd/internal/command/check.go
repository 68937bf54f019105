package command

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/hookwheel/hookwheel/cmd/internal/archive"
)

func checkCommand() *cli.Command {
	var asJSON bool
	f := flagsOf("check").in("Output")
	f.toggle(&asJSON, "json", "print a JSON object instead of text for people")
	return &cli.Command{
		Name: "check", Category: groupServer,
		Usage:     "look at a data directory or a backup: is it whole, what is in it",
		ArgsUsage: "DIR",
		Description: `Reads every record and every row, compares checksums, decodes each as a server
does, looks whether the indexes agree with what they point to, applies what a
server would apply at its next start, and shows what is owed. What is damaged is
named: the row or record, and the file where that is known. The directory is not
changed; no server may have it open: of one that runs, check a backup. Exit code
1 if it is damaged or not complete.`,
		Flags: f.flags,
		Action: func(c *cli.Context) error {
			report, err := archive.Check(c.Context, c.Args().First())
			if err != nil {
				return fmt.Errorf("check %s: %w", c.Args().First(), whoMay(err))
			}
			if !asJSON {
				printCheck(c.App.Writer, report)
				return nil
			}
			text, err := json.Marshal(checkAnswer(report))
			if err != nil {
				return fmt.Errorf("encode report: %w", err)
			}
			return printJSON(c.App.Writer, text)
		},
	}
}

// checked is a report as programs get it.
type checked struct {
	Dir           string            `json:"dir"`
	Partitions    int               `json:"partitions"`
	Events        uint64            `json:"events"`
	EventBytes    uint64            `json:"event_bytes"`
	OtherRecords  uint64            `json:"other_records"`
	Rows          uint64            `json:"rows"`
	RowBytes      uint64            `json:"row_bytes"`
	Newest        *string           `json:"newest_record_at"`
	Organizations int               `json:"organizations"`
	Endpoints     int               `json:"endpoints"`
	Attempts      uint64            `json:"attempts"`
	Deliveries    map[string]uint64 `json:"deliveries"`
	Worst         []checkedEndpoint `json:"worst_endpoints"`
}

type checkedEndpoint struct {
	ID           string `json:"id"`
	Organization string `json:"organization_id"`
	URL          string `json:"url"`
	Health       string `json:"health"`
	Pending      uint64 `json:"pending"`
	Retrying     uint64 `json:"retrying"`
}

func checkAnswer(r *archive.Report) checked {
	n := r.Totals.Counts
	answer := checked{
		Dir: r.Dir, Partitions: r.Partitions, Events: r.Events, EventBytes: r.EventBytes, OtherRecords: r.Others,
		Rows: r.Rows, RowBytes: r.RowBytes, Organizations: r.Organizations, Endpoints: r.Totals.Endpoints, Attempts: r.Totals.Attempts,
		Deliveries: map[string]uint64{
			"pending": n.Pending, "retrying": n.Retrying, "succeeded": n.Succeeded,
			"failed": n.Failed, "exhausted": n.Exhausted, "canceled": n.Canceled, "expired": n.Expired,
		},
		Worst: []checkedEndpoint{},
	}
	if !r.End.IsZero() {
		at := wireTime(r.End)
		answer.Newest = &at
	}
	for _, e := range r.Worst {
		answer.Worst = append(answer.Worst, checkedEndpoint{
			ID: e.ID, Organization: e.Organization, URL: e.URL, Health: string(e.Health), Pending: e.Counts.Pending, Retrying: e.Counts.Retrying,
		})
	}
	return answer
}

// printCheck shows a report to people.
func printCheck(w io.Writer, r *archive.Report) {
	n := r.Totals.Counts
	newest := "none"
	if !r.End.IsZero() {
		newest = fmt.Sprintf("%s (%s ago)", wireTime(r.End), formatDuration(time.Since(r.End).Round(time.Second)))
	}
	t := newTable(w)
	for _, row := range [][]string{
		{"store", fmt.Sprintf("%s, whole and complete, %d partitions", printable(r.Dir), r.Partitions)},
		{"log", fmt.Sprintf("%d events with %s, %d other records, newest %s", r.Events, roundSize(r.EventBytes), r.Others, newest)},
		{"rows", fmt.Sprintf("%d with %s", r.Rows, roundSize(r.RowBytes))},
		{"tenants", fmt.Sprintf("%d organizations, %d endpoints", r.Organizations, r.Totals.Endpoints)},
		{"owed", fmt.Sprintf("%d pending, %d retrying", n.Pending, n.Retrying)},
		{"ended", fmt.Sprintf("%d succeeded, %d failed, %d exhausted, %d canceled, %d expired, in %d attempts",
			n.Succeeded, n.Failed, n.Exhausted, n.Canceled, n.Expired, r.Totals.Attempts)},
	} {
		printCells(t, row)
	}
	t.Flush()
	if len(r.Worst) == 0 {
		return
	}
	fmt.Fprintln(w, "\nOwed most:")
	t = newTable(w)
	printCells(t, []string{"ENDPOINT", "ORGANIZATION", "HEALTH", "PENDING", "RETRYING", "URL"})
	for _, e := range r.Worst {
		printCells(t, []string{e.ID, printable(e.Organization), string(e.Health), fmt.Sprint(e.Counts.Pending), fmt.Sprint(e.Counts.Retrying), printable(e.URL)})
	}
	t.Flush()
}

// roundSize is a size for people, to one digit after the point.
func roundSize(n uint64) string {
	for _, u := range units[:4] {
		if n >= uint64(u.bytes) {
			return fmt.Sprintf("%.1f%s", float64(n)/float64(u.bytes), u.name)
		}
	}
	return fmt.Sprintf("%dB", n)
}
