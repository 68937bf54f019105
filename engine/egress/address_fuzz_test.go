package egress

import (
	"context"
	"net/netip"
	"testing"
)

// FuzzCheckAddr: the strictest policy lets nothing pass that package netip knows
// to be no public address, and no way of writing an IPv4 address into an IPv6
// one passes if the address itself does not.
func FuzzCheckAddr(f *testing.F) {
	for _, s := range append(closedAddresses, publicAddresses...) {
		if ip, err := netip.ParseAddr(s); err == nil {
			f.Add(ip.AsSlice(), uint16(443))
		}
	}
	f.Fuzz(func(t *testing.T, bytes []byte, port uint16) {
		ip, ok := netip.AddrFromSlice(bytes)
		if !ok {
			return
		}
		var strict Policy
		got := strict.CheckAddr(netip.AddrPortFrom(ip, port))
		plain := ip.Unmap()
		if got == nil && (port != 443 || !plain.IsGlobalUnicast() || plain.IsPrivate() || plain.IsLoopback() || plain.IsLinkLocalUnicast() || plain.IsMulticast()) {
			t.Errorf("%v, port %d: allowed", ip, port)
		}
		if !plain.Is4() {
			return
		}
		b := plain.As4()
		for name, form := range map[string][16]byte{
			"v4-mapped": plain.As16(),
			"NAT64":     {0, 0x64, 0xff, 0x9b, 12: b[0], b[1], b[2], b[3]},
			"6to4":      {0x20, 0x02, b[0], b[1], b[2], b[3], 15: 1},
			"ISATAP":    {0x26, 0x07, 8: 0, 0, 0x5e, 0xfe, b[0], b[1], b[2], b[3]},
		} {
			within := strict.CheckAddr(netip.AddrPortFrom(netip.AddrFrom16(form), port))
			if (within == nil) != (got == nil) {
				t.Errorf("%v is %v; as %s, %v, it is %v", ip, got, name, netip.AddrFrom16(form), within)
			}
		}
	})
}

// answers is a resolver that says the same about every name.
type answers []netip.Addr

func (a answers) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) { return a, nil }

// FuzzCheckAnswers: a name is accepted only if each of its addresses is, in
// whatever order and number DNS gives them.
func FuzzCheckAnswers(f *testing.F) {
	f.Add([]byte{93, 184, 216, 34, 10, 0, 0, 1}, false)
	f.Add([]byte{93, 184, 216, 34}, false)
	f.Add([]byte{127, 0, 0, 1, 8, 8, 8, 8}, true)
	f.Add([]byte{}, true)
	f.Fuzz(func(t *testing.T, bytes []byte, private bool) {
		p := Policy{AllowPrivate: private}
		var all answers
		want := true
		for ; len(bytes) >= 4; bytes = bytes[4:] {
			ip := netip.AddrFrom4([4]byte(bytes))
			all = append(all, ip)
			want = want && p.CheckAddr(netip.AddrPortFrom(ip, 443)) == nil
		}
		want = want && len(all) > 0
		if _, err := p.Check(t.Context(), all, "https://hooks.example.com/"); (err == nil) != want {
			t.Errorf("a name with %v, private networks %t: got %v, want accepted %t", all, private, err, want)
		}
	})
}
