package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

const (
	maxDials = 4               // addresses of one host that one attempt tries; all of them are vetted
	minDial  = 2 * time.Second // what an address gets at least, if the deadline leaves it
)

// dialer makes connections. Which addresses it may use is decided twice: all answers of the resolver are vetted before
// the first connect, and a single forbidden one refuses the host, because a name that mixes them is an attack or a
// mistake; and Control vets the address that the socket really connects to, after which no name plays a part.
//
// Through an egress proxy only names leave this process, so there the proxy must do both.
type dialer struct {
	policy  *Policy
	names   *lookups
	proxy   *proxy // nil: direct
	tls     *tls.Config
	network net.Dialer
}

func newDialer(policy *Policy, names *lookups, p *proxy, config *tls.Config) *dialer {
	d := &dialer{policy: policy, names: names, proxy: p, tls: config}
	d.network.KeepAlive = -1 // idle connections live for seconds
	if p == nil {
		d.network.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(address)
			if err != nil {
				return refuse(ErrBlockedAddress, "is not an address", "")
			}
			return policy.CheckAddr(ap)
		}
	}
	return d
}

// connect returns a TCP connection to o, through the proxy if there is one.
func (d *dialer) connect(ctx context.Context, o origin) (*net.TCPConn, *failure) {
	if o.scheme == "http" && !d.policy.AllowHTTP {
		return nil, failBlocked
	}
	if err := d.policy.checkPort(o.scheme, o.port); err != nil {
		return nil, failBlocked
	}
	if d.proxy != nil {
		if ip, err := netip.ParseAddr(o.host); err == nil && d.policy.checkIP(ip, o.port) != nil {
			return nil, failBlocked
		}
		return d.proxy.tunnel(ctx, &d.network, o)
	}
	addrs, err := resolve(ctx, d.names, o.host)
	if err != nil {
		return nil, failureOfLookup(err)
	}
	for _, a := range addrs {
		if err := d.policy.checkIP(a, o.port); err != nil {
			return nil, failBlocked
		}
	}
	return d.connectAny(ctx, addrs, o.port)
}

// connectAny tries the addresses in turn, each with its share of the time that is left.
func (d *dialer) connectAny(ctx context.Context, addrs []netip.Addr, port uint16) (*net.TCPConn, *failure) {
	if len(addrs) == 0 {
		return nil, failNoAddress
	}
	addrs = addrs[:min(len(addrs), maxDials)]
	var first *failure
	for i, a := range addrs {
		share := ctx
		if deadline, ok := ctx.Deadline(); ok && i < len(addrs)-1 {
			d := time.Until(deadline) / time.Duration(len(addrs)-i)
			var cancel context.CancelFunc
			share, cancel = context.WithTimeout(ctx, max(d, minDial))
			defer cancel()
		}
		c, err := d.network.DialContext(share, "tcp", netip.AddrPortFrom(a.Unmap(), port).String())
		if err == nil {
			return c.(*net.TCPConn), nil
		}
		f := failureOfConnect(err)
		if a.Is6() && errors.Is(err, syscall.EADDRNOTAVAIL) {
			f = failConnect // this machine has no IPv6, which is not a shortage that passes
		}
		if first == nil {
			first = f
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, first
}
