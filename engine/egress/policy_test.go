package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestCheckURLCanonical(t *testing.T) {
	p := Policy{AllowHTTP: true, AllowPorts: []uint16{8443}}
	tests := []struct{ raw, want string }{
		{"https://example.com", "https://example.com/"},
		{"HTTPS://EXAMPLE.com/", "https://example.com/"},
		{"https://example.com.", "https://example.com/"},
		{"https://example.com:443/x", "https://example.com/x"},
		{"https://example.com:0443/x", "https://example.com/x"},
		{"http://example.com:80", "http://example.com/"},
		{"https://example.com:8443/x", "https://example.com:8443/x"},
		{"https://example.com?a=b", "https://example.com/?a=b"},
		{"https://example.com/a%2Fb//c/../d/./?x=%20&y=a+b", "https://example.com/a%2Fb//c/../d/./?x=%20&y=a+b"},
		{"https://example.com/a%2fb%C3%A9", "https://example.com/a%2fb%C3%A9"},
		{"https://example.com/é?q=ü", "https://example.com/%C3%A9?q=%C3%BC"},
		{`https://example.com/{a}|b"c`, "https://example.com/%7Ba%7D%7Cb%22c"},
		{"https://example.com/?url=https://user@host/", "https://example.com/?url=https://user@host/"},
		{"https://bücher.example/", "https://xn--bcher-kva.example/"},
		{"https://BÜCHER.example/", "https://xn--bcher-kva.example/"},
		{"https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"},
		{"https://my_host.example.com/", "https://my_host.example.com/"},
		{"https://8.8.8.8/", "https://8.8.8.8/"},
		{"https://8.8.8.8./", "https://8.8.8.8/"},
		{"https://[2606:4700:4700:0:0:0:0:1111]/", "https://[2606:4700:4700::1111]/"},
		{"https://[2606:4700:4700::1111]:8443/", "https://[2606:4700:4700::1111]:8443/"},
		{"https://[64:ff9b::8.8.8.8]/", "https://[64:ff9b::808:808]/"},
	}
	for _, tt := range tests {
		got, err := p.CheckURL(tt.raw)
		if err != nil || got != tt.want {
			t.Errorf("CheckURL(%q): got %q, %v, want %q", tt.raw, got, err, tt.want)
		}
		if again, err := p.CheckURL(got); err != nil || again != got {
			t.Errorf("CheckURL(%q): got %q, %v, want it unchanged", got, again, err)
		}
	}
}

