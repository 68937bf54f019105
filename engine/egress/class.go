package egress

// Class is the outcome of one attempt in one word: what the metrics count by and what the history keeps. The numbers
// are stored; new classes are appended.
type Class uint8

const (
	_            Class = iota
	Success            // a 2xx header arrived
	Redirect           // 3xx; never followed
	ClientError        // 4xx
	ServerError        // 5xx
	Timeout            // the deadline passed, wherever the attempt was
	Connect            // no connection: refused, unreachable
	Reset              // the connection ended before a complete response header
	DNS                // the name did not resolve
	TLS                // no handshake, or a certificate that does not verify
	Blocked            // the policy, here or at the egress proxy, does not allow it
	BadResponse        // not HTTP, or a status that no final response may have
	LargeHeaders       // more than 16 KiB of response headers
	Local              // this machine's fault (connections, descriptors, proxy, shutdown): not an attempt
	NoBus              // the event bus does not exist
	Credentials        // there is nobody to call the event bus as
	Payload            // the body is not one that the receiver can take; it never will be
)

var classNames = [...]string{
	Success: "success", Redirect: "http_3xx", ClientError: "http_4xx", ServerError: "http_5xx", Timeout: "timeout",
	Connect: "connect", Reset: "reset", DNS: "dns", TLS: "tls", Blocked: "blocked", BadResponse: "bad_response",
	LargeHeaders: "large_headers", Local: "local", NoBus: "no_event_bus", Credentials: "aws_credentials", Payload: "bad_payload",
}

// Classes returns every class, in the order of their numbers.
func Classes() []Class {
	all := make([]Class, 0, len(classNames)-1)
	for c := range classNames[Success:] {
		all = append(all, Success+Class(c))
	}
	return all
}

// String returns the name under which metrics and history show the class; "unknown" for a number that is none.
func (c Class) String() string {
	if c == 0 || int(c) >= len(classNames) {
		return "unknown"
	}
	return classNames[c]
}

// ClassOf returns the class of a final response with this status.
func ClassOf(status int) Class {
	switch status / 100 {
	case 2:
		return Success
	case 3:
		return Redirect
	case 4:
		return ClientError
	case 5:
		return ServerError
	}
	return BadResponse
}
