package httpapi

import (
	"net"
	"net/netip"
	"strings"

	"github.com/valyala/fasthttp"
)

// source is the address that a request came from: the peer's, or if the peer is
// a trusted proxy, the last one in X-Forwarded-For that is not.
func (s *Server) source(rc *fasthttp.RequestCtx) netip.Addr {
	peer, ok := rc.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	addr := peer.AddrPort().Addr().Unmap()
	if !s.trusted(addr) {
		return addr
	}
	hops := strings.Split(string(rc.Request.Header.Peek("X-Forwarded-For")), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		if addr = hop.Unmap(); !s.trusted(addr) {
			break
		}
	}
	return addr
}

func (s *Server) trusted(addr netip.Addr) bool {
	for _, prefix := range s.options.TrustedProxies {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}
