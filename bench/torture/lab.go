package torture

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hookwheel/hookwheel/bench/process"
	"github.com/hookwheel/hookwheel/bench/proof"
)

// The hidden commands of the hookwheel binary that the processes of a lab are;
// they call proof.RunProducer and proof.RunReceiver.
var (
	producerCommand = []string{"torture", "producer"}
	receiverCommand = []string{"torture", "receiver"}
)

// What servers of a lab are told, and the check is told that they were told.
// A scenario can add flags, but none of these.
var (
	retrySchedule = []time.Duration{200 * time.Millisecond, 400 * time.Millisecond, 800 * time.Millisecond, 800 * time.Millisecond, 800 * time.Millisecond, time.Second, time.Second}
	serveFlags    = []string{
		"--retry-schedule", "200ms,400ms,800ms,800ms,800ms,1s,1s",
		"--attempt-timeout", "3s",
		"--breaker-failures", "0",
		"--disk-reserve", "64MiB",
		"--partitions", "2",
	}
	rules = proof.Rules{
		Retry: retrySchedule, Jitter: 0.2, Timeout: 3 * time.Second,
		Unrecorded: 100 * time.Millisecond, Slack: 150 * time.Millisecond,
	}
)

// receiverHosts is on how many further addresses the receiver listens.
const receiverHosts = 2

// lab is a server with all that works for and against it, in one directory.
type lab struct {
	Options
	Dir       string
	Random    *rand.Rand
	Server    *server
	Admin     *proof.Admin
	API       *proof.API
	Rules     proof.Rules // to be changed by scenarios that make other promises
	Expires   bool        // in the end retention passes, and the disk is looked at
	Endpoints []*proof.Endpoint
	URL       string // of the receiver

	tries     int
	ledger    *proof.Ledger
	receiver  *process.Process
	producers []*process.Process
	base      usage // of the server, before anything was sent
	stalls    *stalls
	cleanups  []func() error
}

// Tried counts a fault that struck.
func (l *lab) Tried() { l.tries++ }

func newLab(ctx context.Context, o Options, dir string, random *rand.Rand) (l *lab, err error) {
	l = &lab{Options: o, Dir: dir, Random: random, Rules: rules}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close())
		}
	}()
	if err := os.Mkdir(l.ledgers(), 0o700); err != nil {
		return nil, err
	}
	if l.ledger, err = proof.OpenLedger(filepath.Join(l.ledgers(), "admin.jsonl")); err != nil {
		return nil, err
	}
	if l.stalls, err = watchStalls(l.Dir); err != nil {
		return nil, err
	}
	if l.Server, err = l.newServer(filepath.Join(l.Dir, "data"), filepath.Join(l.Dir, "server")); err != nil {
		return nil, err
	}
	l.Server.Flags = append(l.Server.Flags, "--dev")
	return l, l.startReceiver(ctx)
}

func (l *lab) ledgers() string { return filepath.Join(l.Dir, "ledger") }

// newServer makes a server on a data directory, whose logs are files that begin
// with the prefix. It may not deliver to the receivers of the lab, which are on
// a private address, unless it is told --dev.
func (l *lab) newServer(data, prefix string) (*server, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s := &server{Path: l.Options.Server, Data: data, address: address, URL: "http://" + address}
	s.Flags = slices.Concat(serveFlags, l.ServeFlags)
	if s.log, err = os.Create(prefix + ".log"); err != nil {
		return nil, err
	}
	if s.out, err = os.Create(prefix + ".out"); err != nil {
		return nil, errors.Join(err, s.log.Close())
	}
	return s, nil
}

func (l *lab) startReceiver(ctx context.Context) (err error) {
	out, pipe := io.Pipe()
	l.receiver, err = l.child(ctx, "receiver", receiverCommand, pipe, proof.ReceiverConfig{
		Listen: "127.0.0.1:0", Hosts: receiverHosts, Ledger: filepath.Join(l.ledgers(), "receiver.jsonl"),
	})
	if err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return errors.Join(fmt.Errorf("read address of receiver: %w", err), l.receiver.Wait())
	}
	l.URL = strings.TrimSpace(line)
	return nil
}

