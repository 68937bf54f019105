package server

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/hookwheel/hookwheel/engine/egress"
)

// ownListeners are what the listeners at some addresses answer on: for one that
// listens on all addresses, those that this machine has now. What leads to them
// from elsewhere, a balancer or a translated address, nobody here can know.
func ownListeners(addresses ...net.Addr) ([]egress.Listener, error) {
	var own []egress.Listener
	for _, a := range addresses {
		at, err := netip.ParseAddrPort(a.String())
		if err != nil {
			return nil, fmt.Errorf("own address: %w", err)
		}
		ip := at.Addr().Unmap().WithZone("")
		if !ip.IsUnspecified() {
			own = append(own, egress.Listener{Prefix: netip.PrefixFrom(ip, ip.BitLen()), Port: at.Port()})
			continue
		}
		all, err := net.InterfaceAddrs()
		if err != nil {
			return nil, fmt.Errorf("own addresses: %w", err)
		}
		for _, each := range all {
			prefix, err := netip.ParsePrefix(each.String())
			if err != nil {
				continue // not of IP
			}
			if !prefix.Addr().IsLoopback() { // of which this machine answers on the whole network
				prefix = netip.PrefixFrom(prefix.Addr(), prefix.Addr().BitLen())
			}
			own = append(own, egress.Listener{Prefix: prefix, Port: at.Port()})
		}
	}
	return own, nil
}
