// Package dnstest is a name server for tests: the resolver of the standard
// library asks it over a real socket, so that what an attacker can put into an
// answer (several addresses, other ones the next time, aliases) takes the way
// that it would take.
//
// It is for tests only.
package dnstest

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// Server answers questions for A and AAAA records.
type Server struct {
	conn net.PacketConn
	done sync.WaitGroup

	mu struct {
		sync.Mutex
		hosts map[string]*host
	}
}

type host struct {
	answers [][]string // one after the other, the last one for ever
	asked   int        // for A records
}

// Serve starts a server that ends with the test.
func Serve(t testing.TB) *Server {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{conn: conn}
	s.mu.hosts = map[string]*host{}
	s.done.Go(s.run)
	t.Cleanup(func() {
		_ = conn.Close()
		s.done.Wait()
	})
	return s
}

// Set says what a name resolves to: addresses and, for an alias, another name
// that is set. Every question for A takes the next answer, until the last one,
// which stays.
func (s *Server) Set(name string, answers ...[]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.hosts[name+"."] = &host{answers: answers}
}

// Asked is how often somebody wanted the IPv4 addresses of a name.
func (s *Server) Asked(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h := s.mu.hosts[name+"."]; h != nil {
		return h.asked
	}
	return 0
}

// Resolver is one of the standard library that asks this server.
func (s *Server) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", s.conn.LocalAddr().String())
	}}
}

func (s *Server) run() {
	buffer := make([]byte, 4096)
	for {
		n, from, err := s.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buffer[:n]) != nil || len(m.Questions) != 1 {
			continue
		}
		q := m.Questions[0]
		answer := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true, RecursionAvailable: true}, Questions: m.Questions}
		found := s.resolve(&answer, q.Name.String(), q.Type)
		if !found {
			answer.RCode = dnsmessage.RCodeNameError
		}
		if packed, err := answer.Pack(); err == nil {
			_, _ = s.conn.WriteTo(packed, from) // who asked asks again
		}
	}
}

// resolve adds the records of a name, those of its aliases included.
func (s *Server) resolve(m *dnsmessage.Message, name string, kind dnsmessage.Type) (found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		h := s.mu.hosts[name]
		if h == nil {
			return len(m.Answers) > 0
		}
		list := h.answers[min(h.asked, len(h.answers)-1)]
		if kind == dnsmessage.TypeA {
			h.asked++
		}
		head := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Class: dnsmessage.ClassINET, TTL: 0}
		alias := ""
		for _, text := range list {
			ip, err := netip.ParseAddr(text)
			switch {
			case err != nil:
				alias = text + "."
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(alias)}})
			case ip.Is4() && kind == dnsmessage.TypeA:
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: ip.As4()}})
			case ip.Is6() && kind == dnsmessage.TypeAAAA:
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: ip.As16()}})
			}
		}
		if alias == "" {
			return true
		}
		name = alias
	}
}
