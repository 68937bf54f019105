package main

import (
	"bufio"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// GET /metrics of a server that has done a bit of everything: Prometheus finds
// nothing to object to, every family says what it is, and the number of series
// depends neither on endpoints nor on organizations, the worst few excepted.
func TestMetrics(t *testing.T) {
	s := startServe(t, t.TempDir(), freeAddress(t), "--breaker-failures", "2", "--breaker-after", "0s", "--retry-schedule", "50ms,1h")
	good, slow := newSink(t, 0), newSink(t, time.Millisecond)
	createEndpoint(s, good)
	createEndpoint(s, slow)
	s.want(http.StatusCreated, "POST", "/v1/endpoints", `{"url":"http://127.0.0.1:1/","name":"refuses connections"}`)
	paused := s.want(http.StatusCreated, "POST", "/v1/endpoints", `{"url":"http://127.0.0.1:1/"}`)["id"].(string)
	s.want(http.StatusOK, "POST", "/v1/endpoints/"+paused+"/pause", "")
	before := len(series(t, s.metrics(t)))
	var ids []string
	for range 50 {
		ids = append(ids, s.want(http.StatusAccepted, "POST", "/v1/events", `{"type":"e2e.metrics"}`)["id"].(string))
	}
	s.want(http.StatusAccepted, "POST", "/v1/events", `{"type":"e2e.metrics","id":"twice"}`)
	s.want(http.StatusOK, "POST", "/v1/events", `{"type":"e2e.metrics","id":"twice"}`)
	good.await(t, ids, 10*time.Second)
	slow.await(t, ids, 10*time.Second)
	text := s.metrics(t)

	t.Run("promtool", func(t *testing.T) {
		promtool, err := exec.LookPath("promtool")
		if err != nil {
			t.Skip("promtool is not installed (Debian: prometheus)")
		}
		check := exec.CommandContext(t.Context(), promtool, "check", "metrics")
		check.Stdin = strings.NewReader(text)
		if out, err := check.CombinedOutput(); err != nil || len(out) != 0 {
			t.Errorf("promtool check metrics: %v\n%s", err, out)
		}
	})

	families := checkFamilies(t, text)
	all := series(t, text)
	for name, labels := range all {
		family, _, _ := strings.Cut(name, "{")
		_, endpoint := labels["endpoint"]
		_, organization := labels["organization"]
		if worst := family == "hookwheel_worst_backlog_deliveries"; endpoint != worst || organization != worst {
			t.Errorf("%s: got labels %v, want endpoint and organization for the worst backlogs and for nothing else", name, labels)
		}
	}
	for name, want := range map[string]string{
		"hookwheel_events_accepted_total":  "51",
		"hookwheel_events_duplicate_total": "1",
		"hookwheel_endpoints":              "4",
		`hookwheel_lanes{state="paused"}`:  "1",
	} {
		if !strings.Contains(text, "\n"+name+" "+want+"\n") {
			t.Errorf("%s: got %q, want %s", name, regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(name)+` .*$`).FindString(text), want)
		}
	}
	for _, used := range []string{"attempts_in_flight", "live_payload_bytes", "log_pending_bytes", "outcomes_unwritten", "http_connections"} {
		for _, name := range []string{used, used + "_limit"} {
			if !strings.Contains(text, "\n# TYPE hookwheel_"+name+" gauge\n") {
				t.Errorf("hookwheel_%s: got none, want what is used and its bound side by side", name)
			}
		}
	}
	t.Logf("%d families, %d series, %d before anything was posted, %d bytes", families, len(all), before, len(text))
}

// metrics is what GET /metrics answers.
func (s *serve) metrics(t *testing.T) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.address+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("GET /metrics: got %s, %v", response.Status, err)
	}
	return string(text)
}

// checkFamilies checks that each family is written once, as a whole, after a
// line of help and one with its type. It returns how many there are.
func checkFamilies(t *testing.T, text string) (families int) {
	t.Helper()
	types := map[string]string{}
	var family, help string
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		switch fields := strings.SplitN(line, " ", 4); {
		case strings.HasPrefix(line, "# HELP "):
			family, help = fields[2], ""
			if len(fields) == 4 {
				help = fields[3]
			}
			if _, again := types[family]; again || help == "" || !strings.HasSuffix(help, ".") {
				t.Errorf("%s: got help %q, second time %v, want one sentence, once", family, help, again)
			}
		case strings.HasPrefix(line, "# TYPE "):
			if fields[2] != family {
				t.Errorf("%s: got a type and no help", fields[2])
			}
			types[family] = fields[3]
		default:
			name, _, _ := strings.Cut(fields[0], "{")
			if types[family] == "histogram" || types[family] == "summary" {
				for _, suffix := range []string{"_bucket", "_sum", "_count"} {
					name = strings.TrimSuffix(name, suffix)
				}
			}
			if name != family {
				t.Errorf("%s: got it within family %q, want it within its own", line, family)
			}
		}
	}
	return len(types)
}

var (
	samplePattern = regexp.MustCompile(`(?m)^([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{(.*)\})?) \S+$`)
	labelPattern  = regexp.MustCompile(`([a-z_]+)="((?:[^"\\]|\\.)*)"`)
)

// series are the names of all samples with their labels.
func series(t *testing.T, text string) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	for _, sample := range samplePattern.FindAllStringSubmatch(text, -1) {
		labels := map[string]string{}
		for _, label := range labelPattern.FindAllStringSubmatch(sample[2], -1) {
			labels[label[1]] = label[2]
		}
		all[sample[1]] = labels
	}
	if samples := strings.Count(text, "\n") - strings.Count("\n"+text, "\n# "); len(all) != samples {
		t.Errorf("series: got %d different ones in %d lines", len(all), samples)
	}
	return all
}
