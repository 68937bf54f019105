package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A backup of a server at work, restored, is a server that has everything that
// was accepted before.
func TestBackup(t *testing.T) {
	root, address := t.TempDir(), freeAddress(t)
	data, backups, restored := filepath.Join(root, "data"), filepath.Join(root, "backups"), filepath.Join(root, "restored")
	s := startServe(t, data, address, "--backup-dir", backups)
	to := newSink(t, 0)
	createEndpoint(s, to)
	p := startProducer(t, s)
	p.await(t, 500)
	p.mu.Lock()
	before := p.mu.accepted[:len(p.mu.accepted):len(p.mu.accepted)]
	p.mu.Unlock()
	local := []string{"--url", "http://" + address, "--data-dir", data}
	if code, out, errs := run(t, append(append([]string{"backup"}, local...), "nightly/1")...); code != 0 || !strings.Contains(out, "backup made in "+filepath.Join(backups, "nightly/1")) {
		t.Fatalf("backup: got %d %s%s", code, out, errs)
	}
	noted := s.want(http.StatusOK, "GET", "/v1/audit?object=nightly/1", "")["data"].([]any)
	if len(noted) != 1 || noted[0].(map[string]any)["object_type"] != "backup" || noted[0].(map[string]any)["actor"] != "key_admin" {
		t.Errorf("audit of the backup: got %v, want one entry by the admin key", noted)
	}
	for path, want := range map[string]int{"nightly/1": http.StatusConflict, "../out": http.StatusBadRequest, "/tmp/out": http.StatusBadRequest, "": http.StatusBadRequest} {
		s.want(want, "POST", "/v1/backups", `{"path":"`+path+`"}`)
	}
	accepted := p.end()
	to.await(t, accepted, 30*time.Second)

	code, _, errs := run(t, "check", data)
	if code != 1 || !strings.Contains(errs, "in use by another process") {
		t.Errorf("check of a store in use: got %d %s, want it refused", code, errs)
	}
	s.end(syscall.SIGTERM)
	for _, test := range []struct {
		dir   string
		least int
		exact bool
	}{{filepath.Join(backups, "nightly/1"), len(before), false}, {data, len(accepted), true}} {
		code, out, errs := run(t, "check", "--json", test.dir)
		var report struct {
			Events     int
			Endpoints  int
			Deliveries map[string]int
		}
		if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 {
			t.Fatalf("check %s: got %d %s%s", test.dir, code, out, errs)
		}
		if report.Events < test.least || test.exact && report.Events != test.least || report.Endpoints != 1 || report.Deliveries["succeeded"]+report.Deliveries["pending"] != report.Events {
			t.Errorf("check %s: got %+v, want %d events at least, each delivered or owed to one endpoint", test.dir, report, test.least)
		}
	}

	restore := []string{"restore", "--data-dir", restored, filepath.Join(backups, "nightly/1")}
	if code, out, errs := run(t, restore...); code != 0 || !strings.Contains(out, "master.key") {
		t.Fatalf("restore: got %d %s%s, want it done and a word about the master key", code, out, errs)
	}
	if code, _, errs := run(t, restore...); code != 1 || !strings.Contains(errs, "nothing is overwritten") {
		t.Errorf("restore again: got %d %s, want it refused", code, errs)
	}
	again := startServe(t, restored, address, "--master-key-file", filepath.Join(data, "master.key"), "--admin-key", p.key)
	for _, id := range []string{before[0], before[len(before)/2], before[len(before)-1]} {
		again.want(http.StatusOK, "GET", "/v1/events/"+id, "")
	}
}

// Damage is found, whatever is damaged, and nothing is changed by looking.
func TestCheckFindsDamage(t *testing.T) {
	data, address := filepath.Join(t.TempDir(), "data"), freeAddress(t)
	s := startServe(t, data, address)
	p := startProducer(t, s)
	p.await(t, 300)
	p.end()
	s.end(syscall.SIGTERM)
	early := filepath.Join(t.TempDir(), "early") // everything is still in the WAL
	if err := os.CopyFS(early, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	startServe(t, data, address).end(syscall.SIGTERM) // which writes a table out of the WAL
	before := listing(t, data)
	if code, out, errs := run(t, "check", data); code != 0 || !strings.Contains(out, "whole and complete") {
		t.Fatalf("check: got %d %s%s, want it whole", code, out, errs)
	}
	if after := listing(t, data); after != before {
		t.Errorf("check: files before\n%s\nand after\n%s", before, after)
	}
	damage := func(data, suffix string, spoil func([]byte) []byte, want string) {
		t.Helper()
		broken := filepath.Join(t.TempDir(), "broken")
		if err := os.CopyFS(broken, os.DirFS(data)); err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(broken, "*"+suffix))
		inner, err2 := filepath.Glob(filepath.Join(broken, "db", "*"+suffix))
		if files = append(files, inner...); err != nil || err2 != nil || len(files) == 0 {
			t.Fatalf("no files *%s: %v, %v", suffix, err, err2)
		}
		for _, name := range files {
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, spoil(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if code, out, errs := run(t, "check", broken); code != 1 || !strings.Contains(errs, want) {
			t.Errorf("%s: got %d %s%s, want exit code 1 and %q", suffix, code, out, errs, want)
		}
	}
	flip := func(b []byte) []byte {
		if len(b) > 0 {
			b[len(b)/4] ^= 1
		}
		return b
	}
	damage(data, ".sst", flip, "damaged")
	damage(data, "format", func([]byte) []byte { return []byte(`{"format":99}`) }, "newer version")
	damage(early, ".log", func([]byte) []byte { return nil }, "the end of the log is missing")
	code, _, errs := run(t, "check", t.TempDir())
	if code != 1 || !strings.Contains(errs, "neither a data directory nor a backup") {
		t.Errorf("an empty directory: got %d %s, want it refused", code, errs)
	}
}

// listing is every file below a directory with its size and its time.
func listing(t *testing.T, dir string) string {
	t.Helper()
	var list strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == "lock" { // which is taken
			return err
		}
		info, err := entry.Info()
		if err == nil {
			list.WriteString(path + " " + info.ModTime().String() + "\n")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list.String()
}
