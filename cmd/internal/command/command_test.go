package command

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// result is what a run of the command line came to.
type result struct {
	code        int
	out, errors string
}

// runCommand runs the command line as main does.
func runCommand(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, errors bytes.Buffer
	code := Main(t.Context(), "v1.2.3", append([]string{"hookwheel"}, args...), strings.NewReader(stdin), &out, &errors)
	return result{code, out.String(), errors.String()}
}

// want checks the exit code and that output and errors contain texts.
func (r result) want(t *testing.T, code int, out, errors string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code: got %d, want %d; errors: %s", r.code, code, r.errors)
	}
	if !strings.Contains(r.out, out) {
		t.Errorf("output: got %q, want it to contain %q", r.out, out)
	}
	if !strings.Contains(r.errors, errors) {
		t.Errorf("errors: got %q, want it to contain %q", r.errors, errors)
	}
}

// request is what the server of a test received.
type request struct {
	method, path, query, body string
	header                    http.Header
}

// api is a server that speaks as the contract says, one handler per test.
type api struct{ requests []request }

// serveAPI points the environment at a server that records each request and
// answers with what the handler gives.
func serveAPI(t *testing.T, answer func(r request, n int) (status int, body string)) *api {
	t.Helper()
	a := &api{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read request: %v", err)
		}
		got := request{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, string(body), r.Header}
		a.requests = append(a.requests, got)
		status, text := answer(got, len(a.requests))
		w.Header().Set("X-Request-Id", "req_1")
		if status >= 400 {
			w.Header().Set("Content-Type", "application/problem+json")
		}
		w.WriteHeader(status)
		io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	t.Setenv("HOOKWHEEL_URL", server.URL)
	t.Setenv("HOOKWHEEL_API_KEY", "hw_admin_k")
	return a
}

func (a *api) only(t *testing.T) request {
	t.Helper()
	if len(a.requests) != 1 {
		t.Fatalf("requests: got %d, want 1", len(a.requests))
	}
	return a.requests[0]
}

// eachCommand visits every command that does something itself.
func eachCommand(app *cli.App, visit func(path string, cmd *cli.Command)) {
	var walk func(path string, commands []*cli.Command)
	walk = func(path string, commands []*cli.Command) {
		for _, cmd := range commands {
			visit(path+" "+cmd.Name, cmd)
			walk(path+" "+cmd.Name, cmd.Subcommands)
		}
	}
	walk(app.Name, app.Commands)
}

// Help is part of the interface: a change of it shows in a diff.
func TestHelp(t *testing.T) {
	check := func(name, got string) {
		t.Helper()
		path := filepath.Join("testdata", "help", name+".txt")
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("read golden file (go test -update writes it): %v", err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", path, got, want)
		}
	}
	check("hookwheel", runCommand(t, "", "--help").out)
	eachCommand(newApp(""), func(path string, cmd *cli.Command) {
		if cmd.Hidden {
			return
		}
		words := strings.Fields(path)
		check(strings.Join(words, "-"), runCommand(t, "", append(words[1:], "--help")...).out)
	})
}

// Every flag can be given by the environment, stands in a category, and says
// what it takes; every command says what it does.
func TestFlagsAreDocumented(t *testing.T) {
	meaning := map[string]string{} // of a variable: the flag it belongs to
	eachCommand(newApp(""), func(path string, cmd *cli.Command) {
		if cmd.Usage == "" {
			t.Errorf("%s: has no usage text", path)
		}
		for _, f := range cmd.Flags {
			name := path + " --" + f.Names()[0]
			doc, ok := f.(cli.DocGenerationFlag)
			if !ok || f.(cli.CategorizableFlag).GetCategory() == "" {
				t.Errorf("%s: has no category", name)
				continue
			}
			if vars := doc.GetEnvVars(); len(vars) != 1 || !strings.HasPrefix(vars[0], "HOOKWHEEL_") {
				t.Errorf("%s: variables: got %v, want one HOOKWHEEL_…", name, vars)
			} else if usage := doc.GetUsage(); meaning[vars[0]] != "" && meaning[vars[0]] != usage {
				t.Errorf("%s: variable %s has two meanings: %q and %q", name, vars[0], meaning[vars[0]], usage)
			} else {
				meaning[vars[0]] = usage
			}
			if !doc.TakesValue() {
				continue
			}
			generic, ok := f.(*cli.GenericFlag)
			if !ok {
				t.Errorf("%s: is a %T, whose values nobody checks", name, f)
				continue
			}
			if placeholder, _ := cutPlaceholder(doc.GetUsage()); placeholder == "" {
				t.Errorf("%s: does not name what it takes in backquotes", name)
			}
			if r, ok := generic.Value.(interface{ Accepts() string }); ok && !strings.Contains(doc.GetUsage(), r.Accepts()) {
				t.Errorf("%s: usage %q does not say that it takes %q", name, doc.GetUsage(), r.Accepts())
			}
		}
	})
}

