package main

import (
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A server understands what the verbs of the command line ask of it, with all
// their flags. A word in braces is the id that the step of that name made.
func TestVerbs(t *testing.T) {
	s := startServe(t, filepath.Join(t.TempDir(), "data"), freeAddress(t), "--backup-dir", t.TempDir())
	var made []string
	for _, step := range []struct{ name, words string }{
		{"endpoint", "endpoint create --name n --description d --edition-id e --types a.*,b --events-from @self --format envelope --signatures standard,timestamped --header X-A:1 --metadata k=v --attempt-timeout 5s --retry-schedule 1h,1d --max-attempts 9 --rate-limit 1000 --rate-burst 5 --max-in-flight 3 --ordering none --disable-after 1d http://127.0.0.1:9/"},
		{"", "endpoint list --limit 1"},
		{"", "endpoint get {endpoint}"},
		{"", "endpoint update --name m --target http://127.0.0.1:9/b --unset description,timeout_ms {endpoint}"},
		{"", "endpoint pause {endpoint}"},
		{"", "endpoint resume {endpoint}"},
		{"", "endpoint disable {endpoint}"},
		{"", "endpoint enable {endpoint}"},
		{"", "endpoint rotate --grace 1h {endpoint}"},
		{"", "endpoint test --type a.b --data 1 {endpoint}"},
		{"event", "event list --type a.b --source test --endpoint {endpoint} --since 1h --until 0s --limit 1"},
		{"event", "send --account acct_1 --occurred-at 1h --id key a.b 1"},
		{"event", "send a.b 1"},
		{"", "event get {event}"},
		{"", "event explain --endpoint {endpoint} {event}"},
		{"", "event replay --endpoints {endpoint} {event}"},
		{"delivery", "delivery list --endpoint {endpoint} --event {event} --type a.b --since 1h --until 0s --limit 1"},
		{"", "delivery list --state failed"},
		{"", "delivery get {delivery}"},
		{"", "delivery retry {delivery}"},
		{"", "delivery cancel {delivery}"},
		{"replay", "replay create --endpoints {endpoint} --states failed,exhausted,canceled --types a.* --since 1h --until 0s --rate 5"},
		{"", "replay list --limit 1"},
		{"", "replay get {replay}"},
		{"", "stats"},
		{"", "key create --scopes events:write --expires 1h k"},
		{"key", "key list"},
		{"", "key revoke {key}"},
		{"", "client create --scopes events:read c"},
		{"client", "client list --limit 1"},
		{"", "client delete {client}"},
		{"", "connector set --signing-secrets whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
		{"", "connector get"},
		{"", "connector delete"},
		{"organization", "organization create --test o"},
		{"", "organization list --limit 1"},
		{"", "organization get {organization}"},
		{"", "stats --organization {organization}"},
		{"", "organization delete --yes {organization}"},
		{"", "audit --organization default --actor key_admin --object {endpoint} --since 1h --until 0s --limit 1"},
		{"", "backup b"},
		{"", "endpoint delete {endpoint}"},
	} {
		cmd := binaryCommand(t.Context(), strings.Fields(strings.NewReplacer(made...).Replace(step.words))...)
		cmd.Env = append(cmd.Env, "HOOKWHEEL_URL=http://"+s.address, "HOOKWHEEL_DATA_DIR="+s.dir)
		if step.name != "" {
			cmd.Env = append(cmd.Env, "HOOKWHEEL_JSON=true")
		}
		out, err := cmd.Output()
		if failed, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Errorf("%s: got %v: %s, want it done", cmd, err, failed.Stderr)
		}
		if step.name == "" {
			continue
		}
		var answer struct {
			ID     string `json:"id"`
			Client string `json:"client_id"`
		}
		if err := json.Unmarshal(out, &answer); err != nil || answer.ID+answer.Client == "" {
			t.Fatalf("%s: got %q, %v, want an object with an id", cmd, out, err)
		}
		made = append([]string{"{" + step.name + "}", answer.ID + answer.Client}, made...)
	}
}
