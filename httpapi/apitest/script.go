package apitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// A script is a list of steps, each of them a request and its answer:
//
//	# A comment belongs to the step that follows.
//	> POST /v1/endpoints
//	> Authorization: Bearer reader
//	{"url": "https://example.com/"}
//	< 403
//	< Content-Type: application/problem+json
//	{
//	  "detail": …
//	}
//
// A request without an Authorization header uses the key acme; "> Authorization:"
// sends none. Of the answer's headers only those in shownHeaders are written.
// What differs from run to run is replaced by a name: an id, key or secret by
// $ and its prefix with a number, such as $evt1, times by $time, cursors by
// $cursor1, versions by $version1, signatures by $signature, and durations by 0.
// A later request may use the names. In its headers $sign(SECRET) is a signature of the body,
// see sign.
//
// Before a request, a line "! settle" waits until all that is owed has been
// attempted.
type step struct {
	comment []string
	settle  bool
	method  string
	target  string
	header  [][2]string
	body    string

	// What the script says of the answer.
	status       string
	answerHeader [][2]string
	answer       string
}

var shownHeaders = []string{"Content-Type", "Allow", "Cache-Control", "Etag", "Idempotent-Replayed", "Location", "Retry-After", "Stripe-Should-Retry", "Stripe-Version", "Www-Authenticate"}

// Side is the server's side of a script: a client that reaches it, and a way to
// wait until it has sent what it owes.
type Side struct {
	Client *http.Client
	Settle func()
}

// Run runs every script of a directory and compares what it gets with what they
// say, or, with update, rewrites them.
func Run(t *testing.T, dir string, update bool, start func(t *testing.T) Side) {
	for _, path := range scripts(t, dir) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, start(t), parse(t, string(want)))
			if update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			compare(t, path, got, string(want))
		})
	}
}

// scripts lists the scripts of a directory.
func scripts(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	paths = slices.DeleteFunc(paths, func(path string) bool { return filepath.Base(path) == fieldsFile })
	if err != nil || len(paths) == 0 {
		t.Fatalf("scripts of %s: found %d, %v", dir, len(paths), err)
	}
	return paths
}

// compare reports the first line that differs: the rest follows from it.
func compare(t *testing.T, path, got, want string) {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b || (i < len(g)) != (i < len(w)) {
			from := max(0, i-12)
			t.Errorf("%s:%d:\n got  %s\n want %s\nafter\n%s", path, i+1, a, b, strings.Join(g[from:i], "\n"))
			return
		}
	}
}

func parse(t *testing.T, text string) []step {
	t.Helper()
	var steps []step
	var comment []string
	var body *string // what a line that is nothing else belongs to
	settle, inRequest := false, false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		request, isRequest := strings.CutPrefix(line, "> ")
		answer, isAnswer := strings.CutPrefix(line, "< ")
		switch {
		case isRequest && !inRequest:
			method, target, ok := strings.Cut(request, " ")
			if !ok {
				t.Fatalf("line %q: expected a method and a target", line)
			}
			steps = append(steps, step{comment: comment, settle: settle, method: method, target: target})
			comment, settle, inRequest = nil, false, true
			body = &steps[len(steps)-1].body
		case isRequest:
			s := &steps[len(steps)-1]
			s.header = append(s.header, headerLine(request))
		case isAnswer && inRequest:
			s := &steps[len(steps)-1]
			s.status, inRequest, body = answer, false, &s.answer
		case isAnswer:
			s := &steps[len(steps)-1]
			s.answerHeader = append(s.answerHeader, headerLine(answer))
		case line == "! settle":
			settle = true
		case strings.HasPrefix(line, "#") && !inRequest:
			comment = append(comment, line)
		case body != nil:
			*body += line + "\n"
		}
	}
	return steps
}

func headerLine(line string) [2]string {
	name, value, _ := strings.Cut(line, ":")
	return [2]string{name, strings.TrimSpace(value)}
}

// player replaces what differs from run to run.
type player struct {
	names  map[string]string // by value
	values map[string]string // by name
	counts map[string]int
}

