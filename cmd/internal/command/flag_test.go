package command

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// parseFlags parses args as the flags of a command.
func parseFlags(t *testing.T, f *flagSet, args ...string) error {
	t.Helper()
	app := &cli.App{
		Name: "x", Flags: f.flags,
		Action:         func(*cli.Context) error { return nil },
		OnUsageError:   func(_ *cli.Context, err error, _ bool) error { return err },
		ExitErrHandler: func(*cli.Context, error) {},
	}
	return app.Run(append([]string{"x"}, args...))
}

func TestListFlag(t *testing.T) {
	for _, test := range []struct {
		env  string
		args string
		want []string
	}{
		{"", "", nil},
		{"a,b", "", []string{"a", "b"}},
		{"", "--types a,b --types c", []string{"a", "b", "c"}},
		{"a,b", "--types c --types d", []string{"c", "d"}}, // the command line replaces
	} {
		t.Setenv("HOOKWHEEL_T_TYPES", test.env)
		var got []string
		f := flagsOf("t").in("c")
		f.words(&got, "types", "`TYPES`")
		if err := parseFlags(t, f, strings.Fields(test.args)...); err != nil {
			t.Fatalf("env %q, args %q: %v", test.env, test.args, err)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("env %q, args %q: got %q, want %q", test.env, test.args, got, test.want)
		}
	}
}

func TestListFlagReplacesItsDefault(t *testing.T) {
	var got []string
	f := flagsOf("t").in("c")
	list(f, &got, "l", "`L`", ",", []string{"x"}, func(s string) (string, error) { return s, nil }, verbatim)
	if err := parseFlags(t, f, "--l", "a"); err != nil || !slices.Equal(got, []string{"a"}) {
		t.Errorf("got %q, %v, want [a]", got, err)
	}
}

func TestRangedFlags(t *testing.T) {
	var (
		size   int64
		number float64
		n      int
	)
	f := flagsOf("t").in("c")
	f.size(&size, "size", "`SIZE`", 4096, 1024, 8192, "off")
	f.number(&number, "number", "`N`", 0.2, 0, 0.5, "")
	f.integer(&n, "n", "`N`", 3, 1, 10, "")
	for _, test := range []struct{ args, want string }{
		{"--size 1KiB", ""}, {"--size 8KiB", ""}, {"--size 0", ""},
		{"--size 1023", "out of range: allowed is 1KiB to 8KiB, or 0: off"}, {"--size 8193", "out of range"},
		{"--number 0", ""}, {"--number 0.5", ""}, {"--number 0.51", "out of range: allowed is 0 to 0.5"}, {"--number NaN", "not a number"},
		{"--n 0", "out of range: allowed is 1 to 10"}, {"--n 10", ""}, {"--n 1.5", "not a whole number"},
	} {
		err := parseFlags(t, f, strings.Fields(test.args)...)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want %q", test.args, err, test.want)
		}
	}
}

func TestTextFlagIsChecked(t *testing.T) {
	var got string
	f := flagsOf("t").in("c")
	f.text(&got, "text", "`TEXT`", "initial", func(text string) error {
		if text == "bad" {
			return errors.New("is bad")
		}
		return nil
	})
	if err := parseFlags(t, f); err != nil || got != "initial" {
		t.Errorf("without the flag: got %q, %v, want initial", got, err)
	}
	if err := parseFlags(t, f, "--text", "bad"); err == nil || !strings.Contains(err.Error(), "is bad") {
		t.Errorf("got %v, want an error that says: is bad", err)
	}
}