func TestCheckURLRefuses(t *testing.T) {
	tests := []struct {
		raw  string
		want error
	}{
		{"", ErrBadURL},
		{"example.com", ErrBadURL},
		{"//example.com/", ErrBadURL},
		{"https:/example.com/", ErrBadURL},
		{"https:example.com", ErrBadURL},
		{"https://", ErrBadURL},
		{"https:///x", ErrBadURL},
		{"https://./", ErrBadURL},
		{"https://a..b.com/", ErrBadURL},
		{"https://-a.com/", ErrBadURL},
		{"ftp://example.com/", ErrBadURL},
		{"file:///etc/passwd", ErrBadURL},
		{"gopher://example.com/", ErrBadURL},
		{"http://example.com/", ErrBlockedScheme},
		{"https://user@example.com/", ErrBadURL},
		{"https://user:password@example.com/", ErrBadURL},
		{"https://8.8.8.8@127.0.0.1/", ErrBadURL},
		{"https://example.com/#fragment", ErrBadURL},
		{"https://example.com#@127.0.0.1/", ErrBadURL},
		{"https://example.com/ x", ErrBadURL},
		{"https://example.com/\tx", ErrBadURL},
		{"https://example.com/\r\nHost: evil", ErrBadURL},
		{"https://example.com/\x00", ErrBadURL},
		{"https://example.com/\x7f", ErrBadURL},
		{`https://example.com\@127.0.0.1/`, ErrBadURL},
		{"https://example.com/%zz", ErrBadURL},
		{"https://exa%6dple.com/", ErrBadURL},
		{"https://127.0.0.1%2f.example.com/", ErrBadURL},
		{"https://example.com,127.0.0.1/", ErrBadURL},
		{"https://example.com:/", ErrBadURL},
		{"https://example.com:0/", ErrBadURL},
		{"https://example.com:-1/", ErrBadURL},
		{"https://example.com:65536/", ErrBadURL},
		{"https://example.com:x/", ErrBadURL},
		{"https://example.com:443:443/", ErrBadURL},
		{"https://example.com:80/", ErrBlockedPort},
		{"https://example.com:8443/", ErrBlockedPort},
		{"https://example.com:22/", ErrBlockedPort},
		{"https://example.com/" + strings.Repeat("a", MaxURLLen), ErrBadURL},
		{"https://example.com/" + strings.Repeat("é", MaxURLLen/3), ErrBadURL}, // too long once encoded
		{"https://" + strings.Repeat("a", 64) + ".com/", ErrBadURL},
		{"https://" + strings.Repeat("a.", 127) + "com/", ErrBadURL},

		// Addresses, in every spelling that some resolver understands.
		{"https://127.0.0.1/", ErrBlockedAddress},
		{"https://127.0.0.1./", ErrBlockedAddress},
		{"https://127.1/", ErrBadURL},
		{"https://127.0.1/", ErrBadURL},
		{"https://2130706433/", ErrBadURL},
		{"https://017700000001/", ErrBadURL},
		{"https://0177.0.0.1/", ErrBadURL},
		{"https://0x7f.0.0.1/", ErrBadURL},
		{"https://0x7f000001/", ErrBadURL},
		{"https://0x7f.1/", ErrBadURL},
		{"https://127.0.0.0x1/", ErrBadURL},
		{"https://127.000.000.001/", ErrBadURL},
		{"https://127.0.0.1.1/", ErrBadURL},
		{"https://256.0.0.1/", ErrBadURL},
		{"https://0/", ErrBadURL},
		{"https://0.0.0.0/", ErrBlockedAddress},
		{"https://１２７.０.０.１/", ErrBlockedAddress}, // full-width digits, IDNA maps them
		{"https://127。0。0。1/", ErrBlockedAddress}, // ideographic full stops
		{"https://①②⑦.⓪.⓪.①/", ErrBlockedAddress},
		{"https://[::1]/", ErrBlockedAddress},
		{"https://[::]/", ErrBlockedAddress},
		{"https://[::ffff:127.0.0.1]/", ErrBlockedAddress},
		{"https://[::ffff:7f00:1]/", ErrBlockedAddress},
		{"https://[0:0:0:0:0:ffff:127.0.0.1]/", ErrBlockedAddress},
		{"https://[::127.0.0.1]/", ErrBlockedAddress},
		{"https://[fe80::1%25lo]/", ErrBadURL},
		{"https://[fe80::1%lo]/", ErrBadURL},
		{"https://[::1/", ErrBadURL},
		{"https://::1/", ErrBadURL},
		{"https://[::1]x/", ErrBadURL},
		{"https://[127.0.0.1]/", ErrBadURL},
		{"https://[v1.x]/", ErrBadURL},
		{"https://[example.com]/", ErrBadURL},
		{"https://169.254.169.254/latest/meta-data", ErrBlockedAddress},
		{"https://localhost/", ErrBlockedAddress},
		{"https://LOCALHOST./", ErrBlockedAddress},
		{"https://ⓛocalhost/", ErrBlockedAddress},
		{"https://foo.localhost/", ErrBlockedAddress},
		{"https://metadata.google.internal/", ErrBlockedAddress},
		{"https://printer.local/", ErrBlockedAddress},
		{"https://intranet/", ErrBlockedAddress},
	}
	var p Policy
	for _, tt := range tests {
		got, err := p.CheckURL(tt.raw)
		if !errors.Is(err, tt.want) || got != "" {
			t.Errorf("CheckURL(%q): got %q, %v, want %v", tt.raw, got, err, tt.want)
		}
		if r, ok := errors.AsType[*Refusal](err); !ok || r.Reason == "" {
			t.Errorf("CheckURL(%q): got %v without a reason", tt.raw, err)
		}
	}
}

// Each address lies in another range of the IANA registries, or wraps one that does.
var closedAddresses = []string{
	"0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1",
	"127.255.255.254", "168.63.129.16", "169.254.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1",
	"192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255",
	"198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
	"::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1",
	"64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::1", "64:ff9b:1::8.8.8.8",
	"100::1", "200::1", "400::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1",
	"2001:db8::1", "2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:101::1", "2002:a9fe:a9fe::1", "2606:4700::5efe:127.0.0.1",
	"2606:4700::200:5efe:10.0.0.1", "2002:808:808::5efe:127.0.0.1", "2002:808:808::200:5efe:10.0.0.1", "3fff::1", "4000::1", "5f00::1", "8000::1", "fc00::1", "fd00::1", "fd00:ec2::254",
	"fd20:ce::254", "fe80::1", "fe80::1%eth0", "fe80::5efe:8.8.8.8", "fd00::5efe:8.8.8.8", "febf::1", "fec0::1", "ff02::1", "ff0e::1",
}