func play(t *testing.T, side Side, steps []step) string {
	t.Helper()
	p := player{names: map[string]string{}, values: map[string]string{}, counts: map[string]int{}}
	var out strings.Builder
	for i, s := range steps {
		if i > 0 {
			out.WriteString("\n")
		}
		for _, line := range s.comment {
			out.WriteString(line + "\n")
		}
		if s.settle {
			out.WriteString("! settle\n")
			side.Settle()
		}
		nextMillisecond()
		fmt.Fprintf(&out, "> %s %s\n", s.method, s.target)
		for _, h := range s.header {
			out.WriteString(strings.TrimRight(fmt.Sprintf("> %s: %s", h[0], h[1]), " ") + "\n")
		}
		out.WriteString(s.body)
		out.WriteString(p.answer(t, side.Client, s))
	}
	return out.String()
}

// nextMillisecond returns when it begins: ids of the same one have no order.
func nextMillisecond() {
	for now := time.Now().UnixMilli(); time.Now().UnixMilli() == now; {
		runtime.Gosched()
	}
}

func (p *player) answer(t *testing.T, client *http.Client, s step) string {
	t.Helper()
	body := strings.TrimSuffix(p.fill(s.body), "\n")
	request, err := http.NewRequestWithContext(t.Context(), s.method, "http://hookwheel.test"+p.fill(s.target), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer acme")
	for _, h := range s.header {
		if h[1] == "" {
			request.Header.Del(h[0])
		} else {
			request.Header.Set(h[0], sign(p.fill(h[1]), body))
		}
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", s.method, s.target, err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", s.method, s.target, err)
	}
	var out strings.Builder
	fmt.Fprintf(&out, "< %d\n", response.StatusCode)
	for _, name := range shownHeaders {
		if value := response.Header.Get(name); value != "" {
			fmt.Fprintf(&out, "< %s: %s\n", name, value)
		}
	}
	out.WriteString(indent(content))
	return p.name(out.String())
}

// indent writes JSON over several lines, and other text as it is.
func indent(content []byte) string {
	var b bytes.Buffer
	if len(content) == 0 {
		return ""
	}
	if json.Indent(&b, content, "", "  ") != nil {
		b.Reset()
		b.Write(content)
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

var (
	variable = regexp.MustCompile(`\$[a-z]+[0-9]+`)
	passing  = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.(?:\d{3}){1,2}Z` +
		`|\b(evt|ed|dlv|rpl|key|client|org|sec|req|hw)_((?:test|live|admin|secret)_)?[0-9A-Za-z]{20,}` +
		`|(_cursor": "|[?&]page=)([0-9A-Za-z_-]{39,})` +
		`|"[0-9a-f]{16}"` +
		`|"(hw_(?:test|live|admin)_[0-9a-z]{4})"` +
		`|(last4": "|last_4_digits": "|"\*{4})([^"]+)` +
		`|\b(whsec|whsk)_[0-9A-Za-z+/=]{20,}` +
		`|\bt=\d+(?:,v1=[0-9a-f]{64})+|\bv1,[0-9A-Za-z+/]{43}=` +
		`|\beyJ[\w-]+\.[\w-]+\.[\w-]+` +
		`|("duration_ms": )\d+`)
)

// fill puts the values of this run in the place of names.
func (p *player) fill(text string) string {
	return variable.ReplaceAllStringFunc(text, func(name string) string {
		if value, ok := p.values[name]; ok {
			return value
		}
		return name
	})
}

// name puts names in the place of values of this run.
func (p *player) name(text string) string {
	return passing.ReplaceAllStringFunc(text, func(value string) string {
		part := passing.FindStringSubmatch(value)
		switch {
		case part[1] != "":
			return p.nameOf(part[1], value)
		case part[3] != "":
			return part[3] + p.nameOf("cursor", part[4])
		case part[5] != "":
			return `"` + p.nameOf("prefix", part[5]) + `"`
		case part[6] != "":
			return part[6] + p.nameOf("last", part[7])
		case part[8] != "":
			return p.nameOf(part[8], value)
		case part[9] != "":
			return part[9] + "0"
		case strings.HasPrefix(value, "t=") || strings.HasPrefix(value, "v1,"):
			return "$signature"
		case strings.HasPrefix(value, "eyJ"):
			return p.nameOf("token", value)
		case value[0] == '"':
			return `"` + p.nameOf("version", strings.Trim(value, `"`)) + `"`
		}
		return "$time"
	})
}

func (p *player) nameOf(kind, value string) string {
	if name, ok := p.names[value]; ok {
		return name
	}
	p.counts[kind]++
	name := fmt.Sprintf("$%s%d", kind, p.counts[kind])
	p.names[value], p.values[name] = name, value
	return name
}