// child starts a process of package proof.
func (l *lab) child(ctx context.Context, name string, args []string, out io.Writer, config any) (*process.Process, error) {
	p, err := process.Start(ctx, process.Command{Name: name, Path: l.Executable, Args: args, Out: out})
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(p.In).Encode(config); err != nil {
		p.Kill()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// Start starts the server for the first time, and an admin for it.
func (l *lab) Start(ctx context.Context) error {
	if err := l.Server.Start(ctx); err != nil {
		return err
	}
	if err := l.Server.readKey(); err != nil {
		return err
	}
	l.API = proof.NewAPI(l.Server.URL, l.Server.Key)
	l.Admin = proof.NewAdmin("admin", l.API, l.ledger)
	l.Server.admin = l.Admin
	return nil
}

// CreateOrganizations makes organizations, org_a, org_b and so on.
func (l *lab) CreateOrganizations(ctx context.Context, n int) error {
	for i := range n {
		if err := l.Admin.CreateOrganization(ctx, fmt.Sprintf("org_%c", 'a'+i)); err != nil {
			return err
		}
	}
	return nil
}

// CreateEndpoint makes an endpoint and says how its receiver behaves.
func (l *lab) CreateEndpoint(ctx context.Context, org, name string, b proof.Behaviour, s proof.Settings) (*proof.Endpoint, error) {
	if err := l.Behave(ctx, name, b); err != nil {
		return nil, err
	}
	e, err := l.Admin.Create(ctx, org, l.URL, name, s)
	if err == nil {
		l.Endpoints = append(l.Endpoints, e)
	}
	return e, err
}

// Behave changes how the receiver of an endpoint behaves.
func (l *lab) Behave(ctx context.Context, name string, b proof.Behaviour) error {
	body, err := json.Marshal(b)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, l.URL+"/control/"+name, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("control %s: %s", name, response.Status)
	}
	return nil
}

// Produce starts a producer that posts rate times a second as all tenants, until
// the faults are over.
func (l *lab) Produce(ctx context.Context, rate float64) error {
	return l.ProduceAs(ctx, proof.ProducerConfig{Workers: 8, Rate: rate, Batches: 0.2, Keyed: 0.6, Bad: 0.05, Repeats: 0.1})
}

// ProduceAs starts a producer with a config of which name, URL, ledger, seed,
// timeout, tenants and types are filled in where they are not given.
func (l *lab) ProduceAs(ctx context.Context, c proof.ProducerConfig) error {
	if c.Name == "" {
		c.Name = fmt.Sprintf("p%d", len(l.producers))
	}
	c.URL, c.Seed = l.Server.URL, l.Random.Uint64()
	c.Ledger = filepath.Join(l.ledgers(), c.Name+".jsonl")
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Types == nil {
		c.Types = Types
	}
	if c.Tenants == nil {
		for _, org := range l.API.Orgs() {
			c.Tenants = append(c.Tenants, l.API.Tenant(org))
		}
	}
	p, err := l.child(ctx, "producer", producerCommand, nil, c)
	if err == nil {
		l.producers = append(l.producers, p)
	}
	return err
}

// AwaitProducers waits until all producers, which were told how much to post,
// have posted it.
func (l *lab) AwaitProducers() error {
	var faults []error
	for _, p := range l.producers {
		faults = append(faults, p.Wait())
	}
	l.producers = nil
	return errors.Join(faults...)
}

// EndProducers tells all producers to end and waits until they have.
func (l *lab) EndProducers() error {
	var faults []error
	for _, p := range l.producers {
		faults = append(faults, p.In.Close())
	}
	return errors.Join(append(faults, l.AwaitProducers())...)
}

// Sleep waits, as a part of what a scenario does, for a random time between two.
func (l *lab) Sleep(ctx context.Context, least, most time.Duration) error {
	d := least + time.Duration(l.Random.Int64N(int64(most-least)+1))
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// close ends everything that runs.
func (l *lab) close() error {
	for _, p := range l.producers {
		p.Kill()
	}
	if l.receiver != nil {
		l.receiver.Kill()
	}
	var faults []error
	if l.stalls != nil {
		faults = append(faults, l.stalls.end())
	}
	if l.Server != nil {
		faults = append(faults, l.Server.close())
	}
	if l.ledger != nil {
		faults = append(faults, l.ledger.Close())
	}
	for _, clean := range l.cleanups {
		faults = append(faults, clean())
	}
	return errors.Join(faults...)
}
