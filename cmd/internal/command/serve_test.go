package command

import (
	"bytes"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/hookwheel/hookwheel/cmd/internal/demo"
	"github.com/hookwheel/hookwheel/cmd/internal/server"
)

// serveOptions are the options that serve makes of its flags.
func serveOptions(t *testing.T, args ...string) (server.Options, *serving) {
	t.Helper()
	var o serving
	var got server.Options
	f := flagsOf("")
	o.allFlags(f)
	app := &cli.App{
		Name: "serve", Flags: f.flags, ErrWriter: io.Discard,
		Action: func(c *cli.Context) (err error) {
			got, err = o.options(c)
			return err
		},
		OnUsageError:   func(_ *cli.Context, err error, _ bool) error { return err },
		ExitErrHandler: func(*cli.Context, error) {},
	}
	if err := app.Run(append([]string{"serve"}, args...)); err != nil {
		t.Fatalf("serve %v: %v", args, err)
	}
	got.Logger = nil
	return got, &o
}

// A flag that is offered has an effect: each changes what the server is given,
// but for those that serve itself heeds.
func TestEveryServeFlagCounts(t *testing.T) {
	changed := map[string]string{
		"listen": "127.0.0.1:1", "tls-cert": "cert --tls-key key", "tls-key": "key --tls-cert cert", "data-dir": "elsewhere", "dev": "",
		"max-event-size": "1KiB", "max-body-size": "1MiB", "max-connections": "5", "read-timeout": "1s", "idle-timeout": "1s",
		"api-rate-limit": "5", "api-rate-burst": "5 --api-rate-limit 5", "trusted-proxy": "10.0.0.0/8", "admin-key": "0123456789abcdef", "header-prefix": "X-Acme",
		"eventbridge-bus": "hooks", "eventbridge-source-prefix": "acme.example/hooks",
		"max-in-flight": "5", "endpoint-max-in-flight": "5", "attempt-timeout": "1s", "retry-schedule": "150ms,300ms", "retry-jitter": "0.1",
		"retry-after-max": "1m", "breaker-failures": "0", "breaker-after": "1s", "breaker-probe": "1s", "breaker-probe-max": "1m",
		"disable-after": "0", "live-memory": "1MiB", "shards": "3",
		"allow-http": "", "allow-private-networks": "", "allow-cidr": "10.1.0.0/16", "allow-port": "8443,9443", "egress-proxy": "http://proxy:3128",
		"sync": "100ms", "retention": "0", "retention-bytes": "1GiB", "audit-retention": "0", "partitions": "3", "append-timeout": "1s", "pending-bytes": "32MiB",
		"disk-reserve": "off", "cache-size": "1MiB", "memtable-size": "128MiB", "master-key-file": "key", "accept-data-loss": "",
		"backup-dir": "backups", "admin-listen": "127.0.0.1:6060", "pprof": "--admin-listen 127.0.0.1:6060",
	}
	own := []string{"shutdown-timeout", "log-format", "log-level"}
	base, _ := serveOptions(t)
	f := flagsOf("")
	new(serving).allFlags(f)
	for _, flag := range f.flags {
		name := flag.Names()[0]
		text, listed := changed[name]
		if !listed {
			if !strings.Contains(strings.Join(own, " "), name) {
				t.Errorf("--%s: this test does not know it", name)
			}
			continue
		}
		args := append([]string{"--" + name}, strings.Fields(text)...)
		if got, _ := serveOptions(t, args...); reflect.DeepEqual(got, base) {
			t.Errorf("%v: changes nothing", args)
		}
	}
}

func TestServeZeros(t *testing.T) {
	got, _ := serveOptions(t, "--disable-after", "0", "--retention", "0", "--breaker-failures", "0", "--retry-after-max", "0")
	e := got.Engine
	if e.Defaults.DisableAfter >= 0 || e.Retention >= 0 || e.Breaker.Failures != 0 || e.Breaker.Probe == 0 || e.Defaults.Retry.RetryAfterMax != 0 {
		t.Errorf("got %+v, want all four turned off", e)
	}
}

func TestDevOpensTargets(t *testing.T) {
	got, o := serveOptions(t, "--dev")
	p := got.Egress.Policy
	if !p.AllowHTTP || !p.AllowPrivate || !p.AnyPort || o.logFormat != formatHuman {
		t.Errorf("--dev: got %+v and log format %s", p, o.logFormat)
	}
	if _, o := serveOptions(t, "--dev", "--log-format", "json"); o.logFormat != "json" {
		t.Errorf("--dev --log-format json: got %s", o.logFormat)
	}
}

