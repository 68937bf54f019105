package httpapi

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/hookwheel/hookwheel/httpapi/wire"
)

// Of a batch, every event that is accepted is one value of the body, in its
// place; nothing that a body says makes the reader fall.
func FuzzBatch(f *testing.F) {
	f.Add([]byte(`[{"type":"a"},{"type":"b","data":[1]}]`), false)
	f.Add([]byte("{\"type\":\"a\"}\n\n {\"type\":\"b\"}\r\n"), true)
	f.Add([]byte(`[[],1,"x",{}]`), false)
	f.Add([]byte("{\"type\":\"a\"}{\"type\":\"b\"}\n"), true)
	f.Add([]byte(" [ ] "), false)
	in := &Ingest{MaxEventSize: 1 << 16}
	f.Fuzz(func(t *testing.T, body []byte, lines bool) {
		body = bytes.TrimSpace(body)
		if len(body) == 0 || !lines && body[0] != '[' {
			return // not a batch
		}
		var p posting
		c := &wire.Ctx{RequestCtx: new(fasthttp.RequestCtx), Organization: "org"}
		if err := in.readAll(c, &p, body, lines, nil); err != nil {
			return
		}
		if !lines {
			var want []json.RawMessage
			if err := json.Unmarshal(body, &want); err != nil || len(want) != len(p.lines) {
				t.Fatalf("%q: got %d events, want %d, %v", body, len(p.lines), len(want), err)
			}
		}
		for i, l := range p.lines {
			if l.fault == nil && (l.event >= len(p.events) || p.events[l.event].Type == "") {
				t.Errorf("%q: event %d is accepted without being one", body, i)
			}
		}
	})
}

// What is accepted has one length and one host, and lines that all end alike.
func FuzzCheckFraming(f *testing.F) {
	f.Add([]byte("Host: x\r\nContent-Length: 1\r\n\r\n"))
	f.Add([]byte("content-length:1\r\nTRANSFER-encoding:chunked\r\n\r\n"))
	f.Add([]byte("A: b\r\n c\r\n\r\n"))
	f.Add([]byte("A b: c\n\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if checkFraming(raw) != nil {
			return
		}
		names := map[string]bool{}
		for _, line := range bytes.SplitAfter(raw, []byte("\n")) {
			if len(line) > 0 && !bytes.HasSuffix(line, []byte("\r\n")) {
				t.Errorf("%q: the line %q is accepted", raw, line)
			}
			name, _, _ := bytes.Cut(line, []byte(":"))
			names[string(bytes.ToLower(name))] = true
		}
		if names["content-length"] && names["transfer-encoding"] {
			t.Errorf("%q: two lengths are accepted", raw)
		}
	})
}
