package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What the README says to type with curl works as it stands there, in that
// order, against a server that was just made.
func TestReadmeCurl(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := startServe(t, filepath.Join(dir, "hookwheel-data"), freeAddress(t))
	commands := regexp.MustCompile("(?s)\n```sh\n(.*?)```\n")
	script := "set -euo pipefail\ncurl() { command curl --fail-with-body \"$@\"; echo; }\n"
	blocks := 0
	for _, block := range commands.FindAllStringSubmatch(string(readme), -1) {
		if strings.Contains(block[1], "curl ") || strings.HasPrefix(block[1], "HOST=") {
			script += strings.ReplaceAll(block[1], "127.0.0.1:8420", s.address)
			blocks++
		}
	}
	if blocks < 9 {
		t.Errorf("README: got %d blocks of commands with curl, want the quick start and one for each API", blocks)
	}
	shell := exec.CommandContext(t.Context(), "bash", "-c", script)
	shell.Dir = dir
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("README: %v, after\n%s", err, out)
	}
	for _, want := range []string{
		`"secret":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"`, // of the quick start
		`"reason":"owed"`,
		`"accepted":2`,
		`{"action":"triggered","eventId":"evt_`,
		`"object":"v2.core.event_destination"`,
		`"next_page_url":"/v2/core/event_destinations?limit=1&page=`,
		`"secret_last_4_digits":"mine"`,
		`"retried":0`,
		`"plaintext_secret":"whsec_`,
		`"health":"healthy"`,
		`"principal":`,
		`"results":[{`,
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("answers: %s is missing in\n%s", want, out)
		}
	}
}