func TestServeValues(t *testing.T) {
	for _, test := range []struct{ kind, text, want string }{
		{"sync", "always", "always"}, {"sync", "never", "never"}, {"sync", "150ms", "150ms"}, {"sync", "11s", ""}, {"sync", "0s", ""},
		{"port", "any", "any"}, {"port", "8443", "8443"}, {"port", "0", ""}, {"port", "65536", ""}, {"port", "-1", ""},
		{"prefix", "10.1.2.3/8", "10.0.0.0/8"}, {"prefix", "::1", "::1/128"}, {"prefix", "10.0.0.1", "10.0.0.1/32"}, {"prefix", "host", ""},
		{"reserve", "auto", "auto"}, {"reserve", "off", "off"}, {"reserve", "2GiB", "2GiB"}, {"reserve", "0", ""}, {"reserve", "1024TiB", "1024TiB"}, {"reserve", "1025TiB", ""},
		{"delay", "1d", "1d"}, {"delay", "0s", ""}, {"delay", "31d", ""},
	} {
		got := ""
		switch test.kind {
		case "sync":
			if v, err := parseSync(test.text); err == nil {
				got = formatSync(v)
			}
		case "port":
			if v, err := parsePort(test.text); err == nil {
				got = formatPort(v)
			}
		case "prefix":
			if v, err := parsePrefix(test.text); err == nil {
				got = v.String()
			}
		case "reserve":
			if v, err := parseReserve(test.text); err == nil {
				got = formatReserve(v)
			}
		case "delay":
			if v, err := parseDelay(test.text); err == nil {
				got = formatDuration(v)
			}
		}
		if got != test.want {
			t.Errorf("%s %q: got %q, want %q (\"\" = refused)", test.kind, test.text, got, test.want)
		}
	}
}

func TestHumanLog(t *testing.T) {
	var b bytes.Buffer
	log := newLogger(&b, formatHuman, "info")
	log.Debug("not shown")
	log.With("a", 1).WithGroup("g").Warn("watch out", "b", "two words", "time", "kept")
	log.Info("plain \x1b[31m")
	lines := strings.Split(b.String(), "\n")
	if len(lines) != 3 {
		t.Fatalf("got %q, want two lines", b.String())
	}
	for i, want := range []string{`WARN  watch out a=1 g.b="two words" g.time=kept`, "INFO  plain \uFFFD[31m"} {
		at, rest, _ := strings.Cut(lines[i], " ")
		if _, err := time.Parse(time.TimeOnly, at); err != nil || rest != want {
			t.Errorf("got %q, want a time and %q", lines[i], want)
		}
	}
}

func TestLogFormats(t *testing.T) {
	for format, want := range map[string]string{"json": `"msg":"m","k":"v"`, "logfmt": "msg=m k=v", formatHuman: "INFO  m k=v"} {
		var b bytes.Buffer
		newLogger(&b, format, slog.LevelInfo.String()).Info("m", "k", "v")
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s: got %q, want it to contain %q", format, b.String(), want)
		}
	}
}

func TestPrintDemo(t *testing.T) {
	show := func(r demo.Report) string {
		var b bytes.Buffer
		r.Posting, r.Took = time.Second, 2*time.Second
		printDemo(&b, &r)
		return b.String()
	}
	good := demo.Receiver{Name: "healthy", Counts: true, Delivered: 10, Verified: 10, Attempts: 12, Retried: 2}
	if got := show(demo.Report{Accepted: 10, Receivers: []demo.Receiver{good, {Name: "hanging"}}}); !strings.Contains(got, "10 events accepted, 10 a second") ||
		!strings.Contains(got, "(owed)") || !strings.HasSuffix(got, "\nmissing: 0\n") {
		t.Errorf("got\n%s", got)
	}
	bad := good
	bad.Missing = 3
	if got := show(demo.Report{Accepted: 13, Receivers: []demo.Receiver{bad}}); !strings.HasSuffix(got, "\nmissing: 3, with bad signatures: 0, not recorded: 0\n") {
		t.Errorf("got\n%s", got)
	}
}

// What may be secret is not repeated by the error that refuses it.
func TestRefusedSecretsAreNotShown(t *testing.T) {
	for _, args := range [][]string{
		{"--admin-key", "hunter2"},
		{"--egress-proxy", "https://somebody:hunter2@proxy:3128"},
	} {
		var errs bytes.Buffer
		code := Main(t.Context(), "test", append([]string{"hookwheel", "serve"}, args...), nil, io.Discard, &errs)
		if code != exitUsage || strings.Contains(errs.String(), "hunter2") {
			t.Errorf("%s: got exit code %d, %s, want %d and not the secret", args[0], code, &errs, exitUsage)
		}
	}
}

func TestStrayVariables(t *testing.T) {
	environ := []string{
		"HOOKWHEEL_RETENTON=5d", "HOOKWHEEL_RETENTION=40d", "HOOKWHEEL_REPLAY_CREATE_RATE=1", "HOOKWHEEL_API_KEY=k",
		"HOOKWHEEL_PORT=tcp://10.0.0.1:8420", "HOOKWHEELS=4", "PATH=/bin",
	}
	got, want := strayVariables(newApp("test").Commands, environ), []string{"HOOKWHEEL_PORT", "HOOKWHEEL_RETENTON"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
