package egress

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/hookwheel/hookwheel/engine/egress/dnstest"
)

// Names that resolve to what is forbidden, in every way that DNS knows, are
// refused when they are registered and again at every attempt.
func TestHostileNames(t *testing.T) {
	dns := dnstest.Serve(t)
	names := map[string][]string{
		"private.example": {"10.0.0.1"}, "loopback.example": {"127.0.0.1"}, "metadata.example": {"169.254.169.254"}, "unspecified.example": {"0.0.0.0"},
		"private6.example": {"fd00::1"}, "loopback6.example": {"::1"}, "link.example": {"fe80::1"}, "nat64.example": {"64:ff9b::a00:1"}, "sixtofour.example": {"2002:7f00:1::"},
		"teredo.example": {"2001:0:4136:e378:8000:63bf:3fff:fdd2"}, "site.example": {"fec0::1"}, "compatible.example": {"::7f00:1"}, "mapped.example": {"::ffff:127.0.0.1"},
		"first.example": {"127.0.0.1", "8.8.8.8"}, "last.example": {"8.8.8.8", "1.1.1.1", "127.0.0.1"}, "hidden.example": {"8.8.8.8", "::1"},
		"alias.example": {"private.example"}, "chain.example": {"alias.example"}, "both.example": {"8.8.8.8", "private.example"},
		"localhost.attacker.example": {"127.0.0.1"}, "127.0.0.1.attacker.example": {"127.0.0.1"},
	}
	for name, answer := range names {
		dns.Set(name, answer)
	}
	c := newClient(t, Options{Resolver: dns.Resolver()})
	for name := range names {
		url := "https://" + name + "/"
		if _, err := c.Check(t.Context(), url); !errors.Is(err, ErrBlockedAddress) {
			t.Errorf("Check of %s: got %v, want %v", name, err, ErrBlockedAddress)
		}
		if res := send(c, url, "x", 5*time.Second); res.Class != Blocked {
			t.Errorf("Send to %s: got %v (%v), want %v", name, res.Class, res.Err, Blocked)
		}
	}
	dns.Set("public.example", []string{"8.8.8.8", "2606:4700::1111"})
	dns.Set("alias-of-public.example", []string{"public.example"})
	for _, name := range []string{"public.example", "alias-of-public.example"} {
		if _, err := c.Check(t.Context(), "https://"+name+"/"); err != nil {
			t.Errorf("Check of %s: got %v, want nil", name, err)
		}
	}
	if open, _ := c.Conns(); open != 0 {
		t.Errorf("got %d connections, want 0", open)
	}
}

// Between the check of an address and the connect, a name plays no part: it is
// asked for once, and the address that was vetted is the one that is dialled.
func TestVettedAddressIsDialled(t *testing.T) {
	url := receive(t, respond(okResponse))
	port := netip.MustParseAddrPort(url[len("http://") : len(url)-1]).Port()
	trap, err := net.Listen("tcp", fmt.Sprintf("127.0.0.2:%d", port))
	if err != nil {
		t.Skip("no second loopback address:", err)
	}
	defer trap.Close()
	dns := dnstest.Serve(t)
	dns.Set("rebind.example", []string{"127.0.0.1"}, []string{"127.0.0.2"}) // a resolver that asks again is trapped
	policy := Policy{AllowHTTP: true, AnyPort: true, AllowCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	c := newClient(t, Options{Policy: policy, Resolver: dns.Resolver()})
	if res := send(c, fmt.Sprintf("http://rebind.example:%d/", port), "x", 5*time.Second); res.Class != Success {
		t.Errorf("got %v (%v), want %v", res.Class, res.Err, Success)
	}
	if got := dns.Asked("rebind.example"); got != 1 {
		t.Errorf("got %d questions, want 1", got)
	}
	if err := trap.(*net.TCPListener).SetDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if conn, err := trap.Accept(); err == nil {
		conn.Close()
		t.Error("the other address was dialled")
	}
}
