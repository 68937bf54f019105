package main

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	alertPattern  = regexp.MustCompile(`(?m)^ +- alert: (\w+)$`)
	metricPattern = regexp.MustCompile(`\b(?:hookwheel|process)_[a-z0-9_]+`)
)

// The rules are valid, every metric that they and the runbook name is one that
// the server writes, and the runbook has a section for each alert and for
// nothing else. Its links lead somewhere.
func TestAlerts(t *testing.T) {
	rules, runbook := readText(t, "alerts.yml"), readText(t, "RUNBOOK.md")
	t.Run("promtool", func(t *testing.T) {
		promtool, err := exec.LookPath("promtool")
		if err != nil {
			t.Skip("promtool is not installed (Debian: prometheus)")
		}
		if out, err := exec.CommandContext(t.Context(), promtool, "check", "rules", "alerts.yml").CombinedOutput(); err != nil {
			t.Errorf("promtool check rules: %v\n%s", err, out)
		}
	})

	a := newAuthority(t)
	a.issue(time.Now().Add(time.Hour))
	s := startServe(t, t.TempDir(), freeAddress(t), a.flags()...)
	_, _, scrape := a.get(a.client(), "https://"+s.address+"/metrics")
	for _, name := range slices.Compact(slices.Sorted(slices.Values(metricPattern.FindAllString(rules+runbook, -1)))) {
		if family := strings.TrimSuffix(name, "_bucket"); !strings.Contains(scrape, "\n# TYPE "+family+" ") {
			t.Errorf("%s: the server has no such metric", name)
		}
	}

	var alerts []string
	for _, match := range alertPattern.FindAllStringSubmatch(rules, -1) {
		alerts = append(alerts, match[1])
		if !strings.Contains(runbook, "\n## "+match[1]+"\n") {
			t.Errorf("%s: the runbook does not say what to do", match[1])
		}
	}
	if len(alerts) < 10 {
		t.Errorf("got %d alerts, want them found", len(alerts))
	}
	for _, match := range regexp.MustCompile(`(?m)^## (Hookwheel\w+)$`).FindAllStringSubmatch(runbook, -1) {
		if !slices.Contains(alerts, match[1]) {
			t.Errorf("%s: the runbook is about an alert that there is not", match[1])
		}
	}
	for _, link := range regexp.MustCompile(`\]\(#([a-z-]+)\)`).FindAllStringSubmatch(runbook, -1) {
		found := slices.ContainsFunc(strings.Split(runbook, "\n"), func(line string) bool {
			title, is := strings.CutPrefix(line, "## ")
			return is && strings.ToLower(strings.ReplaceAll(title, " ", "-")) == link[1]
		})
		if !found {
			t.Errorf("#%s: leads nowhere", link[1])
		}
	}
	flags := readText(t, "../internal/command/testdata/help/hookwheel-serve.txt")
	for _, name := range regexp.MustCompile("`(--[a-z-]+)").FindAllStringSubmatch(runbook, -1) {
		if !strings.Contains(flags, "\n  "+name[1]) {
			t.Errorf("%s: serve has no such flag", name[1])
		}
	}
}

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
