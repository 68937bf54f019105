package egress

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// MaxURLLen is the longest URL, in bytes and in its canonical form, that CheckURL accepts.
const MaxURLLen = 2048

// dissect cuts raw into its parts by the rules of RFC 3986 and has net/url agree. Two parsers that read a URL
// differently are how a check gets bypassed, so here a disagreement is a refusal.
func dissect(raw string) (scheme, authority, rest string, err error) {
	if raw == "" {
		return "", "", "", refuse(ErrBadURL, "is required", "")
	}
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
		return "", "", "", refuse(ErrBadURL, "must start with https://, or http:// where that is allowed", "")
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
