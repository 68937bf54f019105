package wire

import "maps"

// Patch is a field of a merge patch (RFC 7396): absent, null, or a value.
type Patch[T any] struct {
	Given bool
	Null  bool
	Value T
}

type patcher interface {
	patch() (given, null *bool, value any)
}

func (p *Patch[T]) patch() (given, null *bool, value any) { return &p.Given, &p.Null, &p.Value }

// Merged is a map with a patch of its members applied, in which null removes a
// member; a patch that is null as a whole removes all. An absent patch leaves
// the map as it is. The map itself is not changed.
func Merged(m map[string]string, patch Patch[map[string]*string]) map[string]string {
	if !patch.Given {
		return m
	}
	merged := maps.Clone(m)
	if patch.Null || merged == nil {
		merged = map[string]string{}
	}
	for key, value := range patch.Value {
		if value == nil {
			delete(merged, key)
		} else {
			merged[key] = *value
		}
	}
	return merged
}