func TestUsageErrors(t *testing.T) {
	for _, test := range []struct {
		args string
		want string
	}{
		{"bogus", `there is no command "bogus"`},
		{"sned", "did you mean send?"},
		{"endpoint gte", "did you mean get?"},
		{"send --flie x", "did you mean --file?"},
		{"--json", "there is no flag --json"},
		{"send", "say what to send"},
		{"send a b c", `unexpected argument "c"`},
		{"send a --json", "--json stands behind an argument"},
		{"stats now", `unexpected argument "now": hookwheel stats takes none`},
		{"endpoint get", "too few arguments: expected hookwheel endpoint get ID"},
		{"endpoint delete", "expected hookwheel endpoint delete ID..."},
		{"endpoint get $UNSET", "an argument is empty: expected hookwheel endpoint get ID"},
		{"endpoint update ed_1", "nothing to change"},
		{"endpoint update --name x --unset name ed_1", "--unset name: it is set by another flag"},
		{"endpoint create --max-attempts 101 http://x", "out of range: allowed is 1 to 100, or 0: one more than the schedule is long"},
		{"endpoint create --attempt-timeout 90s http://x", "allowed is 100ms to 1m"},
		{"endpoint create --ordering lifo http://x", "expected one of none, fifo"},
		{"endpoint create --header novalue http://x", "expected Name: value"},
		{"endpoint create", "too few arguments: expected hookwheel endpoint create URL"},
		{"endpoint create --aws-region eu-central-1 http://x", "--aws-account and --aws-region are for --kind eventbridge"},
		{"endpoint create --kind eventbridge --aws-account 123456789012", "needs --aws-account and --aws-region"},
		{"endpoint create --kind eventbridge --aws-account 123456789012 --aws-region eu-central-1 http://x", "an event bus has no URL"},
		{"endpoint create --retry-schedule 5s,,1m http://x", `"": not a duration`},
		{"send --batch 0 --file x", "allowed is 1 to 10000"},
		{"send --batch ten --file x", "not a whole number"},
		{"send --batch-bytes 4MB5 --file x", "not a size"},
		{"send --file /nonexistent", "no such file"},
		{"send --file x type data", "--file goes with a TYPE at most"},
		{"send type {", "DATA is not valid JSON"},
		{"event list --since yesterday", "not a moment"},
		{"stats --url ftp://x", "expected a URL such as"},
		{"stats --url http://u:p@x", "without user, query and fragment"},
		{"stats --url https://example.com", "no API key for example.com"},
		{"stats --json=maybe", `"maybe" for --json: expected true or false`},
		{"stats --organization ä", "only visible ASCII"},
		{"send --id ä type", "only printable ASCII"},
		{"stats --data-dir /nonexistent", "no API key: give --api-key"},
		{"listen --types a", "--types and --public-url are for the endpoint of --create"},
		{"listen --address 9000", "expected an address"},
		{"sign x", "--secret is needed"},
		{"endpoint rotate --secret= ed_1", "is empty"},
		{"verify --secret x y", "--secret and --header are needed"},
		{"completion tcsh", "expected one of bash, fish, zsh"},
		{"bench --only nope", `"nope": expected some of end-to-end, `},
		{"torture --scenario kill,nope", `"nope": expected some of steady, kill, `},
		{"key create --expires 1h name", "--scopes is needed"},
		{"client create name", "--scopes is needed"},
		{"organization delete org_1", "this cannot be undone, and no terminal is there to ask for confirmation: give --yes"},
	} {
		args := strings.Fields(test.args)
		if last := len(args) - 1; args[last] == "$UNSET" {
			args[last] = ""
		}
		r := runCommand(t, "", args...)
		if r.out != "" {
			t.Errorf("%s: output: got %q, want none", test.args, r.out)
		}
		t.Run(test.args, func(t *testing.T) { r.want(t, exitUsage, "", test.want) })
	}
}

func TestWrongVariableIsRefused(t *testing.T) {
	t.Setenv("HOOKWHEEL_TIMEOUT", "1y")
	runCommand(t, "", "stats").want(t, exitUsage, "", `could not parse "1y" from environment variable "HOOKWHEEL_TIMEOUT"`)
}

func TestWrongToggleVariableIsRefused(t *testing.T) {
	t.Setenv("HOOKWHEEL_JSON", "yes")
	runCommand(t, "", "stats").want(t, exitUsage, "", `"HOOKWHEEL_JSON" for flag json: expected true or false`)
}

// A key that cannot be sent is refused before it is, and not shown.
func TestWrongKeyIsRefused(t *testing.T) {
	a := serveAPI(t, func(request, int) (int, string) { return 200, "{}" })
	t.Setenv("HOOKWHEEL_API_KEY", "hw_secret\r")
	r := runCommand(t, "", "stats")
	r.want(t, exitUsage, "", "API key: only visible ASCII")
	if strings.Contains(r.errors, "hw_secret") || len(a.requests) != 0 {
		t.Errorf("got %q and %d requests, want neither the key nor any", r.errors, len(a.requests))
	}
}

