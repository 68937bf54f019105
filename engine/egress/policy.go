package egress

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// What a Refusal is about; test with errors.Is.
var (
	ErrBadURL         = errors.New("bad url")         // not a URL that a delivery could go to under any policy
	ErrBlockedScheme  = errors.New("blocked scheme")  // http without AllowHTTP
	ErrBlockedPort    = errors.New("blocked port")    // a port that is neither the scheme's own nor allowed
	ErrBlockedAddress = errors.New("blocked address") // a host that is, or resolves to, an address that is not allowed
	ErrUnresolved     = errors.New("unresolved host") // a host name for which the resolver has no address, now
)

// Refusal says why a policy turned a URL or an address down. It repeats nothing that was resolved, so it may be shown
// to whoever supplied the URL.
type Refusal struct {
	Kind   error  // one of the Err values above
	Reason string // continues "url …": "must use https"
	Remedy string // what opens it, or empty when nothing does
}

// Error returns the reason, and the remedy in parentheses.
func (r *Refusal) Error() string {
	if r.Remedy == "" {
		return r.Reason
	}
	return r.Reason + " (" + r.Remedy + ")"
}

// Unwrap returns the kind.
func (r *Refusal) Unwrap() error { return r.Kind }

func refuse(kind error, reason, remedy string) error { return &Refusal{kind, reason, remedy} }

// Policy says where deliveries may go. The zero value is the strictest: https to public addresses on port 443.
// A policy is not changed after it was given to New, and is then safe for concurrent use.
type Policy struct {
	AllowHTTP    bool           // http besides https, on port 80
	AllowPrivate bool           // loopback, private and shared networks, and names without a dot; not link-local or metadata
	AllowCIDRs   []netip.Prefix // open whatever else says no; beyond them nothing of AllowPrivate is implied
	AllowPorts   []uint16       // besides the scheme's own port
	AnyPort      bool           // every port from 1 to 65535
	Own          []Listener     // where this server answers itself; nothing opens these
}

// Listener is an address, or a whole network of them, that answers on a port.
type Listener struct {
	Prefix netip.Prefix
	Port   uint16
}

// Check is CheckURL followed by the resolution of the host: every address that it resolves to must be allowed. It is
// for the moment at which a URL is registered, to give an early answer; what protects is the check at each connect.
// Every error is a *Refusal; ErrUnresolved may be passing.
func (p *Policy) Check(ctx context.Context, r Resolver, raw string) (canonical string, err error) {
	canonical, err = p.CheckURL(raw)
	if err != nil {
		return "", err
	}
	o, _, err := split(canonical)
	if err != nil {
		return "", err
	}
	addrs, err := resolve(ctx, r, o.host)
	if err != nil || len(addrs) == 0 {
		return "", refuse(ErrUnresolved, "has a host name that could not be resolved", "")
	}
	for _, a := range addrs {
		if err := p.checkIP(a, o.port); err != nil {
			return "", err
		}
	}
	return canonical, nil
}

// CheckURL returns the canonical form of raw, or a *Refusal. The canonical form has a lower-case scheme and host, the
// host in ASCII (IDNA), no default port and a path of at least "/"; path and query keep their bytes, only those that
// no URI may hold are percent-encoded. It is a fixed point: CheckURL(canonical) is canonical. It is a pure function
// that resolves nothing.
func (p *Policy) CheckURL(raw string) (canonical string, err error) {
	scheme, authority, rest, err := dissect(raw)
	if err != nil {
		return "", err
	}
	if scheme == "http" && !p.AllowHTTP {
		return "", refuse(ErrBlockedScheme, "must use https", "--allow-http opens http")
	}
	host, port, err := splitAuthority(scheme, authority)
	if err != nil {
		return "", err
	}
	if err := p.checkPort(scheme, port); err != nil {
		return "", err
	}
	if host, err = p.checkHost(host, port); err != nil {
		return "", err
	}
	canonical = scheme + "://" + host
	if port != defaultPort(scheme) {
		canonical += ":" + strconv.Itoa(int(port))
	}
	canonical += escapeRest(rest)
	if len(canonical) > MaxURLLen {
		return "", refuse(ErrBadURL, "is longer than 2048 bytes", "")
	}
	return canonical, nil
}

func (p *Policy) checkPort(scheme string, port uint16) error {
	if p.AnyPort || scheme != "" && port == defaultPort(scheme) || slices.Contains(p.AllowPorts, port) {
		return nil
	}
	return refuse(ErrBlockedPort, "uses a port that is not allowed", "--allow-port opens ports")
}

// checkHost returns host as it stands in a canonical URL.
func (p *Policy) checkHost(host string, port uint16) (string, error) {
	if strings.Contains(host, ":") { // IPv6, already known to be well-formed
		ip := netip.MustParseAddr(host)
		return "[" + ip.String() + "]", p.checkIP(ip, port)
	}
	if strings.IndexFunc(host, func(r rune) bool { return r >= 0x80 }) >= 0 {
		ascii, err := idna.Lookup.ToASCII(host)
		if err != nil {
			return "", refuse(ErrBadURL, "has a malformed international host name", "")
		}
		host = ascii
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.String(), p.checkIP(ip, port)
	}
	if err := checkName(host); err != nil {
		return "", err
	}
	if !p.AllowPrivate && len(p.AllowCIDRs) == 0 && isLocalName(host) {
		return "", refuse(ErrBlockedAddress, "names a host of a local network", "--allow-private-networks or --allow-cidr opens it")
	}
	return host, nil
}
