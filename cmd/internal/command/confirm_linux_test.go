package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newTerminal is a terminal: what a person types and sees, and what a program
// has as standard input and standard error.
func newTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	var n int
	connection, err := person.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = connection.Control(func(fd uintptr) {
		if err := unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err != nil {
			t.Errorf("unlock terminal: %v", err)
		}
		if n, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN); err != nil {
			t.Errorf("number of terminal: %v", err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close(); person.Close() })
	return person, program
}

// see reads what a terminal shows until it shows text.
func see(t *testing.T, person *os.File, text string) string {
	t.Helper()
	if err := person.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	for p := make([]byte, 4096); !strings.Contains(shown.String(), text); {
		n, err := person.Read(p)
		if err != nil {
			t.Fatalf("got %q and %v, want it to contain %q", shown.String(), err, text)
		}
		shown.Write(p[:n])
	}
	return shown.String()
}

// On a terminal an organization is deleted only once its id was typed, and what
// goes with it was shown.
func TestOrganizationDeleteAsks(t *testing.T) {
	const question = "Type org_1 to confirm: "
	for _, test := range []struct {
		typed string
		code  int
		shown string
	}{
		{"org_1\n", exitDone, question},
		{"yes\n", exitFailed, "not confirmed"},
		{"acme\n", exitFailed, "not confirmed"},
		{"\n", exitFailed, "not confirmed"},
		{"\x04", exitFailed, "not confirmed"}, // the end of what is typed
	} {
		a := serveAPI(t, func(r request, _ int) (int, string) {
			if r.path == "/v1/stats" && r.header.Get("Hookwheel-Organization") == "org_1" {
				return 200, `{"endpoints":12,"pending":345}`
			}
			return 200, `{"id":"org_1","name":"acme\u001b[2J"}`
		})
		person, program := newTerminal(t)
		if _, err := io.WriteString(person, test.typed); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if code := Main(t.Context(), "", []string{"hookwheel", "organization", "delete", "org_1"}, program, &out, program); code != test.code {
			t.Errorf("%q: exit code: got %d, want %d", test.typed, code, test.code)
		}
		shown := see(t, person, test.shown)
		for _, want := range []string{"org_1, named \"acme", "12", "345"} {
			if !strings.Contains(shown, want) {
				t.Errorf("%q: got %q, want it to contain %q", test.typed, shown, want)
			}
		}
		if strings.Contains(shown, "\x1b") {
			t.Errorf("%q: got %q, want no controls of the server's", test.typed, shown)
		}
		deleted := a.requests[len(a.requests)-1].method == "DELETE"
		if want := test.code == exitDone; deleted != want || want != (out.String() == "deleted org_1\n") {
			t.Errorf("%q: got deleted %v and %q, want %v", test.typed, deleted, out.String(), want)
		}
	}
}

// A question that is not answered does not hold up the end.
func TestInterruptedQuestion(t *testing.T) {
	serveAPI(t, func(request, int) (int, string) { return 200, "{}" })
	person, program := newTerminal(t)
	ctx, cancel := context.WithCancel(t.Context())
	code := make(chan int)
	go func() {
		code <- Main(ctx, "", []string{"hookwheel", "organization", "delete", "org_1"}, program, io.Discard, program)
	}()
	see(t, person, "to confirm: ")
	cancel()
	if got := <-code; got != exitInterrupted {
		t.Errorf("exit code: got %d, want %d", got, exitInterrupted)
	}
}