// Nor is a list of secrets shown that has a mistake in it.
func TestWrongSecretsAreNotShown(t *testing.T) {
	for _, line := range []string{"connector set --signing-secrets whsec_s,", "verify --secret whsec_s,,x --header a:b -", "connector set"} {
		if line == "connector set" {
			t.Setenv("HOOKWHEEL_CONNECTOR_SET_SIGNING_SECRETS", "whsec_s,")
		}
		r := runCommand(t, "", strings.Fields(line)...)
		r.want(t, exitUsage, "", "not shown here")
		r.want(t, exitUsage, "", "is empty")
		if strings.Contains(r.errors, "whsec_s") {
			t.Errorf("%s: got %q, want no secret", line, r.errors)
		}
	}
}

func TestArity(t *testing.T) {
	for _, test := range []struct {
		usage       string
		least, most int
	}{
		{"", 0, 0},
		{"ID", 1, 1},
		{"[TYPE] [DATA]", 0, 2},
		{"URL [DATA]", 1, 2},
		{"ID...", 1, maxArguments},
		{"[FILE...]", 0, maxArguments},
	} {
		if least, most := arity(test.usage); least != test.least || most != test.most {
			t.Errorf("arity(%q): got %d, %d, want %d, %d", test.usage, least, most, test.least, test.most)
		}
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	serveAPI(t, func(request, int) (int, string) {
		cancel()
		<-ctx.Done()
		return http.StatusServiceUnavailable, "{}"
	})
	var out, errors bytes.Buffer
	code := Main(ctx, "", []string{"hookwheel", "stats"}, strings.NewReader(""), &out, &errors)
	result{code, out.String(), errors.String()}.want(t, exitInterrupted, "", "interrupted")
}

// A command that waits for its input ends as well.
func TestInterruptedInput(t *testing.T) {
	serveAPI(t, func(request, int) (int, string) { return 202, "{}" })
	for _, args := range []string{"send type -", "send --file -", "sign --secret s -", "verify --secret s --header a:b -"} {
		ctx, cancel := context.WithCancel(t.Context())
		stdin, _ := io.Pipe() // nothing comes
		var out, errors bytes.Buffer
		code := Main(ctx, "", append([]string{"hookwheel"}, strings.Fields(args)...), readSignal{stdin, cancel}, &out, &errors)
		result{code, out.String(), errors.String()}.want(t, exitInterrupted, "", "interrupted")
	}
}

// readSignal calls begun when it is read from.
type readSignal struct {
	io.Reader
	begun func()
}

func (r readSignal) Read(p []byte) (int, error) {
	r.begun()
	return r.Reader.Read(p)
}

func TestVersion(t *testing.T) {
	runCommand(t, "", "version").want(t, exitDone, "hookwheel v1.2.3 ", "")
	runCommand(t, "", "--version").want(t, exitDone, "v1.2.3", "")
	r := runCommand(t, "", "version", "--json")
	var got map[string]string
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || got["version"] != "v1.2.3" {
		t.Errorf("version --json: got %q (%v), want an object with the version", r.out, err)
	}
}

func TestCompletion(t *testing.T) {
	for shell := range completions {
		runCommand(t, "", "completion", shell).want(t, exitDone, completionFlag, "")
	}
	// The library looks at the arguments of the process.
	args := os.Args
	t.Cleanup(func() { os.Args = args })
	for _, test := range []struct{ line, want string }{
		{"", "endpoint\n"},
		{"endpoint", "rotate\n"},
		{"endpoint list -l", "--limit\n"},
		{"endpoint list -", "--limit\n"},
		{"send -f", "--file\n"},
		{"organization delete -y", "--yes\n"},
		{"completion", "zsh\n"},
	} {
		words := append(strings.Fields(test.line), completionFlag)
		os.Args = append([]string{"hookwheel"}, words...)
		runCommand(t, "", words...).want(t, exitDone, test.want, "")
	}
}

func TestCompletionWithWrongVariable(t *testing.T) {
	t.Setenv("HOOKWHEEL_TIMEOUT", "soon")
	if r := runCommand(t, "", "stats", completionFlag); r != (result{}) {
		t.Errorf("got %+v, want nothing", r)
	}
}

func TestNearest(t *testing.T) {
	for _, test := range []struct{ name, want string }{
		{"sned", "send"}, {"lisen", "listen"}, {"endpoints", "endpoint"}, {"bogus", ""}, {"", ""},
	} {
		if got := nearest(test.name, []string{"send", "listen", "endpoint", "key"}); got != test.want {
			t.Errorf("nearest(%q): got %q, want %q", test.name, got, test.want)
		}
	}
}
