package egress

import (
	"context"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestFailureOfConnect(t *testing.T) {
	errno := func(e syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", e)}
	}
	tests := []struct {
		err  error
		want *failure
	}{
		{errno(syscall.ECONNREFUSED), failConnect},
		{errno(syscall.EHOSTUNREACH), failConnect},
		{errno(syscall.ENETUNREACH), failConnect},
		{errno(syscall.ECONNRESET), failConnect},
		{errno(syscall.ETIMEDOUT), failConnectTimeout},
		{&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}, failConnectTimeout},
		{context.DeadlineExceeded, failConnectTimeout},
		{errno(syscall.EMFILE), failResources},
		{errno(syscall.ENFILE), failResources},
		{errno(syscall.ENOBUFS), failResources},
		{errno(syscall.EADDRNOTAVAIL), failResources},
		{&net.OpError{Op: "dial", Err: refuse(ErrBlockedAddress, "x", "")}, failBlocked},
		{&net.OpError{Op: "dial", Err: refuse(ErrBlockedPort, "x", "")}, failBlocked},
	}
	for _, tt := range tests {
		if got := failureOfConnect(tt.err); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.err, got, tt.want)
		}
	}
}

func TestFailureOfLookup(t *testing.T) {
	tests := []struct {
		err  error
		want *failure
	}{
		{&net.DNSError{IsNotFound: true}, failNoAddress},
		{&net.DNSError{IsTimeout: true}, failLookup},
		{&net.DNSError{IsTemporary: true}, failLookup},
		{fmt.Errorf("waiting: %w", context.DeadlineExceeded), failConnectTimeout},
	}
	for _, tt := range tests {
		if got := failureOfLookup(tt.err); got != tt.want {
			t.Errorf("%v: got %v, want %v", tt.err, got, tt.want)
		}
	}
}

// TestClassNumbers: histories hold the numbers, so neither they nor the names change.
func TestClassNumbers(t *testing.T) {
	want := "1=success 2=http_3xx 3=http_4xx 4=http_5xx 5=timeout 6=connect 7=reset 8=dns 9=tls 10=blocked 11=bad_response 12=large_headers 13=local " +
		"14=no_event_bus 15=aws_credentials 16=bad_payload "
	got := ""
	for _, c := range Classes() {
		got += fmt.Sprintf("%d=%v ", uint8(c), c)
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, c := range []Class{0, Payload + 1, 255} {
		if got := c.String(); got != "unknown" {
			t.Errorf("%d: got %q, want unknown", c, got)
		}
	}
}
