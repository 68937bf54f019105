package command

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// The table of the readme has the flags of serve, all of them and no others,
// with their defaults.
func TestReadmeFlags(t *testing.T) {
	text, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Configuration\n")
	section, _, found := strings.Cut(section, "\n## ")
	if !found {
		t.Fatal("got no section Configuration with another behind it")
	}
	name := regexp.MustCompile("`--([a-z-]+)`")
	rows := map[string]string{} // flag → column of defaults
	for row := range strings.Lines(section) {
		if cells := strings.Split(row, "|"); len(cells) > 3 {
			for _, match := range name.FindAllStringSubmatch(cells[1], -1) {
				rows[match[1]] = cells[2]
			}
		}
	}
	f := flagsOf("")
	new(serving).allFlags(f)
	for _, flag := range f.flags {
		name, doc := flag.Names()[0], flag.(cli.DocGenerationFlag)
		got, listed := rows[name]
		if !listed {
			t.Errorf("--%s: not in the table", name)
		} else if want := doc.GetDefaultText(); doc.TakesValue() && !strings.Contains(got, want) {
			t.Errorf("--%s: got default%s, want %s", name, got, want)
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("--%s: in the table, but no flag of serve", name)
	}
}
