package endpoint

import (
	"errors"
	"fmt"
	"strings"
)

// EventBridge names the event bus that an endpoint of kind Bridge is. It stays
// as it was created: rules of the receiver match the source.
type EventBridge struct {
	AccountID string `json:"aws_account_id"` // 12 digits
	Region    string `json:"aws_region"`
	Bus       string `json:"bus"`    // its name in that account
	Source    string `json:"source"` // what events name as theirs
}

// BusARN is the name of the bus by which AWS knows it.
func (b *EventBridge) BusARN() string {
	return "arn:" + partition(b.Region) + ":events:" + b.Region + ":" + b.AccountID + ":event-bus/" + b.Bus
}

// SourceARN is the name of the source, as AWS spells those of its partners. The
// part after event-source/ is what rules match.
func (b *EventBridge) SourceARN() string {
	return "arn:" + partition(b.Region) + ":events:" + b.Region + "::event-source/" + b.Source
}

// partition is the part of AWS, with accounts of its own, that a region is in.
func partition(region string) string {
	for _, p := range [...]struct{ prefix, name string }{
		{"cn-", "aws-cn"}, {"us-gov-", "aws-us-gov"}, {"eusc-", "aws-eusc"},
		{"us-iso-", "aws-iso"}, {"us-isob-", "aws-iso-b"}, {"us-isof-", "aws-iso-f"}, {"eu-isoe-", "aws-iso-e"},
	} {
		if strings.HasPrefix(region, p.prefix) {
			return p.name
		}
	}
	return "aws"
}

// What the server may be told to name buses and sources, in bytes.
const (
	maxBus          = 256
	maxSourcePrefix = 128
)

const nameBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// ValidateBus reports a name that no event bus can have.
func ValidateBus(name string) error {
	if name == "" || len(name) > maxBus || strings.Trim(name, nameBytes) != "" {
		return fmt.Errorf("name of the event bus must be 1 to %d of A–Z a–z 0–9 . _ -", maxBus)
	}
	return nil
}

// ValidateSourcePrefix reports what no source of events can begin with.
func ValidateSourcePrefix(prefix string) error {
	if prefix == "" || len(prefix) > maxSourcePrefix || strings.Trim(prefix, nameBytes+"/") != "" {
		return fmt.Errorf("prefix of event sources must be 1 to %d of A–Z a–z 0–9 . _ - /", maxSourcePrefix)
	}
	if strings.HasPrefix(prefix, "aws.") {
		return errors.New("prefix of event sources must not begin with aws., which AWS keeps for itself")
	}
	return nil
}

// SourceStatus is what the attempts have shown of an event bus.
type SourceStatus string

const (
	SourcePending SourceStatus = "pending" // there was none yet
	SourceActive  SourceStatus = "active"  // the latest attempt put an event on it
	SourceUnknown SourceStatus = "unknown" // the latest attempt failed
	SourceDeleted SourceStatus = "deleted" // it does not exist, and the endpoint is disabled
)
