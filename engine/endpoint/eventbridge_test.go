package endpoint

import (
	"strings"
	"testing"
)

func TestEventBridgeNames(t *testing.T) {
	for _, test := range []struct{ region, bus, source string }{
		{"eu-central-1", "arn:aws:events:eu-central-1:123456789012:event-bus/b", "arn:aws:events:eu-central-1::event-source/p/ed_1"},
		{"us-east-1", "arn:aws:events:us-east-1:123456789012:event-bus/b", "arn:aws:events:us-east-1::event-source/p/ed_1"},
		{"cn-north-1", "arn:aws-cn:events:cn-north-1:123456789012:event-bus/b", "arn:aws-cn:events:cn-north-1::event-source/p/ed_1"},
		{"us-gov-west-1", "arn:aws-us-gov:events:us-gov-west-1:123456789012:event-bus/b", "arn:aws-us-gov:events:us-gov-west-1::event-source/p/ed_1"},
		{"eusc-de-east-1", "arn:aws-eusc:events:eusc-de-east-1:123456789012:event-bus/b", "arn:aws-eusc:events:eusc-de-east-1::event-source/p/ed_1"},
		{"us-isob-east-1", "arn:aws-iso-b:events:us-isob-east-1:123456789012:event-bus/b", "arn:aws-iso-b:events:us-isob-east-1::event-source/p/ed_1"},
	} {
		b := &EventBridge{AccountID: "123456789012", Region: test.region, Bus: "b", Source: "p/ed_1"}
		if got := b.BusARN(); got != test.bus {
			t.Errorf("bus: got %s, want %s", got, test.bus)
		}
		if got := b.SourceARN(); got != test.source {
			t.Errorf("source: got %s, want %s", got, test.source)
		}
	}
}

func TestEventBridgeSettings(t *testing.T) {
	for _, test := range []struct {
		text        string
		bus, prefix bool
	}{
		{"default", true, true},
		{"a.B_c-9", true, true},
		{"shop.example/hooks", false, true},
		{"aws.partner", true, false},
		{"awsome", true, true},
		{"", false, false},
		{"a b", false, false},
		{"a:b", false, false},
		{"ü", false, false},
		{strings.Repeat("x", 128), true, true},
		{strings.Repeat("x", 256), true, false},
		{strings.Repeat("x", 257), false, false},
	} {
		if err := ValidateBus(test.text); (err == nil) != test.bus {
			t.Errorf("bus %q: got %v, want allowed %v", test.text, err, test.bus)
		}
		if err := ValidateSourcePrefix(test.text); (err == nil) != test.prefix {
			t.Errorf("prefix %q: got %v, want allowed %v", test.text, err, test.prefix)
		}
	}
}
