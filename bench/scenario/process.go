package scenario

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/hookwheel/hookwheel/bench/measure"
)

const (
	stopGrace = 45 * time.Second // for a process to end after it was asked to; an engine drains for up to 30 s
	tailSize  = 2 << 10
)

// process is a child of the runner. It is killed when the context it was
// started with ends.
type process struct {
	name   string
	cmd    *exec.Cmd
	in     io.WriteCloser // its standard input, a pipe: children of this module end when it closes
	said   tail           // its standard error
	done   chan struct{}  // closed when it has ended
	failed error          // how it ended, nil for exit status 0; read only after done
}

// startProcess runs a program. Its standard output goes to out, which may be
// nil; when that is an io.PipeWriter, it is closed when the process ends.
func startProcess(ctx context.Context, name string, out io.Writer, path string, args ...string) (*process, error) {
	p := &process{name: name, cmd: exec.CommandContext(ctx, path, args...), done: make(chan struct{})}
	p.cmd.WaitDelay = time.Second
	p.cmd.Stderr = &p.said
	p.cmd.Stdout = out
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		p.failed = p.cmd.Wait()
		if pipe, ok := out.(*io.PipeWriter); ok {
			_ = pipe.Close() // never fails
		}
		close(p.done)
	}()
	return p, nil
}

// usage is what the process has used up so far.
func (p *process) usage() (measure.Usage, error) {
	return measure.ProcessUsage(p.cmd.Process.Pid)
}

// wait waits for the process to end and returns how, with its last words.
func (p *process) wait() error {
	<-p.done
	if p.failed == nil {
		return nil
	}
	return fmt.Errorf("%s ended with %w: %s", p.name, p.failed, p.said.String())
}

// terminate asks the process to end, and kills it when it does not.
func (p *process) terminate() error {
	p.in.Close()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return p.wait() // it has ended already
	}
	timer := time.AfterFunc(stopGrace, p.kill)
	defer timer.Stop()
	return p.wait()
}

// kill ends the process at once and waits until it is gone. To kill one that
// has ended does nothing.
func (p *process) kill() {
	p.in.Close()
	_ = p.cmd.Process.Kill() // fails only when it has ended
	<-p.done
}

// tail keeps the last bytes written to it. Safe for concurrent use.
type tail struct {
	mu   sync.Mutex
	last []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, b...)
	if excess := len(t.last) - tailSize; excess > 0 {
		t.last = append(t.last[:0], t.last[excess:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.last)
}
