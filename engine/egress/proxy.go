package egress

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/url"
	"time"

	"github.com/valyala/fasthttp"
)

// proxy is an HTTP proxy that opens tunnels (CONNECT) for plain and TLS targets alike. It receives the host's name, so
// resolving and refusing addresses is its business; what can be checked without resolving is checked here all the same.
type proxy struct {
	address string // host:port
	auth    string // the Proxy-Authorization line, or empty
}

// ValidateProxy says what is wrong with a URL for Options.Proxy, without repeating it: it may hold a password.
func ValidateProxy(raw string) error {
	_, err := parseProxy(raw)
	return err
}

// parseProxy accepts http://[user:password@]host:port.
func parseProxy(raw string) (*proxy, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || u.Port() == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" {
		return nil, errors.New("egress proxy: want http://[user:password@]host:port")
	}
	p := &proxy{address: u.Host}
	if u.User != nil {
		password, _ := u.User.Password()
		p.auth = "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)) + "\r\n"
	}
	return p, nil
}

// tunnel returns a connection on which whatever is written goes to o. What keeps us from reaching the proxy is our own
// trouble, what the proxy says about o is o's.
func (p *proxy) tunnel(ctx context.Context, network *net.Dialer, o origin) (_ *net.TCPConn, f *failure) {
	c, err := network.DialContext(ctx, "tcp", p.address)
	if err != nil {
		if f := failureOfConnect(err); f.class == Timeout || f.class == Local {
			return nil, f
		}
		return nil, failProxy
	}
	defer func() {
		if f != nil {
			_ = c.Close()
		}
	}()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := c.Write([]byte("CONNECT " + o.address() + " HTTP/1.1\r\nHost: " + o.address() + "\r\n" + p.auth + "\r\n")); err != nil {
		return nil, failProxy
	}
	var h fasthttp.ResponseHeader
	r := bufio.NewReader(c)
	if err := h.Read(r); err != nil {
		if ctx.Err() != nil {
			return nil, failConnectTimeout
		}
		return nil, failProxy
	}
	switch status := h.StatusCode(); {
	case status == 407 && p.auth == "":
		return nil, failProxy
	case status/100 == 4:
		return nil, failProxyRefused
	case status/100 != 2:
		return nil, failConnect
	case r.Buffered() > 0:
		return nil, failProxy // the other side can't have spoken yet
	case !stop():
		return nil, failConnectTimeout // the deadline may just now have poisoned the connection
	}
	return c.(*net.TCPConn), nil
}
