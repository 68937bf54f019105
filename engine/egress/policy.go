package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// MaxURLLen is the longest URL, in bytes and in its canonical form, that CheckURL accepts.
const MaxURLLen = 2048

// What a Refusal is about; test with errors.Is.
var (
	ErrBadURL         = errors.New("bad url")         // not a URL that a delivery could go to under any policy
	ErrBlockedScheme  = errors.New("blocked scheme")  // http without AllowHTTP
	ErrBlockedPort    = errors.New("blocked port")    // a port that is neither the scheme's own nor allowed
	ErrBlockedAddress = errors.New("blocked address") // a host that is, or resolves to, an address that is not allowed
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
}

// Check is CheckURL followed by the resolution of the host: every address that it resolves to must be allowed. It is
// for the moment at which a URL is registered, to give an early answer; what protects is the check at each connect.
// An error of the resolver is returned as it is.
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
	if err != nil {
		return "", err
	}
	for _, a := range addrs {
		if err := p.checkIP(a); err != nil {
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
	if host, err = p.checkHost(host); err != nil {
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

// dissect cuts raw into its parts by the rules of RFC 3986 and has net/url agree. Two parsers that read a URL
// differently are how a check gets bypassed, so here a disagreement is a refusal.
func dissect(raw string) (scheme, authority, rest string, err error) {
	if len(raw) > MaxURLLen {
		return "", "", "", refuse(ErrBadURL, "is longer than 2048 bytes", "")
	}
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c == 0x7f || c == '\\' {
			return "", "", "", refuse(ErrBadURL, "contains a space, a control character or a backslash", "percent-encode it")
		}
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != "http" && scheme != "https" {
		return "", "", "", refuse(ErrBadURL, "must start with https://", "")
	}
	if strings.Contains(rest, "#") {
		return "", "", "", refuse(ErrBadURL, "must not have a fragment", "")
	}
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	authority, rest = rest[:end], rest[end:]
	if strings.Contains(authority, "@") {
		return "", "", "", refuse(ErrBadURL, "must not contain a user name or password", "set an authorization header instead")
	}
	u, parseErr := url.Parse(raw)
	if parseErr != nil || u.Host != authority || u.User != nil || u.Opaque != "" {
		return "", "", "", refuse(ErrBadURL, "is not a valid URL", "")
	}
	return scheme, authority, rest, nil
}

// splitAuthority returns the host, without the brackets of IPv6, and the port.
func splitAuthority(scheme, authority string) (host string, port uint16, err error) {
	host, port = authority, defaultPort(scheme)
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		n, err := strconv.ParseUint(authority[i+1:], 10, 16)
		if err != nil || n == 0 {
			return "", 0, refuse(ErrBadURL, "must have a port from 1 to 65535, or none", "")
		}
		host, port = authority[:i], uint16(n)
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		if ip, err := netip.ParseAddr(inner); !ok || err != nil || !ip.Is6() || ip.Zone() != "" {
			return "", 0, refuse(ErrBadURL, "has a malformed IPv6 address", "")
		}
		host = inner
	} else if strings.Contains(host, ":") {
		return "", 0, refuse(ErrBadURL, "must write an IPv6 address in brackets", "")
	}
	return host, port, nil
}

func defaultPort(scheme string) uint16 {
	if scheme == "http" {
		return 80
	}
	return 443
}

func (p *Policy) checkPort(scheme string, port uint16) error {
	if p.AnyPort || scheme != "" && port == defaultPort(scheme) || slices.Contains(p.AllowPorts, port) {
		return nil
	}
	return refuse(ErrBlockedPort, "uses a port that is not allowed", "--allow-port opens ports")
}

// checkHost returns host as it stands in a canonical URL.
func (p *Policy) checkHost(host string) (string, error) {
	if strings.Contains(host, ":") { // IPv6, already known to be well-formed
		ip := netip.MustParseAddr(host)
		return "[" + ip.String() + "]", p.checkIP(ip)
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
		return ip.String(), p.checkIP(ip)
	}
	if err := checkName(host); err != nil {
		return "", err
	}
	if !p.AllowPrivate && len(p.AllowCIDRs) == 0 && isLocalName(host) {
		return "", refuse(ErrBlockedAddress, "names a host of a local network", "--allow-private-networks or --allow-cidr opens it")
	}
	return host, nil
}

// checkName accepts host names as DNS and its users know them, underscores included. A name whose last label begins
// with a digit can't exist in DNS, but resolvers read it as an address in disguise (127.1, 0x7f.1, 2130706433).
func checkName(host string) error {
	if host == "" {
		return refuse(ErrBadURL, "has no host", "")
	}
	label := ""
	for label = range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.Trim(label, nameBytes) != "" {
			return refuse(ErrBadURL, "has a malformed host name", "")
		}
	}
	if len(host) > 253 {
		return refuse(ErrBadURL, "has a malformed host name", "")
	}
	if label[0] >= '0' && label[0] <= '9' {
		return refuse(ErrBadURL, "has a host that is neither a name nor four decimal numbers", "")
	}
	return nil
}

const nameBytes = "abcdefghijklmnopqrstuvwxyz0123456789-_"

// isLocalName reports whether a name has a meaning only inside some network.
func isLocalName(host string) bool {
	if !strings.Contains(host, ".") {
		return true
	}
	return slices.ContainsFunc([]string{".localhost", ".local", ".internal", ".home.arpa"}, func(suffix string) bool {
		return strings.HasSuffix(host, suffix)
	})
}

// escapeRest percent-encodes the bytes of a path and query that RFC 3986 does not allow, and leaves all others alone.
func escapeRest(rest string) string {
	var b strings.Builder
	if !strings.HasPrefix(rest, "/") {
		b.WriteByte('/')
	}
	for i := range len(rest) {
		if c := rest[i]; c >= 0x80 || strings.IndexByte("\"<>^`{|}", c) >= 0 {
			const hex = "0123456789ABCDEF"
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// origin is the part of a canonical URL that decides about the connection.
type origin struct {
	url    string // "https://host:port" as it stands in the URL: what connections are pooled by
	scheme string
	host   string // name or address, without brackets
	port   uint16
}

// authority returns what stands in the Host header.
func (o origin) authority() string { return o.url[len(o.scheme)+len("://"):] }

// address returns host:port, IPv6 in brackets.
func (o origin) address() string { return net.JoinHostPort(o.host, strconv.Itoa(int(o.port))) }

// split returns the origin and the request target of a canonical URL.
func split(canonical string) (o origin, target string, err error) {
	scheme, rest, ok := strings.Cut(canonical, "://")
	slash := strings.IndexByte(rest, '/')
	if !ok || slash <= 0 {
		return origin{}, "", refuse(ErrBadURL, "is not in canonical form", "")
	}
	o = origin{url: canonical[:len(canonical)-len(rest)+slash], scheme: scheme}
	o.host, o.port, err = splitAuthority(scheme, rest[:slash])
	return o, rest[slash:], err
}