var publicAddresses = []string{
	"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "128.0.0.1", "169.253.0.1", "172.15.0.1",
	"172.32.0.1", "192.0.1.1", "192.167.0.1", "198.17.0.1", "198.20.0.1", "223.255.255.255", "2606:4700:4700::1111",
	"2a00:1450:4001::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "2606:4700::5efe:8.8.8.8",
}

func TestCheckAddrRanges(t *testing.T) {
	for _, s := range closedAddresses {
		var p Policy
		if err := p.CheckAddr(netip.AddrPortFrom(netip.MustParseAddr(s), 443)); !errors.Is(err, ErrBlockedAddress) {
			t.Errorf("CheckAddr(%s): got %v, want %v", s, err, ErrBlockedAddress)
		}
	}
	for _, s := range publicAddresses {
		var p Policy
		if err := p.CheckAddr(netip.AddrPortFrom(netip.MustParseAddr(s), 443)); err != nil {
			t.Errorf("CheckAddr(%s): got %v, want nil", s, err)
		}
	}
	if err := new(Policy).CheckAddr(netip.AddrPort{}); !errors.Is(err, ErrBlockedAddress) {
		t.Errorf("CheckAddr of no address: got %v, want %v", err, ErrBlockedAddress)
	}
}

func TestCheckAddrOpened(t *testing.T) {
	cidr := func(s ...string) (p Policy) {
		for _, c := range s {
			p.AllowCIDRs = append(p.AllowCIDRs, netip.MustParsePrefix(c))
		}
		return p
	}
	private := Policy{AllowPrivate: true}
	tests := []struct {
		name   string
		policy Policy
		addr   string
		want   error
	}{
		{"private opens loopback", private, "127.0.0.1:443", nil},
		{"private opens loopback v6", private, "[::1]:443", nil},
		{"private opens mapped loopback", private, "[::ffff:127.0.0.1]:443", nil},
		{"private opens RFC 1918", private, "192.168.1.1:443", nil},
		{"private opens ULA", private, "[fd12::1]:443", nil},
		{"private opens CGNAT", private, "100.64.0.1:443", nil},
		{"private does not open metadata", private, "169.254.169.254:443", ErrBlockedAddress},
		{"private does not open metadata in CGNAT", private, "100.100.100.200:443", ErrBlockedAddress},
		{"private does not open metadata in ULA", private, "[fd00:ec2::254]:443", ErrBlockedAddress},
		{"private does not open wrapped metadata", private, "[64:ff9b::169.254.169.254]:443", ErrBlockedAddress},
		{"private does not open unspecified", private, "0.0.0.0:443", ErrBlockedAddress},
		{"private does not open multicast", private, "224.0.0.1:443", ErrBlockedAddress},
		{"a network opens itself", cidr("10.1.0.0/16"), "10.1.2.3:443", nil},
		{"a network opens itself wrapped", cidr("10.1.0.0/16"), "[64:ff9b::10.1.2.3]:443", nil},
		{"a network opens nothing else", cidr("10.1.0.0/16"), "10.2.0.1:443", ErrBlockedAddress},
		{"a network may be link-local", cidr("169.254.1.0/24"), "169.254.1.1:443", nil},
		{"other ports stay closed", private, "127.0.0.1:22", ErrBlockedPort},
		{"port 80 without http", private, "127.0.0.1:80", ErrBlockedPort},
		{"port 80 with http", Policy{AllowHTTP: true}, "8.8.8.8:80", nil},
		{"a port that is allowed", Policy{AllowPorts: []uint16{8443}}, "8.8.8.8:8443", nil},
		{"any port", Policy{AnyPort: true}, "8.8.8.8:22", nil},
		{"any port, forbidden address", Policy{AnyPort: true}, "10.0.0.1:22", ErrBlockedAddress},
	}
	for _, tt := range tests {
		if err := tt.policy.CheckAddr(netip.MustParseAddrPort(tt.addr)); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
}

// Whatever else is open, no delivery goes to the server that makes it.
func TestCheckAddrOwn(t *testing.T) {
	p := Policy{AllowHTTP: true, AllowPrivate: true, AnyPort: true, AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}, Own: []Listener{
		{netip.MustParsePrefix("127.0.0.0/8"), 8420}, {netip.MustParsePrefix("198.51.100.7/32"), 8420}, {netip.MustParsePrefix("::1/128"), 8420},
	}}
	for _, own := range []string{"127.0.0.1:8420", "127.9.9.9:8420", "0.0.0.0:8420", "[::]:8420", "[::1]:8420", "[::ffff:127.0.0.1]:8420", "198.51.100.7:8420"} {
		if err := p.CheckAddr(netip.MustParseAddrPort(own)); !errors.Is(err, ErrBlockedAddress) {
			t.Errorf("CheckAddr(%s): got %v, want %v", own, err, ErrBlockedAddress)
		}
		if _, err := p.CheckURL("http://" + own + "/v1/events"); !errors.Is(err, ErrBlockedAddress) {
			t.Errorf("CheckURL of %s: got %v, want %v", own, err, ErrBlockedAddress)
		}
	}
	for _, other := range []string{"127.0.0.1:8421", "198.51.100.8:8420", "[::1]:80"} {
		if err := p.CheckAddr(netip.MustParseAddrPort(other)); err != nil {
			t.Errorf("CheckAddr(%s): got %v, want nil", other, err)
		}
	}
	if _, err := p.Check(t.Context(), fakeResolver{"own.example": {{"8.8.8.8", "198.51.100.7"}}}, "http://own.example:8420/"); !errors.Is(err, ErrBlockedAddress) {
		t.Errorf("a name for it: got %v, want %v", err, ErrBlockedAddress)
	}
}

