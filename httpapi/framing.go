package httpapi

import (
	"bytes"
	"errors"

	"github.com/valyala/fasthttp"
)

// A server behind a proxy must read every request as the proxy does: where the
// two disagree about where it ends, what it asks for, or of whom, the next
// request of somebody else can be made to be its body, or a rule of the proxy
// passed by. So whatever can be read in two ways is refused, although fasthttp
// takes all of these and RFC 9112 some of them (2.2, 3.2, 5.1, 5.2, 6.3). It
// decides where the body ends before a handler can look, so the connection is
// marked for closing as soon as the headers are in; whatever follows is never
// read.
var (
	errVersion    = errors.New("the version is neither HTTP/1.1 nor HTTP/1.0")
	errTarget     = errors.New("the request target does not begin with a slash, or has a fragment")
	errHost       = errors.New("the Host header is not the name of a host")
	errTwoLengths = errors.New("both Content-Length and Transfer-Encoding are given")
	errFolded     = errors.New("a header is folded over more than one line")
	errLineEnd    = errors.New("a header does not end with CR LF")
	errHeaderName = errors.New("the name of a header has a space in it")
)

// checkHead looks at a request of which nothing but the head has been read.
func checkHead(h *fasthttp.RequestHeader) error {
	switch string(h.Protocol()) {
	case "HTTP/1.1", "HTTP/1.0":
	default:
		return errVersion
	}
	if target := h.RequestURI(); len(target) == 0 || target[0] != '/' || bytes.IndexByte(target, '#') >= 0 {
		return errTarget
	}
	for _, c := range h.Host() {
		if !hostByte(c) {
			return errHost
		}
	}
	return checkFraming(h.RawHeaders())
}

// hostByte reports whether a name or an address, with its port, may have c.
func hostByte(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == ':' || c == '_' || c == '[' || c == ']'
}

// checkFraming looks at the header lines as they were sent.
func checkFraming(raw []byte) error {
	var length, encoding bool
	for line := range bytes.Lines(raw) {
		if line[0] == ' ' || line[0] == '\t' {
			return errFolded
		}
		if !bytes.HasSuffix(line, []byte("\r\n")) {
			return errLineEnd
		}
		colon := bytes.IndexByte(line, ':')
		if colon > 0 && bytes.IndexByte(line[:colon], ' ') >= 0 {
			return errHeaderName
		}
		switch colon {
		case len("Content-Length"):
			length = length || bytes.EqualFold(line[:colon], []byte("Content-Length"))
		case len("Transfer-Encoding"):
			encoding = encoding || bytes.EqualFold(line[:colon], []byte("Transfer-Encoding"))
		}
	}
	if length && encoding {
		return errTwoLengths
	}
	return nil
}
