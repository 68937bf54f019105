package json

import (
	"bytes"
	stdjson "encoding/json"
)

// Canonical returns data, which Check must accept, without spaces, with the
// members of objects in order and with as few escapes as can be: the same
// content has the same text, however it was written. Numbers stay as they are,
// so 1 and 1.0 differ. Of two members with one name the last counts.
func Canonical(data []byte) ([]byte, error) {
	if err := Check(data); err != nil {
		return nil, err
	}
	decoder := stdjson.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	return Marshal(value)
}
