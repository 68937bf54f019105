package auth

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// Scope is a set of rights.
type Scope uint16

// The rights of an API key. None of them contains another, except that Admin
// contains all.
const (
	EventsWrite     Scope = 1 << iota // post events
	EventsRead                        // list and explain events
	EndpointsRead                     // see endpoints, without their secrets
	EndpointsWrite                    // create, change, stop and delete endpoints
	SecretsRead                       // see signing secrets
	DeliveriesRead                    // see deliveries and their attempts
	DeliveriesWrite                   // retry, cancel and replay deliveries
	KeysRead                          // see the API keys and OAuth clients of the organization
	KeysWrite                         // make and revoke them, with no more rights than one has
	Admin                             // organizations, keys, audit, backups; and everything else

	allScopes = Admin<<1 - 1
)

// Ordinary is what a key of an organization gets when it is created without a
// list of scopes.
const Ordinary = allScopes &^ (Admin | KeysRead | KeysWrite | SecretsRead)

var scopeNames = [...]string{
	"events:write", "events:read", "endpoints:read", "endpoints:write",
	"secrets:read", "deliveries:read", "deliveries:write", "keys:read", "keys:write", "admin",
}

// aliases are the rights that clients of the dialects know by their names.
var aliases = map[string]Scope{
	"organizations:read":  EventsRead | EndpointsRead | DeliveriesRead | KeysRead,
	"organizations:write": EndpointsWrite | DeliveriesWrite | KeysWrite,
	"read":                EventsRead | EndpointsRead | DeliveriesRead,
	"write":               EventsWrite | EndpointsWrite | DeliveriesWrite,
	"webhooks:read":       EventsRead | EndpointsRead | DeliveriesRead,
	"webhooks:write":      EndpointsWrite | DeliveriesWrite,
}

// Covers reports whether s contains every right of need.
func (s Scope) Covers(need Scope) bool {
	return s&Admin != 0 || s&need == need
}

// Names lists the rights in s, in the order of their declaration.
func (s Scope) Names() []string {
	names := make([]string, 0, bits.OnesCount16(uint16(s)))
	for i, name := range scopeNames {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

func (s Scope) String() string { return strings.Join(s.Names(), " ") }

// ParseScopes is the inverse of Names, in any order; aliases stand for the
// rights that they consist of.
func ParseScopes(names []string) (Scope, error) {
	var s Scope
	for _, name := range names {
		if alias, ok := aliases[name]; ok {
			s |= alias
			continue
		}
		i := slices.Index(scopeNames[:], name)
		if i < 0 {
			return 0, fmt.Errorf("unknown scope %q: expected one of %s", name, strings.Join(scopeNames[:], ", "))
		}
		s |= 1 << i
	}
	return s, nil
}
