package httpapi

import (
	"bytes"
	"errors"
)

// Two kinds of requests are read differently by different programs on the way,
// and are used to smuggle a second request past the first of them: those with
// both Content-Length and Transfer-Encoding, and those with a header folded
// over two lines (RFC 9112, 6.3 and 5.2). fasthttp takes both. It decides where
// the body ends before a handler can look, so the connection is marked for
// closing as soon as the headers are in; whatever follows is never read.
var (
	errTwoLengths = errors.New("both Content-Length and Transfer-Encoding are given")
	errFolded     = errors.New("a header is folded over more than one line")
)

// checkFraming looks at the header lines as they were sent.
func checkFraming(raw []byte) error {
	var length, encoding bool
	for line := range bytes.Lines(raw) {
		if line[0] == ' ' || line[0] == '\t' {
			return errFolded
		}
		switch colon := bytes.IndexByte(line, ':'); colon {
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
