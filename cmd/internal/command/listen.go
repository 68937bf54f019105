package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"
)

// listener is the verb that receives deliveries and shows them.
type listener struct {
	connection
	signing
	address, publicURL string
	status             int
	delay, tolerance   time.Duration
	showBytes          int64
	create             bool
	types              []string
}

func listenCommand() *cli.Command {
	var o listener
	f := flagsOf("listen").in("Receiver")
	f.text(&o.address, "address", "listen on `ADDRESS`; port 0 takes any that is free", "127.0.0.1:9000", checkAddress)
	f.integer(&o.status, "status", "answer with `STATUS`", http.StatusOK, 200, 599, "")
	f.duration(&o.delay, "delay", "wait `TIME` before the answer", 0, 0, time.Hour, "")
	f.size(&o.showBytes, "show-bytes", "show `SIZE` of a body", 4<<10, 0, maxEventBytes, "")
	f.duration(&o.tolerance, "tolerance", "how far a timestamp may be from now, `TIME`", 5*time.Minute, time.Second, day, "")
	o.signing.flags(f, anyScheme, append([]string{anyScheme}, schemeNames...)...)
	f.in("Endpoint")
	f.toggle(&o.create, "create", "create an endpoint that points here, take its secret, and delete it at the end")
	f.words(&o.types, "types", "of the endpoint: `PATTERNS` of event types, invoice.paid, invoice.* or *; none = all")
	f.text(&o.publicURL, "public-url", "of the endpoint: `URL` at which the server reaches this receiver; without one, the address", "", nil)
	return &cli.Command{
		Name: "listen", Category: groupTry,
		Usage: "receive deliveries here, verify and show them",
		Description: `With a server on this machine that was started with --dev, this shows whatever
is posted from now on:

  hookwheel listen --create

Deliveries that do not verify are answered with 401. Without a secret nothing
is verified, and each delivery is marked so.`,
		Flags:  o.connection.flags(f),
		Action: o.run,
	}
}

// checkAddress refuses what cannot be listened on anywhere.
func checkAddress(text string) error {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return errors.New("expected an address such as 127.0.0.1:9000")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return errors.New("expected a port from 0 to 65535 at the end")
	}
	return nil
}

// run serves until it is interrupted, which is how it is meant to end.
func (o *listener) run(c *cli.Context) error {
	if !o.create && (len(o.types) > 0 || o.publicURL != "") {
		return usageError("--types and --public-url are for the endpoint of --create")
	}
	socket, err := net.Listen("tcp", o.address)
	if err != nil {
		return fmt.Errorf("%w; see --address, whose port 0 takes any that is free", err)
	}
	server := &http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
	}
	remove := func() {}
	if o.create {
		if remove, err = o.createEndpoint(c, socket.Addr()); err != nil {
			socket.Close()
			return err
		}
	}
	server.Handler = newReceiver(o, c.App.Writer)
	fmt.Fprintf(c.App.ErrWriter, "listening on http://%s/, interrupt to end\n", socket.Addr())

	ended := make(chan error, 1)
	go func() { ended <- server.Serve(socket) }()
	select {
	case err := <-ended:
		remove()
		return fmt.Errorf("serve: %w", err)
	case <-c.Context.Done():
	}
	remove() // first, so that nothing is sent here any more
	grace, cancel := context.WithTimeout(context.WithoutCancel(c.Context), 2*time.Second)
	defer cancel()
	if server.Shutdown(grace) != nil {
		server.Close() // what is still waiting for its --delay
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// createEndpoint points an endpoint here and adds its secret to those that
// verify. What it returns deletes the endpoint again.
func (o *listener) createEndpoint(c *cli.Context, here net.Addr) (remove func(), err error) {
	api, err := o.client()
	if err != nil {
		return nil, err
	}
	target := o.publicURL
	if target == "" {
		target = "http://" + here.String() + "/"
	}
	types := o.types
	if types == nil {
		types = []string{}
	}
	answer, err := api.object(c, http.MethodPost, endpoints, map[string]any{
		"url": target, "event_types": types, "name": "hookwheel listen",
	})
	if err != nil {
		return nil, fmt.Errorf("create endpoint: %w", err)
	}
	id := answer.text("id")
	if text := answer.text("secret"); text != "" {
		o.secrets = append(o.secrets, text)
	}
	fmt.Fprintf(c.App.ErrWriter, "created endpoint %s for %s\n", printable(id), target)
	return func() {
		// The interrupt that ends the command must not end this.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context), 5*time.Second)
		defer cancel()
		if _, err := api.send(ctx, http.MethodDelete, endpoints+"/"+url.PathEscape(id), nil); err != nil {
			fmt.Fprintf(c.App.ErrWriter, "hookwheel: endpoint %s was not deleted: %s\n", printable(id), printableLines(err.Error()))
			return
		}
		fmt.Fprintf(c.App.ErrWriter, "deleted endpoint %s\n", printable(id))
	}, nil
}
