package command

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// flagSet collects the flags of one command. Each is bound to a variable, has
// an environment variable and a category, says in its usage text what it
// takes, and refuses everything else with the reason.
//
// Usage texts name what a flag takes in backquotes.
type flagSet struct {
	prefix   string // of the environment variables, "HOOKWHEEL_SEND_"
	category string // of the flags to come
	open     bool   // a flag that is not given stands for nothing: its default is not shown
	flags    []cli.Flag
}

// variablePrefix begins the name of every variable that gives a setting.
const variablePrefix = "HOOKWHEEL_"

// flagsOf begins the flags of a verb. Their variables carry its name, so that
// one that is set for a verb does not reach another; what all verbs share,
// and everything of serve, has none.
func flagsOf(verb string) *flagSet {
	f := &flagSet{prefix: variablePrefix}
	if verb != "" {
		f.prefix += variable(verb) + "_"
	}
	return f
}

func variable(name string) string {
	return strings.ToUpper(strings.NewReplacer("-", "_", " ", "_").Replace(name))
}

// in sets the category of the flags that follow.
func (f *flagSet) in(category string) *flagSet {
	f.category = category
	return f
}

// value is a flag's variable with the functions that read and show it.
type value[T any] struct {
	dst     *T
	parse   func(string) (T, error)
	show    func(T) string
	accepts string // as in the usage text; empty where the placeholder says it all
}

func (v *value[T]) String() string {
	if v == nil || v.dst == nil {
		return ""
	}
	return v.show(*v.dst)
}

func (v *value[T]) Set(text string) error {
	got, err := v.parse(text)
	if err != nil {
		return err
	}
	*v.dst = got
	return nil
}

// Accepts is what the flag takes, in words.
func (v *value[T]) Accepts() string { return v.accepts }

// add is the one way by which a flag that takes a value comes to be.
func add[T any](f *flagSet, name, usage string, v value[T]) {
	if v.accepts != "" {
		usage += "; " + v.accepts
	}
	if f.open {
		v.show = func(T) string { return "" }
	}
	f.flags = append(f.flags, &cli.GenericFlag{
		Name:     name,
		Category: f.category,
		Usage:    usage,
		EnvVars:  []string{f.prefix + variable(name)},
		Value:    &v,
	})
}

// ranged is the parse function of a value within bounds; zero says what 0
// stands for where it is allowed outside of them.
func ranged[T cmp.Ordered](parse func(string) (T, error), show func(T) string, least, most T, zero string) (func(string) (T, error), string) {
	accepts := show(least) + " to " + show(most)
	var none T
	if zero != "" {
		accepts += ", or 0: " + zero
	}
	return func(text string) (T, error) {
		got, err := parse(text)
		if err != nil {
			return none, err
		}
		if zero != "" && got == none || got >= least && got <= most {
			return got, nil
		}
		return none, errors.New("out of range: allowed is " + accepts)
	}, accepts
}

// duration adds a flag of a duration. zero says what 0 stands for, "" where
// it is nothing special.
func (f *flagSet) duration(dst *time.Duration, name, usage string, initial, least, most time.Duration, zero string) {
	*dst = initial
	parse, accepts := ranged(parseDuration, formatDuration, least, most, zero)
	add(f, name, usage, value[time.Duration]{dst, parse, formatDuration, accepts})
}

// size adds a flag of a number of bytes.
func (f *flagSet) size(dst *int64, name, usage string, initial, least, most int64, zero string) {
	*dst = initial
	parse, accepts := ranged(parseSize, formatSize, least, most, zero)
	add(f, name, usage, value[int64]{dst, parse, formatSize, accepts})
}

// integer adds a flag of a whole number.
func (f *flagSet) integer(dst *int, name, usage string, initial, least, most int, zero string) {
	*dst = initial
	parse, accepts := ranged(parseInteger, strconv.Itoa, least, most, zero)
	add(f, name, usage, value[int]{dst, parse, strconv.Itoa, accepts})
}

// number adds a flag of a number with a fraction.
func (f *flagSet) number(dst *float64, name, usage string, initial, least, most float64, zero string) {
	*dst = initial
	parse, accepts := ranged(parseNumber, formatNumber, least, most, zero)
	add(f, name, usage, value[float64]{dst, parse, formatNumber, accepts})
}

func parseInteger(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, errors.New("not a whole number")
	}
	return n, nil
}

func parseNumber(text string) (float64, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n != n {
		return 0, errors.New("not a number")
	}
	return n, nil
}

