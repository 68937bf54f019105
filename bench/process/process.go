// Package process runs the programs that a benchmark or a proof is made of:
// children that end with their parent, can be asked to end and killed, say how
// they ended with their last words, and can be measured.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/hookwheel/hookwheel/bench/measure"
)

const (
	stopGrace = 45 * time.Second // for a process to end after it was asked to; an engine drains for up to 30 s
	tailSize  = 2 << 10
)

// Command says what to run.
type Command struct {
	Name string // for messages
	Path string
	Args []string
	Env  []string  // added to this process's
	Out  io.Writer // gets standard output; nil = nobody; a pipe is closed when the process ends
	Err  io.Writer // gets standard error, whose end is kept in any case; nil = nobody
}

// Process is a child of this one. It is killed when the context it was started
// with ends.
type Process struct {
	In io.WriteCloser // its standard input, a pipe: children of this module end when it closes

	name   string
	cmd    *exec.Cmd
	said   tail          // its standard error
	done   chan struct{} // closed when it has ended
	failed error         // how it ended, nil for exit status 0; read only after done
}

// Start runs a program.
func Start(ctx context.Context, c Command) (*Process, error) {
	p := &Process{name: c.Name, cmd: exec.CommandContext(ctx, c.Path, c.Args...), done: make(chan struct{})}
	p.cmd.WaitDelay = time.Second
	p.cmd.Env = append(os.Environ(), c.Env...)
	p.cmd.Stdout, p.cmd.Stderr = c.Out, &p.said
	if c.Err != nil {
		p.cmd.Stderr = io.MultiWriter(&p.said, c.Err)
	}
	var err error
	if p.In, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	go func() {
		p.failed = p.cmd.Wait()
		if pipe, ok := c.Out.(*io.PipeWriter); ok {
			_ = pipe.Close() // never fails
		}
		close(p.done)
	}()
	return p, nil
}

// PID is its process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when it has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// ReadyTimeout is how long a process may take to get ready.
const ReadyTimeout = time.Minute

// AwaitReady asks every few milliseconds until the process is ready. The error
// says so if it has ended instead, or takes longer than ReadyTimeout.
func (p *Process) AwaitReady(ctx context.Context, ready func(context.Context) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, ReadyTimeout, fmt.Errorf("%s is not ready after %v", p.name, ReadyTimeout))
	defer cancel()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for !ready(ctx) {
		select {
		case <-poll.C:
		case <-p.done:
			return errors.Join(fmt.Errorf("%s ended instead of getting ready", p.name), p.Wait())
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// Usage is what the process has used up so far.
func (p *Process) Usage() (measure.Usage, error) {
	return measure.ProcessUsage(p.cmd.Process.Pid)
}

// Wait waits for the process to end and returns how, with its last words.
func (p *Process) Wait() error {
	<-p.done
	if p.failed == nil {
		return nil
	}
	return fmt.Errorf("%s ended with %w: %s", p.name, p.failed, p.said.String())
}

// Terminate asks the process to end, and kills it when it does not.
func (p *Process) Terminate() error {
	p.In.Close()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return p.Wait() // it has ended already
	}
	timer := time.AfterFunc(stopGrace, p.Kill)
	defer timer.Stop()
	return p.Wait()
}

// Kill ends the process at once and waits until it is gone. To kill one that
// has ended does nothing.
func (p *Process) Kill() {
	p.In.Close()
	_ = p.cmd.Process.Kill() // fails only when it has ended
	<-p.done
}

// Freeze stops the process where it is, for good: it can only be killed after
// that. When Freeze returns, no thread of it will say anything any more; what
// the kernel is doing for one goes on.
func (p *Process) Freeze() error {
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.PID()))
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(threads, running) {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
}

// running tells whether a thread still comes back to its program: it is neither
// stopped nor, uninterruptibly, in the kernel, from where it gets no further
// than to the stop.
func running(stat string) bool {
	text, err := os.ReadFile(stat)
	_, state, found := bytes.Cut(text, []byte(") ")) // behind the name, which can hold anything but this
	return err == nil && found && !bytes.ContainsAny(state[:1], "TDZX")
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
