package egress

import (
	"net/netip"
	"slices"
)

// addressRange is a part of the address space that is not the public internet.
type addressRange struct {
	prefix netip.Prefix
	what   string
	local  bool // a network that an operator may own: opened by AllowPrivate
}

// closedRanges are the ranges of the IANA special-purpose registries that no delivery may reach, and a few that cloud
// providers took for themselves. The first match decides, so the metadata addresses stand first: AllowPrivate opens a
// network, not the credentials of the machine that Hookwheel runs on.
var closedRanges = []addressRange{
	closed("100.100.100.200/32", "cloud metadata"), // Alibaba, inside the shared range
	closed("168.63.129.16/32", "cloud metadata"),   // Azure, a public address
	closed("192.0.0.192/32", "cloud metadata"),     // Oracle
	closed("fd00:ec2::/32", "cloud metadata"),      // AWS
	closed("fd20:ce::254/128", "cloud metadata"),   // Google

	local("10.0.0.0/8", "private"),
	local("100.64.0.0/10", "shared (carrier-grade NAT)"),
	local("127.0.0.0/8", "loopback"),
	local("172.16.0.0/12", "private"),
	local("192.168.0.0/16", "private"),
	local("::1/128", "loopback"),
	local("fc00::/7", "private"),

	closed("0.0.0.0/8", "unspecified"), // Linux takes 0.0.0.0 for loopback
	closed("169.254.0.0/16", "link-local"),
	closed("192.0.0.0/24", "reserved"),
	closed("192.0.2.0/24", "documentation"),
	closed("192.88.99.0/24", "6to4 relay"),
	closed("198.18.0.0/15", "benchmarking"),
	closed("198.51.100.0/24", "documentation"),
	closed("203.0.113.0/24", "documentation"),
	closed("224.0.0.0/4", "multicast"),
	closed("240.0.0.0/4", "reserved"),          // with 255.255.255.255
	closed("2001::/23", "protocol assignment"), // Teredo, ORCHID
	closed("2001:db8::/32", "documentation"),
	closed("3fff::/20", "documentation"),
}

func closed(prefix, what string) addressRange {
	return addressRange{netip.MustParsePrefix(prefix), what, false}
}

func local(prefix, what string) addressRange {
	return addressRange{netip.MustParsePrefix(prefix), what, true}
}

var (
	globalUnicast = netip.MustParsePrefix("2000::/3") // all of IPv6 that IANA has opened so far
	nat64         = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour     = netip.MustParsePrefix("2002::/16")
)

// CheckAddr reports whether a connection to ap is allowed, as nil or an error that is ErrBlockedAddress or
// ErrBlockedPort. Of an IPv6 address that carries IPv4 ones (v4-mapped, NAT64, 6to4, ISATAP) all must be allowed, since
// packets would end at one of those. It is a pure function.
func (p *Policy) CheckAddr(ap netip.AddrPort) error {
	if err := p.checkIP(ap.Addr(), ap.Port()); err != nil {
		return err
	}
	if ap.Port() == 443 || ap.Port() == 80 && p.AllowHTTP {
		return nil
	}
	return p.checkPort("", ap.Port())
}

// checkIP is about the address; the port only tells whether it is this server's own.
func (p *Policy) checkIP(ip netip.Addr, port uint16) error {
	if !ip.IsValid() {
		return refuse(ErrBlockedAddress, "is not an address", "")
	}
	ip = ip.Unmap().WithZone("")
	if p.isOwn(ip, port) {
		return refuse(ErrBlockedAddress, "points to this server itself", "")
	}
	if p.allowsExplicitly(ip) {
		return nil
	}
	if err := p.checkRange(ip); err != nil {
		return err
	}
	for _, inner := range embedded(ip) {
		if err := p.checkIP(inner, port); err != nil {
			return err
		}
	}
	return nil
}

// isOwn reports whether a connection would come back to this server. Its API trusts what comes from this machine no
// more than the rest, but whoever owns an endpoint could make it serve its own deliveries without end.
func (p *Policy) isOwn(ip netip.Addr, port uint16) bool {
	return slices.ContainsFunc(p.Own, func(l Listener) bool {
		return port == l.Port && (l.Prefix.Contains(ip) || ip.IsUnspecified()) // Linux takes 0.0.0.0 for loopback
	})
}

func (p *Policy) checkRange(ip netip.Addr) error {
	for _, r := range closedRanges {
		switch {
		case !r.prefix.Contains(ip):
		case !r.local:
			return refuse(ErrBlockedAddress, "points to a "+r.what+" address", "--allow-cidr opens single networks")
		case !p.AllowPrivate:
			return refuse(ErrBlockedAddress, "points to a "+r.what+" address", "--allow-private-networks or --allow-cidr opens it")
		default:
			return nil
		}
	}
	if ip.Is6() && !globalUnicast.Contains(ip) && !nat64.Contains(ip) {
		return refuse(ErrBlockedAddress, "points to a reserved address", "--allow-cidr opens single networks")
	}
	return nil
}

func (p *Policy) allowsExplicitly(ip netip.Addr) bool {
	return slices.ContainsFunc(p.AllowCIDRs, func(c netip.Prefix) bool { return c.Contains(ip) })
}

// embedded returns the IPv4 addresses that a translation or tunnel address of IPv6 carries: one for the way to its
// network, one for the way within it.
func embedded(ip netip.Addr) (inner []netip.Addr) {
	if !ip.Is6() {
		return nil
	}
	b := ip.As16()
	switch {
	case nat64.Contains(ip):
		return []netip.Addr{netip.AddrFrom4([4]byte(b[12:]))}
	case sixToFour.Contains(ip):
		inner = append(inner, netip.AddrFrom4([4]byte(b[2:6])))
	}
	if (b[8] == 0 || b[8] == 2) && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe { // ISATAP, under any prefix
		inner = append(inner, netip.AddrFrom4([4]byte(b[12:])))
	}
	return inner
}