// fakeResolver answers the i-th question for a name with its i-th list, and then with the last one again.
type fakeResolver map[string][][]string

func (f fakeResolver) LookupNetIP(_ context.Context, _, host string) (addrs []netip.Addr, err error) {
	lists := f[host]
	if len(lists) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	for _, s := range lists[0] {
		addrs = append(addrs, netip.MustParseAddr(s))
	}
	if len(lists) > 1 {
		f[host] = lists[1:]
	}
	return addrs, nil
}

func TestCheckResolves(t *testing.T) {
	r := fakeResolver{
		"public.example":  {{"8.8.8.8", "2606:4700::1"}},
		"private.example": {{"10.0.0.1"}},
		"mixed.example":   {{"8.8.8.8", "127.0.0.1"}},
		"wrapped.example": {{"64:ff9b::a00:1"}},
		"empty.example":   {{}},
	}
	var p Policy
	for host, want := range map[string]error{
		"public.example": nil, "private.example": ErrBlockedAddress, "mixed.example": ErrBlockedAddress, "wrapped.example": ErrBlockedAddress,
		"empty.example": ErrUnresolved, "absent.example": ErrUnresolved,
	} {
		got, err := p.Check(t.Context(), r, "HTTPS://"+host)
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", host, err, want)
		}
		if err == nil && got != "https://"+host+"/" {
			t.Errorf("%s: got %q", host, got)
		}
	}
}

// FuzzCheckURL: whatever is accepted is a fixed point, is read in the same way by Send, and names no forbidden address.
func FuzzCheckURL(f *testing.F) {
	for _, s := range []string{"https://example.com/", "https://[::1]/", "https://127.1", "https://a@b/", "http://é.com:80?x#y", `https://a\b`} {
		f.Add(s)
	}
	for _, s := range slices.Concat(closedAddresses, publicAddresses) {
		f.Add("https://" + s + "/")
		f.Add("https://[" + s + "]:443/x?y")
	}
	f.Fuzz(func(t *testing.T, raw string) {
		for _, p := range []Policy{{}, {AllowHTTP: true, AllowPrivate: true, AnyPort: true}} {
			canonical, err := p.CheckURL(raw)
			if err != nil {
				if _, ok := errors.AsType[*Refusal](err); !ok || canonical != "" {
					t.Fatalf("%q: got %q and %T, want only a refusal", raw, canonical, err)
				}
				continue
			}
			if again, err := p.CheckURL(canonical); err != nil || again != canonical {
				t.Fatalf("%q: canonical %q becomes %q, %v", raw, canonical, again, err)
			}
			o, target, err := split(canonical)
			if err != nil || o.url+target != canonical {
				t.Fatalf("%q: split into %+v %q, %v", canonical, o, target, err)
			}
			if strings.ContainsAny(canonical, " \r\n\t\x00\\#@") && !strings.Contains(target, "@") {
				t.Fatalf("%q: canonical %q has a forbidden byte", raw, canonical)
			}
			if ip, err := netip.ParseAddr(o.host); err == nil && p.checkIP(ip, o.port) != nil {
				t.Fatalf("%q: accepts %v", raw, ip)
			}
		}
	})
}
