package command

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	vectorBody = `{"test": 2432232314}`
	vectorID   = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorSign = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

// The test vector of Standard Webhooks.
func TestSignVector(t *testing.T) {
	r := runCommand(t, vectorBody, "sign", "--secret", testSecret, "--id", vectorID, "--at", "2021-02-25T15:02:10Z", "-")
	r.want(t, exitDone, "webhook-id: "+vectorID+"\n", "")
	r.want(t, exitDone, "webhook-timestamp: 1614265330\n", "")
	r.want(t, exitDone, "webhook-signature: "+vectorSign+"\n", "")
}

func TestVerifyVector(t *testing.T) {
	path := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(path, []byte(vectorBody), 0o600); err != nil {
		t.Fatal(err)
	}
	args := func(extra ...string) []string {
		return append(append([]string{"verify", "--header", "webhook-id: " + vectorID, "--header", "webhook-timestamp: 1614265330",
			"--header", "webhook-signature: " + vectorSign}, extra...), path)
	}
	runCommand(t, "", args("--secret", testSecret, "--at", "2021-02-25T15:05:00Z")...).want(t, exitDone, "verified: standard\n", "")
	runCommand(t, "", args("--secret", testSecret, "--tolerance", "0")...).want(t, exitDone, "verified: standard\n", "")
	runCommand(t, "", args("--secret", testSecret)...).want(t, exitFailed, "", "not verified: standard: timestamp is too far from now")
	runCommand(t, "", args("--secret", "other", "--tolerance", "0")...).want(t, exitFailed, "", "no signature matches")
	runCommand(t, "", args("--secret", "other,"+testSecret, "--tolerance", "0")...).want(t, exitDone, "verified", "")
	runCommand(t, "", args("--secret", testSecret, "--scheme", "github")...).want(t, exitFailed, "", "X-Hub-Signature-256")
	r := runCommand(t, "", args("--secret", testSecret, "--json")...)
	var verdict map[string]any
	if err := json.Unmarshal([]byte(r.out), &verdict); err != nil || verdict["verified"] != false || r.code != exitFailed {
		t.Errorf("--json: got %q (%v), exit code %d, want an object that is not verified, and 1", r.out, err, r.code)
	}
}

// What sign prints, verify takes, for every scheme.
func TestSignVerify(t *testing.T) {
	for _, scheme := range schemeNames {
		r := runCommand(t, "body", "sign", "--secret", "s3cret", "--scheme", scheme, "--header-prefix", "X-Acme", "--json", "-")
		var headers map[string]string
		if err := json.Unmarshal([]byte(r.out), &headers); err != nil {
			t.Fatalf("%s: %v in %q", scheme, err, r.out)
		}
		args := []string{"verify", "--secret", "s3cret", "--header-prefix", "X-Acme"}
		for name, value := range headers {
			args = append(args, "--header", name+": "+value)
		}
		runCommand(t, "body", append(args, "-")...).want(t, exitDone, "verified: "+scheme, "")
		runCommand(t, "body", append(args, "--scheme", scheme, "-")...).want(t, exitDone, "verified: "+scheme, "")
		if scheme != "bearer" {
			runCommand(t, "Body", append(args, "-")...).want(t, exitFailed, "", "no signature matches")
		}
	}
}

func TestSignRefuses(t *testing.T) {
	runCommand(t, "", "sign", "--secret", "whsec_!", "-").want(t, exitUsage, "", "--secret: ")
	runCommand(t, "", "sign", "--secret", "s", "--id", "a b", "-").want(t, exitUsage, "", "only visible ASCII")
	runCommand(t, "", "sign", "--secret", "s", "/nonexistent").want(t, exitFailed, "", "no such file")
	runCommand(t, strings.Repeat("x", maxEventBytes+1), "sign", "--secret", "s", "-").want(t, exitFailed, "", "larger than 8MiB")
}