func formatNumber(n float64) string { return strconv.FormatFloat(n, 'g', -1, 64) }

// choice adds a flag that takes one of a few words.
func (f *flagSet) choice(dst *string, name, usage, initial string, words ...string) {
	*dst = initial
	accepts := "one of " + strings.Join(words, ", ")
	parse := func(text string) (string, error) {
		if !slices.Contains(words, text) {
			return "", errors.New("expected " + accepts)
		}
		return text, nil
	}
	add(f, name, usage, value[string]{dst, parse, verbatim, accepts})
}

// text adds a flag of any text that check, unless nil, has nothing against.
func (f *flagSet) text(dst *string, name, usage, initial string, check func(string) error) {
	*dst = initial
	parse := func(text string) (string, error) {
		if check != nil {
			if err := check(text); err != nil {
				return "", err
			}
		}
		return text, nil
	}
	add(f, name, usage, value[string]{dst, parse, verbatim, ""})
}

func verbatim(text string) string { return text }

// moment adds a flag of a point in time; the zero time means that it was not
// given.
func (f *flagSet) moment(dst *time.Time, name, usage string) {
	parse := func(text string) (time.Time, error) { return parseMoment(text, time.Now()) }
	show := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return wireTime(t)
	}
	add(f, name, usage, value[time.Time]{dst, parse, show, "an RFC 3339 time or how long ago, such as 2h"})
}

// list adds a flag of several values: separated in one text by sep, or given
// one by one. Values from the command line replace those of the environment.
func list[T any](f *flagSet, dst *[]T, name, usage, sep string, initial []T, parse func(string) (T, error), show func(T) string) {
	*dst = initial
	switch sep {
	case ",":
		usage += "; separated by commas, or the flag several times"
	case "\n":
		usage += "; the flag several times, or separated by line breaks"
	}
	flag := &cli.GenericFlag{
		Name:     name,
		Category: f.category,
		Usage:    usage,
		EnvVars:  []string{f.prefix + variable(name)},
	}
	flag.Value = &values[T]{dst: dst, sep: sep, replace: true, flag: flag, parse: parse, show: show}
	f.flags = append(f.flags, flag)
}

// values is a flag's variable that holds several.
type values[T any] struct {
	dst      *[]T
	sep      string
	replace  bool             // the next text replaces what is there, later ones add
	flag     *cli.GenericFlag // HasBeenSet: what is there came from the environment
	replaced bool             // and the command line has replaced it
	parse    func(string) (T, error)
	show     func(T) string
}

func (v *values[T]) Set(text string) error {
	if v.flag.HasBeenSet && !v.replaced {
		v.replace, v.replaced = true, true
	}
	var got []T
	for part := range strings.SplitSeq(text, v.sep) {
		part = strings.TrimSpace(part)
		one, err := v.parse(part)
		if err != nil {
			return fmt.Errorf("%q: %w", part, err)
		}
		got = append(got, one)
	}
	if v.replace {
		*v.dst, v.replace = nil, false
	}
	*v.dst = append(*v.dst, got...)
	return nil
}

func (v *values[T]) String() string {
	if v == nil || v.dst == nil {
		return ""
	}
	var shown []string
	for _, one := range *v.dst {
		shown = append(shown, v.show(one))
	}
	return strings.Join(shown, v.sep)
}

// words adds a list of words, none of them empty.
func (f *flagSet) words(dst *[]string, name, usage string) {
	list(f, dst, name, usage, ",", nil, func(text string) (string, error) { return text, checkGiven(text) }, verbatim)
}

// checkGiven refuses the empty text, as a shell variable that is not set has it.
func checkGiven(text string) error {
	if text == "" {
		return errors.New("is empty")
	}
	return nil
}

// choices adds a list of some of the given words.
func (f *flagSet) choices(dst *[]string, name, usage string, words []string) {
	list(f, dst, name, usage, ",", nil, func(text string) (string, error) {
		if !slices.Contains(words, text) {
			return "", errors.New("expected some of " + strings.Join(words, ", "))
		}
		return text, nil
	}, verbatim)
}

// toggle adds a flag without a value, off unless given.
func (f *flagSet) toggle(dst *bool, name, usage string) {
	f.flags = append(f.flags, &cli.BoolFlag{
		Name:               name,
		Category:           f.category,
		Usage:              usage,
		EnvVars:            []string{f.prefix + variable(name)},
		Destination:        dst,
		DisableDefaultText: true,
	})
}
