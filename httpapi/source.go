package httpapi

import (
	"bytes"
	"net"
	"net/netip"
	"strings"

	"github.com/valyala/fasthttp"
)

// origin is where a request came from and by which scheme: the peer's address
// and its connection. If the peer is a trusted proxy, it is the last address in
// X-Forwarded-For that is not one, and what X-Forwarded-Proto says.
func (s *Server) origin(rc *fasthttp.RequestCtx) (source netip.Addr, scheme string) {
	scheme = "http"
	if rc.IsTLS() {
		scheme = "https"
	}
	peer, ok := rc.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}, scheme
	}
	source = peer.AddrPort().Addr().Unmap()
	if !s.trusted(source) {
		return source, scheme
	}
	if schemes := rc.Request.Header.PeekAll("X-Forwarded-Proto"); len(schemes) > 0 && bytes.EqualFold(schemes[len(schemes)-1], []byte("https")) {
		scheme = "https"
	}
	// Some proxies add a line of their own below that of the caller.
	hops := strings.Split(string(bytes.Join(rc.Request.Header.PeekAll("X-Forwarded-For"), []byte(","))), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		if source = hop.Unmap(); !s.trusted(source) {
			break
		}
	}
	return source, scheme
}

func (s *Server) trusted(addr netip.Addr) bool {
	for _, prefix := range s.options.TrustedProxies {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}
