package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Whatever an operator can meet at a start says what to do. Each store is a copy
// of one that has events.
func TestStartSaysWhatToDo(t *testing.T) {
	origin, address := filepath.Join(t.TempDir(), "data"), freeAddress(t)
	s := startServe(t, origin, address)
	for range 200 {
		s.want(http.StatusAccepted, "POST", "/v1/events", `{"type":"e2e.refuse","data":"`+strings.Repeat("x", 100)+`"}`)
	}
	s.end(syscall.SIGTERM) // the log is not flushed by that
	authority := newAuthority(t)
	authority.issue(time.Now().Add(time.Hour))
	cert, key := authority.path("cert.pem"), authority.path("key.pem")

	for _, test := range []struct {
		name  string
		fault func(t *testing.T, dir string)
		flags string
		want  string // both parts of it, around the "|": what is wrong and what to do
	}{
		{name: "a newer format", fault: replaceText("format", `"format":1`, `"format":9`), want: "written by a newer version|use that version"},
		{name: "a damaged format file", fault: rewrite("format", "{"), want: "the format file is damaged|from a backup"},
		{name: "an unfinished backup", fault: remove("format"), want: "an interrupted backup left|use another backup"},
		{name: "no master key", fault: remove("master.key"), want: "does not exist|name it with --master-key-file"},
		{name: "a damaged master key", fault: rewrite("master.key", "garbage"), want: "not base64|put the key file back"},
		{name: "another master key", fault: rewrite("master.key", strings.Repeat("A", 43)+"=\n"), want: "sealed with another one|give the key file that was in use"},
		{name: "another number of partitions", flags: "--partitions 3", want: "cannot be changed|leave the setting out"},
		{name: "a lost tail", fault: halve(".log"), want: "the end of the log is missing|--accept-data-loss"},
		{name: "a damaged log", fault: flip(".log"), want: "|hookwheel restore takes a backup"},
		{name: "a damaged manifest", fault: flip("MANIFEST"), want: "|hookwheel restore takes a backup"},
		{name: "no manifest", fault: remove("db/MANIFEST-000001"), want: "MANIFEST|hookwheel restore takes a backup"},
		{name: "an address of another machine", flags: "--listen 192.0.2.1:8420", want: "not an address of this machine|see --listen"},
		{name: "one address for both", flags: "--listen " + address + " --admin-listen " + address, want: "another program has that address|with --admin-listen"},
		{name: "a data directory that is a file", flags: "--data-dir /etc/passwd", want: "not a directory|see --data-dir"},
		{name: "a data directory that cannot be made", flags: "--data-dir /proc/hookwheel", want: "/proc/hookwheel|see --data-dir"},
		{name: "no certificate", flags: "--tls-cert /nope --tls-key " + key, want: "no such file|see --tls-cert"},
		{name: "a certificate that is none", flags: "--tls-cert " + key + " --tls-key " + key, want: "certificate|see --tls-cert"},
		{name: "a key that is none", flags: "--tls-cert " + cert + " --tls-key " + cert, want: "key|see --tls-cert"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			copyStore(t, origin, dir)
			if test.fault != nil {
				test.fault(t, dir)
			}
			args := []string{"serve", "--data-dir", dir, "--listen", "127.0.0.1:0"}
			code, _, errs := run(t, append(args, strings.Fields(test.flags)...)...)
			wrong, remedy, _ := strings.Cut(test.want, "|")
			if code != 1 || !strings.Contains(errs, wrong) || !strings.Contains(errs, remedy) {
				t.Errorf("got exit code %d, %s\nwant 1, %q and %q", code, errs, wrong, remedy)
			}
		})
	}
	t.Run("too few descriptors", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		copyStore(t, origin, dir)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		out, err := exec.CommandContext(ctx, "sh", "-c", "ulimit -n 300; exec "+binary+" serve --listen 127.0.0.1:0 --data-dir "+dir).CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 || !strings.Contains(string(out), "ulimit -n, LimitNOFILE") {
			t.Errorf("got %v, %s, want exit code 1 and how to raise the limit", err, out)
		}
	})
	t.Run("a lost tail that is accepted", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		copyStore(t, origin, dir)
		halve(".log")(t, dir)
		startServe(t, dir, address, "--accept-data-loss").end(syscall.SIGTERM)
		startServe(t, dir, address).end(syscall.SIGTERM) // once is enough
	})
}

// copyStore copies a store that nobody has open.
func copyStore(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func rewrite(name, text string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func replaceText(name, old, text string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		before, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !strings.Contains(string(before), old) {
			t.Fatalf("%s: got %s, %v, want %s in it", name, before, err, old)
		}
		rewrite(name, strings.Replace(string(before), old, text, 1))(t, dir)
	}
}

func remove(name string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

// newest is the largest of the files of Pebble whose names contain part: of
// several, the one in use.
func newest(t *testing.T, dir, part string) (name string, content []byte) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "db", "*"+part+"*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, candidate := range all {
		text, err := os.ReadFile(candidate)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.TrimRight(text, "\x00") // space that was taken ahead
		if len(text) > len(content) {
			name, content = candidate, text
		}
	}
	if name == "" {
		t.Fatalf("no %s in %s", part, dir)
	}
	return name, content
}

// halve cuts a file off in the middle, as a copy that was broken off does.
func halve(part string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		name, content := newest(t, dir, part)
		if err := os.Truncate(name, int64(len(content)/2)); err != nil {
			t.Fatal(err)
		}
	}
}

// flip changes a bit in the middle of a file.
func flip(part string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		name, content := newest(t, dir, part)
		content[len(content)/2] ^= 1
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
